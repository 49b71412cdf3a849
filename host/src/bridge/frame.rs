//! One call into a plugin, as the services see it: which thread's call a report belongs to.

use std::cell::Cell;
use std::ptr;

use nxvfs_abi::Errno;

use crate::base::{Detail, Error, Result};

/// A call that is under way on this thread. Frames nest when a service leads into another plugin.
pub(super) struct Frame {
    text: Cell<Option<Box<Detail>>>,
    panicked: Cell<bool>,
    below: *const Frame,
}

thread_local! {
    static TOP: Cell<*const Frame> = const { Cell::new(ptr::null()) };
}

/// Takes the frame away again, also when the host itself panics inside a service.
struct Pop(*const Frame);

impl Drop for Pop {
    fn drop(&mut self) {
        TOP.set(self.0);
    }
}

impl Frame {
    /// Runs one call and turns its answer, and what was reported meanwhile, into a result. The flag says whether
    /// the plugin panicked.
    #[inline]
    pub(super) fn run(call: impl FnOnce() -> i64) -> (Result<u64>, bool) {
        let frame = Frame { text: Cell::new(None), panicked: Cell::new(false), below: TOP.get() };
        let pop = Pop(frame.below);
        TOP.set(&raw const frame);
        let answer = call();
        drop(pop);
        let result = Errno::check(answer).map_err(|errno| match frame.text.take() {
            Some(detail) => Error::new(errno, *detail),
            None => Error::from(errno),
        });
        (result, frame.panicked.get())
    }

    fn with_top(use_it: impl FnOnce(&Frame)) {
        let top = TOP.get();
        if !top.is_null() {
            // SAFETY: a non-null top is a frame on this thread's stack: `run` set it and `Pop` takes it away before
            // the frame ends.
            use_it(unsafe { &*top });
        }
    }

    /// Remembers why the call on this thread is about to fail; the last report counts.
    pub(super) fn report(detail: Detail) {
        Self::with_top(|frame| frame.text.set(Some(Box::new(detail))));
    }

    /// Remembers that the call on this thread panicked.
    pub(super) fn panicked(message: &str) {
        Self::with_top(|frame| {
            frame.panicked.set(true);
            frame.text.set(Some(Box::new(Detail {
                what: "the plugin panicked".into(),
                found: format!("'{message}'").into(),
                remedy: "this use of it is out of service until it ends; report it to the plugin's author"
                    .into(),
                ..Detail::default()
            })));
        });
    }
}
