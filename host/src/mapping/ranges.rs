//! Locks on ranges of one file: overlapping ranges exclude each other, others do not.

use std::ops::Range;

use crate::base::sync::{Condvar, Mutex, lock, wait};

/// The ranges of a file that somebody holds.
#[derive(Default)]
pub(super) struct RangeLock {
    held: Mutex<Vec<Range<u64>>>,
    freed: Condvar,
}

/// A range, held until it is dropped.
pub(super) struct Held<'a> {
    lock: &'a RangeLock,
    range: Range<u64>,
}

impl RangeLock {
    /// Waits until nobody holds any byte of the range, and holds it.
    pub(super) fn hold(&self, range: Range<u64>) -> Held<'_> {
        let mut held = lock(&self.held);
        while held.iter().any(|other| other.start < range.end && range.start < other.end) {
            held = wait(&self.freed, held);
        }
        held.push(range.clone());
        Held { lock: self, range }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = lock(&self.lock.held);
        if let Some(at) = held.iter().position(|other| *other == self.range) {
            held.swap_remove(at);
        }
        drop(held);
        self.lock.freed.notify_all();
    }
}
