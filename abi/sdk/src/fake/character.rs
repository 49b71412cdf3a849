//! An attached character driver: safe methods over its table, with the answers checked.

use std::ffi::c_void;
use std::marker::PhantomData;

use nxvfs_abi::block::{AttachArgs, AttachArgsIn};
use nxvfs_abi::character::{CharacterOps, event};
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Grow, Str};

use super::services::{call, call_unit};
use super::waiter::Waiter;
use super::{Result, Value, ctx, demand, param_fields, slot, with_params};
use crate::CharacterDriver;
use crate::character::table;

/// Attaches a character device.
pub fn attach_character<T: CharacterDriver>(params: &[(&str, Value<'_>)]) -> Result<Character<T>> {
    let (ops, ctx, mut dev) = (table::<T>(), ctx(), std::ptr::null_mut());
    with_params(params, |params| {
        let (params, param_count, param_stride) = param_fields(params);
        let node = Str::new(b"/dev/fake0");
        let args = AttachArgs { node, device: 1, params, param_count, param_stride, ..Grow::empty() };
        let args = AttachArgsIn(&args);
        // SAFETY: every pointer is valid for the call; the table is the SDK's.
        call_unit(|| unsafe { slot!(ops, attach)(std::ptr::null_mut(), CtxIn(&ctx), args, &mut dev) })
    })?;
    Ok(Character { ops, dev, driver: PhantomData })
}

/// A device of the driver `T`; ends when it is dropped.
pub struct Character<T: CharacterDriver> {
    ops: CharacterOps,
    dev: *mut c_void,
    driver: PhantomData<T>,
}

// SAFETY: `dev` leads to a `T`, which is `Send` and `Sync`; the other pointers are functions.
unsafe impl<T: CharacterDriver> Send for Character<T> {}
// SAFETY: as above.
unsafe impl<T: CharacterDriver> Sync for Character<T> {}

/// A last call. If a test is failing already, another panic of the driver would end the process and hide the first.
fn last(end: impl FnOnce() -> Result<()>) {
    let _ = match std::thread::panicking() {
        true => std::panic::catch_unwind(std::panic::AssertUnwindSafe(end)).unwrap_or(Ok(())),
        false => end(),
    };
}

/// Runs one slot: `ask!(device, call_unit, slot(arguments after the context))`.
macro_rules! ask {
    ($device:expr, $call:ident, $slot:ident($($arg:expr),*)) => {{
        let ctx = ctx();
        // SAFETY: `dev` is what `attach` stored and is not ended; every argument is valid for the call.
        $call(|| unsafe { slot!($device.ops, $slot)($device.dev, CtxIn(&ctx), $($arg),*) })
    }};
}

impl<T: CharacterDriver> Character<T> {
    /// Opens the device, with flags of [`crate::open`].
    pub fn open(&self, flags: u32) -> Result<Opening<'_, T>> {
        let mut handle = 0;
        let out = &raw mut handle;
        ask!(self, call_unit, open(flags, out))?;
        Ok(Opening { device: self, handle })
    }

    /// Ends the device and tells how that went.
    pub fn detach(self) -> Result<()> {
        std::mem::ManuallyDrop::new(self).end()
    }

    /// Ends the device. Called once, by `detach` or by `drop`.
    fn end(&mut self) -> Result<()> {
        ask!(self, call_unit, detach())
    }
}

impl<T: CharacterDriver> Drop for Character<T> {
    fn drop(&mut self) {
        last(|| self.end());
    }
}

/// One opening; ends when it is dropped.
pub struct Opening<'a, T: CharacterDriver> {
    device: &'a Character<T>,
    handle: u64,
}

impl<T: CharacterDriver> Opening<'_, T> {
    /// Reads up to `buf.len()` bytes. Nothing waits: EAGAIN comes out as it is.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let (len, buf) = (buf.len(), buf.as_mut_ptr());
        let done = ask!(self.device, call, read(self.handle, offset, buf, len))?;
        demand(done <= len as u64, format_args!("read answered {done} of {len} bytes"));
        Ok(done as usize)
    }

    /// Writes up to `buf.len()` bytes, likewise.
    pub fn write(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        let (len, buf) = (buf.len(), buf.as_ptr());
        let done = ask!(self.device, call, write(self.handle, offset, buf, len))?;
        demand(done <= len as u64, format_args!("write answered {done} of {len} bytes"));
        Ok(done as usize)
    }

    /// Moves the driver's own position.
    pub fn seek(&self, offset: i64, whence: u32) -> Result<u64> {
        ask!(self.device, call, seek(self.handle, offset, whence))
    }

    /// The events that are true now; leaves a waiter with the driver if one is given.
    pub fn poll(&self, waiter: Option<&Waiter>) -> Result<u32> {
        let events = ask!(self.device, call, poll(self.handle, waiter.map_or(0, Waiter::token)))?;
        let known = event::POLLIN | event::POLLPRI | event::POLLOUT | event::POLLERR | event::POLLHUP;
        demand(events & !u64::from(known) == 0, format_args!("poll answered the events {events:#x}"));
        Ok(events as u32)
    }

    /// Runs a command whose argument is a value.
    pub fn ioctl_value(&self, command: u32, value: usize) -> Result<u64> {
        ask!(self.device, call, ioctl(self.handle, command, value, 0))
    }

    /// Runs a command whose argument leads to memory.
    pub fn ioctl(&self, command: u32, memory: &mut [u8]) -> Result<u64> {
        let (arg, len) = (memory.as_mut_ptr() as usize, memory.len());
        ask!(self.device, call, ioctl(self.handle, command, arg, len))
    }
}

impl<T: CharacterDriver> Drop for Opening<'_, T> {
    fn drop(&mut self) {
        last(|| ask!(self.device, call_unit, release(self.handle)));
    }
}
