//! `stdio.h`: streams of the C library over descriptors.
//!
//! A stream over a file of the host is one of glibc's own (`fopencookie`), so that everything that takes a `FILE *` works
//! on it unchanged. Of such a stream glibc does not know the descriptor, and cannot reopen it: a table has the descriptor
//! of each, and reopening changes where the stream's cookie leads.

use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use nxvfs::{Errno, Result};

use crate::call::{answer, fail, os_errno, pointer, quietly, text};
use crate::host::{is_child, with_task};
use crate::transfer::{nx_lseek, nx_read, nx_write};
use crate::window::{nx_close, ours};

/// What glibc hands to our functions.
pub(crate) struct Cookie {
    pub(crate) fd: AtomicI32,
}

#[repr(C)]
struct CookieFunctions {
    read: unsafe extern "C" fn(*mut c_void, *mut c_char, usize) -> isize,
    write: unsafe extern "C" fn(*mut c_void, *const c_char, usize) -> isize,
    seek: unsafe extern "C" fn(*mut c_void, *mut i64, c_int) -> c_int,
    close: unsafe extern "C" fn(*mut c_void) -> c_int,
}

unsafe extern "C" {
    fn fopencookie(cookie: *mut c_void, mode: *const c_char, functions: CookieFunctions) -> *mut libc::FILE;
    fn ftrylockfile(stream: *mut libc::FILE) -> c_int;
    fn funlockfile(stream: *mut libc::FILE);
}

/// The streams over files of the host, by address.
static STREAMS: LazyLock<Mutex<HashMap<usize, Arc<Cookie>>>> = LazyLock::new(Mutex::default);

fn streams() -> Option<MutexGuard<'static, HashMap<usize, Arc<Cookie>>>> {
    if is_child() {
        // Another thread of the parent may have had the lock.
        return STREAMS.try_lock().ok();
    }
    Some(STREAMS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Writes what streams over files of the host hold. One that a thread uses at this moment, perhaps for ever, is passed over.
pub(crate) fn write_all() {
    let Some(all) = streams().map(|streams| streams.keys().copied().collect::<Vec<_>>()) else { return };
    for stream in all {
        let stream: *mut libc::FILE = std::ptr::with_exposed_provenance_mut(stream);
        // SAFETY: it stood in the table just now; who closes streams while the process ends is on its own.
        unsafe {
            if ftrylockfile(stream) == 0 {
                libc::fflush(stream);
                funlockfile(stream);
            }
        }
    }
}

pub(crate) fn cookie_of(stream: *mut libc::FILE) -> Option<Arc<Cookie>> {
    streams()?.get(&stream.expose_provenance()).cloned()
}

/// # Safety
/// `cookie` is one that [`stream_over`] made and glibc has not closed.
unsafe fn descriptor(cookie: *mut c_void) -> c_int {
    // SAFETY: the caller's word.
    unsafe { &*cookie.cast::<Cookie>() }.fd.load(Ordering::Acquire)
}

unsafe extern "C" fn cookie_read(cookie: *mut c_void, buf: *mut c_char, len: usize) -> isize {
    // SAFETY: glibc gives its own buffer, and a cookie of ours.
    unsafe { nx_read(descriptor(cookie), buf.cast(), len) }
}

unsafe extern "C" fn cookie_write(cookie: *mut c_void, buf: *const c_char, len: usize) -> isize {
    let mut sum = 0;
    while sum < len {
        // SAFETY: glibc gives its own buffer, and a cookie of ours.
        let done = unsafe { nx_write(descriptor(cookie), buf.add(sum).cast(), len - sum) };
        if done <= 0 {
            break;
        }
        sum += done as usize;
    }
    // Less than all is a failure, as glibc has it.
    sum as isize
}

unsafe extern "C" fn cookie_seek(cookie: *mut c_void, offset: *mut i64, whence: c_int) -> c_int {
    // SAFETY: glibc gives a place for the offset, and a cookie of ours.
    let to = unsafe { nx_lseek(descriptor(cookie), *offset, whence) };
    if to < 0 {
        return -1;
    }
    // SAFETY: as above.
    unsafe { offset.write(to) };
    0
}

unsafe extern "C" fn cookie_close(cookie: *mut c_void) -> c_int {
    // SAFETY: glibc closes a stream once, and gives back the reference that `stream_over` gave it.
    let cookie = unsafe { Arc::from_raw(cookie.cast::<Cookie>().cast_const()) };
    if let Some(mut streams) = streams() {
        streams.retain(|_, other| !Arc::ptr_eq(other, &cookie));
    }
    nx_close(cookie.fd.load(Ordering::Acquire))
}

/// What a mode of `fopen` means. POSIX, C11 (`x`), glibc (`e`; `c`, `m` and `,ccs=` change nothing).
pub(crate) struct Mode {
    pub(crate) flags: c_int,
    /// As glibc takes it.
    plain: &'static std::ffi::CStr,
}

impl Mode {
    /// Errors: EFAULT; EINVAL.
    ///
    /// # Safety
    /// `mode` is null or ends in NUL.
    pub(crate) unsafe fn of(mode: *const c_char) -> Result<Self> {
        // SAFETY: the caller's word.
        let mode = unsafe { text(mode) }?;
        let (first, rest) = mode.split_first().ok_or(Errno::EINVAL)?;
        let rest = rest.split(|b| *b == b',').next().unwrap_or_default();
        let both = rest.contains(&b'+');
        let access = if both { libc::O_RDWR } else { libc::O_WRONLY };
        let (mut flags, plain) = match (first, both) {
            (b'r', false) => (libc::O_RDONLY, c"r"),
            (b'r', true) => (libc::O_RDWR, c"r+"),
            (b'w', _) => (access | libc::O_CREAT | libc::O_TRUNC, if both { c"w+" } else { c"w" }),
            (b'a', _) => (access | libc::O_CREAT | libc::O_APPEND, if both { c"a+" } else { c"a" }),
            _ => return Err(Errno::EINVAL.into()),
        };
        for letter in rest {
            match letter {
                b'x' => flags |= libc::O_EXCL,
                b'e' => flags |= libc::O_CLOEXEC,
                b'+' | b'b' | b't' | b'c' | b'm' => {}
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        Ok(Self { flags, plain })
    }

    pub(crate) fn open(&self, path: &[u8]) -> Result<c_int> {
        with_task(|task| Ok(task.open(path, self.flags as u32, 0o666)? as c_int))
    }
}

/// A stream over a descriptor of the host's, which is the stream's from here on.
pub(crate) fn stream_over(fd: c_int, mode: &Mode) -> Result<*mut libc::FILE> {
    let cookie = Arc::new(Cookie { fd: AtomicI32::new(fd) });
    let functions =
        CookieFunctions { read: cookie_read, write: cookie_write, seek: cookie_seek, close: cookie_close };
    let given = Arc::into_raw(cookie.clone()).cast_mut().cast();
    // SAFETY: the functions are for this cookie, and glibc keeps it until it closes the stream.
    let stream = unsafe { fopencookie(given, mode.plain.as_ptr(), functions) };
    if stream.is_null() {
        // SAFETY: glibc did not take the reference.
        drop(unsafe { Arc::from_raw(given.cast::<Cookie>().cast_const()) });
        return Err(Errno::ENOMEM.into());
    }
    if let Some(mut streams) = streams() {
        streams.insert(stream.expose_provenance(), cookie);
    }
    settle(fd, mode, stream);
    Ok(stream)
}

/// Where a stream begins, and how it gathers.
fn settle(fd: c_int, mode: &Mode, stream: *mut libc::FILE) {
    if mode.flags & libc::O_APPEND != 0 {
        // As glibc does it for files; what has no position needs none.
        nx_lseek(fd, 0, libc::SEEK_END);
    }
    let terminal = ours(fd).is_some_and(|fd| with_task(|task| task.isatty(fd)).is_ok());
    if terminal {
        // SAFETY: nothing was done with the stream yet.
        unsafe { libc::setvbuf(stream, std::ptr::null_mut(), libc::_IOLBF, 0) };
    }
}

/// Closes what no stream was made of; the reason for that is what counts.
pub(crate) fn give_up(fd: c_int) {
    quietly(|| nx_close(fd));
}

/// C `fopen`.
///
/// # Safety
/// The strings are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fopen(path: *const c_char, mode: *const c_char) -> *mut libc::FILE {
    pointer(|| {
        // SAFETY: the caller's word.
        let (mode, path) = unsafe { (Mode::of(mode)?, text(path)?) };
        let fd = mode.open(path)?;
        quietly(|| stream_over(fd, &mode)).inspect_err(|_| give_up(fd))
    })
}

/// POSIX `fdopen`.
///
/// # Safety
/// `mode` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fdopen(fd: c_int, mode: *const c_char) -> *mut libc::FILE {
    let Some(number) = ours(fd) else {
        // SAFETY: the caller's word.
        return unsafe { libc::fdopen(fd, mode) };
    };
    pointer(|| {
        // SAFETY: the caller's word.
        let mode = unsafe { Mode::of(mode) }?;
        let flags = with_task(|task| task.getfl(number))? as c_int;
        let (has, wants) = (flags & libc::O_ACCMODE, mode.flags & libc::O_ACCMODE);
        if has != libc::O_RDWR && has != wants {
            return Err(Errno::EINVAL.into());
        }
        if mode.flags & libc::O_APPEND & !flags != 0 {
            with_task(|task| task.setfl(number, (flags | libc::O_APPEND) as u32))?;
        }
        quietly(|| stream_over(fd, &mode))
    })
}

/// POSIX `fileno`.
///
/// # Safety
/// `stream` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fileno(stream: *mut libc::FILE) -> c_int {
    match cookie_of(stream) {
        Some(cookie) => cookie.fd.load(Ordering::Acquire),
        None if stream.is_null() => {
            fail(Errno::EFAULT.into());
            -1
        }
        // SAFETY: the caller's word.
        None => unsafe { libc::fileno(stream) },
    }
}

/// glibc `fileno_unlocked`.
///
/// # Safety
/// `stream` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fileno_unlocked(stream: *mut libc::FILE) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_fileno(stream) }
}

/// C `tmpfile`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_tmpfile() -> *mut libc::FILE {
    pointer(|| {
        let template = [nxvfs::task::TEMPORARY, b"/fileXXXXXX"].concat();
        let (fd, name) = with_task(|task| task.mkstemp(template))?;
        let mode = Mode { flags: libc::O_RDWR, plain: c"w+" };
        with_task(|task| task.unlink(name))
            .and_then(|()| quietly(|| stream_over(fd as c_int, &mode)))
            .inspect_err(|_| give_up(fd as c_int))
    })
}

/// POSIX `vdprintf`. The list is of the kind that is passed by its address, as on x86-64 and AArch64.
///
/// # Safety
/// The format ends in NUL, and the list has what it asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_vdprintf(fd: c_int, format: *const c_char, list: *mut c_void) -> c_int {
    if ours(fd).is_none() {
        // SAFETY: the caller's word.
        return unsafe { vdprintf(fd, format, list) };
    }
    answer(|| {
        // SAFETY: the caller's word.
        unsafe { text(format) }?;
        let mut made: *mut c_char = std::ptr::null_mut();
        // SAFETY: as above; the text is given back below.
        let len = unsafe { vasprintf(&raw mut made, format, list) };
        let Ok(len) = usize::try_from(len) else { return Err(os_errno()) };
        // SAFETY: vasprintf made so many bytes.
        let done = unsafe { cookie_write_all(fd, made, len) };
        // SAFETY: vasprintf allocated it.
        unsafe { libc::free(made.cast()) };
        done
    })
}

unsafe extern "C" {
    fn vdprintf(fd: c_int, format: *const c_char, list: *mut c_void) -> c_int;
    fn vasprintf(made: *mut *mut c_char, format: *const c_char, list: *mut c_void) -> c_int;
}

/// # Safety
/// `bytes` has `len` bytes.
unsafe fn cookie_write_all(fd: c_int, bytes: *const c_char, len: usize) -> Result<c_int> {
    let mut sum = 0;
    while sum < len {
        // SAFETY: the caller's word.
        let done = unsafe { nx_write(fd, bytes.add(sum).cast(), len - sum) };
        if done < 0 {
            return Err(os_errno());
        }
        if done == 0 {
            return Err(Errno::ENOSPC.into());
        }
        sum += done as usize;
    }
    c_int::try_from(len).map_err(|_| Errno::EOVERFLOW.into())
}

/// C11 `gets_s`.
///
/// # Safety
/// `buf` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_gets_s(buf: *mut c_char, len: usize) -> *mut c_char {
    pointer(|| {
        if buf.is_null() {
            return Err(Errno::EFAULT.into());
        }
        if len == 0 || len > isize::MAX as usize {
            return Err(Errno::EINVAL.into());
        }
        let (mut at, mut too_long, mut ended) = (0, false, false);
        while !ended {
            // SAFETY: the C library's stream, which it locks; the buffer is the caller's word.
            match unsafe { libc::getchar() } {
                libc::EOF if at == 0 && !too_long => {
                    // SAFETY: as above.
                    unsafe { buf.write(0) };
                    return Ok(std::ptr::null_mut());
                }
                libc::EOF => ended = true,
                byte if byte == c_int::from(b'\n') => ended = true,
                _ if at + 1 == len => too_long = true,
                byte => {
                    // SAFETY: as above: `at` is within the buffer, with room for the NUL.
                    unsafe { buf.add(at).write(byte as c_char) };
                    at += 1;
                }
            }
        }
        // SAFETY: as above.
        unsafe { buf.add(if too_long { 0 } else { at }).write(0) };
        // The rest of the line is gone, as C11 has it.
        if too_long { Err(Errno::ERANGE.into()) } else { Ok(buf) }
    })
}
