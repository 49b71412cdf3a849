//! Owners, modes, times and lengths; extended attributes of users.

use std::os::fd::OwnedFd;

use nxvfs_sdk::abi::filesystem::{
    SET_ATIME, SET_BTIME, SET_GID, SET_MODE, SET_MTIME, SET_SIZE, SET_UID, XATTR_CREATE, XATTR_REPLACE,
};
use nxvfs_sdk::{Attr, Ctx, Errno, Fail, Result, SetAttr, Timespec, mode};
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmodat, chownat, ftruncate,
    utimensat,
};

use crate::HostFs;

/// The extended attributes that belong to users; the others are the operating system's own business.
const USERS: &[u8] = b"user.";
/// Most bytes that Linux has in all names of one inode's attributes.
const LIST_MAX_BYTES: usize = 64 * 1024;

fn own(id: u32) -> Option<u32> {
    (id != u32::MAX).then_some(id)
}

impl HostFs {
    fn change_owner(&self, handle: &OwnedFd, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        Ok(chownat(handle, "", uid, gid, AtFlags::EMPTY_PATH)?)
    }

    fn change_mode(&self, handle: &OwnedFd, mode: u32) -> Result<()> {
        let mode = Mode::from_raw_mode(mode & 0o7777);
        self.beneath.by_path(handle, |dir, name| chmodat(dir, name, mode, AtFlags::empty()))
    }

    /// What was just made gets the owner and the mode that the host wants, as far as this process may give them.
    pub(crate) fn adopt(&self, ctx: &Ctx, handle: &OwnedFd, mode: u32) -> Result<Attr> {
        let attr = self.beneath.tell(handle)?.attr;
        if (attr.uid, attr.gid) != (ctx.uid, ctx.gid)
            && let Err(fail) = self.change_owner(handle, own(ctx.uid), own(ctx.gid))
        {
            log::debug!("new files belong to this process's user: {fail}");
        }
        let attr = self.beneath.tell(handle)?.attr;
        if attr.mode & 0o7777 != mode & 0o7777 && attr.file_type() != mode::S_IFLNK {
            self.change_mode(handle, mode)?;
        }
        Ok(self.beneath.tell(handle)?.attr)
    }

    /// Changes attributes, all or none. Errors: EINVAL, EISDIR, ENOTSUP (the time of birth, a link's mode), EPERM and what
    /// else the operating system answers.
    pub(crate) fn set_attributes(&self, number: u64, set: &SetAttr) -> Result<Attr> {
        self.writable()?;
        let node = self.nodes.get(number)?;
        let handle = self.nodes.handle(&self.beneath, &node)?;
        let has = |flag| set.valid & flag != 0;
        if has(SET_BTIME) {
            return Err(Fail::new(Errno::ENOTSUP, "the time of birth is the operating system's"));
        }
        if has(SET_MODE) && node.file_type == mode::S_IFLNK {
            return Err(Errno::ENOTSUP.into());
        }
        let written = match (has(SET_SIZE), node.file_type) {
            (false, _) => None,
            (true, mode::S_IFDIR) => return Err(Errno::EISDIR.into()),
            (true, _) if i64::try_from(set.size_bytes).is_err() => return Err(Errno::EFBIG.into()),
            (true, _) => Some(self.open_node(&node, OFlags::WRONLY)?),
        };
        let before = self.beneath.tell(&*handle)?.attr;
        let change = || {
            if has(SET_UID | SET_GID) {
                let id = |flag, id| has(flag).then(|| own(id)).flatten();
                self.change_owner(&handle, id(SET_UID, set.uid), id(SET_GID, set.gid))?;
            }
            if has(SET_MODE) {
                self.change_mode(&handle, set.mode)?;
            }
            if let Some(file) = &written {
                ftruncate(file, set.size_bytes)?;
            }
            if has(SET_ATIME | SET_MTIME) {
                self.change_times(
                    &handle,
                    has(SET_ATIME).then_some(set.atime),
                    has(SET_MTIME).then_some(set.mtime),
                )?;
            }
            Ok(())
        };
        if let Err(fail) = change() {
            // As far as it can be: what the process may change it may change back.
            let _ = self.change_owner(&handle, Some(before.uid), Some(before.gid));
            if node.file_type != mode::S_IFLNK {
                let _ = self.change_mode(&handle, before.mode);
            }
            return Err(fail);
        }
        Ok(self.beneath.tell(&*handle)?.attr)
    }

    fn change_times(&self, handle: &OwnedFd, atime: Option<Timespec>, mtime: Option<Timespec>) -> Result<()> {
        let time = |time: Option<Timespec>| match time {
            None => Ok(rustix::fs::Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }),
            Some(time) if time.nanoseconds < 1_000_000_000 => {
                Ok(rustix::fs::Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() })
            }
            Some(_) => Err(Errno::EINVAL),
        };
        let times = Timestamps { last_access: time(atime)?, last_modification: time(mtime)? };
        self.beneath.by_path(handle, |dir, name| utimensat(dir, name, &times, AtFlags::empty()))
    }

    /// Does something with the extended attributes of a node. Errors: ENOTSUP for special nodes and links, which have none of
    /// their users.
    fn attributes<R>(&self, number: u64, act: impl FnOnce(&OwnedFd) -> rustix::io::Result<R>) -> Result<R> {
        let node = self.nodes.get(number)?;
        if !matches!(node.file_type, mode::S_IFREG | mode::S_IFDIR) {
            return Err(Errno::ENOTSUP.into());
        }
        Ok(act(&self.open_node(&node, OFlags::RDONLY)?)?)
    }

    pub(crate) fn get_xattr(&self, number: u64, name: &[u8], buf: &mut [u8]) -> Result<usize> {
        of_users(name)?;
        match buf.is_empty() {
            true => self.attributes(number, |file| rustix::fs::fgetxattr_query(file, name)),
            false => self.attributes(number, |file| rustix::fs::fgetxattr(file, name, buf)),
        }
    }

    pub(crate) fn set_xattr(&self, number: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        self.writable()?;
        of_users(name)?;
        if flags & !(XATTR_CREATE | XATTR_REPLACE) != 0 {
            return Err(Errno::EINVAL.into());
        }
        // The numbers are Linux's.
        let flags = XattrFlags::from_bits_retain(flags);
        self.attributes(number, |file| rustix::fs::fsetxattr(file, name, value, flags))
    }

    pub(crate) fn remove_xattr(&self, number: u64, name: &[u8]) -> Result<()> {
        self.writable()?;
        of_users(name)?;
        self.attributes(number, |file| rustix::fs::fremovexattr(file, name))
    }

    /// The names, each with a NUL. Errors: ERANGE.
    pub(crate) fn list_xattr(&self, number: u64, buf: &mut [u8]) -> Result<usize> {
        let mut all = vec![0; LIST_MAX_BYTES];
        let len = match self.attributes(number, |file| rustix::fs::flistxattr(file, &mut all[..])) {
            Err(fail) if fail.errno() == Errno::ENOTSUP => 0,
            len => len?,
        };
        let names = all[..len].split_inclusive(|byte| *byte == 0).filter(|name| name.starts_with(USERS));
        let theirs = names.collect::<Vec<_>>().concat();
        if !buf.is_empty() {
            buf.get_mut(..theirs.len()).ok_or(Errno::ERANGE)?.copy_from_slice(&theirs);
        }
        Ok(theirs.len())
    }
}

/// Errors: ENOTSUP.
fn of_users(name: &[u8]) -> Result<()> {
    match name.starts_with(USERS) && !name.contains(&0) {
        true => Ok(()),
        false => Err(Fail::new(Errno::ENOTSUP, "not an extended attribute of users")
            .expected("a name that begins with user.")
            .found(name.escape_ascii())),
    }
}
