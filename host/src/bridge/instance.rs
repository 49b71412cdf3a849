//! One mounted volume or attached device of a plugin, and the rules that every call of it keeps.

use std::ffi::c_void;

use nxvfs_abi::Ctx;
use nxvfs_abi::types::CtxIn;

use super::frame::Frame;
use super::module::Module;
use crate::base::error::teach;
use crate::base::sync::{Arc, AtomicU8, Mutex, Ordering, lock};
use crate::base::{Errno, Error, Result};

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
        /// The volume or device has ended.
        Ended { instance: String } => ESTALE, what: "ended meanwhile", place: "{instance}";
        /// The plugin lacks what is asked.
        Absent { plugin: String, slot: &'static str } => ENOTSUP,
            what: "plugin {plugin} does not offer this", place: "{slot}";
    }
}

const LIVE: u8 = 0;
const POISONED: u8 = 1;
const ENDED: u8 = 2;

/// A plugin's own pointer with what guards it.
pub struct Instance {
    module: Arc<Module>,
    raw: *mut c_void,
    /// What users know it by: a node or a mount point.
    label: Arc<str>,
    state: AtomicU8,
    /// Held during each call, unless the driver is declared parallel.
    serial: Option<Mutex<()>>,
}

// SAFETY: `raw` is opaque to the host; the contract lets instances be called from any thread, and `serial` keeps
// calls apart where the driver did not declare itself parallel.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    pub(super) fn new(module: Arc<Module>, raw: *mut c_void, label: Arc<str>, parallel: bool) -> Self {
        let serial = (!parallel).then(|| Mutex::new(()));
        Self { module, raw, label, state: AtomicU8::new(LIVE), serial }
    }

    /// The plugin.
    pub fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// The node or mount point.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// Whether an earlier call panicked.
    pub fn is_poisoned(&self) -> bool {
        self.state.load(Ordering::Acquire) == POISONED
    }

    /// Whether the last call was made.
    pub(super) fn has_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) == ENDED
    }

    /// Calls the plugin: not after it panicked or ended, one at a time if it is serial.
    #[inline]
    pub(super) fn call(&self, ctx: &Ctx, call: impl FnOnce(*mut c_void, CtxIn) -> i64) -> Result<u64> {
        if self.state.load(Ordering::Acquire) != LIVE {
            return Err(self.refusal());
        }
        let serial = self.serial.as_ref().map(lock);
        let (result, panicked) = Frame::run(|| call(self.raw, CtxIn(ctx)));
        drop(serial);
        if panicked {
            self.poison();
        }
        result
    }

    /// Calls a slot without context or answer (`forget`, `unpin`), if the instance still lives.
    pub(super) fn notify(&self, call: impl FnOnce(*mut c_void)) {
        let _ = self.call(&super::host_ctx(), |raw, _| {
            call(raw);
            0
        });
    }

    /// Makes the last call: none follows, whatever it answers. A poisoned instance is not called; what it holds is
    /// lost on purpose.
    pub(super) fn end(&self, ctx: &Ctx, call: impl FnOnce(*mut c_void, CtxIn) -> i64) -> Result<u64> {
        match self.state.swap(ENDED, Ordering::AcqRel) {
            LIVE => {
                let serial = self.serial.as_ref().map(lock);
                let (result, panicked) = Frame::run(|| call(self.raw, CtxIn(ctx)));
                drop(serial);
                if panicked {
                    self.module.note_panic(&self.label);
                }
                result
            }
            _ => Ok(0),
        }
    }

    #[cold]
    fn refusal(&self) -> Error {
        let instance = self.label.to_string();
        if self.is_poisoned() {
            return BridgeError::Poisoned { plugin: self.module.name().to_owned(), instance }.into();
        }
        BridgeError::Ended { instance }.into()
    }

    #[cold]
    fn poison(&self) {
        let _ = self.state.compare_exchange(LIVE, POISONED, Ordering::AcqRel, Ordering::Acquire);
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
