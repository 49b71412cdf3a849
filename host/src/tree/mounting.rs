//! Mounting and unmounting: everything is taken in order, and given back whatever happens.

use nxvfs_abi::filesystem::{INFO_RDONLY, MOUNT_RDONLY};

use super::cache::Lru;
use super::dentry::Dentry;
use super::gate::Gate;
use super::mount::{Covered, Invalidations, Mount};
use super::negotiate::{MmapMode, Tier, negotiate};
use super::{Caller, Tree, TreeError, show};
use crate::base::sync::{Arc, Mutex, OnceLock, write};
use crate::base::{Errno, Holder, Holders, Result};
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
    /// Whether nothing may be changed.
    pub read_only: bool,
    /// Whether device nodes of the volume can be opened.
    pub devices: bool,
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
        let device_token = claim.as_ref().map(|claim| Token::new(Target::Device(Arc::new(claim.view(xip)))));
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
        let mount = Arc::new(Mount {
            id: self.next_id(),
            path,
            source: spec.source.to_owned(),
            driver: spec.driver.to_owned(),
            read_only,
            devices: spec.devices,
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
            holds: Mutex::new(outer.into_iter().chain([module_hold]).collect()),
        });
        let _ = mount.covered.set(Covered { dentry: dentry.clone(), made });
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
        if mount.holders.list().is_empty() {
            mount.write_back()?;
        }
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
