//! A mounted volume: from mount to unmount.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;

use nxvfs_abi::filesystem::{Attr, INFO_NAMES_FOLDED, INFO_RDONLY, MOUNT_RDONLY, StatFs};
use nxvfs_abi::{Ctx, Grow};

use super::cache::Lru;
use super::dentry::{Cached, Dentry, Stamp};
use super::gate::{Entered, Gate};
use super::inode::{Inode, VolumeNode, until};
use super::negotiate::{Agreement, MmapMode, Tier, negotiate};
use super::{Caller, Tree, TreeError, show};
use crate::base::sync::{Arc, AtomicU64, Mutex, OnceLock, Ordering, Weak, lock, write};
use crate::base::{Errno, Hold, Holder, Holders, Result};
use crate::bridge::{
    self, FoundNode, Lookup, Module, MountRequest, MountService, Target, Token, Volume, WireParam, host_ctx,
};
use crate::device::{BlockDevice, Claim, MountView};

/// What shall be mounted.
pub struct MountSpec<'a> {
    /// What the user named as source.
    pub source: &'a str,
    /// The device; `None` for a file system without one.
    pub device: Option<Arc<BlockDevice>>,
    /// The plugin.
    pub module: &'a Arc<Module>,
    /// The plugin's driver.
    pub driver: &'a str,
    /// The driver's options.
    pub params: &'a [WireParam],
    /// Whether nothing may be changed.
    pub read_only: bool,
    /// How files shall be mapped.
    pub mmap: MmapMode,
}

/// A mounted volume.
pub struct Mount {
    id: u64,
    path: Arc<str>,
    source: String,
    driver: String,
    read_only: bool,
    volume: Volume,
    agreement: Agreement,
    /// The device with the mount's right to it, until the mount ends.
    claim: Mutex<Option<Claim>>,
    device: Option<Arc<BlockDevice>>,
    holders: Holders,
    gate: Gate,
    nodes: Mutex<HashMap<u64, Weak<VolumeNode>, foldhash::fast::RandomState>>,
    pub(super) lru: Lru,
    root: Mutex<Option<Arc<Dentry>>>,
    covered: OnceLock<Covered>,
    /// What the plugin names device and mount by.
    tokens: Mutex<Vec<Token>>,
    invalidations: Arc<Invalidations>,
    module_hold: Mutex<Option<Hold>>,
}

/// Changes beneath the host, as the file system reports them. Any report makes the host ask anew for all names and
/// attributes of the mount: coarse, but only a mark, which is all that may happen under a plugin's call.
#[derive(Default)]
struct Invalidations(AtomicU64);

impl MountService for Invalidations {
    fn invalidate_entry(&self, _dir: u64, _name: &[u8]) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn invalidate_node(&self, _node: u64, _offset: u64, _len: u64) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Where a volume is mounted.
struct Covered {
    dentry: Arc<Dentry>,
    /// Whether the directory was made for the mount, and goes with it.
    made: bool,
    /// Keeps the volume that the mount point is in.
    _outer: Option<Hold>,
}

/// What a successful mount tells.
pub struct Mounted {
    /// The mount.
    pub mount: Arc<Mount>,
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
        self.read_only
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

    /// Who uses the volume.
    pub fn holders(&self) -> &Holders {
        &self.holders
    }

    /// Holds the volume. Errors: ENOENT once it is being unmounted.
    pub fn hold(&self, holder: Holder) -> Result<Hold> {
        self.holders.hold(holder).ok_or_else(|| Errno::ENOENT.into())
    }

    /// The root's dentry, while it is mounted.
    pub fn root(&self) -> Option<Arc<Dentry>> {
        lock(&self.root).clone()
    }

    /// Keeps the volume alive during a call that holds nothing else. Errors: ESTALE once it has ended.
    pub(super) fn enter(&self) -> Result<Entered<'_>> {
        self.gate.enter().ok_or_else(|| Errno::ESTALE.into())
    }

    /// Refuses a change of a volume that is read-only.
    pub(super) fn need_writable(&self) -> Result<()> {
        if self.read_only {
            return Err(TreeError::ReadOnly { path: self.path.to_string() }.into());
        }
        Ok(())
    }

    /// Number of invalidations so far.
    pub(super) fn epoch(&self) -> u64 {
        self.invalidations.0.load(Ordering::Acquire)
    }

    fn stamp(&self, valid_ns: u64, change: u64, epoch: u64) -> Stamp {
        Stamp { valid_until: until(valid_ns), change, epoch }
    }

    pub(super) fn names_folded(&self) -> bool {
        self.volume.info().flags & INFO_NAMES_FOLDED != 0
    }

    /// The one object of a node that the file system answered, whose count went up by one.
    pub(super) fn node(self: &Arc<Self>, found: &FoundNode) -> Arc<VolumeNode> {
        let mut nodes = lock(&self.nodes);
        let known = match nodes.entry(found.node) {
            MapEntry::Occupied(mut slot) => match slot.get().upgrade() {
                // A number may come back as another file after all its names and counts were gone; the object that
                // still stands for the old one is on its way out.
                Some(known) if known.known_attr().file_type() == found.attr.file_type() => known,
                _ => {
                    let fresh = VolumeNode::new(self.clone(), found.node, found.attr, found.attr_valid_ns);
                    slot.insert(Arc::downgrade(&fresh));
                    fresh
                }
            },
            MapEntry::Vacant(slot) => {
                let fresh = VolumeNode::new(self.clone(), found.node, found.attr, found.attr_valid_ns);
                slot.insert(Arc::downgrade(&fresh));
                fresh
            }
        };
        drop(nodes);
        known.adopt(found);
        known
    }

    /// A node's object ended.
    pub(super) fn drop_node(&self, node: u64, object: *const VolumeNode) {
        let mut nodes = lock(&self.nodes);
        if nodes.get(&node).is_some_and(|weak| std::ptr::eq(weak.as_ptr(), object)) {
            nodes.remove(&node);
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
        let (epoch, change) = (self.epoch(), dir.change_number());
        match dir.cached(name, self.names_folded(), epoch) {
            Cached::Hit(dentry) => return Ok(Some(dentry)),
            Cached::Absent => return Ok(None),
            Cached::Unknown => {}
        }
        let Inode::Volume(node) = dir.inode() else { return Ok(None) };
        let _alive = self.enter()?;
        match self.volume.lookup(ctx, node.node(), name)? {
            Lookup::Found(found) => Ok(Some(self.remember(dir, name, &found, change, epoch))),
            Lookup::Missing { valid_ns } => {
                if valid_ns > 0 {
                    self.lru.insert_missing(dir, name, self.stamp(valid_ns, change, epoch));
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
        change: u64,
        epoch: u64,
    ) -> Arc<Dentry> {
        let dentry = Dentry::child(dir, name, Inode::Volume(self.node(found)));
        self.lru.insert(dir, name, dentry, self.stamp(found.valid_ns, change, epoch))
    }

    /// Sizes of the volume.
    pub fn statfs(&self, ctx: &Ctx) -> Result<StatFs> {
        let _alive = self.enter()?;
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

impl Tree {
    /// Mounts a volume on `target`, an absolute path. In the host's own tree a directory that is missing is made,
    /// with its parents, and goes at unmount. After a failure everything is as it was.
    ///
    /// Errors: ENOTDIR, EBUSY (something is mounted there; the device is taken), ENXIO (`mmap=xip` cannot be), and
    /// the file system's.
    pub fn mount(&self, target: &[u8], spec: &MountSpec<'_>) -> Result<Mounted> {
        let (dentry, made) = self.mount_point(target)?;
        let result = self.mount_on(&dentry, made, spec);
        if result.is_err() && made {
            self.remove_made(&dentry);
        }
        result
    }

    fn mount_on(&self, dentry: &Arc<Dentry>, made: bool, spec: &MountSpec<'_>) -> Result<Mounted> {
        let path: Arc<str> = show(&dentry.path()).into();
        if let Some(there) = dentry.mounted() {
            return Err(TreeError::Covered { path: path.to_string(), fs: there.driver.clone() }.into());
        }
        let outer = match dentry.inode().mount() {
            Some(outer) => Some(outer.hold(Holder::Mount(path.clone()))?),
            None => None,
        };
        let module_hold = spec.module.holders().hold(Holder::Mount(path.clone())).ok_or(Errno::ENODEV)?;
        let writable = !spec.read_only && spec.device.as_ref().is_none_or(|d| d.writable());
        let claim = match &spec.device {
            Some(device) => Some(device.claim(path.clone(), writable)?),
            None => None,
        };
        let xip = matches!(spec.mmap, MmapMode::Auto | MmapMode::Xip);
        let invalidations = Arc::new(Invalidations::default());
        let mount_token = Token::new(Target::Mount(invalidations.clone()));
        let device_token = spec.device.as_ref().map(|device| {
            Token::new(Target::Device(Arc::new(MountView { device: device.clone(), writable, xip })))
        });
        let request = MountRequest {
            driver: spec.driver,
            label: &path,
            source: spec.source,
            device: device_token.as_ref().map_or(0, Token::number),
            mount: mount_token.number(),
            flags: if writable { 0 } else { MOUNT_RDONLY },
            params: spec.params,
            medium_len_bytes: spec.device.as_ref().map_or(0, |d| d.len_bytes()),
        };
        let (volume, root_attr) = bridge::mount(spec.module, &request, &host_ctx())?;
        let agreement = negotiate(&volume, spec.device.as_deref(), spec.mmap);
        if spec.mmap == MmapMode::Xip && agreement.tier != Tier::Xip {
            let _ = volume.unmount(&host_ctx());
            return Err(TreeError::NoXip { reason: agreement.reason }.into());
        }
        let read_only = !writable || volume.info().flags & INFO_RDONLY != 0;
        let mount = Arc::new(Mount {
            id: self.next_id(),
            path,
            source: spec.source.to_owned(),
            driver: spec.driver.to_owned(),
            read_only,
            volume,
            agreement,
            claim: Mutex::new(claim),
            device: spec.device.clone(),
            holders: Holders::default(),
            gate: Gate::default(),
            nodes: Mutex::default(),
            lru: Lru::default(),
            root: Mutex::new(None),
            covered: OnceLock::new(),
            tokens: Mutex::new(device_token.into_iter().chain([mount_token]).collect()),
            invalidations,
            module_hold: Mutex::new(Some(module_hold)),
        });
        let _ = mount.covered.set(Covered { dentry: dentry.clone(), made, _outer: outer });
        mount.set_root(dentry, root_attr);
        let mut mounts = write(&self.mounts);
        // Looked at again under the lock: another thread may have been faster.
        if let Some(there) = dentry.mounted() {
            drop(mounts);
            let _ = mount.end();
            return Err(TreeError::Covered { path: mount.path.to_string(), fs: there.driver.clone() }.into());
        }
        mounts.push(mount.clone());
        dentry.set_mounted(Some(mount.clone()));
        drop(mounts);
        log::info!(
            "{} mounted on {} as {}: {}",
            mount.source,
            mount.path,
            mount.driver,
            mount.agreement.reason
        );
        Ok(Mounted { mount })
    }

    /// The directory to mount on, and whether it was made for that.
    fn mount_point(&self, target: &[u8]) -> Result<(Arc<Dentry>, bool)> {
        let caller = Caller::host();
        match self.resolve(&caller, &self.root(), target) {
            Ok(dentry) => {
                super::need_directory(dentry.inode())?;
                // The root of a volume that is mounted there already stands for its mount point.
                let covered =
                    dentry.inode().mount().filter(|m| m.root().is_some_and(|r| Arc::ptr_eq(&r, &dentry)));
                if let Some(there) = covered {
                    let (path, fs) = (there.path.to_string(), there.driver.clone());
                    return Err(TreeError::Covered { path, fs }.into());
                }
                Ok((dentry, false))
            }
            Err(e) if e.errno() == Errno::ENOENT => {
                self.make_directories(&caller, target).map(|d| (d, true)).map_err(|other| {
                    // Inside a volume nothing is made: what is missing there is missing.
                    if other.errno() == Errno::EPERM { e } else { other }
                })
            }
            Err(e) => Err(e),
        }
    }

    /// Unmounts the volume whose mount point is `target`. Errors: EINVAL nothing is mounted there, EBUSY with the
    /// holders' names; the file system's own errors, and then it is unmounted nevertheless.
    pub fn unmount(&self, target: &[u8]) -> Result<()> {
        let dentry = self.resolve(&Caller::host(), &self.root(), target)?;
        let mount = dentry.inode().mount().filter(|m| m.root().is_some_and(|r| Arc::ptr_eq(&r, &dentry)));
        let Some(mount) = mount.cloned() else {
            return Err(TreeError::NotMountPoint { path: show(target) }.into());
        };
        drop(dentry);
        self.end_mount(&mount)
    }

    pub(super) fn end_mount(&self, mount: &Arc<Mount>) -> Result<()> {
        if !mount.holders.close() {
            let (path, holders) = (mount.path.to_string(), mount.holders.describe());
            return Err(TreeError::MountBusy { path, holders }.into());
        }
        {
            let mut mounts = write(&self.mounts);
            if let Some(covered) = mount.covered.get() {
                covered.dentry.set_mounted(None);
            }
            mounts.retain(|m| !Arc::ptr_eq(m, mount));
        }
        let result = mount.end();
        if let Some(covered) = mount.covered.get()
            && covered.made
        {
            self.remove_made(&covered.dentry);
        }
        result
    }
}

impl Mount {
    fn set_root(self: &Arc<Self>, covered: &Arc<Dentry>, attr: Attr) {
        let node = VolumeNode::new(self.clone(), self.volume.info().root, attr, u64::MAX);
        lock(&self.nodes).insert(node.node(), Arc::downgrade(&node));
        *lock(&self.root) = Some(Dentry::over(covered, Inode::Volume(node)));
    }

    /// Ends the volume: nobody holds it and no path leads to it. What it used is given back whatever happens.
    fn end(&self) -> Result<()> {
        self.gate.close();
        let root = lock(&self.root).take();
        if let Some(root) = root {
            root.prune();
        }
        let result = self.volume.unmount(&host_ctx());
        // Only now: the file system may have used the device until here.
        lock(&self.tokens).clear();
        drop(lock(&self.claim).take());
        drop(lock(&self.module_hold).take());
        result
    }
}
