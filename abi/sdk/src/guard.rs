//! What stands between a driver's safe code and the boundary: no panic crosses, every result becomes a number.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nxvfs_abi::{Ctx, Errno, Grow, Str, grow, types::CtxIn};

use crate::{Fail, Result, host};

/// Runs a driver's function. A failure becomes a negated errno and its sentence goes to the host; a panic becomes
/// EIO and is reported.
#[inline]
pub(crate) fn run(body: impl FnOnce() -> Result<i64>) -> i64 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(fail)) => i64::from(fail.into_wire()),
        Err(payload) => panicked(payload),
    }
}

/// As [`run`], for functions that answer 0.
#[inline]
pub(crate) fn unit(body: impl FnOnce() -> Result<()>) -> i32 {
    run(|| body().map(|()| 0)) as i32
}

/// ENOSYS: the host then takes the default of the slot.
pub(crate) fn absent<T>() -> Result<T> {
    Err(Errno::ENOSYS.into())
}

#[cold]
fn panicked(payload: Box<dyn Any + Send>) -> i64 {
    let text = panic_text(&*payload);
    if let Some(report) = host::services().and_then(|s| s.report_panic) {
        // SAFETY: the string lives until the call returns; the host copies it.
        unsafe { report(Str::new(text.as_bytes())) };
    }
    // A payload's own drop may panic; that one is swallowed too.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    i64::from(Errno::EIO.wire())
}

/// The message of a panic, if it has one.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "without a message".to_owned()
    }
}

/// Copies a struct that the host sent; EINVAL if it is missing or shorter than version 1.0.
///
/// # Safety
/// As [`grow::read`].
#[inline]
pub(crate) unsafe fn sent<T: Grow>(ptr: *const T) -> Result<T> {
    // SAFETY: passed on to the caller.
    unsafe { grow::read(ptr) }.ok_or_else(|| Fail::from(Errno::EINVAL))
}

/// The call's context.
///
/// # Safety
/// As [`grow::read`].
#[inline]
pub(crate) unsafe fn ctx(ptr: CtxIn) -> Result<Ctx> {
    // SAFETY: passed on to the caller.
    unsafe { sent(ptr.0) }
}

/// Borrows a name or text that the host sent.
///
/// # Safety
/// As [`Str::bytes`].
#[inline]
pub(crate) unsafe fn bytes<'a>(s: Str) -> Result<&'a [u8]> {
    // SAFETY: passed on to the caller.
    unsafe { s.bytes() }.ok_or_else(|| Fail::from(Errno::EINVAL))
}

/// Borrows the host's buffer for reading into it.
///
/// # Safety
/// `buf` is null or leads to `len` writable, initialised bytes that nobody else uses during `'a`.
#[inline]
pub(crate) unsafe fn buffer_mut<'a>(buf: *mut u8, len: usize) -> Result<&'a mut [u8]> {
    if len == 0 {
        return Ok(&mut []);
    }
    if buf.is_null() || len > isize::MAX as usize {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: not null, length in range, and the caller vouches for the bytes.
    Ok(unsafe { std::slice::from_raw_parts_mut(buf, len) })
}

/// Borrows the host's buffer of bytes to write.
///
/// # Safety
/// `buf` is null or leads to `len` readable bytes that nobody writes during `'a`.
#[inline]
pub(crate) unsafe fn buffer<'a>(buf: *const u8, len: usize) -> Result<&'a [u8]> {
    if buf.is_null() && len != 0 {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: passed on to the caller.
    unsafe { bytes(Str { ptr: buf, len }) }
}

/// Stores an instance pointer.
///
/// # Safety
/// `out` is null or writable.
pub(crate) unsafe fn store<T>(out: *mut *mut std::ffi::c_void, value: T) -> Result<()> {
    if out.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: not null, and the caller vouches that it is writable.
    unsafe { out.write(Box::into_raw(Box::new(value)).cast()) };
    Ok(())
}
