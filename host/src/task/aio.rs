//! Transfers that go on while their caller does something else.

use std::time::{Duration, Instant};

use super::{Host, Task};
use crate::base::sync::Arc;
use crate::base::wait::Waiter;
use crate::base::{Errno, Result};
use crate::file::{Aio, AioBuffer, AioList, AioNotice, AioOp, AioRequest, Cancelled, Only};

impl Host {
    /// How many threads do transfers that were asked for with `aio_`: none before the first one.
    pub fn aio_threads(&self) -> usize {
        self.aio().threads()
    }
}

impl Task {
    /// Reads at an offset into a buffer, which [`Aio::take_buffer`] gives back. POSIX `aio_read`; errors as
    /// [`Task::aio_submit`].
    pub fn aio_read(&self, fd: u32, buffer: impl AioBuffer, offset: u64) -> Result<Arc<Aio>> {
        let op = AioOp::Read(Box::new(buffer));
        self.aio_submit(AioRequest { fd, op, offset, notice: AioNotice::None, owner: None })
    }

    /// Writes a buffer at an offset, or with `O_APPEND` at the end, in the order of the calls. POSIX `aio_write`; errors
    /// as [`Task::aio_submit`].
    pub fn aio_write(&self, fd: u32, buffer: impl AioBuffer, offset: u64) -> Result<Arc<Aio>> {
        let op = AioOp::Write(Box::new(buffer));
        self.aio_submit(AioRequest { fd, op, offset, notice: AioNotice::None, owner: None })
    }

    /// Brings everything that was asked for on the file before to its medium. POSIX `aio_fsync`, with `data_only` for
    /// `O_DSYNC`; errors as [`Task::aio_submit`].
    pub fn aio_fsync(&self, fd: u32, data_only: bool) -> Result<Arc<Aio>> {
        self.aio_submit(AioRequest {
            fd,
            op: AioOp::Sync { data_only },
            offset: 0,
            notice: AioNotice::None,
            owner: None,
        })
    }

    /// Accepts any request. The position of the descriptor does not move. The request keeps the open file: closing the
    /// descriptor ends (ECANCELED) what waits for news, if it was the last one, and else changes nothing. What the
    /// transfer fails with is told by [`Aio::error`] and [`Aio::finish`].
    ///
    /// Errors: EBADF not open for that (a synchronisation wants to write); EAGAIN too many are under way.
    pub fn aio_submit(&self, request: AioRequest) -> Result<Arc<Aio>> {
        self.aio_submit_of(request, None)
    }

    /// Accepts several requests, as far as they are accepted, and gives `notice` when all of them are over. POSIX
    /// `lio_listio`; each has an answer as [`Task::aio_submit`].
    pub fn aio_list(&self, requests: Vec<AioRequest>, notice: AioNotice) -> Vec<Result<Arc<Aio>>> {
        // One more than there are, so that the last end is not before this one.
        let list = AioList::new(requests.len() + 1, notice);
        let submit = |request| {
            let accepted = self.aio_submit_of(request, Some(list.clone()));
            if accepted.is_err() {
                list.one_ended();
            }
            accepted
        };
        let answers = requests.into_iter().map(submit).collect();
        list.one_ended();
        answers
    }

    fn aio_submit_of(&self, request: AioRequest, list: Option<Arc<AioList>>) -> Result<Arc<Aio>> {
        let file = self.descriptors.get(request.fd)?;
        let allowed = match request.op {
            AioOp::Read(_) => file.flags().readable(),
            AioOp::Write(_) | AioOp::Sync { .. } => file.flags().writable(),
        };
        if !allowed {
            return Err(Errno::EBADF.into());
        }
        self.host.aio().submit(file, self.caller.ctx(), request, list)
    }

    /// Waits until one of them is over; `None` are passed over, and if there is none, there is nothing to wait for but
    /// the time. POSIX `aio_suspend`. Errors: EAGAIN the time is over; EINTR the task ends, or a signal's
    /// handler ran.
    pub fn aio_suspend(&self, of: &[Option<&Aio>], timeout: Option<Duration>) -> Result<()> {
        // A time that no clock reaches is for ever.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let waiter = Waiter::new(self.caller.cancel);
        loop {
            waiter.begin();
            of.iter().flatten().for_each(|aio| aio.arm(waiter.token()));
            if of.iter().flatten().any(|aio| aio.is_over()) {
                return Ok(());
            }
            if !waiter.sleep(until)? {
                return Err(Errno::EAGAIN.into());
            }
        }
    }

    /// Waits until all of them are over. POSIX `lio_listio` with `LIO_WAIT`. Errors: EIO one of them failed; EINTR the task
    /// ends, or a signal's handler ran.
    pub fn aio_wait(&self, all: &[Arc<Aio>]) -> Result<()> {
        for aio in all {
            if !aio.is_over() {
                self.aio_suspend(&[Some(aio)], None)?;
            }
        }
        if all.iter().any(|aio| aio.error().is_err()) { Err(Errno::EIO.into()) } else { Ok(()) }
    }

    /// Cancels what has not begun, or waits for news, of this task's requests on a descriptor: one of them, or all. They
    /// end with ECANCELED. POSIX `aio_cancel`. Errors: EBADF.
    pub fn aio_cancel(&self, fd: u32, only: Option<&Aio>) -> Result<Cancelled> {
        self.cancel(fd, only.map_or(Only::All, Only::Request))
    }

    /// As [`Task::aio_cancel`], of those whose owner gave them this tag.
    pub fn aio_cancel_tagged(&self, fd: u32, tag: u64) -> Result<Cancelled> {
        self.cancel(fd, Only::Tagged(tag))
    }

    fn cancel(&self, fd: u32, only: Only<'_>) -> Result<Cancelled> {
        self.descriptors.get(fd)?;
        Ok(self.host.aio().cancel(self.caller.task, fd, only))
    }
}
