//! An attached block driver: safe methods over its table, one for each slot, with the answers checked.

use std::ffi::c_void;
use std::marker::PhantomData;

use nxvfs_abi::block::{
    AttachArgs, AttachArgsIn, BlockOps, Geometry, GeometryOut, XIP_WRITABLE, XipGrantOut,
};
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Errno, Grow, Str};

use super::services::{call, call_unit};
use super::{Error, Result, Sentence, Value, ctx, demand, param_fields, slot, with_params};
use crate::BlockDriver;
use crate::block::table;

/// Attaches a device.
pub fn attach<T: BlockDriver>(params: &[(&str, Value<'_>)]) -> Result<Attached<T>> {
    let (ops, ctx, mut dev) = (table::<T>(), ctx(), std::ptr::null_mut());
    with_params(params, |params| {
        let (params, param_count, param_stride) = param_fields(params);
        let node = Str::new(b"/dev/fake0");
        let args = AttachArgs { node, device: 1, params, param_count, param_stride, ..Grow::empty() };
        let args = AttachArgsIn(&args);
        // SAFETY: every pointer is valid for the call; the table is the SDK's.
        call_unit(|| unsafe { slot!(ops, attach)(std::ptr::null_mut(), CtxIn(&ctx), args, &mut dev) })
    })?;
    Ok(Attached { ops, dev, driver: PhantomData })
}

/// A device of the driver `T`; ends when it is dropped.
pub struct Attached<T: BlockDriver> {
    ops: BlockOps,
    dev: *mut c_void,
    driver: PhantomData<T>,
}

// SAFETY: `dev` leads to a `T`, which is `Send` and `Sync`; the other pointers are functions.
unsafe impl<T: BlockDriver> Send for Attached<T> {}
// SAFETY: as above.
unsafe impl<T: BlockDriver> Sync for Attached<T> {}

/// The medium as memory, while the device is attached.
pub struct XipGrant<'a> {
    /// Address of the medium's first byte.
    pub base: *mut u8,
    /// Bytes that may be used from there.
    pub len_bytes: u64,
    /// Whether stores reach the medium.
    pub writable: bool,
    /// Descriptor of the memory object, or -1.
    pub memory_fd: i32,
    /// Where in the memory object the medium's first byte lies.
    pub memory_offset: u64,
    device: PhantomData<&'a ()>,
}

impl XipGrant<'_> {
    /// Copies bytes out of the memory, as a host does that reads in place.
    ///
    /// # Panics
    /// If they do not lie in the grant.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) {
        self.inside(offset, buf.len());
        // SAFETY: the range lies in what the driver granted, as long as the device is attached; `buf` is ours alone.
        unsafe { std::ptr::copy_nonoverlapping(self.base.add(offset as usize), buf.as_mut_ptr(), buf.len()) };
    }

    /// Copies bytes into the memory.
    ///
    /// # Panics
    /// If they do not lie in the grant, or it is not writable.
    pub fn write_at(&self, offset: u64, buf: &[u8]) {
        self.inside(offset, buf.len());
        assert!(self.writable, "the grant is read-only");
        // SAFETY: as in `read_at`; the grant allows stores.
        unsafe { std::ptr::copy_nonoverlapping(buf.as_ptr(), self.base.add(offset as usize), buf.len()) };
    }

    fn inside(&self, offset: u64, len: usize) {
        let end = offset.checked_add(len as u64);
        assert!(end.is_some_and(|end| end <= self.len_bytes), "bytes outside the grant");
    }
}

/// Runs one slot of the device: `ask!(self, call_unit, slot(arguments after the context))`.
macro_rules! ask {
    ($self:ident, $call:ident, $slot:ident($($arg:expr),*)) => {{
        let ctx = ctx();
        // SAFETY: `dev` is what `attach` stored and is not ended; every argument is valid for the call.
        $call(|| unsafe { slot!($self.ops, $slot)($self.dev, CtxIn(&ctx), $($arg),*) })
    }};
}

impl<T: BlockDriver> Attached<T> {
    /// The shape of the medium.
    pub fn geometry(&self) -> Result<Geometry> {
        let mut geometry = Geometry::empty();
        let out = GeometryOut(&raw mut geometry);
        ask!(self, call_unit, geometry(out))?;
        let sector = geometry.sector_size_bytes;
        let fits = sector.is_power_of_two() && (512..=65_536).contains(&sector);
        demand(fits, format_args!("a sector of {sector} bytes"));
        Ok(geometry)
    }

    /// The number of sectors in a buffer. EINVAL, as a real host, if it is not a whole number.
    fn sectors(&self, len: usize) -> Result<u32> {
        let sector = self.geometry()?.sector_size_bytes as usize;
        let whole = len.is_multiple_of(sector).then_some(len / sector).and_then(|n| u32::try_from(n).ok());
        whole.ok_or_else(|| {
            let what = format!("a buffer of {len} bytes is not made of whole sectors");
            Error::new(Errno::EINVAL, Sentence { what, ..Sentence::default() })
        })
    }

    /// Fills `buf`, whole sectors, from `start_sector` on; answers how many sectors were read.
    pub fn read(&self, start_sector: u64, buf: &mut [u8], flags: u32) -> Result<u32> {
        let count = self.sectors(buf.len())?;
        let buf = buf.as_mut_ptr();
        let done = ask!(self, call, read(start_sector, count, buf, flags))?;
        demand(done <= count.into(), format_args!("read answered {done} of {count} sectors"));
        Ok(done as u32)
    }

    /// Writes `buf`, whole sectors; answers how many sectors were written.
    pub fn write(&self, start_sector: u64, buf: &[u8], flags: u32) -> Result<u32> {
        let count = self.sectors(buf.len())?;
        let buf = buf.as_ptr();
        let done = ask!(self, call, write(start_sector, count, buf, flags))?;
        demand(done <= count.into(), format_args!("write answered {done} of {count} sectors"));
        Ok(done as u32)
    }

    /// Brings all writes to the medium.
    pub fn flush(&self) -> Result<()> {
        ask!(self, call_unit, flush())
    }

    /// Orders writes.
    pub fn barrier(&self) -> Result<()> {
        ask!(self, call_unit, barrier())
    }

    /// Gives up the content of sectors.
    pub fn discard(&self, start_sector: u64, sector_count: u64) -> Result<()> {
        ask!(self, call_unit, discard(start_sector, sector_count))
    }

    /// The medium as memory.
    pub fn xip(&self) -> Result<XipGrant<'_>> {
        let mut grant = nxvfs_abi::block::XipGrant::empty();
        let out = XipGrantOut(&raw mut grant);
        ask!(self, call_unit, xip_grant(out))?;
        let geometry = self.geometry()?;
        let medium = geometry.sector_count * u64::from(geometry.sector_size_bytes);
        demand(!grant.base.is_null(), "a grant without an address");
        demand(grant.base.addr().is_multiple_of(64), "a grant that is not aligned to 64 bytes");
        demand(grant.len_bytes >= medium, format_args!("a grant of {} for {medium} bytes", grant.len_bytes));
        Ok(XipGrant {
            base: grant.base,
            len_bytes: grant.len_bytes,
            writable: grant.flags & XIP_WRITABLE != 0,
            memory_fd: grant.memory_fd,
            memory_offset: grant.memory_offset,
            device: PhantomData,
        })
    }

    /// Runs a command whose argument is a value.
    pub fn ioctl_value(&self, command: u32, value: usize) -> Result<u64> {
        ask!(self, call, ioctl(command, value, 0))
    }

    /// Runs a command whose argument leads to memory.
    pub fn ioctl(&self, command: u32, memory: &mut [u8]) -> Result<u64> {
        let (arg, len) = (memory.as_mut_ptr() as usize, memory.len());
        ask!(self, call, ioctl(command, arg, len))
    }

    /// Runs a command whose argument leads to a struct of the contract, which the driver may fill.
    pub fn ioctl_struct<S: Grow>(&self, command: u32, value: &mut S) -> Result<u64> {
        let arg = std::ptr::from_mut(value) as usize;
        ask!(self, call, ioctl(command, arg, size_of::<S>()))
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

impl<T: BlockDriver> Drop for Attached<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Another panic of the driver would now end the process, and hide the first.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.end()));
        } else {
            let _ = self.end();
        }
    }
}
