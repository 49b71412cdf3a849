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
use crate::device::{Openable, RamFile};

/// The directory's node, where names may be made and taken by anybody who has the right. Errors: EPERM for a directory
/// whose entries the host makes; ENOENT for one that has been taken away.
pub(super) fn open_to_change<'a>(dir: &'a Arc<Dentry>, action: &str) -> Result<&'a Arc<PseudoNode>> {
    let parent = living(dir)?;
    match parent.kind() {
        PseudoKind::Directory => Ok(parent),
        _ => Err(TreeError::PseudoOnly { path: show(&dir.path()), action: action.to_owned() }.into()),
    }
}

/// Whether names may be taken away in a directory, as far as the host's own tree has a say. Errors: as for
/// [`open_to_change`].
pub(super) fn open_to_take(dir: &Arc<Dentry>) -> Result<()> {
    match dir.inode() {
        Inode::Pseudo(_) => open_to_change(dir, "take anything away there").map(drop),
        Inode::Volume(_) => Ok(()),
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
        permissions: u32,
    ) -> Result<Arc<Dentry>> {
        let (ctx, mode) = caller.making_in(&living(dir)?.attr(), kind.file_type() | permissions);
        let node = PseudoNode::new(self.next_id(), kind, mode & 0o7777, (ctx.uid, ctx.gid));
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
        self.add_pseudo(caller, dir, name, file, permissions & 0o7777 & !caller.umask())
    }

    /// Gives a file, link or FIFO of the host's own tree one more name. Errors: EPERM for a device's node, ENOENT, EEXIST.
    pub(super) fn link_pseudo(&self, old: &Arc<Dentry>, dir: &Arc<Dentry>, name: &[u8]) -> Result<()> {
        open_to_change(dir, "make links there")?;
        if let Some(above) = old.parent() {
            open_to_change(&above, "make links of what is there")?;
        }
        let linkable = |node: &PseudoNode| {
            !node.is_passing() && !node.is_attached() && node.kind().file_type() != mode::S_IFDIR
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
        let child = Child::There { dentry: dentry.clone(), stamp: Stamp::FOR_EVER, number: entry_number };
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
        } else if let rdev @ 1.. = node.attr().rdev {
            write(&self.numbers).insert(rdev, Arc::downgrade(node));
        }
        Ok(dentry)
    }

    /// A node of the caller's that no directory holds, such as a pipe's, under a name for people.
    pub fn anonymous(
        &self,
        caller: &Caller,
        kind: &str,
        object: Arc<dyn Openable>,
        permissions: u32,
    ) -> Arc<Dentry> {
        let number = self.next_id();
        let owner = (caller.uid, caller.gid);
        let node = PseudoNode::passing(number, PseudoKind::Node(object), permissions, owner);
        Dentry::child(&self.root, format!("{kind}:[{number}]").as_bytes(), Inode::Pseudo(node))
    }

    /// The device node of the host's own tree that has this number: `stat` tells it as `st_rdev`.
    pub fn device_by_number(&self, file_type: u32, rdev: u64) -> Option<Arc<PseudoNode>> {
        let node = read(&self.numbers).get(&rdev)?.upgrade()?;
        (node.kind().file_type() == file_type).then_some(node)
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
        write(&self.numbers).remove(&node.attr().rdev);
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
