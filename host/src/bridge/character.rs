//! Calls of a character driver.

use std::ptr;

use nxvfs_abi::block::{AttachArgs, AttachArgsIn, XIP_WRITABLE, XipGrant, XipGrantOut};
use nxvfs_abi::character::CharacterOps;
use nxvfs_abi::character::event::{POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI};
use nxvfs_abi::plugin::KIND_CHARACTER;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Ctx, Grow, Str};

use super::frame::Frame;
use super::grant::{CheckedGrant, memory_object};
use super::instance::{Instance, absent_is};
use super::module::{Module, Ops};
use super::params::{self, WireParam};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};

/// Events that a driver may report.
const EVENTS: u32 = POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP;

/// An attached character device.
pub struct Character {
    instance: Instance,
    ops: CharacterOps,
}

impl Character {
    /// Attaches a device. `node` is what users know it by.
    pub fn attach(
        module: &Arc<Module>,
        driver: &str,
        ctx: &Ctx,
        node: &str,
        params: &[WireParam],
    ) -> Result<Self> {
        let driver = module.driver(KIND_CHARACTER, driver).ok_or(Errno::ENODEV)?;
        let Ops::Character(ops) = driver.ops else { return Err(Errno::ENODEV.into()) };
        let attach = ops.attach.ok_or(Errno::ENODEV)?;
        let mut raw = ptr::null_mut();
        let (result, panicked) = params::lend(params, |first, count, stride| {
            let args = AttachArgs {
                node: Str::new(node.as_bytes()),
                params: first,
                param_count: count,
                param_stride: stride,
                ..Grow::empty()
            };
            Frame::run(|| {
                // SAFETY: every pointer is valid until the call returns.
                i64::from(unsafe { attach(module.raw(), CtxIn(ctx), AttachArgsIn(&args), &raw mut raw) })
            })
        });
        if panicked {
            module.note_panic(node);
        }
        result?;
        Ok(Self { instance: Instance::new(module.clone(), raw, node.into(), driver.parallel), ops })
    }

    /// Whether an earlier call panicked, so that none reaches the driver any more.
    pub fn is_poisoned(&self) -> bool {
        self.instance.is_poisoned()
    }

    /// Opens the device; answers the driver's number of the opening.
    pub fn open(&self, ctx: &Ctx, flags: u32) -> Result<u64> {
        let Some(open) = self.ops.open else { return Ok(0) };
        let mut handle = 0;
        // SAFETY: `handle` is valid until the call returns.
        let result =
            self.instance.call(ctx, |dev, ctx| i64::from(unsafe { open(dev, ctx, flags, &raw mut handle) }));
        match result {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(0),
            other => other.map(|_| handle),
        }
    }

    /// Ends an opening.
    pub fn release(&self, ctx: &Ctx, handle: u64) -> Result<()> {
        let Some(release) = self.ops.release else { return Ok(()) };
        // SAFETY: numbers only.
        match self.instance.call(ctx, |dev, ctx| i64::from(unsafe { release(dev, ctx, handle) })) {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(()),
            other => other.map(drop),
        }
    }

    /// Reads up to `buf.len()` bytes. Errors: EAGAIN, EINVAL it cannot be read, EIO more than was asked for.
    pub fn read(&self, ctx: &Ctx, handle: u64, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let read = self.ops.read.ok_or(Errno::EINVAL)?;
        let done = self.instance.call(ctx, |dev, ctx| {
            // SAFETY: `buf` has room for its length.
            unsafe { read(dev, ctx, handle, offset, buf.as_mut_ptr(), buf.len()) }
        });
        self.counted("read", absent_is(done, Errno::EINVAL)?, buf.len())
    }

    /// Writes, as [`Self::read`].
    pub fn write(&self, ctx: &Ctx, handle: u64, offset: u64, buf: &[u8]) -> Result<usize> {
        let write = self.ops.write.ok_or(Errno::EINVAL)?;
        let done = self.instance.call(ctx, |dev, ctx| {
            // SAFETY: `buf` holds its length.
            unsafe { write(dev, ctx, handle, offset, buf.as_ptr(), buf.len()) }
        });
        self.counted("write", absent_is(done, Errno::EINVAL)?, buf.len())
    }

    fn counted(&self, slot: &'static str, done: u64, asked: usize) -> Result<usize> {
        match usize::try_from(done) {
            Ok(done) if done <= asked => Ok(done),
            _ => Err(self.instance.lie(slot, format!("{done} bytes of {asked}"))),
        }
    }

    /// Moves a position of the driver's own. Errors: ESPIPE it has none.
    pub fn seek(&self, ctx: &Ctx, handle: u64, offset: i64, whence: u32) -> Result<u64> {
        let seek = self.ops.seek.ok_or(Errno::ESPIPE)?;
        // SAFETY: numbers only.
        let at = self.instance.call(ctx, |dev, ctx| unsafe { seek(dev, ctx, handle, offset, whence) });
        absent_is(at, Errno::ESPIPE)
    }

    /// A command whose argument is memory of the host's own. Errors: ENOTTY.
    pub fn ioctl_bytes(&self, ctx: &Ctx, handle: u64, command: u32, arg: &mut [u8]) -> Result<u64> {
        let at = arg.as_mut_ptr();
        at.expose_provenance();
        self.ioctl(ctx, handle, command, at.addr(), arg.len())
    }

    /// A command whose argument is a value. Errors: ENOTTY.
    pub fn ioctl_value(&self, ctx: &Ctx, handle: u64, command: u32, value: usize) -> Result<u64> {
        self.ioctl(ctx, handle, command, value, 0)
    }

    fn ioctl(&self, ctx: &Ctx, handle: u64, command: u32, arg: usize, size: usize) -> Result<u64> {
        let ioctl = self.ops.ioctl.ok_or(Errno::ENOTTY)?;
        // SAFETY: the callers above made `arg` a value, or the address of `size` bytes that nobody else uses.
        let answer =
            self.instance.call(ctx, |dev, ctx| unsafe { ioctl(dev, ctx, handle, command, arg, size) });
        absent_is(answer, Errno::ENOTTY)
    }

    /// Leaves a waiter (0 is nobody), then answers the events that are true now; `None` if the driver does not tell:
    /// then it is always readable and writable, and nobody can wait for it.
    pub fn poll(&self, ctx: &Ctx, handle: u64, waiter: u64) -> Result<Option<u32>> {
        let Some(poll) = self.ops.poll else { return Ok(None) };
        // SAFETY: numbers only.
        match self.instance.call(ctx, |dev, ctx| unsafe { poll(dev, ctx, handle, waiter) }) {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(None),
            Err(e) => Err(e),
            Ok(events) => match u32::try_from(events) {
                Ok(events) if events & !EVENTS == 0 => Ok(Some(events)),
                _ => Err(self.instance.lie("poll", format!("events {events:#x}"))),
            },
        }
    }

    /// Memory to map, if the driver grants it to this opening.
    pub fn map(&self, ctx: &Ctx, handle: u64) -> Result<Option<CheckedGrant>> {
        let Some(map) = self.ops.map else { return Ok(None) };
        let mut out = XipGrant::empty();
        // SAFETY: `out` is valid until the call returns.
        let answer = self
            .instance
            .call(ctx, |dev, ctx| i64::from(unsafe { map(dev, ctx, handle, XipGrantOut(&raw mut out)) }));
        match answer {
            Err(e) if matches!(e.errno(), Errno::ENOSYS | Errno::ENODEV | Errno::ENXIO) => return Ok(None),
            other => other?,
        };
        let base = out.base as usize;
        let end = usize::try_from(out.len_bytes).ok().and_then(|len| base.checked_add(len));
        if base == 0 || !base.is_multiple_of(64) || out.len_bytes == 0 || end.is_none() {
            return Err(self.instance.lie("map", format!("{} bytes at {base:#x}", out.len_bytes)));
        }
        let object = memory_object(&self.instance, "map", &out, out.len_bytes)?;
        let writable = out.flags & XIP_WRITABLE != 0;
        Ok(Some(CheckedGrant { base, len_bytes: out.len_bytes, writable, object }))
    }

    /// Ends the device.
    pub fn detach(&self, ctx: &Ctx) -> Result<()> {
        let Some(detach) = self.ops.detach else { return Ok(()) };
        // SAFETY: the last call; whoever calls this holds the device alone.
        self.instance.end(ctx, |dev, ctx| i64::from(unsafe { detach(dev, ctx) })).map(drop)
    }
}
