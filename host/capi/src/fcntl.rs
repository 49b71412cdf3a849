//! `fcntl.h` and `sys/file.h`: opening, what is told and changed of descriptors, locks.

use std::ffi::{c_char, c_int, c_short, c_void};

use nxvfs::file::{LockKind, LockRange, Whence};
use nxvfs::task::At;
use nxvfs::{Errno, Result, Task};

use crate::call::{answer, done, fill, number, on_fd, read, text};
use crate::host::with_task;
use crate::window::ours;

/// `F_GETPATH`: the path of an open file. A number of our own, which Linux does not have.
const F_GETPATH: c_int = 0x4e50;
/// Bytes that `F_GETPATH` may fill.
const PATH_MAX: usize = 4096;

/// From where relative paths begin: descriptors are the host's, as all paths are. Errors: EBADF.
pub(crate) fn at(fd: c_int) -> At {
    match fd {
        libc::AT_FDCWD => At::Cwd,
        // One that nobody has is refused where a path needs it.
        _ => At::Fd(ours(fd).unwrap_or(u32::MAX)),
    }
}

/// POSIX `open`. C declares the mode as variable; as an integer it comes in the same register, and without `O_CREAT`
/// nobody looks at it.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_open(path: *const c_char, flags: c_int, mode: u32) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_openat(libc::AT_FDCWD, path, flags, mode) }
}

/// POSIX `openat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_openat(dir: c_int, path: *const c_char, flags: c_int, mode: u32) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| Ok(task.open_at(at(dir), path, flags as u32, mode & 0o7777)? as c_int))
    })
}

/// POSIX `creat`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_creat(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_open(path, libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, mode) }
}

/// POSIX `fcntl`. The third argument is an `int` or a pointer: a register in both cases.
///
/// # Safety
/// Where the command takes a pointer `arg` is null or leads to what the command says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fcntl(fd: c_int, command: c_int, arg: *mut c_void) -> c_int {
    // SAFETY: the caller's word; the operating system checks its pointers itself.
    let system = || unsafe { libc::fcntl(fd, command, arg) };
    on_fd(
        fd,
        |task, fd| {
            // What the caller put there as an int: the upper half of the register is not its.
            let value = arg.addr() as c_int;
            match command {
                libc::F_GETLK | libc::F_SETLK | libc::F_SETLKW => {
                    // SAFETY: the caller's word.
                    unsafe { record_lock(task, fd, command, arg.cast()) }?;
                    Ok(0)
                }
                F_GETPATH => {
                    let mut path = task.path_of(fd)?;
                    path.push(0);
                    if arg.is_null() {
                        return Err(Errno::EFAULT.into());
                    }
                    if path.len() > PATH_MAX {
                        return Err(Errno::ERANGE.into());
                    }
                    // SAFETY: the caller's word: `char[PATH_MAX]`, and the path fits.
                    unsafe { std::ptr::copy_nonoverlapping(path.as_ptr(), arg.cast(), path.len()) };
                    Ok(0)
                }
                _ => by_value(task, fd, command, value),
            }
        },
        system,
    )
}

fn by_value(task: &Task, fd: u32, command: c_int, value: c_int) -> Result<c_int> {
    let at_least = || u32::try_from(value).map_err(|_| Errno::EINVAL);
    Ok(match command {
        libc::F_DUPFD => task.dup_from(fd, at_least()?)? as c_int,
        libc::F_DUPFD_CLOEXEC => task.dup_from_cloexec(fd, at_least()?)? as c_int,
        libc::F_GETFD => {
            if task.getfd(fd)? != 0 {
                libc::FD_CLOEXEC
            } else {
                0
            }
        }
        libc::F_SETFD => {
            let flags = if value & libc::FD_CLOEXEC != 0 { libc::O_CLOEXEC } else { 0 };
            task.setfd(fd, flags as u32)?;
            0
        }
        libc::F_GETFL => task.getfl(fd)? as c_int,
        libc::F_SETFL => {
            task.setfl(fd, value as u32)?;
            0
        }
        libc::F_GETPIPE_SZ => task.pipe_size(fd)? as c_int,
        libc::F_SETPIPE_SZ => {
            let size = usize::try_from(value).map_err(|_| Errno::EINVAL)?;
            task.set_pipe_size(fd, size)? as c_int
        }
        _ => {
            task.file(fd)?;
            return Err(Errno::EINVAL.into());
        }
    })
}

fn kind(lock_type: c_short) -> Result<Option<LockKind>> {
    match c_int::from(lock_type) {
        libc::F_RDLCK => Ok(Some(LockKind::Shared)),
        libc::F_WRLCK => Ok(Some(LockKind::Exclusive)),
        libc::F_UNLCK => Ok(None),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// # Safety
/// `lock` is null or points to a `struct flock`.
unsafe fn record_lock(task: &Task, fd: u32, command: c_int, lock: *mut libc::flock) -> Result<()> {
    task.file(fd)?;
    // SAFETY: the caller's word.
    let mut asked = unsafe { read(lock) }?;
    let whence = match c_int::from(asked.l_whence) {
        libc::SEEK_SET => Whence::Set,
        libc::SEEK_CUR => Whence::Current,
        libc::SEEK_END => Whence::End,
        _ => return Err(Errno::EINVAL.into()),
    };
    let range = LockRange { whence, start: asked.l_start, len: asked.l_len };
    let kind = kind(asked.l_type)?;
    if command != libc::F_GETLK {
        return task.setlk(fd, kind, &range, command == libc::F_SETLKW);
    }
    // What is free is told by the type alone.
    match task.getlk(fd, kind.ok_or(Errno::EINVAL)?, &range)? {
        None => asked.l_type = libc::F_UNLCK as c_short,
        Some(held) => {
            asked.l_type = match held.kind {
                LockKind::Shared => libc::F_RDLCK,
                LockKind::Exclusive => libc::F_WRLCK,
            } as c_short;
            asked.l_whence = libc::SEEK_SET as c_short;
            asked.l_start = held.start as i64;
            asked.l_len = held.last.map_or(0, |last| (last - held.start + 1) as i64);
            asked.l_pid = held.task as libc::pid_t;
        }
    }
    // SAFETY: the caller's word.
    unsafe { fill(lock, asked) }
}

/// POSIX `lockf`, on record locks.
#[unsafe(no_mangle)]
pub extern "C" fn nx_lockf(fd: c_int, command: c_int, len: i64) -> c_int {
    // SAFETY: numbers only.
    let system = || unsafe { libc::lockf(fd, command, len) };
    on_fd(
        fd,
        |task, fd| {
            let range = LockRange { whence: Whence::Current, start: 0, len };
            let exclusive = Some(LockKind::Exclusive);
            match command {
                libc::F_ULOCK => task.setlk(fd, None, &range, false)?,
                libc::F_LOCK => task.setlk(fd, exclusive, &range, true)?,
                libc::F_TLOCK => task.setlk(fd, exclusive, &range, false)?,
                libc::F_TEST if task.getlk(fd, LockKind::Exclusive, &range)?.is_some() => {
                    return Err(Errno::EACCES.into());
                }
                libc::F_TEST => {}
                _ => {
                    task.file(fd)?;
                    return Err(Errno::EINVAL.into());
                }
            }
            Ok(0)
        },
        system,
    )
}

/// BSD `flock`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_flock(fd: c_int, operation: c_int) -> c_int {
    // SAFETY: numbers only.
    let system = || unsafe { libc::flock(fd, operation) };
    on_fd(
        fd,
        |task, fd| {
            task.file(fd)?;
            let kind = match operation & !libc::LOCK_NB {
                libc::LOCK_SH => Some(LockKind::Shared),
                libc::LOCK_EX => Some(LockKind::Exclusive),
                libc::LOCK_UN => None,
                _ => return Err(Errno::EINVAL.into()),
            };
            task.flock(fd, kind, operation & libc::LOCK_NB == 0)?;
            Ok(0)
        },
        system,
    )
}

/// POSIX `posix_fallocate`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_posix_fallocate(fd: c_int, offset: i64, len: i64) -> c_int {
    let Some(fd) = ours(fd) else {
        // SAFETY: numbers only.
        return unsafe { libc::posix_fallocate(fd, offset, len) };
    };
    number(|| {
        with_task(|task| {
            let file = task.file(fd)?;
            if !file.flags().writable() {
                return Err(Errno::EBADF.into());
            }
            if file.stream().is_some_and(|stream| !stream.has_position()) {
                return Err(Errno::ESPIPE.into());
            }
            let (offset, len) = range(offset, len)?;
            task.fallocate(fd, 0, offset, len)
        })
    })
}

/// Linux `fallocate`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_fallocate(fd: c_int, mode: c_int, offset: i64, len: i64) -> c_int {
    let Some(fd) = ours(fd) else {
        // SAFETY: numbers only.
        return unsafe { libc::fallocate(fd, mode, offset, len) };
    };
    done(|| {
        with_task(|task| {
            if !task.file(fd)?.flags().writable() {
                return Err(Errno::EBADF.into());
            }
            let (offset, len) = range(offset, len)?;
            task.fallocate(fd, mode as u32, offset, len)
        })
    })
}

fn range(offset: i64, len: i64) -> Result<(u64, u64)> {
    match (u64::try_from(offset), u64::try_from(len)) {
        (Ok(offset), Ok(len)) => Ok((offset, len)),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// POSIX `posix_fadvise`: advice is taken note of by nobody, and checked.
#[unsafe(no_mangle)]
pub extern "C" fn nx_posix_fadvise(fd: c_int, offset: i64, len: i64, advice: c_int) -> c_int {
    let Some(fd) = ours(fd) else {
        // SAFETY: numbers only.
        return unsafe { libc::posix_fadvise(fd, offset, len, advice) };
    };
    number(|| {
        with_task(|task| {
            let file = task.file(fd)?;
            if file.stream().is_some_and(|stream| !stream.has_position()) {
                return Err(Errno::ESPIPE.into());
            }
            if !(libc::POSIX_FADV_NORMAL..=libc::POSIX_FADV_NOREUSE).contains(&advice) {
                return Err(Errno::EINVAL.into());
            }
            range(offset, len).map(drop)
        })
    })
}
