//! Attributes: what FAT can hold of a mode, an owner and times; its own attributes; the volume's label.

use std::sync::Arc;

use nxvfs_sdk::abi::filesystem::{
    SET_ATIME, SET_BTIME, SET_GID, SET_MODE, SET_MTIME, SET_SIZE, SET_UID, SetAttr,
};
use nxvfs_sdk::{Attr, Errno, Fail, IoctlArg, Result};

use crate::VFat;
use crate::format::entry::{ARCHIVE, DIRECTORY, HIDDEN, READ_ONLY, SYSTEM, VOLUME};
use crate::format::time::Stamp;
use crate::inode::{Inode, change_time};
use crate::sync::lock;

/// Linux's `FAT_IOCTL_GET_ATTRIBUTES`: fills a 32-bit number.
pub const GET_ATTRIBUTES: u32 = 0x8004_7210;
/// Linux's `FAT_IOCTL_SET_ATTRIBUTES`: reads one.
pub const SET_ATTRIBUTES: u32 = 0x4004_7211;
/// Linux's `FAT_IOCTL_GET_VOLUME_ID`: fills a 32-bit number.
pub const GET_VOLUME_ID: u32 = 0x8004_7213;
/// Linux's `FS_IOC_GETFSLABEL`: fills 256 bytes, NUL-terminated.
pub const GET_LABEL: u32 = 0x8100_9431;
/// Linux's `FS_IOC_SETFSLABEL`: reads them.
pub const SET_LABEL: u32 = 0x4100_9432;

const WRITE_BITS: u32 = 0o222;
const PERMISSIONS: u32 = 0o777;
const KNOWN: u32 = SET_MODE | SET_UID | SET_GID | SET_SIZE | SET_ATIME | SET_MTIME | SET_BTIME;

impl VFat {
    /// Changes attributes, all or none. Errors: EROFS, EINVAL, EPERM, EISDIR, EFBIG, ENOSPC, EIO.
    pub(crate) fn set_attributes(&self, inode: &Arc<Inode>, set: &SetAttr) -> Result<Attr> {
        self.volume.writable()?;
        let has = |flag| set.valid & flag != 0;
        let times = [(SET_ATIME, set.atime), (SET_MTIME, set.mtime), (SET_BTIME, set.btime)];
        let bad_time = times.iter().any(|(flag, time)| has(*flag) && time.nanoseconds >= 1_000_000_000);
        if has(!KNOWN) || bad_time {
            return Err(Errno::EINVAL.into());
        }
        if has(SET_SIZE) && inode.is_dir {
            return Err(Errno::EISDIR.into());
        }
        let options = &self.volume.options;
        let foreign = has(SET_UID) && set.uid != options.uid || has(SET_GID) && set.gid != options.gid;
        if foreign && !options.quiet {
            return Err(Fail::new(Errno::EPERM, "FAT holds no owners")
                .remedy("mount with uid= and gid=, or with quiet to ignore the change"));
        }
        let attr = if has(SET_MODE) { self.mode_to_attr(inode, set.mode)? } else { None };
        if has(SET_SIZE) {
            self.resize(inode, set.size_bytes)?;
        }
        let zone = options.zone_seconds;
        inode.with(|data| {
            if let Some(attr) = attr {
                data.attr = attr;
            }
            if has(SET_ATIME) {
                data.accessed = Stamp::of(set.atime, zone).day().moment(zone);
            }
            if has(SET_MTIME) {
                data.changed = change_time(set.mtime, zone);
            }
            if has(SET_BTIME) {
                data.born = Stamp::of(set.btime, zone).moment(zone);
            }
        });
        let mut core = lock(&self.core);
        if !inode.with(|data| data.unlinked) {
            core.list(inode);
        }
        core.changed(&self.volume, false)?;
        core.attr(&self.volume, inode)
    }

    /// The attributes that come as near to a mode as FAT can: of a file, whether it can be written. `None`: as they are.
    /// As in Linux, other permissions are ignored; what no mask could give is EPERM.
    fn mode_to_attr(&self, inode: &Inode, mode: u32) -> Result<Option<u8>> {
        if mode & 0o7777 & !PERMISSIONS != 0 && !self.volume.options.quiet {
            return Err(Fail::new(Errno::EPERM, "FAT holds no set-uid, set-gid and sticky bits")
                .found(format_args!("{:#o}", mode & 0o7777))
                .remedy("mount with quiet to ignore the change"));
        }
        let attr = inode.with(|data| data.attr);
        let new = match mode & WRITE_BITS {
            _ if inode.is_dir => attr,
            0 => attr | READ_ONLY,
            _ => attr & !READ_ONLY,
        };
        Ok((new != attr).then_some(new))
    }

    /// Commands. Errors: ENOTTY, EINVAL, EROFS, EFAULT, ENOSPC.
    pub(crate) fn command(&self, number: u64, command: u32, arg: &mut IoctlArg<'_>) -> Result<i64> {
        match command {
            GET_ATTRIBUTES => {
                let inode = lock(&self.core).get(number)?;
                arg.fill_u32(inode.with(|data| data.attr).into())?;
            }
            SET_ATTRIBUTES => {
                let bytes = arg.bytes_mut(4)?;
                let wanted = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                self.set_fat_attributes(number, wanted)?;
            }
            GET_VOLUME_ID => arg.fill_u32(self.volume.layout.volume_id)?,
            GET_LABEL => {
                let label = lock(&self.core).label(&self.volume)?;
                let bytes = arg.bytes_mut(256)?;
                bytes.fill(0);
                bytes[..label.len()].copy_from_slice(label.as_bytes());
            }
            SET_LABEL => {
                self.volume.writable()?;
                let bytes = arg.bytes_mut(256)?;
                let len = bytes.iter().position(|byte| *byte == 0).ok_or(Errno::EINVAL)?;
                let label = std::str::from_utf8(&bytes[..len]).map_err(|_| Errno::EINVAL)?.to_owned();
                let mut core = lock(&self.core);
                core.set_label(&self.volume, &label)?;
                core.changed(&self.volume, true)?;
            }
            _ => return Err(Errno::ENOTTY.into()),
        }
        Ok(0)
    }

    pub(crate) fn set_fat_attributes(&self, number: u64, wanted: u32) -> Result<()> {
        self.volume.writable()?;
        let inode = lock(&self.core).get(number)?;
        if number == crate::core::ROOT {
            return Err(Fail::new(Errno::EINVAL, "the root directory has no attributes"));
        }
        let fixed = DIRECTORY | VOLUME;
        let settable = READ_ONLY | HIDDEN | SYSTEM | ARCHIVE;
        if wanted & !u32::from(fixed | settable) != 0 {
            return Err(Errno::EINVAL.into());
        }
        inode.with(|data| data.attr = data.attr & fixed | wanted as u8 & settable);
        let mut core = lock(&self.core);
        core.list(&inode);
        core.changed(&self.volume, false)
    }
}
