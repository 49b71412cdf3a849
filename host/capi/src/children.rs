//! `sys/wait.h`: the ends of programs. The operating system tells of them; what they wrote may still be on its way then.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use nxvfs::task::{Child, Prepared};
use nxvfs::{Errno, Result};

use crate::call::{os_errno, quietly};
use crate::host::is_child;

/// Programs whose output may still be on its way when the operating system tells of their end.
static CHILDREN: LazyLock<Mutex<HashMap<c_int, Arc<Child>>>> = LazyLock::new(Mutex::default);

fn children() -> MutexGuard<'static, HashMap<c_int, Arc<Child>>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a process has not been waited for.
fn is_there(pid: c_int) -> bool {
    // SAFETY: numbers only; no signal is sent.
    quietly(|| unsafe { libc::kill(pid, 0) == 0 })
}

/// Starts a program that can be waited for; answers its number.
pub(crate) fn start(program: Prepared) -> Result<c_int> {
    // Over the start, so that nobody ends it for the operating system meanwhile (see `wait_for`), and who is told of its end
    // finds it. The operating system alone is called.
    let mut children = children();
    let child = program.start()?;
    let number = child.id();
    // Those that were asked after in another way.
    children.retain(|number, child| child.try_wait().is_none() || is_there(*number));
    children.insert(number, Arc::new(child));
    Ok(number)
}

/// Whom `waitpid` waits for, as `waitid` says it.
fn whom(pid: c_int) -> (libc::idtype_t, libc::id_t) {
    match pid {
        -1 => (libc::P_ALL, 0),
        // SAFETY: asks only.
        0 => (libc::P_PGID, unsafe { libc::getpgrp() } as libc::id_t),
        pid if pid > 0 => (libc::P_PID, pid as libc::id_t),
        group => (libc::P_PGID, group.unsigned_abs()),
    }
}

fn numbers() -> libc::siginfo_t {
    // SAFETY: a struct of numbers.
    unsafe { std::mem::zeroed() }
}

/// The number of the child that was told of; 0: of none.
fn number_of(told: &libc::siginfo_t) -> c_int {
    // SAFETY: what `waitid` filled, or zeroes.
    unsafe { told.si_pid() }
}

/// Waits for news of a child, then takes them with `take`, which gets its number and must not wait; again, if another thread
/// was faster. Answers what `take` did; 0 there are none now; -1 with errno.
fn wait_for(
    (kind, id): (libc::idtype_t, libc::id_t),
    options: c_int,
    mut take: impl FnMut(c_int) -> c_int,
) -> c_int {
    loop {
        // Only looked at, so that the process is there until a thread that starts it just now knows it.
        let mut seen = numbers();
        // SAFETY: the struct is there.
        if unsafe { libc::waitid(kind, id, &raw mut seen, options | libc::WNOWAIT) } < 0 {
            return -1;
        }
        let pid = number_of(&seen);
        if pid == 0 {
            return 0;
        }
        let children = children();
        // Output is still on its way, and somebody who must not wait is told that it has not ended.
        let ended = matches!(seen.si_code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED);
        let lingers = children.get(&pid).is_some_and(|child| child.try_wait().is_none());
        if ended && lingers && options & libc::WNOHANG != 0 {
            return 0;
        }
        let took = take(pid);
        drop(children);
        if took > 0 || took < 0 && os_errno().errno() != Errno::ECHILD {
            return took;
        }
    }
}

/// What a program wrote is in its files before anybody is told that it ended.
fn settle(pid: c_int, gone: bool) {
    if is_child() {
        return;
    }
    let child = if gone { children().remove(&pid) } else { children().get(&pid).cloned() };
    drop(child.map(|child| child.wait_through()));
}

/// POSIX `waitpid`.
///
/// # Safety
/// `status` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_wait4(pid, status, options, std::ptr::null_mut()) }
}

/// POSIX `wait`.
///
/// # Safety
/// As [`nx_waitpid`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_wait(status: *mut c_int) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_waitpid(-1, status, 0) }
}

/// BSD `wait3`.
///
/// # Safety
/// As [`nx_wait4`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_wait3(status: *mut c_int, options: c_int, usage: *mut libc::rusage) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_wait4(-1, status, options, usage) }
}

/// BSD `wait4`.
///
/// # Safety
/// `status` and `usage` are null or have room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_wait4(
    pid: c_int,
    status: *mut c_int,
    options: c_int,
    usage: *mut libc::rusage,
) -> c_int {
    let mut told = 0;
    // SAFETY: the status is there, and the caller's word.
    let mut system = |pid, options| unsafe { libc::wait4(pid, &raw mut told, options, usage) };
    let ended = match is_child() {
        true => system(pid, options),
        // `WUNTRACED` is `WSTOPPED`.
        false => wait_for(whom(pid), options | libc::WEXITED, |pid| system(pid, options | libc::WNOHANG)),
    };
    if ended > 0 && (libc::WIFEXITED(told) || libc::WIFSIGNALED(told)) {
        settle(ended, true);
    }
    if ended > 0 && !status.is_null() {
        // SAFETY: the caller's word.
        unsafe { status.write(told) };
    }
    ended
}

/// POSIX `waitid`.
///
/// # Safety
/// `info` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_waitid(
    kind: libc::idtype_t,
    id: libc::id_t,
    info: *mut libc::siginfo_t,
    options: c_int,
) -> c_int {
    let mut told = numbers();
    // SAFETY: the struct is there.
    let mut system = |kind, id, options| unsafe { libc::waitid(kind, id, &raw mut told, options) };
    let done = match is_child() {
        true => system(kind, id, options),
        false => wait_for((kind, id), options, |pid| {
            match system(libc::P_PID, pid as libc::id_t, options | libc::WNOHANG) {
                0 => pid,
                failed => failed,
            }
        })
        .min(0),
    };
    if done == 0 && matches!(told.si_code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED) {
        settle(number_of(&told), options & libc::WNOWAIT == 0);
    }
    if done == 0 && !info.is_null() {
        // SAFETY: the caller's word.
        unsafe { info.write(told) };
    }
    done
}
