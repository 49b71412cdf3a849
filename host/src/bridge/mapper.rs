//! Calls of a mapper.

use std::ptr;

use nxvfs_abi::block::{AttachArgs, AttachArgsIn};
use nxvfs_abi::mapper::*;
use nxvfs_abi::plugin::KIND_MAPPER;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Ctx, Grow};

use super::frame::Frame;
use super::host_ctx;
use super::instance::{Instance, absent_is};
use super::module::{Module, Ops};
use super::params::{self, WireParam};
use crate::base::sync::Arc;
use crate::base::{Errno, Hold, Holder, Result};

/// A mapper that was asked to map one file.
pub struct Mapper {
    instance: Instance,
    ops: MapperOps,
    _module: Hold,
}

/// What a mapper decided, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Whether pages are filled when they are touched; else before the map is answered.
    pub lazy: bool,
    /// Bytes to fill at a time; a multiple of the page, at most 16 MiB.
    pub chunk_bytes: usize,
    /// Bytes to fill ahead of a touched page.
    pub ahead_bytes: u64,
}

const MAX_CHUNK_BYTES: u64 = 16 << 20;

impl Mapper {
    /// Makes an instance by a driver of a plugin; `copy_of` is the file's path, for who asks what holds the plugin.
    pub fn attach(module: &Arc<Module>, driver: &str, copy_of: &str, params: &[WireParam]) -> Result<Self> {
        let driver = module.driver(KIND_MAPPER, driver).ok_or(Errno::ENODEV)?;
        let Ops::Mapper(ops) = driver.ops else { return Err(Errno::ENODEV.into()) };
        let label: Arc<str> = copy_of.into();
        let hold = module.holders().hold(Holder::Copy(label.clone())).ok_or(Errno::ENODEV)?;
        let mut raw = ptr::null_mut();
        if let Some(attach) = ops.attach {
            let (result, panicked) = params::lend(params, |first, count, stride| {
                let args =
                    AttachArgs { params: first, param_count: count, param_stride: stride, ..Grow::empty() };
                let ctx = host_ctx();
                Frame::run(|| {
                    // SAFETY: every pointer is valid until the call returns.
                    i64::from(unsafe { attach(module.raw(), CtxIn(&ctx), AttachArgsIn(&args), &raw mut raw) })
                })
            });
            if panicked {
                module.note_panic(copy_of);
            }
            match result {
                Err(e) if e.errno() != Errno::ENOSYS => return Err(e),
                _ => {}
            }
        }
        Ok(Self { instance: Instance::new(module.clone(), raw, label, driver.parallel), ops, _module: hold })
    }

    /// Whether stores can be brought back.
    pub fn drains(&self) -> bool {
        self.ops.drain.is_some()
    }

    /// Decides how to map. Errors: ENODEV, ENOMEM, and the mapper's.
    pub fn plan(&self, ctx: &Ctx, request: &MapRequest) -> Result<Planned> {
        let plan = self.ops.plan.ok_or(Errno::ENODEV)?;
        let mut out = MapPlan::empty();
        self.instance.call(ctx, |mapper, ctx| {
            // SAFETY: request and answer are valid until the call returns.
            i64::from(unsafe { plan(mapper, ctx, MapRequestIn(request), MapPlanOut(&raw mut out)) })
        })?;
        let page = u64::from(request.page_size_bytes);
        let possible = request.flags & MAP_REQUEST_LAZY_POSSIBLE != 0;
        let known =
            matches!(out.kind, PLAN_EAGER) || (matches!(out.kind, PLAN_LAZY | PLAN_PREFETCH) && possible);
        if !known || !out.chunk_bytes.is_multiple_of(page) || !out.ahead_bytes.is_multiple_of(page) {
            let claim = format!("kind {} of {} bytes, {} ahead", out.kind, out.chunk_bytes, out.ahead_bytes);
            return Err(self.instance.lie("plan", claim));
        }
        let chunk_bytes = if out.chunk_bytes == 0 { page } else { out.chunk_bytes.min(MAX_CHUNK_BYTES) };
        Ok(Planned {
            lazy: out.kind != PLAN_EAGER,
            chunk_bytes: chunk_bytes as usize,
            ahead_bytes: if out.kind == PLAN_PREFETCH { out.ahead_bytes.min(MAX_CHUNK_BYTES) } else { 0 },
        })
    }

    /// Brings bytes of the file into `buf`, zeroes beyond its end.
    pub fn fill(&self, ctx: &Ctx, file: u64, offset: u64, buf: &mut [u8]) -> Result<()> {
        let fill = self.ops.fill.ok_or(Errno::ENODEV)?;
        let done = self.instance.call(ctx, |mapper, ctx| {
            // SAFETY: `buf` is valid for its length until the call returns.
            unsafe { fill(mapper, ctx, file, offset, buf.as_mut_ptr(), buf.len()) }
        })?;
        self.at_most("fill", done, buf.len()).map(drop)
    }

    /// Brings bytes back into the file; all of them or an error. Errors: EIO, and the file system's.
    pub fn drain(&self, ctx: &Ctx, file: u64, offset: u64, buf: &[u8]) -> Result<()> {
        let drain = self.ops.drain.ok_or(Errno::EROFS)?;
        let done = self.instance.call(ctx, |mapper, ctx| {
            // SAFETY: `buf` is valid for its length until the call returns.
            unsafe { drain(mapper, ctx, file, offset, buf.as_ptr(), buf.len()) }
        });
        let done = self.at_most("drain", absent_is(done, Errno::EROFS)?, buf.len())?;
        if done < buf.len() { Err(Errno::EIO.into()) } else { Ok(()) }
    }

    fn at_most(&self, slot: &'static str, done: u64, asked: usize) -> Result<usize> {
        if done > asked as u64 {
            return Err(self.instance.lie(slot, format!("{done} bytes of {asked} asked for")));
        }
        Ok(done as usize)
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        if let Some(detach) = self.ops.detach {
            // SAFETY: the last call; whoever drops the mapper holds it alone.
            let _ = self.instance.end(&host_ctx(), |mapper, ctx| i64::from(unsafe { detach(mapper, ctx) }));
        }
    }
}
