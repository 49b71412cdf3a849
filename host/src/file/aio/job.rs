//! One transfer: tried until it need not wait.

use nxvfs_abi::Ctx;
use nxvfs_abi::types::open;

use super::request::{AioList, AioNotice, AioOp};
use crate::base::sync::Arc;
use crate::base::wait::Callback;
use crate::base::{Errno, Result};
use crate::file::OpenFile;

/// Everything that a transfer needs. Its end closes what only it kept open.
pub(super) struct Job {
    pub(super) file: Arc<OpenFile>,
    pub(super) ctx: Ctx,
    pub(super) op: AioOp,
    pub(super) offset: u64,
    /// Bytes that a write has written already.
    pub(super) done: usize,
    /// Brings it back when there is news; made when it first waits.
    pub(super) callback: Option<Callback>,
    pub(super) notice: AioNotice,
    pub(super) list: Option<Arc<AioList>>,
}

/// What must be in order among the transfers of one file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Free,
    Reads,
    Writes,
    Sync,
}

impl Order {
    pub(super) fn of(file: &OpenFile, op: &AioOp) -> Self {
        let no_position = file.stream().is_some_and(|stream| !stream.has_position());
        match op {
            AioOp::Read(_) if no_position => Self::Reads,
            AioOp::Write(_) if no_position || file.flags().has(open::O_APPEND) => Self::Writes,
            AioOp::Read(_) | AioOp::Write(_) => Self::Free,
            AioOp::Sync { .. } => Self::Sync,
        }
    }

    /// Whether this one must wait for an earlier one of the same file.
    pub(super) fn comes_after(self, earlier: Self) -> bool {
        self == Self::Sync || self != Self::Free && self == earlier
    }
}

impl Job {
    /// Tries. `None`: it must wait, and `callback` comes when it shall try again.
    pub(super) fn attempt(&mut self, callback: impl FnOnce() -> Callback) -> Option<Result<usize>> {
        let waits = self.file.waits_for_news();
        let first = self.step();
        if !waits || !would_wait(&first) {
            return Some(self.so_far(first));
        }
        let token = self.callback.get_or_insert_with(callback).token();
        // Armed first, then tried again: news in between are seen by this try, later ones ring.
        if let Err(e) = self.file.arm_for_news(&self.ctx, token) {
            return Some(self.so_far(Err(e)));
        }
        let second = self.step();
        if would_wait(&second) { None } else { Some(self.so_far(second)) }
    }

    fn step(&mut self) -> Result<usize> {
        let (file, ctx, offset) = (&self.file, &self.ctx, self.offset);
        match &mut self.op {
            AioOp::Read(buffer) => file.read_once(ctx, buffer.bytes_mut(), offset),
            AioOp::Sync { data_only } => file.sync(ctx, *data_only).map(|()| 0),
            AioOp::Write(buffer) => {
                let all = buffer.bytes().len();
                loop {
                    match file.write_once(ctx, &buffer.bytes()[self.done..], offset) {
                        Ok(done) => self.done = (self.done + done).min(all),
                        Err(e) => return Err(e),
                    }
                    if self.done == all || !file.writes_all() {
                        return Ok(self.done);
                    }
                }
            }
        }
    }

    /// What a write that goes on no more has written counts.
    fn so_far(&self, result: Result<usize>) -> Result<usize> {
        if result.is_err() && self.done > 0 { Ok(self.done) } else { result }
    }
}

fn would_wait(result: &Result<usize>) -> bool {
    result.as_ref().is_err_and(|e| e.errno() == Errno::EAGAIN)
}
