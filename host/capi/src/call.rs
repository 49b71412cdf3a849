//! The edge: results become -1 and errno, panics EIO, pointers what they point to.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nxvfs::{Errno, Error, Result, Task};

use crate::host::with_task;
use crate::window::ours;

unsafe extern "C" {
    /// Where the calling thread's errno is. The C library's.
    safe fn __errno_location() -> *mut c_int;
}

thread_local! {
    /// The thread's last failure, until somebody wants to read it.
    static LAST: RefCell<(Option<Error>, CString)> = RefCell::default();
}

pub(crate) fn set_errno(errno: Errno) {
    // SAFETY: the C library answers the address of this thread's errno, which nobody else uses.
    unsafe { *__errno_location() = errno.get() }
}

/// Runs something and keeps the errno of before it.
pub(crate) fn quietly<R>(body: impl FnOnce() -> R) -> R {
    // SAFETY: as in `set_errno`.
    let before = unsafe { *__errno_location() };
    let answer = body();
    // SAFETY: as in `set_errno`.
    unsafe { *__errno_location() = before };
    answer
}

/// The errno that the operating system left.
pub(crate) fn os_errno() -> Error {
    // SAFETY: as above.
    Errno::new(unsafe { *__errno_location() }).unwrap_or(Errno::EIO).into()
}

/// What a body answers, panics as EIO.
pub(crate) fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| Err(Errno::EIO.into()))
}

/// Leaves a failure in errno, and for [`nx_error`].
pub(crate) fn fail(failure: Error) {
    set_errno(keep(failure));
}

/// Leaves a failure for [`nx_error`]; answers its number.
fn keep(failure: Error) -> Errno {
    let errno = failure.errno();
    // A thread that is ending has no last failure any more.
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            last.0 = Some(failure);
        }
    });
    errno
}

/// Runs the body of a function: its number, or -1 with errno.
pub(crate) fn answer<T: From<i8>>(body: impl FnOnce() -> Result<T>) -> T {
    caught(body).unwrap_or_else(|e| {
        fail(e);
        T::from(-1)
    })
}

/// As [`answer`], for what answers 0.
pub(crate) fn done(body: impl FnOnce() -> Result<()>) -> c_int {
    answer(|| body().map(|()| 0))
}

/// As [`answer`], for what answers an error number.
pub(crate) fn number(body: impl FnOnce() -> Result<()>) -> c_int {
    caught(body).map_or_else(|e| keep(e).get(), |()| 0)
}

/// As [`answer`], for what answers a pointer: null after a failure.
pub(crate) fn pointer<T>(body: impl FnOnce() -> Result<*mut T>) -> *mut T {
    caught(body).unwrap_or_else(|e| {
        fail(e);
        std::ptr::null_mut()
    })
}

/// A call on a descriptor: the host's if it has the number, else the operating system's.
pub(crate) fn on_fd<T: From<i8>>(
    fd: c_int,
    host: impl FnOnce(&Task, u32) -> Result<T>,
    system: impl FnOnce() -> T,
) -> T {
    match ours(fd) {
        Some(fd) => answer(|| with_task(|task| host(task, fd))),
        None => system(),
    }
}

/// The sentence of the calling thread's last failure.
#[unsafe(no_mangle)]
pub extern "C" fn nx_error() -> *const c_char {
    let text = LAST.try_with(|last| {
        let mut last = last.try_borrow_mut().ok()?;
        if let Some(failure) = last.0.take() {
            let text = failure.to_string().replace('\0', "?");
            last.1 = CString::new(text).unwrap_or_default();
        }
        // The text stays where it is until the thread's next failure is read.
        Some(last.1.as_ptr())
    });
    text.ok().flatten().unwrap_or(c"".as_ptr())
}

/// The bytes of a C string. Errors: EFAULT.
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

/// As [`utf8`], for what may be null.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn optional<'a>(text: *const c_char) -> Result<Option<&'a str>> {
    // SAFETY: the caller's word.
    if text.is_null() { Ok(None) } else { unsafe { utf8(text) }.map(Some) }
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

/// Memory of a program that is read. Errors: EFAULT, EINVAL.
///
/// # Safety
/// `buf` is null or has `len` values, which nobody changes during `'a`.
pub(crate) unsafe fn slice<'a, T>(buf: *const T, len: usize) -> Result<&'a [T]> {
    check_buffer(buf.is_null(), len.saturating_mul(size_of::<T>()))?;
    // SAFETY: not null and of this length, by the check and the caller's word.
    Ok(if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(buf, len) } })
}

/// Memory of a program that is filled. Errors: EFAULT, EINVAL.
///
/// # Safety
/// `buf` is null or has `len` values, which nobody else uses during `'a`.
pub(crate) unsafe fn slice_mut<'a, T>(buf: *mut T, len: usize) -> Result<&'a mut [T]> {
    check_buffer(buf.is_null(), len.saturating_mul(size_of::<T>()))?;
    // SAFETY: not null and of this length, by the check and the caller's word.
    Ok(if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(buf, len) } })
}

/// Fills something of a program's. Errors: EFAULT.
///
/// # Safety
/// `out` is null or has room for a `T`.
pub(crate) unsafe fn fill<T>(out: *mut T, value: T) -> Result<()> {
    if out.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: not null, and the caller's word.
    unsafe { out.write(value) };
    Ok(())
}

/// Reads something of a program's. Errors: EFAULT.
///
/// # Safety
/// `value` is null or points to a `T`.
pub(crate) unsafe fn read<T: Copy>(value: *const T) -> Result<T> {
    if value.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: not null, and the caller's word.
    Ok(unsafe { value.read() })
}

/// A pointer's bytes, as the calls with untyped buffers have them.
///
/// # Safety
/// As [`slice_mut`].
pub(crate) unsafe fn bytes_mut<'a>(buf: *mut c_void, len: usize) -> Result<&'a mut [u8]> {
    // SAFETY: the caller's word.
    unsafe { slice_mut(buf.cast(), len) }
}

/// As [`bytes_mut`], for reading.
///
/// # Safety
/// As [`slice`].
pub(crate) unsafe fn bytes<'a>(buf: *const c_void, len: usize) -> Result<&'a [u8]> {
    // SAFETY: the caller's word.
    unsafe { slice(buf.cast(), len) }
}
