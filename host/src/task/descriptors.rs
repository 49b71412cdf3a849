//! Descriptors duplicated, and what `fcntl` tells and changes of them.

use std::ops::Range;

use nxvfs_abi::types::open;

use super::Task;
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::file::OpenFile;

impl Task {
    /// One more descriptor for the same open file: position and flags are shared; it is not closed on execution. POSIX
    /// `dup`: EBADF, EMFILE.
    pub fn dup(&self, fd: u32) -> Result<u32> {
        self.descriptors.insert(self.descriptors.get(fd)?, false)
    }

    /// As [`Task::dup`], with the lowest free number from `at_least` on. POSIX `fcntl(F_DUPFD)`: EINVAL, EMFILE.
    pub fn dup_from(&self, fd: u32, at_least: u32) -> Result<u32> {
        self.descriptors.insert_from(self.descriptors.get(fd)?, at_least, false)
    }

    /// As [`Task::dup_from`], to be closed on execution. POSIX `fcntl(F_DUPFD_CLOEXEC)`.
    pub fn dup_from_cloexec(&self, fd: u32, at_least: u32) -> Result<u32> {
        self.descriptors.insert_from(self.descriptors.get(fd)?, at_least, true)
    }

    /// As [`Task::dup`], with this number; what had it is closed. The same number twice changes nothing. POSIX `dup2`:
    /// EBADF.
    pub fn dup2(&self, fd: u32, to: u32) -> Result<u32> {
        let file = self.descriptors.get(fd)?;
        if fd != to {
            self.replace(file, to, false)?;
        }
        Ok(to)
    }

    /// As [`Task::dup2`]; `flags` may be `O_CLOEXEC`. Linux and POSIX `dup3`: EINVAL the same number twice, or other
    /// flags.
    pub fn dup3(&self, fd: u32, to: u32, flags: u32) -> Result<u32> {
        if fd == to || flags & !open::O_CLOEXEC != 0 {
            return Err(Errno::EINVAL.into());
        }
        self.replace(self.descriptors.get(fd)?, to, flags != 0)?;
        Ok(to)
    }

    fn replace(&self, file: Arc<OpenFile>, to: u32, cloexec: bool) -> Result<()> {
        if let Some(old) = self.descriptors.replace(to, file, cloexec)? {
            // Its late errors are lost, as POSIX has it.
            let _ = self.closed(&old);
        }
        Ok(())
    }

    /// The descriptor's own flag, `O_CLOEXEC` or 0. POSIX `fcntl(F_GETFD)`: EBADF.
    pub fn getfd(&self, fd: u32) -> Result<u32> {
        Ok(if self.descriptors.cloexec(fd)? { open::O_CLOEXEC } else { 0 })
    }

    /// Changes the descriptor's own flag; those of its duplicates stay. POSIX `fcntl(F_SETFD)`: EBADF.
    pub fn setfd(&self, fd: u32, flags: u32) -> Result<()> {
        self.descriptors.set_cloexec(fd, flags & open::O_CLOEXEC != 0)
    }

    /// The open flags. POSIX `fcntl(F_GETFL)`.
    pub fn getfl(&self, fd: u32) -> Result<u32> {
        Ok(self.descriptors.get(fd)?.flags().0)
    }

    /// Changes `O_APPEND`, `O_NONBLOCK` and `O_NOATIME` for all descriptors of the open file. POSIX `fcntl(F_SETFL)`:
    /// EBADF, also for `O_PATH`; EPERM `O_NOATIME` by another than the owner.
    pub fn setfl(&self, fd: u32, flags: u32) -> Result<()> {
        let file = self.not_path(fd)?;
        let comes = flags & !file.flags().0;
        if comes & open::O_NOATIME != 0 && !self.caller.owns(&file.stat(&self.caller.ctx())?.attr) {
            return Err(Errno::EPERM.into());
        }
        file.set_flags(flags);
        Ok(())
    }

    /// The path by which an open file is reached now; follows renames. NuttX `fcntl(F_GETPATH)`, `FIOC_FILEPATH`: EBADF.
    pub fn path_of(&self, fd: u32) -> Result<Vec<u8>> {
        Ok(self.descriptors.get(fd)?.dentry().path())
    }

    /// One more than the largest descriptor that is given out.
    pub fn descriptor_limit(&self) -> u32 {
        self.descriptors.limit()
    }

    /// Changes the limit; what is open beyond it stays. POSIX `setrlimit(RLIMIT_NOFILE)`: EPERM beyond
    /// [`crate::file::MAX_DESCRIPTORS`].
    pub fn set_descriptor_limit(&self, limit: u32) -> Result<()> {
        self.descriptors.set_limit(limit)
    }

    /// Gives out numbers of this range only, but for [`Task::dup2`] and [`Task::dup3`], which take any: for a program whose
    /// other numbers are the operating system's.
    pub fn set_descriptor_window(&self, window: Range<u32>) {
        self.descriptors.set_window(window);
    }

    /// Gives a number to nobody until [`Task::restore_descriptor`], and answers the file that had it. No file system is
    /// called: what the end of the descriptor means is left to [`Task::closed`].
    pub fn withhold_descriptor(&self, fd: u32) -> Option<Arc<OpenFile>> {
        self.descriptors.withhold(fd)
    }

    /// Lets a number be given out again.
    pub fn restore_descriptor(&self, fd: u32) {
        self.descriptors.restore(fd);
    }

    /// Takes a number away and answers its file, likewise without what the end of the descriptor means. Errors: EBADF.
    pub fn take_descriptor(&self, fd: u32) -> Result<Arc<OpenFile>> {
        self.descriptors.remove(fd)
    }

    /// Gives a file this very number and answers what had it, likewise. Errors: EBADF beyond the limit.
    pub fn put_descriptor(
        &self,
        file: Arc<OpenFile>,
        to: u32,
        cloexec: bool,
    ) -> Result<Option<Arc<OpenFile>>> {
        self.descriptors.replace(to, file, cloexec)
    }

    /// Whether a descriptor is a terminal. POSIX `isatty`. Errors: EBADF, ENOTTY it is none.
    pub fn isatty(&self, fd: u32) -> Result<()> {
        let file = self.descriptors.get(fd)?;
        match file.stream() {
            Some(stream) if stream.is_terminal() => Ok(()),
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    /// An open file that is more than a name. Errors: EBADF.
    pub(super) fn not_path(&self, fd: u32) -> Result<Arc<OpenFile>> {
        let file = self.descriptors.get(fd)?;
        if file.is_path() { Err(Errno::EBADF.into()) } else { Ok(file) }
    }
}
