//! The block driver's side, and what block and character drivers share: attaching and ioctl arguments.

use std::ffi::c_void;
use std::marker::PhantomData;

use nxvfs_abi::block::*;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Ctx, Errno, Grow, grow};

use crate::attach;
use crate::guard::{self, absent, run, unit};
use crate::{Attach, MemoryObject, Result};

/// The argument of an ioctl: a value, or memory of a size that the host vouches for.
pub struct IoctlArg<'a> {
    value: usize,
    size: usize,
    memory: PhantomData<&'a mut [u8]>,
}

impl IoctlArg<'_> {
    /// # Safety
    /// If `size` is not 0, `value` is the address of `size` bytes, readable and writable during the result's life.
    pub(crate) unsafe fn new(value: usize, size: usize) -> Self {
        Self { value, size, memory: PhantomData }
    }

    /// The argument as a value.
    pub fn value(&self) -> usize {
        self.value
    }

    /// Bytes that the argument leads to; 0 if it is a value, or opaque.
    pub fn size_bytes(&self) -> usize {
        self.size
    }

    /// The memory that the argument leads to. Errors: EFAULT if there is none, EINVAL if it is less than `len`.
    pub fn bytes_mut(&mut self, len: usize) -> Result<&mut [u8]> {
        if self.value == 0 || self.size == 0 {
            return Err(Errno::EFAULT.into());
        }
        if self.size < len {
            return Err(Errno::EINVAL.into());
        }
        // SAFETY: `new`'s caller vouches for `self.size >= len` bytes.
        unsafe { guard::buffer_mut(self.value as *mut u8, len) }
    }

    /// Fills the memory with a number. Errors: as [`Self::bytes_mut`].
    pub fn fill_u32(&mut self, number: u32) -> Result<()> {
        self.bytes_mut(4)?.copy_from_slice(&number.to_ne_bytes());
        Ok(())
    }

    /// Fills the memory with a number. Errors: as [`Self::bytes_mut`].
    pub fn fill_u64(&mut self, number: u64) -> Result<()> {
        self.bytes_mut(8)?.copy_from_slice(&number.to_ne_bytes());
        Ok(())
    }

    /// Fills the memory with a struct of the contract, as far as there is room. Errors: as [`Self::bytes_mut`].
    pub fn fill<T: Grow>(&mut self, value: &T) -> Result<()> {
        let room = self.size;
        let bytes = self.bytes_mut(size_of::<u32>())?;
        if !bytes.as_ptr().cast::<T>().is_aligned() {
            return Err(Errno::EFAULT.into());
        }
        let stated = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        if stated > room {
            return Err(Errno::EINVAL.into());
        }
        // SAFETY: aligned, and the memory has as many bytes as its size field states.
        unsafe { grow::fill(self.value as *mut T, value) };
        Ok(())
    }
}

/// Right to use a driver's memory in place, until the device is detached.
pub struct Grant<'a> {
    pub(crate) memory: &'a MemoryObject,
    pub(crate) writable: bool,
}

impl<'a> Grant<'a> {
    /// Grants the whole object, whose first byte is the medium's first.
    pub fn new(memory: &'a MemoryObject, writable: bool) -> Self {
        Self { memory, writable: writable && memory.writable() }
    }

    /// # Safety
    /// `out` is null or writable for as many bytes as it states.
    pub(crate) unsafe fn fill(&self, out: XipGrantOut) {
        let wire = XipGrant {
            flags: XIP_MEMORY_OBJECT | if self.writable { XIP_WRITABLE } else { 0 },
            base: self.memory.base(),
            len_bytes: self.memory.len() as u64,
            memory_offset: 0,
            memory_fd: self.memory.raw_fd(),
            ..Grow::empty()
        };
        // SAFETY: passed on to the caller.
        unsafe { grow::fill(out.0, &wire) };
    }
}

/// A medium of equal sectors. Dropping the value ends the device. Calls overlap only if [`crate::plugin!`] says
/// `parallel`. See [`nxvfs_abi::block::BlockOps`].
#[allow(unused_variables, reason = "defaults ignore their arguments")]
pub trait BlockDriver: Sized + Send + Sync + 'static {
    /// Makes a device.
    fn attach(ctx: &Ctx, attach: &Attach<'_>) -> Result<Self>;
    /// The shape of the medium.
    fn geometry(&self) -> Geometry;
    /// Fills `buf`, a whole number of sectors, from `start_sector` on.
    fn read(&self, ctx: &Ctx, start_sector: u64, buf: &mut [u8], flags: u32) -> Result<()>;
    /// Writes `buf`, a whole number of sectors; `flags`: [`WRITE_FUA`], [`IO_META`].
    fn write(&self, ctx: &Ctx, start_sector: u64, buf: &[u8], flags: u32) -> Result<()> {
        absent()
    }
    /// All writes are on the medium when this returns.
    fn flush(&self, ctx: &Ctx) -> Result<()> {
        Ok(())
    }
    /// No later write reaches the medium before all earlier ones.
    fn barrier(&self, ctx: &Ctx) -> Result<()> {
        absent()
    }
    /// The content of the sectors is no longer needed.
    fn discard(&self, ctx: &Ctx, start_sector: u64, sector_count: u64) -> Result<()> {
        absent()
    }
    /// Grants the medium as memory.
    fn xip_grant(&self) -> Option<Grant<'_>> {
        None
    }
    /// Any command. Errors: ENOTTY.
    fn ioctl(&self, ctx: &Ctx, command: u32, arg: &mut IoctlArg<'_>) -> Result<i64> {
        absent()
    }
    /// Ends the device; the value is dropped afterwards.
    fn detach(&self, ctx: &Ctx) -> Result<()> {
        Ok(())
    }
}

/// The table of a block driver type.
pub const fn table<T: BlockDriver>() -> BlockOps {
    BlockOps {
        size: size_of::<BlockOps>() as u32,
        flags: 0,
        attach: Some(attach::<T>),
        detach: Some(detach::<T>),
        geometry: Some(geometry::<T>),
        read: Some(read::<T>),
        write: Some(write::<T>),
        flush: Some(flush::<T>),
        barrier: Some(barrier::<T>),
        discard: Some(discard::<T>),
        xip_grant: Some(xip_grant::<T>),
        ioctl: Some(ioctl::<T>),
    }
}

// The functions below are called by the host only, which keeps the contract of each slot: `dev` is what `attach`
// stored and is not detached, buffers are valid for the call. "By the contract" leans on that.

unsafe extern "C" fn attach<T: BlockDriver>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: AttachArgsIn,
    out: *mut *mut c_void,
) -> i32 {
    // SAFETY: by the contract.
    unsafe { attach::make(ctx, args, out, T::attach) }
}

unsafe extern "C" fn detach<T: BlockDriver>(dev: *mut c_void, ctx: CtxIn) -> i32 {
    // SAFETY: by the contract: this is the last call.
    unsafe { attach::end::<T>(dev, ctx, T::detach) }
}

unsafe extern "C" fn geometry<T: BlockDriver>(dev: *mut c_void, _ctx: CtxIn, out: GeometryOut) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        unsafe { grow::fill(out.0, &attach::device::<T>(dev).geometry()) };
        Ok(())
    })
}

/// Bytes of a transfer, or EINVAL if they do not fit.
fn transfer_bytes<T: BlockDriver>(value: &T, sector_count: u32) -> Result<usize> {
    (sector_count as usize)
        .checked_mul(value.geometry().sector_size_bytes as usize)
        .ok_or(Errno::EINVAL.into())
}

unsafe extern "C" fn read<T: BlockDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    start_sector: u64,
    sector_count: u32,
    buf: *mut u8,
    flags: u32,
) -> i64 {
    run(|| {
        // SAFETY: by the contract.
        let (ctx, value) = unsafe { (guard::ctx(ctx)?, attach::device::<T>(dev)) };
        // SAFETY: by the contract `buf` has room for that many sectors.
        let buf = unsafe { guard::buffer_mut(buf, transfer_bytes(value, sector_count)?) }?;
        value.read(&ctx, start_sector, buf, flags)?;
        Ok(i64::from(sector_count))
    })
}

unsafe extern "C" fn write<T: BlockDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    start_sector: u64,
    sector_count: u32,
    buf: *const u8,
    flags: u32,
) -> i64 {
    run(|| {
        // SAFETY: by the contract.
        let (ctx, value) = unsafe { (guard::ctx(ctx)?, attach::device::<T>(dev)) };
        // SAFETY: by the contract `buf` holds that many sectors.
        let buf = unsafe { guard::buffer(buf, transfer_bytes(value, sector_count)?) }?;
        value.write(&ctx, start_sector, buf, flags)?;
        Ok(i64::from(sector_count))
    })
}

unsafe extern "C" fn flush<T: BlockDriver>(dev: *mut c_void, ctx: CtxIn) -> i32 {
    // SAFETY: by the contract.
    unit(|| unsafe { attach::device::<T>(dev).flush(&guard::ctx(ctx)?) })
}

unsafe extern "C" fn barrier<T: BlockDriver>(dev: *mut c_void, ctx: CtxIn) -> i32 {
    // SAFETY: by the contract.
    unit(|| unsafe { attach::device::<T>(dev).barrier(&guard::ctx(ctx)?) })
}

unsafe extern "C" fn discard<T: BlockDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    start_sector: u64,
    sector_count: u64,
) -> i32 {
    // SAFETY: by the contract.
    unit(|| unsafe { attach::device::<T>(dev).discard(&guard::ctx(ctx)?, start_sector, sector_count) })
}

unsafe extern "C" fn xip_grant<T: BlockDriver>(dev: *mut c_void, _ctx: CtxIn, out: XipGrantOut) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let grant = unsafe { attach::device::<T>(dev) }.xip_grant().ok_or(Errno::ENXIO)?;
        // SAFETY: by the contract.
        unsafe { grant.fill(out) };
        Ok(())
    })
}

unsafe extern "C" fn ioctl<T: BlockDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    command: u32,
    arg: usize,
    arg_size: usize,
) -> i64 {
    // SAFETY: by the contract.
    run(|| unsafe {
        attach::device::<T>(dev).ioctl(&guard::ctx(ctx)?, command, &mut IoctlArg::new(arg, arg_size))
    })
}
