//! Advisory locks.

use super::Task;
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::file::{LockInfo, LockKind, LockRange};

impl Task {
    /// Takes (or for `None` gives up) a record lock, for this task: one over another of its own replaces it there. All
    /// its locks of a file go when it closes any descriptor of the file, and all when it ends. With `wait` it waits.
    /// POSIX `fcntl(F_SETLK)`, with `wait` `F_SETLKW`.
    ///
    /// Errors: EBADF (also: shared and not open for reading, exclusive and not for writing); EINVAL before the start;
    /// EOVERFLOW; EAGAIN another task has it; EDEADLK waiting would never end; EINTR the task ends; ENOLCK.
    pub fn setlk(&self, fd: u32, kind: Option<LockKind>, range: &LockRange, wait: bool) -> Result<()> {
        let file = self.descriptors.get(fd)?;
        file.set_record_lock(&self.caller.ctx(), self.host.locks(), kind, range, wait)?;
        // Another thread may have closed the descriptor, and with it this lock, before it was there.
        if !self.descriptors.get(fd).is_ok_and(|now| Arc::ptr_eq(&now, &file)) {
            file.release_record_locks(self.host.locks(), self.caller.task);
            return Err(Errno::EBADF.into());
        }
        Ok(())
    }

    /// A record lock of another task that would be in the way of this one. POSIX `fcntl(F_GETLK)`. Errors: EBADF, EINVAL,
    /// EOVERFLOW.
    pub fn getlk(&self, fd: u32, kind: LockKind, range: &LockRange) -> Result<Option<LockInfo>> {
        let file = self.descriptors.get(fd)?;
        file.record_lock_in_the_way(&self.caller.ctx(), self.host.locks(), kind, range)
    }

    /// Takes (or for `None` gives up) the lock of the open file, which its duplicated descriptors share; it goes with the
    /// last of them. BSD `flock`; without `wait` `LOCK_NB`. Errors: EBADF, EAGAIN another open file has it, EINTR the task ends,
    /// ENOLCK.
    pub fn flock(&self, fd: u32, kind: Option<LockKind>, wait: bool) -> Result<()> {
        self.descriptors.get(fd)?.flock(&self.caller.ctx(), self.host.locks(), kind, wait)
    }
}
