//! Mounting: everything is taken in order, and given back whatever happens.

use nxvfs_abi::filesystem::{INFO_RDONLY, MOUNT_RDONLY};

use super::cache::Lru;
use super::dentry::Dentry;
use super::flags::MountFlags;
use super::mount::{Covered, Invalidations, Mount};
use super::negotiate::{MmapMode, Tier, negotiate};
use super::{Caller, Tree, TreeError, show};
use crate::base::sync::{Arc, AtomicBool, AtomicU32, Mutex, OnceLock, lock, write};
use crate::base::{Errno, Holder, Holders, InFlight, Result};
use crate::bridge::{self, Module, MountRequest, Target, Token, WireParam, host_ctx};
use crate::device::BlockDevice;

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
    /// The options that the host keeps.
    pub flags: MountFlags,
    /// How files shall be mapped.
    pub mmap: MmapMode,
    /// Whether there is a mapper for copies in memory, loaded if it must be. Errors: ENODEV.
    pub mapper: &'a dyn Fn() -> Result<()>,
}

/// What a successful mount tells.
pub struct Mounted {
    /// The mount.
    pub mount: Arc<Mount>,
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
        self.can_be_covered(dentry)?;
        let outer = match dentry.inode().mount() {
            Some(outer) => Some(outer.hold(Holder::Mount(path.clone()))?),
            None => None,
        };
        let module_hold = spec.module.holders().hold(Holder::Mount(path.clone())).ok_or(Errno::ENODEV)?;
        let writable =
            !spec.flags.has(MountFlags::RDONLY) && spec.device.as_ref().is_none_or(|d| d.writable());
        let claim = match &spec.device {
            Some(device) => Some(device.claim(path.clone(), writable)?),
            None => None,
        };
        let xip = matches!(spec.mmap, MmapMode::Auto | MmapMode::Xip);
        let invalidations = Arc::new(Invalidations::default());
        let mount_token = Token::new(Target::Mount(invalidations.clone()));
        let view = claim.as_ref().map(|claim| Arc::new(claim.view(xip)));
        let device_token = view.clone().map(|view| Token::new(Target::Device(view)));
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
        let agreement = negotiate(&volume, spec.device.as_deref(), spec.mmap, spec.mapper);
        if spec.mmap == MmapMode::Xip && agreement.tier != Tier::Xip {
            let _ = volume.unmount(&host_ctx());
            return Err(TreeError::NoXip { reason: agreement.reason }.into());
        }
        let read_only = !writable || volume.info().flags & INFO_RDONLY != 0;
        let flags = spec.flags.0 | if read_only { MountFlags::RDONLY } else { 0 };
        let writers = Holders::default();
        if read_only {
            writers.close_by_force();
        }
        let mount = Arc::new(Mount {
            id: self.next_id(),
            path,
            source: spec.source.to_owned(),
            driver: spec.driver.to_owned(),
            flags: AtomicU32::new(flags),
            volume,
            agreement,
            claim: Mutex::new(claim),
            device: spec.device.clone(),
            view,
            holders: Holders::default(),
            writers,
            changes: InFlight::default(),
            remounting: AtomicBool::new(false),
            dependents: Mutex::default(),
            expiring: AtomicBool::new(false),
            nodes: Mutex::default(),
            lru: Lru::default(),
            root: Mutex::new(None),
            covered: OnceLock::new(),
            tokens: Mutex::new(device_token.into_iter().chain([mount_token]).collect()),
            invalidations,
            outer: Mutex::new(outer),
            module: Mutex::new(Some(module_hold)),
        });
        let _ = mount.covered.set(Covered { dentry: dentry.clone(), made });
        mount.set_root(dentry, root_attr);
        let shape = lock(&self.shape);
        let mut mounts = write(&self.mounts);
        // Looked at again under the locks: another thread may have been faster.
        if let Err(e) = self.can_be_covered(dentry) {
            drop((mounts, shape));
            let _ = mount.end();
            return Err(e);
        }
        if let Some(there) = dentry.mounted() {
            drop((mounts, shape));
            let _ = mount.end();
            return Err(TreeError::Covered { path: mount.path.to_string(), fs: there.driver.clone() }.into());
        }
        mounts.push(mount.clone());
        dentry.set_mounted(Some(mount.clone()));
        drop((mounts, shape));
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
        if target.is_empty() {
            return Err(Errno::ENOENT.into());
        }
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
}
