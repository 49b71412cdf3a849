//! Locks of an open file.

use nxvfs_abi::Ctx;

use super::locks::{Claim, Key, LockInfo, LockKind, LockTable, Owner, Wait};
use super::open::OpenFile;
use super::transfer::Whence;
use crate::base::sync::{Arc, lock};
use crate::base::{Errno, Result};

/// A range of bytes, as `struct flock` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRange {
    /// From where `start` counts: start, position or end.
    pub whence: Whence,
    /// The first byte.
    pub start: i64,
    /// How many; 0 up to the end, wherever it will be; negative: so many before `start`.
    pub len: i64,
}

impl LockRange {
    /// All of a file.
    pub const ALL: Self = Self { whence: Whence::Set, start: 0, len: 0 };
}

/// An `flock` lock's end comes with that of its open file.
pub(super) struct Flocked {
    table: Arc<LockTable>,
    key: Key,
    owner: Owner,
}

impl Drop for Flocked {
    fn drop(&mut self) {
        self.table.release(self.key, self.owner);
    }
}

impl OpenFile {
    /// Takes (or for `None` gives up) a record lock for a task. POSIX `fcntl(F_SETLK, F_SETLKW)`. Errors: EBADF not open
    /// for that; EINVAL, EOVERFLOW the range; EAGAIN another task has it; EDEADLK; EINTR; ENOLCK.
    pub fn set_record_lock(
        &self,
        ctx: &Ctx,
        table: &LockTable,
        kind: Option<LockKind>,
        range: &LockRange,
        wait: bool,
    ) -> Result<()> {
        let flags = self.flags();
        let allowed = match kind {
            Some(LockKind::Shared) => flags.readable(),
            Some(LockKind::Exclusive) => flags.writable(),
            None => flags.readable() || flags.writable(),
        };
        if !allowed {
            return Err(Errno::EBADF.into());
        }
        let claim = self.record_claim(ctx, kind.unwrap_or(LockKind::Shared), range)?;
        let wait = if wait { Wait::Until(ctx.cancel) } else { Wait::Never };
        table.set(self.lock_key(), &claim, kind, wait)
    }

    /// A lock of another task that would be in the way; `None` if there is none. POSIX `fcntl(F_GETLK)`. Errors: EBADF,
    /// EINVAL, EOVERFLOW.
    pub fn record_lock_in_the_way(
        &self,
        ctx: &Ctx,
        table: &LockTable,
        kind: LockKind,
        range: &LockRange,
    ) -> Result<Option<LockInfo>> {
        if !self.flags().readable() && !self.flags().writable() {
            return Err(Errno::EBADF.into());
        }
        Ok(table.blocker(self.lock_key(), &self.record_claim(ctx, kind, range)?))
    }

    /// Gives up a task's record locks of the file, as any `close` does.
    pub fn release_record_locks(&self, table: &LockTable, task: u64) {
        table.release(self.lock_key(), Owner::Task(task));
    }

    /// Takes (or for `None` gives up) the lock of the open file, which all its descriptors share. BSD `flock`. A change of
    /// kind that would have to wait gives the old lock up first; one that fails keeps it. Errors: EBADF, EAGAIN
    /// (`EWOULDBLOCK`) another has it, EINTR, ENOLCK.
    pub fn flock(&self, ctx: &Ctx, table: &Arc<LockTable>, kind: Option<LockKind>, wait: bool) -> Result<()> {
        if self.is_path() {
            return Err(Errno::EBADF.into());
        }
        let owner = Owner::Opening(std::ptr::from_ref(self).addr());
        let key = self.lock_key();
        let all = Claim { owner, task: ctx.task, kind: LockKind::Shared, start: 0, last: u64::MAX };
        self.flocked.get_or_init(|| Flocked { table: table.clone(), key, owner });
        match table.set(key, &all, kind, Wait::Never) {
            Err(e) if wait && e.errno() == Errno::EAGAIN => {
                table.set(key, &all, None, Wait::Never)?;
                table.set(key, &all, kind, Wait::Until(ctx.cancel))
            }
            done => done,
        }
    }

    fn lock_key(&self) -> Key {
        Key::of(self.dentry.inode())
    }

    fn record_claim(&self, ctx: &Ctx, kind: LockKind, range: &LockRange) -> Result<Claim> {
        let from = match range.whence {
            Whence::Set => 0,
            Whence::Current => *lock(&self.position),
            Whence::End => self.len_bytes(ctx)?,
            Whence::Data | Whence::Hole => return Err(Errno::EINVAL.into()),
        };
        let from = i64::try_from(from).map_err(|_| Errno::EOVERFLOW)?;
        let start = from.checked_add(range.start).ok_or(Errno::EOVERFLOW)?;
        // The byte after the last.
        let (start, end) = match range.len {
            0 => (start, None),
            len if len > 0 => (start, Some(start.checked_add(len - 1).ok_or(Errno::EOVERFLOW)?)),
            len => (
                start.checked_add(len).ok_or(Errno::EINVAL)?,
                Some(start.checked_sub(1).ok_or(Errno::EINVAL)?),
            ),
        };
        let start = u64::try_from(start).map_err(|_| Errno::EINVAL)?;
        let last = match end {
            Some(last) => u64::try_from(last).map_err(|_| Errno::EINVAL)?,
            None => u64::MAX,
        };
        Ok(Claim { owner: Owner::Task(ctx.task), task: ctx.task, kind, start, last })
    }
}
