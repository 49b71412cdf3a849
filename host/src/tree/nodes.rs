//! The host's own tree: names made and taken away. The dentries are the truth; whoever changes which there are has the
//! tree's `shape`.

use nxvfs_abi::types::mode;

use super::access::Caller;
use super::dentry::{Child, Dentry, Stamp};
use super::inode::Inode;
use super::pseudo::{PseudoKind, PseudoNode};
use super::walk::Follow;
use super::{NAMES_MAX, Tree, TreeError, show};
use crate::base::sync::{Arc, Ordering, lock, read, write};
use crate::base::{Errno, Result};
use crate::device::RamFile;

/// The directory's node, where names may be made and taken by anybody who has the right. Errors: EPERM for a directory
/// whose entries the host makes; ENOENT for one that has been taken away.
pub(super) fn open_to_change<'a>(dir: &'a Arc<Dentry>, action: &str) -> Result<&'a Arc<PseudoNode>> {
    let parent = living(dir)?;
    match parent.kind() {
        PseudoKind::Directory => Ok(parent),
        _ => Err(TreeError::PseudoOnly { path: show(&dir.path()), action: action.to_owned() }.into()),
    }
}

fn living(dir: &Arc<Dentry>) -> Result<&Arc<PseudoNode>> {
    let Inode::Pseudo(parent) = dir.inode() else { return Err(Errno::EPERM.into()) };
    if parent.is_gone() {
        return Err(Errno::ENOENT.into());
    }
    if parent.is_passing() || !dir.inode().is_directory() {
        return Err(Errno::EPERM.into());
    }
    Ok(parent)
}

/// POSIX: in a directory with the sticky bit only the owners of entry and directory take an entry away. Errors: EPERM.
pub(super) fn may_take(caller: &Caller, dir: &PseudoNode, entry: &Inode) -> Result<()> {
    let dir = dir.attr();
    let owner = caller.uid == 0 || caller.uid == dir.uid || caller.uid == entry.attr(&caller.ctx())?.uid;
    if dir.mode & mode::S_ISVTX != 0 && !owner {
        return Err(Errno::EPERM.into());
    }
    Ok(())
}

/// `S_IXGRP`.
const GROUP_EXECUTES: u32 = 0o010;

impl Tree {
    /// Makes a node in the host's own tree, owned by the caller; in a set-group-id directory by the directory's
    /// group. Errors: EPERM, ENOENT, EEXIST, ENOSPC too many names.
    pub(super) fn add_pseudo(
        &self,
        caller: &Caller,
        dir: &Arc<Dentry>,
        name: &[u8],
        kind: PseudoKind,
        permissions: u32,
    ) -> Result<Arc<Dentry>> {
        open_to_change(dir, "make anything there")?;
        self.add_by_host(caller, dir, name, kind, permissions)
    }

    fn add_by_host(
        &self,
        caller: &Caller,
        dir: &Arc<Dentry>,
        name: &[u8],
        kind: PseudoKind,
        mut permissions: u32,
    ) -> Result<Arc<Dentry>> {
        let parent = living(dir)?;
        let above = parent.attr();
        let mut gid = caller.gid;
        if above.mode & mode::S_ISGID != 0 {
            gid = above.gid;
            if kind.file_type() == mode::S_IFDIR {
                permissions |= mode::S_ISGID;
            } else if permissions & GROUP_EXECUTES != 0 && caller.uid != 0 && !caller.is_in(gid) {
                // Else anybody could make programs that run as that group.
                permissions &= !mode::S_ISGID;
            }
        }
        let node = PseudoNode::new(self.next_id(), kind, permissions, (caller.uid, gid));
        self.put_pseudo(dir, name, &node, false)
    }

    /// Makes a file in RAM. Errors: EACCES, EPERM, ENOENT the directory is gone, EEXIST, ENOSPC too many names.
    pub fn add_file(
        &self,
        caller: &Caller,
        dir: &Arc<Dentry>,
        name: &[u8],
        permissions: u32,
    ) -> Result<Arc<Dentry>> {
        self.may_change(caller, dir)?;
        let file = PseudoKind::File(Arc::new(RamFile::new(&self.files)));
        self.add_pseudo(caller, dir, name, file, permissions & 0o7777 & !caller.umask)
    }

    /// Gives a file or link of the host's own tree one more name. Errors: EPERM for a device's node, ENOENT, EEXIST.
    pub(super) fn link_pseudo(&self, old: &Arc<Dentry>, dir: &Arc<Dentry>, name: &[u8]) -> Result<()> {
        open_to_change(dir, "make links there")?;
        if let Some(above) = old.parent() {
            open_to_change(&above, "make links of what is there")?;
        }
        let linkable = |node: &PseudoNode| {
            !node.is_passing() && matches!(node.kind(), PseudoKind::File(_) | PseudoKind::Link(_))
        };
        match old.inode() {
            Inode::Pseudo(node) if linkable(node) => self.put_pseudo(dir, name, node, true).map(drop),
            _ => Err(TreeError::PseudoOnly {
                path: show(&old.path()),
                action: "link what is no file".to_owned(),
            }
            .into()),
        }
    }

    /// Names a node: a new one, or one that has a name once more.
    fn put_pseudo(
        &self,
        dir: &Arc<Dentry>,
        name: &[u8],
        node: &Arc<PseudoNode>,
        again: bool,
    ) -> Result<Arc<Dentry>> {
        let exists = || TreeError::Exists { path: show(&[&dir.path(), &b"/"[..], name].concat()) };
        // What the directory makes up has its name too. The host's own caller is no task.
        if dir.made_child(&Caller::host().ctx(), name)?.is_some() {
            return Err(exists().into());
        }
        let _shape = lock(&self.shape);
        let parent = living(dir)?;
        if node.is_gone() {
            return Err(Errno::ENOENT.into());
        }
        let dentry = Dentry::child(dir, name, Inode::Pseudo(node.clone()));
        let entry_number = parent.take_entry_number();
        let child = Child::There { dentry: dentry.clone(), stamp: Stamp::FOR_EVER, entry_number };
        let mut children = write(&dir.children);
        if children.contains_key(name) {
            return Err(exists().into());
        }
        if self.names.load(Ordering::Relaxed) >= NAMES_MAX {
            return Err(Errno::ENOSPC.into());
        }
        self.names.fetch_add(1, Ordering::Relaxed);
        children.insert(name.into(), child);
        drop(children);
        parent.touched(i32::from(dentry.inode().is_directory()));
        if again {
            node.named(1);
        }
        Ok(dentry)
    }

    /// Makes a directory, and in the host's own tree all that are missing on the way. Errors: EPERM inside a volume.
    pub(super) fn make_directories(&self, caller: &Caller, path: &[u8]) -> Result<Arc<Dentry>> {
        let mut at = self.root();
        for name in path.split(|b| *b == b'/').filter(|n| !n.is_empty() && *n != b".") {
            if name == b".." {
                at = at.parent().unwrap_or(at);
                continue;
            }
            at = match self.find(caller, &at, name, Follow::Yes) {
                Ok(there) => there,
                Err(e) if e.errno() == Errno::ENOENT => match at.inode() {
                    Inode::Pseudo(_) => self.add_by_host(caller, &at, name, PseudoKind::Directory, 0o755)?,
                    Inode::Volume(_) => return Err(Errno::EPERM.into()),
                },
                Err(e) => return Err(e),
            };
            super::need_directory(at.inode())?;
        }
        Ok(at)
    }

    /// Whether an entry of a directory of the host's own may be taken by this caller. Errors: EPERM.
    pub(super) fn may_take_pseudo(&self, caller: &Caller, dir: &Arc<Dentry>, entry: &Dentry) -> Result<()> {
        match dir.inode() {
            Inode::Pseudo(node) => {
                open_to_change(dir, "take anything away there")?;
                may_take(caller, node, entry.inode())
            }
            Inode::Volume(_) => Ok(()),
        }
    }

    /// Takes away a directory that was made for a mount, if it is still empty. Its parents stay: they may have been
    /// made for others too.
    pub(super) fn remove_made(&self, dentry: &Arc<Dentry>) {
        let _ = self.remove_pseudo(dentry);
    }

    /// Takes a name of the host's own tree away. Errors: EBUSY (the root, a mount point), ENOTEMPTY, ENOENT (another was
    /// faster), EPERM for what is made up.
    pub(super) fn remove_pseudo(&self, dentry: &Arc<Dentry>) -> Result<()> {
        let Inode::Pseudo(node) = dentry.inode() else { return Err(Errno::EBUSY.into()) };
        if node.is_passing() {
            return Err(Errno::EPERM.into());
        }
        let taken = {
            let _shape = lock(&self.shape);
            let Some(parent) = dentry.parent() else { return Err(Errno::EBUSY.into()) };
            if dentry.mounted().is_some() {
                return Err(Errno::EBUSY.into());
            }
            let name = dentry.name();
            let mut siblings = write(&parent.children);
            match siblings.get(&name) {
                Some(Child::There { dentry: there, .. }) if Arc::ptr_eq(there, dentry) => {}
                _ => return Err(Errno::ENOENT.into()),
            }
            if !read(&dentry.children).is_empty() {
                return Err(Errno::ENOTEMPTY.into());
            }
            let taken = siblings.remove(&name);
            drop(siblings);
            self.names.fetch_sub(1, Ordering::Relaxed);
            node.named(-1);
            if let Inode::Pseudo(parent) = parent.inode() {
                parent.touched(-i32::from(dentry.inode().is_directory()));
            }
            taken
        };
        // Without a lock: the end of a node may call a driver.
        drop(taken);
        Ok(())
    }

    /// Whether a volume can be mounted on a directory, as far as the host's own tree has a say. Errors: ENOENT it has been
    /// taken away; EPERM it is made for each look anew.
    pub(super) fn can_be_covered(&self, dentry: &Arc<Dentry>) -> Result<()> {
        match dentry.inode() {
            Inode::Pseudo(_) => living(dentry).map(drop),
            Inode::Volume(_) => Ok(()),
        }
    }

    /// Makes a node for the host, with all directories that are missing on the way. Errors: EINVAL, EEXIST, EPERM inside
    /// a volume.
    pub fn add_device(&self, path: &[u8], kind: PseudoKind, permissions: u32) -> Result<Arc<Dentry>> {
        let caller = Caller::host();
        let cut = path.iter().rposition(|b| *b == b'/').unwrap_or(0);
        let (dir, name) = (&path[..cut], &path[(cut + 1).min(path.len())..]);
        if path.first() != Some(&b'/') || name.is_empty() || name == b"." || name == b".." {
            return Err(Errno::EINVAL.into());
        }
        let dir = self.make_directories(&caller, dir)?;
        if self.child(&caller.ctx(), &dir, name)?.is_some() {
            return Err(TreeError::Exists { path: show(path) }.into());
        }
        self.add_by_host(&caller, &dir, name, kind, permissions)
    }

    /// Takes the node of a device away.
    pub fn remove_device(&self, dentry: &Arc<Dentry>) -> Result<()> {
        self.remove_pseudo(dentry)
    }
}
