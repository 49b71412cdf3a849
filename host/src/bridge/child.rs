//! What a program finds that the standard library's `Command` cannot say: which signals are blocked, and numbers beyond its
//! standard streams. It is done in the child, between `fork` and `execve`: this process changes nothing of its own.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd};

/// What a number of the program is to be.
#[derive(Debug)]
pub enum Inherited {
    /// Not open.
    Closed,
    /// What this process has there, whether or not it is closed on execution.
    Open,
    /// A copy of a descriptor.
    Copy(OwnedFd),
}

/// One system call of the child.
enum Step {
    Close(RawFd),
    Open(RawFd),
    Copy { from: OwnedFd, to: RawFd },
}

/// What is done in the child, and what keeps the numbers that it takes free of anything else until then.
#[derive(Default)]
pub struct Inheritance {
    mask: Option<libc::sigset_t>,
    steps: Vec<Step>,
    held: Vec<OwnedFd>,
    /// Where what this process opens meanwhile is in nobody's way.
    above: RawFd,
}

fn state(fd: RawFd) -> Option<FdFlags> {
    if fd < 0 {
        return None;
    }
    // SAFETY: only asked after; that it is closed is an answer.
    fcntl_getfd(unsafe { BorrowedFd::borrow_raw(fd) }).ok()
}

impl Inheritance {
    /// The signals that are blocked (those that there are not are passed over), and what is at numbers from 3 on. Errors:
    /// EMFILE.
    pub fn new(
        blocked: Option<&[i32]>,
        numbers: impl IntoIterator<Item = (RawFd, Inherited)>,
    ) -> io::Result<Self> {
        let numbers: Vec<_> = numbers.into_iter().collect();
        let above = numbers.iter().map(|(fd, _)| fd.saturating_add(1)).max().unwrap_or(0);
        let mut found = Self { mask: blocked.map(set), above, ..Self::default() };
        for (to, what) in numbers {
            match (what, state(to)) {
                // What is closed on execution needs nothing.
                (Inherited::Closed, Some(flags)) if !flags.contains(FdFlags::CLOEXEC) => {
                    found.steps.push(Step::Close(to));
                }
                (Inherited::Closed | Inherited::Open, None) | (Inherited::Closed, _) => {}
                (Inherited::Open, Some(_)) => found.steps.push(Step::Open(to)),
                (Inherited::Copy(fd), there) => {
                    let from = fcntl_dupfd_cloexec(&fd, above)?;
                    if there.is_none() {
                        // So that what the start of a program needs for itself does not get the number.
                        let held = fcntl_dupfd_cloexec(&fd, to)?;
                        if held.as_raw_fd() == to {
                            found.held.push(held);
                        }
                    }
                    found.steps.push(Step::Copy { from, to });
                }
            }
        }
        Ok(found)
    }

    /// The same descriptor by a number that no step changes. Errors: EMFILE.
    pub fn out_of_the_way(&self, fd: OwnedFd) -> io::Result<OwnedFd> {
        if self.steps.is_empty() { Ok(fd) } else { Ok(fcntl_dupfd_cloexec(fd.as_fd(), self.above)?) }
    }

    /// Lets a command do it.
    pub fn apply(self, command: &mut Command) {
        if self.mask.is_none() && self.steps.is_empty() {
            return;
        }
        let run = move || {
            // Kept until the command is gone.
            let _ = &self.held;
            self.steps.iter().try_for_each(Step::run)?;
            let Some(mask) = &self.mask else { return Ok(()) };
            // SAFETY: a set that is there; nothing else is told.
            check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) })
        };
        // SAFETY: system calls only, which a child of a process with threads may do; no memory is allocated or freed.
        unsafe { command.pre_exec(run) };
    }
}

impl Step {
    fn run(&self) -> io::Result<()> {
        match self {
            // SAFETY: the child's own number. That it is closed already is no failure.
            Self::Close(fd) => unsafe {
                libc::close(*fd);
                Ok(())
            },
            // SAFETY: numbers only.
            Self::Open(fd) => check(unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) }),
            // SAFETY: as above; the copy stays open on execution.
            Self::Copy { from, to } => check(unsafe { libc::dup2(from.as_raw_fd(), *to) }),
        }
    }
}

fn check(answer: i32) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` fills it; a number that is no signal is refused and changes nothing.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}
