//! Bytes between a file of the tree and a pipe of the operating system.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLIN, POLLOUT};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno as OsErrno;

use crate::base::{Errno, Result};
use crate::file::OpenFile;

const CHUNK_BYTES: usize = 1 << 16;

/// Waits until a pipe has news; answers whether the process was seen to have ended.
fn wait(pipe: BorrowedFd<'_>, events: PollFlags, process: BorrowedFd<'_>) -> Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(pipe, events), PollFd::from_borrowed_fd(process, PollFlags::IN)];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => return Ok(!fds[1].revents().is_empty()),
            Err(OsErrno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Tries again when a file that may not wait has news.
fn patient<R>(file: &OpenFile, ctx: &Ctx, events: u32, mut attempt: impl FnMut() -> Result<R>) -> Result<R> {
    loop {
        match attempt() {
            Err(e) if e.errno() == Errno::EAGAIN => file.wait_for(ctx, events)?,
            done => return done,
        }
    }
}

/// Feeds a program: until the file ends, the program reads no more, or has ended. `ctx` ends a sleep in the file.
pub(super) fn feed(file: &OpenFile, ctx: &Ctx, pipe: &OwnedFd, process: &OwnedFd) -> Result<()> {
    let mut buf = vec![0; CHUNK_BYTES];
    loop {
        let len = match patient(file, ctx, POLLIN, || file.read(ctx, &mut buf)) {
            Err(e) if e.errno() == Errno::EINTR => return Ok(()),
            done => done?,
        };
        if len == 0 {
            return Ok(());
        }
        let mut rest = &buf[..len];
        while !rest.is_empty() {
            match rustix::io::write(pipe, rest) {
                Ok(done) => rest = &rest[done..],
                Err(OsErrno::AGAIN) => {
                    if wait(pipe.as_fd(), PollFlags::OUT, process.as_fd())? {
                        return Ok(());
                    }
                }
                Err(OsErrno::INTR) => {}
                // The program does not want it.
                Err(OsErrno::PIPE) => return Ok(()),
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Takes what a program writes: until nobody has the pipe's other end, or the program has ended and nothing is left in
/// it.
pub(super) fn drain(file: &OpenFile, ctx: &Ctx, pipe: &OwnedFd, process: &OwnedFd) -> Result<()> {
    let mut buf = vec![0; CHUNK_BYTES];
    let mut ended = false;
    loop {
        let len = match rustix::io::read(pipe, &mut buf) {
            Ok(0) => return Ok(()),
            Ok(len) => len,
            Err(OsErrno::AGAIN) if ended => return Ok(()),
            Err(OsErrno::AGAIN) => {
                ended = wait(pipe.as_fd(), PollFlags::IN, process.as_fd())?;
                continue;
            }
            Err(OsErrno::INTR) => continue,
            Err(e) => return Err(e.into()),
        };
        let mut rest = &buf[..len];
        while !rest.is_empty() {
            let done = patient(file, ctx, POLLOUT, || file.write(ctx, rest))?;
            if done == 0 {
                return Err(Errno::ENOSPC.into());
            }
            rest = &rest[done.min(rest.len())..];
        }
    }
}
