//! What is asked for, and what becomes of it.

use std::any::Any;
use std::fmt;

use nxvfs_abi::character::event::POLLIN;

use super::notices;
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::wait::{WaitQueue, wake};
use crate::base::{Errno, Error, Result};

/// Memory of a transfer. It belongs to the request until that is over.
pub trait AioBuffer: Any + Send {
    /// What is written.
    fn bytes(&self) -> &[u8];
    /// Where what is read goes.
    fn bytes_mut(&mut self) -> &mut [u8];
}

impl AioBuffer for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}

/// What shall be done.
pub enum AioOp {
    /// Fill a buffer from an offset on.
    Read(Box<dyn AioBuffer>),
    /// Write a buffer at an offset; with `O_APPEND` at the end.
    Write(Box<dyn AioBuffer>),
    /// Bring everything that was asked for before to the medium.
    Sync {
        /// The data only (`O_DSYNC`).
        data_only: bool,
    },
}

impl AioOp {
    pub(super) fn into_buffer(self) -> Option<Box<dyn AioBuffer>> {
        match self {
            Self::Read(buffer) | Self::Write(buffer) => Some(buffer),
            Self::Sync { .. } => None,
        }
    }
}

/// How the end is told.
#[derive(Default)]
pub enum AioNotice {
    /// Not at all: whoever wants to know asks. POSIX `SIGEV_NONE`.
    #[default]
    None,
    /// By calling this on another thread; several at a time, but not more than a few. POSIX `SIGEV_THREAD`.
    Call(Box<dyn FnOnce() + Send>),
    /// By waking a waiter or callback.
    Wake(u64),
}

impl AioNotice {
    pub(super) fn give(self) {
        match self {
            Self::None => {}
            Self::Wake(token) => {
                // Who has gone away does not want to know.
                let _ = wake(token, POLLIN);
            }
            Self::Call(call) => notices::call(call),
        }
    }
}

/// Who keeps the state of a request himself.
pub struct AioOwner {
    /// By what it can be cancelled ([`crate::Task::aio_cancel_tagged`]).
    pub tag: u64,
    /// Called once when it is over, before anybody is told or woken. On any thread; it must not wait or call on.
    pub ended: Box<dyn FnOnce(Result<usize, Errno>) + Send>,
}

/// One request. POSIX `struct aiocb`.
pub struct AioRequest {
    /// The descriptor.
    pub fd: u32,
    /// What shall be done.
    pub op: AioOp,
    /// Where; what has no position ignores it, as do a synchronisation and a write with `O_APPEND`.
    pub offset: u64,
    /// How its end is told.
    pub notice: AioNotice,
    /// Who keeps its state himself, if anybody does.
    pub owner: Option<AioOwner>,
}

#[derive(Default)]
struct End {
    result: Option<Result<usize>>,
    buffer: Option<Box<dyn AioBuffer>>,
    taken: bool,
    owner: Option<AioOwner>,
}

/// A request that was accepted.
#[derive(Default)]
pub struct Aio {
    end: Mutex<End>,
    ended: WaitQueue,
}

impl fmt::Debug for Aio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Aio").field(&self.error()).finish()
    }
}

impl Aio {
    pub(super) fn new(owner: Option<AioOwner>) -> Self {
        Self { end: Mutex::new(End { owner, ..End::default() }), ended: WaitQueue::default() }
    }

    /// How it stands: `Err(EINPROGRESS)` until it is over, then `Ok` or what it failed with, ECANCELED if it was
    /// cancelled. POSIX `aio_error`.
    pub fn error(&self) -> Result<(), Errno> {
        match &lock(&self.end).result {
            None => Err(Errno::EINPROGRESS),
            Some(Ok(_)) => Ok(()),
            Some(Err(e)) => Err(e.errno()),
        }
    }

    /// Its result, once: how many bytes, or why not. POSIX `aio_return`. Errors: EINPROGRESS it is not over; EINVAL it was
    /// asked for before; and what the transfer failed with.
    pub fn finish(&self) -> Result<usize> {
        let mut end = lock(&self.end);
        match &end.result {
            None => Err(Errno::EINPROGRESS.into()),
            Some(_) if end.taken => Err(Errno::EINVAL.into()),
            Some(result) => {
                let result = result.clone();
                end.taken = true;
                result
            }
        }
    }

    /// The buffer, once the transfer is over; once, and only as the type that it was given as.
    pub fn take_buffer<B: AioBuffer>(&self) -> Option<B> {
        let buffer = lock(&self.end).buffer.take()?;
        let buffer: Box<dyn Any> = buffer;
        buffer.downcast().ok().map(|buffer| *buffer)
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        lock(&self.end).result.is_some()
    }

    /// Arms a waiter with its end.
    pub(crate) fn arm(&self, waiter: u64) {
        self.ended.arm(waiter);
    }

    pub(super) fn complete(&self, result: Result<usize>, buffer: Option<Box<dyn AioBuffer>>) {
        let plain = result.as_ref().map_or_else(|e| Err(e.errno()), |done| Ok(*done));
        let mut end = lock(&self.end);
        end.result = Some(result);
        end.buffer = buffer;
        let owner = end.owner.take();
        drop(end);
        if let Some(owner) = owner {
            (owner.ended)(plain);
        }
        self.ended.wake(POLLIN);
    }
}

/// Requests whose last end is told. POSIX `lio_listio` with `LIO_NOWAIT`.
pub struct AioList(Mutex<(usize, AioNotice)>);

impl AioList {
    /// So many requests.
    pub fn new(count: usize, notice: AioNotice) -> Arc<Self> {
        Arc::new(Self(Mutex::new((count, notice))))
    }

    /// One less; after the last one it tells.
    pub fn one_ended(&self) {
        let mut left = lock(&self.0);
        left.0 = left.0.saturating_sub(1);
        let notice = if left.0 == 0 { std::mem::take(&mut left.1) } else { AioNotice::None };
        drop(left);
        notice.give();
    }
}

/// What a request that the end of its task ended, or that was cancelled, answers.
pub(super) fn cancelled() -> Result<usize> {
    Err(Error::from(Errno::ECANCELED))
}
