//! `poll.h`, over descriptors of both sides.
//!
//! The operating system does the waiting: for its own descriptors, and for a bell that rings when something of the host's
//! may have become true. So a signal ends a wait, as POSIX has it.

use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nxvfs::base::wait::Bell;
use nxvfs::file::PollFd;
use nxvfs::{Errno, Result};

use crate::call::{answer, os_errno, read, slice_mut};
use crate::host::task;
use crate::signals::Quiet;
use crate::window::{limit, ours};

/// A time of C. Errors: EINVAL.
///
/// # Safety
/// `time` is null or points to one.
pub(crate) unsafe fn duration(time: *const libc::timespec) -> Result<Option<Duration>> {
    // SAFETY: the caller's word.
    let Ok(time) = (unsafe { read(time) }) else { return Ok(None) };
    match (u64::try_from(time.tv_sec), time.tv_nsec) {
        (Ok(seconds), 0..1_000_000_000) => Ok(Some(Duration::new(seconds, time.tv_nsec as u32))),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Waits in the operating system, until a time. Errors: EINTR, ENOMEM.
fn in_system(
    fds: &mut [libc::pollfd],
    until: Option<Option<Instant>>,
    mask: *const libc::sigset_t,
) -> Result<usize> {
    let left = match until {
        None => Some(Duration::ZERO),
        Some(until) => until.map(|until| until.saturating_duration_since(Instant::now())),
    };
    let left = left.map(|left| libc::timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let left = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: a slice, a time or null, and a mask that the caller vouches for.
    let told = unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, left, mask) };
    usize::try_from(told).map_err(|_| os_errno())
}

/// Waits until something is true of one of the descriptors, or the time is over; answers of how many.
pub(crate) fn wait(
    fds: &mut [libc::pollfd],
    timeout: Option<Duration>,
    mask: *const libc::sigset_t,
) -> Result<usize> {
    // A time that no clock reaches is for ever.
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let at: Vec<usize> = (0..fds.len()).filter(|i| ours(fds[*i].fd).is_some()).collect();
    if at.is_empty() {
        return in_system(fds, Some(until), mask);
    }
    let task = task()?;
    let mut hosts: Vec<PollFd> = at
        .iter()
        .map(|i| PollFd { fd: fds[*i].fd, events: fds[*i].events as u16 as u32, revents: 0 })
        .collect();
    // To the operating system those are nobody's.
    let mut systems: Vec<libc::pollfd> = fds.to_vec();
    at.iter().for_each(|i| systems[*i].fd = -1);
    let (mut bell, mut mask) = (None, mask);
    // From the first sleep on signals come while it sleeps, and at no other moment: so each of them ends it.
    let mut quiet: Option<Quiet> = None;
    let mut first = true;
    let count = loop {
        if let Some(bell) = &bell {
            Bell::begin(bell)?;
        }
        let found = task.poll_now(&mut hosts, bell.as_ref().map_or(0, Bell::token));
        if found > 0 || timeout == Some(Duration::ZERO) {
            // The bell counts for nothing.
            systems[at[0]].fd = -1;
            break match in_system(&mut systems, None, mask) {
                // What is true was true before the signal came.
                Err(e) if found > 0 && e.errno() == Errno::EINTR => found,
                also => found + also?,
            };
        }
        if std::mem::take(&mut first) {
            let also = in_system(&mut systems, None, mask)?;
            if also > 0 {
                break also;
            }
            let made = Bell::new(task.caller().cancel)?;
            // In the place of one of the host's: the system takes no more of them than the limit of open files.
            systems[at[0]] = libc::pollfd { fd: made.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
            bell = Some(made);
            if mask.is_null() {
                mask = quiet.insert(Quiet::new()).before();
            }
            continue;
        }
        let woken = in_system(&mut systems, Some(until), mask)?;
        let rang = systems[at[0]].revents != 0;
        if woken > usize::from(rang) {
            break woken - usize::from(rang) + task.poll_now(&mut hosts, 0);
        }
        if !rang {
            break 0;
        }
    };
    for (fd, system) in fds.iter_mut().zip(&systems) {
        fd.revents = system.revents;
    }
    for (i, host) in at.iter().zip(&hosts) {
        fds[*i].revents = host.revents as i16;
    }
    Ok(count)
}

/// POSIX `poll`.
///
/// # Safety
/// `fds` is null or has `count` structs, which nobody else uses during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_poll(fds: *mut libc::pollfd, count: libc::nfds_t, milliseconds: c_int) -> c_int {
    answer(|| {
        let timeout = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        // SAFETY: the caller's word.
        unsafe { poll(fds, count, timeout, std::ptr::null()) }
    })
}

/// Linux and POSIX `ppoll`.
///
/// # Safety
/// As [`nx_poll`]; `timeout` and `mask` are null or point to what they say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_ppoll(
    fds: *mut libc::pollfd,
    count: libc::nfds_t,
    timeout: *const libc::timespec,
    mask: *const libc::sigset_t,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let timeout = unsafe { duration(timeout) }?;
        // SAFETY: the caller's word.
        unsafe { poll(fds, count, timeout, mask) }
    })
}

/// # Safety
/// As [`nx_ppoll`].
unsafe fn poll(
    fds: *mut libc::pollfd,
    count: libc::nfds_t,
    timeout: Option<Duration>,
    mask: *const libc::sigset_t,
) -> Result<c_int> {
    if count > u64::from(limit()) {
        return Err(Errno::EINVAL.into());
    }
    // SAFETY: the caller's word.
    let fds = unsafe { slice_mut(fds, count as usize) }?;
    Ok(wait(fds, timeout, mask)? as c_int)
}
