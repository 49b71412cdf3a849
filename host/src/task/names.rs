//! Paths: working directory, status, links, and names that come and go.

use nxvfs_abi::filesystem::{SET_ATIME, SET_GID, SET_MODE, SET_MTIME, SET_SIZE, SET_UID, SetAttr, StatFs};
use nxvfs_abi::{Grow, Timespec, types::mode};

use super::Task;
use crate::base::{Errno, Result};
use crate::tree::{EXECUTE, Follow, Stat, WRITE};

impl Task {
    /// Changes the working directory. POSIX `chdir`: ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG.
    pub fn chdir(&self, path: impl AsRef<[u8]>) -> Result<()> {
        let dentry = self.host.tree().resolve(&self.caller, &self.base(), path.as_ref())?;
        if !dentry.inode().is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        if !self.caller.may(&dentry.inode().attr(&self.caller.ctx())?, EXECUTE) {
            return Err(Errno::EACCES.into());
        }
        self.set_cwd(dentry)
    }

    /// The working directory as an absolute path. POSIX `getcwd`.
    pub fn getcwd(&self) -> Vec<u8> {
        self.base().path()
    }

    /// Attributes of what a path names, links followed. POSIX `stat`.
    pub fn stat(&self, path: impl AsRef<[u8]>) -> Result<Stat> {
        self.status(path.as_ref(), Follow::Yes)
    }

    /// Attributes of what a path names; of a link in the last place, the link's own. POSIX `lstat`.
    pub fn lstat(&self, path: impl AsRef<[u8]>) -> Result<Stat> {
        self.status(path.as_ref(), Follow::No)
    }

    fn status(&self, path: &[u8], follow: Follow) -> Result<Stat> {
        let dentry = self.host.tree().find(&self.caller, &self.base(), path, follow)?;
        dentry.inode().stat(&self.caller.ctx())
    }

    /// The target of a symbolic link. POSIX `readlink`: EINVAL if it is none.
    pub fn readlink(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        let dentry = self.host.tree().find(&self.caller, &self.base(), path.as_ref(), Follow::No)?;
        dentry.inode().readlink(&self.caller.ctx())
    }

    /// The absolute path without links, `.` and `..`.
    pub fn canonical(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        Ok(self.host.tree().resolve(&self.caller, &self.base(), path.as_ref())?.path())
    }

    /// Sizes of the volume that holds a path. POSIX `statvfs`; in the host's own tree all zero.
    pub fn statfs(&self, path: impl AsRef<[u8]>) -> Result<StatFs> {
        let dentry = self.host.tree().resolve(&self.caller, &self.base(), path.as_ref())?;
        match dentry.inode().mount() {
            Some(mount) => mount.statfs(&self.caller.ctx()),
            None => Ok(StatFs { name_max_bytes: crate::tree::NAME_MAX_BYTES, ..Grow::empty() }),
        }
    }

    /// Makes a directory. POSIX `mkdir`.
    pub fn mkdir(&self, path: impl AsRef<[u8]>, permissions: u32) -> Result<()> {
        self.host.tree().mkdir(&self.caller, &self.base(), path.as_ref(), permissions)
    }

    /// Takes an empty directory away. POSIX `rmdir`.
    pub fn rmdir(&self, path: impl AsRef<[u8]>) -> Result<()> {
        self.host.tree().rmdir(&self.caller, &self.base(), path.as_ref())
    }

    /// Takes a name away. POSIX `unlink`.
    pub fn unlink(&self, path: impl AsRef<[u8]>) -> Result<()> {
        self.host.tree().unlink(&self.caller, &self.base(), path.as_ref())
    }

    /// Makes a symbolic link at `path`. POSIX `symlink`.
    pub fn symlink(&self, target: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> Result<()> {
        self.host.tree().symlink(&self.caller, &self.base(), target.as_ref(), path.as_ref())
    }

    /// Gives a file one more name. POSIX `link`.
    pub fn link(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> Result<()> {
        self.host.tree().link(&self.caller, &self.base(), old.as_ref(), new.as_ref())
    }

    /// Makes a special node; `rdev` is `(major << 32) | minor`. POSIX `mknod`: EINVAL for other types.
    pub fn mknod(&self, path: impl AsRef<[u8]>, mode: u32, rdev: u64) -> Result<()> {
        match mode & mode::S_IFMT {
            mode::S_IFIFO | mode::S_IFSOCK | mode::S_IFCHR | mode::S_IFBLK | mode::S_IFREG => {
                self.host.tree().mknod(&self.caller, &self.base(), path.as_ref(), mode, rdev)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// Renames, replacing what has the new name. POSIX `rename`; `flags` are `RENAME_*` of the contract.
    pub fn rename(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>, flags: u32) -> Result<()> {
        self.host.tree().rename(&self.caller, &self.base(), old.as_ref(), new.as_ref(), flags)
    }

    /// Changes permission bits. POSIX `chmod`.
    pub fn chmod(&self, path: impl AsRef<[u8]>, permissions: u32) -> Result<()> {
        self.set(path.as_ref(), &SetAttr { valid: SET_MODE, mode: permissions & 0o7777, ..Grow::empty() })
    }

    /// Changes owner and group; `None` leaves one as it is. POSIX `chown`.
    pub fn chown(&self, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        let valid = uid.map_or(0, |_| SET_UID) | gid.map_or(0, |_| SET_GID);
        let (uid, gid) = (uid.unwrap_or(0), gid.unwrap_or(0));
        self.set(path.as_ref(), &SetAttr { valid, uid, gid, ..Grow::empty() })
    }

    /// Changes the times of last access and change; `None` leaves one as it is. POSIX `utimensat`.
    pub fn utimens(
        &self,
        path: impl AsRef<[u8]>,
        atime: Option<Timespec>,
        mtime: Option<Timespec>,
    ) -> Result<()> {
        let valid = atime.map_or(0, |_| SET_ATIME) | mtime.map_or(0, |_| SET_MTIME);
        let (atime, mtime) = (atime.unwrap_or_default(), mtime.unwrap_or_default());
        if atime.nanoseconds > 999_999_999 || mtime.nanoseconds > 999_999_999 {
            return Err(Errno::EINVAL.into());
        }
        self.set(path.as_ref(), &SetAttr { valid, atime, mtime, ..Grow::empty() })
    }

    /// Whether the mode bits allow `want`: a sum of 4 (read), 2 (write) and 1 (execute), or 0 for being there. POSIX
    /// `access`, by the effective user. Errors: EACCES, EROFS, and those of the walk.
    pub fn access(&self, path: impl AsRef<[u8]>, want: u32) -> Result<()> {
        let dentry = self.host.tree().resolve(&self.caller, &self.base(), path.as_ref())?;
        if !self.caller.may(&dentry.inode().attr(&self.caller.ctx())?, want) {
            return Err(Errno::EACCES.into());
        }
        // Writing to a FIFO, a socket or a device changes nothing on the volume.
        let stored = matches!(dentry.inode().file_type(), mode::S_IFREG | mode::S_IFDIR);
        let read_only = stored && dentry.inode().mount().is_some_and(|m| m.read_only());
        if want & WRITE != 0 && read_only {
            return Err(Errno::EROFS.into());
        }
        Ok(())
    }

    /// Changes a file's length. POSIX `truncate`: EISDIR, EINVAL what has no length, EFBIG.
    pub fn truncate(&self, path: impl AsRef<[u8]>, size_bytes: u64) -> Result<()> {
        if size_bytes > i64::MAX as u64 {
            return Err(Errno::EFBIG.into());
        }
        self.set(path.as_ref(), &SetAttr { valid: SET_SIZE, size_bytes, ..Grow::empty() })
    }

    fn set(&self, path: &[u8], set: &SetAttr) -> Result<()> {
        let dentry = self.host.tree().resolve(&self.caller, &self.base(), path)?;
        if set.valid & SET_SIZE != 0 && dentry.inode().is_directory() {
            return Err(Errno::EISDIR.into());
        }
        if set.valid & SET_SIZE != 0 && dentry.inode().file_type() != mode::S_IFREG {
            return Err(Errno::EINVAL.into());
        }
        self.host.tree().set_attr(&self.caller, dentry.inode(), set)
    }
}
