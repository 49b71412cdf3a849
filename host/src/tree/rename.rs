//! Renaming: inside a volume, where the file system does it.

use nxvfs_abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};

use super::Tree;
use super::access::Caller;
use super::dentry::Dentry;
use super::inode::Inode;
use crate::base::sync::Arc;
use crate::base::{Errno, Result};

impl Tree {
    /// Renames. Errors: EXDEV, EINVAL (into its own subtree; flags that are not known, or both), EISDIR, ENOTDIR, ENOTEMPTY, EEXIST, EROFS, EBUSY,
    /// EPERM where the host alone makes names.
    pub fn rename(
        &self,
        caller: &Caller,
        base: &Arc<Dentry>,
        old: &[u8],
        new: &[u8],
        flags: u32,
    ) -> Result<()> {
        if flags & !(RENAME_EXCHANGE | RENAME_NOREPLACE) != 0 || flags == RENAME_EXCHANGE | RENAME_NOREPLACE {
            return Err(Errno::EINVAL.into());
        }
        let (from, to) = (self.walk_to_name(caller, base, old)?, self.walk_to_name(caller, base, new)?);
        if to.name.is_empty() {
            return Err(Errno::EBUSY.into());
        }
        let dentry = from.to_take(old)?;
        let (Inode::Volume(old_dir), Inode::Volume(new_dir)) = (from.parent.inode(), to.parent.inode())
        else {
            if matches!((from.parent.inode(), to.parent.inode()), (Inode::Pseudo(_), Inode::Pseudo(_))) {
                if !matches!(dentry.inode(), Inode::Pseudo(_)) {
                    // A mount point.
                    return Err(Errno::EBUSY.into());
                }
                return self.rename_pseudo(caller, &from, &dentry, &to, flags);
            }
            return Err(Errno::EXDEV.into());
        };
        let mount = old_dir.mount();
        let same_volume = |d: &Dentry| d.inode().mount().is_some_and(|m| Arc::ptr_eq(m, mount));
        if !Arc::ptr_eq(mount, new_dir.mount()) {
            return Err(Errno::EXDEV.into());
        }
        if !same_volume(&dentry) || to.dentry.as_ref().is_some_and(|d| !same_volume(d)) {
            return Err(Errno::EBUSY.into());
        }
        self.may_change(caller, &from.parent)?;
        self.may_change(caller, &to.parent)?;
        let exchange = flags & RENAME_EXCHANGE != 0;
        let slash = from.must_be_directory || to.must_be_directory && !exchange;
        if slash && !dentry.inode().is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        if within(&to.parent, &dentry) || to.dentry.as_ref().is_some_and(|d| within(&from.parent, d)) {
            let errno =
                if within(&to.parent, &dentry) || exchange { Errno::EINVAL } else { Errno::ENOTEMPTY };
            return Err(errno.into());
        }
        let _alive = mount.enter()?;
        let (old_spot, new_spot) = ((old_dir.node(), &*from.name), (new_dir.node(), &*to.name));
        mount.volume().rename(&caller.ctx(), old_spot, new_spot, flags)?;
        let touched = [Some(&from.parent), Some(&to.parent), Some(&dentry), to.dentry.as_ref()];
        for touched in touched.into_iter().flatten() {
            if let Inode::Volume(node) = touched.inode() {
                node.expire();
            }
        }
        for walked in [&from, &to] {
            walked.parent.note_change();
            drop(walked.parent.forget_child(&walked.name));
        }
        // The dentries move along, with what is open, cached and mounted below them.
        mount.keep(&to, &dentry);
        if let Some(other) = to.dentry.as_ref().filter(|_| flags & RENAME_EXCHANGE != 0) {
            mount.keep(&from, other);
        }
        Ok(())
    }
}

/// Whether `dir` is `top` or lies below it.
pub(super) fn within(dir: &Arc<Dentry>, top: &Arc<Dentry>) -> bool {
    let mut at = Some(dir.clone());
    while let Some(dentry) = at {
        if Arc::ptr_eq(&dentry, top) {
            return true;
        }
        at = dentry.parent();
    }
    false
}
