//! A program that runs, and how it ended.

use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;

use nxvfs_abi::character::event::POLLIN;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::base::sync::{Arc, Mutex, lock};
use crate::base::wait::{Relay, WaitQueue, Waiter};
use crate::base::{Errno, Error, Result};
use crate::bridge::spawn_quiet;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

#[derive(Default)]
pub(super) struct End {
    /// `Err`: somebody else was told how it ended.
    exit: Option<Result<Exit, Errno>>,
    trouble: Option<Error>,
}

/// What the threads of a program share with who waits for it.
#[derive(Default)]
pub(super) struct Shared {
    end: Mutex<End>,
    ended: WaitQueue,
}

impl Shared {
    /// Keeps the first reason why not everything reached its file.
    pub(super) fn trouble(&self, error: Error) {
        lock(&self.end).trouble.get_or_insert(error);
    }
}

/// A program that runs, or ran. Dropping it changes nothing for the program, whose end is seen to nevertheless.
pub struct Child {
    pid: Pid,
    process: Arc<OwnedFd>,
    shared: Arc<Shared>,
    cancel: u64,
}

/// What ends with the program.
pub(super) struct Attendants {
    /// Feeds it; its sleep in a file ends by the relay.
    pub(super) feeder: Option<(JoinHandle<()>, Relay)>,
    pub(super) drains: Vec<JoinHandle<()>>,
    pub(super) scripts: Vec<OwnedFd>,
}

impl Child {
    pub(super) fn new(
        pid: Pid,
        process: Arc<OwnedFd>,
        shared: Arc<Shared>,
        attendants: Attendants,
        (reap, cancel): (bool, u64),
    ) -> Result<Self> {
        let child = Self { pid, process, shared, cancel };
        let (shared, process) = (child.shared.clone(), child.process.clone());
        spawn_quiet("program", move || attend(&process, &shared, attendants, reap))?;
        Ok(child)
    }

    /// The process's number.
    pub fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits until it has ended and what it wrote is in its files. Errors: EINTR the task ends, or a signal's handler ran;
    /// ECHILD somebody else in this process was told how it ended.
    pub fn wait(&self) -> Result<Exit> {
        self.wait_by(|waiter| waiter.sleep(None))
    }

    /// As [`Child::wait`], whatever signals come.
    pub fn wait_through(&self) -> Result<Exit> {
        self.wait_by(|waiter| waiter.sleep_through(None))
    }

    fn wait_by(&self, sleep: impl Fn(&Waiter) -> Result<bool, Errno>) -> Result<Exit> {
        let waiter = Waiter::new(self.cancel);
        loop {
            waiter.begin();
            self.shared.ended.arm(waiter.token());
            if let Some(exit) = self.try_wait() {
                return exit;
            }
            sleep(&waiter)?;
        }
    }

    /// How it ended, if it has; errors as [`Child::wait`].
    pub fn try_wait(&self) -> Option<Result<Exit>> {
        lock(&self.shared.end).exit.map(|exit| exit.map_err(Error::from))
    }

    /// Why not everything reached its file, or came from it, if so.
    pub fn trouble(&self) -> Option<Error> {
        lock(&self.shared.end).trouble.clone()
    }

    /// Sends a signal. POSIX `kill`. Errors: EINVAL no such signal; ESRCH it has ended.
    pub fn kill(&self, signal: i32) -> Result<()> {
        let signal = Signal::from_named_raw(signal).ok_or(Errno::EINVAL)?;
        Ok(pidfd_send_signal(&*self.process, signal)?)
    }
}

/// Waits for the end of a program, then for that of its pumps.
fn attend(process: &OwnedFd, shared: &Shared, attendants: Attendants, reap: bool) {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    while let Err(rustix::io::Errno::INTR) = poll(&mut fds, None) {}
    let keep = if reap { WaitIdOptions::empty() } else { WaitIdOptions::NOWAIT };
    let exit = match waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED | keep) {
        Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => Ok(Exit::Status(status)),
            (_, Some(signal)) => Ok(Exit::Signal(signal)),
            _ => Err(Errno::ECHILD),
        },
        _ => Err(Errno::ECHILD),
    };
    let Attendants { feeder, drains, scripts } = attendants;
    for drain in drains {
        let _ = drain.join();
    }
    if let Some((feeder, relay)) = feeder {
        relay.queue().close(Errno::EINTR);
        let _ = feeder.join();
    }
    drop(scripts);
    lock(&shared.end).exit = Some(exit);
    shared.ended.wake(POLLIN);
}
