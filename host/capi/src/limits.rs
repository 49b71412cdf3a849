//! `pathconf`: limits of files and volumes.

use std::ffi::{c_char, c_int, c_long};

use nxvfs::task::StatVfs;
use nxvfs::{Errno, Result};

use crate::call::{answer, on_fd, text};
use crate::host::with_task;

/// Bytes that a path may have, its NUL included.
const PATH_MAX: c_long = 4096;
/// Bytes that a write into a pipe has in one piece.
const PIPE_BUF: c_long = 4096;

/// -1: there is no limit, and errno stays. Errors: EINVAL no such limit.
fn limit(told: &StatVfs, name: c_int) -> Result<c_long> {
    let block = c_long::from(told.sizes.block_size_bytes);
    Ok(match name {
        libc::_PC_NAME_MAX => c_long::from(told.sizes.name_max_bytes),
        libc::_PC_PATH_MAX => PATH_MAX,
        libc::_PC_SYMLINK_MAX => PATH_MAX - 1,
        libc::_PC_PIPE_BUF => PIPE_BUF,
        // Names that are too long are refused, owners are changed by user 0 alone.
        libc::_PC_NO_TRUNC | libc::_PC_CHOWN_RESTRICTED | libc::_PC_2_SYMLINKS => 1,
        libc::_PC_ASYNC_IO | libc::_PC_SYNC_IO => 1,
        libc::_PC_FILESIZEBITS => 64,
        libc::_PC_REC_INCR_XFER_SIZE
        | libc::_PC_REC_MIN_XFER_SIZE
        | libc::_PC_REC_XFER_ALIGN
        | libc::_PC_ALLOC_SIZE_MIN => block,
        libc::_PC_MAX_CANON | libc::_PC_MAX_INPUT => 255,
        libc::_PC_VDISABLE => 0,
        libc::_PC_LINK_MAX | libc::_PC_REC_MAX_XFER_SIZE | libc::_PC_PRIO_IO | libc::_PC_SOCK_MAXBUF => -1,
        _ => return Err(Errno::EINVAL.into()),
    })
}

/// POSIX `pathconf`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_pathconf(path: *const c_char, name: c_int) -> c_long {
    answer(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        limit(&with_task(|task| task.statvfs(path))?, name)
    })
}

/// POSIX `fpathconf`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_fpathconf(fd: c_int, name: c_int) -> c_long {
    // SAFETY: numbers only.
    on_fd(fd, |task, fd| limit(&task.fstatvfs(fd)?, name), || unsafe { libc::fpathconf(fd, name) })
}
