//! Transfers that wait: a stream answers EAGAIN, and the caller sleeps here, holding no lock, until there is news.

use std::ops::Deref;

use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT};
use nxvfs_abi::types::open;

use super::open::{Content, NEVER_INSTALLED, OpenFile};
use crate::base::sync::{Arc, Ordering};
use crate::base::wait::Waiter;
use crate::base::{Errno, Result};
use crate::device::Stream;

fn would_wait<R>(result: &Result<R>) -> bool {
    result.as_ref().is_err_and(|e| e.errno() == Errno::EAGAIN)
}

impl OpenFile {
    /// Tries until the answer is another than EAGAIN, unless `O_NONBLOCK` is set or the stream cannot be waited for.
    /// Errors: EINTR the task ends, the file's last descriptor is closed meanwhile, or a signal's handler ran; what the stream's
    /// end says.
    pub(super) fn waiting<R>(
        &self,
        ctx: &Ctx,
        stream: &dyn Stream,
        mut attempt: impl FnMut() -> Result<R>,
    ) -> Result<R> {
        let first = attempt();
        if !would_wait(&first) || self.flags().has(open::O_NONBLOCK) || !stream.waits() {
            return first;
        }
        let waiter = Waiter::new(ctx.cancel);
        loop {
            waiter.begin();
            self.sleepers.arm(waiter.token());
            if self.is_closed() {
                return Err(Errno::EINTR.into());
            }
            stream.poll(ctx, waiter.token())?;
            let again = attempt();
            if !would_wait(&again) {
                return again;
            }
            waiter.sleep(None)?;
        }
    }

    /// Whether a transfer that cannot go on now shall wait for news.
    pub(super) fn waits_for_news(&self) -> bool {
        !self.flags().has(open::O_NONBLOCK) && self.stream().is_some_and(|stream| stream.waits())
    }

    /// Arms a waiter or callback with everything that may have news for a transfer. Errors: ECANCELED the file's last descriptor
    /// is closed; what the stream's end says.
    pub(super) fn arm_for_news(&self, ctx: &Ctx, waiter: u64) -> Result<()> {
        self.sleepers.arm(waiter);
        if self.is_closed() {
            return Err(Errno::ECANCELED.into());
        }
        match self.stream() {
            Some(stream) => stream.poll(ctx, waiter).map(drop),
            None => Ok(()),
        }
    }

    /// Whether a write that may wait goes on until all is written.
    pub(super) fn writes_all(&self) -> bool {
        self.stream().is_some_and(|stream| stream.writes_all())
    }

    /// Writes all of it, waiting in between, to a stream that does not end with a part.
    pub(super) fn write_all(&self, ctx: &Ctx, stream: &dyn Stream, buf: &[u8]) -> Result<usize> {
        let mut sum = 0;
        loop {
            let rest = &buf[sum..];
            match self.waiting(ctx, stream, || stream.write(ctx, 0, rest, self.flags().0)) {
                Ok(done) => sum += done.min(rest.len()),
                // What was written before the failure was written.
                Err(_) if sum > 0 => return Ok(sum),
                Err(e) => return Err(e),
            }
            if sum == buf.len() || !stream.writes_all() || self.flags().has(open::O_NONBLOCK) {
                return Ok(sum);
            }
        }
    }

    /// Waits until one of the events is true, also with `O_NONBLOCK`. Errors: EINTR as for a transfer.
    pub fn wait_for(&self, ctx: &Ctx, events: u32) -> Result<()> {
        let waiter = Waiter::new(ctx.cancel);
        loop {
            waiter.begin();
            if self.poll(ctx, waiter.token()) & (events | POLLERR | POLLHUP | POLLNVAL) != 0 {
                return Ok(());
            }
            if self.is_closed() {
                return Err(Errno::EINTR.into());
            }
            waiter.sleep(None)?;
        }
    }

    /// The events that are true now, of all that there are; arms a waiter (0 is nobody) for the others.
    pub(super) fn poll(&self, ctx: &Ctx, waiter: u64) -> u32 {
        const ALL: u32 = POLLERR | POLLHUP;
        match &self.content {
            Content::Stream(stream) => {
                self.sleepers.arm(waiter);
                match stream.poll(ctx, waiter) {
                    Ok(events) => events,
                    Err(_) => ALL,
                }
            }
            Content::Path => POLLNVAL,
            // POSIX poll: regular files never wait.
            _ => POLLIN | POLLOUT,
        }
    }

    /// One more descriptor leads here.
    pub(super) fn descriptor_came(&self) {
        let _ = self.descriptors.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| {
            Some(if count == NEVER_INSTALLED { 1 } else { count + 1 })
        });
    }

    /// One descriptor less; the last one's end ends every sleep in this file.
    pub(super) fn descriptor_went(&self) {
        if self.descriptors.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.sleepers.wake(POLLNVAL);
        }
    }

    fn is_closed(&self) -> bool {
        self.descriptors.load(Ordering::Acquire) == 0
    }
}

/// Keeps a file as open as a descriptor does: closing all descriptors ends nobody's sleep in it.
pub struct KeptOpen(Arc<OpenFile>);

impl KeptOpen {
    /// Keeps it, from here on.
    pub fn new(file: Arc<OpenFile>) -> Self {
        file.descriptor_came();
        Self(file)
    }
}

impl Deref for KeptOpen {
    type Target = OpenFile;

    fn deref(&self) -> &OpenFile {
        &self.0
    }
}

impl Drop for KeptOpen {
    fn drop(&mut self) {
        self.0.descriptor_went();
    }
}
