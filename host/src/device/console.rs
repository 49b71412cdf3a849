//! The console: standard input and output of the process.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLHUP, POLLIN, POLLOUT};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::stream::{Openable, Stream};
use crate::base::sync::{Arc, Mutex, global, lock};
use crate::base::wait::WaitQueue;
use crate::base::{Errno, Result};

/// The node of the console; all openings are one.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl Console {
    /// Its nodes.
    pub const NODES: [&'static str; 2] = ["/dev/console", "/dev/tty"];
}

/// Who waits for input, of all hosts of the process.
#[derive(Default)]
struct Watch {
    queue: WaitQueue,
    /// Whether a thread sleeps in the operating system until there is input.
    watching: Mutex<bool>,
}

impl Watch {
    fn the() -> &'static Self {
        global!(Watch)
    }

    /// Arms a waiter, and sees to it that somebody watches. The thread ends when input came; if none comes any more, it
    /// ends with the process.
    fn arm(&'static self, waiter: u64) -> Result<()> {
        let mut watching = lock(&self.watching);
        self.queue.arm(waiter);
        if !*watching {
            std::thread::Builder::new().name("console".to_owned()).spawn(move || self.watch())?;
            *watching = true;
        }
        Ok(())
    }

    fn watch(&self) {
        while let Err(rustix::io::Errno::INTR) = input(None) {}
        // Who armed before this is woken; who arms after it starts another watch.
        *lock(&self.watching) = false;
        self.queue.wake(POLLIN);
    }
}

/// What is true of standard input: waits for something, unless a time is given.
fn input(timeout: Option<&Timespec>) -> rustix::io::Result<PollFlags> {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN)];
    poll(&mut fds, timeout)?;
    Ok(fds[0].revents())
}

fn input_now() -> Result<PollFlags> {
    Ok(input(Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?)
}

impl Openable for Console {
    fn open(&self, _ctx: &Ctx, _flags: u32) -> Result<Arc<dyn Stream>> {
        Ok(Arc::new(*self))
    }
}

impl Stream for Console {
    fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        // An end, an error or bytes: then reading does not wait.
        if input_now()?.is_empty() {
            return Err(Errno::EAGAIN.into());
        }
        Ok(rustix::io::read(std::io::stdin().as_fd(), buf)?)
    }

    fn write(&self, _ctx: &Ctx, _offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        Ok(rustix::io::write(std::io::stdout().as_fd(), buf)?)
    }

    fn poll(&self, _ctx: &Ctx, waiter: u64) -> Result<u32> {
        let mut there = input_now()?;
        if waiter != 0 && there.is_empty() {
            Watch::the().arm(waiter)?;
            there = input_now()?;
        }
        let mut events = POLLOUT;
        if there.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            // Also at the end: reading tells it at once.
            events |= POLLIN;
        }
        if there.contains(PollFlags::HUP) {
            events |= POLLHUP;
        }
        Ok(events)
    }

    fn waits(&self) -> bool {
        true
    }

    fn is_terminal(&self) -> bool {
        std::io::stdin().is_terminal()
    }
}
