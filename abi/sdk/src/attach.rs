//! The life of an instance, as block drivers, character drivers and mappers share it.

use std::ffi::c_void;

use nxvfs_abi::Ctx;
use nxvfs_abi::block::AttachArgsIn;
use nxvfs_abi::types::CtxIn;

use crate::guard::{self, unit};
use crate::{Params, Result};

/// What the user gave when a device is attached.
pub struct Attach<'a> {
    /// Node that is being made, such as `/dev/ram0`.
    pub node: &'a str,
    /// The parameters.
    pub params: Params<'a>,
}

impl Attach<'_> {
    /// # Safety
    /// `args` leads to attach arguments that are valid during the result's life.
    pub(crate) unsafe fn new(args: AttachArgsIn) -> Result<Self> {
        // SAFETY: passed on to the caller.
        let args = unsafe { guard::sent(args.0) }?;
        // SAFETY: as above: strings and parameters live as long as the arguments.
        let (node, params) = unsafe {
            (guard::bytes(args.node)?, Params::new(args.params, args.param_count, args.param_stride))
        };
        Ok(Self { node: std::str::from_utf8(node).unwrap_or(""), params })
    }
}

/// Makes an instance and stores its pointer.
///
/// # Safety
/// As the slot `attach`.
pub(crate) unsafe fn make<T>(
    ctx: CtxIn,
    args: AttachArgsIn,
    out: *mut *mut c_void,
    attach: impl FnOnce(&Ctx, &Attach<'_>) -> Result<T>,
) -> i32 {
    unit(|| {
        // SAFETY: the caller's.
        let (ctx, args) = unsafe { (guard::ctx(ctx)?, Attach::new(args)?) };
        let value = attach(&ctx, &args)?;
        // SAFETY: the caller's.
        unsafe { guard::store(out, value) }
    })
}

/// The instance of a pointer.
///
/// # Safety
/// `dev` is what [`make`] stored for this type, and [`end`] has not been called.
#[inline]
pub(crate) unsafe fn device<'a, T>(dev: *mut c_void) -> &'a T {
    // SAFETY: the caller's.
    unsafe { &*dev.cast::<T>() }
}

/// Ends an instance.
///
/// # Safety
/// As [`device`], and this is the last call.
pub(crate) unsafe fn end<T>(
    dev: *mut c_void,
    ctx: CtxIn,
    detach: impl FnOnce(&T, &Ctx) -> Result<()>,
) -> i32 {
    unit(|| {
        // SAFETY: the caller's: the value is ours again.
        let (ctx, value) = unsafe { (guard::ctx(ctx), Box::from_raw(dev.cast::<T>())) };
        detach(&value, &ctx?)
    })
}
