//! Renaming inside the host's own tree. POSIX `rename`, and Linux's `renameat2` for the flags.

use nxvfs_abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};

use super::access::{Caller, WRITE};
use super::dentry::{Child, Children, Dentry, Stamp};
use super::inode::Inode;
use super::nodes::open_to_change;
use super::pseudo::PseudoNode;
use super::rename::within;
use super::walk::Walked;
use super::{Tree, TreeError, show};
use crate::base::sync::{Arc, Ordering, lock, read, write};
use crate::base::{Errno, Result};

/// What is renamed, and what has the new name.
struct Move<'a> {
    from: &'a Walked,
    to: &'a Walked,
    moved: &'a Arc<Dentry>,
    there: Option<&'a Arc<Dentry>>,
    exchange: bool,
}

impl Tree {
    /// Renames between two directories of the host's own tree. What is open, mounted or a working directory below moves
    /// along; a mount point itself does not move.
    pub(super) fn rename_pseudo(
        &self,
        caller: &Caller,
        from: &Walked,
        dentry: &Arc<Dentry>,
        to: &Walked,
        flags: u32,
    ) -> Result<()> {
        let exchange = flags & RENAME_EXCHANGE != 0;
        open_to_change(&from.parent, "rename what is there")?;
        open_to_change(&to.parent, "rename to there")?;
        let gone = {
            let _shape = lock(&self.shape);
            // Looked at again: others may have been faster than the walk.
            let moved = current(from).filter(|d| Arc::ptr_eq(&d.topmost(), dentry)).ok_or(Errno::ENOENT)?;
            let there = current(to);
            match &there {
                Some(_) if flags & RENAME_NOREPLACE != 0 => return Err(Errno::EEXIST.into()),
                None if exchange => return Err(Errno::ENOENT.into()),
                _ => {}
            }
            let it = Move { from, to, moved: &moved, there: there.as_ref(), exchange };
            let shall_be_directory = if exchange { there.as_ref().unwrap_or(&moved) } else { &moved };
            if to.must_be_directory && !shall_be_directory.inode().is_directory()
                || from.must_be_directory && !moved.inode().is_directory()
            {
                return Err(Errno::ENOTDIR.into());
            }
            if same_node(&moved, it.there) {
                return Ok(());
            }
            self.check(caller, &it)?;
            let gone = carry_out(&it);
            self.names.fetch_sub(usize::from(gone.is_some()), Ordering::Relaxed);
            gone
        };
        // Without a lock: the end of a node may call a driver.
        drop(gone);
        Ok(())
    }

    fn check(&self, caller: &Caller, it: &Move<'_>) -> Result<()> {
        let directory = it.moved.inode().is_directory();
        if within(&it.to.parent, it.moved) {
            return Err(Errno::EINVAL.into());
        }
        if it.there.is_some_and(|there| within(&it.from.parent, there)) {
            return Err(if it.exchange { Errno::EINVAL } else { Errno::ENOTEMPTY }.into());
        }
        for (walked, entry) in [(it.from, Some(it.moved)), (it.to, it.there)] {
            match entry {
                Some(entry) => self.may_take(caller, &walked.parent, entry)?,
                None => self.may_change(caller, &walked.parent).map(drop)?,
            }
            if node(&walked.parent).is_none_or(|dir| dir.is_gone()) {
                return Err(Errno::ENOENT.into());
            }
        }
        if let Some(there) = it.there.filter(|_| !it.exchange) {
            match (directory, there.inode().is_directory()) {
                (true, false) => return Err(Errno::ENOTDIR.into()),
                (false, true) => return Err(Errno::EISDIR.into()),
                _ => {}
            }
        }
        let elsewhere = !Arc::ptr_eq(&it.from.parent, &it.to.parent);
        for entry in [Some(it.moved), it.there.filter(|_| it.exchange)].into_iter().flatten() {
            // Its `..` changes.
            if elsewhere
                && entry.inode().is_directory()
                && !caller.may(&entry.inode().attr(&caller.ctx())?, WRITE)
            {
                return Err(Errno::EACCES.into());
            }
        }
        if [Some(it.moved), it.there].into_iter().flatten().any(|d| d.mounted().is_some()) {
            return Err(Errno::EBUSY.into());
        }
        if let Some(there) = it.there.filter(|_| !it.exchange) {
            if node(there).is_some_and(|node| node.is_attached()) {
                return Err(TreeError::Device { path: show(&there.path()) }.into());
            }
            if !read(&there.children).is_empty() {
                return Err(Errno::ENOTEMPTY.into());
            }
        }
        Ok(())
    }
}

/// The name's dentry by now.
fn current(walked: &Walked) -> Option<Arc<Dentry>> {
    walked.parent.known_child(&walked.name)
}

fn node(dentry: &Arc<Dentry>) -> Option<&Arc<PseudoNode>> {
    match dentry.inode() {
        Inode::Pseudo(node) => Some(node),
        Inode::Volume(_) => None,
    }
}

/// Two names of one file: POSIX wants both to stay.
fn same_node(moved: &Arc<Dentry>, there: Option<&Arc<Dentry>>) -> bool {
    match (node(moved), there.and_then(node)) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

/// Moves the names; answers what has none any more. Under the lock of the shape, so that it may take the locks of two
/// directories.
fn carry_out(it: &Move<'_>) -> Option<Child> {
    let (Some(old_dir), Some(new_dir)) = (node(&it.from.parent), node(&it.to.parent)) else { return None };
    let child = |dir: &PseudoNode, dentry: &Arc<Dentry>| Child::There {
        dentry: dentry.clone(),
        stamp: Stamp::FOR_EVER,
        number: dir.take_entry_number(),
    };
    let place = |old: &mut Children, new: Option<&mut Children>| {
        old.remove(&*it.from.name);
        let back = it.there.filter(|_| it.exchange);
        if let Some(other) = back {
            old.insert((&*it.from.name).into(), child(old_dir, other));
            other.move_to(&it.from.parent, &it.from.name);
        }
        let replaced = new.unwrap_or(old).insert((&*it.to.name).into(), child(new_dir, it.moved));
        it.moved.move_to(&it.to.parent, &it.to.name);
        replaced
    };
    let replaced = if Arc::ptr_eq(&it.from.parent, &it.to.parent) {
        place(&mut write(&it.from.parent.children), None)
    } else {
        let (mut old, mut new) = (write(&it.from.parent.children), write(&it.to.parent.children));
        place(&mut old, Some(&mut new))
    };
    let moved_is_dir = i32::from(it.moved.inode().is_directory());
    let there_is_dir = it.there.map_or(0, |there| i32::from(there.inode().is_directory()));
    let back_is_dir = if it.exchange { there_is_dir } else { 0 };
    old_dir.touched(back_is_dir - moved_is_dir);
    new_dir.touched(moved_is_dir - there_is_dir);
    for (dentry, names) in [(Some(it.moved), 0), (it.there, if it.exchange { 0 } else { -1 })] {
        if let Some(node) = dentry.and_then(node) {
            node.named(names);
        }
    }
    replaced.filter(|_| !it.exchange)
}
