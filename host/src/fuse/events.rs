//! Who waits for a driver node, in `poll(2)`.
//!
//! The kernel asks what is true, and is told once when that may have changed; then it asks again.

use std::collections::HashMap;

use fuser::{PollEvents, PollNotifier};

use super::door::Door;
use crate::base::sync::{Mutex, lock};
use crate::base::wait::Callback;
use crate::base::{Errno, Result};
use crate::file::PollFd;

/// Those that wait, by descriptor: one of each, for the kernel tells all that wait for one opening.
#[derive(Default)]
pub(super) struct Events(Mutex<HashMap<u32, Callback>>);

impl Events {
    /// An opening ends.
    pub(super) fn end(&self, fd: u32) {
        let gone = lock(&self.0).remove(&fd);
        drop(gone);
    }
}

impl Door {
    /// What is true of an opening; `notify` is told when that may have changed.
    pub(super) fn poll(
        &self,
        fd: u32,
        events: PollEvents,
        notify: Option<PollNotifier>,
    ) -> Result<PollEvents> {
        let mut fds = [PollFd::new(fd, events.bits() & 0xffff)];
        let Some(notify) = notify else {
            self.task.poll_now(&mut fds, 0);
            return Ok(PollEvents::from_bits_truncate(fds[0].revents));
        };
        let waiting = Callback::new(move || {
            if let Err(e) = notify.clone().notify() {
                log::debug!("poll of descriptor {fd}: the kernel was not told: {e}");
            }
        });
        self.task.poll_now(&mut fds, waiting.token());
        if fds[0].revents == 0 {
            let before = lock(&self.events.0).insert(fd, waiting);
            drop(before);
        }
        if fds[0].revents & nxvfs_abi::character::event::POLLNVAL != 0 {
            return Err(Errno::EBADF.into());
        }
        Ok(PollEvents::from_bits_truncate(fds[0].revents))
    }
}
