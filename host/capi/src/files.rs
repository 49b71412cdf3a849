//! Files: open, read, write, lseek, close.

use std::ffi::{c_char, c_int, c_void};

use nxvfs::Errno;
use nxvfs::file::Whence;

use crate::call::{answer, check_buffer, text};
use crate::host::with_task;

fn descriptor(fd: c_int) -> nxvfs::Result<u32> {
    u32::try_from(fd).map_err(|_| Errno::EBADF.into())
}

/// POSIX `open`. C declares the mode as variable; as an integer it comes in the same register, and without `O_CREAT`
/// nobody looks at it.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_open(path: *const c_char, flags: c_int, mode: u32) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        let fd = with_task(|task| task.open(path, flags as u32, mode & 0o7777))?;
        Ok(fd as c_int)
    })
}

/// POSIX `read`.
///
/// # Safety
/// `buf` is null or has `len` bytes, which nobody else uses during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_read(fd: c_int, buf: *mut c_void, len: usize) -> isize {
    answer(|| {
        let fd = descriptor(fd)?;
        check_buffer(buf.is_null(), len)?;
        let buf = match len {
            0 => &mut [][..],
            // SAFETY: not null and of this length, by the check and the caller's word.
            _ => unsafe { std::slice::from_raw_parts_mut(buf.cast::<u8>(), len) },
        };
        Ok(with_task(|task| task.read(fd, buf))? as isize)
    })
}

/// POSIX `write`.
///
/// # Safety
/// `buf` is null or has `len` bytes, which nobody changes during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_write(fd: c_int, buf: *const c_void, len: usize) -> isize {
    answer(|| {
        let fd = descriptor(fd)?;
        check_buffer(buf.is_null(), len)?;
        let buf = match len {
            0 => &[][..],
            // SAFETY: not null and of this length, by the check and the caller's word.
            _ => unsafe { std::slice::from_raw_parts(buf.cast::<u8>(), len) },
        };
        Ok(with_task(|task| task.write(fd, buf))? as isize)
    })
}

/// POSIX `lseek`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_lseek(fd: c_int, offset: i64, whence: c_int) -> i64 {
    answer(|| {
        let fd = descriptor(fd)?;
        let whence = match whence {
            0 => Whence::Set,
            1 => Whence::Current,
            2 => Whence::End,
            3 => Whence::Data,
            4 => Whence::Hole,
            _ => return Err(Errno::EINVAL.into()),
        };
        Ok(with_task(|task| task.lseek(fd, offset, whence))? as i64)
    })
}

/// POSIX `close`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_close(fd: c_int) -> c_int {
    answer(|| {
        let fd = descriptor(fd)?;
        with_task(|task| task.close(fd))?;
        Ok(0)
    })
}
