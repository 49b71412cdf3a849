//! Errors of writes that nobody was waiting for: kept until every user of the device or file has been told once.

use crate::base::sync::{AtomicU64, Mutex, Ordering, lock};
use crate::base::{Error, Result};

#[derive(Default)]
struct State {
    count: u64,
    last: Option<Error>,
    /// So many have been told to somebody.
    told: u64,
}

/// The late errors of one device or file.
#[derive(Default)]
pub struct LateErrors(Mutex<State>);

/// How many late errors one user has been told.
#[derive(Debug, Default)]
pub struct Seen(AtomicU64);

impl LateErrors {
    /// A write failed that somebody believes to be done.
    pub fn note(&self, error: &Error) {
        let mut state = lock(&self.0);
        state.count += 1;
        state.last = Some(error.clone());
    }

    /// A new user: it is told what nobody has been told yet.
    pub fn user(&self) -> Seen {
        Seen(AtomicU64::new(lock(&self.0).told))
    }

    /// The result of a call that reports late errors too: its own failure, or else what this user has not heard of.
    pub fn report(&self, seen: &Seen, now: Result<()>) -> Result<()> {
        let mut state = lock(&self.0);
        let before = seen.0.swap(state.count, Ordering::AcqRel);
        let news = (state.count > before).then(|| state.last.clone()).flatten();
        if news.is_some() || now.is_err() {
            state.told = state.count;
        }
        now?;
        news.map_or(Ok(()), |error| Err(error.doing("an earlier write")))
    }
}
