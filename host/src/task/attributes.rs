//! Attributes of what a path names, and of what is open.

use nxvfs_abi::filesystem::{SET_GID, SET_MODE, SET_SIZE, SET_UID, SetAttr, StatFs};
use nxvfs_abi::types::mode;
use nxvfs_abi::{Grow, Timespec};

use super::at::AT_EACCESS;
use super::{At, Task};
use crate::base::{Errno, Result};
use crate::tree::{Dentry, EXECUTE, Inode, MountFlags, NewTime, Stat, WRITE};

/// Nanoseconds that mean: the present. POSIX `UTIME_NOW`.
pub const UTIME_NOW: u32 = (1 << 30) - 1;
/// Nanoseconds that mean: leave it. POSIX `UTIME_OMIT`.
pub const UTIME_OMIT: u32 = (1 << 30) - 2;

/// What `statvfs` tells.
#[derive(Clone, Copy)]
pub struct StatVfs {
    /// Sizes, as the file system tells them.
    pub sizes: StatFs,
    /// `ST_*`, which have the numbers of [`MountFlags`] (`MS_*`).
    pub flags: MountFlags,
}

/// A time as C spells it.
fn new_time(time: Option<Timespec>) -> NewTime {
    match time {
        Some(Timespec { nanoseconds: UTIME_NOW, .. }) => NewTime::Now,
        Some(Timespec { nanoseconds: UTIME_OMIT, .. }) | None => NewTime::Keep,
        Some(time) => NewTime::At(time),
    }
}

fn owner(uid: Option<u32>, gid: Option<u32>) -> SetAttr {
    let valid = uid.map_or(0, |_| SET_UID) | gid.map_or(0, |_| SET_GID);
    SetAttr { valid, uid: uid.unwrap_or(0), gid: gid.unwrap_or(0), ..Grow::empty() }
}

fn permissions_of(mode: u32) -> SetAttr {
    SetAttr { valid: SET_MODE, mode: mode & 0o7777, ..Grow::empty() }
}

impl Task {
    /// Attributes of what a path names, links followed. POSIX `stat`.
    pub fn stat(&self, path: impl AsRef<[u8]>) -> Result<Stat> {
        self.stat_at(At::Cwd, path, 0)
    }

    /// Attributes of what a path names; of a link in the last place, the link's own. POSIX `lstat`.
    pub fn lstat(&self, path: impl AsRef<[u8]>) -> Result<Stat> {
        self.stat_at(At::Cwd, path, super::AT_SYMLINK_NOFOLLOW)
    }

    /// Attributes of what a path names, from an open directory; `flags` may be [`super::AT_SYMLINK_NOFOLLOW`]. POSIX
    /// `fstatat`.
    pub fn stat_at(&self, at: impl Into<At>, path: impl AsRef<[u8]>, flags: u32) -> Result<Stat> {
        self.find_at(at.into(), path.as_ref(), flags, 0)?.inode().stat(&self.caller.ctx())
    }

    /// Sizes of the volume that holds a path; in the host's own tree those of its files in RAM. Linux `statfs`.
    pub fn statfs(&self, path: impl AsRef<[u8]>) -> Result<StatFs> {
        Ok(self.statvfs(path)?.sizes)
    }

    /// Sizes of the volume of an open file. Linux `fstatfs`.
    pub fn fstatfs(&self, fd: u32) -> Result<StatFs> {
        Ok(self.fstatvfs(fd)?.sizes)
    }

    /// Sizes and options of the volume that holds a path. POSIX `statvfs`.
    pub fn statvfs(&self, path: impl AsRef<[u8]>) -> Result<StatVfs> {
        self.volume_of(&*self.find_at(At::Cwd, path.as_ref(), 0, 0)?)
    }

    /// Sizes and options of the volume of an open file. POSIX `fstatvfs`.
    pub fn fstatvfs(&self, fd: u32) -> Result<StatVfs> {
        self.volume_of(self.descriptors.get(fd)?.dentry())
    }

    fn volume_of(&self, dentry: &Dentry) -> Result<StatVfs> {
        let (inode, ctx) = (dentry.inode(), self.caller.ctx());
        let flags = inode.mount().map_or(MountFlags(0), |mount| mount.flags());
        Ok(StatVfs { sizes: self.host.tree().statfs(&ctx, inode)?, flags })
    }

    /// Changes permission bits. POSIX `chmod`.
    pub fn chmod(&self, path: impl AsRef<[u8]>, permissions: u32) -> Result<()> {
        self.chmod_at(At::Cwd, path, permissions, 0)
    }

    /// As [`Task::chmod`], from an open directory. POSIX `fchmodat`.
    pub fn chmod_at(
        &self,
        at: impl Into<At>,
        path: impl AsRef<[u8]>,
        permissions: u32,
        flags: u32,
    ) -> Result<()> {
        let dentry = self.find_at(at.into(), path.as_ref(), flags, 0)?;
        self.set(dentry.inode(), &permissions_of(permissions))
    }

    /// Changes permission bits of an open file. POSIX `fchmod`: EBADF, also for `O_PATH`.
    pub fn fchmod(&self, fd: u32, permissions: u32) -> Result<()> {
        self.set(self.not_path(fd)?.dentry().inode(), &permissions_of(permissions))
    }

    /// Changes owner and group; `None` leaves one as it is. POSIX `chown`.
    pub fn chown(&self, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        self.chown_at(At::Cwd, path, uid, gid, 0)
    }

    /// As [`Task::chown`], from an open directory. POSIX `fchownat`; with [`super::AT_SYMLINK_NOFOLLOW`] `lchown`.
    pub fn chown_at(
        &self,
        at: impl Into<At>,
        path: impl AsRef<[u8]>,
        uid: Option<u32>,
        gid: Option<u32>,
        flags: u32,
    ) -> Result<()> {
        let dentry = self.find_at(at.into(), path.as_ref(), flags, 0)?;
        self.set(dentry.inode(), &owner(uid, gid))
    }

    /// Changes owner and group of an open file. POSIX `fchown`: EBADF, also for `O_PATH`.
    pub fn fchown(&self, fd: u32, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        self.set(self.not_path(fd)?.dentry().inode(), &owner(uid, gid))
    }

    /// Changes the times of last access and change; `None` leaves one as it is, as nanoseconds of [`UTIME_OMIT`] do;
    /// [`UTIME_NOW`] is the present. POSIX `utimensat`: EPERM not the owner; EACCES both to the present, and not
    /// allowed to write; EINVAL.
    pub fn utimens(
        &self,
        path: impl AsRef<[u8]>,
        atime: Option<Timespec>,
        mtime: Option<Timespec>,
    ) -> Result<()> {
        self.utimens_at(At::Cwd, path, (atime, mtime), 0)
    }

    /// As [`Task::utimens`], from an open directory. POSIX `utimensat`.
    pub fn utimens_at(
        &self,
        at: impl Into<At>,
        path: impl AsRef<[u8]>,
        (atime, mtime): (Option<Timespec>, Option<Timespec>),
        flags: u32,
    ) -> Result<()> {
        let dentry = self.find_at(at.into(), path.as_ref(), flags, 0)?;
        self.host.tree().set_times(&self.caller, dentry.inode(), new_time(atime), new_time(mtime))
    }

    /// Changes the times of an open file. POSIX `futimens`: EBADF, also for `O_PATH`; else as [`Task::utimens`].
    pub fn futimens(&self, fd: u32, atime: Option<Timespec>, mtime: Option<Timespec>) -> Result<()> {
        let file = self.not_path(fd)?;
        self.host.tree().set_times(&self.caller, file.dentry().inode(), new_time(atime), new_time(mtime))
    }

    /// Whether the mode bits allow `want`: a sum of 4 (read), 2 (write) and 1 (execute), or 0 for being there. POSIX
    /// `access`; a task's real user is its effective one. Errors: EINVAL, EACCES (also to execute on a `noexec` mount),
    /// EROFS, and those of the walk.
    pub fn access(&self, path: impl AsRef<[u8]>, want: u32) -> Result<()> {
        self.access_at(At::Cwd, path, want, 0)
    }

    /// As [`Task::access`], from an open directory. POSIX `faccessat`.
    pub fn access_at(&self, at: impl Into<At>, path: impl AsRef<[u8]>, want: u32, flags: u32) -> Result<()> {
        if want & !7 != 0 {
            return Err(Errno::EINVAL.into());
        }
        self.may_reach(&*self.find_at(at.into(), path.as_ref(), flags, AT_EACCESS)?, want)
    }

    /// Whether mode bits and mount allow `want`. Errors: EACCES, EROFS.
    pub(super) fn may_reach(&self, dentry: &Dentry, want: u32) -> Result<()> {
        let inode = dentry.inode();
        let flags = inode.mount().map_or(MountFlags(0), |mount| mount.flags());
        if want & EXECUTE != 0 && flags.has(MountFlags::NOEXEC) && inode.file_type() == mode::S_IFREG {
            return Err(Errno::EACCES.into());
        }
        if want & WRITE != 0 && flags.has(MountFlags::RDONLY) && !special(inode) {
            return Err(Errno::EROFS.into());
        }
        if !self.caller.may(&inode.attr(&self.caller.ctx())?, want) {
            return Err(Errno::EACCES.into());
        }
        Ok(())
    }

    /// Changes a file's length. POSIX `truncate`: EISDIR, EINVAL what has no length, EFBIG.
    pub fn truncate(&self, path: impl AsRef<[u8]>, size_bytes: u64) -> Result<()> {
        if size_bytes > i64::MAX as u64 {
            return Err(Errno::EFBIG.into());
        }
        let dentry = self.find_at(At::Cwd, path.as_ref(), 0, 0)?;
        if dentry.inode().is_directory() {
            return Err(Errno::EISDIR.into());
        }
        if dentry.inode().file_type() != mode::S_IFREG {
            return Err(Errno::EINVAL.into());
        }
        self.set(dentry.inode(), &SetAttr { valid: SET_SIZE, size_bytes, ..Grow::empty() })
    }

    fn set(&self, inode: &Inode, set: &SetAttr) -> Result<()> {
        self.host.tree().set_attr(&self.caller, inode, set)
    }
}

/// What is written to is elsewhere: not on the volume that holds the node.
fn special(inode: &Inode) -> bool {
    !matches!(inode.file_type(), mode::S_IFREG | mode::S_IFDIR | mode::S_IFLNK)
}
