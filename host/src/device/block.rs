//! An attached block device: its node's object, used by mounts and by descriptors.

use nxvfs_abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_WRITABLE, Geometry};

use crate::base::error::teach;
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::{Errno, Hold, Holder, Holders, Result};
use crate::bridge::{Block, CheckedGrant, Module, WireParam, host_ctx};

teach! {
    /// Why a device is refused.
    pub enum DeviceError {
        /// Somebody uses it.
        Busy { node: String, holders: String } => EBUSY, what: "the device is in use", place: "{node}",
            found: "{holders}", remedy: "end these first";
        /// Another mount has it in a way that does not go together.
        Claimed { node: String, holders: String } => EBUSY, what: "the device is mounted already", place: "{node}",
            found: "{holders}", remedy: "unmount it, or mount both read-only (-o ro)";
        /// No medium.
        NoMedium { node: String } => ENXIO, what: "there is no medium in the device", place: "{node}";
        /// It cannot be written.
        ReadOnly { node: String } => EROFS, what: "the device cannot be written", place: "{node}",
            remedy: "mount it read-only (-o ro), or attach it without ro";
        /// An access beyond its end.
        Beyond { node: String, offset: u64, len: usize, end: u64 } => EIO,
            what: "access beyond the end of the device", place: "{node}", expected: "up to byte {end}",
            found: "{len} bytes at {offset}";
    }
}

#[derive(Debug, Default)]
struct Claims {
    readers: usize,
    writer: bool,
}

/// A block device with its node.
pub struct BlockDevice {
    node: Arc<str>,
    plugin: String,
    driver: String,
    block: Block,
    geometry: Geometry,
    grant: Option<CheckedGrant>,
    holders: Holders,
    claims: Mutex<Claims>,
    /// Makes reading, changing and writing back part of a sector one step.
    partial: Mutex<()>,
    _module: Hold,
}

impl BlockDevice {
    /// Attaches a device by a driver of a plugin.
    pub fn attach(module: &Arc<Module>, driver: &str, node: &str, params: &[WireParam]) -> Result<Arc<Self>> {
        let node: Arc<str> = node.into();
        // Taken before the driver is called, so that the plugin cannot go away meanwhile.
        let hold = module.holders().hold(Holder::Device(node.clone())).ok_or(Errno::ENODEV)?;
        let ctx = host_ctx();
        let block = Block::attach(module, driver, &ctx, &node, 0, params)?;
        let shape = block.geometry(&ctx).and_then(|geometry| {
            let len_bytes = geometry.sector_count * u64::from(geometry.sector_size_bytes);
            Ok((geometry, block.xip_grant(&ctx, len_bytes)?))
        });
        let (geometry, grant) = match shape {
            Ok(shape) => shape,
            Err(e) => {
                let _ = block.detach(&ctx);
                return Err(e);
            }
        };
        Ok(Arc::new(Self {
            node,
            plugin: module.name().to_owned(),
            driver: driver.to_owned(),
            block,
            geometry,
            grant,
            holders: Holders::default(),
            claims: Mutex::default(),
            partial: Mutex::new(()),
            _module: hold,
        }))
    }

    /// The node's path.
    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Name of the plugin.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Name of the driver.
    pub fn driver(&self) -> &str {
        &self.driver
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
        let mut claims = lock(&self.claims);
        if claims.writer || (writable && claims.readers > 0) {
            let (node, holders) = (self.node.to_string(), self.holders.describe());
            return Err(DeviceError::Claimed { node, holders }.into());
        }
        let hold = self.hold(Holder::Mount(mount))?;
        if writable {
            claims.writer = true;
        } else {
            claims.readers += 1;
        }
        Ok(Claim { device: self.clone(), writable, hold })
    }

    fn check(&self, offset: u64, len: usize) -> Result<()> {
        let end = self.len_bytes();
        if offset <= end && len as u64 <= end - offset {
            return Ok(());
        }
        Err(DeviceError::Beyond { node: self.node.to_string(), offset, len, end }.into())
    }

    /// Reads bytes at any offset; all of them or an error. Errors: EIO beyond the end, and the driver's.
    pub fn read_at(&self, mut offset: u64, mut buf: &mut [u8], flags: u32) -> Result<()> {
        self.check(offset, buf.len())?;
        let size = u64::from(self.geometry.sector_size_bytes);
        let mut bounce = Vec::new();
        while !buf.is_empty() {
            let (sector, skip) = (offset / size, (offset % size) as usize);
            let whole = buf.len() - buf.len() % size as usize;
            let done = if skip == 0 && whole > 0 {
                self.sectors(sector, &mut buf[..whole], flags)?;
                whole
            } else {
                bounce.resize(size as usize, 0);
                self.sectors(sector, &mut bounce, flags)?;
                let piece = buf.len().min(size as usize - skip);
                buf[..piece].copy_from_slice(&bounce[skip..skip + piece]);
                piece
            };
            buf = &mut buf[done..];
            offset += done as u64;
        }
        Ok(())
    }

    fn sectors(&self, start: u64, buf: &mut [u8], flags: u32) -> Result<()> {
        self.block.read(&host_ctx(), start, buf, self.geometry.sector_size_bytes, flags)
    }

    /// Writes bytes at any offset; parts of sectors keep the rest of their content. Errors: EROFS, EIO beyond the
    /// end, and the driver's.
    pub fn write_at(&self, mut offset: u64, mut buf: &[u8], flags: u32) -> Result<()> {
        self.check(offset, buf.len())?;
        if !self.writable() {
            return Err(DeviceError::ReadOnly { node: self.node.to_string() }.into());
        }
        let size = self.geometry.sector_size_bytes;
        let mut bounce = Vec::new();
        while !buf.is_empty() {
            let (sector, skip) = (offset / u64::from(size), (offset % u64::from(size)) as usize);
            let whole = buf.len() - buf.len() % size as usize;
            let done = if skip == 0 && whole > 0 {
                self.block.write(&host_ctx(), sector, &buf[..whole], size, flags)?;
                whole
            } else {
                let _alone = lock(&self.partial);
                bounce.resize(size as usize, 0);
                self.sectors(sector, &mut bounce, flags)?;
                let piece = buf.len().min(size as usize - skip);
                bounce[skip..skip + piece].copy_from_slice(&buf[..piece]);
                self.block.write(&host_ctx(), sector, &bounce, size, flags)?;
                piece
            };
            buf = &buf[done..];
            offset += done as u64;
        }
        Ok(())
    }

    /// Brings everything to the medium.
    pub fn flush(&self) -> Result<()> {
        self.block.flush(&host_ctx())
    }

    /// Orders earlier writes before later ones.
    pub fn barrier(&self) -> Result<()> {
        self.block.barrier(&host_ctx())
    }

    /// Gives up the whole sectors within a range of bytes.
    pub fn discard(&self, offset: u64, len: u64) -> Result<()> {
        let size = u64::from(self.geometry.sector_size_bytes);
        let end = offset.saturating_add(len).min(self.len_bytes()) / size;
        let start = offset.div_ceil(size);
        if start >= end {
            return Ok(());
        }
        self.block.discard(&host_ctx(), start, end - start)
    }

    /// Any command of the driver, with memory.
    pub fn ioctl_bytes(&self, command: u32, arg: &mut [u8]) -> Result<u64> {
        self.block.ioctl_bytes(&host_ctx(), command, arg)
    }

    /// Ends the device. Errors: EBUSY with the holders' names, and then it lives on; the driver's own errors, and
    /// then it has ended nevertheless.
    pub fn detach(&self) -> Result<()> {
        if !self.holders.close() {
            let (node, holders) = (self.node.to_string(), self.holders.describe());
            return Err(DeviceError::Busy { node, holders }.into());
        }
        self.block.detach(&host_ctx())
    }
}

impl Drop for BlockDevice {
    fn drop(&mut self) {
        // A host that ends with devices attached still ends them; after `detach` this does nothing.
        if let Err(e) = self.block.detach(&host_ctx()) {
            log::warn!("detach {}: {e}", self.node);
        }
    }
}

/// A device taken by a mount.
pub struct Claim {
    device: Arc<BlockDevice>,
    writable: bool,
    hold: Hold,
}

impl Claim {
    /// The device.
    pub fn device(&self) -> &Arc<BlockDevice> {
        &self.device
    }

    /// Changes what the mount may do. Errors: EROFS; EBUSY with the others' names, and then nothing changes.
    pub fn set_writable(&mut self, writable: bool) -> Result<()> {
        let node = self.device.node.to_string();
        if writable && !self.device.writable() {
            return Err(DeviceError::ReadOnly { node }.into());
        }
        let mut claims = lock(&self.device.claims);
        match (self.writable, writable) {
            (false, true) if claims.readers > 1 => {
                let holders = self.device.holders.describe();
                return Err(DeviceError::Claimed { node, holders }.into());
            }
            (false, true) => *claims = Claims { readers: 0, writer: true },
            (true, false) => *claims = Claims { readers: 1, writer: false },
            _ => {}
        }
        self.writable = writable;
        Ok(())
    }

    /// Says who holds the device now.
    pub fn rename(&self, holder: Holder) {
        self.hold.rename(holder);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = lock(&self.device.claims);
        if self.writable {
            claims.writer = false;
        } else {
            claims.readers -= 1;
        }
    }
}
