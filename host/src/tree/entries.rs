//! Directories whose entries are made for who looks: `/proc/self` is another for each task.

use nxvfs_abi::Ctx;

use super::dentry::Dentry;
use super::inode::Inode;
use super::pseudo::{PseudoKind, PseudoNode};
use crate::base::Result;
use crate::base::sync::Arc;

/// What an entry leads to.
pub struct Entry {
    /// Number of the inode; the same each time for the same thing.
    pub ino: u64,
    /// What it is.
    pub kind: PseudoKind,
    /// Permission bits.
    pub permissions: u32,
    /// User and group.
    pub owner: (u32, u32),
}

/// An entry in a listing.
pub struct Listed {
    /// Place in the listing: 1 or more, less than 2^60, rising, and the entry's own as long as it is there.
    pub number: u64,
    /// The name.
    pub name: Vec<u8>,
    /// What it leads to.
    pub entry: Entry,
}

/// Makes entries. `ctx` tells who looks. Any thread; calls may overlap; no lock of the tree is held.
pub trait Entries: Send + Sync {
    /// The entry of a name; `None` if there is none.
    fn lookup(&self, ctx: &Ctx, name: &[u8]) -> Result<Option<Entry>>;

    /// The entries after a place, in their order, at most `limit`.
    fn list(&self, ctx: &Ctx, after: u64, limit: usize) -> Result<Vec<Listed>>;
}

/// One entry of a directory of the host's own.
pub struct PseudoEntry {
    /// Its place.
    pub number: u64,
    /// Its name.
    pub name: Vec<u8>,
    /// Number of the inode.
    pub ino: u64,
    /// `S_IFMT` bits.
    pub file_type: u32,
}

/// Places from here on are those of made entries; below are those that the directory's dentry holds.
const MADE: u64 = 1 << 60;

impl Entry {
    fn inode(self) -> Inode {
        Inode::Pseudo(PseudoNode::passing(self.ino, self.kind, self.permissions, self.owner))
    }
}

impl Dentry {
    /// A name in a directory of the host's own that the directory makes up; a dentry for this look only.
    pub(super) fn made_child(self: &Arc<Self>, ctx: &Ctx, name: &[u8]) -> Result<Option<Arc<Self>>> {
        let Inode::Pseudo(node) = self.inode() else { return Ok(None) };
        let PseudoKind::Made(entries) = node.kind() else { return Ok(None) };
        let entry = entries.lookup(ctx, name)?;
        Ok(entry.map(|entry| Self::child(self, name, entry.inode())))
    }

    /// Entries of a directory of the host's own after a place, at most `limit`: in the order in which they were made,
    /// then those that are made up. None at the end.
    pub fn pseudo_entries(self: &Arc<Self>, ctx: &Ctx, after: u64, limit: usize) -> Result<Vec<PseudoEntry>> {
        let mut out = Vec::new();
        if after < MADE {
            for (number, dentry) in self.pseudo_children_after(after, limit) {
                let name = dentry.name().to_vec();
                // A volume that fails does not hide the others: it is told as the directory that it covers.
                let attr = dentry.topmost().inode().attr(ctx).or_else(|_| dentry.inode().attr(ctx))?;
                out.push(PseudoEntry { number, name, ino: attr.ino, file_type: attr.file_type() });
            }
        }
        if let Inode::Pseudo(node) = self.inode()
            && let PseudoKind::Made(entries) = node.kind()
            && out.len() < limit
        {
            let listed = entries.list(ctx, after.saturating_sub(MADE), limit - out.len())?;
            out.extend(listed.into_iter().map(|Listed { number, name, entry }| PseudoEntry {
                number: MADE + number,
                name,
                ino: entry.ino,
                file_type: entry.kind.file_type(),
            }));
        }
        Ok(out)
    }

    /// What the host's own tree has below, without what is made up.
    pub fn pseudo_below(self: &Arc<Self>) -> Vec<Arc<Self>> {
        let (mut out, mut left) = (Vec::new(), vec![self.clone()]);
        while let Some(dir) = left.pop() {
            for (_, dentry) in dir.pseudo_children_after(0, usize::MAX) {
                left.push(dentry.clone());
                out.push(dentry);
            }
        }
        out
    }

    /// Whether the name that it had is another's by now, or nobody's.
    pub fn is_deleted(self: &Arc<Self>) -> bool {
        if let Inode::Pseudo(node) = self.inode()
            && node.is_passing()
        {
            return false;
        }
        match self.parent() {
            Some(parent) => {
                parent.known_child(&self.name()).is_none_or(|c| !Arc::ptr_eq(&c.topmost(), &self.topmost()))
            }
            None => false,
        }
    }
}
