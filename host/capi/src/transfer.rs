//! Bytes in and out: `unistd.h` and `sys/uio.h`.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use nxvfs::file::{OpenFile, Whence};
use nxvfs::{Errno, Result, Task};

use crate::call::{answer, bytes, bytes_mut, done, on_fd, slice, text};
use crate::host::with_task;
use crate::window::ours;

/// Buffers that one call may have. POSIX `IOV_MAX`.
const IOV_MAX: c_int = 1024;

fn offset(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| Errno::EINVAL.into())
}

/// An offset of a file that has offsets. Errors: EBADF, ESPIPE, EINVAL: in this order.
fn offset_in(task: &Task, fd: u32, at: i64) -> Result<u64> {
    if task.file(fd)?.stream().is_some_and(|stream| !stream.has_position()) {
        return Err(Errno::ESPIPE.into());
    }
    offset(at)
}

/// The file, if it is open for reading: whatever the buffer is. Errors: EBADF.
fn readable(task: &Task, fd: u32) -> Result<Arc<OpenFile>> {
    let file = task.file(fd)?;
    if file.flags().readable() && !file.is_path() { Ok(file) } else { Err(Errno::EBADF.into()) }
}

/// As [`readable`], for writing.
fn writable(task: &Task, fd: u32) -> Result<Arc<OpenFile>> {
    let file = task.file(fd)?;
    if file.flags().writable() && !file.is_path() { Ok(file) } else { Err(Errno::EBADF.into()) }
}

/// POSIX `read`.
///
/// # Safety
/// `buf` is null or has `len` bytes, which nobody else uses during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_read(fd: c_int, buf: *mut c_void, len: usize) -> isize {
    on_fd(
        fd,
        |task, fd| {
            let file = readable(task, fd)?;
            // SAFETY: the caller's word.
            let buf = unsafe { bytes_mut(buf, len) }?;
            Ok(file.read(&task.caller().ctx(), buf)? as isize)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::read(fd, buf, len) },
    )
}

/// POSIX `write`.
///
/// # Safety
/// `buf` is null or has `len` bytes, which nobody changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_write(fd: c_int, buf: *const c_void, len: usize) -> isize {
    on_fd(
        fd,
        |task, fd| {
            let file = writable(task, fd)?;
            // SAFETY: the caller's word.
            let buf = unsafe { bytes(buf, len) }?;
            Ok(file.write(&task.caller().ctx(), buf)? as isize)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::write(fd, buf, len) },
    )
}

/// POSIX `pread`.
///
/// # Safety
/// As [`nx_read`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_pread(fd: c_int, buf: *mut c_void, len: usize, at: i64) -> isize {
    on_fd(
        fd,
        |task, fd| {
            readable(task, fd)?;
            let at = offset_in(task, fd, at)?;
            // SAFETY: the caller's word.
            let buf = unsafe { bytes_mut(buf, len) }?;
            Ok(task.pread(fd, buf, at)? as isize)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::pread(fd, buf, len, at) },
    )
}

/// POSIX `pwrite`.
///
/// # Safety
/// As [`nx_write`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_pwrite(fd: c_int, buf: *const c_void, len: usize, at: i64) -> isize {
    on_fd(
        fd,
        |task, fd| {
            writable(task, fd)?;
            let at = offset_in(task, fd, at)?;
            // SAFETY: the caller's word.
            let buf = unsafe { bytes(buf, len) }?;
            Ok(task.pwrite(fd, buf, at)? as isize)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::pwrite(fd, buf, len, at) },
    )
}

/// The buffers of a call. Errors: EINVAL too few, too many, or too long together; EFAULT.
///
/// # Safety
/// `list` is null or has `count` buffers, each of which is null or has its length.
unsafe fn buffers<'a>(list: *const libc::iovec, count: c_int) -> Result<&'a [libc::iovec]> {
    if !(1..=IOV_MAX).contains(&count) {
        return Err(Errno::EINVAL.into());
    }
    // SAFETY: the caller's word.
    let list = unsafe { slice(list, count as usize) }?;
    let sum = list.iter().try_fold(0usize, |sum, buf| sum.checked_add(buf.iov_len));
    if sum.is_none_or(|sum| sum > isize::MAX as usize) {
        return Err(Errno::EINVAL.into());
    }
    Ok(list)
}

/// # Safety
/// As [`buffers`]; nobody else uses them, and they do not overlap.
unsafe fn to_fill<'a>(list: *const libc::iovec, count: c_int) -> Result<Vec<&'a mut [u8]>> {
    // SAFETY: the caller's word.
    let list = unsafe { buffers(list, count) }?;
    // SAFETY: as above.
    list.iter().map(|buf| unsafe { bytes_mut(buf.iov_base, buf.iov_len) }).collect()
}

/// # Safety
/// As [`buffers`]; nobody changes them.
unsafe fn to_send<'a>(list: *const libc::iovec, count: c_int) -> Result<Vec<&'a [u8]>> {
    // SAFETY: the caller's word.
    let list = unsafe { buffers(list, count) }?;
    // SAFETY: as above.
    list.iter().map(|buf| unsafe { bytes(buf.iov_base, buf.iov_len) }).collect()
}

/// POSIX `readv`.
///
/// # Safety
/// `list` is null or has `count` buffers, each of which is null or has its length; nobody else uses them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_readv(fd: c_int, list: *const libc::iovec, count: c_int) -> isize {
    on_fd(
        fd,
        |task, fd| {
            readable(task, fd)?;
            // SAFETY: the caller's word.
            Ok(task.readv(fd, &mut unsafe { to_fill(list, count) }?)? as isize)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::readv(fd, list, count) },
    )
}

/// POSIX `writev`.
///
/// # Safety
/// `list` is null or has `count` buffers, each of which is null or has its length; nobody changes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_writev(fd: c_int, list: *const libc::iovec, count: c_int) -> isize {
    on_fd(
        fd,
        |task, fd| {
            writable(task, fd)?;
            // SAFETY: the caller's word.
            Ok(task.writev(fd, &unsafe { to_send(list, count) }?)? as isize)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::writev(fd, list, count) },
    )
}

/// Linux `preadv`.
///
/// # Safety
/// As [`nx_readv`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_preadv(fd: c_int, list: *const libc::iovec, count: c_int, at: i64) -> isize {
    on_fd(
        fd,
        |task, fd| {
            readable(task, fd)?;
            let at = offset_in(task, fd, at)?;
            // SAFETY: the caller's word.
            Ok(task.preadv(fd, &mut unsafe { to_fill(list, count) }?, at)? as isize)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::preadv(fd, list, count, at) },
    )
}

/// Linux `pwritev`.
///
/// # Safety
/// As [`nx_writev`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_pwritev(fd: c_int, list: *const libc::iovec, count: c_int, at: i64) -> isize {
    on_fd(
        fd,
        |task, fd| {
            writable(task, fd)?;
            let at = offset_in(task, fd, at)?;
            // SAFETY: the caller's word.
            Ok(task.pwritev(fd, &unsafe { to_send(list, count) }?, at)? as isize)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::pwritev(fd, list, count, at) },
    )
}

/// Linux `preadv2`: of its flags none is known; offset -1 is the position.
///
/// # Safety
/// As [`nx_readv`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_preadv2(
    fd: c_int,
    list: *const libc::iovec,
    count: c_int,
    at: i64,
    flags: c_int,
) -> isize {
    // SAFETY: the caller's word.
    unsafe {
        match (ours(fd), flags) {
            (None, _) => libc::preadv2(fd, list, count, at, flags),
            (Some(_), 0) if at == -1 => nx_readv(fd, list, count),
            (Some(_), 0) => nx_preadv(fd, list, count, at),
            (Some(fd), _) => answer(|| with_task(|task| readable(task, fd)).and(Err(Errno::ENOTSUP.into()))),
        }
    }
}

/// Linux `pwritev2`, likewise.
///
/// # Safety
/// As [`nx_writev`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_pwritev2(
    fd: c_int,
    list: *const libc::iovec,
    count: c_int,
    at: i64,
    flags: c_int,
) -> isize {
    // SAFETY: the caller's word.
    unsafe {
        match (ours(fd), flags) {
            (None, _) => libc::pwritev2(fd, list, count, at, flags),
            (Some(_), 0) if at == -1 => nx_writev(fd, list, count),
            (Some(_), 0) => nx_pwritev(fd, list, count, at),
            (Some(fd), _) => answer(|| with_task(|task| writable(task, fd)).and(Err(Errno::ENOTSUP.into()))),
        }
    }
}

/// POSIX `lseek`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_lseek(fd: c_int, offset: i64, whence: c_int) -> i64 {
    on_fd(
        fd,
        |task, fd| {
            task.file(fd)?;
            let whence = match whence {
                libc::SEEK_SET => Whence::Set,
                libc::SEEK_CUR => Whence::Current,
                libc::SEEK_END => Whence::End,
                libc::SEEK_DATA => Whence::Data,
                libc::SEEK_HOLE => Whence::Hole,
                _ => return Err(Errno::EINVAL.into()),
            };
            Ok(task.lseek(fd, offset, whence)? as i64)
        },
        // SAFETY: numbers only.
        || unsafe { libc::lseek(fd, offset, whence) },
    )
}

/// POSIX `truncate`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_truncate(path: *const c_char, len: i64) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        let len = offset(len)?;
        with_task(|task| task.truncate(path, len))
    })
}

/// POSIX `ftruncate`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_ftruncate(fd: c_int, len: i64) -> c_int {
    on_fd(
        fd,
        |task, fd| {
            task.file(fd)?;
            task.ftruncate(fd, offset(len)?).map(|()| 0)
        },
        // SAFETY: numbers only.
        || unsafe { libc::ftruncate(fd, len) },
    )
}

/// POSIX `fsync`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_fsync(fd: c_int) -> c_int {
    // SAFETY: a number only.
    on_fd(fd, |task, fd| task.fsync(fd, false).map(|()| 0), || unsafe { libc::fsync(fd) })
}

/// POSIX `fdatasync`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_fdatasync(fd: c_int) -> c_int {
    // SAFETY: a number only.
    on_fd(fd, |task, fd| task.fsync(fd, true).map(|()| 0), || unsafe { libc::fdatasync(fd) })
}

/// Linux `syncfs`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_syncfs(fd: c_int) -> c_int {
    // SAFETY: a number only.
    on_fd(fd, |task, fd| task.syncfs(fd).map(|()| 0), || unsafe { libc::syncfs(fd) })
}

/// POSIX `sync`: nobody is told of failures.
#[unsafe(no_mangle)]
pub extern "C" fn nx_sync() {
    if let Err(e) = crate::call::caught(|| with_task(|task| task.host().sync()))
        && e.errno() != Errno::ESRCH
    {
        log::warn!("sync: {e}");
    }
}
