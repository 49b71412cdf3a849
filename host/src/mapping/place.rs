//! From a range of a file to a place on the medium, pinned, and from there to an address.

use std::ops::Range;
use std::os::fd::BorrowedFd;

use nxvfs_abi::{Ctx, Extent};

use super::MapError;
use super::view::{View, overlap};
use super::vma::{Run, page};
use crate::base::sync::{Arc, Weak};
use crate::base::{Errno, Hold, Holder, Result};
use crate::bridge::CheckedGrant;
use crate::device::{BlockDevice, NodeClaim, Residence, Stream};
use crate::tree::{Dependent, MmapMode, VolumeNode};

/// What can be mapped.
#[derive(Clone)]
pub enum Source {
    /// A regular file of a volume.
    File(Arc<VolumeNode>),
    /// A block device.
    Device(Arc<BlockDevice>),
    /// An opening of a node of the host's own that has memory.
    Memory(Arc<dyn Stream>),
}

/// The right of a view to store.
#[allow(dead_code, reason = "held, and let go with the view")]
pub(super) enum Writes {
    Volume(Hold),
    Device(NodeClaim),
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

/// A range of a file on its medium, pinned, with what keeps it there.
pub(super) struct Placed {
    pub(super) grant: CheckedGrant,
    /// In the order of the file, without gaps; neighbours on the medium are joined.
    pub(super) extents: Vec<Extent>,
    // Dropped in this order: pins before the hold that keeps their volume mounted.
    _pins: Vec<Pin>,
    hold: Hold,
}

impl Placed {
    /// Says at which address the place is mapped, for who is told that the volume is busy.
    pub(super) fn name_mapping(&self, task: u64, address: usize) {
        self.hold.rename(Holder::Mapping { task, address });
    }

    /// The runs of a memory object, in whole pages, that show the range; and how far into the first page it begins.
    /// The inner error says why its pieces cannot be put one behind the other.
    pub(super) fn runs<'a>(
        &self,
        object: BorrowedFd<'a>,
        object_offset: u64,
        offset: u64,
        len: usize,
    ) -> Result<(Vec<Run<'a>>, usize), NoPlace> {
        /// More would use up what one process may have of ranges of pages.
        const MAX_RUNS: usize = 1024;
        let page = page() as u64;
        if self.extents.len() > MAX_RUNS {
            return Err(NoPlace(in_pieces(&self.extents)));
        }
        let lead = self.extents.first().map_or(0, |e| (object_offset + e.medium_offset) % page);
        let (mut runs, mut left) = (Vec::with_capacity(self.extents.len()), len as u64);
        for (index, extent) in self.extents.iter().enumerate() {
            let start = object_offset + extent.medium_offset;
            let bytes = extent.len_bytes.min(left);
            left -= bytes;
            let inner_start = index > 0 && !start.is_multiple_of(page);
            let inner_end = left > 0 && !(start + bytes).is_multiple_of(page);
            if inner_start || inner_end {
                let why = format!("{}, not each of whole pages", in_pieces(&self.extents));
                return Err(NoPlace(why));
            }
            debug_assert!(index > 0 || extent.file_offset == offset);
            let first = start - start % page;
            runs.push(Run {
                object: Some(object),
                offset: first,
                len: ((start + bytes).next_multiple_of(page) - first) as usize,
            });
            if left == 0 {
                break;
            }
        }
        Ok((runs, lead as usize))
    }

    /// The runs behind some pages of a view of this place, with their addresses.
    pub(super) fn runs_of(&self, view: &View, pages: &Range<usize>) -> Vec<(usize, Run<'_>)> {
        let Some((object, object_offset)) = self.grant.fd() else { return Vec::new() };
        let Some(first) = self.extents.first() else { return Vec::new() };
        let page = page() as u64;
        let lead = (object_offset + first.medium_offset) % page;
        let mut at = view.address - lead as usize;
        let mut found = Vec::new();
        for extent in &self.extents {
            let start = object_offset + extent.medium_offset;
            let base = start - start % page;
            let len = ((start + extent.len_bytes).next_multiple_of(page) - base) as usize;
            let part = overlap(&(at..at + len), pages);
            if !part.is_empty() {
                let offset = base + (part.start - at) as u64;
                found.push((part.start, Run { object: Some(object), offset, len: part.len() }));
            }
            at += len;
        }
        found
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
            Self::Memory(stream) => Ok(stream.len_bytes()),
        }
    }

    /// Length of what a copy is made of: of the file, or of the whole medium that a device lies on.
    pub(super) fn copied_len_bytes(&self, ctx: &Ctx) -> Result<u64> {
        match self {
            Self::Device(device) => Ok(device.medium_len_bytes()),
            _ => self.len_bytes(ctx),
        }
    }

    /// Where in that it begins.
    pub(super) fn start_bytes(&self) -> u64 {
        match self {
            Self::Device(device) => device.start_bytes(),
            _ => 0,
        }
    }

    /// Keeps the volume or device. Streams keep themselves: they are never asked.
    pub(super) fn hold(&self, holder: Holder) -> Result<Hold> {
        match self {
            Self::File(node) => node.mount().hold(holder),
            Self::Device(device) => device.hold(holder),
            Self::Memory(_) => Err(Errno::ENODEV.into()),
        }
    }

    /// Says that a view may store, so that the volume does not become read-only, and nobody mounts the device as one
    /// that writes. Errors: EROFS, EBUSY.
    pub(super) fn hold_to_write(&self, holder: Holder) -> Result<Option<Writes>> {
        Ok(match self {
            Self::File(node) => Some(Writes::Volume(node.mount().hold_to_write(holder)?)),
            Self::Device(device) => Some(Writes::Device(device.claim_node()?)),
            Self::Memory(_) => None,
        })
    }

    /// Tells a view when its volume is taken away by force. Errors: EIO it was already.
    pub(super) fn depend(&self, view: Weak<dyn Dependent>) -> Result<()> {
        match self {
            Self::File(node) => node.mount().depend(view),
            Self::Device(_) | Self::Memory(_) => Ok(()),
        }
    }

    /// Where what is mapped of it is kept.
    pub(super) fn residence(&self) -> Option<&Residence> {
        match self {
            Self::File(node) => Some(node.resident()),
            Self::Device(device) => Some(device.resident()),
            Self::Memory(_) => None,
        }
    }

    /// Whether the volume was taken away by force.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::File(node) => node.mount().volume().instance().is_over(),
            Self::Device(_) | Self::Memory(_) => false,
        }
    }

    /// Whether its bytes may change while it is mapped, other than by stores into views.
    pub(super) fn may_change(&self) -> bool {
        match self {
            Self::File(node) => node.mount().mutable() && !node.mount().read_only(),
            Self::Device(device) => device.writable(),
            Self::Memory(_) => true,
        }
    }

    /// Whether the bytes behind the end of the file, up to the next multiple of the page, are the file's own on the
    /// medium: true where space is given in multiples of the page.
    pub(super) fn owns_whole_pages(&self, ctx: &Ctx) -> bool {
        match self {
            Self::File(node) => node.mount().statfs(ctx).is_ok_and(|fs| {
                fs.block_size_bytes > 0 && (fs.block_size_bytes as usize).is_multiple_of(page())
            }),
            Self::Device(_) | Self::Memory(_) => false,
        }
    }

    /// How files may be mapped here.
    pub(super) fn mode(&self) -> MmapMode {
        match self {
            Self::File(node) => node.mount().agreement().mode,
            Self::Device(_) | Self::Memory(_) => MmapMode::Auto,
        }
    }

    /// A name for the log.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(node) => format!("node {} of {}", node.node(), node.mount().path()),
            Self::Device(device) => device.node().to_string(),
            Self::Memory(_) => "a node of the host's own".to_owned(),
        }
    }

    /// The medium as memory; or why not.
    pub(super) fn grant(&self) -> Result<CheckedGrant, NoPlace> {
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
            Self::Memory(stream) => {
                stream.memory().ok_or_else(|| NoPlace("the driver grants no memory to map".to_owned()))
            }
        }
    }

    /// Where a range lies, as far as the file system tells, pinned.
    pub(super) fn extents(&self, ctx: &Ctx, offset: u64, len: u64) -> Result<(Vec<Extent>, Vec<Pin>)> {
        match self {
            Self::Device(_) | Self::Memory(_) => {
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
        let extents = join(extents);
        match extents.last() {
            None => Ok(Err(NoPlace("the file system tells no place for it".to_owned()))),
            Some(last) if last.file_offset + last.len_bytes < offset + len as u64 => {
                Ok(Err(NoPlace("part of it has no place on the medium".to_owned())))
            }
            Some(_) => Ok(Ok(Placed { grant, extents, _pins: pins, hold })),
        }
    }
}

/// Why pieces are not one.
pub(super) fn in_pieces(extents: &[Extent]) -> String {
    format!("it lies in {} pieces on the medium", extents.len())
}

/// Joins pieces that are neighbours on the medium, too.
pub(super) fn join(extents: Vec<Extent>) -> Vec<Extent> {
    let mut joined: Vec<Extent> = Vec::new();
    for extent in extents {
        match joined.last_mut() {
            Some(last) if last.medium_offset + last.len_bytes == extent.medium_offset => {
                last.len_bytes += extent.len_bytes;
            }
            _ => joined.push(extent),
        }
    }
    joined
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
    /// Lends the whole of a file or device. Errors: ENXIO if it is not in place; ENODEV for other memory than a medium's.
    pub fn new(source: &Source, ctx: &Ctx, path: &str, task: u64) -> Result<Self> {
        if let Source::Memory(_) = source {
            let reason =
                "a driver's memory or the host's own, which can be mapped, but has no address to lend";
            return Err(MapError::NotInPlace { path: path.to_owned(), reason: reason.to_owned() }.into());
        }
        let len = usize::try_from(source.len_bytes(ctx)?).unwrap_or(usize::MAX);
        if len == 0 {
            return Err(MapError::Strict { path: path.to_owned(), reason: "it is empty".to_owned() }.into());
        }
        let placed = source.place(ctx, 0, len, Holder::Borrow { task })?;
        let strict = |reason| MapError::Strict { path: path.to_owned(), reason };
        let placed = placed.map_err(|NoPlace(reason)| strict(reason))?;
        let [whole] = placed.extents[..] else { return Err(strict(in_pieces(&placed.extents)).into()) };
        // Inside the grant: the bridge checked extent and grant against the geometry.
        let address = placed.grant.base + whole.medium_offset as usize;
        Ok(Self { address, len, _placed: placed })
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
