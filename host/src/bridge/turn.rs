//! Whose turn it is: the lock of a serial instance. Unlike a mutex, waiting for it can be given up.

use std::sync::Condvar;

use crate::base::sync::{AtomicU8, Mutex, Ordering, lock};

const FREE: u8 = 0;
const TAKEN: u8 = 1;
/// Taken, and perhaps somebody waits.
const WANTED: u8 = 2;

/// A lock that is one exchange each way as long as nobody waits.
#[derive(Default)]
pub(super) struct Turn {
    state: AtomicU8,
    queue: Mutex<()>,
    changed: Condvar,
}

impl Turn {
    /// Takes the turn; `None` once `give_up` says so, which is asked again after each [`Turn::interrupt`].
    #[inline]
    pub(super) fn take(&self, give_up: impl Fn() -> bool) -> Option<MyTurn<'_>> {
        if self.state.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return self.wait(give_up);
        }
        Some(MyTurn(self))
    }

    #[cold]
    fn wait(&self, give_up: impl Fn() -> bool) -> Option<MyTurn<'_>> {
        let mut queue = lock(&self.queue);
        loop {
            if give_up() {
                return None;
            }
            if self.state.swap(WANTED, Ordering::Acquire) == FREE {
                return Some(MyTurn(self));
            }
            queue = self.changed.wait(queue).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Lets all who wait ask again whether they shall give up.
    pub(super) fn interrupt(&self) {
        let _queue = lock(&self.queue);
        self.changed.notify_all();
    }
}

/// The turn; given on when dropped.
pub(super) struct MyTurn<'a>(&'a Turn);

impl Drop for MyTurn<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.0.state.swap(FREE, Ordering::Release) == WANTED {
            let _queue = lock(&self.0.queue);
            self.0.changed.notify_one();
        }
    }
}
