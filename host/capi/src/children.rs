//! `sys/wait.h`: the ends of programs. The operating system tells of them; what they wrote may still be on its way then.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use nxvfs::Result;
use nxvfs::task::{Child, Prepared};

use crate::call::quietly;
use crate::host::is_child;

/// Programs whose output may still be on its way when the operating system tells of their end.
static CHILDREN: LazyLock<Mutex<HashMap<c_int, Child>>> = LazyLock::new(Mutex::default);

fn children() -> MutexGuard<'static, HashMap<c_int, Child>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a process has not been waited for.
fn is_there(pid: c_int) -> bool {
    // SAFETY: numbers only; no signal is sent.
    quietly(|| unsafe { libc::kill(pid, 0) == 0 })
}

/// Starts a program that can be waited for; answers its number.
pub(crate) fn start(program: Prepared) -> Result<c_int> {
    // Over the start, so that who is told of its end meanwhile finds it. The operating system alone is called.
    let mut children = children();
    let child = program.start()?;
    let number = child.id();
    // Those that were asked after in another way.
    children.retain(|number, child| child.try_wait().is_none() || is_there(*number));
    children.insert(number, child);
    Ok(number)
}

/// Whether a program that has ended still has output on its way: somebody who must not wait is told that it has not ended.
fn is_lingering(pid: c_int, options: c_int) -> bool {
    let (kind, id) = match pid {
        -1 => (libc::P_ALL, 0),
        0 => (libc::P_PGID, 0),
        pid if pid > 0 => (libc::P_PID, pid as libc::id_t),
        group => (libc::P_PGID, group.unsigned_abs()),
    };
    let look = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG | options & libc::WSTOPPED;
    // SAFETY: a struct of numbers, which the call fills.
    let mut told: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let ended = match unsafe { libc::waitid(kind, id, &raw mut told, look) } {
        // SAFETY: it tells of a child.
        0 => unsafe { told.si_pid() },
        _ => return false,
    };
    children().get(&ended).is_some_and(|child| child.try_wait().is_none())
}

/// POSIX `waitpid`.
///
/// # Safety
/// `status` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int {
    if options & libc::WNOHANG != 0 && !is_child() && quietly(|| is_lingering(pid, options)) {
        return 0;
    }
    let mut told = 0;
    // SAFETY: the status is there.
    let ended = unsafe { libc::waitpid(pid, &raw mut told, options) };
    if ended > 0 && (libc::WIFEXITED(told) || libc::WIFSIGNALED(told)) && !is_child() {
        let child = children().remove(&ended);
        // What the program wrote is in its files before anybody is told that it ended.
        drop(child.map(|child| child.wait_through()));
    }
    if ended > 0 && !status.is_null() {
        // SAFETY: the caller's word.
        unsafe { status.write(told) };
    }
    ended
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
