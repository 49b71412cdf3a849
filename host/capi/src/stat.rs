//! `sys/stat.h`: attributes.

use std::ffi::{c_char, c_int};

use nxvfs::Errno;
use nxvfs::tree::Stat;
use nxvfs_abi::Timespec;

use crate::call::{done, fill, on_fd, text};
use crate::fcntl::at;
use crate::host::with_task;
use crate::window::ours;

pub(crate) fn struct_stat(stat: &Stat) -> libc::stat {
    // SAFETY: a struct of numbers.
    let mut out: libc::stat = unsafe { std::mem::zeroed() };
    let attr = &stat.attr;
    out.st_dev = stat.dev as libc::dev_t;
    out.st_ino = attr.ino as libc::ino_t;
    out.st_nlink = attr.nlink as libc::nlink_t;
    out.st_mode = attr.mode as libc::mode_t;
    out.st_uid = attr.uid;
    out.st_gid = attr.gid;
    out.st_rdev = libc::makedev((attr.rdev >> 32) as u32, attr.rdev as u32);
    out.st_size = attr.size_bytes as libc::off_t;
    out.st_blksize = attr.block_size_bytes as libc::blksize_t;
    out.st_blocks = attr.blocks as libc::blkcnt_t;
    (out.st_atime, out.st_atime_nsec) = (attr.atime.seconds, i64::from(attr.atime.nanoseconds));
    (out.st_mtime, out.st_mtime_nsec) = (attr.mtime.seconds, i64::from(attr.mtime.nanoseconds));
    (out.st_ctime, out.st_ctime_nsec) = (attr.ctime.seconds, i64::from(attr.ctime.nanoseconds));
    out
}

/// POSIX `stat`.
///
/// # Safety
/// `path` is null or ends in NUL; `out` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_stat(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_fstatat(libc::AT_FDCWD, path, out, 0) }
}

/// POSIX `lstat`.
///
/// # Safety
/// As [`nx_stat`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_lstat(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_fstatat(libc::AT_FDCWD, path, out, libc::AT_SYMLINK_NOFOLLOW) }
}

/// POSIX `fstat`.
///
/// # Safety
/// `out` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fstat(fd: c_int, out: *mut libc::stat) -> c_int {
    on_fd(
        fd,
        |task, fd| {
            // SAFETY: the caller's word.
            unsafe { fill(out, struct_stat(&task.fstat(fd)?)) }.map(|()| 0)
        },
        // SAFETY: the caller's word.
        || unsafe { libc::fstat(fd, out) },
    )
}

/// POSIX `fstatat`; with Linux's `AT_EMPTY_PATH` and an empty path, of the descriptor itself.
///
/// # Safety
/// As [`nx_stat`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fstatat(
    dir: c_int,
    path: *const c_char,
    out: *mut libc::stat,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's word.
    if flags & libc::AT_EMPTY_PATH != 0 && unsafe { text(path) }.is_ok_and(<[u8]>::is_empty) {
        if dir != libc::AT_FDCWD {
            // SAFETY: the caller's word.
            return unsafe { nx_fstat(dir, out) };
        }
        // SAFETY: as above; the directory itself.
        return unsafe { nx_fstatat(dir, c".".as_ptr(), out, flags & !libc::AT_EMPTY_PATH) };
    }
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        let flags = flags & !(libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT);
        let stat = with_task(|task| task.stat_at(at(dir), path, flags as u32))?;
        // SAFETY: the caller's word.
        unsafe { fill(out, struct_stat(&stat)) }
    })
}

fn struct_statx(stat: &Stat) -> libc::statx {
    // SAFETY: a struct of numbers.
    let mut out: libc::statx = unsafe { std::mem::zeroed() };
    let attr = &stat.attr;
    let time = |of: &Timespec| {
        // SAFETY: as above.
        let mut time: libc::statx_timestamp = unsafe { std::mem::zeroed() };
        (time.tv_sec, time.tv_nsec) = (of.seconds, of.nanoseconds);
        time
    };
    out.stx_mask = libc::STATX_BASIC_STATS;
    out.stx_blksize = attr.block_size_bytes;
    (out.stx_nlink, out.stx_uid, out.stx_gid) = (attr.nlink, attr.uid, attr.gid);
    (out.stx_mode, out.stx_ino) = (attr.mode as u16, attr.ino);
    (out.stx_size, out.stx_blocks) = (attr.size_bytes, attr.blocks);
    (out.stx_atime, out.stx_mtime, out.stx_ctime) = (time(&attr.atime), time(&attr.mtime), time(&attr.ctime));
    (out.stx_rdev_major, out.stx_rdev_minor) = ((attr.rdev >> 32) as u32, attr.rdev as u32);
    let dev = stat.dev as libc::dev_t;
    (out.stx_dev_major, out.stx_dev_minor) = (libc::major(dev), libc::minor(dev));
    out
}

/// Linux `statx`: what `stat` tells, whatever is asked for.
///
/// # Safety
/// As [`nx_stat`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_statx(
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mask: u32,
    out: *mut libc::statx,
) -> c_int {
    // SAFETY: the caller's word.
    let itself = flags & libc::AT_EMPTY_PATH != 0 && unsafe { text(path) }.is_ok_and(<[u8]>::is_empty);
    if itself && dir != libc::AT_FDCWD && ours(dir).is_none() {
        // SAFETY: the caller's word.
        return unsafe { libc::statx(dir, path, flags, mask, out) };
    }
    const SYNC: c_int = libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC;
    done(|| {
        if mask & libc::STATX__RESERVED as u32 != 0 || flags & SYNC == SYNC {
            return Err(Errno::EINVAL.into());
        }
        let flags = flags & !(libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT | SYNC);
        let stat = match ours(dir) {
            Some(fd) if itself => with_task(|task| task.fstat(fd))?,
            _ => {
                // SAFETY: the caller's word.
                let path = if itself { b".".as_slice() } else { unsafe { text(path) }? };
                with_task(|task| task.stat_at(at(dir), path, flags as u32))?
            }
        };
        // SAFETY: the caller's word.
        unsafe { fill(out, struct_statx(&stat)) }
    })
}

/// POSIX `chmod`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_chmod(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_fchmodat(libc::AT_FDCWD, path, mode, 0) }
}

/// POSIX `fchmodat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fchmodat(dir: c_int, path: *const c_char, mode: u32, flags: c_int) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| task.chmod_at(at(dir), path, mode, flags as u32))
    })
}

/// POSIX `fchmod`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_fchmod(fd: c_int, mode: u32) -> c_int {
    // SAFETY: numbers only.
    on_fd(fd, |task, fd| task.fchmod(fd, mode).map(|()| 0), || unsafe { libc::fchmod(fd, mode) })
}

/// -1 leaves an owner as it is.
fn owner(id: u32) -> Option<u32> {
    (id != u32::MAX).then_some(id)
}

/// POSIX `chown`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_chown(path: *const c_char, uid: u32, gid: u32) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_fchownat(libc::AT_FDCWD, path, uid, gid, 0) }
}

/// POSIX `lchown`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_lchown(path: *const c_char, uid: u32, gid: u32) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_fchownat(libc::AT_FDCWD, path, uid, gid, libc::AT_SYMLINK_NOFOLLOW) }
}

/// POSIX `fchownat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fchownat(
    dir: c_int,
    path: *const c_char,
    uid: u32,
    gid: u32,
    flags: c_int,
) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| task.chown_at(at(dir), path, owner(uid), owner(gid), flags as u32))
    })
}

/// POSIX `fchown`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_fchown(fd: c_int, uid: u32, gid: u32) -> c_int {
    on_fd(
        fd,
        |task, fd| task.fchown(fd, owner(uid), owner(gid)).map(|()| 0),
        // SAFETY: numbers only.
        || unsafe { libc::fchown(fd, uid, gid) },
    )
}

/// POSIX `umask`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_umask(mask: u32) -> u32 {
    // It cannot fail: without a host there is nothing to mask.
    crate::call::caught(|| with_task(|task| Ok(task.set_umask(mask & 0o777)))).unwrap_or(0o022)
}

/// POSIX `access`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_access(path: *const c_char, want: c_int) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_faccessat(libc::AT_FDCWD, path, want, 0) }
}

/// POSIX `faccessat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_faccessat(dir: c_int, path: *const c_char, want: c_int, flags: c_int) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| task.access_at(at(dir), path, want as u32, flags as u32))
    })
}
