//! Changes of the options of a mounted volume.

use nxvfs_abi::filesystem::{INFO_RDONLY, MOUNT_RDONLY};

use super::flags::{FlagChange, MountFlags};
use super::mount::Mount;
use super::{Caller, Tree, TreeError, show};
use crate::base::sync::{Arc, Ordering, lock};
use crate::base::{Errno, Result};
use crate::bridge::{MountRequest, WireParam, host_ctx};

impl Tree {
    /// The volume whose mount point is `target`. Errors: EINVAL nothing is mounted there, and those of the walk.
    pub fn mount_at(&self, target: &[u8]) -> Result<Arc<Mount>> {
        let dentry = self.resolve(&Caller::host(), &self.root(), target)?;
        let mount = dentry.inode().mount().filter(|m| m.root().is_some_and(|r| Arc::ptr_eq(&r, &dentry)));
        mount.cloned().ok_or_else(|| TreeError::NotMountPoint { path: show(target) }.into())
    }
}

impl Mount {
    /// Changes options: those of the host that `change` names, and the file system's. Linux `MS_REMOUNT`. A volume
    /// becomes read-only only when nobody may write to it; then it is on its medium.
    ///
    /// Errors, and then nothing has changed: EBUSY with the writers' names; EBUSY another mount uses the device;
    /// EROFS the volume or the device cannot be written; EINVAL options of the file system where it does not change
    /// any; and its own.
    pub fn remount(&self, change: FlagChange, params: &[WireParam]) -> Result<()> {
        if self.remounting.swap(true, Ordering::Acquire) {
            return Err(Errno::EBUSY.into());
        }
        let result = self.change_options(change, params);
        self.remounting.store(false, Ordering::Release);
        result
    }

    fn change_options(&self, change: FlagChange, params: &[WireParam]) -> Result<()> {
        let (old, new) = (self.flags(), change.apply(self.flags()));
        let (was, becomes) = (old.has(MountFlags::RDONLY), new.has(MountFlags::RDONLY));
        match (was, becomes) {
            (false, true) => self.stop_writers()?,
            (true, false) => self.claim_to_write()?,
            _ => {}
        }
        let told = self.tell_options(becomes, params);
        // After a success what is read-only now stays so; after a failure all is as it was.
        let read_only = if told.is_ok() { becomes } else { was };
        self.claim_writable(!read_only);
        let kept = if told.is_ok() { new } else { old };
        self.flags.store(kept.0, Ordering::SeqCst);
        if !read_only {
            self.writers.reopen();
        }
        told
    }

    /// Errors: EBUSY with the writers' names, and what syncing answers.
    fn stop_writers(&self) -> Result<()> {
        if !self.writers.close() {
            let (path, writers) = (self.path.to_string(), self.writers.describe());
            return Err(TreeError::Writers { path, writers }.into());
        }
        let before = self.flags.fetch_or(MountFlags::RDONLY, Ordering::SeqCst);
        self.changes.wait(None);
        let synced = self.volume.sync(&host_ctx());
        if synced.is_err() {
            self.flags.store(before, Ordering::SeqCst);
            self.writers.reopen();
        }
        synced
    }

    /// Errors: EROFS, EBUSY.
    fn claim_to_write(&self) -> Result<()> {
        if self.volume.info().flags & INFO_RDONLY != 0 {
            let (path, fs) = (self.path.to_string(), self.driver.clone());
            return Err(TreeError::NeverWritable { path, fs }.into());
        }
        if let Some(claim) = &mut *lock(&self.claim) {
            claim.set_writable(true)?;
        }
        if let Some(view) = &self.view {
            view.set_writable(true);
        }
        Ok(())
    }

    fn claim_writable(&self, writable: bool) {
        if let Some(view) = &self.view {
            view.set_writable(writable);
        }
        if let Some(claim) = &mut *lock(&self.claim) {
            // To give up the right, or to keep what was taken above, cannot fail.
            let _ = claim.set_writable(writable);
        }
    }

    /// Tells the file system. One that changes no options is told nothing: the host alone keeps them.
    fn tell_options(&self, read_only: bool, params: &[WireParam]) -> Result<()> {
        let (device, mount) = {
            let tokens = lock(&self.tokens);
            let number = |index: usize| tokens.get(index).map_or(0, |token| token.number());
            if self.view.is_some() { (number(0), number(1)) } else { (0, number(0)) }
        };
        let request = MountRequest {
            driver: &self.driver,
            label: &self.path,
            source: &self.source,
            device,
            mount,
            flags: if read_only { MOUNT_RDONLY } else { 0 },
            params,
            medium_len_bytes: self.device.as_ref().map_or(0, |d| d.len_bytes()),
        };
        match self.volume.remount(&request, &host_ctx()) {
            Err(e) if e.errno() == Errno::ENOTSUP => match params.iter().find(|p| p.given) {
                Some(given) => {
                    let (option, fs) = (given.name.clone(), self.driver.clone());
                    Err(TreeError::FixedOption { option, fs }.into())
                }
                None => Ok(()),
            },
            told => told,
        }
    }
}
