//! The one place that names the primitives of synchronisation, so that a model checker can stand in for them.

pub use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
pub use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
use std::time::Instant;

use rustix::io::Errno as OsErrno;
use rustix::thread::futex;

use super::Errno;

/// What a callback calls. Not modelled: it is only counted.
pub type Ring = Arc<dyn Fn() + Send + Sync>;

/// Locks a mutex. A holder's panic does not make the data unusable: every critical section of the host leaves its
/// data whole at each step.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Takes a reader's lock, as [`lock`].
pub fn read<T: ?Sized>(rwlock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    rwlock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Takes the writer's lock, as [`lock`].
pub fn write<T: ?Sized>(rwlock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    rwlock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits on a condition, as [`lock`]. May wake for no reason: look again.
pub fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// As [`wait`], until a deadline if there is one.
pub fn wait_until<'a, T>(
    condition: &Condvar,
    guard: MutexGuard<'a, T>,
    until: Option<Instant>,
) -> MutexGuard<'a, T> {
    let Some(until) = until else { return wait(condition, guard) };
    let left = until.saturating_duration_since(Instant::now());
    condition.wait_timeout(guard, left).unwrap_or_else(std::sync::PoisonError::into_inner).0
}

/// Where one thread sleeps until it is let through. The kernel's own word to sleep on, because a condition sleeps on when a
/// signal came.
#[derive(Default)]
pub struct Gate(AtomicU32);

impl Gate {
    /// Lets the sleeper through, now or when it comes.
    pub fn open(&self) {
        if self.0.swap(1, Ordering::Release) == 0 {
            // There is nothing that could fail: the word is there.
            let _ = futex::wake(&self.0, futex::Flags::PRIVATE, 1);
        }
    }

    /// Whoever comes from here on sleeps.
    pub fn close(&self) {
        self.0.swap(0, Ordering::Acquire);
    }

    /// Whether it lets through.
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    /// Sleeps while it is closed, at most until a deadline. May wake for no reason: look again. Errors: EINTR a signal's
    /// handler ran on this thread, which was installed without `SA_RESTART`, or there is a deadline.
    pub fn sleep(&self, until: Option<Instant>) -> Result<(), Errno> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // A time that the kernel cannot tell is slept in parts.
        let left = left.map(|left| futex::Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        match futex::wait(&self.0, futex::Flags::PRIVATE, 0, left.as_ref()) {
            Err(OsErrno::INTR) => Err(Errno::EINTR),
            _ => Ok(()),
        }
    }
}

/// The one value of a type in this process, made when it is first used.
macro_rules! global {
    ($type:ty) => {{
        static VALUE: std::sync::OnceLock<$type> = std::sync::OnceLock::new();
        VALUE.get_or_init(<$type>::default)
    }};
}
pub(crate) use global;
