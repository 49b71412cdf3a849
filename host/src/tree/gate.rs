//! Keeps a volume alive while a call that holds nothing else is under way.

use crate::base::sync::{AtomicUsize, Condvar, Mutex, Ordering, lock, wait};

const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts calls that are under way, until it is closed.
#[derive(Default)]
pub(super) struct Gate {
    state: AtomicUsize,
    lock: Mutex<()>,
    empty: Condvar,
}

impl Gate {
    /// Enters; `None` once the gate is closed.
    pub(super) fn enter(&self) -> Option<Entered<'_>> {
        if self.state.fetch_add(1, Ordering::AcqRel) & CLOSED != 0 {
            self.leave();
            return None;
        }
        Some(Entered(self))
    }

    /// Closes the gate and waits until everyone has left.
    pub(super) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::AcqRel);
        let mut guard = lock(&self.lock);
        while self.state.load(Ordering::Acquire) != CLOSED {
            guard = wait(&self.empty, guard);
        }
    }

    fn leave(&self) {
        if self.state.fetch_sub(1, Ordering::AcqRel) == CLOSED | 1 {
            // Under the lock, so that the waiter is either not yet looking or already waiting.
            let _guard = lock(&self.lock);
            self.empty.notify_all();
        }
    }
}

/// A call that is under way.
pub(super) struct Entered<'a>(&'a Gate);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
