//! How many calls are under way, counted so that threads do not meet at one number.

use std::sync::Condvar;
use std::time::Instant;

use super::sync::{AtomicUsize, Mutex, Ordering, lock};

/// Numbers over which the threads are spread.
const SHARDS: usize = 8;

/// Alone on its cache line, and on the neighbour that the processor fetches with it.
#[repr(align(128))]
#[derive(Default)]
struct Shard(AtomicUsize);

/// Counts what is under way. Whoever enters looks **afterwards** whether it may go on; whoever ends something forbids
/// going on first and waits then: so one of the two sees the other.
#[derive(Default)]
pub struct InFlight {
    shards: [Shard; SHARDS],
    /// How many wait.
    waiters: AtomicUsize,
    lock: Mutex<()>,
    left: Condvar,
}

/// The shard of this thread.
#[inline]
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    }
    // A thread that is about to end may have lost its number already.
    MINE.try_with(|mine| *mine).unwrap_or(0)
}

impl InFlight {
    /// Counts one more, until the answer is dropped.
    #[inline]
    pub fn enter(&self) -> Entered<'_> {
        let shard = shard();
        self.shards[shard].0.fetch_add(1, Ordering::SeqCst);
        Entered { all: self, shard }
    }

    /// Waits until everyone has left who entered before; answers false if that was not so at `until`. Who enters
    /// meanwhile must leave by itself.
    pub fn wait(&self, until: Option<Instant>) -> bool {
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let quiet = self.wait_counted(until);
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        quiet
    }

    fn wait_counted(&self, until: Option<Instant>) -> bool {
        let mut guard = lock(&self.lock);
        for shard in &self.shards {
            // A shard that was seen empty once held nobody who entered before.
            while shard.0.load(Ordering::SeqCst) != 0 {
                guard = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                    Some(left) if left.is_zero() => return false,
                    Some(left) => {
                        let waited = self.left.wait_timeout(guard, left);
                        waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
                    }
                    None => self.left.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner),
                };
            }
        }
        true
    }

    #[cold]
    fn tell(&self) {
        // Under the lock, so that the waiter is either not yet looking or already waiting.
        let _guard = lock(&self.lock);
        self.left.notify_all();
    }
}

/// Something that is under way.
pub struct Entered<'a> {
    all: &'a InFlight,
    shard: usize,
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        self.all.shards[self.shard].0.fetch_sub(1, Ordering::SeqCst);
        if self.all.waiters.load(Ordering::SeqCst) != 0 {
            self.all.tell();
        }
    }
}
