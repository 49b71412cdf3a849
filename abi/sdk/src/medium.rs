//! The block device below a file system, as bytes.

use nxvfs_abi::block::{
    GEOMETRY_WRITABLE, Geometry, GeometryOut, IO_META, XIP_WRITABLE, XipGrant, XipGrantOut,
};
use nxvfs_abi::{Errno, Grow};

use crate::{Fail, Result, host};

/// A block device, addressed by bytes. Where the device can be used as memory, reads are plain copies from it;
/// elsewhere they go through the host and its cache. Any thread; calls may overlap.
pub struct Medium {
    device: u64,
    geometry: Geometry,
    len_bytes: u64,
    xip: Option<XipGrant>,
}

// SAFETY: the grant's address is valid until the mount ends, which outlives the file system that holds the medium,
// and is used only through raw copies inside the granted range.
unsafe impl Send for Medium {}
// SAFETY: as above.
unsafe impl Sync for Medium {}

impl Medium {
    /// Opens the device of a mount's token. Errors: ENODEV without a device, EIO for a shape that makes no sense.
    pub(crate) fn open(device: u64) -> Result<Self> {
        let services = host::services().ok_or(Errno::ENODEV)?;
        let mut geometry = Geometry::empty();
        let ask = services.device_geometry.ok_or(Errno::ENODEV)?;
        // SAFETY: `geometry` is valid for the call.
        Errno::check(i64::from(unsafe { ask(device, GeometryOut(&raw mut geometry)) }))?;
        let len_bytes = geometry
            .sector_count
            .checked_mul(u64::from(geometry.sector_size_bytes))
            .filter(|_| geometry.sector_size_bytes.is_power_of_two())
            .ok_or_else(|| Fail::new(Errno::EIO, "geometry of the device makes no sense"))?;
        let mut grant = XipGrant::empty();
        let xip = services.device_xip.and_then(|ask| {
            // SAFETY: `grant` is valid for the call.
            let answer = unsafe { ask(device, XipGrantOut(&raw mut grant)) };
            (answer == 0 && !grant.base.is_null() && grant.len_bytes >= len_bytes).then_some(grant)
        });
        Ok(Self { device, geometry, len_bytes, xip })
    }

    /// Bytes of the medium.
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// The device's shape.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Whether the device can be written.
    pub fn writable(&self) -> bool {
        self.geometry.flags & GEOMETRY_WRITABLE != 0
    }

    /// Whether reads are in place.
    pub fn is_xip(&self) -> bool {
        self.xip.is_some()
    }

    /// Whether writes are in place: stores, which keep the order of the program, so that no barrier is needed.
    pub fn writes_in_place(&self) -> bool {
        self.writable() && self.xip.as_ref().is_some_and(|grant| grant.flags & XIP_WRITABLE != 0)
    }

    fn check(&self, offset: u64, len: usize) -> Result<()> {
        if offset <= self.len_bytes && len as u64 <= self.len_bytes - offset {
            return Ok(());
        }
        Err(Fail::new(Errno::EIO, "access beyond the end of the medium")
            .place(format_args!("byte {offset}, {len} bytes"))
            .expected(format_args!("up to {} bytes", self.len_bytes)))
    }

    /// Reads bytes of file content. Errors: EIO, also beyond the end.
    #[inline]
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.read(offset, buf, 0)
    }

    /// Reads bytes of the file system's own structures. Errors: EIO, also beyond the end.
    #[inline]
    pub fn read_meta_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.read(offset, buf, IO_META)
    }

    #[inline]
    fn read(&self, offset: u64, buf: &mut [u8], flags: u32) -> Result<()> {
        self.check(offset, buf.len())?;
        if let Some(grant) = &self.xip {
            // SAFETY: `check` and `open` make the range lie inside the grant, which is valid until the mount ends;
            // `buf` is ours alone and not part of the medium.
            unsafe {
                std::ptr::copy_nonoverlapping(grant.base.add(offset as usize), buf.as_mut_ptr(), buf.len());
            }
            return Ok(());
        }
        let read = host::services().and_then(|s| s.device_read).ok_or(Errno::EIO)?;
        // SAFETY: `buf` is valid for its length during the call.
        let done = Errno::check(unsafe { read(self.device, offset, buf.as_mut_ptr(), buf.len(), flags) })?;
        if done == buf.len() as u64 { Ok(()) } else { Err(Errno::EIO.into()) }
    }

    /// Writes bytes; `flags`: [`IO_META`], [`crate::WRITE_FUA`]. Errors: EROFS, EIO, also beyond the end.
    pub fn write_at(&self, offset: u64, buf: &[u8], flags: u32) -> Result<()> {
        self.check(offset, buf.len())?;
        if !self.writable() {
            return Err(Errno::EROFS.into());
        }
        if let Some(grant) = self.xip.as_ref().filter(|g| g.flags & XIP_WRITABLE != 0) {
            // SAFETY: as in `read`; the grant allows stores.
            unsafe {
                std::ptr::copy_nonoverlapping(buf.as_ptr(), grant.base.add(offset as usize), buf.len());
            }
            return Ok(());
        }
        let write = host::services().and_then(|s| s.device_write).ok_or(Errno::EIO)?;
        // SAFETY: `buf` is valid for its length during the call.
        let done = Errno::check(unsafe { write(self.device, offset, buf.as_ptr(), buf.len(), flags) })?;
        if done == buf.len() as u64 { Ok(()) } else { Err(Errno::EIO.into()) }
    }

    /// All writes so far are on the medium when this returns.
    pub fn flush(&self) -> Result<()> {
        let flush = host::services().and_then(|s| s.device_flush).ok_or(Errno::EIO)?;
        // SAFETY: a number only.
        Errno::check(i64::from(unsafe { flush(self.device) }))?;
        Ok(())
    }

    /// No later write reaches the medium before all earlier ones.
    pub fn barrier(&self) -> Result<()> {
        let barrier = host::services().and_then(|s| s.device_barrier).ok_or(Errno::EIO)?;
        // SAFETY: a number only.
        Errno::check(i64::from(unsafe { barrier(self.device) }))?;
        Ok(())
    }

    /// The bytes are no longer needed; cut to whole sectors.
    pub fn discard(&self, offset: u64, len: u64) -> Result<()> {
        let discard = host::services().and_then(|s| s.device_discard).ok_or(Errno::EIO)?;
        // SAFETY: numbers only.
        Errno::check(i64::from(unsafe { discard(self.device, offset, len) }))?;
        Ok(())
    }
}
