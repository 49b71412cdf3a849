//! The one place that names the primitives of synchronisation, so that a model checker can stand in for them.

pub use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
pub use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
use std::time::Instant;

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

/// The one value of a type in this process, made when it is first used.
macro_rules! global {
    ($type:ty) => {{
        static VALUE: std::sync::OnceLock<$type> = std::sync::OnceLock::new();
        VALUE.get_or_init(<$type>::default)
    }};
}
pub(crate) use global;
