//! Names: links, directories, the working directory, pipes.

use std::ffi::{c_char, c_int, c_uint};

use nxvfs::{Errno, Result};

use crate::call::{answer, bytes_mut, done, fill, on_fd, pointer, text};
use crate::fcntl::at;
use crate::host::with_task;
use crate::window::ours;

/// Linux `AT_REMOVEDIR`.
const AT_REMOVEDIR: c_int = libc::AT_REMOVEDIR;

/// POSIX `unlink`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_unlinkat(libc::AT_FDCWD, path, 0) }
}

/// POSIX `rmdir`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_rmdir(path: *const c_char) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_unlinkat(libc::AT_FDCWD, path, AT_REMOVEDIR) }
}

/// POSIX `unlinkat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| task.unlink_at(at(dir), path, flags as u32))
    })
}

/// POSIX `link`.
///
/// # Safety
/// The paths are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_link(old: *const c_char, new: *const c_char) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_linkat(libc::AT_FDCWD, old, libc::AT_FDCWD, new, 0) }
}

/// POSIX `linkat`.
///
/// # Safety
/// The paths are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_linkat(
    old_dir: c_int,
    old: *const c_char,
    new_dir: c_int,
    new: *const c_char,
    flags: c_int,
) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let (old, new) = unsafe { (text(old)?, text(new)?) };
        with_task(|task| task.link_at(at(old_dir), old, at(new_dir), new, flags as u32))
    })
}

/// POSIX `symlink`.
///
/// # Safety
/// The paths are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_symlink(target: *const c_char, path: *const c_char) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_symlinkat(target, libc::AT_FDCWD, path) }
}

/// POSIX `symlinkat`.
///
/// # Safety
/// The paths are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_symlinkat(target: *const c_char, dir: c_int, path: *const c_char) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let (target, path) = unsafe { (text(target)?, text(path)?) };
        with_task(|task| task.symlink_at(target, at(dir), path))
    })
}

/// POSIX `readlink`.
///
/// # Safety
/// `path` is null or ends in NUL; `buf` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_readlink(path: *const c_char, buf: *mut c_char, len: usize) -> isize {
    // SAFETY: the caller's word.
    unsafe { nx_readlinkat(libc::AT_FDCWD, path, buf, len) }
}

/// POSIX `readlinkat`.
///
/// # Safety
/// As [`nx_readlink`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_readlinkat(
    dir: c_int,
    path: *const c_char,
    buf: *mut c_char,
    len: usize,
) -> isize {
    answer(|| {
        if len == 0 {
            return Err(Errno::EINVAL.into());
        }
        // SAFETY: the caller's word.
        let (path, buf) = unsafe { (text(path)?, bytes_mut(buf.cast(), len)?) };
        let target = with_task(|task| task.readlink_at(at(dir), path))?;
        // What does not fit is left out, as POSIX has it; there is no NUL.
        let len = target.len().min(buf.len());
        buf[..len].copy_from_slice(&target[..len]);
        Ok(len as isize)
    })
}

/// POSIX `rename`.
///
/// # Safety
/// The paths are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_rename(old: *const c_char, new: *const c_char) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_renameat2(libc::AT_FDCWD, old, libc::AT_FDCWD, new, 0) }
}

/// POSIX `renameat`.
///
/// # Safety
/// The paths are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_renameat(
    old_dir: c_int,
    old: *const c_char,
    new_dir: c_int,
    new: *const c_char,
) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_renameat2(old_dir, old, new_dir, new, 0) }
}

/// Linux `renameat2`.
///
/// # Safety
/// The paths are null or end in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_renameat2(
    old_dir: c_int,
    old: *const c_char,
    new_dir: c_int,
    new: *const c_char,
    flags: c_uint,
) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let (old, new) = unsafe { (text(old)?, text(new)?) };
        with_task(|task| task.rename_at(at(old_dir), old, at(new_dir), new, flags))
    })
}

/// ISO C `remove`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_remove(path: *const c_char) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| match task.unlink(path) {
            Err(e) if e.errno() == Errno::EISDIR => task.rmdir(path),
            done => done,
        })
    })
}

/// POSIX `mkdir`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkdir(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_mkdirat(libc::AT_FDCWD, path, mode) }
}

/// POSIX `mkdirat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkdirat(dir: c_int, path: *const c_char, mode: u32) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| task.mkdir_at(at(dir), path, mode & 0o7777))
    })
}

/// POSIX `mkfifo`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkfifo(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_mkfifoat(libc::AT_FDCWD, path, mode) }
}

/// POSIX `mkfifoat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mkfifoat(dir: c_int, path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_mknodat(dir, path, libc::S_IFIFO | mode & 0o7777, 0) }
}

/// POSIX `mknod`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mknod(path: *const c_char, mode: u32, dev: u64) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_mknodat(libc::AT_FDCWD, path, mode, dev) }
}

/// POSIX `mknodat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mknodat(dir: c_int, path: *const c_char, mode: u32, dev: u64) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        // As Linux: no type is a regular file.
        let mode = if mode & libc::S_IFMT == 0 { mode | libc::S_IFREG } else { mode };
        let rdev = u64::from(libc::major(dev)) << 32 | u64::from(libc::minor(dev));
        with_task(|task| task.mknod_at(at(dir), path, mode, rdev))
    })
}

/// POSIX `chdir`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_chdir(path: *const c_char) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| task.chdir(path))
    })
}

/// POSIX `fchdir`. A directory of the operating system's is none: all paths are the host's.
#[unsafe(no_mangle)]
pub extern "C" fn nx_fchdir(fd: c_int) -> c_int {
    done(|| {
        let fd = ours(fd).ok_or(Errno::EBADF)?;
        with_task(|task| task.fchdir(fd))
    })
}

/// POSIX `getcwd`; with a null `buf` as the C library: the memory is the caller's to free.
///
/// # Safety
/// `buf` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_getcwd(buf: *mut c_char, len: usize) -> *mut c_char {
    pointer(|| {
        if len == 0 && !buf.is_null() {
            return Err(Errno::EINVAL.into());
        }
        let path = with_task(|task| Ok(task.getcwd()))?;
        // SAFETY: the caller's word.
        unsafe { give_text(&path, buf, len) }
    })
}

/// POSIX `realpath`; with a null `buf` the memory is the caller's to free.
///
/// # Safety
/// `path` is null or ends in NUL; `buf` is null or has `PATH_MAX` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_realpath(path: *const c_char, buf: *mut c_char) -> *mut c_char {
    pointer(|| {
        if path.is_null() {
            return Err(Errno::EINVAL.into());
        }
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        let real = with_task(|task| task.canonical(path))?;
        let room = if buf.is_null() { 0 } else { libc::PATH_MAX as usize };
        // SAFETY: the caller's word.
        unsafe { give_text(&real, buf, room) }
            .map_err(|e| if e.errno() == Errno::ERANGE { Errno::ENAMETOOLONG.into() } else { e })
    })
}

/// Puts a text with its NUL into a buffer, or into memory of the C library's if there is none; `len` 0 is as much as it
/// needs. Errors: ERANGE, ENOMEM.
///
/// # Safety
/// `buf` is null or has `len` bytes.
unsafe fn give_text(text: &[u8], buf: *mut c_char, len: usize) -> Result<*mut c_char> {
    let needed = text.len() + 1;
    if len != 0 && needed > len {
        return Err(Errno::ERANGE.into());
    }
    // SAFETY: asks for memory; what it answers is checked.
    let buf = if buf.is_null() { unsafe { libc::malloc(len.max(needed)) }.cast() } else { buf };
    if buf.is_null() {
        return Err(Errno::ENOMEM.into());
    }
    // SAFETY: room for the text and the NUL, by the check and the caller's word.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buf.cast(), text.len());
        buf.add(text.len()).write(0);
    }
    Ok(buf)
}

/// POSIX `pipe`.
///
/// # Safety
/// `fds` is null or has room for two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_pipe(fds: *mut c_int) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_pipe2(fds, 0) }
}

/// POSIX `pipe2`.
///
/// # Safety
/// `fds` is null or has room for two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_pipe2(fds: *mut c_int, flags: c_int) -> c_int {
    done(|| {
        if fds.is_null() {
            return Err(Errno::EFAULT.into());
        }
        let (reads, writes) = with_task(|task| task.pipe2(flags as u32))?;
        // SAFETY: the caller's word.
        unsafe { fill(fds.cast::<[c_int; 2]>(), [reads as c_int, writes as c_int]) }
    })
}

/// POSIX `isatty`: 1, or 0 with errno.
#[unsafe(no_mangle)]
pub extern "C" fn nx_isatty(fd: c_int) -> c_int {
    // SAFETY: a number only.
    let told = on_fd(fd, |task, fd| task.isatty(fd).map(|()| 1), || unsafe { libc::isatty(fd) });
    told.max(0)
}
