//! From a range of a file to a place on the medium, pinned, and from there to an address.

use nxvfs_abi::{Ctx, Extent};

use super::MapError;
use crate::base::sync::Arc;
use crate::base::{Errno, Hold, Holder, Result};
use crate::bridge::CheckedGrant;
use crate::device::BlockDevice;
use crate::tree::VolumeNode;

/// What can be mapped.
#[derive(Clone)]
pub enum Source {
    /// A regular file of a volume.
    File(Arc<VolumeNode>),
    /// A block device.
    Device(Arc<BlockDevice>),
}

/// Extents that a file system pinned; let go when dropped.
pub(super) struct Pin {
    node: Arc<VolumeNode>,
    pin: u64,
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.node.mount().volume().unpin(self.node.node(), self.pin);
    }
}

/// A contiguous range of a file on its medium, pinned, with what keeps it there.
pub(super) struct Placed {
    pub(super) grant: CheckedGrant,
    pub(super) medium_offset: u64,
    pub(super) len: usize,
    // Dropped in this order: pins before the hold that keeps their volume mounted.
    _pins: Vec<Pin>,
    hold: Hold,
}

impl Placed {
    /// Says at which address the place is mapped, for who is told that the volume is busy.
    pub(super) fn name_mapping(&self, task: u64, address: usize) {
        self.hold.rename(Holder::Mapping { task, address });
    }
}

/// Why a range has no place that can be mapped.
pub(super) struct NoPlace(pub(super) String);

impl Source {
    /// Length in bytes.
    pub(super) fn len_bytes(&self, ctx: &Ctx) -> Result<u64> {
        match self {
            Self::File(node) => Ok(node.attr(ctx)?.size_bytes),
            Self::Device(device) => Ok(device.len_bytes()),
        }
    }

    pub(super) fn hold(&self, holder: Holder) -> Result<Hold> {
        match self {
            Self::File(node) => node.mount().hold(holder),
            Self::Device(device) => device.hold(holder),
        }
    }

    /// The medium as memory; or why not.
    fn grant(&self) -> Result<CheckedGrant, NoPlace> {
        match self {
            Self::File(node) => {
                let mount = node.mount();
                let agreed = mount.agreement();
                match mount.device().and_then(|d| d.grant()) {
                    Some(grant) if agreed.lends => Ok(grant.clone()),
                    _ => Err(NoPlace(agreed.reason.clone())),
                }
            }
            Self::Device(device) => match device.grant() {
                Some(grant) => Ok(grant.clone()),
                None => Err(NoPlace(format!("driver {} grants no memory (BIOC_XIPBASE)", device.driver()))),
            },
        }
    }

    /// Where a range lies, as far as the file system tells, pinned.
    pub(super) fn extents(&self, ctx: &Ctx, offset: u64, len: u64) -> Result<(Vec<Extent>, Vec<Pin>)> {
        match self {
            Self::Device(_) => {
                let whole = Extent { file_offset: offset, medium_offset: offset, len_bytes: len };
                Ok((if len == 0 { Vec::new() } else { vec![whole] }, Vec::new()))
            }
            Self::File(node) => {
                /// Pieces of a file that are looked at; a file in more is not worth telling one by one.
                const MAX_EXTENTS: usize = 4096;
                let (mut extents, mut pins, mut at) = (Vec::new(), Vec::new(), offset);
                while at < offset + len && extents.len() < MAX_EXTENTS {
                    let told = node.mount().volume().map_extents(ctx, node.node(), at, offset + len - at);
                    let (more, pin) = match told {
                        Err(e) if e.errno() == Errno::ENOTSUP => return by_address(node, ctx, offset, len),
                        told => told?,
                    };
                    let Some(last) = more.last() else { break };
                    at = last.file_offset + last.len_bytes;
                    pins.push(Pin { node: node.clone(), pin });
                    extents.extend(more);
                }
                Ok((extents, pins))
            }
        }
    }

    /// The place of a range that lies inside the file. The inner error says why there is none.
    pub(super) fn place(
        &self,
        ctx: &Ctx,
        offset: u64,
        len: usize,
        holder: Holder,
    ) -> Result<Result<Placed, NoPlace>> {
        // Held before anything is pinned, so that the volume cannot go away in between.
        let hold = self.hold(holder)?;
        let grant = match self.grant() {
            Ok(grant) => grant,
            Err(no) => return Ok(Err(no)),
        };
        let (extents, pins) = match self.extents(ctx, offset, len as u64) {
            Ok(found) => found,
            Err(e) if matches!(e.errno(), Errno::ENXIO | Errno::ENOTSUP) => {
                return Ok(Err(NoPlace(e.detail().to_string())));
            }
            Err(e) => return Err(e),
        };
        let Some(first) = extents.first() else {
            return Ok(Err(NoPlace("the file system tells no place for it".to_owned())));
        };
        let mut end = first.medium_offset;
        for (index, extent) in extents.iter().enumerate() {
            if extent.medium_offset != end {
                let why = format!("it lies in pieces: piece {} begins elsewhere on the medium", index + 1);
                return Ok(Err(NoPlace(why)));
            }
            end += extent.len_bytes;
        }
        if end - first.medium_offset < len as u64 {
            return Ok(Err(NoPlace("part of it has no place on the medium".to_owned())));
        }
        let medium_offset = first.medium_offset;
        Ok(Ok(Placed { grant, medium_offset, len, _pins: pins, hold }))
    }
}

/// The place of a file whose file system tells an address (`FIOC_MMAP`) instead of extents. The address must lie
/// inside the grant, with the whole file behind it. Such a file system cannot pin.
fn by_address(node: &VolumeNode, ctx: &Ctx, offset: u64, len: u64) -> Result<(Vec<Extent>, Vec<Pin>)> {
    let mount = node.mount();
    let volume = mount.volume();
    let Some(grant) = mount.device().and_then(|d| d.grant()) else { return Err(Errno::ENOTSUP.into()) };
    let handle = volume.open(ctx, node.node(), 0)?;
    let told = volume.address_by_ioctl(ctx, node.node(), handle);
    volume.release(ctx, node.node(), handle)?;
    let Some(address) = told? else { return Err(Errno::ENOTSUP.into()) };
    if address == 0 {
        return Err(Errno::ENXIO.into());
    }
    let start = address.checked_sub(grant.base).map(|start| start as u64);
    let inside = start.filter(|start| {
        let end = start.checked_add(node.known_attr().size_bytes.max(offset + len));
        end.is_some_and(|end| end <= grant.len_bytes)
    });
    let Some(start) = inside else {
        return Err(volume.address_lie(format!("address {address:#x}, outside the device's memory")));
    };
    Ok((vec![Extent { file_offset: offset, medium_offset: start + offset, len_bytes: len }], Vec::new()))
}

/// An address in place, lent until it is dropped.
pub struct Borrow {
    address: usize,
    len: usize,
    _placed: Placed,
}

impl Borrow {
    /// Lends the whole of a file or device. Errors: ENXIO if it is not in place.
    pub fn new(source: &Source, ctx: &Ctx, path: &str, task: u64) -> Result<Self> {
        let len = usize::try_from(source.len_bytes(ctx)?).unwrap_or(usize::MAX);
        if len == 0 {
            return Err(MapError::Strict { path: path.to_owned(), reason: "it is empty".to_owned() }.into());
        }
        let placed = source.place(ctx, 0, len, Holder::Borrow { task })?;
        let placed = placed.map_err(|NoPlace(reason)| MapError::Strict { path: path.to_owned(), reason })?;
        // Inside the grant: the bridge checked extent and grant against the geometry.
        let address = placed.grant.base + placed.medium_offset as usize;
        Ok(Self { address, len: placed.len, _placed: placed })
    }

    /// The address of the first byte.
    pub fn address(&self) -> usize {
        self.address
    }

    /// Bytes from there.
    #[allow(clippy::len_without_is_empty, reason = "nothing empty is lent")]
    pub fn len(&self) -> usize {
        self.len
    }
}
