//! A mounted volume: its nodes, its names, and what it holds until it ends.

use std::collections::HashMap;

use nxvfs_abi::filesystem::{Attr, INFO_IMMUTABLE, INFO_NAMES_FOLDED, StatFs};
use nxvfs_abi::{Ctx, Grow};

use super::TreeError;
use super::cache::Lru;
use super::dentry::{Asked, Cached, Dentry};
use super::dependent::Dependent;
use super::flags::MountFlags;
use super::inode::{Inode, VolumeNode, until};
use super::negotiate::Agreement;
use super::walk::Walked;
use crate::base::sync::{Arc, AtomicBool, AtomicU32, AtomicU64, Mutex, OnceLock, Ordering, Weak, lock};
use crate::base::{Entered, Errno, Hold, Holder, Holders, InFlight, Result};
use crate::bridge::{FoundNode, Lookup, MountService, Token, Volume, host_ctx};
use crate::device::{BlockDevice, Claim, MountView};

/// A mounted volume.
pub struct Mount {
    pub(super) id: u64,
    pub(super) path: Arc<str>,
    pub(super) source: String,
    pub(super) driver: String,
    /// [`MountFlags`]; `RDONLY` is set before the last change is waited for.
    pub(super) flags: AtomicU32,
    pub(super) volume: Volume,
    pub(super) agreement: Agreement,
    /// The device with the mount's right to it, until the mount ends.
    pub(super) claim: Mutex<Option<Claim>>,
    pub(super) device: Option<Arc<BlockDevice>>,
    /// The device as the file system sees it.
    pub(super) view: Option<Arc<MountView>>,
    pub(super) holders: Holders,
    /// Those of the holders that may change content; closed while nothing may be changed.
    pub(super) writers: Holders,
    /// Changes of names and attributes that are under way.
    pub(super) changes: InFlight,
    pub(super) remounting: AtomicBool,
    pub(super) dependents: Mutex<Vec<Weak<dyn Dependent>>>,
    /// Set by an unmount that lets the mount expire, cleared by every use.
    pub(super) expiring: AtomicBool,
    pub(super) nodes: Mutex<HashMap<u64, Weak<VolumeNode>, foldhash::fast::RandomState>>,
    pub(super) lru: Lru,
    pub(super) root: Mutex<Option<Arc<Dentry>>>,
    pub(super) covered: OnceLock<Covered>,
    /// What the plugin names device and mount by.
    pub(super) tokens: Mutex<Vec<Token>>,
    pub(super) invalidations: Arc<Invalidations>,
    /// Keeps the volume that the mount point is in until the mount ends.
    pub(super) outer: Mutex<Option<Hold>>,
    /// Keeps the plugin.
    pub(super) module: Mutex<Option<Hold>>,
}

/// Changes beneath the host, as the file system reports them. Any report makes the host ask anew for all names and
/// attributes of the mount: coarse, but only a mark, which is all that may happen under a plugin's call.
#[derive(Default)]
pub(super) struct Invalidations(AtomicU64);

impl MountService for Invalidations {
    fn invalidate_entry(&self, _dir: u64, _name: &[u8]) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn invalidate_node(&self, _node: u64, _offset: u64, _len: u64) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Where a volume is mounted.
pub(super) struct Covered {
    pub(super) dentry: Arc<Dentry>,
    /// Whether the directory was made for the mount, and goes with it.
    pub(super) made: bool,
}

impl Mount {
    /// Number of the mount: the `dev` of its files.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The mount point.
    pub fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// What the user named as source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Name of the file system's driver.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// Whether nothing may be changed.
    pub fn read_only(&self) -> bool {
        self.flags().has(MountFlags::RDONLY)
    }

    /// The options that the host keeps.
    pub fn flags(&self) -> MountFlags {
        MountFlags(self.flags.load(Ordering::SeqCst))
    }

    /// Whether device nodes of the volume can be opened.
    pub fn devices(&self) -> bool {
        !self.flags().has(MountFlags::NODEV)
    }

    /// The file system.
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    /// The device.
    pub fn device(&self) -> Option<&Arc<BlockDevice>> {
        self.device.as_ref()
    }

    /// What was agreed on mapping.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// How many of its names are remembered, those included that are known not to be there.
    pub fn names_remembered(&self) -> usize {
        self.lru.len()
    }

    /// Who uses the volume.
    pub fn holders(&self) -> &Holders {
        &self.holders
    }

    /// Holds the volume. Errors: ENOENT once it is being unmounted; EIO once it was taken away by force.
    pub fn hold(&self, holder: Holder) -> Result<Hold> {
        self.touch();
        let gone = if self.volume.instance().is_revoked() { Errno::EIO } else { Errno::ENOENT };
        self.holders.hold(holder).ok_or_else(|| gone.into())
    }

    /// Says that content may be changed, by a file that is open for writing or a view that may store: as long as that
    /// is so the mount does not become read-only. Errors: EROFS.
    pub fn hold_to_write(&self, holder: Holder) -> Result<Hold> {
        self.writers.hold(holder).ok_or_else(|| self.read_only_error())
    }

    /// Tells `dependent` when the volume is taken away by force. Errors: EIO if it was already.
    pub fn depend(&self, dependent: Weak<dyn Dependent>) -> Result<()> {
        let mut dependents = lock(&self.dependents);
        if self.volume.instance().is_revoked() {
            return Err(Errno::EIO.into());
        }
        dependents.retain(|known| known.strong_count() > 0);
        dependents.push(dependent);
        Ok(())
    }

    /// The root's dentry, for a walk that comes in.
    pub(super) fn used_root(&self) -> Option<Arc<Dentry>> {
        self.touch();
        self.root()
    }

    /// The mount is used: it does not expire yet.
    pub(super) fn touch(&self) {
        // Looked at first, so that walkers do not fight for its cache line.
        if self.expiring.load(Ordering::Relaxed) {
            self.expiring.store(false, Ordering::Relaxed);
        }
    }

    /// The root's dentry, while it is mounted.
    pub fn root(&self) -> Option<Arc<Dentry>> {
        lock(&self.root).clone()
    }

    fn read_only_error(&self) -> crate::base::Error {
        TreeError::ReadOnly { path: self.path.to_string() }.into()
    }

    /// Begins a change of names or attributes, which a remount waits for. Errors: EROFS.
    pub(super) fn change(&self) -> Result<Entered<'_>> {
        let change = self.changes.enter();
        if self.read_only() {
            return Err(self.read_only_error());
        }
        Ok(change)
    }

    /// A name in a directory was changed: with `dirsync` that is on the medium before anybody learns of it.
    pub(super) fn settle(&self, ctx: &Ctx, dir: u64) -> Result<()> {
        if self.flags().has(MountFlags::DIRSYNC | MountFlags::SYNCHRONOUS) {
            return self.volume.fsync(ctx, dir, 0, false);
        }
        Ok(())
    }

    /// Brings the volume to its medium, with what was stored into views of its files. Errors: the file system's, and the
    /// device's.
    pub fn sync(&self, ctx: &Ctx) -> Result<()> {
        if self.read_only() {
            return Ok(());
        }
        self.write_back()?;
        self.volume.sync(ctx)
    }

    /// Brings back what was stored into views, also what could not be before. Errors: the file system's, and then it is
    /// kept.
    pub(super) fn write_back(&self) -> Result<()> {
        let nodes: Vec<_> = lock(&self.nodes).values().filter_map(Weak::upgrade).collect();
        nodes.iter().try_for_each(|node| {
            node.resident().write_back().map_err(|e| {
                e.doing(format_args!("stores into a view of a file on {} are not on it yet", self.path))
            })
        })
    }

    /// Gives up what could not be brought back: the volume is taken away by force.
    pub(super) fn abandon_stores(&self) {
        let nodes: Vec<_> = lock(&self.nodes).values().filter_map(Weak::upgrade).collect();
        nodes.iter().for_each(|node| node.resident().abandon());
    }

    /// Number of invalidations so far.
    pub(super) fn epoch(&self) -> u64 {
        self.invalidations.0.load(Ordering::Acquire)
    }

    /// Whether anything of the volume may ever change.
    pub fn mutable(&self) -> bool {
        self.volume.info().flags & INFO_IMMUTABLE == 0
    }

    /// Whether different spellings may name the same entry.
    pub fn names_folded(&self) -> bool {
        self.volume.info().flags & INFO_NAMES_FOLDED != 0
    }

    /// The one object of a node that the file system answered, whose count went up by one.
    pub(super) fn node(self: &Arc<Self>, found: &FoundNode) -> Arc<VolumeNode> {
        let mut nodes = lock(&self.nodes);
        let known = nodes.get(&found.node).and_then(Weak::upgrade);
        // A number may come back as another kind of file after all its names and counts were gone; the object that
        // still stands for the old one is on its way out.
        let (same, stale) = match known {
            Some(known) if known.known_attr().file_type() == found.attr.file_type() => (Some(known), None),
            other => (None, other),
        };
        let object = same.unwrap_or_else(|| {
            let fresh = VolumeNode::new(self.clone(), found.node, found.attr, found.attr_valid_ns);
            nodes.insert(found.node, Arc::downgrade(&fresh));
            fresh
        });
        drop(nodes);
        // Outside the lock, which the end of an object takes.
        drop(stale);
        object.adopt(found);
        object
    }

    /// A node's object ended.
    pub(super) fn drop_node(&self, node: u64, object: *const VolumeNode) {
        let mut nodes = lock(&self.nodes);
        if nodes.get(&node).is_some_and(|weak| std::ptr::eq(weak.as_ptr(), object)) {
            nodes.remove(&node);
        }
    }

    /// A name in a directory of this volume, if it is known to be there.
    pub(super) fn known(&self, dir: &Dentry, name: &[u8]) -> Option<Arc<Dentry>> {
        match dir.cached(name, self.names_folded(), self.epoch()) {
            Cached::Hit(dentry) => Some(dentry),
            Cached::Absent | Cached::Unknown => None,
        }
    }

    /// Finds a name in a directory of this volume; `None` if it is not there.
    pub(super) fn lookup(
        self: &Arc<Self>,
        ctx: &Ctx,
        dir: &Arc<Dentry>,
        name: &[u8],
    ) -> Result<Option<Arc<Dentry>>> {
        // Read before the file system is asked, so that what changes meanwhile makes the answer stale at once.
        let asked = dir.ask(self.epoch());
        match dir.cached(name, self.names_folded(), asked.epoch) {
            Cached::Hit(dentry) => return Ok(Some(dentry)),
            Cached::Absent => return Ok(None),
            Cached::Unknown => {}
        }
        let Inode::Volume(node) = dir.inode() else { return Ok(None) };
        match self.volume.lookup(ctx, node.node(), name)? {
            Lookup::Found(found) => Ok(Some(self.remember(dir, name, &found, asked))),
            Lookup::Missing { valid_ns } => {
                if valid_ns > 0 {
                    self.lru.insert_missing(dir, name, until(valid_ns), asked);
                } else {
                    drop(dir.forget_child(name));
                }
                Ok(None)
            }
        }
    }

    /// Makes the dentry of a node that was found or made.
    pub(super) fn remember(
        self: &Arc<Self>,
        dir: &Arc<Dentry>,
        name: &[u8],
        found: &FoundNode,
        asked: Asked,
    ) -> Arc<Dentry> {
        let dentry = Dentry::child(dir, name, Inode::Volume(self.node(found)));
        let dentry = self.lru.insert(dir, name, dentry, until(found.valid_ns), asked);
        self.forget_if_over(dir, name);
        dentry
    }

    /// What was remembered after the volume was pruned would hold itself for ever: either the one who ends the volume
    /// sees it, or who remembers it sees the end.
    fn forget_if_over(&self, dir: &Dentry, name: &[u8]) {
        if self.volume.instance().is_over() {
            drop(dir.forget_child(name));
        }
    }

    /// Gives a dentry a new place after a rename. Whether the name holds is asked again at its next use; that it is
    /// the same node keeps the dentry.
    pub(super) fn keep(&self, spot: &Walked, dentry: &Arc<Dentry>) {
        dentry.move_to(&spot.parent, &spot.name);
        let asked = spot.parent.ask(self.epoch());
        self.lru.insert(&spot.parent, &spot.name, dentry.clone(), 0, asked);
        self.forget_if_over(&spot.parent, &spot.name);
    }

    /// Sizes of the volume.
    pub fn statfs(&self, ctx: &Ctx) -> Result<StatFs> {
        if let Some(told) = self.volume.statfs(ctx)? {
            return Ok(told);
        }
        let device = self.device.as_ref();
        let (size, count) =
            device.map_or((512, 0), |d| (d.geometry().sector_size_bytes, d.geometry().sector_count));
        let info = self.volume.info();
        Ok(StatFs {
            magic: info.magic,
            block_size_bytes: size,
            name_max_bytes: info.name_max_bytes,
            blocks: count,
            ..Grow::empty()
        })
    }
}

impl Mount {
    pub(super) fn set_root(self: &Arc<Self>, covered: &Arc<Dentry>, attr: Attr) {
        let node = VolumeNode::new(self.clone(), self.volume.info().root, attr, u64::MAX);
        lock(&self.nodes).insert(node.node(), Arc::downgrade(&node));
        *lock(&self.root) = Some(Dentry::over(covered, Inode::Volume(node)));
    }

    /// Ends the volume: no path leads to it, and nobody holds it unless it was revoked. What it used is given back
    /// whatever happens, except what a call that does not return may still use.
    pub(super) fn end(&self) -> Result<()> {
        // First, so that nothing is remembered after it was pruned; counts are still given back.
        self.volume.instance().close();
        let root = lock(&self.root).take();
        if let Some(root) = root {
            root.prune();
        }
        let result = self.volume.unmount(&host_ctx());
        // Only now: the file system may have used the device until here.
        lock(&self.tokens).clear();
        let (claim, module) = (lock(&self.claim).take(), lock(&self.module).take());
        let outer = lock(&self.outer).take();
        let mut given_back = Ok(());
        if self.volume.instance().is_stuck() {
            let stuck = || Holder::Stuck(self.path.clone());
            // Held for ever: the medium and the code may be in use at this moment.
            if let Some(claim) = claim {
                claim.rename(stuck());
                std::mem::forget(claim);
            }
            if let Some(module) = module {
                module.rename(stuck());
                std::mem::forget(module);
            }
        } else {
            given_back = claim.map_or(Ok(()), Claim::end);
            drop(module);
        }
        drop(outer);
        result.and(given_back)
    }

    /// Names the mount to those whom it holds, once no path leads to it any more.
    pub(super) fn name_detached(&self) {
        let holder = || Holder::Mount(format!("{} (detached)", self.path).into());
        if let Some(claim) = &*lock(&self.claim) {
            claim.rename(holder());
        }
        if let Some(module) = &*lock(&self.module) {
            module.rename(holder());
        }
    }
}
