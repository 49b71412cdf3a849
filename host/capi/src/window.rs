//! Whose a descriptor number is.
//!
//! A task's number is the number that the C program has. At boot a window of numbers is taken from the operating system,
//! each with a placeholder that can do nothing, so that the kernel never hands one of them out; the task gives out
//! numbers of the window only. So of each number it is known whose it is: the host's, or the operating system's.
//!
//! `dup2` moves numbers across: over a number of the operating system's a placeholder is put, and the number is open in the
//! task; a number of the window that the operating system gets is withheld from the task, until it is closed.

use std::ffi::c_int;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nxvfs::file::OpenFile;
use nxvfs::{Errno, Result, Task};

use crate::call::{answer, done, os_errno};
use crate::host::{is_child, with_task};
use crate::ready::number_went;

/// Numbers that can be the host's at all.
const MAX_NUMBERS: u32 = nxvfs::file::MAX_DESCRIPTORS;
/// Where the window ends, if the limit of open files lets it come that far.
const WINDOW_END: u32 = 2048;

/// One bit a number: whether it is the host's. No lock, because a child made by `fork` looks here too.
static HOSTS: [AtomicU64; (MAX_NUMBERS / 64) as usize] =
    [const { AtomicU64::new(0) }; (MAX_NUMBERS / 64) as usize];
/// Taken at the first boot, for good.
static WINDOW: OnceLock<Range<u32>> = OnceLock::new();
/// Held while a number goes from one side to the other.
static CROSSING: Mutex<()> = Mutex::new(());

fn bit(fd: u32) -> (&'static AtomicU64, u64) {
    (&HOSTS[(fd / 64) as usize], 1 << (fd % 64))
}

/// The number, if it is the host's.
pub(crate) fn ours(fd: c_int) -> Option<u32> {
    let fd = u32::try_from(fd).ok().filter(|fd| *fd < MAX_NUMBERS)?;
    let (word, bit) = bit(fd);
    (word.load(Ordering::Acquire) & bit != 0).then_some(fd)
}

fn give_to_host(fd: u32) {
    let (word, bit) = bit(fd);
    word.fetch_or(bit, Ordering::AcqRel);
}

fn give_to_system(fd: u32) {
    let (word, bit) = bit(fd);
    word.fetch_and(!bit, Ordering::AcqRel);
}

fn in_window(fd: u32) -> bool {
    WINDOW.get().is_some_and(|window| window.contains(&fd))
}

/// In a child made by `fork` there is one thread, and another may have had the lock.
fn crossing() -> Option<MutexGuard<'static, ()>> {
    (!is_child()).then(|| CROSSING.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The soft limit of open files.
pub(crate) fn limit() -> u32 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills the struct that is there.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if told != 0 { 1024 } else { u32::try_from(limit.rlim_cur).unwrap_or(u32::MAX).min(MAX_NUMBERS) }
}

/// Takes the window from the operating system. Errors: EMFILE there is no room, and why no placeholder could be had.
fn reserve() -> Result<Range<u32>> {
    let limit = limit();
    // Half of what `select` can name, or of what there may be.
    let start = limit.min(libc::FD_SETSIZE as u32) / 2;
    let end = limit.min(WINDOW_END);
    // Names a file and can neither be read nor written, nor lead to another.
    // SAFETY: a path that ends in NUL.
    let first = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
    if first < 0 {
        return Err(os_errno());
    }
    let mut next = start;
    while next < end {
        // The lowest number from `next` on that is free: what the program has there stays the program's.
        // SAFETY: duplicates a descriptor of our own.
        let got = unsafe { libc::fcntl(first, libc::F_DUPFD_CLOEXEC, next as c_int) };
        let Ok(got) = u32::try_from(got) else { break };
        if got >= end {
            close_in_system(got);
            break;
        }
        give_to_host(got);
        next = got + 1;
    }
    close_in_system(first as u32);
    if next == start {
        return Err(Errno::EMFILE.into());
    }
    Ok(start..end)
}

fn close_in_system(fd: u32) -> c_int {
    // SAFETY: the number is a placeholder of ours, or one that the program asks to close.
    unsafe { libc::close(fd as c_int) }
}

/// Puts a placeholder at a number of the operating system's, over what is there. Errors: EBADF, EMFILE.
fn put_placeholder(at: u32) -> Result<()> {
    let window = WINDOW.get().cloned().ok_or(Errno::EBADF)?;
    let source = window.clone().find(|fd| *fd != at && ours(*fd as c_int).is_some()).ok_or(Errno::EMFILE)?;
    loop {
        // SAFETY: duplicates a placeholder; the number is one that the program gives up.
        if unsafe { libc::dup3(source as c_int, at as c_int, libc::O_CLOEXEC) } >= 0 {
            return Ok(());
        }
        let failure = os_errno();
        // Another thread was just about to get the number.
        if !matches!(failure.errno(), Errno::EINTR | Errno::EBUSY) {
            return Err(failure);
        }
    }
}

/// Lets a task of a host that just started have the window. Errors: as [`reserve`].
pub(crate) fn enter(task: &Task) -> Result<()> {
    let _crossing = crossing();
    let window = match WINDOW.get() {
        Some(window) => window.clone(),
        None => {
            let window = reserve()?;
            WINDOW.get_or_init(|| window).clone()
        }
    };
    let _ = task.set_descriptor_limit(limit());
    task.set_descriptor_window(window.clone());
    for fd in window.filter(|fd| ours(*fd as c_int).is_none()) {
        task.withhold_descriptor(fd);
    }
    Ok(())
}

/// The host has ended: numbers outside of the window are the operating system's again, and closed.
pub(crate) fn leave() {
    let _crossing = crossing();
    for fd in (0..MAX_NUMBERS).filter(|fd| !in_window(*fd)) {
        if ours(fd as c_int).is_some() {
            give_to_system(fd);
            close_in_system(fd);
        }
    }
}

/// POSIX `close`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_close(fd: c_int) -> c_int {
    match ours(fd) {
        Some(fd) if is_child() => {
            // The child's own placeholder: there is no file behind it.
            give_to_system(fd);
            close_in_system(fd)
        }
        Some(fd) if in_window(fd) => done(|| with_task(|task| task.close(fd))),
        Some(_) => done(|| close_crossed(fd)),
        None => close_system(fd),
    }
}

/// Closes a number outside of the window that leads to a file of the host.
fn close_crossed(fd: c_int) -> Result<()> {
    with_task(|task| {
        let file = {
            let _crossing = crossing();
            let fd = ours(fd).ok_or(Errno::EBADF)?;
            let file = task.take_descriptor(fd);
            // First the host's no more, then free: else the kernel could give out a number that is thought to be the host's.
            give_to_system(fd);
            close_in_system(fd);
            file?
        };
        task.closed(&file)
    })
}

/// Closes a number of the operating system's; one of the window is taken back.
fn close_system(fd: c_int) -> c_int {
    number_went(fd);
    if is_child() || !u32::try_from(fd).is_ok_and(in_window) {
        // SAFETY: what the program asks for.
        return unsafe { libc::close(fd) };
    }
    answer(|| {
        let _crossing = crossing();
        if ours(fd).is_some() {
            // Another thread was faster.
            return Err(Errno::EBADF.into());
        }
        need_open(fd)?;
        put_placeholder(fd as u32)?;
        give_to_host(fd as u32);
        // Without a host nobody has withheld it.
        let _ = with_task(|task| {
            task.restore_descriptor(fd as u32);
            Ok(())
        });
        Ok(0)
    })
}

/// Errors: EBADF the operating system has no such descriptor.
fn need_open(fd: c_int) -> Result<()> {
    // SAFETY: asks only.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 { Err(os_errno()) } else { Ok(()) }
}

/// POSIX `dup`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_dup(fd: c_int) -> c_int {
    // SAFETY: a number only.
    crate::call::on_fd(fd, |task, fd| Ok(task.dup(fd)? as c_int), || unsafe { libc::dup(fd) })
}

/// POSIX `dup2`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_dup2(fd: c_int, to: c_int) -> c_int {
    // The same number twice is one side.
    if ours(fd).is_none() && (ours(to).is_none() || is_child()) {
        return dup_in_system(fd, to, 0, true);
    }
    answer(|| dup_to(fd, to, false))
}

/// Linux and POSIX `dup3`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_dup3(fd: c_int, to: c_int, flags: c_int) -> c_int {
    if ours(fd).is_none() && (ours(to).is_none() || is_child()) {
        return dup_in_system(fd, to, flags, false);
    }
    answer(|| {
        if fd == to || flags & !libc::O_CLOEXEC != 0 {
            return Err(Errno::EINVAL.into());
        }
        dup_to(fd, to, flags != 0)
    })
}

fn dup_in_system(fd: c_int, to: c_int, flags: c_int, same: bool) -> c_int {
    // SAFETY: numbers only.
    let made = unsafe { if same { libc::dup2(fd, to) } else { libc::dup3(fd, to, flags) } };
    if made >= 0 && fd != to {
        number_went(to);
    }
    if let Ok(made) = u32::try_from(made)
        && is_child()
        && made < MAX_NUMBERS
    {
        give_to_system(made);
    }
    made
}

/// `dup2` and `dup3` where at least one of the numbers is the host's.
fn dup_to(fd: c_int, to: c_int, cloexec: bool) -> Result<c_int> {
    with_task(|task| {
        let old = {
            let _crossing = crossing();
            match (ours(fd), ours(to)) {
                (Some(fd), Some(to)) if fd == to => task.file(fd).map(|_| None),
                (Some(fd), Some(to)) => task.put_descriptor(task.file(fd)?, to, cloexec),
                (Some(fd), None) => host_over_system(task, fd, to, cloexec),
                (None, Some(to)) => system_over_host(task, fd, to, cloexec),
                // Another thread has moved one meanwhile.
                (None, None) => Err(Errno::EBADF.into()),
            }
        }?;
        // Late errors of what had the number are lost, as POSIX has it. Not under the lock: file systems are called.
        old.map(|old| task.closed(&old));
        Ok(to)
    })
}

/// A number of the operating system's becomes the host's.
fn host_over_system(task: &Task, fd: u32, to: c_int, cloexec: bool) -> Result<Option<Arc<OpenFile>>> {
    let to = u32::try_from(to).ok().filter(|to| *to < limit()).ok_or(Errno::EBADF)?;
    let old = task.put_descriptor(task.file(fd)?, to, cloexec)?;
    give_to_host(to);
    if let Err(e) = put_placeholder(to) {
        give_to_system(to);
        return task.take_descriptor(to).and(Err(e));
    }
    task.restore_descriptor(to);
    number_went(to as c_int);
    Ok(old)
}

/// A number of the host's becomes the operating system's.
fn system_over_host(task: &Task, fd: c_int, to: u32, cloexec: bool) -> Result<Option<Arc<OpenFile>>> {
    need_open(fd)?;
    // Nobody is given the number from here on.
    let old = task.withhold_descriptor(to);
    let flags = if cloexec { libc::O_CLOEXEC } else { 0 };
    // SAFETY: over a placeholder of ours.
    let made = unsafe { libc::dup3(fd, to as c_int, flags) };
    let failure = (made < 0).then(os_errno);
    if failure.is_none() {
        give_to_system(to);
    }
    if failure.is_some() || !in_window(to) {
        // Outside of the window the task gives out none by itself.
        task.restore_descriptor(to);
    }
    failure.map_or(Ok(old), Err)
}

/// Linux `close_range`, over numbers of both sides; with `CLOSE_RANGE_CLOEXEC` they are closed on execution.
#[unsafe(no_mangle)]
pub extern "C" fn nx_close_range(first: u32, last: u32, flags: c_int) -> c_int {
    let on_execution = flags == libc::CLOSE_RANGE_CLOEXEC as c_int;
    if first > last || flags != 0 && !on_execution {
        return done(|| Err(Errno::EINVAL.into()));
    }
    // SAFETY: numbers only.
    let system = |first: u32, last: u32| unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    let mut from = first;
    for fd in first..=last.min(MAX_NUMBERS - 1) {
        let number = fd as c_int;
        let is_host = ours(number).is_some();
        if !on_execution && !is_host {
            number_went(number);
        }
        if is_child() || !is_host && !in_window(fd) {
            if is_child() && is_host && !on_execution {
                give_to_system(fd);
            }
            continue;
        }
        if from < fd {
            system(from, fd - 1);
        }
        from = fd + 1;
        if !on_execution {
            nx_close(number);
        } else if is_host {
            let _ = with_task(|task| task.setfd(fd, libc::O_CLOEXEC as u32));
        } else {
            system(fd, fd);
        }
    }
    if from <= last {
        system(from, last);
    }
    0
}

/// glibc `closefrom`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_closefrom(first: c_int) {
    nx_close_range(u32::try_from(first).unwrap_or(0), u32::MAX, 0);
}
