//! Names: working directory, links, and names that come and go.

use nxvfs_abi::types::mode;

use super::at::{AT_REMOVEDIR, AT_SYMLINK_FOLLOW, only};
use super::{At, Task};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::tree::{Dentry, EXECUTE, Follow};

impl Task {
    /// Changes the working directory. POSIX `chdir`: ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG.
    pub fn chdir(&self, path: impl AsRef<[u8]>) -> Result<()> {
        self.enter(self.host.tree().resolve(&self.caller, &self.base(), path.as_ref())?)
    }

    /// Changes it to an open directory. POSIX `fchdir`: EBADF, ENOTDIR, EACCES.
    pub fn fchdir(&self, fd: u32) -> Result<()> {
        self.enter(self.descriptors.get(fd)?.dentry().clone())
    }

    fn enter(&self, dentry: Arc<Dentry>) -> Result<()> {
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

    /// The absolute path without links, `.` and `..`.
    pub fn canonical(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        Ok(self.host.tree().resolve(&self.caller, &self.base(), path.as_ref())?.path())
    }

    /// The permission bits that new files do not get. POSIX `umask` without its change.
    pub fn umask(&self) -> u32 {
        self.caller.umask()
    }

    /// Changes them for this task and answers the old ones. POSIX `umask`.
    pub fn set_umask(&self, mask: u32) -> u32 {
        self.caller.set_umask(mask)
    }

    /// The target of a symbolic link. POSIX `readlink`: EINVAL if it is none.
    pub fn readlink(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        self.readlink_at(At::Cwd, path)
    }

    /// As [`Task::readlink`], from an open directory. POSIX `readlinkat`.
    pub fn readlink_at(&self, at: impl Into<At>, path: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        let base = self.base_of(at, path.as_ref())?;
        let dentry = self.host.tree().find(&self.caller, &base, path.as_ref(), Follow::No)?;
        dentry.inode().readlink(&self.caller.ctx())
    }

    /// Makes a directory. POSIX `mkdir`.
    pub fn mkdir(&self, path: impl AsRef<[u8]>, permissions: u32) -> Result<()> {
        self.mkdir_at(At::Cwd, path, permissions)
    }

    /// As [`Task::mkdir`], from an open directory. POSIX `mkdirat`.
    pub fn mkdir_at(&self, at: impl Into<At>, path: impl AsRef<[u8]>, permissions: u32) -> Result<()> {
        let base = self.base_of(at, path.as_ref())?;
        self.host.tree().mkdir(&self.caller, &base, path.as_ref(), permissions)
    }

    /// Takes an empty directory away. POSIX `rmdir`.
    pub fn rmdir(&self, path: impl AsRef<[u8]>) -> Result<()> {
        self.unlink_at(At::Cwd, path, AT_REMOVEDIR)
    }

    /// Takes a name away. POSIX `unlink`.
    pub fn unlink(&self, path: impl AsRef<[u8]>) -> Result<()> {
        self.unlink_at(At::Cwd, path, 0)
    }

    /// As [`Task::unlink`], or with [`AT_REMOVEDIR`] as [`Task::rmdir`], from an open directory. POSIX `unlinkat`.
    pub fn unlink_at(&self, at: impl Into<At>, path: impl AsRef<[u8]>, flags: u32) -> Result<()> {
        only(flags, AT_REMOVEDIR)?;
        let (base, tree) = (self.base_of(at, path.as_ref())?, self.host.tree());
        if flags & AT_REMOVEDIR != 0 {
            return tree.rmdir(&self.caller, &base, path.as_ref());
        }
        tree.unlink(&self.caller, &base, path.as_ref())
    }

    /// Makes a symbolic link at `path`. POSIX `symlink`.
    pub fn symlink(&self, target: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> Result<()> {
        self.symlink_at(target, At::Cwd, path)
    }

    /// As [`Task::symlink`], from an open directory. POSIX `symlinkat`.
    pub fn symlink_at(
        &self,
        target: impl AsRef<[u8]>,
        at: impl Into<At>,
        path: impl AsRef<[u8]>,
    ) -> Result<()> {
        let base = self.base_of(at, path.as_ref())?;
        self.host.tree().symlink(&self.caller, &base, target.as_ref(), path.as_ref())
    }

    /// Gives a file one more name; of a link, the link. POSIX `link`.
    pub fn link(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> Result<()> {
        self.link_at(At::Cwd, old, At::Cwd, new, 0)
    }

    /// As [`Task::link`], from open directories; with [`AT_SYMLINK_FOLLOW`] what a link leads to. POSIX `linkat`.
    pub fn link_at(
        &self,
        old_at: impl Into<At>,
        old: impl AsRef<[u8]>,
        new_at: impl Into<At>,
        new: impl AsRef<[u8]>,
        flags: u32,
    ) -> Result<()> {
        only(flags, AT_SYMLINK_FOLLOW)?;
        let (old, new) = (old.as_ref(), new.as_ref());
        let (old_base, new_base) = (self.base_of(old_at, old)?, self.base_of(new_at, new)?);
        let follow = if flags == AT_SYMLINK_FOLLOW { Follow::Yes } else { Follow::No };
        self.host.tree().link(&self.caller, (&old_base, old), (&new_base, new), follow)
    }

    /// Makes a special node; `rdev` is `(major << 32) | minor`. POSIX `mknod`: EINVAL for other types, EPERM for device
    /// nodes by others than user 0.
    pub fn mknod(&self, path: impl AsRef<[u8]>, mode: u32, rdev: u64) -> Result<()> {
        self.mknod_at(At::Cwd, path, mode, rdev)
    }

    /// As [`Task::mknod`], from an open directory. POSIX `mknodat`.
    pub fn mknod_at(&self, at: impl Into<At>, path: impl AsRef<[u8]>, mode: u32, rdev: u64) -> Result<()> {
        let base = self.base_of(at, path.as_ref())?;
        match mode & mode::S_IFMT {
            mode::S_IFIFO | mode::S_IFSOCK | mode::S_IFCHR | mode::S_IFBLK | mode::S_IFREG => {
                self.host.tree().mknod(&self.caller, &base, path.as_ref(), mode, rdev)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// Renames, replacing what has the new name. POSIX `rename`; `flags` are `RENAME_*` of the contract.
    pub fn rename(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>, flags: u32) -> Result<()> {
        self.rename_at(At::Cwd, old, At::Cwd, new, flags)
    }

    /// As [`Task::rename`], from open directories. POSIX `renameat`, Linux `renameat2`.
    pub fn rename_at(
        &self,
        old_at: impl Into<At>,
        old: impl AsRef<[u8]>,
        new_at: impl Into<At>,
        new: impl AsRef<[u8]>,
        flags: u32,
    ) -> Result<()> {
        let (old, new) = (old.as_ref(), new.as_ref());
        let (old_base, new_base) = (self.base_of(old_at, old)?, self.base_of(new_at, new)?);
        self.host.tree().rename(&self.caller, (&old_base, old), (&new_base, new), flags)
    }
}
