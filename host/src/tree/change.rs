//! Changes of the tree: names made, taken away and moved.
//!
//! In a volume the file system makes the change and the host keeps its cache right; in the host's own tree the
//! dentries are the truth.

use nxvfs_abi::Ctx;
use nxvfs_abi::filesystem::Attr;
use nxvfs_abi::types::mode;

use super::access::{Caller, WRITE};
use super::dentry::Dentry;
use super::inode::{Inode, VolumeNode};
use super::mount::Mount;
use super::nodes::open_to_take;
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

impl Walked {
    /// What has the name, to be taken away. Errors: as [`Tree::walk_to_take`].
    pub(super) fn to_take(&self, path: &[u8]) -> Result<Arc<Dentry>> {
        if self.name.is_empty() {
            let errno = match path {
                p if p.iter().all(|b| *b == b'/') => Errno::EBUSY,
                p if p.ends_with(b"..") => Errno::ENOTEMPTY,
                _ => Errno::EINVAL,
            };
            return Err(errno.into());
        }
        match &self.dentry {
            Some(dentry) => Ok(dentry.clone()),
            None => Err(self.missing(path)),
        }
    }
}

impl Tree {
    /// Walks to a name that shall come or go: what has it is meant itself, a link too. Whether the path ended in a slash
    /// is told, and does not make the walk follow a link.
    pub(super) fn walk_to_name(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8]) -> Result<Walked> {
        let end = path.iter().rposition(|b| *b != b'/').map_or(path.len(), |last| last + 1);
        let walked = self.walk(caller, base, &path[..end], Follow::No)?;
        Ok(Walked { must_be_directory: walked.must_be_directory || end < path.len(), ..walked })
    }

    /// Walks to a name that must not be there yet. Errors: EEXIST.
    fn walk_to_make(
        &self,
        caller: &Caller,
        base: &Arc<Dentry>,
        path: &[u8],
        directory: bool,
    ) -> Result<Walked> {
        let walked = self.walk_to_name(caller, base, path)?;
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
        let walked = self.walk_to_name(caller, base, path)?;
        let dentry = walked.to_take(path)?;
        Ok((walked, dentry))
    }

    /// Whether names may come and go in a directory; answers its attributes. Errors: EROFS, EACCES.
    pub(super) fn may_change(&self, caller: &Caller, dir: &Dentry) -> Result<Attr> {
        if let Some(mount) = dir.inode().mount() {
            let _change = mount.change()?;
        }
        let attr = dir.inode().rights(&caller.ctx())?;
        if caller.may(&attr, WRITE) { Ok(attr) } else { Err(Errno::EACCES.into()) }
    }

    /// Whether this name may be taken away. Errors: as [`Tree::may_change`]; EPERM by the sticky bit.
    pub(super) fn may_take(&self, caller: &Caller, dir: &Dentry, victim: &Dentry) -> Result<()> {
        let attr = self.may_change(caller, dir)?;
        if caller.is_free() || attr.mode & mode::S_ISVTX == 0 {
            return Ok(());
        }
        caller.may_take(&attr, &victim.inode().rights(&caller.ctx())?)
    }

    /// Makes a directory. Errors: EEXIST, ENOENT, EROFS, EACCES.
    pub fn mkdir(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8], permissions: u32) -> Result<()> {
        let walked = self.walk_to_make(caller, base, path, true)?;
        let above = self.may_change(caller, &walked.parent)?;
        // POSIX leaves the other bits to the system; Linux takes none but the sticky one.
        let permissions = permissions & 0o1777 & !caller.umask();
        match walked.parent.inode() {
            Inode::Pseudo(_) => {
                let (dir, kind) = (&walked.parent, PseudoKind::Directory);
                self.add_pseudo(caller, dir, &walked.name, kind, permissions).map(drop)
            }
            Inode::Volume(node) => {
                let (ctx, mode) = caller.making_in(&above, mode::S_IFDIR | permissions);
                self.make(&ctx, &walked, node, |mount, dir, name| mount.volume().mkdir(&ctx, dir, name, mode))
            }
        }
    }

    /// Makes a symbolic link. Errors: EEXIST, ENOENT, EROFS, EACCES.
    pub fn symlink(&self, caller: &Caller, base: &Arc<Dentry>, target: &[u8], path: &[u8]) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        let walked = self.walk_to_make(caller, base, path, false)?;
        let above = self.may_change(caller, &walked.parent)?;
        match walked.parent.inode() {
            Inode::Pseudo(_) => {
                let (dir, kind) = (&walked.parent, PseudoKind::Link(target.into()));
                self.add_pseudo(caller, dir, &walked.name, kind, 0o777).map(drop)
            }
            Inode::Volume(node) => {
                let (ctx, _) = caller.making_in(&above, mode::S_IFLNK);
                self.make(&ctx, &walked, node, |mount, dir, name| {
                    mount.volume().symlink(&ctx, dir, name, target)
                })
            }
        }
    }

    /// Makes a special node, or a regular file; in the host's own tree of special nodes only FIFOs. Errors: EEXIST, EROFS,
    /// EACCES, EPERM in the host's own tree, and for device nodes by others than user 0.
    pub fn mknod(
        &self,
        caller: &Caller,
        base: &Arc<Dentry>,
        path: &[u8],
        mode: u32,
        rdev: u64,
    ) -> Result<()> {
        let walked = self.walk_to_make(caller, base, path, false)?;
        let above = self.may_change(caller, &walked.parent)?;
        if !caller.is_free() && matches!(mode & mode::S_IFMT, mode::S_IFCHR | mode::S_IFBLK) {
            return Err(Errno::EPERM.into());
        }
        let Inode::Volume(node) = walked.parent.inode() else {
            let (dir, name) = (&walked.parent, &walked.name);
            if mode & mode::S_IFMT == mode::S_IFREG {
                return self.add_file(caller, dir, name, mode).map(drop);
            }
            if mode & mode::S_IFMT == mode::S_IFIFO {
                let kind = PseudoKind::Node(Arc::new(Fifo::default()));
                return self.add_pseudo(caller, dir, name, kind, mode & 0o7777 & !caller.umask()).map(drop);
            }
            return Err(
                TreeError::PseudoOnly { path: show(path), action: "make such a node".to_owned() }.into()
            );
        };
        let (ctx, mode) = caller.making_in(&above, mode & !caller.umask());
        self.make(&ctx, &walked, node, |mount, dir, name| mount.volume().mknod(&ctx, dir, name, mode, rdev))
    }

    /// Gives a file one more name. Errors: EXDEV, EPERM (a directory; a device's node), EEXIST, EROFS, EACCES.
    pub fn link(
        &self,
        caller: &Caller,
        (old_base, old): (&Arc<Dentry>, &[u8]),
        (new_base, new): (&Arc<Dentry>, &[u8]),
        follow: Follow,
    ) -> Result<()> {
        let old = self.find(caller, old_base, old, follow)?;
        self.link_found(caller, &old, (new_base, new))
    }

    /// As [`Tree::link`], for what a walk found.
    pub fn link_found(
        &self,
        caller: &Caller,
        old_dentry: &Arc<Dentry>,
        (new_base, new): (&Arc<Dentry>, &[u8]),
    ) -> Result<()> {
        let walked = self.walk_to_make(caller, new_base, new, false)?;
        match (old_dentry.inode(), walked.parent.inode()) {
            (Inode::Volume(old), Inode::Volume(dir)) if Arc::ptr_eq(old.mount(), dir.mount()) => {
                self.may_change(caller, &walked.parent)?;
                if old_dentry.inode().is_directory() {
                    return Err(Errno::EPERM.into());
                }
                let ctx = caller.ctx();
                let made = self.make(&ctx, &walked, dir, |mount, dir, name| {
                    mount.volume().link(&ctx, old.node(), dir, name)
                });
                old.expire();
                made
            }
            (Inode::Pseudo(_), Inode::Pseudo(_)) => {
                self.may_change(caller, &walked.parent)?;
                self.link_pseudo(old_dentry, &walked.parent, &walked.name)
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
        let above = self.may_change(caller, dir)?;
        let Inode::Volume(node) = dir.inode() else { return Err(Errno::EPERM.into()) };
        let mount = node.mount();
        let _change = mount.change()?;
        let epoch = mount.epoch();
        let (ctx, mode) = caller.making_in(&above, mode);
        let made = mount.volume().create(&ctx, node.node(), name, mode, flags);
        if made.as_ref().is_err_and(|e| e.errno() == Errno::EEXIST) {
            // Another made it and has not come to say so: that it is not there must not be believed any longer.
            dir.forget_missing(name);
        }
        let made = made?;
        dir.note_change();
        node.expire();
        mount.settle(&ctx, node.node())?;
        Ok((mount.remember(dir, name, &made.found, dir.ask(epoch)), made.handle))
    }

    /// Makes a node in a volume and remembers its name.
    fn make(
        &self,
        ctx: &Ctx,
        walked: &Walked,
        dir: &Arc<VolumeNode>,
        make: impl FnOnce(&Arc<Mount>, u64, &[u8]) -> Result<FoundNode>,
    ) -> Result<()> {
        let mount = dir.mount();
        let _change = mount.change()?;
        let epoch = mount.epoch();
        let found = make(mount, dir.node(), &walked.name)?;
        walked.parent.note_change();
        dir.expire();
        mount.remember(&walked.parent, &walked.name, &found, walked.parent.ask(epoch));
        mount.settle(ctx, dir.node())
    }

    /// Takes a name away that is no directory's. Errors: ENOENT, EISDIR, EROFS, EBUSY (a device that is attached).
    pub fn unlink(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8]) -> Result<()> {
        let (walked, dentry) = self.walk_to_take(caller, base, path)?;
        self.may_take(caller, &walked.parent, &dentry)?;
        open_to_take(&walked.parent)?;
        if dentry.inode().is_directory() {
            return Err(Errno::EISDIR.into());
        }
        if walked.must_be_directory {
            return Err(TreeError::NotDirectory { path: show(path), name: show(&walked.name) }.into());
        }
        match (walked.parent.inode(), dentry.inode()) {
            (Inode::Pseudo(_), Inode::Pseudo(node)) => {
                if node.is_attached() {
                    return Err(TreeError::Device { path: show(path) }.into());
                }
                self.remove_pseudo(&dentry)
            }
            (Inode::Volume(dir), _) => {
                self.take(caller, &Spot { dir: &walked.parent, name: &walked.name }, dir, false)
            }
            _ => Err(Errno::EBUSY.into()),
        }
    }

    /// Takes an empty directory away. Errors: ENOENT, ENOTDIR, ENOTEMPTY, EBUSY (a mount point), EROFS.
    pub fn rmdir(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8]) -> Result<()> {
        let (walked, dentry) = self.walk_to_take(caller, base, path)?;
        self.may_take(caller, &walked.parent, &dentry)?;
        open_to_take(&walked.parent)?;
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
        let _change = mount.change()?;
        let ctx = caller.ctx();
        let known = mount.lookup(&ctx, spot.dir, spot.name)?;
        if known.as_ref().is_some_and(|d| d.mounted().is_some()) {
            return Err(Errno::EBUSY.into());
        }
        let removed = match directory {
            true => mount.volume().rmdir(&ctx, dir.node(), spot.name)?,
            false => mount.volume().unlink(&ctx, dir.node(), spot.name)?,
        };
        spot.dir.note_change();
        dir.expire();
        match known.as_ref().map(|d| d.inode()) {
            Some(Inode::Volume(node)) if node.node() == removed.node => {
                node.lose_name();
                node.expire();
            }
            // The name led elsewhere by the time it was taken away.
            _ => spot.dir.note_move(),
        }
        drop(spot.dir.forget_child(spot.name));
        mount.settle(&ctx, dir.node())
    }
}
