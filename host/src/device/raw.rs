//! A driver's device by sectors, below any cache.

use nxvfs_abi::block::Geometry;

use super::driver::Driver;
use crate::base::Result;
use crate::bridge::host_ctx;

/// An attached device with its shape.
pub(super) struct Raw {
    pub(super) driver: Driver,
    pub(super) geometry: Geometry,
}

impl Raw {
    /// Bytes of a sector.
    pub(super) fn sector_bytes(&self) -> u64 {
        u64::from(self.geometry.sector_size_bytes)
    }

    /// Bytes of the medium.
    pub(super) fn len_bytes(&self) -> u64 {
        self.geometry.sector_count * self.sector_bytes()
    }

    /// Reads whole sectors from a byte on that begins one.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8], flags: u32) -> Result<()> {
        let start = offset / self.sector_bytes();
        self.driver.read(&host_ctx(), start, buf, self.geometry.sector_size_bytes, flags)
    }

    /// Writes whole sectors, likewise.
    pub(super) fn write(&self, offset: u64, buf: &[u8], flags: u32) -> Result<()> {
        let start = offset / self.sector_bytes();
        self.driver.write(&host_ctx(), start, buf, self.geometry.sector_size_bytes, flags)
    }

    pub(super) fn flush(&self) -> Result<()> {
        self.driver.flush(&host_ctx())
    }

    pub(super) fn barrier(&self) -> Result<()> {
        self.driver.barrier(&host_ctx())
    }

    /// Gives up sectors between two bytes that begin one.
    pub(super) fn discard(&self, start: u64, end: u64) -> Result<()> {
        let size = self.sector_bytes();
        self.driver.discard(&host_ctx(), start / size, (end - start) / size)
    }
}
