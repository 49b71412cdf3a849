//! The edge: results become -1 and errno, panics EIO, pointers what they point to.

use std::ffi::{CStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nxvfs::{Errno, Result};

unsafe extern "C" {
    /// Where the calling thread's errno is. The C library's.
    safe fn __errno_location() -> *mut c_int;
}

fn set_errno(errno: Errno) {
    // SAFETY: the C library answers the address of this thread's errno, which nobody else uses.
    unsafe { *__errno_location() = errno.get() }
}

/// Runs the body of a function: its number, or -1 with errno.
pub(crate) fn answer<T: From<i8>>(body: impl FnOnce() -> Result<T>) -> T {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(number)) => return number,
        Ok(Err(e)) => e.errno(),
        Err(_) => Errno::EIO,
    };
    set_errno(failure);
    T::from(-1)
}

/// The bytes of a C string.
///
/// # Safety
/// `text` is null, or ends in NUL and stays as it is during `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Result<&'a [u8]> {
    if text.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: not null, and the caller vouches for the rest.
    Ok(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// As [`text`], for what must be UTF-8. Errors: EFAULT, EINVAL.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn utf8<'a>(text: *const c_char) -> Result<&'a str> {
    // SAFETY: the caller's word.
    let bytes = unsafe { self::text(text) }?;
    std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL.into())
}

/// A length that a slice may have, of memory that is not null. Errors: EFAULT, EINVAL.
pub(crate) fn check_buffer(is_null: bool, len: usize) -> Result<()> {
    if is_null && len > 0 {
        return Err(Errno::EFAULT.into());
    }
    if len > isize::MAX as usize {
        return Err(Errno::EINVAL.into());
    }
    Ok(())
}
