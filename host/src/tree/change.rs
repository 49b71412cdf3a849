//! Changes of the tree: names made, taken away and moved.
//!
//! In a volume the file system makes the change and the host keeps its cache right; in the host's own tree the
//! dentries are the truth.

use nxvfs_abi::types::mode;

use super::access::{Caller, WRITE};
use super::dentry::Dentry;
use super::inode::{Inode, VolumeNode};
use super::mount::Mount;
use super::pseudo::PseudoKind;
use super::walk::{Follow, Walked};
use super::{Tree, TreeError, show};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::bridge::FoundNode;
use crate::device::Fifo;

/// The place of a name that shall come, go or move.
struct Spot<'a> {
    dir: &'a Arc<Dentry>,
    name: &'a [u8],
}

impl Tree {
    /// Walks to a name that must not be there yet. Errors: EEXIST.
    fn walk_to_make(
        &self,
        caller: &Caller,
        base: &Arc<Dentry>,
        path: &[u8],
        directory: bool,
    ) -> Result<Walked> {
        let walked = self.walk(caller, base, path, Follow::No)?;
        if walked.dentry.is_some() {
            return Err(TreeError::Exists { path: show(path) }.into());
        }
        if walked.must_be_directory && !directory {
            return Err(Errno::ENOENT.into());
        }
        Ok(walked)
    }

    /// Walks to a name that must be there. Errors: ENOENT; EINVAL for `.`; ENOTEMPTY for `..`; EBUSY for `/`.
    pub(super) fn walk_to_take(
        &self,
        caller: &Caller,
        base: &Arc<Dentry>,
        path: &[u8],
    ) -> Result<(Walked, Arc<Dentry>)> {
        let walked = self.walk(caller, base, path, Follow::No)?;
        if walked.name.is_empty() {
            let errno = match path {
                p if p.iter().all(|b| *b == b'/') => Errno::EBUSY,
                p if p.ends_with(b"..") => Errno::ENOTEMPTY,
                _ => Errno::EINVAL,
            };
            return Err(errno.into());
        }
        match walked.dentry.clone() {
            Some(dentry) => Ok((walked, dentry)),
            None => Err(walked.missing(path)),
        }
    }

    pub(super) fn may_change(&self, caller: &Caller, dir: &Dentry) -> Result<()> {
        if let Some(mount) = dir.inode().mount() {
            mount.need_writable()?;
        }
        if caller.uid == 0 || caller.may(&dir.inode().attr(&caller.ctx())?, WRITE) {
            return Ok(());
        }
        Err(Errno::EACCES.into())
    }

    /// Makes a directory. Errors: EEXIST, ENOENT, EROFS, EACCES.
    pub fn mkdir(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8], permissions: u32) -> Result<()> {
        let walked = self.walk_to_make(caller, base, path, true)?;
        self.may_change(caller, &walked.parent)?;
        let permissions = permissions & 0o7777 & !caller.umask;
        match walked.parent.inode() {
            Inode::Pseudo(_) => {
                self.add_pseudo(&walked.parent, &walked.name, PseudoKind::Directory, permissions).map(drop)
            }
            Inode::Volume(node) => self.make(caller, &walked, node, |mount, ctx, dir, name| {
                mount.volume().mkdir(ctx, dir, name, mode::S_IFDIR | permissions)
            }),
        }
    }

    /// Makes a symbolic link. Errors: EEXIST, ENOENT, EROFS, EACCES.
    pub fn symlink(&self, caller: &Caller, base: &Arc<Dentry>, target: &[u8], path: &[u8]) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        let walked = self.walk_to_make(caller, base, path, false)?;
        self.may_change(caller, &walked.parent)?;
        match walked.parent.inode() {
            Inode::Pseudo(_) => self
                .add_pseudo(&walked.parent, &walked.name, PseudoKind::Link(target.into()), 0o777)
                .map(drop),
            Inode::Volume(node) => self.make(caller, &walked, node, |mount, ctx, dir, name| {
                mount.volume().symlink(ctx, dir, name, target)
            }),
        }
    }

    /// Makes a special node; in the host's own tree only a FIFO. Errors: EEXIST, EROFS, EACCES, EPERM in the host's own
    /// tree.
    pub fn mknod(
        &self,
        caller: &Caller,
        base: &Arc<Dentry>,
        path: &[u8],
        mode: u32,
        rdev: u64,
    ) -> Result<()> {
        let walked = self.walk_to_make(caller, base, path, false)?;
        self.may_change(caller, &walked.parent)?;
        let Inode::Volume(node) = walked.parent.inode() else {
            if mode & mode::S_IFMT == mode::S_IFIFO {
                let kind = PseudoKind::Node(Arc::new(Fifo::default()));
                let permissions = mode & 0o777 & !caller.umask;
                return self.add_pseudo(&walked.parent, &walked.name, kind, permissions).map(drop);
            }
            return Err(
                TreeError::PseudoOnly { path: show(path), action: "make such a node".to_owned() }.into()
            );
        };
        self.make(caller, &walked, node, |mount, ctx, dir, name| {
            mount.volume().mknod(ctx, dir, name, mode & !caller.umask, rdev)
        })
    }

    /// Gives a file one more name. Errors: EXDEV, EPERM (a directory; the host's own tree), EEXIST, EROFS.
    pub fn link(&self, caller: &Caller, base: &Arc<Dentry>, old: &[u8], new: &[u8]) -> Result<()> {
        let old_dentry = self.find(caller, base, old, Follow::No)?;
        let walked = self.walk_to_make(caller, base, new, false)?;
        match (old_dentry.inode(), walked.parent.inode()) {
            (Inode::Volume(old), Inode::Volume(dir)) if Arc::ptr_eq(old.mount(), dir.mount()) => {
                if old_dentry.inode().is_directory() {
                    return Err(Errno::EPERM.into());
                }
                self.may_change(caller, &walked.parent)?;
                self.make(caller, &walked, dir, |mount, ctx, dir, name| {
                    mount.volume().link(ctx, old.node(), dir, name)
                })
            }
            (Inode::Pseudo(_), Inode::Pseudo(_)) => {
                Err(TreeError::PseudoOnly { path: show(new), action: "make hard links".to_owned() }.into())
            }
            _ => Err(Errno::EXDEV.into()),
        }
    }

    /// Makes a regular file in a directory of a volume and opens it; answers its name and the file system's number of
    /// the opening. Errors: EROFS, EACCES, and the file system's.
    pub fn create(
        &self,
        caller: &Caller,
        dir: &Arc<Dentry>,
        name: &[u8],
        mode: u32,
        flags: u32,
    ) -> Result<(Arc<Dentry>, u64)> {
        self.may_change(caller, dir)?;
        let Inode::Volume(node) = dir.inode() else { return Err(Errno::EPERM.into()) };
        let mount = node.mount();
        let _alive = mount.enter()?;
        let epoch = mount.epoch();
        let made = mount.volume().create(&caller.ctx(), node.node(), name, mode, flags);
        if made.as_ref().is_err_and(|e| e.errno() == Errno::EEXIST) {
            // Another made it and has not come to say so: that it is not there must not be believed any longer.
            dir.forget_missing(name);
        }
        let made = made?;
        dir.note_change();
        node.expire();
        Ok((mount.remember(dir, name, &made.found, dir.change_number(), epoch), made.handle))
    }

    /// Makes a node in a volume and remembers its name.
    fn make(
        &self,
        caller: &Caller,
        walked: &Walked,
        dir: &Arc<VolumeNode>,
        make: impl FnOnce(&Arc<Mount>, &nxvfs_abi::Ctx, u64, &[u8]) -> Result<FoundNode>,
    ) -> Result<()> {
        let mount = dir.mount();
        let _alive = mount.enter()?;
        let epoch = mount.epoch();
        let found = make(mount, &caller.ctx(), dir.node(), &walked.name)?;
        walked.parent.note_change();
        dir.expire();
        let change = walked.parent.change_number();
        mount.remember(&walked.parent, &walked.name, &found, change, epoch);
        Ok(())
    }

    /// Takes a name away that is no directory's. Errors: ENOENT, EISDIR, EROFS, EBUSY (a device that is attached).
    pub fn unlink(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8]) -> Result<()> {
        let (walked, dentry) = self.walk_to_take(caller, base, path)?;
        self.may_change(caller, &walked.parent)?;
        if dentry.inode().is_directory() {
            return Err(Errno::EISDIR.into());
        }
        match (walked.parent.inode(), dentry.inode()) {
            (Inode::Pseudo(_), Inode::Pseudo(node)) => match node.kind() {
                PseudoKind::Node(node) if node.file_type() == mode::S_IFIFO => self.remove_pseudo(&dentry),
                PseudoKind::Block(_) | PseudoKind::Node(_) => {
                    Err(TreeError::Device { path: show(path) }.into())
                }
                _ => self.remove_pseudo(&dentry),
            },
            (Inode::Volume(dir), _) => {
                self.take(caller, &Spot { dir: &walked.parent, name: &walked.name }, dir, false)
            }
            _ => Err(Errno::EBUSY.into()),
        }
    }

    /// Takes an empty directory away. Errors: ENOENT, ENOTDIR, ENOTEMPTY, EBUSY (a mount point), EROFS.
    pub fn rmdir(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8]) -> Result<()> {
        let (walked, dentry) = self.walk_to_take(caller, base, path)?;
        self.may_change(caller, &walked.parent)?;
        super::need_directory(dentry.inode())?;
        match (walked.parent.inode(), dentry.inode()) {
            (Inode::Pseudo(_), Inode::Pseudo(_)) => self.remove_pseudo(&dentry),
            (Inode::Volume(dir), Inode::Volume(node)) if Arc::ptr_eq(dir.mount(), node.mount()) => {
                self.take(caller, &Spot { dir: &walked.parent, name: &walked.name }, dir, true)
            }
            _ => Err(Errno::EBUSY.into()),
        }
    }

    fn take(&self, caller: &Caller, spot: &Spot<'_>, dir: &Arc<VolumeNode>, directory: bool) -> Result<()> {
        let mount = dir.mount();
        let _alive = mount.enter()?;
        let ctx = caller.ctx();
        let known = mount.lookup(&ctx, spot.dir, spot.name)?;
        if known.as_ref().is_some_and(|d| d.mounted().is_some()) {
            return Err(Errno::EBUSY.into());
        }
        if directory {
            mount.volume().rmdir(&ctx, dir.node(), spot.name)?;
        } else {
            mount.volume().unlink(&ctx, dir.node(), spot.name)?;
        }
        spot.dir.note_change();
        dir.expire();
        if let Some(Inode::Volume(node)) = known.as_ref().map(|d| d.inode()) {
            node.expire();
        }
        drop(spot.dir.forget_child(spot.name));
        Ok(())
    }
}
