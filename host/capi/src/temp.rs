//! Names that nobody can foretell: `stdlib.h`, and of `stdio.h` what makes them.

use std::ffi::{c_char, c_int};
use std::sync::Mutex;

use nxvfs::{Errno, Result};

use crate::call::{answer, pointer, text};
use crate::host::with_task;

/// Bytes of the buffers of `tmpnam`. C `L_tmpnam`.
const L_TMPNAM: usize = 20;

/// Puts a name of the same length where its template is.
///
/// # Safety
/// `template` is a string that may be written.
unsafe fn put(template: *mut c_char, name: &[u8]) {
    // SAFETY: the caller's word; the name is as long as the template, so the NUL stays.
    unsafe { template.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len()) }
}

/// glibc `mkostemps`.
///
/// # Safety
/// `template` is null, or a string that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkostemps(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let pattern = unsafe { text(template) }?;
        let suffix = usize::try_from(suffix).map_err(|_| Errno::EINVAL)?;
        let (fd, name) = with_task(|task| task.mkstemp_with(pattern, suffix, flags as u32))?;
        // SAFETY: the caller's word.
        unsafe { put(template, &name) };
        Ok(fd as c_int)
    })
}

/// POSIX `mkstemp`.
///
/// # Safety
/// As [`nx_mkostemps`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkstemp(template: *mut c_char) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_mkostemps(template, 0, 0) }
}

/// glibc `mkstemps`.
///
/// # Safety
/// As [`nx_mkostemps`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkstemps(template: *mut c_char, suffix: c_int) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_mkostemps(template, suffix, 0) }
}

/// POSIX `mkostemp`.
///
/// # Safety
/// As [`nx_mkostemps`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkostemp(template: *mut c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_mkostemps(template, 0, flags) }
}

/// POSIX `mkdtemp`.
///
/// # Safety
/// As [`nx_mkostemps`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkdtemp(template: *mut c_char) -> *mut c_char {
    pointer(|| {
        // SAFETY: the caller's word.
        let pattern = unsafe { text(template) }?;
        let name = with_task(|task| task.mkdtemp(pattern))?;
        // SAFETY: the caller's word.
        unsafe { put(template, &name) };
        Ok(template)
    })
}

/// SUSv2 `mktemp`: the empty string after a failure.
///
/// # Safety
/// As [`nx_mkostemps`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mktemp(template: *mut c_char) -> *mut c_char {
    let name = pointer(|| {
        // SAFETY: the caller's word.
        let pattern = unsafe { text(template) }?;
        let name = with_task(|task| task.mktemp(pattern))?;
        // SAFETY: the caller's word.
        unsafe { put(template, &name) };
        Ok(template)
    });
    if name.is_null() && !template.is_null() {
        // SAFETY: the caller's word: at least the NUL is there.
        unsafe { template.write(0) };
    }
    template
}

fn tmpnam_into(buf: *mut c_char) -> Result<*mut c_char> {
    let name = with_task(|task| task.tmpnam())?;
    if name.len() >= L_TMPNAM {
        return Err(Errno::ENAMETOOLONG.into());
    }
    // SAFETY: the buffer has L_tmpnam bytes, by its caller's word.
    unsafe {
        buf.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
        buf.add(name.len()).write(0);
    }
    Ok(buf)
}

/// C `tmpnam`.
///
/// # Safety
/// `buf` is null or has `L_tmpnam` bytes; with null no other thread calls it at the same time and uses the answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_tmpnam(buf: *mut c_char) -> *mut c_char {
    static OWN: Mutex<[c_char; L_TMPNAM]> = Mutex::new([0; L_TMPNAM]);
    pointer(|| match buf.is_null() {
        false => tmpnam_into(buf),
        true => tmpnam_into(OWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).as_mut_ptr()),
    })
}

/// glibc `tmpnam_r`.
///
/// # Safety
/// `buf` is null or has `L_tmpnam` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_tmpnam_r(buf: *mut c_char) -> *mut c_char {
    if buf.is_null() { buf } else { pointer(|| tmpnam_into(buf)) }
}

/// POSIX `tempnam`.
///
/// # Safety
/// The strings are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_tempnam(dir: *const c_char, prefix: *const c_char) -> *mut c_char {
    pointer(|| {
        use std::os::unix::ffi::OsStrExt;
        let of = |text: *const c_char| match text.is_null() {
            true => Ok(None),
            // SAFETY: the caller's word.
            false => unsafe { self::text(text) }.map(Some),
        };
        let (dir, prefix) = (of(dir)?, of(prefix)?.unwrap_or_default());
        let wanted = std::env::var_os("TMPDIR");
        let is_directory = |dir: &[u8]| {
            let is = |stat: nxvfs::tree::Stat| stat.attr.mode & libc::S_IFMT == libc::S_IFDIR;
            with_task(|task| Ok(task.stat(dir).is_ok_and(is))).unwrap_or(false)
        };
        let wanted = wanted.as_ref().map(|dir| dir.as_bytes()).filter(|dir| is_directory(dir));
        let name = with_task(|task| task.tempnam(wanted.or(dir), prefix))?;
        // SAFETY: memory for the name and its NUL, which the caller gives back by `free`.
        let copy = unsafe { libc::malloc(name.len() + 1) }.cast::<c_char>();
        if copy.is_null() {
            return Err(Errno::ENOMEM.into());
        }
        // SAFETY: the memory is there, and long enough.
        unsafe {
            copy.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
            copy.add(name.len()).write(0);
        }
        Ok(copy)
    })
}
