//! Waiting for several descriptors at once.

use std::time::{Duration, Instant};

use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT};

use super::descriptors::DescriptorTable;
use crate::base::wait::Waiter;
use crate::base::{Errno, Result};

/// Normal data may be read: the same as `POLLIN`.
pub const POLLRDNORM: u32 = 0x40;
/// Normal data may be written: the same as `POLLOUT`.
pub const POLLWRNORM: u32 = 0x100;

/// One descriptor to wait for. POSIX `struct pollfd`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollFd {
    /// The descriptor; a negative one is passed over.
    pub fd: i32,
    /// The events that are waited for ([`nxvfs_abi::character::event`], [`POLLRDNORM`], [`POLLWRNORM`]).
    pub events: u32,
    /// What is true: of the events, and always `POLLERR`, `POLLHUP` and `POLLNVAL`.
    pub revents: u32,
}

impl PollFd {
    /// Waits for these events of a descriptor.
    pub fn new(fd: u32, events: u32) -> Self {
        Self { fd: i32::try_from(fd).unwrap_or(i32::MAX), events, revents: 0 }
    }

    fn look(&mut self, table: &DescriptorTable, ctx: &Ctx, waiter: u64) -> bool {
        let Ok(fd) = u32::try_from(self.fd) else {
            self.revents = 0;
            return false;
        };
        let mut there = table.get(fd).map_or(POLLNVAL, |file| file.poll(ctx, waiter));
        there |= if there & POLLIN != 0 { POLLRDNORM } else { 0 };
        there |= if there & POLLOUT != 0 { POLLWRNORM } else { 0 };
        self.revents = there & (self.events | POLLERR | POLLHUP | POLLNVAL);
        self.revents != 0
    }
}

/// Waits until something is true of one of the descriptors, or the time is over; answers of how many. `None` waits for
/// ever. POSIX `poll`. Errors: EINVAL more than a task can have open, EINTR the task ends, or a signal's handler
/// ran.
pub fn poll(
    table: &DescriptorTable,
    ctx: &Ctx,
    fds: &mut [PollFd],
    timeout: Option<Duration>,
) -> Result<usize> {
    if fds.len() > table.limit() as usize {
        return Err(Errno::EINVAL.into());
    }
    // A time that no clock reaches is for ever.
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let waiter = Waiter::new(ctx.cancel);
    loop {
        waiter.begin();
        let count = look(table, ctx, fds, waiter.token());
        if count > 0 || timeout == Some(Duration::ZERO) {
            return Ok(count);
        }
        if !waiter.sleep(until)? {
            return Ok(0);
        }
    }
}

/// What is true now, and of how many descriptors; arms a waiter (0 is nobody) for what may become true, as long as nothing
/// is.
pub fn look(table: &DescriptorTable, ctx: &Ctx, fds: &mut [PollFd], waiter: u64) -> usize {
    let mut count = 0;
    for fd in fds {
        // Once something is true nobody will sleep.
        let token = if count > 0 { 0 } else { waiter };
        count += usize::from(fd.look(table, ctx, token));
    }
    count
}
