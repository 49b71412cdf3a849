//! `freopen`: a stream leads to another file. glibc's own crashes on a stream over a cookie, so the cookie's target is changed.

use std::ffi::{c_char, c_int};
use std::sync::atomic::Ordering;

use nxvfs::{Errno, Result};

use crate::call::{os_errno, pointer, quietly, text};
use crate::host::with_task;
use crate::stdio::{Cookie, Mode, cookie_of, give_up, stream_over};
use crate::window::{nx_close, nx_dup2, nx_dup3, ours};

unsafe extern "C" {
    fn __fpurge(stream: *mut libc::FILE);
    fn flockfile(stream: *mut libc::FILE);
    fn funlockfile(stream: *mut libc::FILE);
    static mut stdin: *mut libc::FILE;
    static mut stdout: *mut libc::FILE;
    static mut stderr: *mut libc::FILE;
}

/// glibc's own marks of a stream's direction, the first word of its `FILE`.
const NO_READS: c_int = 0x4;
const NO_WRITES: c_int = 0x8;
const APPENDS: c_int = 0x1000;

/// C `freopen`.
///
/// # Safety
/// The strings are null or end in NUL; `stream` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_freopen(
    path: *const c_char,
    mode: *const c_char,
    stream: *mut libc::FILE,
) -> *mut libc::FILE {
    let cookie = cookie_of(stream);
    if cookie.is_none() && path.is_null() {
        // SAFETY: the caller's word.
        return unsafe { libc::freopen(path, mode, stream) };
    }
    let opened = pointer(|| {
        // SAFETY: the caller's word.
        let mode = unsafe { Mode::of(mode) }?;
        // SAFETY: the caller's word. What cannot be written is lost, as POSIX has it.
        unsafe { libc::fflush(stream) };
        match &cookie {
            // SAFETY: as above.
            Some(cookie) => unsafe { reopen(cookie, path, &mode, stream) },
            None => {
                // SAFETY: as above.
                let path = unsafe { text(path) }?;
                // SAFETY: as above.
                unsafe { replace(path, &mode, stream) }
            }
        }
    });
    if opened.is_null() && (cookie.is_some() || standard(stream).is_none()) {
        // The stream is closed whatever failed.
        quietly(|| {
            // SAFETY: the caller's word; nobody uses it after this.
            unsafe { libc::fclose(stream) }
        });
    }
    opened
}

/// A stream of ours gets another file.
///
/// # Safety
/// As [`nx_freopen`].
unsafe fn reopen(
    cookie: &Cookie,
    path: *const c_char,
    mode: &Mode,
    stream: *mut libc::FILE,
) -> Result<*mut libc::FILE> {
    let old = cookie.fd.load(Ordering::Acquire);
    let path = if path.is_null() {
        let number = ours(old).ok_or(Errno::EBADF)?;
        with_task(|task| task.path_of(number))?
    } else {
        // SAFETY: the caller's word.
        unsafe { text(path) }?.to_vec()
    };
    let fd = mode.open(&path)?;
    // SAFETY: the stream is glibc's, whose first word is the marks (bits/types/struct_FILE.h); the lock keeps others out.
    unsafe {
        flockfile(stream);
        __fpurge(stream);
        // The number stays the stream's: others know it, above all a standard stream's. Late errors of the old file are
        // lost, as POSIX has it.
        let kept = quietly(|| nx_dup3(fd, old, mode.flags & libc::O_CLOEXEC)) >= 0;
        if kept {
            quietly(|| nx_close(fd));
        } else {
            cookie.fd.store(fd, Ordering::Release);
        }
        libc::clearerr(stream);
        let marks = stream.cast::<c_int>();
        let mut now = marks.read() & !(NO_READS | NO_WRITES | APPENDS);
        now |= match mode.flags & libc::O_ACCMODE {
            libc::O_RDONLY => NO_WRITES,
            libc::O_WRONLY => NO_READS,
            _ => 0,
        };
        if mode.flags & libc::O_APPEND != 0 {
            now |= APPENDS;
        }
        marks.write(now);
        // glibc remembers where the old file was.
        let from = if mode.flags & libc::O_APPEND != 0 { libc::SEEK_END } else { libc::SEEK_SET };
        quietly(|| libc::fseeko(stream, 0, from));
        funlockfile(stream);
        if !kept {
            quietly(|| nx_close(old));
        }
    }
    Ok(stream)
}

/// The variable that leads to a standard stream.
fn standard(stream: *mut libc::FILE) -> Option<*mut *mut libc::FILE> {
    // SAFETY: the variables are the C library's; a program that reopens a standard stream does not change them elsewhere.
    unsafe {
        [&raw mut stdin, &raw mut stdout, &raw mut stderr].into_iter().find(|name| name.read() == stream)
    }
}

/// A stream of the C library's own is closed, and another takes its place: of the standard streams also by name and
/// number.
///
/// # Safety
/// As [`nx_freopen`].
unsafe fn replace(path: &[u8], mode: &Mode, stream: *mut libc::FILE) -> Result<*mut libc::FILE> {
    // SAFETY: the caller's word.
    let number = unsafe { libc::fileno(stream) };
    let opened = mode.open(path)?;
    let Some(name) = standard(stream) else {
        let made = stream_over(opened, mode).inspect_err(|_| give_up(opened))?;
        // SAFETY: the caller gave it up.
        quietly(|| unsafe { libc::fclose(stream) });
        return Ok(made);
    };
    let fd = if nx_dup2(opened, number) < 0 {
        let failure = os_errno();
        nx_close(opened);
        return Err(failure);
    } else {
        nx_close(opened);
        number
    };
    let new = stream_over(fd, mode)?;
    // SAFETY: as above. The old stream stays, unused: others may have its address.
    unsafe { name.write(new) };
    Ok(new)
}
