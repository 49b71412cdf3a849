//! Character drivers: a stream, a register, a console.
//!
//! A driver never waits for an event: it answers `EAGAIN`, and the host sleeps on the driver's waiters. That gives
//! non-blocking mode, time-outs, cancellation and revocation without a line in the driver.

use std::ffi::c_void;

use abi_stable::StableAbi;

use crate::block::{AttachArgsIn, XipGrantOut};
use crate::grow::growable;
use crate::types::CtxIn;

/// Events of `poll` and `wake`, with the values of `poll.h`.
pub mod event {
    /// There is something to read.
    pub const POLLIN: u32 = 0x01;
    /// There is urgent data.
    pub const POLLPRI: u32 = 0x02;
    /// Something can be written.
    pub const POLLOUT: u32 = 0x04;
    /// An error; always reported.
    pub const POLLERR: u32 = 0x08;
    /// The other side is gone; always reported.
    pub const POLLHUP: u32 = 0x10;
    /// No such descriptor; made by the host only.
    pub const POLLNVAL: u32 = 0x20;
}

/// `whence` of `seek`: from the start.
pub const SEEK_SET: u32 = 0;
/// `whence` of `seek`: from the position.
pub const SEEK_CUR: u32 = 1;
/// `whence` of `seek`: from the end.
pub const SEEK_END: u32 = 2;

/// A character driver's table. Calls may overlap only if the driver is declared parallel.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = CharacterOpsRef, prefix_fields = CharacterOpsPrefix)))]
#[sabi(missing_field(option))]
pub struct CharacterOps {
    /// Size of this table in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// Required. Makes a device, as [`crate::block::BlockOps::attach`]. `[any thread] [once] [blocks] [services]`
    pub attach: Option<
        unsafe extern "C" fn(
            module: *mut c_void,
            ctx: CtxIn,
            args: AttachArgsIn,
            dev: *mut *mut c_void,
        ) -> i32,
    >,
    /// Required. Ends a device that nobody uses; forgets all waiters. `[any thread] [once] [blocks]`
    pub detach: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn) -> i32>,
    /// Opens the device; a number of its own goes to `*handle`. Absent: handle 0, always. `[any thread] [blocks]`
    pub open: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, flags: u32, handle: *mut u64) -> i32>,
    /// Ends an opening. Absent: nothing to do. `[any thread] [once] [blocks]`
    pub release: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, handle: u64) -> i32>,
    /// Reads up to `len` bytes; 0 is the end. `offset` is the descriptor's position, for drivers that have one.
    /// Absent: EINVAL. Errors: EAGAIN nothing there now. `[any thread] [brief]`
    pub read: Option<
        unsafe extern "C" fn(
            dev: *mut c_void,
            ctx: CtxIn,
            handle: u64,
            offset: u64,
            buf: *mut u8,
            len: usize,
        ) -> i64,
    >,
    /// Writes up to `len` bytes. Absent: EINVAL. Errors: EAGAIN no room now. `[any thread] [brief]`
    pub write: Option<
        unsafe extern "C" fn(
            dev: *mut c_void,
            ctx: CtxIn,
            handle: u64,
            offset: u64,
            buf: *const u8,
            len: usize,
        ) -> i64,
    >,
    /// Moves a position of the driver's own by `SEEK_*`; answers the new one. Absent: ESPIPE. `[any thread] [brief]`
    pub seek: Option<
        unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, handle: u64, offset: i64, whence: u32) -> i64,
    >,
    /// Any command, as [`crate::block::BlockOps::ioctl`]. Absent: ENOTTY. `[any thread] [blocks]`
    pub ioctl: Option<
        unsafe extern "C" fn(
            dev: *mut c_void,
            ctx: CtxIn,
            handle: u64,
            command: u32,
            arg: usize,
            arg_size: usize,
        ) -> i64,
    >,
    /// Remembers `waiter` first, then answers the events that are true now. When one comes, the driver calls the
    /// service `wake(waiter, events)`, from any thread, and forgets the waiter; a late wake is harmless. An opening
    /// has one waiter, which may come again before it was woken: it is remembered once. Waiter 0: only answer. Absent: always readable and writable. `[any thread] [brief]`
    pub poll: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, handle: u64, waiter: u64) -> i64>,
    /// Grants memory to map, as [`crate::block::BlockOps::xip_grant`]. Absent: ENODEV. `[any thread] [brief]`
    #[sabi(last_prefix_field)]
    pub map: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, handle: u64, out: XipGrantOut) -> i32>,
}
growable!(CharacterOps, min = 88, CharacterOpsIn, CharacterOpsOut);
