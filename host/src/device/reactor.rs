//! One thread of a host that sleeps in the operating system for all descriptors of others.
//!
//! Each is watched by edges: the kernel tells every change once, so that nothing is armed again and nothing is told in a
//! circle. Who waits is armed first and looks then, as with any source, and so misses no edge.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;

use nxvfs_abi::character::event::{POLLIN, POLLOUT};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno as OsErrno;

use crate::base::Result;
use crate::base::sync::{Arc, Mutex, Weak, lock};
use crate::base::wait::WaitQueue;
use crate::bridge::spawn_quiet;

/// The event that ends the thread.
const STOP: u64 = 0;
/// Events that are fetched at a time.
const AT_ONCE: usize = 32;

struct Watch {
    epoll: OwnedFd,
    stop: OwnedFd,
    sources: Mutex<BTreeMap<u64, Weak<WaitQueue>>>,
}

#[derive(Default)]
struct State {
    running: Option<(Arc<Watch>, JoinHandle<()>)>,
    next: u64,
}

/// The watcher of one host: nothing before the first descriptor is waited for.
#[derive(Default)]
pub struct Reactor(Mutex<State>);

impl Reactor {
    /// Watches a descriptor until [`Reactor::forget`] and wakes its queue at each change. Errors: EPERM it is always ready
    /// (a regular file); EMFILE, ENOMEM, EAGAIN.
    pub(super) fn watch(&self, fd: &OwnedFd, queue: &Arc<WaitQueue>) -> Result<u64> {
        let mut state = lock(&self.0);
        if state.running.is_none() {
            state.running = Some(start()?);
        }
        state.next += 1;
        let number = state.next;
        let Some((watch, _)) = &state.running else { return Ok(number) };
        lock(&watch.sources).insert(number, Arc::downgrade(queue));
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::PRI | EventFlags::ET;
        let added = epoll::add(&watch.epoll, fd, EventData::new_u64(number), flags);
        if let Err(e) = added {
            lock(&watch.sources).remove(&number);
            return Err(e.into());
        }
        Ok(number)
    }

    /// The end of [`Reactor::watch`], before the descriptor is closed: others may have what it stands for.
    pub(super) fn forget(&self, fd: &OwnedFd, number: u64) {
        if let Some((watch, _)) = &lock(&self.0).running {
            lock(&watch.sources).remove(&number);
            let _ = epoll::delete(&watch.epoll, fd);
        }
    }
}

fn start() -> Result<(Arc<Watch>, JoinHandle<()>)> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    epoll::add(&epoll, &stop, EventData::new_u64(STOP), EventFlags::IN)?;
    let watch = Arc::new(Watch { epoll, stop, sources: Mutex::default() });
    let other = watch.clone();
    let thread = spawn_quiet("descriptors", move || other.run())?;
    Ok((watch, thread))
}

impl Watch {
    fn run(&self) {
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; AT_ONCE];
        loop {
            let count = match epoll::wait(self.epoll.as_fd(), &mut events, None) {
                Ok(count) => count,
                Err(OsErrno::INTR) => continue,
                Err(e) => {
                    log::error!("descriptors of the operating system are watched no more: {e}");
                    return;
                }
            };
            for event in &events[..count] {
                let number = event.data.u64();
                if number == STOP {
                    return;
                }
                let queue = lock(&self.sources).get(&number).and_then(Weak::upgrade);
                if let Some(queue) = queue {
                    queue.wake(POLLIN | POLLOUT);
                }
            }
        }
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        let Some((watch, thread)) = lock(&self.0).running.take() else { return };
        let _ = rustix::io::write(&watch.stop, &1u64.to_ne_bytes());
        let _ = thread.join();
    }
}
