//! The host's own tree: its directories and the nodes of devices.

use super::access::Caller;
use super::dentry::{Child, Dentry, Stamp};
use super::inode::Inode;
use super::pseudo::{PseudoKind, PseudoNode};
use super::walk::Follow;
use super::{Tree, TreeError, show};
use crate::base::sync::{Arc, read, write};
use crate::base::{Errno, Result};
use crate::device::Openable;

impl Tree {
    /// Makes a node in the host's own tree.
    pub(super) fn add_pseudo(
        &self,
        dir: &Arc<Dentry>,
        name: &[u8],
        kind: PseudoKind,
        permissions: u32,
    ) -> Result<Arc<Dentry>> {
        let Inode::Pseudo(parent) = dir.inode() else { return Err(Errno::EPERM.into()) };
        let links = i32::from(matches!(kind, PseudoKind::Directory));
        let node = PseudoNode::new(self.next_id(), kind, permissions);
        let rdev = node.attr().rdev;
        let numbered = (rdev != 0).then(|| Arc::downgrade(&node));
        let dentry = Dentry::child(dir, name, Inode::Pseudo(node));
        let entry_number = parent.take_entry_number();
        let child = Child::There { dentry: dentry.clone(), stamp: Stamp::FOR_EVER, entry_number };
        let mut children = write(&dir.children);
        if children.contains_key(name) {
            return Err(TreeError::Exists { path: show(&dentry.path()) }.into());
        }
        children.insert(name.into(), child);
        drop(children);
        if let Some(node) = numbered {
            write(&self.numbers).insert(rdev, node);
        }
        parent.touched(links);
        Ok(dentry)
    }

    /// A node that no directory holds, such as a pipe's, under a name for people.
    pub fn anonymous(&self, kind: &str, object: Arc<dyn Openable>, permissions: u32) -> Arc<Dentry> {
        let number = self.next_id();
        let node = PseudoNode::new(number, PseudoKind::Node(object), permissions);
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
                    Inode::Pseudo(_) => self.add_pseudo(&at, name, PseudoKind::Directory, 0o755)?,
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

    pub(super) fn remove_pseudo(&self, dentry: &Arc<Dentry>) -> Result<()> {
        let Some(parent) = dentry.parent() else { return Err(Errno::EBUSY.into()) };
        if dentry.mounted().is_some() {
            return Err(Errno::EBUSY.into());
        }
        let name = dentry.name();
        let mut siblings = write(&parent.children);
        // Under the parent's lock no entry can be made on the way to this one, and its own lock shows its entries.
        if !read(&dentry.children).is_empty() {
            return Err(Errno::ENOTEMPTY.into());
        }
        let taken = siblings.remove(&name);
        drop(siblings);
        drop(taken);
        if let Inode::Pseudo(node) = dentry.inode() {
            write(&self.numbers).remove(&node.attr().rdev);
        }
        if let Inode::Pseudo(node) = parent.inode() {
            node.touched(-i32::from(dentry.inode().is_directory()));
        }
        Ok(())
    }

    /// Makes the node of a device, with all directories that are missing on the way. Errors: EEXIST, EPERM inside
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
        self.add_pseudo(&dir, name, kind, permissions)
    }

    /// Takes the node of a device away.
    pub fn remove_device(&self, dentry: &Arc<Dentry>) -> Result<()> {
        self.remove_pseudo(dentry)
    }
}
