//! Threads of the host. A program's signals are the program's: none of these threads takes one.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread::{Builder, JoinHandle};

/// Starts a thread on which no signal is delivered: not the program's timers, and not the `SIGPIPE` of a pipe whose
/// reader went away, which is EPIPE instead. Errors: the operating system's (EAGAIN).
pub fn spawn_quiet<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // A thread begins with the mask of the one that starts it, so there is no moment in which it takes signals.
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are memory of this function; `sigfillset` fills the first before it is read, and the call fills
    // the second.
    let errno = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr())
    };
    if errno != 0 {
        return Err(io::Error::from_raw_os_error(errno));
    }
    let started = Builder::new().name(name.to_owned()).spawn(body);
    // SAFETY: the set was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    started
}
