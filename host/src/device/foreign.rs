//! Descriptors of the operating system as nodes: sockets, pipes, terminals.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};

use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI};
use nxvfs_abi::ioctl::FIONREAD;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno as OsErrno, ReadWriteFlags, preadv2, pwritev2};

use super::command::fill_int;
use super::reactor::Reactor;
use super::stream::{Openable, Stream};
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::wait::WaitQueue;
use crate::base::{Errno, Result};

/// Written at most where the kernel cannot be told not to wait: what a pipe has room for once it is ready. Linux
/// `PIPE_BUF`.
const PIECE_BYTES: usize = 4096;
/// The position of the descriptor itself.
const OWN_POSITION: u64 = u64::MAX;

/// A node that is a descriptor of the operating system. All openings are one.
#[derive(Clone)]
pub struct Foreign(Arc<Descriptor>);

struct Descriptor {
    fd: OwnedFd,
    reactor: Arc<Reactor>,
    news: Arc<WaitQueue>,
    watched: Mutex<Watched>,
}

/// Whether the reactor has it.
#[derive(Default)]
enum Watched {
    /// Not yet: nobody has waited.
    #[default]
    No,
    /// By this number.
    By(u64),
    /// It need not: it is always ready.
    Never,
}

impl Foreign {
    /// Over a descriptor, whose flags do not change: others may use what it stands for, too.
    pub fn new(reactor: &Arc<Reactor>, fd: OwnedFd) -> Self {
        let (reactor, news) = (reactor.clone(), Arc::default());
        Self(Arc::new(Descriptor { fd, reactor, news, watched: Mutex::default() }))
    }
}

impl Descriptor {
    /// Sees to it that the reactor has it.
    fn watch(&self) -> Result<()> {
        let mut watched = lock(&self.watched);
        if matches!(*watched, Watched::No) {
            *watched = match self.reactor.watch(&self.fd, &self.news) {
                Ok(number) => Watched::By(number),
                Err(e) if e.errno() == Errno::EPERM => Watched::Never,
                Err(e) => return Err(e),
            };
        }
        Ok(())
    }

    /// What is true now.
    fn now(&self) -> Result<PollFlags> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN | PollFlags::OUT | PollFlags::PRI)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        Ok(fds[0].revents())
    }

    /// Errors: EAGAIN nothing of it is true.
    fn need(&self, what: PollFlags) -> Result<()> {
        let always = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if self.now()?.intersects(what | always) { Ok(()) } else { Err(Errno::EAGAIN.into()) }
    }
}

/// Whether the kernel will not do it at once for this kind of descriptor, though it may be ready.
fn not_at_once(error: OsErrno) -> bool {
    use OsErrno as E;
    matches!(error, E::AGAIN | E::OPNOTSUPP | E::INVAL | E::NOSYS | E::SPIPE)
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if let Watched::By(number) = *lock(&self.watched) {
            self.reactor.forget(&self.fd, number);
        }
    }
}

impl Openable for Foreign {
    fn open(&self, _ctx: &Ctx, _flags: u32) -> Result<Arc<dyn Stream>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Stream for Foreign {
    fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        let own = &self.0;
        let flags = ReadWriteFlags::NOWAIT;
        match preadv2(&own.fd, &mut [IoSliceMut::new(buf)], OWN_POSITION, flags) {
            Err(e) if not_at_once(e) => {
                own.need(PollFlags::IN)?;
                Ok(rustix::io::read(&own.fd, buf)?)
            }
            done => Ok(done?),
        }
    }

    fn write(&self, _ctx: &Ctx, _offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        let own = &self.0;
        match pwritev2(&own.fd, &[IoSlice::new(buf)], OWN_POSITION, ReadWriteFlags::NOWAIT) {
            Err(e) if not_at_once(e) => {
                own.need(PollFlags::OUT)?;
                Ok(rustix::io::write(&own.fd, &buf[..buf.len().min(PIECE_BYTES)])?)
            }
            done => Ok(done?),
        }
    }

    fn poll(&self, _ctx: &Ctx, waiter: u64) -> Result<u32> {
        let own = &self.0;
        own.news.arm(waiter);
        if waiter != 0 {
            own.watch()?;
        }
        let there = own.now()?;
        let pairs = [
            (PollFlags::IN | PollFlags::HUP, POLLIN),
            (PollFlags::OUT, POLLOUT),
            (PollFlags::PRI, POLLPRI),
            (PollFlags::HUP, POLLHUP),
            (PollFlags::ERR | PollFlags::NVAL, POLLERR),
        ];
        Ok(pairs.iter().filter(|(os, _)| there.intersects(*os)).map(|(_, ours)| ours).sum())
    }

    fn waits(&self) -> bool {
        true
    }

    fn writes_all(&self) -> bool {
        true
    }

    fn is_terminal(&self) -> bool {
        std::io::IsTerminal::is_terminal(&self.0.fd.as_fd())
    }

    fn ioctl(&self, _ctx: &Ctx, command: u32, arg: &mut [u8]) -> Result<u64> {
        match command {
            FIONREAD => {
                let count = rustix::io::ioctl_fionread(&self.0.fd)?;
                fill_int(arg, usize::try_from(count).map_err(|_| Errno::EOVERFLOW)?)
            }
            _ => Err(Errno::ENOTTY.into()),
        }
    }
}
