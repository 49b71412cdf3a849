//! What a name leads to: a pseudo node, or a node of a volume.

use nxvfs_abi::Ctx;
use nxvfs_abi::filesystem::Attr;
use nxvfs_abi::types::mode;
use rustix::time::{ClockId, clock_gettime};

use super::dentry::Counts;
use super::mount::Mount;
use super::pseudo::{PseudoKind, PseudoNode};
use crate::base::sync::{Arc, AtomicU64, Mutex, Ordering, RwLock, Weak, lock, read, write};
use crate::base::{Errno, Result};
use crate::bridge::FoundNode;
use crate::device::{Change, Fifo, Pipe, Residence};

/// Attributes with the number of the volume, as `stat` tells them.
#[derive(Clone, Copy)]
pub struct Stat {
    /// Number of the volume: a mount's, or 0 for the host's own tree.
    pub dev: u64,
    /// The attributes.
    pub attr: Attr,
}

/// A node of a volume. One object however many names and descriptors lead to it.
pub struct VolumeNode {
    mount: Arc<Mount>,
    node: u64,
    file_type: u32,
    /// What the file system counts for us; given back when the object ends.
    count: AtomicU64,
    attr: RwLock<Known>,
    resident: Residence,
    /// How often the host changed something that the attributes depend on: attributes that were asked for before the
    /// last change are asked for again when somebody needs them.
    changes: AtomicU64,
    /// The change after which they were last asked for.
    asked: AtomicU64,
    /// How often a name of it was taken away.
    names_lost: AtomicU64,
    /// Of a directory: what happened to its names.
    counts: Counts,
    /// Of a FIFO: what its ends share, as long as one is open.
    pipe: Mutex<Weak<Pipe>>,
}

/// Attributes and how long they may be trusted.
#[derive(Clone, Copy)]
struct Known {
    attr: Attr,
    /// As the file system told it.
    valid_ns: u64,
    valid_until: u64,
    epoch: u64,
    /// The number of changes when they were asked for.
    seen: u64,
}

/// Monotonic time in nanoseconds, to a few milliseconds.
pub(super) fn coarse_ns() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64)
}

/// When something that may be trusted for `valid_ns` ends to be trusted; `u64::MAX` for never.
pub(super) fn until(valid_ns: u64) -> u64 {
    if valid_ns == u64::MAX { u64::MAX } else { coarse_ns().saturating_add(valid_ns) }
}

/// Whether such a time has not come yet.
pub(super) fn still_valid(until: u64) -> bool {
    until == u64::MAX || coarse_ns() < until
}

impl VolumeNode {
    pub(super) fn new(mount: Arc<Mount>, node: u64, attr: Attr, attr_valid_ns: u64) -> Arc<Self> {
        let file_type = attr.file_type();
        let (valid_ns, epoch) = (attr_valid_ns, mount.epoch());
        let known = Known { attr, valid_ns, valid_until: until(valid_ns), epoch, seen: 0 };
        Arc::new(Self {
            mount,
            node,
            file_type,
            count: AtomicU64::new(0),
            attr: RwLock::new(known),
            changes: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            names_lost: AtomicU64::new(0),
            counts: Counts::default(),
            resident: Residence::default(),
            pipe: Mutex::default(),
        })
    }

    /// The mount.
    pub fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    /// The file system's number of the node.
    pub fn node(&self) -> u64 {
        self.node
    }

    /// The place of its copy in memory, if it is mapped.
    pub fn resident(&self) -> &Residence {
        &self.resident
    }

    /// Makes a change of the content that is no write, and what follows from it in memory.
    pub fn change(&self, change: Change, below: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let below = std::cell::RefCell::new(below);
        self.resident.change(
            || {
                (*below.borrow_mut())()?;
                if let (Change::Resize(len), Some(views)) = (change, self.resident.get()) {
                    views.cut(len);
                }
                Ok(())
            },
            |memory| memory.change(change, &mut **below.borrow_mut()),
        )
    }

    /// How long the file system promises its attributes, in nanoseconds; `u64::MAX` for ever.
    pub fn valid_ns(&self) -> u64 {
        read(&self.attr).valid_ns
    }

    /// Takes over the count of one more answer about this node, and its attributes if they are needed.
    pub(super) fn adopt(&self, found: &FoundNode) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let epoch = self.mount.epoch();
        let known = *read(&self.attr);
        let changed = known.seen != self.changes.load(Ordering::SeqCst);
        if changed || known.epoch != epoch || !still_valid(known.valid_until) {
            // What changed meanwhile stays to be asked for: the answer may be older than the change.
            let (attr, valid_ns) = (found.attr, found.attr_valid_ns);
            self.store(Known { attr, valid_ns, valid_until: until(valid_ns), epoch, seen: known.seen });
        }
    }

    /// Begins to ask the file system for attributes: a change from now on makes its answer old.
    pub(super) fn ask(&self) -> u64 {
        let seen = self.changes.load(Ordering::SeqCst);
        self.asked.fetch_max(seen, Ordering::SeqCst);
        seen
    }

    /// Takes over an answer that was asked for at `seen`.
    pub(super) fn learn(&self, attr: Attr, seen: u64) {
        let valid_ns = read(&self.attr).valid_ns;
        let epoch = self.mount.epoch();
        self.store(Known { attr, valid_ns, valid_until: until(valid_ns), epoch, seen });
    }

    fn store(&self, fresh: Known) {
        let mut known = write(&self.attr);
        if fresh.seen >= known.seen {
            *known = fresh;
        }
    }

    /// Attributes, asked anew when they are no longer to be trusted. The type never changes; if the file system says
    /// otherwise the node is stale. Errors: EIO once the volume was taken away by force.
    pub fn attr(&self, ctx: &Ctx) -> Result<Attr> {
        let Known { attr, valid_until, epoch, seen, .. } = *read(&self.attr);
        if self.mount.volume().instance().is_revoked() {
            return Err(Errno::EIO.into());
        }
        let unchanged = seen == self.changes.load(Ordering::SeqCst);
        if unchanged && epoch == self.mount.epoch() && still_valid(valid_until) {
            return Ok(attr);
        }
        let seen = self.ask();
        match self.mount.volume().getattr(ctx, self.node)? {
            Some(fresh) if fresh.file_type() == self.file_type => {
                self.learn(fresh, seen);
                Ok(fresh)
            }
            Some(_) => Err(Errno::ESTALE.into()),
            None => Ok(attr),
        }
    }

    /// The attributes that say who may do what: type, mode, owner and group. Transfers and changes of names leave those as
    /// they are, so they need not be asked for after each. Errors: as [`VolumeNode::attr`].
    pub fn rights(&self, ctx: &Ctx) -> Result<Attr> {
        let Known { attr, valid_until, epoch, .. } = *read(&self.attr);
        if epoch == self.mount.epoch()
            && still_valid(valid_until)
            && !self.mount.volume().instance().is_over()
        {
            return Ok(attr);
        }
        self.attr(ctx)
    }

    /// Nothing that is known of the attributes is to be trusted any more.
    pub(super) fn distrust(&self) {
        write(&self.attr).valid_until = 0;
        self.expire();
    }

    /// Something was done that changes attributes: a transfer, a change of names. Called after it.
    pub fn expire(&self) {
        // Counted only if somebody asked since the last one, so that readers of one file do not fight for its cache
        // line.
        let changes = self.changes.load(Ordering::SeqCst);
        if self.asked.load(Ordering::SeqCst) >= changes && self.mount.mutable() {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How often a name of it was taken away.
    pub(super) fn names_lost(&self) -> u64 {
        self.names_lost.load(Ordering::Acquire)
    }

    /// Of a directory: what happened to its names.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A name of it was taken away.
    pub(super) fn lose_name(&self) {
        self.names_lost.fetch_add(1, Ordering::AcqRel);
    }

    /// What a FIFO of the volume leads to: the file system keeps its name, the host its bytes while it is open.
    pub fn fifo(&self) -> Fifo {
        let mut known = lock(&self.pipe);
        let pipe = known.upgrade().unwrap_or_default();
        *known = Arc::downgrade(&pipe);
        Fifo(pipe)
    }

    /// The last known attributes, without a call.
    pub fn known_attr(&self) -> Attr {
        read(&self.attr).attr
    }
}

impl Drop for VolumeNode {
    fn drop(&mut self) {
        self.mount.drop_node(self.node, self);
        let count = *self.count.get_mut();
        if count > 0 {
            self.mount.volume().forget(self.node, count);
        }
    }
}

/// What a name leads to.
#[derive(Clone)]
pub enum Inode {
    /// A node of the host's own tree.
    Pseudo(Arc<PseudoNode>),
    /// A node of a volume.
    Volume(Arc<VolumeNode>),
}

impl Inode {
    /// The `S_IFMT` bits.
    pub fn file_type(&self) -> u32 {
        match self {
            Self::Pseudo(node) => node.kind().file_type(),
            Self::Volume(node) => node.file_type,
        }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.file_type() == mode::S_IFDIR
    }

    /// Whether it is a symbolic link.
    pub fn is_link(&self) -> bool {
        self.file_type() == mode::S_IFLNK
    }

    /// Its attributes.
    pub fn attr(&self, ctx: &Ctx) -> Result<Attr> {
        match self {
            Self::Pseudo(node) => Ok(node.attr()),
            Self::Volume(node) => node.attr(ctx),
        }
    }

    /// Those of its attributes that say who may do what.
    pub fn rights(&self, ctx: &Ctx) -> Result<Attr> {
        match self {
            Self::Pseudo(node) => Ok(node.attr()),
            Self::Volume(node) => node.rights(ctx),
        }
    }

    /// Its attributes and the number of its volume.
    pub fn stat(&self, ctx: &Ctx) -> Result<Stat> {
        let dev = match self {
            Self::Pseudo(_) => 0,
            Self::Volume(node) => node.mount.id(),
        };
        Ok(Stat { dev, attr: self.attr(ctx)? })
    }

    /// The target of a symbolic link. Errors: EINVAL if it is none.
    pub fn readlink(&self, ctx: &Ctx) -> Result<Vec<u8>> {
        match self {
            Self::Pseudo(node) => match node.kind() {
                PseudoKind::Link(target) => Ok(target.to_vec()),
                _ => Err(Errno::EINVAL.into()),
            },
            Self::Volume(node) if node.file_type == mode::S_IFLNK => {
                node.mount.volume().readlink(ctx, node.node, super::PATH_MAX_BYTES)
            }
            Self::Volume(_) => Err(Errno::EINVAL.into()),
        }
    }

    /// The mount that it belongs to; `None` for the host's own tree.
    pub fn mount(&self) -> Option<&Arc<Mount>> {
        match self {
            Self::Pseudo(_) => None,
            Self::Volume(node) => Some(&node.mount),
        }
    }
}
