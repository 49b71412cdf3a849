//! Names: found, made, moved, taken away.

use std::time::Duration;

use fuser::FileAttr;
use nxvfs_abi::types::{mode, open};

use super::attributes::{file_attr, unpacked};
use super::door::{Door, Stale, folds, valid};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::file::{OpenFile, Opener};
use crate::tree::{Caller, Dentry, Follow};

/// What the kernel is told of a name.
pub(super) struct Told {
    pub(super) attr: FileAttr,
    pub(super) attr_valid: Duration,
    pub(super) name_valid: Duration,
}

impl Door {
    /// Tells the kernel of a node, which it counts.
    pub(super) fn tell(&self, caller: &Caller, spot: (u64, &[u8]), dentry: &Arc<Dentry>) -> Result<Told> {
        let inode = dentry.inode();
        let attr = inode.attr(&caller.ctx())?;
        let number = self.nodes.tell(dentry, attr.ino);
        let name_valid = self.name_valid(dentry, number, spot);
        Ok(Told { attr: file_attr(number, inode, &attr), attr_valid: valid(inode), name_valid })
    }

    fn child(&self, caller: &Caller, dir: &Arc<Dentry>, name: &[u8]) -> Result<Option<Arc<Dentry>>> {
        Ok(self.tree().walk(caller, dir, name, Follow::No)?.dentry)
    }

    /// Finds a name; `Err` tells how long it may be believed that there is none.
    pub(super) fn find(&self, caller: &Caller, dir: u64, name: &[u8]) -> Result<Result<Told, Duration>> {
        let parent = self.nodes.get(dir)?;
        match self.child(caller, &parent, name)? {
            Some(dentry) => self.tell(caller, (dir, name), &dentry).map(Ok),
            // Of another spelling it would not be known when it comes.
            None if folds(parent.inode()) => Ok(Err(Duration::ZERO)),
            None => Ok(Err(valid(parent.inode()))),
        }
    }

    /// Makes a name by `make`, which gets the directory, and tells of it.
    fn make(
        &self,
        caller: &Caller,
        dir: u64,
        name: &[u8],
        make: impl FnOnce(&Arc<Dentry>) -> Result<()>,
    ) -> Result<Told> {
        let parent = self.nodes.get(dir)?;
        make(&parent)?;
        let made = self.child(caller, &parent, name)?.ok_or(Errno::ENOENT)?;
        self.tell(caller, (dir, name), &made)
    }

    pub(super) fn make_directory(
        &self,
        caller: &Caller,
        dir: u64,
        name: &[u8],
        permissions: u32,
    ) -> Result<Told> {
        self.make(caller, dir, name, |parent| self.tree().mkdir(caller, parent, name, permissions))
    }

    pub(super) fn make_node(
        &self,
        caller: &Caller,
        dir: u64,
        name: &[u8],
        mode: u32,
        rdev: u32,
    ) -> Result<Told> {
        self.make(caller, dir, name, |parent| self.tree().mknod(caller, parent, name, mode, unpacked(rdev)))
    }

    pub(super) fn make_link(&self, caller: &Caller, dir: u64, name: &[u8], target: &[u8]) -> Result<Told> {
        self.make(caller, dir, name, |parent| self.tree().symlink(caller, parent, target, name))
    }

    /// One more name for a node.
    pub(super) fn link(&self, caller: &Caller, number: u64, dir: u64, name: &[u8]) -> Result<Told> {
        let old = self.nodes.get(number)?;
        self.make(caller, dir, name, |parent| self.tree().link_found(caller, &old, (parent, name)))
    }

    /// Makes a file and opens it; answers the descriptor too.
    pub(super) fn create(
        &self,
        caller: &Caller,
        (dir, name): (u64, &[u8]),
        permissions: u32,
        flags: u32,
    ) -> Result<(Told, u32)> {
        let parent = self.nodes.get(dir)?;
        let flags = self.passed(flags, false) | open::O_CREAT;
        let opened = |caller: &Caller, flags| {
            let opener = Opener { tree: self.tree(), caller, base: &parent };
            OpenFile::open(&opener, name, flags, permissions & !mode::S_IFMT)
        };
        let made = match opened(caller, flags | open::O_EXCL) {
            // The kernel did not know of it, so it has not compared its mode bits.
            Err(e) if e.errno() == Errno::EEXIST && flags & open::O_EXCL == 0 => {
                let mut alone = caller.clone();
                alone.vouched = false;
                opened(&alone, flags & !open::O_CREAT)
            }
            made => made,
        }?;
        let told = self.tell(caller, (dir, name), made.dentry())?;
        let installed = self.opened(told.attr.ino.0, made);
        if installed.is_err() {
            self.nodes.forget(told.attr.ino.0, 1);
        }
        Ok((told, installed?))
    }

    /// Takes a name away.
    pub(super) fn remove(&self, caller: &Caller, dir: u64, name: &[u8], directory: bool) -> Result<()> {
        let parent = self.nodes.get(dir)?;
        let victim = if folds(parent.inode()) { self.child(caller, &parent, name)? } else { None };
        match directory {
            true => self.tree().rmdir(caller, &parent, name)?,
            false => self.tree().unlink(caller, &parent, name)?,
        }
        self.moved(victim.as_ref(), (dir, name), None);
        Ok(())
    }

    /// Moves a name, or exchanges two.
    pub(super) fn rename(
        &self,
        caller: &Caller,
        from: (u64, &[u8]),
        to: (u64, &[u8]),
        flags: u32,
    ) -> Result<()> {
        let (old, new) = (self.nodes.get(from.0)?, self.nodes.get(to.0)?);
        let folds = folds(old.inode());
        let known = |dir: &Arc<Dentry>, name| if folds { self.child(caller, dir, name) } else { Ok(None) };
        let (moving, there) = (known(&old, from.1)?, known(&new, to.1)?);
        self.tree().rename(caller, (&old, from.1), (&new, to.1), flags)?;
        let exchange = flags & nxvfs_abi::filesystem::RENAME_EXCHANGE != 0;
        let same = matches!((&moving, &there), (Some(a), Some(b)) if Arc::ptr_eq(a, b));
        if !same {
            self.moved(there.as_ref(), to, exchange.then_some(from));
        }
        self.moved(moving.as_ref(), from, Some(to));
        Ok(())
    }

    fn moved(&self, dentry: Option<&Arc<Dentry>>, from: (u64, &[u8]), to: Option<(u64, &[u8])>) {
        if let Some((number, outdated)) = dentry.and_then(|dentry| self.nodes.moved(dentry, from, to)) {
            self.outdated(Stale::Name(number, outdated));
        }
    }
}
