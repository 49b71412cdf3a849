//! The character driver's side.

use std::ffi::c_void;

use nxvfs_abi::block::{AttachArgsIn, XipGrantOut};
use nxvfs_abi::character::CharacterOps;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Ctx, Errno};

use crate::attach;
use crate::guard::{self, absent, run, unit};
use crate::{Attach, Grant, IoctlArg, Result};

/// A stream, a register, a console. It never waits for an event: it answers EAGAIN, and the host sleeps. Dropping
/// the value ends the device. See [`nxvfs_abi::character::CharacterOps`].
#[allow(unused_variables, reason = "defaults ignore their arguments")]
pub trait CharacterDriver: Sized + Send + Sync + 'static {
    /// Makes a device.
    fn attach(ctx: &Ctx, attach: &Attach<'_>) -> Result<Self>;
    /// Opens it; answers a number of its own.
    fn open(&self, ctx: &Ctx, flags: u32) -> Result<u64> {
        Ok(0)
    }
    /// Ends an opening.
    fn release(&self, ctx: &Ctx, handle: u64) -> Result<()> {
        Ok(())
    }
    /// Reads up to `buf.len()` bytes; 0 is the end. Errors: EAGAIN.
    fn read(&self, ctx: &Ctx, handle: u64, offset: u64, buf: &mut [u8]) -> Result<usize> {
        absent()
    }
    /// Writes up to `buf.len()` bytes. Errors: EAGAIN.
    fn write(&self, ctx: &Ctx, handle: u64, offset: u64, buf: &[u8]) -> Result<usize> {
        absent()
    }
    /// Moves a position of the driver's own.
    fn seek(&self, ctx: &Ctx, handle: u64, offset: i64, whence: u32) -> Result<u64> {
        absent()
    }
    /// Any command. Errors: ENOTTY.
    fn ioctl(&self, ctx: &Ctx, handle: u64, command: u32, arg: &mut IoctlArg<'_>) -> Result<i64> {
        absent()
    }
    /// Remembers `waiter` (if not 0, and once: an opening has one), then answers the events that are true now ([`nxvfs_abi::character::event`]).
    fn poll(&self, ctx: &Ctx, handle: u64, waiter: u64) -> Result<u32> {
        absent()
    }
    /// Grants memory to map.
    fn map(&self, handle: u64) -> Option<Grant<'_>> {
        None
    }
    /// Ends the device; the value is dropped afterwards.
    fn detach(&self, ctx: &Ctx) -> Result<()> {
        Ok(())
    }
}

/// The table of a character driver type.
pub const fn table<T: CharacterDriver>() -> CharacterOps {
    CharacterOps {
        size: size_of::<CharacterOps>() as u32,
        flags: 0,
        attach: Some(attach::<T>),
        detach: Some(detach::<T>),
        open: Some(open::<T>),
        release: Some(release::<T>),
        read: Some(read::<T>),
        write: Some(write::<T>),
        seek: Some(seek::<T>),
        ioctl: Some(ioctl::<T>),
        poll: Some(poll::<T>),
        map: Some(map::<T>),
    }
}

// The functions below are called by the host only, which keeps the contract of each slot: `dev` is what `attach`
// stored and is not detached, buffers are valid for the call. "By the contract" leans on that.

unsafe extern "C" fn attach<T: CharacterDriver>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: AttachArgsIn,
    out: *mut *mut c_void,
) -> i32 {
    // SAFETY: by the contract.
    unsafe { attach::make(ctx, args, out, T::attach) }
}

unsafe extern "C" fn detach<T: CharacterDriver>(dev: *mut c_void, ctx: CtxIn) -> i32 {
    // SAFETY: by the contract: this is the last call.
    unsafe { attach::end::<T>(dev, ctx, T::detach) }
}

unsafe extern "C" fn open<T: CharacterDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    flags: u32,
    out: *mut u64,
) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let handle = unsafe { attach::device::<T>(dev).open(&guard::ctx(ctx)?, flags)? };
        if out.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: by the contract, and not null.
        unsafe { out.write(handle) };
        Ok(())
    })
}

unsafe extern "C" fn release<T: CharacterDriver>(dev: *mut c_void, ctx: CtxIn, handle: u64) -> i32 {
    // SAFETY: by the contract.
    unit(|| unsafe { attach::device::<T>(dev).release(&guard::ctx(ctx)?, handle) })
}

unsafe extern "C" fn read<T: CharacterDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    handle: u64,
    offset: u64,
    buf: *mut u8,
    len: usize,
) -> i64 {
    // SAFETY: by the contract.
    run(|| unsafe {
        Ok(attach::device::<T>(dev).read(&guard::ctx(ctx)?, handle, offset, guard::buffer_mut(buf, len)?)?
            as i64)
    })
}

unsafe extern "C" fn write<T: CharacterDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    handle: u64,
    offset: u64,
    buf: *const u8,
    len: usize,
) -> i64 {
    // SAFETY: by the contract.
    run(|| unsafe {
        Ok(attach::device::<T>(dev).write(&guard::ctx(ctx)?, handle, offset, guard::buffer(buf, len)?)?
            as i64)
    })
}

unsafe extern "C" fn seek<T: CharacterDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    handle: u64,
    offset: i64,
    whence: u32,
) -> i64 {
    run(|| {
        // SAFETY: by the contract.
        let position = unsafe { attach::device::<T>(dev).seek(&guard::ctx(ctx)?, handle, offset, whence)? };
        i64::try_from(position).map_err(|_| Errno::EOVERFLOW.into())
    })
}

unsafe extern "C" fn ioctl<T: CharacterDriver>(
    dev: *mut c_void,
    ctx: CtxIn,
    handle: u64,
    command: u32,
    arg: usize,
    arg_size: usize,
) -> i64 {
    // SAFETY: by the contract.
    run(|| unsafe {
        attach::device::<T>(dev).ioctl(&guard::ctx(ctx)?, handle, command, &mut IoctlArg::new(arg, arg_size))
    })
}

unsafe extern "C" fn poll<T: CharacterDriver>(dev: *mut c_void, ctx: CtxIn, handle: u64, waiter: u64) -> i64 {
    // SAFETY: by the contract.
    run(|| unsafe { Ok(i64::from(attach::device::<T>(dev).poll(&guard::ctx(ctx)?, handle, waiter)?)) })
}

unsafe extern "C" fn map<T: CharacterDriver>(
    dev: *mut c_void,
    _ctx: CtxIn,
    handle: u64,
    out: XipGrantOut,
) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let grant = unsafe { attach::device::<T>(dev) }.map(handle).ok_or(Errno::ENODEV)?;
        // SAFETY: by the contract.
        unsafe { grant.fill(out) };
        Ok(())
    })
}
