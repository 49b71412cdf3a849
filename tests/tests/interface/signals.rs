//! Signals and calls that wait.

#![allow(unsafe_code, reason = "installs handlers and sends signals to threads")]

use std::ffi::c_int;
use std::io::{ErrorKind, Read};
use std::os::unix::thread::JoinHandleExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use nxvfs::file::{LockKind, LockRange};
use nxvfs::{Errno, Host, HostOptions};
use nxvfs_abi::types::open;

static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_signal(_: c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

fn install(signal: c_int, flags: c_int) {
    // SAFETY: the struct is filled before it is read; the handler does what a handler may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &raw const action, std::ptr::null_mut()), 0);
    }
}

fn signal<T>(thread: &JoinHandle<T>, signal: c_int) {
    // SAFETY: the thread has not been joined.
    unsafe { libc::pthread_kill(thread.as_pthread_t(), signal) };
    thread::yield_now();
}

/// Signals, until the thread has ended: one of them comes while it sleeps.
fn interrupted<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    install(libc::SIGUSR1, 0);
    let thread = thread::spawn(body);
    while !thread.is_finished() {
        signal(&thread, libc::SIGUSR1);
    }
    thread.join().unwrap()
}

#[test]
fn a_handler_ends_a_sleep_of_a_task() {
    let host = Host::new(HostOptions::default()).unwrap();
    let task = host.task();
    let (reads, _writes) = task.pipe2(0).unwrap();
    let (told, task) = interrupted(move || (task.read(reads, &mut [0; 1]).unwrap_err().errno(), task));
    assert_eq!(told, Errno::EINTR);
    let told = interrupted(move || task.stream(reads).unwrap().read(&mut [0; 1]).unwrap_err().kind());
    assert_eq!(told, ErrorKind::Interrupted);
}

#[test]
fn a_handler_ends_the_wait_for_a_lock() {
    let host = Host::new(HostOptions::default()).unwrap();
    let (one, two) = (host.task(), host.task());
    let flags = open::O_CREAT | open::O_RDWR;
    let (mine, theirs) = (one.open("/file", flags, 0o666).unwrap(), two.open("/file", flags, 0o666).unwrap());
    one.setlk(mine, Some(LockKind::Exclusive), &LockRange::ALL, false).unwrap();
    let told = interrupted(move || {
        two.setlk(theirs, Some(LockKind::Exclusive), &LockRange::ALL, true).unwrap_err().errno()
    });
    assert_eq!(told, Errno::EINTR);
}

#[test]
fn a_sleep_goes_on_after_a_handler_that_asks_for_it() {
    install(libc::SIGUSR2, libc::SA_RESTART);
    let host = Host::new(HostOptions::default()).unwrap();
    let (task, other) = (host.task(), host.task());
    task.mkfifo("/fifo", 0o600).unwrap();
    let reads = task.open("/fifo", open::O_RDWR, 0).unwrap();
    let writes = other.open("/fifo", open::O_RDWR, 0).unwrap();
    let thread = thread::spawn(move || task.read(reads, &mut [0; 8]));
    let before = HANDLED.load(Ordering::Relaxed);
    while HANDLED.load(Ordering::Relaxed) < before + 100 {
        assert!(!thread.is_finished());
        signal(&thread, libc::SIGUSR2);
    }
    other.write(writes, b"news").unwrap();
    assert_eq!(thread.join().unwrap().unwrap(), 4);
}
