//! Waiting (`host/src/base/wait.rs`) under loom: the same source, run in every order in which its threads can run. A
//! wake-up that is lost in any of them is a sleep without end, which loom reports as a deadlock.
//!
//! `cargo test -p nxvfs-tests --features loom --test wait_model`

use std::time::Instant;

use loom::thread;
use nxvfs_abi::Errno;

/// The shim of the host's floor 0, with loom's primitives.
mod sync {
    pub(crate) use loom::sync::{Arc, Mutex};
    use loom::sync::{Condvar, MutexGuard};

    /// Not modelled: it is only counted.
    pub(crate) type Ring = std::sync::Arc<dyn Fn() + Send + Sync>;

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }

    /// The models have no clock, and no signals: a time is either over, or for ever.
    #[derive(Default)]
    pub(crate) struct Gate(Mutex<bool>, Condvar);

    impl Gate {
        pub(crate) fn open(&self) {
            *lock(&self.0) = true;
            self.1.notify_all();
        }

        pub(crate) fn close(&self) {
            *lock(&self.0) = false;
        }

        pub(crate) fn is_open(&self) -> bool {
            *lock(&self.0)
        }

        pub(crate) fn sleep(&self, until: Option<std::time::Instant>) -> Result<(), nxvfs_abi::Errno> {
            assert!(until.is_none());
            let open = lock(&self.0);
            if !*open {
                drop(self.1.wait(open).unwrap());
            }
            Ok(())
        }
    }

    macro_rules! global {
        ($type:ty) => {{
            loom::lazy_static! { static ref VALUE: $type = <$type>::default(); }
            &*VALUE
        }};
    }
    pub(crate) use global;
}

#[path = "../../host/src/base/wait.rs"]
#[allow(dead_code, unreachable_pub, reason = "the models use a part of it")]
mod wait;

use sync::{Arc, Mutex, lock};
use wait::{Relay, WaitQueue, Waiter};

const POLLIN: u32 = 1;

/// Items that come, and the queue of who waits for them.
#[derive(Default)]
struct Source {
    items: Mutex<u32>,
    queue: WaitQueue,
}

impl Source {
    fn put(&self) {
        *lock(&self.items) += 1;
        self.queue.wake(POLLIN);
    }

    fn take(&self) -> bool {
        let mut items = lock(&self.items);
        let there = *items > 0;
        *items -= u32::from(there);
        there
    }

    /// As `OpenFile::waiting`.
    fn take_waiting(&self, waiter: &Waiter) -> Result<(), Errno> {
        loop {
            waiter.begin();
            self.queue.arm(waiter.token());
            if self.take() {
                return Ok(());
            }
            waiter.sleep(None)?;
        }
    }
}

#[test]
fn an_item_that_comes_is_never_slept_over() {
    loom::model(|| {
        let source = Arc::new(Source::default());
        let other = source.clone();
        let putter = thread::spawn(move || other.put());
        source.take_waiting(&Waiter::new(0)).unwrap();
        putter.join().unwrap();
    });
}

/// A deadlock ends the process: loom's values cannot be dropped after it.
#[test]
fn the_model_finds_a_wake_up_that_is_lost() {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_wrong_order_child", "--nocapture"])
        .env("NXVFS_WRONG_ORDER", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success() && said.contains("deadlock"), "{said}");
}

#[test]
fn the_wrong_order_child() {
    if std::env::var_os("NXVFS_WRONG_ORDER").is_none() {
        return;
    }
    loom::model(|| {
        let source = Arc::new(Source::default());
        let other = source.clone();
        let putter = thread::spawn(move || other.put());
        let waiter = Waiter::new(0);
        waiter.begin();
        // First the try, then the arming.
        while !source.take() {
            source.queue.arm(waiter.token());
            waiter.sleep(None).unwrap();
            waiter.begin();
        }
        putter.join().unwrap();
    });
}

#[test]
fn two_sleepers_each_get_one_of_two_items() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let source = Arc::new(Source::default());
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let source = source.clone();
                thread::spawn(move || source.take_waiting(&Waiter::new(0)).unwrap())
            })
            .collect();
        source.put();
        source.put();
        takers.into_iter().for_each(|taker| taker.join().unwrap());
    });
}

#[test]
fn a_relay_hands_a_wake_on_to_who_sleeps_behind_it() {
    loom::model(|| {
        let relay = Arc::new(Relay::new());
        let items = Arc::new(Mutex::new(false));
        let (token, other) = (relay.token(), items.clone());
        let driver = thread::spawn(move || {
            // Under the driver's own lock.
            let mut items = lock(&other);
            *items = true;
            wait::wake(token, POLLIN).unwrap();
        });
        let waiter = Waiter::new(0);
        loop {
            waiter.begin();
            relay.queue().arm(waiter.token());
            if *lock(&items) {
                break;
            }
            waiter.sleep(None).unwrap();
        }
        driver.join().unwrap();
    });
}

#[test]
fn the_end_of_a_task_ends_every_sleep() {
    loom::model(|| {
        let (source, task) = (Source::default(), Arc::new(Relay::new()));
        let other = task.clone();
        let end = thread::spawn(move || other.queue().close(Errno::EINTR));
        assert_eq!(source.take_waiting(&Waiter::new(task.token())), Err(Errno::EINTR));
        end.join().unwrap();
    });
}

#[test]
fn a_source_that_closes_ends_every_sleep() {
    loom::model(|| {
        let source = Arc::new(Source::default());
        let other = source.clone();
        let end = thread::spawn(move || other.queue.close(Errno::EIO));
        assert_eq!(source.take_waiting(&Waiter::new(0)), Err(Errno::EIO));
        end.join().unwrap();
    });
}

#[test]
fn a_late_wake_reaches_nobody() {
    loom::model(|| {
        let first = Waiter::new(0);
        let token = first.token();
        let late = thread::spawn(move || {
            let _ = wait::wake(token, POLLIN);
        });
        drop(first);
        // Takes the same place in the table.
        let second = Waiter::new(0);
        assert_ne!(second.token(), token);
        late.join().unwrap();
        assert_eq!(second.sleep(Some(Instant::now())), Ok(false));
        assert_eq!(wait::wake(token, POLLIN), Err(Errno::EBADF));
    });
}
