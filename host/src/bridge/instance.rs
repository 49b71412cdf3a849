//! One mounted volume or attached device of a plugin, and the rules that every call of it keeps.

use std::ffi::c_void;
use std::time::{Duration, Instant};

use nxvfs_abi::Ctx;
use nxvfs_abi::types::CtxIn;

use super::frame::Frame;
use super::module::Module;
use super::turn::Turn;
use crate::base::error::teach;
use crate::base::sync::{Arc, AtomicBool, AtomicU8, OnceLock, Ordering};
use crate::base::{Errno, Error, InFlight, Result};

teach! {
    /// Why a call does not reach a plugin, or its answer not the caller.
    pub enum BridgeError {
        /// The plugin answered what cannot be true.
        Lie { plugin: String, slot: &'static str, claim: String } => EIO,
            what: "plugin {plugin} gave an answer that cannot be", place: "{slot}", found: "{claim}",
            remedy: "report it to the plugin's author";
        /// An earlier call panicked.
        Poisoned { plugin: String, instance: String } => EIO,
            what: "out of service: plugin {plugin} panicked in an earlier call", place: "{instance}",
            remedy: "unmount or detach it";
        /// It was taken away from its users by force.
        Revoked { instance: String } => EIO, what: "taken out of service by force", place: "{instance}",
            remedy: "close what is open there";
        /// A call never came back.
        Stuck { plugin: String, instance: String } => ETIMEDOUT,
            what: "a call of plugin {plugin} does not return: it and the plugin's image are given up",
            place: "{instance}", remedy: "what it used stays taken until this process ends; report it to the plugin's author";
        /// The volume or device has ended.
        Ended { instance: String } => ESTALE, what: "ended meanwhile", place: "{instance}";
        /// The plugin lacks what is asked.
        Absent { plugin: String, slot: &'static str } => ENOTSUP,
            what: "plugin {plugin} does not offer this", place: "{slot}";
    }
}

const LIVE: u8 = 0;
const POISONED: u8 = 1;
const REVOKED: u8 = 2;
/// About to end: only what gives back is still called.
const CLOSING: u8 = 3;
const ENDED: u8 = 4;

/// A plugin's own pointer with what guards it.
pub struct Instance {
    module: Arc<Module>,
    raw: *mut c_void,
    /// What users know it by: a node or a mount point.
    label: Arc<str>,
    state: AtomicU8,
    /// Calls that are under way. Each is counted before it looks at the state.
    calls: InFlight,
    /// Held during each call, unless the driver is declared parallel.
    serial: Option<Turn>,
    /// When the end of calls is no longer waited for; set by whoever revokes.
    patience: OnceLock<Instant>,
    /// Whether it is about to end, whatever its state is.
    closing: AtomicBool,
    /// Whether the last call was made, or will never be.
    ended: AtomicBool,
    stuck: AtomicBool,
}

// SAFETY: `raw` is opaque to the host; the contract lets instances be called from any thread, and `serial` keeps
// calls apart where the driver did not declare itself parallel.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    pub(super) fn new(module: Arc<Module>, raw: *mut c_void, label: Arc<str>, parallel: bool) -> Self {
        Self {
            module,
            raw,
            label,
            state: AtomicU8::new(LIVE),
            calls: InFlight::default(),
            serial: (!parallel).then(Turn::default),
            patience: OnceLock::new(),
            closing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
        }
    }

    /// The plugin.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// The node or mount point.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    #[inline]
    fn state(&self) -> u8 {
        self.state.load(Ordering::SeqCst)
    }

    /// Whether the last call was made.
    pub(super) fn has_ended(&self) -> bool {
        self.state() == ENDED
    }

    /// Whether an earlier call panicked.
    pub fn is_poisoned(&self) -> bool {
        self.state() == POISONED
    }

    /// Whether it was taken away by force.
    pub fn is_revoked(&self) -> bool {
        self.state() == REVOKED
    }

    /// Whether it is over: every call from now on is refused.
    pub fn is_over(&self) -> bool {
        self.closing.load(Ordering::SeqCst) || matches!(self.state(), REVOKED | ENDED)
    }

    /// Whether a call did not return in time when it was ended by force; it may still be under way.
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Acquire)
    }

    /// Calls the plugin: not after it panicked, was revoked or ended; one at a time if it is serial.
    #[inline]
    pub(super) fn call(&self, ctx: &Ctx, call: impl FnOnce(*mut c_void, CtxIn) -> i64) -> Result<u64> {
        self.call_if(|state| state == LIVE, ctx, call)
    }

    #[inline]
    fn call_if(
        &self,
        may: impl Fn(u8) -> bool,
        ctx: &Ctx,
        call: impl FnOnce(*mut c_void, CtxIn) -> i64,
    ) -> Result<u64> {
        let _counted = self.calls.enter();
        if !may(self.state()) {
            return Err(self.refusal());
        }
        let turn = match &self.serial {
            // While it waited another call may have panicked, or the instance may be over.
            Some(serial) => match serial.take(|| !may(self.state())) {
                Some(turn) if may(self.state()) => Some(turn),
                _ => return Err(self.refusal()),
            },
            None => None,
        };
        let (result, panicked) = Frame::run(|| call(self.raw, CtxIn(ctx)));
        if panicked {
            self.poison();
        }
        drop(turn);
        result
    }

    /// Calls a slot without context or answer (`forget`, `unpin`), if the instance has not ended yet.
    pub(super) fn notify(&self, call: impl FnOnce(*mut c_void)) {
        let _ = self.call_if(
            |state| matches!(state, LIVE | CLOSING),
            &super::host_ctx(),
            |raw, _| {
                call(raw);
                0
            },
        );
    }

    /// Refuses calls from now on, except those that give back, because the instance is about to end.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        let _ = self.state.compare_exchange(LIVE, CLOSING, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Takes the instance away from its users: new calls are EIO, also those that wait for their turn. Ending it waits so
    /// long for the calls that are under way.
    pub fn revoke(&self, patience: Duration) {
        let _ = self.patience.set(Instant::now() + patience);
        let _ = self.state.compare_exchange(LIVE, REVOKED, Ordering::SeqCst, Ordering::SeqCst);
        if let Some(serial) = &self.serial {
            serial.interrupt();
        }
    }

    /// Waits until no call is under way, and makes the last one: none follows, whatever it answers. A poisoned
    /// instance is not called; what it holds is lost on purpose. Nor is a revoked one whose calls do not return:
    /// it and its plugin's image stay for ever.
    pub(super) fn end(&self, ctx: &Ctx, call: impl FnOnce(*mut c_void, CtxIn) -> i64) -> Result<u64> {
        if self.ended.swap(true, Ordering::AcqRel) {
            return Ok(0);
        }
        let forbid = |state| (state != REVOKED).then_some(ENDED);
        let was = self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, forbid).unwrap_or(REVOKED);
        if let Some(serial) = &self.serial {
            serial.interrupt();
        }
        if !self.calls.wait(self.patience.get().copied()) {
            self.stuck.store(true, Ordering::Release);
            self.module.note_stuck(&self.label);
            let (plugin, instance) = (self.module.name().to_owned(), self.label.to_string());
            return Err(BridgeError::Stuck { plugin, instance }.into());
        }
        if was == POISONED {
            return Ok(0);
        }
        let (result, panicked) = Frame::run(|| call(self.raw, CtxIn(ctx)));
        if panicked {
            self.module.note_panic(&self.label);
        }
        result
    }

    #[cold]
    fn refusal(&self) -> Error {
        let instance = self.label.to_string();
        match self.state() {
            POISONED => BridgeError::Poisoned { plugin: self.module.name().to_owned(), instance }.into(),
            REVOKED => BridgeError::Revoked { instance }.into(),
            _ => BridgeError::Ended { instance }.into(),
        }
    }

    #[cold]
    fn poison(&self) {
        let _ = self.state.compare_exchange(LIVE, POISONED, Ordering::SeqCst, Ordering::SeqCst);
        if let Some(serial) = &self.serial {
            serial.interrupt();
        }
        self.module.note_panic(&self.label);
    }

    /// Records an answer that cannot be true.
    #[cold]
    pub(super) fn lie(&self, slot: &'static str, claim: impl Into<String>) -> Error {
        self.module.lie(slot, claim)
    }
}

/// ENOSYS from a slot means the same as a null slot: the default that the contract names.
pub(super) fn absent_is<T>(result: Result<T>, default: Errno) -> Result<T> {
    result.map_err(|e| if e.errno() == Errno::ENOSYS { Error::from(default) } else { e })
}
