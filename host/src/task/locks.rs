//! Advisory locks.

use super::Task;
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::file::{LockInfo, LockKind, LockRange, Whence};
use nxvfs_abi::ioctl::{FIOC_GETLK, FIOC_SETLKW};

/// `struct flock`, as Linux has it with offsets of 64 bits.
struct Flock {
    kind: Option<LockKind>,
    range: LockRange,
}

impl Flock {
    const READ: i16 = 0;
    const WRITE: i16 = 1;
    const UNLOCK: i16 = 2;

    fn read(arg: &[u8]) -> Result<Self> {
        let short = |at: usize| Some(i16::from_ne_bytes(arg.get(at..at + 2)?.try_into().ok()?));
        let long = |at: usize| Some(i64::from_ne_bytes(arg.get(at..at + 8)?.try_into().ok()?));
        let (kind, whence) = (short(0).ok_or(Errno::EINVAL)?, short(2).ok_or(Errno::EINVAL)?);
        let kind = match kind {
            Self::READ => Some(LockKind::Shared),
            Self::WRITE => Some(LockKind::Exclusive),
            Self::UNLOCK => None,
            _ => return Err(Errno::EINVAL.into()),
        };
        let whence = match whence {
            0 => Whence::Set,
            1 => Whence::Current,
            2 => Whence::End,
            _ => return Err(Errno::EINVAL.into()),
        };
        let (start, len) = (long(8).ok_or(Errno::EINVAL)?, long(16).ok_or(Errno::EINVAL)?);
        Ok(Self { kind, range: LockRange { whence, start, len } })
    }

    /// Tells a lock that is in the way; the memory is as long as [`Flock::read`] found it.
    fn fill(arg: &mut [u8], lock: &LockInfo) {
        let kind = if lock.kind == LockKind::Shared { Self::READ } else { Self::WRITE };
        let start = i64::try_from(lock.start).unwrap_or(i64::MAX);
        // Up to the end of the file is 0.
        let len = match lock.last {
            None => 0,
            Some(last) => {
                i64::try_from(last - lock.start).ok().and_then(|len| len.checked_add(1)).unwrap_or(0)
            }
        };
        arg[..2].copy_from_slice(&kind.to_ne_bytes());
        arg[2..4].copy_from_slice(&0i16.to_ne_bytes());
        arg[8..16].copy_from_slice(&start.to_ne_bytes());
        arg[16..24].copy_from_slice(&len.to_ne_bytes());
        if let Some(pid) = arg.get_mut(24..28) {
            pid.copy_from_slice(&i32::try_from(lock.task).unwrap_or(-1).to_ne_bytes());
        }
    }
}

impl Task {
    /// Takes (or for `None` gives up) a record lock, for this task: one over another of its own replaces it there. All
    /// its locks of a file go when it closes any descriptor of the file, and all when it ends. With `wait` it waits.
    /// POSIX `fcntl(F_SETLK)`, with `wait` `F_SETLKW`.
    ///
    /// Errors: EBADF (also: shared and not open for reading, exclusive and not for writing); EINVAL before the start;
    /// EOVERFLOW; EAGAIN another task has it; EDEADLK waiting would never end; EINTR the task ends, or a signal's
    /// handler ran, or a signal's handler ran;
    /// ENOLCK.
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

    /// `FIOC_SETLK`, `FIOC_SETLKW` and `FIOC_GETLK`, with the system's `struct flock`.
    pub(super) fn lock_command(&self, fd: u32, command: u32, arg: &mut [u8]) -> Result<u64> {
        let asked = Flock::read(arg)?;
        if command != FIOC_GETLK {
            self.setlk(fd, asked.kind, &asked.range, command == FIOC_SETLKW)?;
            return Ok(0);
        }
        let kind = asked.kind.ok_or(Errno::EINVAL)?;
        match self.getlk(fd, kind, &asked.range)? {
            None => arg[..2].copy_from_slice(&Flock::UNLOCK.to_ne_bytes()),
            Some(there) => Flock::fill(arg, &there),
        }
        Ok(0)
    }

    /// Takes (or for `None` gives up) the lock of the open file, which its duplicated descriptors share; it goes with the
    /// last of them. BSD `flock`; without `wait` `LOCK_NB`. Errors: EBADF, EAGAIN another open file has it, EINTR the task ends,
    /// ENOLCK.
    pub fn flock(&self, fd: u32, kind: Option<LockKind>, wait: bool) -> Result<()> {
        self.descriptors.get(fd)?.flock(&self.caller.ctx(), self.host.locks(), kind, wait)
    }
}
