//! Signals of the program, kept from a thread for a while.

use std::mem::MaybeUninit;

/// Keeps signals from this thread until it is dropped.
pub(crate) struct Quiet(libc::sigset_t);

impl Quiet {
    pub(crate) fn new() -> Self {
        let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: `sigfillset` fills the one set before it is read, the call fills the other.
        Self(unsafe {
            libc::sigfillset(all.as_mut_ptr());
            // Those of an instruction that went wrong end the process if they are blocked.
            for own in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP] {
                libc::sigdelset(all.as_mut_ptr(), own);
            }
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
            before.assume_init()
        })
    }

    /// What was blocked before.
    pub(crate) fn before(&self) -> *const libc::sigset_t {
        &raw const self.0
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // SAFETY: the set is the one that there was.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}
