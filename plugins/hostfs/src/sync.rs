//! A lock whose holder panicked is taken all the same: the host has then put the instance out of service, and what is left
//! to do, ending the volume, must not fail.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
