//! Calls of a block driver.

use std::ptr;

use nxvfs_abi::block::*;
use nxvfs_abi::ioctl::BIOC_XIPBASE;
use nxvfs_abi::plugin::KIND_BLOCK;
use nxvfs_abi::{Ctx, Grow, Str};

use super::frame::Frame;
use super::grant::{CheckedGrant, memory_object};
use super::instance::{Instance, absent_is};
use super::module::{Module, Ops};
use super::params::{self, WireParam};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};

/// An attached block device.
pub struct Block {
    instance: Instance,
    ops: BlockOps,
}

impl Block {
    /// Attaches a device. `node` is what users know it by; `token` leads the driver to services.
    pub fn attach(
        module: &Arc<Module>,
        driver: &str,
        ctx: &Ctx,
        node: &str,
        token: u64,
        params: &[WireParam],
    ) -> Result<Self> {
        let driver = module.driver(KIND_BLOCK, driver).ok_or(Errno::ENODEV)?;
        let Ops::Block(ops) = driver.ops else { return Err(Errno::ENODEV.into()) };
        let attach = ops.attach.ok_or(Errno::ENODEV)?;
        let mut raw = ptr::null_mut();
        let (result, panicked) = params::lend(params, |first, count, stride| {
            let args = AttachArgs {
                node: Str::new(node.as_bytes()),
                device: token,
                params: first,
                param_count: count,
                param_stride: stride,
                ..Grow::empty()
            };
            Frame::run(|| {
                // SAFETY: every pointer is valid until the call returns.
                i64::from(unsafe {
                    attach(module.raw(), nxvfs_abi::types::CtxIn(ctx), AttachArgsIn(&args), &raw mut raw)
                })
            })
        });
        if panicked {
            module.note_panic(node);
        }
        result?;
        Ok(Self { instance: Instance::new(module.clone(), raw, node.into(), driver.parallel), ops })
    }

    /// The instance.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Whether it is called: it has neither ended nor panicked.
    pub fn lives(&self) -> bool {
        !self.instance.has_ended() && !self.instance.is_poisoned()
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.instance.has_ended()
    }

    /// The shape, checked: sector size a power of two from 512 to 65,536, product below 2^63.
    pub fn geometry(&self, ctx: &Ctx) -> Result<Geometry> {
        let ask = self.ops.geometry.ok_or(Errno::ENODEV)?;
        let mut out = Geometry::empty();
        // SAFETY: `out` is valid until the call returns.
        self.instance.call(ctx, |dev, ctx| i64::from(unsafe { ask(dev, ctx, GeometryOut(&raw mut out)) }))?;
        let size = out.sector_size_bytes;
        let bytes = out.sector_count.checked_mul(u64::from(size)).filter(|b| *b < 1 << 63);
        if !size.is_power_of_two() || !(512..=65_536).contains(&size) || bytes.is_none() {
            return Err(self
                .instance
                .lie("geometry", format!("{} sectors of {size} bytes", out.sector_count)));
        }
        Ok(out)
    }

    /// Reads whole sectors; all of them or an error. `buf` is a whole number of sectors of `sector_size_bytes`.
    pub fn read(
        &self,
        ctx: &Ctx,
        start: u64,
        buf: &mut [u8],
        sector_size_bytes: u32,
        flags: u32,
    ) -> Result<()> {
        let read = self.ops.read.ok_or(Errno::ENODEV)?;
        let count = sectors(buf.len(), sector_size_bytes)?;
        let done = self.instance.call(ctx, |dev, ctx| {
            // SAFETY: `buf` has room for `count` sectors.
            unsafe { read(dev, ctx, start, count, buf.as_mut_ptr(), flags) }
        })?;
        self.all("read", done, count)
    }

    /// Writes whole sectors, as [`Self::read`].
    pub fn write(&self, ctx: &Ctx, start: u64, buf: &[u8], sector_size_bytes: u32, flags: u32) -> Result<()> {
        let write = self.ops.write.ok_or(Errno::EROFS)?;
        let count = sectors(buf.len(), sector_size_bytes)?;
        let done = self.instance.call(ctx, |dev, ctx| {
            // SAFETY: `buf` holds `count` sectors.
            unsafe { write(dev, ctx, start, count, buf.as_ptr(), flags) }
        });
        self.all("write", absent_is(done, Errno::EROFS)?, count)
    }

    fn all(&self, slot: &'static str, done: u64, asked: u32) -> Result<()> {
        match done.cmp(&u64::from(asked)) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(Errno::EIO.into()),
            std::cmp::Ordering::Greater => Err(self.instance.lie(slot, format!("{done} sectors of {asked}"))),
        }
    }

    /// Brings everything to the medium.
    pub fn flush(&self, ctx: &Ctx) -> Result<()> {
        let Some(flush) = self.ops.flush else { return Ok(()) };
        // SAFETY: nothing but the context crosses.
        let result = self.instance.call(ctx, |dev, ctx| i64::from(unsafe { flush(dev, ctx) }));
        nothing_if_absent(result)
    }

    /// Orders earlier writes before later ones.
    pub fn barrier(&self, ctx: &Ctx) -> Result<()> {
        let Some(barrier) = self.ops.barrier else { return self.flush(ctx) };
        // SAFETY: nothing but the context crosses.
        match self.instance.call(ctx, |dev, ctx| i64::from(unsafe { barrier(dev, ctx) })) {
            Err(e) if e.errno() == Errno::ENOSYS => self.flush(ctx),
            other => other.map(drop),
        }
    }

    /// Gives sectors up.
    pub fn discard(&self, ctx: &Ctx, start: u64, count: u64) -> Result<()> {
        let Some(discard) = self.ops.discard else { return Ok(()) };
        // SAFETY: numbers only.
        nothing_if_absent(
            self.instance.call(ctx, |dev, ctx| i64::from(unsafe { discard(dev, ctx, start, count) })),
        )
    }

    /// The medium as memory, if the driver grants it and the grant covers `len_bytes`.
    pub fn xip_grant(&self, ctx: &Ctx, len_bytes: u64) -> Result<Option<CheckedGrant>> {
        let Some(ask) = self.ops.xip_grant else { return self.xip_by_ioctl(ctx, len_bytes) };
        let mut out = XipGrant::empty();
        // SAFETY: `out` is valid until the call returns.
        let answer = self
            .instance
            .call(ctx, |dev, ctx| i64::from(unsafe { ask(dev, ctx, XipGrantOut(&raw mut out)) }));
        match answer {
            Err(e) if e.errno() == Errno::ENOSYS => return self.xip_by_ioctl(ctx, len_bytes),
            Err(e) if e.errno() == Errno::ENXIO => return Ok(None),
            other => other?,
        };
        let base = out.base as usize;
        if base == 0
            || !base.is_multiple_of(64)
            || out.len_bytes < len_bytes
            || base.checked_add(out.len_bytes as usize).is_none()
        {
            return Err(self.instance.lie("xip_grant", format!("{} bytes at {base:#x}", out.len_bytes)));
        }
        let object = memory_object(&self.instance, "xip_grant", &out, len_bytes)?;
        Ok(Some(CheckedGrant { base, len_bytes, writable: out.flags & XIP_WRITABLE != 0, object }))
    }

    /// A driver written in NuttX's way: the address of the medium, read-only, as long as the geometry says.
    fn xip_by_ioctl(&self, ctx: &Ctx, len_bytes: u64) -> Result<Option<CheckedGrant>> {
        let mut address: usize = 0;
        let size = size_of::<usize>();
        match self.ioctl(ctx, BIOC_XIPBASE, (&raw mut address).addr(), size, &raw mut address) {
            Ok(_)
                if address != 0
                    && address.is_multiple_of(64)
                    && address.checked_add(len_bytes as usize).is_some() =>
            {
                Ok(Some(CheckedGrant { base: address, len_bytes, writable: false, object: None }))
            }
            Ok(_) => Err(self.instance.lie("ioctl BIOC_XIPBASE", format!("address {address:#x}"))),
            Err(_) => Ok(None),
        }
    }

    /// Any command; `memory` is where `arg` leads, so that its provenance crosses with it.
    fn ioctl<T>(&self, ctx: &Ctx, command: u32, arg: usize, size: usize, memory: *mut T) -> Result<u64> {
        let Some(ioctl) = self.ops.ioctl else { return Err(Errno::ENOTTY.into()) };
        memory.expose_provenance();
        // SAFETY: the caller made `arg` a value, or the address of `size` bytes.
        absent_is(
            self.instance.call(ctx, |dev, ctx| unsafe { ioctl(dev, ctx, command, arg, size) }),
            Errno::ENOTTY,
        )
    }

    /// Any command with memory of the host's own.
    pub fn ioctl_bytes(&self, ctx: &Ctx, command: u32, arg: &mut [u8]) -> Result<u64> {
        let at = arg.as_mut_ptr();
        self.ioctl(ctx, command, at.addr(), arg.len(), at)
    }

    /// Ends the device.
    pub fn detach(&self, ctx: &Ctx) -> Result<()> {
        let Some(detach) = self.ops.detach else { return Ok(()) };
        // SAFETY: the last call; whoever calls this holds the device alone.
        self.instance.end(ctx, |dev, ctx| i64::from(unsafe { detach(dev, ctx) })).map(drop)
    }
}

fn sectors(len: usize, sector_size_bytes: u32) -> Result<u32> {
    u32::try_from(len / sector_size_bytes as usize).map_err(|_| Errno::EINVAL.into())
}

fn nothing_if_absent(result: Result<u64>) -> Result<()> {
    match result {
        Err(e) if e.errno() == Errno::ENOSYS => Ok(()),
        other => other.map(drop),
    }
}
