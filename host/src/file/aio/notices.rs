//! The threads that call who wants to be told of an end (`SIGEV_THREAD`). Not the pool's own: what is called may wait for
//! other transfers. A few for the whole process, however many ends there are; they end when there was none for a while.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::base::sync::{Condvar, Mutex, global, lock, wait_until};
use crate::bridge::spawn_quiet;

/// Calls that may go on at a time; others wait for one of them to return.
const MOST_THREADS: usize = 8;
/// How long a thread without a call stays.
const IDLE: Duration = Duration::from_secs(1);

type Call = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    queue: VecDeque<Call>,
    threads: usize,
    idle: usize,
}

#[derive(Default)]
struct Notices {
    state: Mutex<State>,
    work: Condvar,
}

/// Calls it soon, on another thread; here, if there are none at all.
pub(super) fn call(call: Call) {
    let all: &'static Notices = global!(Notices);
    let mut state = lock(&all.state);
    state.queue.push_back(call);
    if state.idle >= state.queue.len() {
        all.work.notify_one();
        return;
    }
    if state.threads == MOST_THREADS {
        return;
    }
    state.threads += 1;
    drop(state);
    if spawn_quiet("aio-notice", || all.work()).is_err() {
        let mut state = lock(&all.state);
        state.threads -= 1;
        let own = if state.threads == 0 { std::mem::take(&mut state.queue) } else { VecDeque::new() };
        drop(state);
        own.into_iter().for_each(run);
    }
}

fn run(call: Call) {
    // A panic ends the call, and has told of itself.
    let _ = catch_unwind(AssertUnwindSafe(call));
}

impl Notices {
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            let until = Instant::now() + IDLE;
            state.idle += 1;
            while state.queue.is_empty() && Instant::now() < until {
                state = wait_until(&self.work, state, Some(until));
            }
            state.idle -= 1;
            let Some(call) = state.queue.pop_front() else { break };
            drop(state);
            run(call);
            state = lock(&self.state);
        }
        state.threads -= 1;
    }
}
