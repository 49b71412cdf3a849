//! The mapper's side.

use std::ffi::c_void;

use nxvfs_abi::block::AttachArgsIn;
use nxvfs_abi::mapper::*;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Ctx, Grow, grow};

use crate::attach;
use crate::guard::{self, run, unit};
use crate::{Attach, Result, VfsFile};

/// What a mapper decided; lengths in bytes, multiples of the page.
pub enum Plan {
    /// Fill everything now.
    Eager {
        /// So many bytes at a time.
        chunk_bytes: u64,
    },
    /// Fill when touched.
    Lazy {
        /// So many bytes at a time.
        chunk_bytes: u64,
    },
    /// Fill when touched, and ahead.
    Prefetch {
        /// So many bytes at a time.
        chunk_bytes: u64,
        /// So many bytes ahead.
        ahead_bytes: u64,
    },
}

/// The policy of mapping a file through RAM. See [`nxvfs_abi::mapper::MapperOps`].
pub trait Mapper: Sized + Send + Sync + 'static {
    /// Makes an instance.
    fn attach(ctx: &Ctx, attach: &Attach<'_>) -> Result<Self>;
    /// Decides how to map.
    fn plan(&self, ctx: &Ctx, request: &MapRequest) -> Result<Plan>;
    /// Brings bytes of the file into `buf`, zeroes beyond its end; answers how many are the file's.
    fn fill(&self, ctx: &Ctx, file: &VfsFile, offset: u64, buf: &mut [u8]) -> Result<usize>;
    /// Brings bytes back into the file.
    fn drain(&self, ctx: &Ctx, file: &VfsFile, offset: u64, buf: &[u8]) -> Result<usize>;
}

/// The table of a mapper type.
pub const fn table<T: Mapper>() -> MapperOps {
    MapperOps {
        size: size_of::<MapperOps>() as u32,
        flags: 0,
        attach: Some(attach::<T>),
        detach: Some(detach::<T>),
        plan: Some(plan::<T>),
        fill: Some(fill::<T>),
        drain: Some(drain::<T>),
    }
}

// The functions below are called by the host only, which keeps the contract of each slot: `mapper` is what `attach`
// stored and is not detached, buffers are valid for the call. "By the contract" leans on that.

unsafe extern "C" fn attach<T: Mapper>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: AttachArgsIn,
    out: *mut *mut c_void,
) -> i32 {
    // SAFETY: by the contract.
    unsafe { attach::make(ctx, args, out, T::attach) }
}

unsafe extern "C" fn detach<T: Mapper>(mapper: *mut c_void, ctx: CtxIn) -> i32 {
    // SAFETY: by the contract: this is the last call.
    unsafe { attach::end::<T>(mapper, ctx, |_, _| Ok(())) }
}

unsafe extern "C" fn plan<T: Mapper>(
    mapper: *mut c_void,
    ctx: CtxIn,
    request: MapRequestIn,
    out: MapPlanOut,
) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let (ctx, value, request) =
            unsafe { (guard::ctx(ctx)?, attach::device::<T>(mapper), guard::sent(request.0)?) };
        let (kind, chunk_bytes, ahead_bytes) = match value.plan(&ctx, &request)? {
            Plan::Eager { chunk_bytes } => (PLAN_EAGER, chunk_bytes, 0),
            Plan::Lazy { chunk_bytes } => (PLAN_LAZY, chunk_bytes, 0),
            Plan::Prefetch { chunk_bytes, ahead_bytes } => (PLAN_PREFETCH, chunk_bytes, ahead_bytes),
        };
        // SAFETY: by the contract.
        unsafe { grow::fill(out.0, &MapPlan { kind, chunk_bytes, ahead_bytes, ..Grow::empty() }) };
        Ok(())
    })
}

unsafe extern "C" fn fill<T: Mapper>(
    mapper: *mut c_void,
    ctx: CtxIn,
    file: u64,
    offset: u64,
    buf: *mut u8,
    len: usize,
) -> i64 {
    // SAFETY: by the contract.
    run(|| unsafe {
        let value = attach::device::<T>(mapper);
        Ok(value.fill(&guard::ctx(ctx)?, &VfsFile::new(file), offset, guard::buffer_mut(buf, len)?)? as i64)
    })
}

unsafe extern "C" fn drain<T: Mapper>(
    mapper: *mut c_void,
    ctx: CtxIn,
    file: u64,
    offset: u64,
    buf: *const u8,
    len: usize,
) -> i64 {
    // SAFETY: by the contract.
    run(|| unsafe {
        let value = attach::device::<T>(mapper);
        Ok(value.drain(&guard::ctx(ctx)?, &VfsFile::new(file), offset, guard::buffer(buf, len)?)? as i64)
    })
}
