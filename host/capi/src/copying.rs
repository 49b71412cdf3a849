//! `sys/sendfile.h`, and `copy_file_range`: from one descriptor to another, whichever side each is of.

use std::ffi::{c_int, c_uint};

use nxvfs::{Errno, Result};

use crate::call::{answer, os_errno};
use crate::stat::nx_fstat;
use crate::transfer::{nx_lseek, nx_pread, nx_pwrite, nx_write};
use crate::window::ours;

const CHUNK_BYTES: usize = 1 << 16;

/// A number of bytes, or what is in errno.
fn told(answer: isize) -> Result<usize> {
    usize::try_from(answer).map_err(|_| os_errno())
}

/// Where a transfer begins: at a place that the program keeps, or at the position of the descriptor.
///
/// # Safety
/// `at` is null or points to an offset.
unsafe fn place(fd: c_int, at: *const i64) -> Result<i64> {
    // SAFETY: the caller's word.
    match if at.is_null() { None } else { Some(unsafe { at.read() }) } {
        None => told(nx_lseek(fd, 0, libc::SEEK_CUR) as isize).map(|at| at as i64),
        Some(at @ 0..) => Ok(at),
        Some(_) => Err(Errno::EINVAL.into()),
    }
}

/// # Safety
/// As [`place`].
unsafe fn set_place(fd: c_int, at: *mut i64, to: i64) {
    if at.is_null() {
        let _ = nx_lseek(fd, to, libc::SEEK_SET);
    } else {
        // SAFETY: the caller's word.
        unsafe { at.write(to) }
    }
}

/// Copies up to `len` bytes from a place; answers how many, which may be fewer. A failure after some of them is told next time.
fn copy(
    from: c_int,
    mut at: i64,
    len: usize,
    mut put: impl FnMut(&[u8], usize) -> Result<usize>,
) -> Result<usize> {
    // As Linux.
    let len = len.min(0x7fff_f000);
    let mut buf = vec![0; len.min(CHUNK_BYTES)];
    let mut sum = 0;
    while sum < len {
        let want = (len - sum).min(CHUNK_BYTES);
        // SAFETY: a buffer of that length.
        let step = told(unsafe { nx_pread(from, buf.as_mut_ptr().cast(), want, at) }).and_then(|got| {
            if got == 0 { Ok((0, 0)) } else { put(&buf[..got], sum).map(|done| (got, done)) }
        });
        match step {
            Ok((got, done)) => {
                sum += done;
                at += done as i64;
                if done < got || got == 0 {
                    break;
                }
            }
            Err(e) if sum == 0 => return Err(e),
            Err(_) => break,
        }
    }
    Ok(sum)
}

/// Linux `sendfile`.
///
/// # Safety
/// `at` is null or points to an offset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_sendfile(to: c_int, from: c_int, at: *mut i64, len: usize) -> isize {
    if ours(to).is_none() && ours(from).is_none() {
        // SAFETY: the caller's word.
        return unsafe { libc::sendfile(to, from, at, len) };
    }
    answer(|| {
        // SAFETY: the caller's word.
        let start = unsafe { place(from, at) }?;
        let sum = copy(from, start, len, |bytes, _| {
            // SAFETY: a slice.
            told(unsafe { nx_write(to, bytes.as_ptr().cast(), bytes.len()) })
        })?;
        // SAFETY: the caller's word.
        unsafe { set_place(from, at, start + sum as i64) };
        Ok(sum as isize)
    })
}

/// The file's number. Errors: EISDIR; EINVAL no regular file.
fn regular(fd: c_int) -> Result<(u64, u64)> {
    // SAFETY: a struct of numbers, which the call fills.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    if unsafe { nx_fstat(fd, &raw mut stat) } != 0 {
        return Err(os_errno());
    }
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => Ok((stat.st_dev, stat.st_ino)),
        libc::S_IFDIR => Err(Errno::EISDIR.into()),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Linux `copy_file_range`.
///
/// # Safety
/// `from_at` and `to_at` are null or point to offsets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_copy_file_range(
    from: c_int,
    from_at: *mut i64,
    to: c_int,
    to_at: *mut i64,
    len: usize,
    flags: c_uint,
) -> isize {
    if ours(to).is_none() && ours(from).is_none() {
        // SAFETY: the caller's word.
        return unsafe { libc::copy_file_range(from, from_at, to, to_at, len, flags) };
    }
    answer(|| {
        let same = regular(from)? == regular(to)?;
        if flags != 0 {
            return Err(Errno::EINVAL.into());
        }
        // SAFETY: a command without an argument.
        let mode = unsafe { crate::fcntl::nx_fcntl(to, libc::F_GETFL, std::ptr::null_mut()) };
        if mode < 0 || mode & libc::O_APPEND != 0 {
            return Err(Errno::EBADF.into());
        }
        // SAFETY: the caller's word.
        let (start, target) = unsafe { (place(from, from_at)?, place(to, to_at)?) };
        let end = |at: i64| at.checked_add(i64::try_from(len).ok()?);
        let (Some(start_end), Some(target_end)) = (end(start), end(target)) else {
            return Err(Errno::EOVERFLOW.into());
        };
        if same && start < target_end && target < start_end {
            return Err(Errno::EINVAL.into());
        }
        let sum = copy(from, start, len, |bytes, done| {
            // SAFETY: a slice.
            told(unsafe { nx_pwrite(to, bytes.as_ptr().cast(), bytes.len(), target + done as i64) })
        })?;
        // SAFETY: the caller's word.
        unsafe {
            set_place(from, from_at, start + sum as i64);
            set_place(to, to_at, target + sum as i64);
        }
        Ok(sum as isize)
    })
}
