//! ioctl: what the host answers itself, and what goes to drivers.

use nxvfs_abi::block::Geometry;
use nxvfs_abi::ioctl::{
    self, BIOC_BLKGETSIZE, BIOC_BLKSSZGET, BIOC_DISCARD, BIOC_FLUSH, BIOC_GEOMETRY, BIOC_PARTINFO,
    BIOC_XIPBASE, FIOC_FILEPATH, FIOC_GETLK, FIOC_MMAP, FIOC_SETLK, FIOC_SETLKW, FIOC_XIPBASE, FIOCLEX,
    FIOGCLEX, FIONBIO, FIONCLEX, FIONREAD, PartitionInfo,
};
use nxvfs_abi::types::{mode, open};

use super::Task;
use crate::base::{Errno, Result};
use crate::device::BlockDevice;
use crate::file::OpenFile;

impl Task {
    /// A command whose argument is memory; answers what the driver answers. The memory must be as long as the host
    /// knows the command's to be ([`nxvfs_abi::ioctl::KNOWN`]).
    ///
    /// The host answers `FIOC_MMAP` and `FIOC_XIPBASE` (address of the file in place), `FIOC_FILEPATH`, `FIONBIO`,
    /// `FIOCLEX`, `FIONCLEX`, `FIOGCLEX`, `FIOC_SETLK`, `FIOC_SETLKW` and `FIOC_GETLK` (as [`Task::setlk`] and
    /// [`Task::getlk`]), of files and block devices `FIONREAD` (bytes after the position, at most what an `int` holds), and
    /// of any block device `BIOC_XIPBASE` (address of the medium), `BIOC_GEOMETRY`, `BIOC_FLUSH`, `BIOC_PARTINFO`,
    /// `BIOC_BLKSSZGET`, `BIOC_BLKGETSIZE` and `BIOC_DISCARD` (needs a descriptor that may write). Errors: EBADF,
    /// EINVAL (memory too short), ENOTTY, ENXIO (not in place), and the driver's.
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
            FIOCLEX | FIONCLEX => {
                self.setfd(fd, if command == FIOCLEX { open::O_CLOEXEC } else { 0 })?;
                Ok(0)
            }
            FIOGCLEX => fill(arg, &i32::from(self.getfd(fd)? != 0).to_ne_bytes()),
            FIOC_SETLK | FIOC_SETLKW | FIOC_GETLK => self.lock_command(fd, command, arg),
            FIONREAD if has_rest(&file) => {
                let rest = file.rest_bytes(&self.caller.ctx())?;
                fill(arg, &i32::try_from(rest).unwrap_or(i32::MAX).to_ne_bytes())
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
            _ => match (file.block_device(), file.regular()) {
                (Some(device), _) => self.block_ioctl(&file, device, command, arg),
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

    fn block_ioctl(
        &self,
        file: &OpenFile,
        device: &BlockDevice,
        command: u32,
        arg: &mut [u8],
    ) -> Result<u64> {
        let geometry = device.geometry();
        match command {
            BIOC_GEOMETRY => fill(arg, &geometry_fields(geometry)),
            BIOC_PARTINFO => fill(arg, &partition_fields(device)),
            BIOC_BLKSSZGET => fill(arg, &geometry.sector_size_bytes.to_ne_bytes()),
            BIOC_BLKGETSIZE => fill(arg, &geometry.sector_count.to_ne_bytes()),
            BIOC_FLUSH => file.sync(&self.caller.ctx(), true).map(|()| 0),
            BIOC_DISCARD if !file.flags().writable() => Err(Errno::EBADF.into()),
            BIOC_DISCARD => device.discard(0, device.len_bytes()).map(|()| 0),
            _ => device.ioctl_bytes(command, arg),
        }
    }

    fn fill_address(&self, fd: u32, arg: &mut [u8]) -> Result<u64> {
        let (address, _) = self.borrow_in_place(fd)?;
        arg[..size_of::<usize>()].copy_from_slice(&address.to_ne_bytes());
        Ok(0)
    }
}

/// Whether bytes can be left after a position.
fn has_rest(file: &OpenFile) -> bool {
    let in_memory = file.stream().is_some() && file.dentry().inode().file_type() == mode::S_IFREG;
    in_memory || file.regular().is_some() || file.block_device().is_some()
}

/// As many of the bytes as the caller's version has room for.
fn fill(arg: &mut [u8], bytes: &[u8]) -> Result<u64> {
    for (out, byte) in arg.iter_mut().zip(bytes) {
        *out = *byte;
    }
    Ok(0)
}

fn geometry_fields(geometry: &Geometry) -> Vec<u8> {
    let fields: [&[u8]; 5] = [
        &(size_of::<Geometry>() as u32).to_ne_bytes(),
        &geometry.flags.to_ne_bytes(),
        &geometry.sector_size_bytes.to_ne_bytes(),
        &geometry.write_unit_bytes.to_ne_bytes(),
        &geometry.sector_count.to_ne_bytes(),
    ];
    fields.concat()
}

/// The fields of [`PartitionInfo`]. The parent's name is the device's own, so that it lives as long.
fn partition_fields(device: &BlockDevice) -> Vec<u8> {
    let (parent, start_sector) = device.parent().map_or(("", 0), |(node, start)| (&**node, start));
    let fields: [&[u8]; 6] = [
        &(size_of::<PartitionInfo>() as u32).to_ne_bytes(),
        &device.geometry().sector_size_bytes.to_ne_bytes(),
        &start_sector.to_ne_bytes(),
        &device.geometry().sector_count.to_ne_bytes(),
        &parent.as_ptr().expose_provenance().to_ne_bytes(),
        &parent.len().to_ne_bytes(),
    ];
    fields.concat()
}
