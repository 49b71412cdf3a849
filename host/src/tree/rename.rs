//! Renaming: inside a volume, where the file system does it.

use nxvfs_abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};

use super::Tree;
use super::access::Caller;
use super::dentry::Dentry;
use super::inode::Inode;
use crate::base::sync::Arc;
use crate::base::{Errno, Result};

impl Tree {
    /// Renames. Errors: EXDEV, EINVAL (into its own subtree; flags that are not known, or both), EISDIR, ENOTDIR, ENOTEMPTY,
    /// EEXIST, EROFS, EBUSY, EPERM where the host alone makes names.
    pub fn rename(
        &self,
        caller: &Caller,
        (old_base, old): (&Arc<Dentry>, &[u8]),
        (new_base, new): (&Arc<Dentry>, &[u8]),
        flags: u32,
    ) -> Result<()> {
        if flags & !(RENAME_EXCHANGE | RENAME_NOREPLACE) != 0 || flags == RENAME_EXCHANGE | RENAME_NOREPLACE {
            return Err(Errno::EINVAL.into());
        }
        // Both ways first, as Linux does: what is wrong on them counts before a name that is missing at their ends.
        let from = self.walk_to_name(caller, old_base, old)?;
        let to = self.walk_to_name(caller, new_base, new)?;
        let dentry = from.to_take(old)?;
        if to.name.is_empty() {
            return Err(Errno::EBUSY.into());
        }
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
        let exchange = flags & RENAME_EXCHANGE != 0;
        let no_directory = |d: &Dentry| !d.inode().is_directory();
        let there_is_none =
            exchange && to.must_be_directory && to.dentry.as_ref().is_some_and(|d| no_directory(d));
        let slash = from.must_be_directory || to.must_be_directory && !exchange;
        if slash && no_directory(&dentry) || there_is_none {
            return Err(Errno::ENOTDIR.into());
        }
        if within(&to.parent, &dentry) || to.dentry.as_ref().is_some_and(|d| within(&from.parent, d)) {
            let errno =
                if within(&to.parent, &dentry) || exchange { Errno::EINVAL } else { Errno::ENOTEMPTY };
            return Err(errno.into());
        }
        let _change = mount.change()?;
        let same = to.dentry.as_ref().is_some_and(|there| same_node(there, &dentry));
        if same && flags & RENAME_NOREPLACE == 0 {
            // POSIX: two names of one file, or one name twice: nothing is done, nor asked. But of a file that has one name,
            // two are two spellings, where case does not count, and the new one is wanted.
            let two_names = flags == 0 && same_node(&from.parent, &to.parent) && from.name != to.name;
            let one_file = |inode: &Inode| -> Result<bool> {
                Ok(inode.is_directory() || inode.attr(&caller.ctx())?.nlink == 1)
            };
            if !two_names || !one_file(dentry.inode())? {
                return Ok(());
            }
        }
        self.may_take(caller, &from.parent, &dentry)?;
        match &to.dentry {
            Some(there) => {
                self.may_take(caller, &to.parent, there)?;
                match (dentry.inode().is_directory(), there.inode().is_directory()) {
                    _ if flags & (RENAME_EXCHANGE | RENAME_NOREPLACE) != 0 => {}
                    (true, false) => return Err(Errno::ENOTDIR.into()),
                    (false, true) => return Err(Errno::EISDIR.into()),
                    _ => {}
                }
            }
            None => self.may_change(caller, &to.parent).map(drop)?,
        }
        if !Arc::ptr_eq(&from.parent, &to.parent) {
            // A directory that moves to another parent is itself changed: its `..` is.
            let exchanged = to.dentry.as_ref().filter(|_| flags & RENAME_EXCHANGE != 0);
            for moved in [Some(&dentry), exchanged].into_iter().flatten() {
                if moved.inode().is_directory() {
                    self.may_change(caller, moved)?;
                }
            }
        }
        let (old_spot, new_spot) = ((old_dir.node(), &*from.name), (new_dir.node(), &*to.name));
        let ctx = caller.ctx();
        mount.volume().rename(&ctx, old_spot, new_spot, flags)?;
        let touched = [Some(&from.parent), Some(&to.parent), Some(&dentry), to.dentry.as_ref()];
        for touched in touched.into_iter().flatten() {
            if let Inode::Volume(node) = touched.inode() {
                node.expire();
            }
        }
        for walked in [&from, &to] {
            walked.parent.note_move();
            drop(walked.parent.forget_child(&walked.name));
        }
        // The dentries move along, with what is open, cached and mounted below them.
        mount.keep(&to, &dentry);
        if let Some(other) = to.dentry.as_ref().filter(|_| flags & RENAME_EXCHANGE != 0) {
            mount.keep(&from, other);
        }
        mount.settle(&ctx, old_dir.node())?;
        if Arc::ptr_eq(old_dir, new_dir) { Ok(()) } else { mount.settle(&ctx, new_dir.node()) }
    }
}

fn same_node(a: &Dentry, b: &Dentry) -> bool {
    match (a.inode(), b.inode()) {
        (Inode::Volume(a), Inode::Volume(b)) => Arc::ptr_eq(a, b),
        _ => false,
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
