//! Renaming. Everything is checked first; what follows cannot fail.

use std::sync::{Arc, RwLockWriteGuard};

use nxvfs_sdk::abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use nxvfs_sdk::{Errno, Grow, Removed, Result, Timespec, now_coarse};

use crate::TmpFs;
use crate::directory::Entries;
use crate::inode::{Body, Inode};
use crate::meta::LINK_MAX;
use crate::names::check;
use crate::sync::{lock, write};

/// The entries of the two directories of a rename, which may be one.
struct Both<'a> {
    old: RwLockWriteGuard<'a, Entries>,
    /// `None` if it is the old one.
    new: Option<RwLockWriteGuard<'a, Entries>>,
}

impl<'a> Both<'a> {
    /// Locks the lower number first. Errors: ENOTDIR.
    fn lock(old: &'a Inode, new: &'a Inode) -> Result<Self> {
        let (old_directory, new_directory) = (old.directory()?, new.directory()?);
        if old.number == new.number {
            return Ok(Self { old: write(&old_directory.entries), new: None });
        }
        if old.number < new.number {
            let old = write(&old_directory.entries);
            return Ok(Self { old, new: Some(write(&new_directory.entries)) });
        }
        let new = write(&new_directory.entries);
        Ok(Self { old: write(&old_directory.entries), new: Some(new) })
    }

    fn new_entries(&mut self) -> &mut Entries {
        self.new.as_deref_mut().unwrap_or(&mut self.old)
    }
}

/// A rename under way: two names in two directories.
struct Move<'a> {
    from: (&'a Arc<Inode>, &'a [u8]),
    to: (&'a Arc<Inode>, &'a [u8]),
    moved: Arc<Inode>,
    now: Timespec,
}

impl TmpFs {
    /// Renames `from` to `to`, each a directory and a name. Errors: ENOENT, EEXIST, EINVAL (flags; into itself), ENOTDIR,
    /// EISDIR, ENOTEMPTY, EMLINK.
    pub(crate) fn move_name(&self, from: (u64, &[u8]), to: (u64, &[u8]), flags: u32) -> Result<Removed> {
        if !matches!(flags, 0 | RENAME_NOREPLACE | RENAME_EXCHANGE) {
            return Err(Errno::EINVAL.into());
        }
        check(from.1)?;
        check(to.1)?;
        let (old_parent, new_parent) = (self.nodes.get(from.0)?, self.nodes.get(to.0)?);
        let across = old_parent.number != new_parent.number;
        let _still = across.then(|| lock(&self.renames));
        let mut both = Both::lock(&old_parent, &new_parent)?;
        let moved = both.old.find(from.1).cloned().ok_or(Errno::ENOENT)?;
        let target = both.new_entries().find(to.1).cloned();
        if target.is_some() && flags == RENAME_NOREPLACE {
            return Err(Errno::EEXIST.into());
        }
        if target.is_none() && flags == RENAME_EXCHANGE {
            return Err(Errno::ENOENT.into());
        }
        if target.as_ref().is_some_and(|target| Arc::ptr_eq(target, &moved)) {
            return Ok(Grow::empty());
        }
        if across && moved.is_directory() && within(&new_parent, &moved) {
            return Err(Errno::EINVAL.into());
        }
        let step = Move { from: (&old_parent, from.1), to: (&new_parent, to.1), moved, now: now_coarse() };
        match &target {
            Some(target) if flags == RENAME_EXCHANGE => step.exchange(&mut both, target)?,
            Some(target) => step.replace(&mut both, target)?,
            None => step.fill(&mut both)?,
        }
        drop(both);
        let displaced = target.filter(|_| flags != RENAME_EXCHANGE);
        Ok(displaced.map_or(Grow::empty(), |target| self.lose_name(&target, step.now)))
    }
}

/// Whether a directory is `top` or lies below it. Parents stand still under the lock of renames.
fn within(directory: &Arc<Inode>, top: &Arc<Inode>) -> bool {
    let mut at = Some(directory.clone());
    while let Some(inode) = at {
        if Arc::ptr_eq(&inode, top) {
            return true;
        }
        at = match &inode.body {
            Body::Directory(directory) => lock(&directory.parent).upgrade(),
            _ => None,
        };
    }
    false
}

impl Move<'_> {
    fn across(&self) -> bool {
        self.from.0.number != self.to.0.number
    }

    /// Two names change places. Errors: EINVAL, EMLINK.
    fn exchange(&self, both: &mut Both<'_>, target: &Arc<Inode>) -> Result<()> {
        let (down, up) = (i32::from(self.moved.is_directory()), i32::from(target.is_directory()));
        if self.across() {
            if target.is_directory() && within(self.from.0, target) {
                return Err(Errno::EINVAL.into());
            }
            room_for(self.to.0, down - up)?;
            room_for(self.from.0, up - down)?;
        }
        both.old.replace(self.from.1, target.clone());
        both.new_entries().replace(self.to.1, self.moved.clone());
        self.tell_parents(up - down, down - up);
        if self.across() {
            settle(target, self.from.0);
            settle(&self.moved, self.to.0);
        }
        target.change(|meta| meta.names_changed(self.now));
        Ok(())
    }

    /// The new name leads to something that goes. Errors: ENOTDIR, EISDIR, ENOTEMPTY.
    fn replace(&self, both: &mut Both<'_>, target: &Arc<Inode>) -> Result<()> {
        match (&target.body, self.moved.is_directory()) {
            (Body::Directory(_), false) => return Err(Errno::EISDIR.into()),
            (Body::Directory(victim), true) => victim.close()?,
            (_, true) => return Err(Errno::ENOTDIR.into()),
            (_, false) => {}
        }
        both.new_entries().replace(self.to.1, self.moved.clone());
        self.depart(both);
        // A directory takes the place of a directory.
        self.tell_parents(-i32::from(self.moved.is_directory()), 0);
        settle(&self.moved, self.to.0);
        Ok(())
    }

    /// The new name is free. Errors: EMLINK, ENOENT (the directory was removed).
    fn fill(&self, both: &mut Both<'_>) -> Result<()> {
        if !self.across() {
            both.old.relabel(self.from.1, self.to.1);
            self.tell_parents(0, 0);
            return Ok(());
        }
        let more = i32::from(self.moved.is_directory());
        room_for(self.to.0, more)?;
        self.to.0.directory()?.enter()?;
        both.new_entries().insert(self.to.1, self.moved.clone());
        self.depart(both);
        self.tell_parents(-more, more);
        settle(&self.moved, self.to.0);
        Ok(())
    }

    /// Takes the old name out. Its node lives on in `moved`.
    fn depart(&self, both: &mut Both<'_>) {
        both.old.remove(self.from.1);
        if let Body::Directory(directory) = &self.from.0.body {
            directory.leave();
        }
    }

    /// What changed for the directories, their numbers of subdirectories among it, and for the node.
    fn tell_parents(&self, old_more: i32, new_more: i32) {
        if self.across() {
            self.from.0.change(|meta| meta.entries_changed(old_more, self.now));
            self.to.0.change(|meta| meta.entries_changed(new_more, self.now));
        } else {
            self.from.0.change(|meta| meta.entries_changed(old_more + new_more, self.now));
        }
        self.moved.change(|meta| meta.names_changed(self.now));
    }
}

/// A directory moved: it has another parent.
fn settle(inode: &Inode, parent: &Arc<Inode>) {
    if let Body::Directory(directory) = &inode.body {
        *lock(&directory.parent) = Arc::downgrade(parent);
    }
}

/// Refuses one subdirectory too many. The number stands while the directory is locked.
fn room_for(directory: &Inode, more: i32) -> Result<()> {
    if more > 0 && directory.meta().nlink >= LINK_MAX {
        return Err(Errno::EMLINK.into());
    }
    Ok(())
}
