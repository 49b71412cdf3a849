//! An attached block device: its node's object, used by mounts and by descriptors.

use nxvfs_abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_WRITABLE, Geometry};

use super::cache::CacheStatus;
use super::claims::{RangeClaim, Use};
use super::driver::BlockMedium;
use super::late::Seen;
use super::medium::Medium;
use super::resident::Residence;
use super::view::MountView;
use crate::base::error::teach;
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::{Budget, Errno, Hold, Holder, Holders, Result};
use crate::bridge::{Block, CheckedGrant, Module, WireParam, host_ctx};

teach! {
    /// Why a device is refused.
    pub enum DeviceError {
        /// Somebody uses it.
        Busy { node: String, holders: String } => EBUSY, what: "the device is in use", place: "{node}",
            found: "{holders}", remedy: "end these first";
        /// Another uses the same bytes in a way that does not go together with a mount.
        Claimed { node: String, holders: String } => EBUSY, what: "the device is in use already", place: "{node}",
            found: "{holders}", remedy: "end these first, or mount all read-only (-o ro)";
        /// A volume that writes lies on what shall be written past it.
        Mounted { node: String, holders: String } => EBUSY,
            what: "the device cannot be written past a volume that is mounted on it", place: "{node}",
            found: "{holders}", remedy: "unmount it, or open the node for reading only";
        /// No medium.
        NoMedium { node: String } => ENXIO, what: "there is no medium in the device", place: "{node}";
        /// It cannot be written.
        ReadOnly { node: String } => EROFS, what: "the device cannot be written", place: "{node}",
            remedy: "mount it read-only (-o ro), or attach it without ro";
        /// An access beyond its end.
        Beyond { node: String, offset: u64, len: usize, end: u64 } => EIO,
            what: "access beyond the end of the device", place: "{node}", expected: "up to byte {end}",
            found: "{len} bytes at {offset}";
        /// A partition that does not lie on its parent.
        Outside { node: String, start: u64, count: u64, end: u64 } => EINVAL,
            what: "the partition does not lie on its device", place: "{node}",
            expected: "one sector or more, up to sector {end}", found: "{count} sectors from {start} on";
    }
}

/// What a device is attached with, beside what its driver gets.
pub struct AttachSpec<'a> {
    /// The plugin.
    pub module: &'a Arc<Module>,
    /// The plugin's driver.
    pub driver: &'a str,
    /// The node's path.
    pub node: &'a str,
    /// The driver's parameters.
    pub params: &'a [WireParam],
    /// What the user gave, for those who ask.
    pub given: Vec<(String, String)>,
    /// Memory that all caches of the host share.
    pub budget: &'a Arc<Budget>,
    /// How much of it this device may use.
    pub cache_bytes: usize,
    /// What the driver uses until it is detached: files, with what leads it to them.
    pub keeps: Option<Box<dyn Send + Sync>>,
}

/// A block device with its node: a driver's whole medium, or a part of one.
pub struct BlockDevice {
    pub(super) node: Arc<str>,
    pub(super) medium: Arc<Medium>,
    /// The byte of the medium at which the device begins.
    pub(super) start_bytes: u64,
    pub(super) geometry: Geometry,
    pub(super) grant: Option<CheckedGrant>,
    pub(super) holders: Holders,
    /// Of a partition: its device's node, and the sector of that at which it begins.
    pub(super) place: Option<(Arc<str>, u64)>,
    /// Of a partition that was made of its device's table: the number of the entry.
    pub(super) entry: Option<u32>,
    /// Of a partition: its hold on its device, until it ends.
    pub(super) parent: Mutex<Option<Hold>>,
    pub(super) given: Vec<(String, String)>,
    pub(super) keeps: Mutex<Option<Box<dyn Send + Sync>>>,
}

impl BlockDevice {
    /// Attaches a device by a driver of a plugin.
    pub fn attach(spec: AttachSpec<'_>) -> Result<Arc<Self>> {
        let node: Arc<str> = spec.node.into();
        // Taken before the driver is called, so that the plugin cannot go away meanwhile.
        let hold = spec.module.holders().hold(Holder::Device(node.clone())).ok_or(Errno::ENODEV)?;
        let block = Block::attach(spec.module, spec.driver, &host_ctx(), &node, 0, spec.params)?;
        let medium = Medium::new(block, spec.module, spec.driver, hold, spec.budget, spec.cache_bytes)?;
        Ok(Self::whole(node, medium, spec.given, spec.keeps))
    }

    /// A device that a program offers, under the name of a driver. Errors: EINVAL a shape that cannot be.
    pub fn offered(
        node: &str,
        driver: &str,
        program: Arc<dyn BlockMedium>,
        budget: &Arc<Budget>,
        cache_bytes: usize,
    ) -> Result<Arc<Self>> {
        let medium = Medium::offered(node, driver, program, budget, cache_bytes)?;
        Ok(Self::whole(node.into(), medium, Vec::new(), None))
    }

    fn whole(
        node: Arc<str>,
        medium: Medium,
        given: Vec<(String, String)>,
        keeps: Option<Box<dyn Send + Sync>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            node,
            start_bytes: 0,
            geometry: *medium.geometry(),
            grant: medium.grant.clone(),
            medium: Arc::new(medium),
            holders: Holders::default(),
            place: None,
            entry: None,
            parent: Mutex::default(),
            given,
            keeps: Mutex::new(keeps),
        })
    }

    /// Whether a program offers it.
    pub fn is_offered(&self) -> bool {
        self.place.is_none() && self.medium.is_offered()
    }

    /// The node's path.
    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Name of the plugin.
    pub fn plugin(&self) -> &str {
        &self.medium.plugin
    }

    /// Name of the driver.
    pub fn driver(&self) -> &str {
        &self.medium.driver
    }

    /// What the user gave when it was attached.
    pub fn given(&self) -> &[(String, String)] {
        &self.given
    }

    /// Of a partition, the node of the device that it is a part of, and the sector of that at which it begins.
    pub fn parent(&self) -> Option<(&Arc<str>, u64)> {
        self.place.as_ref().map(|(node, start)| (node, *start))
    }

    /// Of a partition that was made of its device's table, the number of the entry.
    pub fn entry(&self) -> Option<u32> {
        self.entry
    }

    /// What the cache of the medium has done; `None` if there is none. Partitions share their device's.
    pub fn cache_status(&self) -> Option<CacheStatus> {
        self.medium.cache_status()
    }

    /// A new user of the device, who will be told of writes that failed late.
    pub fn user(&self) -> Seen {
        self.medium.user()
    }

    /// The shape.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Bytes of the medium.
    pub fn len_bytes(&self) -> u64 {
        self.geometry.sector_count * u64::from(self.geometry.sector_size_bytes)
    }

    /// Whether it can be written.
    pub fn writable(&self) -> bool {
        self.geometry.flags & GEOMETRY_WRITABLE != 0
    }

    /// The medium as memory.
    pub fn grant(&self) -> Option<&CheckedGrant> {
        self.grant.as_ref()
    }

    /// The place of the medium's copy in memory, if a node of it is mapped: one for a device and all its partitions.
    pub fn resident(&self) -> &Residence {
        &self.medium.resident
    }

    /// The byte of the medium at which the device begins: 0 but for a partition.
    pub fn start_bytes(&self) -> u64 {
        self.start_bytes
    }

    /// Bytes of the medium, of which the device may be a part.
    pub fn medium_len_bytes(&self) -> u64 {
        self.medium.len_bytes()
    }

    /// Reads bytes of the medium, below a copy in memory.
    pub fn read_below(&self, medium_offset: u64, buf: &mut [u8]) -> Result<()> {
        self.medium.read(medium_offset, buf, 0)
    }

    /// Writes bytes of the medium, below a copy in memory.
    pub fn write_below(&self, medium_offset: u64, buf: &[u8]) -> Result<()> {
        self.medium.write(medium_offset, buf, 0)
    }

    /// Who uses it.
    pub fn holders(&self) -> &Holders {
        &self.holders
    }

    /// Holds the device. Errors: ENXIO once it is being detached.
    pub fn hold(&self, holder: Holder) -> Result<Hold> {
        self.holders.hold(holder).ok_or_else(|| Errno::ENXIO.into())
    }

    /// Takes the device for a mount: many may read, or one alone may write. Errors: EBUSY, EROFS, ENXIO.
    pub fn claim(self: &Arc<Self>, mount: Arc<str>, writable: bool) -> Result<Claim> {
        if self.geometry.flags & GEOMETRY_AVAILABLE == 0 {
            return Err(DeviceError::NoMedium { node: self.node.to_string() }.into());
        }
        let kind = if writable { Use::WriteMount } else { Use::ReadMount };
        let holder = format!("mount {mount}");
        let range = self.medium.claims.take(&self.node, kind, self.range(), holder)?;
        let hold = self.hold(Holder::Mount(mount))?;
        let seen = Arc::new(self.user());
        Ok(Claim { device: self.clone(), seen, writable, range, hold })
    }

    /// Takes the device for a descriptor that writes. Errors: EBUSY a volume that writes is mounted on it.
    pub fn claim_node(&self) -> Result<NodeClaim> {
        let holder = format!("{}, which is open for writing", self.node);
        Ok(NodeClaim { _range: self.medium.claims.take(&self.node, Use::WriteNode, self.range(), holder)? })
    }

    /// The bytes of the medium that are this device's.
    fn range(&self) -> std::ops::Range<u64> {
        self.start_bytes..self.start_bytes + self.len_bytes()
    }

    fn check(&self, offset: u64, len: usize) -> Result<()> {
        let end = self.len_bytes();
        if offset <= end && len as u64 <= end - offset {
            return Ok(());
        }
        Err(DeviceError::Beyond { node: self.node.to_string(), offset, len, end }.into())
    }

    fn need_writable(&self) -> Result<()> {
        if self.writable() {
            return Ok(());
        }
        Err(DeviceError::ReadOnly { node: self.node.to_string() }.into())
    }

    /// Reads bytes at any offset; all of them or an error. Errors: EIO beyond the end, and the driver's.
    pub fn read_at(&self, offset: u64, buf: &mut [u8], flags: u32) -> Result<()> {
        self.check(offset, buf.len())?;
        let mut below = |at, buf: &mut [u8]| self.medium.read(at, buf, flags).map(|()| buf.len());
        let at = self.start_bytes + offset;
        match self.medium.resident.memory() {
            None => below(at, buf).map(drop),
            Some(memory) => memory.read(at, buf, &mut below).map(drop),
        }
    }

    /// Writes bytes at any offset; parts of sectors keep the rest of their content. Where there is a cache they reach
    /// the medium later, or with FUA before this returns. Errors: EROFS, EIO beyond the end, and the driver's.
    pub fn write_at(&self, offset: u64, buf: &[u8], flags: u32) -> Result<()> {
        self.check(offset, buf.len())?;
        self.need_writable()?;
        let at = self.start_bytes + offset;
        let below = |buf: &[u8]| self.medium.write(at, buf, flags).map(|()| buf.len());
        self.medium
            .resident
            .change(|| below(buf), |memory| memory.write(Some(at), buf, &mut |buf| below(buf)))
            .map(drop)
    }

    /// Brings everything to the medium. Errors: also those of earlier writes that this user has not been told.
    pub fn flush(&self, user: &Seen) -> Result<()> {
        self.medium.flush(user)
    }

    /// Orders earlier writes before later ones. Errors: as [`BlockDevice::flush`].
    pub fn barrier(&self, user: &Seen) -> Result<()> {
        self.medium.barrier(user)
    }

    /// Gives up the whole sectors within a range of bytes. Errors: EROFS, and the driver's.
    pub fn discard(&self, offset: u64, len: u64) -> Result<()> {
        self.need_writable()?;
        let size = u64::from(self.geometry.sector_size_bytes);
        let end = offset.saturating_add(len).min(self.len_bytes()) / size * size;
        let start = offset.div_ceil(size).saturating_mul(size);
        if start >= end {
            return Ok(());
        }
        self.medium.discard(self.start_bytes + start, self.start_bytes + end)
    }

    /// Any command of the driver, with memory. Errors: ENOTTY for a partition, which has no driver of its own.
    pub fn ioctl_bytes(&self, command: u32, arg: &mut [u8]) -> Result<u64> {
        if self.place.is_some() {
            return Err(Errno::ENOTTY.into());
        }
        self.medium.raw.driver.ioctl_bytes(&host_ctx(), command, arg)
    }

    /// Ends the device. Errors: EBUSY with the holders' names, and then it lives on; of writes that failed and the
    /// driver's own, and then it has ended nevertheless.
    pub fn detach(&self) -> Result<()> {
        if self.holders.list().is_empty() {
            // What was stored into views and could not be brought back: if it still cannot, the device lives on.
            self.medium.resident.write_back()?;
        }
        if !self.holders.close() {
            let (node, holders) = (self.node.to_string(), self.holders.describe());
            return Err(DeviceError::Busy { node, holders }.into());
        }
        self.end()
    }

    fn end(&self) -> Result<()> {
        let ended = match self.place {
            // The medium goes on; what was written here is on it.
            Some(_) => match lock(&self.parent).take() {
                Some(_parent) => self.medium.flush(&self.medium.user()),
                None => Ok(()),
            },
            None => self.medium.detach(),
        };
        // Only now: the driver has used them until here.
        drop(lock(&self.keeps).take());
        ended
    }
}

impl Drop for BlockDevice {
    fn drop(&mut self) {
        // A host that ends with devices attached still ends them; after `detach` this does nothing.
        if let Err(e) = self.end() {
            log::warn!("detach {}: {e}", self.node);
        }
    }
}

/// A device taken by a mount.
pub struct Claim {
    device: Arc<BlockDevice>,
    seen: Arc<Seen>,
    writable: bool,
    range: RangeClaim,
    hold: Hold,
}

impl Claim {
    /// The device as the services offer it to the mount; `xip`: also as memory, if it is that.
    pub fn view(&self, xip: bool) -> MountView {
        MountView::new(self.device.clone(), self.seen.clone(), self.writable, xip)
    }

    /// Gives the device back after everything is on it. Errors: as [`BlockDevice::flush`].
    pub fn end(self) -> Result<()> {
        if self.writable { self.device.flush(&self.seen) } else { Ok(()) }
    }

    /// Changes what the mount may do. Errors: EROFS; EBUSY with the others' names, and then nothing changes.
    pub fn set_writable(&mut self, writable: bool) -> Result<()> {
        let node = self.device.node.to_string();
        if writable && !self.device.writable() {
            return Err(DeviceError::ReadOnly { node }.into());
        }
        self.range.change(&node, if writable { Use::WriteMount } else { Use::ReadMount })?;
        self.writable = writable;
        Ok(())
    }

    /// Says who holds the device now.
    pub fn rename(&self, holder: Holder) {
        self.hold.rename(holder);
    }
}

/// A device taken by a descriptor that writes.
pub struct NodeClaim {
    _range: RangeClaim,
}
