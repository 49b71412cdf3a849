//! ioctl: what the host answers itself, and what goes to drivers.

use nxvfs_abi::Grow;
use nxvfs_abi::block::Geometry;
use nxvfs_abi::ioctl::{self, BIOC_GEOMETRY, BIOC_XIPBASE, FIOC_FILEPATH, FIOC_MMAP, FIOC_XIPBASE, FIONBIO};
use nxvfs_abi::types::open;

use super::Task;
use crate::base::{Errno, Result};

impl Task {
    /// A command whose argument is memory; answers what the driver answers. The memory must be as long as the host
    /// knows the command's to be ([`nxvfs_abi::ioctl::KNOWN`]).
    ///
    /// The host answers `FIOC_MMAP` and `FIOC_XIPBASE` (address of the file in place), `BIOC_XIPBASE` (of the
    /// medium), `BIOC_GEOMETRY`, `FIOC_FILEPATH` and `FIONBIO`. Errors: EBADF, EINVAL (memory too short), ENOTTY, ENXIO (not in
    /// place), and the driver's.
    pub fn ioctl(&self, fd: u32, command: u32, arg: &mut [u8]) -> Result<u64> {
        let file = self.descriptors.get(fd)?;
        if ioctl::known(command).is_some_and(|known| arg.len() < known.size_bytes) && command != FIOC_FILEPATH
        {
            return Err(Errno::EINVAL.into());
        }
        match command {
            FIONBIO => {
                let on = i32::from_ne_bytes([arg[0], arg[1], arg[2], arg[3]]) != 0;
                let flags = file.flags().0 & !open::O_NONBLOCK;
                file.set_flags(flags | if on { open::O_NONBLOCK } else { 0 });
                Ok(0)
            }
            FIOC_MMAP | FIOC_XIPBASE if file.regular().is_some() => self.fill_address(fd, arg),
            BIOC_XIPBASE if file.block_device().is_some() => self.fill_address(fd, arg),
            FIOC_FILEPATH => {
                let path = file.dentry().path();
                let out = arg.get_mut(..path.len() + 1).ok_or(Errno::ERANGE)?;
                out[..path.len()].copy_from_slice(&path);
                out[path.len()] = 0;
                Ok(0)
            }
            BIOC_GEOMETRY if file.block_device().is_some() => {
                let geometry = file.block_device().map(|d| *d.geometry()).unwrap_or_else(Geometry::empty);
                fill_geometry(&geometry, arg)
            }
            _ => match (file.block_device(), file.regular()) {
                (Some(device), _) => device.ioctl_bytes(command, arg),
                (None, Some((node, handle))) => {
                    let volume = node.mount().volume();
                    volume.ioctl_bytes(&self.caller.ctx(), node.node(), handle, command, arg)
                }
                (None, None) => match file.stream() {
                    Some(stream) => stream.ioctl(&self.caller.ctx(), command, arg),
                    None => Err(Errno::ENOTTY.into()),
                },
            },
        }
    }

    fn fill_address(&self, fd: u32, arg: &mut [u8]) -> Result<u64> {
        let (address, _) = self.borrow_in_place(fd)?;
        arg[..size_of::<usize>()].copy_from_slice(&address.to_ne_bytes());
        Ok(0)
    }
}

/// The struct's bytes, as far as the caller's version has room.
fn fill_geometry(geometry: &Geometry, arg: &mut [u8]) -> Result<u64> {
    let fields: [&[u8]; 5] = [
        &(size_of::<Geometry>() as u32).to_ne_bytes(),
        &geometry.flags.to_ne_bytes(),
        &geometry.sector_size_bytes.to_ne_bytes(),
        &geometry.write_unit_bytes.to_ne_bytes(),
        &geometry.sector_count.to_ne_bytes(),
    ];
    for (out, byte) in arg.iter_mut().zip(fields.concat()) {
        *out = byte;
    }
    Ok(0)
}
