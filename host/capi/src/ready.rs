//! Event loops of the operating system: files of the host in theirs, and their descriptors as nodes of the host.

use std::collections::HashMap;
use std::ffi::{c_char, c_int};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use nxvfs::file::PollFd;
use nxvfs::task::Ready;
use nxvfs::{Errno, Result};

use crate::call::{answer, done, os_errno, slice, slice_mut, utf8};
use crate::host::{is_child, with_task};
use crate::window::ours;

/// By the number that the program has, which is a copy of the set's own descriptor: whoever closes it or puts something else
/// there leaves the set whole.
static SETS: LazyLock<Mutex<HashMap<c_int, Arc<Ready>>>> = LazyLock::new(Mutex::default);
/// Whether there was ever one.
static ANY: AtomicBool = AtomicBool::new(false);

/// In a child made by `fork` there are none, and another thread may have had the lock.
fn sets() -> Result<MutexGuard<'static, HashMap<c_int, Arc<Ready>>>> {
    if is_child() {
        return Err(Errno::ESRCH.into());
    }
    Ok(SETS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A number of the operating system's leads to something else now, or to nothing.
pub(crate) fn number_went(number: c_int) {
    if !ANY.load(Ordering::Acquire) {
        return;
    }
    // Not under the lock: its end wakes and closes.
    let gone = sets().ok().and_then(|mut sets| sets.remove(&number));
    drop(gone);
}

/// Makes a set of descriptors one of the operating system's.
///
/// # Safety
/// `fds` is null or has `count` entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_ready(fds: *const libc::pollfd, count: libc::nfds_t) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let fds = unsafe { slice(fds, count as usize) }?;
        if fds.iter().any(|fd| fd.fd >= 0 && ours(fd.fd).is_none()) {
            return Err(Errno::EBADF.into());
        }
        let fds: Vec<PollFd> = fds
            .iter()
            .map(|fd| PollFd { fd: fd.fd, events: u32::from(fd.events as u16), revents: 0 })
            .collect();
        let ready = with_task(|task| task.ready(&fds))?;
        ANY.store(true, Ordering::Release);
        let mut sets = sets()?;
        // SAFETY: duplicates a descriptor of the set's.
        let number = unsafe { libc::fcntl(ready.as_fd().as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) };
        if number < 0 {
            return Err(os_errno());
        }
        sets.insert(number, Arc::new(ready));
        Ok(number)
    })
}

/// What is true of a set.
///
/// # Safety
/// `fds` is null or has room for `count` entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_ready_look(ready: c_int, fds: *mut libc::pollfd, count: libc::nfds_t) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let out = unsafe { slice_mut(fds, count as usize) }?;
        let set = sets()?.get(&ready).cloned().ok_or(Errno::EBADF)?;
        let there = set.look();
        for (out, fd) in out.iter_mut().zip(&there) {
            *out = libc::pollfd { fd: fd.fd, events: fd.events as i16, revents: fd.revents as i16 };
        }
        Ok(c_int::try_from(there.len()).unwrap_or(c_int::MAX))
    })
}

/// Ends a set, and its descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn nx_ready_end(ready: c_int) -> c_int {
    done(|| {
        let gone = sets()?.remove(&ready).ok_or(Errno::EBADF)?;
        drop(gone);
        // SAFETY: the number that was handed out.
        unsafe { libc::close(ready) };
        Ok(())
    })
}

/// Makes a descriptor of the operating system a node.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_register_descriptor(path: *const c_char, fd: c_int, mode: u32) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { utf8(path) }?;
        if let Some(fd) = ours(fd) {
            with_task(|task| task.file(fd))?;
            return Err(Errno::EINVAL.into());
        }
        // SAFETY: a number only.
        let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
        if copy < 0 {
            return Err(os_errno());
        }
        // SAFETY: made just now, and nobody else's.
        let copy = unsafe { OwnedFd::from_raw_fd(copy) };
        with_task(|task| task.host().register_descriptor(path, copy, mode & 0o7777))
    })
}
