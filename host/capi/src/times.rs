//! `utime.h`, and the times of `sys/stat.h` and `sys/time.h`.

use std::ffi::{c_char, c_int};

use nxvfs::{Errno, Result};
use nxvfs_abi::Timespec;

use crate::call::{done, on_fd, read, text};
use crate::fcntl::at;
use crate::host::with_task;
use crate::window::ours;

type Times = (Option<Timespec>, Option<Timespec>);

/// Two times; none are the present. Errors: EINVAL nanoseconds that cannot be.
///
/// # Safety
/// `times` is null or points to two.
unsafe fn two_times(times: *const libc::timespec) -> Result<Times> {
    // SAFETY: the caller's word.
    let Ok(times) = (unsafe { read(times.cast::<[libc::timespec; 2]>()) }) else {
        let now = Timespec { nanoseconds: nxvfs::task::UTIME_NOW, ..Timespec::default() };
        return Ok((Some(now), Some(now)));
    };
    let time = |time: &libc::timespec| match time.tv_nsec {
        0..1_000_000_000 | libc::UTIME_NOW | libc::UTIME_OMIT => {
            Ok(Some(Timespec { seconds: time.tv_sec, nanoseconds: time.tv_nsec as u32, reserved: 0 }))
        }
        _ => Err(Errno::EINVAL),
    };
    Ok((time(&times[0])?, time(&times[1])?))
}

/// As [`two_times`], in microseconds.
///
/// # Safety
/// `times` is null or points to two.
unsafe fn two_timevals(times: *const libc::timeval) -> Result<Option<[libc::timespec; 2]>> {
    // SAFETY: the caller's word.
    let Ok(times) = (unsafe { read(times.cast::<[libc::timeval; 2]>()) }) else { return Ok(None) };
    let time = |time: libc::timeval| match time.tv_usec {
        0..1_000_000 => Ok(libc::timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_usec * 1000 }),
        _ => Err(Errno::EINVAL),
    };
    Ok(Some([time(times[0])?, time(times[1])?]))
}

/// POSIX `utimensat`.
///
/// # Safety
/// `path` is null or ends in NUL; `times` is null or points to two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_utimensat(
    dir: c_int,
    path: *const c_char,
    times: *const libc::timespec,
    flags: c_int,
) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let (path, times) = unsafe { (text(path)?, two_times(times)?) };
        with_task(|task| task.utimens_at(at(dir), path, times, flags as u32))
    })
}

/// NuttX `utimens`.
///
/// # Safety
/// As [`nx_utimensat`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_utimens(path: *const c_char, times: *const libc::timespec) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_utimensat(libc::AT_FDCWD, path, times, 0) }
}

/// POSIX `futimens`.
///
/// # Safety
/// `times` is null or points to two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_futimens(fd: c_int, times: *const libc::timespec) -> c_int {
    on_fd(
        fd,
        |task, fd| {
            task.file(fd)?;
            // SAFETY: the caller's word.
            let (atime, mtime) = unsafe { two_times(times) }?;
            task.futimens(fd, atime, mtime).map(|()| 0)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::futimens(fd, times) },
    )
}

/// POSIX `utimes`.
///
/// # Safety
/// As [`nx_utimensat`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_utimes(path: *const c_char, times: *const libc::timeval) -> c_int {
    // SAFETY: the caller's word.
    unsafe { in_microseconds(path, times, 0) }
}

/// BSD `lutimes`.
///
/// # Safety
/// As [`nx_utimensat`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_lutimes(path: *const c_char, times: *const libc::timeval) -> c_int {
    // SAFETY: the caller's word.
    unsafe { in_microseconds(path, times, libc::AT_SYMLINK_NOFOLLOW) }
}

/// # Safety
/// As [`nx_utimensat`].
unsafe fn in_microseconds(path: *const c_char, times: *const libc::timeval, flags: c_int) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        // SAFETY: the caller's word, and two times or none.
        let times = unsafe {
            let times = two_timevals(times)?;
            two_times(times.as_ref().map_or(std::ptr::null(), |times| times.as_ptr()))
        }?;
        with_task(|task| task.utimens_at(at(libc::AT_FDCWD), path, times, flags as u32))
    })
}

/// BSD `futimes`.
///
/// # Safety
/// `times` is null or points to two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_futimes(fd: c_int, times: *const libc::timeval) -> c_int {
    if ours(fd).is_none() {
        // SAFETY: the caller's word.
        return unsafe { libc::futimes(fd, times) };
    }
    // SAFETY: the caller's word.
    match unsafe { two_timevals(times) } {
        Ok(times) => {
            let times = times.as_ref().map_or(std::ptr::null(), |times| times.as_ptr());
            // SAFETY: two times or none.
            unsafe { nx_futimens(fd, times) }
        }
        Err(e) => done(|| Err(e)),
    }
}

/// POSIX `utime`.
///
/// # Safety
/// `path` is null or ends in NUL; `times` is null or points to its struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_utime(path: *const c_char, times: *const libc::utimbuf) -> c_int {
    // SAFETY: the caller's word.
    let times = unsafe { read(times) }.ok().map(|times| {
        [times.actime, times.modtime].map(|seconds| libc::timespec { tv_sec: seconds, tv_nsec: 0 })
    });
    let times = times.as_ref().map_or(std::ptr::null(), |times| times.as_ptr());
    // SAFETY: the caller's word, and two times or none.
    unsafe { nx_utimens(path, times) }
}
