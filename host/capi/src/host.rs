//! The one host of the process, and its task.

use std::ffi::c_int;
use std::sync::{Arc, PoisonError, RwLock};

use nxvfs::plugin::PluginOptions;
use nxvfs::{Errno, Host, Result, Task};

use crate::call::answer;

static RUNNING: RwLock<Option<Arc<Task>>> = RwLock::new(None);

/// Runs something with the task, without a lock: it may wait, or come back. Errors: ESRCH there is none.
pub(crate) fn with_task<R>(body: impl FnOnce(&Task) -> Result<R>) -> Result<R> {
    let running = RUNNING.read().unwrap_or_else(PoisonError::into_inner).clone();
    body(&*running.ok_or(Errno::ESRCH)?)
}

/// Starts the host.
#[unsafe(no_mangle)]
pub extern "C" fn nx_boot() -> c_int {
    answer(|| {
        let mut running = RUNNING.write().unwrap_or_else(PoisonError::into_inner);
        if running.is_some() {
            return Err(Errno::EBUSY.into());
        }
        *running = Some(Arc::new(Host::new(PluginOptions::default())?.task()));
        Ok(0)
    })
}

/// Ends the host.
#[unsafe(no_mangle)]
pub extern "C" fn nx_end() -> c_int {
    answer(|| {
        let task = RUNNING.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(task.ok_or(Errno::ESRCH)?);
        Ok(0)
    })
}
