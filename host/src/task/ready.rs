//! Files of the tree for event loops of the operating system.

use std::os::fd::{AsFd, BorrowedFd};

use nxvfs_abi::Ctx;

use super::Task;
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::wait::{Bell, wake};
use crate::base::{Errno, Result};
use crate::file::{DescriptorTable, PollFd, look};

/// A set of descriptors whose readiness is that of one descriptor of the operating system, for `poll`, `epoll` and event
/// loops over them.
///
/// The descriptor becomes readable when something that the set waits for becomes true, and stays readable until
/// [`Ready::look`] finds that nothing is true any more: it is level-triggered, by the truth of the last look. Being
/// readable says that it is worth to look; what is true only a look tells. Nothing is lost: whatever becomes true after a
/// look makes it readable. Nobody but `look` reads from it.
pub struct Ready {
    bell: Bell,
    descriptors: Arc<DescriptorTable>,
    ctx: Ctx,
    fds: Mutex<Vec<PollFd>>,
}

impl Task {
    /// A set of descriptors to wait for in the operating system. Errors: EINVAL more than a task can have open; EMFILE,
    /// ENFILE, ENOMEM.
    pub fn ready(&self, fds: &[PollFd]) -> Result<Ready> {
        let ready = Ready {
            bell: Bell::new(self.caller.cancel)?,
            descriptors: self.descriptors.clone(),
            ctx: self.caller.ctx(),
            fds: Mutex::default(),
        };
        ready.set(fds)?;
        Ok(ready)
    }
}

impl Ready {
    /// Waits for other descriptors from here on. Errors: EINVAL more than a task can have open.
    pub fn set(&self, fds: &[PollFd]) -> Result<()> {
        if fds.len() > self.descriptors.limit() as usize {
            return Err(Errno::EINVAL.into());
        }
        *lock(&self.fds) = fds.to_vec();
        self.look();
        Ok(())
    }

    /// What is true now of which descriptors, as `poll` tells it, a closed one (POLLNVAL) included; never waits.
    pub fn look(&self) -> Vec<PollFd> {
        // Two looks at a time could take each other's news away.
        let mut fds = lock(&self.fds);
        // That the task has ended is told by its descriptors.
        let _ = self.bell.begin();
        if look(&self.descriptors, &self.ctx, &mut fds, self.bell.token()) > 0 {
            // The bell is this set's own.
            let _ = wake(self.bell.token(), 0);
        }
        fds.iter().filter(|fd| fd.revents != 0).copied().collect()
    }
}

impl AsFd for Ready {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
