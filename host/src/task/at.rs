//! From where relative paths begin, and the flags of the calls that are told so.

use super::Task;
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::tree::{Dentry, Follow};

/// A link in the last place is not followed.
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
/// `unlink_at` takes a directory away.
pub const AT_REMOVEDIR: u32 = 0x200;
/// `access_at` asks for the effective user. It always does: tasks have no other.
pub const AT_EACCESS: u32 = 0x200;
/// `link_at` follows a link in the last place.
pub const AT_SYMLINK_FOLLOW: u32 = 0x400;

/// From where relative paths begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The working directory. POSIX `AT_FDCWD`.
    Cwd,
    /// An open directory, also one that was opened with `O_PATH`.
    Fd(u32),
}

impl From<u32> for At {
    fn from(fd: u32) -> Self {
        Self::Fd(fd)
    }
}

impl Task {
    /// Where a path begins. An absolute one does not look at the descriptor. Errors: EBADF, ENOTDIR.
    pub(super) fn base_of(&self, at: impl Into<At>, path: &[u8]) -> Result<Arc<Dentry>> {
        match at.into() {
            At::Fd(fd) if path.first() != Some(&b'/') => {
                let file = self.descriptors.get(fd)?;
                crate::tree::need_directory(file.dentry().inode())?;
                Ok(file.dentry().clone())
            }
            _ => Ok(self.base()),
        }
    }

    /// What a path names, with the one choice that most calls have. Errors: EINVAL other flags.
    pub(super) fn find_at(&self, at: At, path: &[u8], flags: u32, also: u32) -> Result<Arc<Dentry>> {
        only(flags, AT_SYMLINK_NOFOLLOW | also)?;
        let follow = if flags & AT_SYMLINK_NOFOLLOW != 0 { Follow::No } else { Follow::Yes };
        self.host.tree().find(&self.caller, &self.base_of(at, path)?, path, follow)
    }
}

/// Refuses flags that a call does not know. Errors: EINVAL.
pub(super) fn only(flags: u32, known: u32) -> Result<()> {
    if flags & !known == 0 { Ok(()) } else { Err(Errno::EINVAL.into()) }
}
