//! `sys/select.h`, on `poll`.

use std::ffi::c_int;
use std::time::Duration;

use nxvfs::{Errno, Result};

use crate::call::{answer, read};
use crate::poll::{duration, wait};

/// What makes a descriptor ready in each of the three sets. POSIX `select`: one that would not block, an error included.
const READY: [i16; 3] = [
    libc::POLLIN | libc::POLLRDNORM | libc::POLLRDBAND | libc::POLLHUP | libc::POLLERR,
    libc::POLLOUT | libc::POLLWRNORM | libc::POLLWRBAND | libc::POLLERR,
    libc::POLLPRI,
];
/// What is asked for, for each of them.
const ASKED: [i16; 3] = [libc::POLLIN | libc::POLLRDNORM, libc::POLLOUT | libc::POLLWRNORM, libc::POLLPRI];

/// POSIX `select`. The time that is left is not told.
///
/// # Safety
/// The sets and `timeout` are null or point to what they say; nobody else uses the sets during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_select(
    count: c_int,
    reads: *mut libc::fd_set,
    writes: *mut libc::fd_set,
    others: *mut libc::fd_set,
    timeout: *mut libc::timeval,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let timeout = match unsafe { read(timeout.cast_const()) } {
            Err(_) => None,
            Ok(time) => match (u64::try_from(time.tv_sec), time.tv_usec) {
                (Ok(seconds), 0..1_000_000) => Some(Duration::new(seconds, time.tv_usec as u32 * 1000)),
                _ => return Err(Errno::EINVAL.into()),
            },
        };
        // SAFETY: the caller's word.
        unsafe { select(count, [reads, writes, others], timeout, std::ptr::null()) }
    })
}

/// POSIX `pselect`.
///
/// # Safety
/// As [`nx_select`]; `mask` is null or points to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_pselect(
    count: c_int,
    reads: *mut libc::fd_set,
    writes: *mut libc::fd_set,
    others: *mut libc::fd_set,
    timeout: *const libc::timespec,
    mask: *const libc::sigset_t,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let timeout = unsafe { duration(timeout) }?;
        // SAFETY: the caller's word.
        unsafe { select(count, [reads, writes, others], timeout, mask) }
    })
}

/// # Safety
/// As [`nx_pselect`].
unsafe fn select(
    count: c_int,
    sets: [*mut libc::fd_set; 3],
    timeout: Option<Duration>,
    mask: *const libc::sigset_t,
) -> Result<c_int> {
    if !(0..=libc::FD_SETSIZE as c_int).contains(&count) {
        return Err(Errno::EINVAL.into());
    }
    let asked = |fd: c_int| {
        let mut events = 0;
        for (set, asked) in sets.iter().zip(ASKED) {
            // SAFETY: the caller's word, and a number that the set has room for.
            if !set.is_null() && unsafe { libc::FD_ISSET(fd, *set) } {
                events |= asked;
            }
        }
        libc::pollfd { fd, events, revents: 0 }
    };
    let mut fds: Vec<libc::pollfd> = (0..count).map(asked).filter(|fd| fd.events != 0).collect();
    wait(&mut fds, timeout, mask)?;
    if fds.iter().any(|fd| fd.revents & libc::POLLNVAL != 0) {
        return Err(Errno::EBADF.into());
    }
    // Only now: after a failure the sets are as they were.
    let mut sum = 0;
    for ((set, ready), asked) in sets.iter().zip(READY).zip(ASKED) {
        if set.is_null() {
            continue;
        }
        for fd in &fds {
            let there = fd.events & asked != 0 && fd.revents & ready != 0;
            // SAFETY: as above.
            unsafe {
                if there {
                    sum += 1;
                } else {
                    libc::FD_CLR(fd.fd, *set);
                }
            }
        }
    }
    Ok(sum)
}
