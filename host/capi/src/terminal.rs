//! `termios.h`, and of `unistd.h` what names terminals. The host's consoles are those of this process's standard streams.

use std::cell::RefCell;
use std::ffi::{c_char, c_int};

use nxvfs::{Errno, Result};

use crate::call::{number, on_fd, pointer};
use crate::host::with_task;
use crate::window::ours;

/// POSIX `tcgetattr`.
///
/// # Safety
/// `out` has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_tcgetattr(fd: c_int, out: *mut libc::termios) -> c_int {
    // SAFETY: the caller's word.
    let system = |fd| unsafe { libc::tcgetattr(fd, out) };
    on_fd(fd, |task, fd| task.isatty(fd).map(|()| system(libc::STDIN_FILENO)), || system(fd))
}

/// POSIX `tcsetattr`.
///
/// # Safety
/// `wanted` points to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_tcsetattr(fd: c_int, when: c_int, wanted: *const libc::termios) -> c_int {
    // SAFETY: the caller's word.
    let system = |fd| unsafe { libc::tcsetattr(fd, when, wanted) };
    on_fd(fd, |task, fd| task.isatty(fd).map(|()| system(libc::STDIN_FILENO)), || system(fd))
}

/// The path of a terminal of the host's, with its NUL. Errors: EBADF, ENOTTY.
fn name_of(fd: u32) -> Result<Vec<u8>> {
    with_task(|task| {
        task.isatty(fd)?;
        let mut path = task.path_of(fd)?;
        path.push(0);
        Ok(path)
    })
}

/// POSIX `ttyname`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_ttyname(fd: c_int) -> *mut c_char {
    thread_local! {
        static NAME: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    let Some(number) = ours(fd) else {
        // SAFETY: a number only.
        return unsafe { libc::ttyname(fd) };
    };
    pointer(|| {
        let name = name_of(number)?;
        let keep = |kept: &RefCell<Vec<u8>>| {
            let mut kept = kept.borrow_mut();
            *kept = name;
            kept.as_mut_ptr().cast()
        };
        NAME.try_with(keep).map_err(|_| Errno::ENOMEM.into())
    })
}

/// POSIX `ttyname_r`.
///
/// # Safety
/// `buf` is null or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_ttyname_r(fd: c_int, buf: *mut c_char, len: usize) -> c_int {
    let Some(fd) = ours(fd) else {
        // SAFETY: the caller's word.
        return unsafe { libc::ttyname_r(fd, buf, len) };
    };
    number(|| {
        let name = name_of(fd)?;
        // SAFETY: the caller's word.
        let room = unsafe { crate::call::slice_mut(buf.cast::<u8>(), len) }?;
        room.get_mut(..name.len()).ok_or(Errno::ERANGE)?.copy_from_slice(&name);
        Ok(())
    })
}
