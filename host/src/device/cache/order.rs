//! Which blocks are dirty, and in which order they may reach the device.
//!
//! Time is cut into epochs by barriers. A dirty block belongs to the epoch in which it was dirtied. Only blocks of the
//! oldest epoch are written; when it has none left and none is on its way, the device's own barrier is passed and the
//! next epoch is the oldest. So whatever prefix of the writes reaches the medium, no block is there before one that
//! was dirtied before a barrier before it.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use crate::base::Result;
use crate::base::sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering, lock, wait};

/// Blocks that are written by one call at most.
pub(super) const RUN_BLOCKS: u64 = 64;

pub(super) struct State {
    /// Number of the oldest epoch.
    pub(super) first: u64,
    /// Dirty blocks of each epoch that nobody is writing; the last epoch is the current one.
    epochs: VecDeque<BTreeSet<u64>>,
    /// Blocks of the oldest epoch that are being written, and discards.
    in_flight: usize,
    /// Dirty blocks, those in flight included.
    pub(super) dirty: usize,
    /// The device's barrier is being passed.
    crossing: bool,
    /// Writes and discards that the device has answered, and how many of them a barrier or flush came after.
    issued: u64,
    settled: u64,
}

impl State {
    /// Whether nothing of the oldest epoch is left to be written.
    pub(super) fn idle(&self) -> bool {
        self.epochs[0].is_empty() && self.in_flight == 0
    }

    /// Whether nothing at all is dirty that nobody is writing.
    pub(super) fn nothing_to_start(&self) -> bool {
        self.epochs.iter().all(BTreeSet::is_empty)
    }

    /// Takes adjacent blocks of the oldest epoch, the first of them `index`.
    fn take(&mut self, index: u64) -> Range<u64> {
        let oldest = &mut self.epochs[0];
        let mut end = index;
        while end - index < RUN_BLOCKS && oldest.remove(&end) {
            end += 1;
        }
        self.in_flight += (end - index) as usize;
        index..end
    }
}

/// What is next on the way to a goal.
pub(super) enum Step {
    /// The goal is reached, or nothing more can be done for it.
    Done,
    /// These blocks are to be written; [`Order::done`] follows.
    Write(Range<u64>),
    /// The barrier is to be passed: [`Order::cross`].
    Cross,
}

/// How far somebody has come who writes back.
#[derive(Default)]
pub(super) struct Cursor {
    epoch: u64,
    from: u64,
    /// Something could not be written: what lies before `from` is not tried again.
    pub(super) failed: bool,
}

/// The order of a device's writes.
pub(super) struct Order {
    state: Mutex<State>,
    changed: Condvar,
    current: AtomicU64,
}

impl Default for Order {
    fn default() -> Self {
        let state = State {
            first: 0,
            epochs: VecDeque::from([BTreeSet::new()]),
            in_flight: 0,
            dirty: 0,
            crossing: false,
            issued: 0,
            settled: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), current: AtomicU64::new(0) }
    }
}

impl Order {
    /// The epoch of blocks that are dirtied now.
    pub(super) fn current(&self) -> u64 {
        self.current.load(Ordering::Acquire)
    }

    /// The oldest epoch. Stays so while blocks of it are being written.
    pub(super) fn oldest(&self) -> u64 {
        lock(&self.state).first
    }

    /// Dirty blocks now.
    pub(super) fn dirty_blocks(&self) -> usize {
        lock(&self.state).dirty
    }

    /// A clean block became dirty; answers its epoch.
    pub(super) fn dirtied(&self, index: u64) -> u64 {
        let mut state = lock(&self.state);
        if state.epochs.back_mut().is_some_and(|current| current.insert(index)) {
            state.dirty += 1;
        }
        state.first + state.epochs.len() as u64 - 1
    }

    /// A dirty block's content is no longer needed. One that is being written is counted by who writes it.
    pub(super) fn forget(&self, index: u64, epoch: u64) {
        let mut state = lock(&self.state);
        let Some(at) = epoch.checked_sub(state.first) else { return };
        if state.epochs.get_mut(at as usize).is_some_and(|blocks| blocks.remove(&index)) {
            state.dirty -= 1;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Begins a new epoch, if there is anything that it must come after. Answers the last epoch before it.
    pub(super) fn seal(&self) -> u64 {
        let mut state = lock(&self.state);
        let current = state.first + state.epochs.len() as u64 - 1;
        let alone = state.epochs.len() == 1;
        let something = state.epochs.back().is_some_and(|blocks| !blocks.is_empty())
            || (alone && (state.in_flight > 0 || state.crossing || state.issued > state.settled));
        if !something {
            // Whatever came before belongs to an earlier epoch already, or has settled.
            return current;
        }
        state.epochs.push_back(BTreeSet::new());
        self.current.store(current + 1, Ordering::Release);
        current
    }

    /// What is next until `enough` holds. Waits for others where only they can go on.
    pub(super) fn step(&self, cursor: &mut Cursor, enough: &dyn Fn(&State) -> bool) -> Step {
        let mut state = lock(&self.state);
        loop {
            if enough(&state) {
                return Step::Done;
            }
            if state.first != cursor.epoch {
                (cursor.epoch, cursor.from) = (state.first, 0);
            }
            if state.crossing {
                state = wait(&self.changed, state);
            } else if let Some(index) = state.epochs[0].range(cursor.from..).next().copied() {
                let run = state.take(index);
                cursor.from = run.end;
                return Step::Write(run);
            } else if !state.epochs[0].is_empty() {
                if cursor.failed {
                    return Step::Done;
                }
                cursor.from = 0;
            } else if state.in_flight > 0 {
                state = wait(&self.changed, state);
            } else if cursor.failed || state.epochs.len() == 1 {
                return Step::Done;
            } else {
                return Step::Cross;
            }
        }
    }

    /// Takes a dirty block of the oldest epoch with its neighbours. `None` if it is not there: it waits for who writes
    /// it.
    pub(super) fn take(&self, index: u64, epoch: u64) -> Option<Range<u64>> {
        let mut state = lock(&self.state);
        if state.first != epoch || state.crossing || !state.epochs[0].contains(&index) {
            if state.crossing || (state.first == epoch && state.in_flight > 0) {
                drop(wait(&self.changed, state));
            }
            return None;
        }
        let mut start = index;
        while start > 0 && index - start < RUN_BLOCKS / 2 && state.epochs[0].contains(&(start - 1)) {
            start -= 1;
        }
        Some(state.take(start))
    }

    /// Blocks that were taken are written, except those that failed, which stay dirty.
    pub(super) fn done(&self, run: &Range<u64>, failed: &[u64], issued: bool) {
        let mut state = lock(&self.state);
        let count = (run.end - run.start) as usize;
        let mut left = 0;
        for index in failed {
            // One that was given up and dirtied again meanwhile is counted already.
            left += usize::from(state.epochs[0].insert(*index));
        }
        state.dirty -= count - left;
        self.leave(state, count, issued);
    }

    fn leave(&self, mut state: MutexGuard<'_, State>, count: usize, issued: bool) {
        state.in_flight -= count;
        state.issued += u64::from(issued);
        drop(state);
        self.changed.notify_all();
    }

    /// Keeps the oldest epoch while something is done to the device beside writing blocks. `None` if that is one
    /// before `epoch`.
    pub(super) fn enter(&self, epoch: u64) -> Option<Entered<'_>> {
        let mut state = lock(&self.state);
        while state.crossing {
            state = wait(&self.changed, state);
        }
        if state.first < epoch {
            return None;
        }
        state.in_flight += 1;
        Some(Entered(self))
    }

    /// Passes the device's barrier and makes the next epoch the oldest, unless another was faster.
    pub(super) fn cross(&self, barrier: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut state = lock(&self.state);
        if state.crossing || !state.idle() || state.epochs.len() == 1 {
            return Ok(());
        }
        if state.issued > state.settled {
            let issued = state.issued;
            state.crossing = true;
            drop(state);
            let passed = barrier();
            state = lock(&self.state);
            state.crossing = false;
            if passed.is_err() {
                drop(state);
                self.changed.notify_all();
                return passed;
            }
            state.settled = state.settled.max(issued);
        }
        state.epochs.pop_front();
        state.first += 1;
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// How many writes the device has answered.
    pub(super) fn issued(&self) -> u64 {
        lock(&self.state).issued
    }

    /// The device was flushed after it had answered so many writes.
    pub(super) fn settle(&self, issued: u64) {
        let mut state = lock(&self.state);
        state.settled = state.settled.max(issued);
    }
}

/// Something that is done to the device in the oldest epoch.
pub(super) struct Entered<'a>(&'a Order);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.leave(lock(&self.0.state), 1, true);
    }
}
