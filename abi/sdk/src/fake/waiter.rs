//! Waiters: what a host leaves with `poll`, and a driver wakes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The waiters that live, and the events that each was woken for.
static WAITERS: Mutex<BTreeMap<u64, u32>> = Mutex::new(BTreeMap::new());
static BELL: Condvar = Condvar::new();

fn waiters() -> MutexGuard<'static, BTreeMap<u64, u32>> {
    WAITERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A waiter. What a driver wakes after it is dropped reaches nobody.
#[derive(Debug)]
pub struct Waiter(u64);

impl Waiter {
    /// A waiter that nobody woke yet.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let token = NEXT.fetch_add(1, Ordering::Relaxed);
        waiters().insert(token, 0);
        Self(token)
    }

    /// The number that the driver gets.
    pub fn token(&self) -> u64 {
        self.0
    }

    /// The events that it was woken for since it was asked last; 0 for none.
    pub fn woken(&self) -> u32 {
        waiters().get_mut(&self.0).map_or(0, std::mem::take)
    }

    /// Sleeps until it is woken, and answers the events. A driver that forgets to wake it hangs the test.
    pub fn wait(&self) -> u32 {
        let mut all = waiters();
        loop {
            let events = all.get_mut(&self.0).map_or(0, std::mem::take);
            if events != 0 {
                return events;
            }
            all = BELL.wait(all).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Default for Waiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        waiters().remove(&self.0);
    }
}

/// The service: whether there was anybody.
pub(super) fn wake(token: u64, events: u32) -> bool {
    let mut all = waiters();
    let Some(woken) = all.get_mut(&token) else { return false };
    *woken |= events;
    drop(all);
    BELL.notify_all();
    true
}
