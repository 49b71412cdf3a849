//! The one host of the process, and its task.

use std::ffi::{c_char, c_int};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use nxvfs::task::Board;
use nxvfs::{Errno, Host, HostOptions, Result, Task};

use crate::call::{caught, done, text};
use crate::window;

static RUNNING: RwLock<Option<Arc<Task>>> = RwLock::new(None);
/// Held while a host starts or ends; true once one was started.
static STARTED: Mutex<bool> = Mutex::new(false);
/// The thread that starts a host at this moment, or 0.
static STARTER: AtomicI32 = AtomicI32::new(0);
/// Whether this process is a child made by `fork`, which has no host.
static CHILD: AtomicBool = AtomicBool::new(false);

/// Names the board of a program that does not call [`nx_boot`] itself.
const BOARD: &str = "NXVFS_BOARD";

/// Whether this process is a child made by `fork` of one with a host.
pub(crate) fn is_child() -> bool {
    CHILD.load(Ordering::Relaxed)
}

fn this_thread() -> i32 {
    // SAFETY: no memory is involved.
    unsafe { libc::gettid() }
}

fn running() -> Option<Arc<Task>> {
    RUNNING.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Runs something with the task, without a lock: it may wait, or come back. The first call starts the host if
/// `$NXVFS_BOARD` is set. Errors: ESRCH there is none.
pub(crate) fn with_task<R>(body: impl FnOnce(&Task) -> Result<R>) -> Result<R> {
    body(&*task()?)
}

/// The task. Errors: ESRCH there is none.
pub(crate) fn task() -> Result<Arc<Task>> {
    if is_child() {
        return Err(Errno::ESRCH.into());
    }
    if let Some(task) = running() {
        return Ok(task);
    }
    start_by_itself()?;
    running().ok_or_else(|| Errno::ESRCH.into())
}

fn start_by_itself() -> Result<()> {
    let Some(board) = std::env::var_os(BOARD) else { return Ok(()) };
    // While a host starts, what its plugins and the program's drivers call finds none; other threads wait for it.
    if STARTER.load(Ordering::Relaxed) == this_thread() {
        return Ok(());
    }
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if *started {
        return Ok(());
    }
    start(&mut started, Some(Path::new(&board))).inspect_err(|e| eprintln!("libnxvfs: {e}"))
}

fn start(started: &mut bool, board: Option<&Path>) -> Result<()> {
    STARTER.store(this_thread(), Ordering::Relaxed);
    let done = caught(|| start_here(started, board));
    STARTER.store(0, Ordering::Relaxed);
    done
}

fn start_here(started: &mut bool, board: Option<&Path>) -> Result<()> {
    let board = board.map(Board::read).transpose()?;
    // A host whose board cannot be brought up ends with what there is of it.
    *started = true;
    let host = Host::new(HostOptions::default())?;
    if let Some(board) = board {
        host.bring_up(&board)?;
    }
    let task = Arc::new(host.task());
    window::enter(&task)?;
    *RUNNING.write().unwrap_or_else(PoisonError::into_inner) = Some(task);
    Ok(())
}

/// Before `main`, so that what the program itself does at its exit, which is done in reverse order, still finds the host.
#[used]
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;

extern "C" fn loaded() {
    // SAFETY: the functions are this library's, which is never closed once it has a host: see docs/c-library.md.
    unsafe {
        libc::pthread_atfork(None, None, Some(in_child));
        libc::atexit(at_exit);
    }
}

/// What other threads of the parent did just now is not known here: nothing but this flag may be touched.
extern "C" fn in_child() {
    CHILD.store(true, Ordering::Relaxed);
}

/// What the program wrote comes to its medium although it did not call [`nx_end`].
extern "C" fn at_exit() {
    if !is_child()
        && running().is_some()
        && let Err(e) = end()
    {
        eprintln!("libnxvfs: {e}");
    }
}

/// Ends the host, with what the program wrote on its medium. Errors: ESRCH there is none; those of bringing it there, and
/// the host has ended nevertheless.
fn end() -> Result<()> {
    let running = running().ok_or(Errno::ESRCH)?;
    // While there is a host to take it.
    crate::stdio::write_all();
    let _started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let task = RUNNING.write().unwrap_or_else(PoisonError::into_inner).take().ok_or(Errno::ESRCH)?;
    drop(running);
    task.interrupt();
    // Other threads may keep the host alive: what it holds must not depend on its end.
    let synced = task.host().sync();
    drop(task);
    window::leave();
    synced
}

/// Starts the host.
///
/// # Safety
/// `board` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_boot(board: *const c_char) -> c_int {
    done(|| {
        if is_child() {
            return Err(Errno::ENOTSUP.into());
        }
        if STARTER.load(Ordering::Relaxed) == this_thread() {
            return Err(Errno::EBUSY.into());
        }
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        if running().is_some() {
            return Err(Errno::EBUSY.into());
        }
        let board = if board.is_null() {
            std::env::var_os(BOARD).map(PathBuf::from)
        } else {
            use std::os::unix::ffi::OsStrExt;
            // SAFETY: the caller's word.
            Some(Path::new(std::ffi::OsStr::from_bytes(unsafe { text(board) }?)).to_owned())
        };
        start(&mut started, board.as_deref())
    })
}

/// Ends the host.
#[unsafe(no_mangle)]
pub extern "C" fn nx_end() -> c_int {
    done(|| if is_child() { Err(Errno::ESRCH.into()) } else { end() })
}
