//! Unmounting: when nobody uses the volume, by force, as soon as nobody does, or after it was not used for a while.

use std::sync::mpsc;
use std::thread;

use super::dependent::Dependent;
use super::mount::Mount;
use super::walk::Follow;
use super::{Caller, Tree, TreeError, show};
use crate::base::sync::{Arc, Ordering, Weak, lock, write};
use crate::base::{Holder, Holders, Result};
use crate::bridge::host_ctx;

/// How to unmount, with the numbers of Linux's and NuttX's `MNT_*` and `UMOUNT_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnmountFlags(pub u32);

impl UnmountFlags {
    /// Also if it is in use: its users get EIO.
    pub const FORCE: u32 = 1;
    /// It vanishes from the tree at once, and ends when its last user goes.
    pub const DETACH: u32 = 2;
    /// Marks it; ends it if it was marked and not used since.
    pub const EXPIRE: u32 = 4;
    /// A link in the last place is not followed.
    pub const NOFOLLOW: u32 = 8;

    fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    fn check(self) -> Result<()> {
        let unknown = self.0 & !(Self::FORCE | Self::DETACH | Self::EXPIRE | Self::NOFOLLOW) != 0;
        if unknown || self.has(Self::EXPIRE) && self.has(Self::FORCE | Self::DETACH) {
            return Err(TreeError::UnmountFlags { flags: self.0 }.into());
        }
        Ok(())
    }
}

impl Tree {
    /// Unmounts the volume whose mount point is `target`. Linux `umount2`.
    ///
    /// Errors: EINVAL nothing is mounted there, or flags that do not go together; EBUSY with the holders' names (with
    /// `FORCE` only volumes that are mounted inside and addresses in place that were lent; never with `DETACH`); EAGAIN
    /// `EXPIRE` marked it; ETIMEDOUT `FORCE`, and a call does not return; the file system's own errors. After the
    /// last two it is unmounted nevertheless.
    pub fn unmount(&self, target: &[u8], flags: UnmountFlags) -> Result<()> {
        flags.check()?;
        // Looked at first: the walk itself is a use.
        let marked: Vec<_> =
            self.mounts().into_iter().filter(|m| m.expiring.load(Ordering::Relaxed)).collect();
        let follow = if flags.has(UnmountFlags::NOFOLLOW) { Follow::No } else { Follow::Yes };
        let dentry = self.find(&Caller::host(), &self.root(), target, follow)?;
        let mount = dentry.inode().mount().filter(|m| m.root().is_some_and(|r| Arc::ptr_eq(&r, &dentry)));
        let Some(mount) = mount.cloned() else {
            return Err(TreeError::NotMountPoint { path: show(target) }.into());
        };
        drop(dentry);
        if flags.has(UnmountFlags::EXPIRE) {
            return self.expire(&mount, marked.iter().any(|m| Arc::ptr_eq(m, &mount)));
        }
        if flags.has(UnmountFlags::FORCE) {
            return match self.end_by_force(&mount) {
                Err(_) if flags.has(UnmountFlags::DETACH) && !mount.volume.instance().is_over() => {
                    self.detach_mount(&mount)
                }
                ended => ended,
            };
        }
        if flags.has(UnmountFlags::DETACH) { self.detach_mount(&mount) } else { self.end_mount(&mount) }
    }

    /// Takes a mount out of the tree; no path leads to it afterwards. Errors: EINVAL another has done so.
    fn take_out(&self, mount: &Arc<Mount>) -> Result<()> {
        let mut mounts = write(&self.mounts);
        let before = mounts.len();
        mounts.retain(|m| !Arc::ptr_eq(m, mount));
        if mounts.len() == before {
            return Err(TreeError::NotMountPoint { path: mount.path.to_string() }.into());
        }
        if let Some(covered) = mount.covered.get() {
            covered.dentry.set_mounted(None);
        }
        Ok(())
    }

    fn uncover(&self, mount: &Mount) {
        if let Some(covered) = mount.covered.get()
            && covered.made
        {
            self.remove_made(&covered.dentry);
        }
    }

    pub(super) fn end_mount(&self, mount: &Arc<Mount>) -> Result<()> {
        if mount.holders.list().is_empty() {
            mount.write_back()?;
        }
        if !mount.holders.close() {
            return Err(busy(mount, &mount.holders.list()));
        }
        self.take_out(mount)?;
        let result = mount.end();
        self.uncover(mount);
        result
    }

    fn expire(&self, mount: &Arc<Mount>, marked: bool) -> Result<()> {
        let holders = mount.holders.list();
        if !holders.is_empty() {
            return Err(busy(mount, &holders));
        }
        if !marked {
            mount.expiring.store(true, Ordering::Relaxed);
            return Err(TreeError::Expiring { path: mount.path.to_string() }.into());
        }
        self.end_mount(mount)
    }

    fn end_by_force(&self, mount: &Arc<Mount>) -> Result<()> {
        // Closed first, so that nothing is mounted or lent after it was looked for.
        mount.holders.close_by_force();
        let firm = |holder: &Holder| matches!(holder, Holder::Mount(_) | Holder::Borrow { .. });
        let firm: Vec<Holder> = mount.holders.list().into_iter().filter(firm).collect();
        if !firm.is_empty() {
            mount.holders.reopen();
            return Err(busy(mount, &firm));
        }
        self.take_out(mount)?;
        mount.sync_in_time(self.patience);
        mount.revoke_dependents();
        mount.volume.instance().revoke(self.patience);
        // Whoever was told of the end too early to know of it is told now.
        mount.revoke_dependents();
        mount.abandon_stores();
        let result = mount.end();
        self.uncover(mount);
        log::info!("{} was unmounted by force", mount.path);
        result
    }

    /// Takes a mount and all that are mounted in it out of the tree; each ends when nobody holds it.
    fn detach_mount(&self, mount: &Arc<Mount>) -> Result<()> {
        let mut detached = vec![mount.clone()];
        // Oldest first: what is mounted in a volume is younger than it.
        for other in self.mounts() {
            let outer = other.covered.get().and_then(|c| c.dentry.inode().mount().cloned());
            if outer.is_some_and(|outer| detached.iter().any(|d| Arc::ptr_eq(d, &outer))) {
                detached.push(other);
            }
        }
        let mut result = Ok(());
        for (index, mount) in detached.iter().enumerate().rev() {
            let taken = self.take_out(mount);
            if taken.is_err() {
                // One inside it that another took out meanwhile is no failure of this.
                result = if index == 0 { taken } else { Ok(()) };
                continue;
            }
            self.uncover(mount);
            mount.name_detached();
            let ending = mount.clone();
            mount.holders.when_idle(move || match ending.end() {
                Ok(()) => log::info!("{}, which was detached, has ended", ending.path),
                Err(e) => log::warn!("the end of {}, which was detached: {e}", ending.path),
            });
        }
        result
    }
}

fn busy(mount: &Mount, holders: &[Holder]) -> crate::base::Error {
    let (path, holders) = (mount.path.to_string(), Holders::in_words(holders));
    TreeError::MountBusy { path, holders }.into()
}

impl Mount {
    /// Brings to the medium what can be brought there in time. On a thread of its own: the volume may be taken away
    /// just because its calls do not return.
    fn sync_in_time(self: &Arc<Self>, patience: std::time::Duration) {
        let (tell, told) = mpsc::channel();
        let mount = self.clone();
        let sync = move || {
            let synced = mount.sync(&host_ctx());
            // Let go first: who is told may count on nobody having the volume.
            drop(mount);
            // Nobody listens any more if it took too long.
            let _ = tell.send(synced);
        };
        let answer = match thread::Builder::new().name("nxvfs-sync".to_owned()).spawn(sync) {
            Ok(_) => told.recv_timeout(patience).ok(),
            Err(_) => None,
        };
        match answer {
            Some(Ok(())) => {}
            Some(Err(e)) => log::warn!("sync {} before it is taken away: {e}", self.path),
            None => log::warn!("sync {} before it is taken away: no answer in time", self.path),
        }
    }

    fn revoke_dependents(&self) {
        let dependents = std::mem::take(&mut *lock(&self.dependents));
        // Outside the lock: a dependent may end meanwhile, or begin.
        for dependent in dependents.iter().filter_map(Weak::upgrade) {
            Dependent::revoke(&*dependent);
        }
    }
}
