//! A block device as the services offer it to one mount.

use nxvfs_abi::block::{GEOMETRY_WRITABLE, Geometry};

use super::block::{BlockDevice, DeviceError};
use super::late::Seen;
use crate::base::Result;
use crate::base::sync::{Arc, AtomicBool, Ordering};
use crate::bridge::{CheckedGrant, DeviceService};

/// What one mount may do with its device.
pub struct MountView {
    /// The device. The mount's claim keeps it attached.
    device: Arc<BlockDevice>,
    /// What the mount has been told of late errors.
    seen: Arc<Seen>,
    /// Whether the mount may write; changes when it is mounted anew as read-only or writable.
    writable: AtomicBool,
    /// Whether the file system may use the medium as memory.
    xip: bool,
}

impl MountView {
    /// The view of a mount, which has been told of late errors what `seen` says.
    pub(super) fn new(device: Arc<BlockDevice>, seen: Arc<Seen>, writable: bool, xip: bool) -> Self {
        Self { device, seen, writable: AtomicBool::new(writable), xip }
    }

    /// Whether the mount may write.
    pub fn writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }

    /// Says whether the mount may write from now on.
    pub fn set_writable(&self, writable: bool) {
        self.writable.store(writable, Ordering::Release);
    }
}

impl DeviceService for MountView {
    fn geometry(&self) -> Geometry {
        let mut geometry = *self.device.geometry();
        if !self.writable() {
            geometry.flags &= !GEOMETRY_WRITABLE;
        }
        geometry
    }

    fn read(&self, offset: u64, buf: &mut [u8], flags: u32) -> Result<()> {
        self.device.read_at(offset, buf, flags)
    }

    fn write(&self, offset: u64, buf: &[u8], flags: u32) -> Result<()> {
        if !self.writable() {
            return Err(DeviceError::ReadOnly { node: self.device.node().to_string() }.into());
        }
        self.device.write_at(offset, buf, flags)
    }

    fn flush(&self) -> Result<()> {
        self.device.flush(&self.seen)
    }

    fn barrier(&self) -> Result<()> {
        self.device.barrier(&self.seen)
    }

    fn discard(&self, offset: u64, len: u64) -> Result<()> {
        if !self.writable() {
            return Err(DeviceError::ReadOnly { node: self.device.node().to_string() }.into());
        }
        self.device.discard(offset, len)
    }

    fn xip(&self) -> Option<CheckedGrant> {
        let mut grant = self.device.grant().filter(|_| self.xip)?.clone();
        grant.writable &= self.writable();
        Some(grant)
    }
}
