//! The kernel's numbers of nodes.
//!
//! A number is the inode's own wherever it is free, for it is also what users see as `st_ino`: the same for all names of
//! a file, and the same again after the kernel forgot it. It is taken when a node that was unlinked still has it, and
//! when two volumes of one tree have the same: then another is made up.

use std::collections::{HashMap, HashSet};

use crate::base::sync::{Arc, RwLock, read, write};
use crate::base::{Errno, Result};
use crate::tree::{Dentry, Inode};

/// Number of the root, by the kernel's choice.
pub(super) const ROOT: u64 = 1;
/// Numbers that are made up begin here.
const MADE_UP: u64 = 1 << 62;
/// Bits of a number that are the inode's; above are those of its volume.
const INODE_BITS: u32 = 48;

/// A name by which the kernel knows a node: directory and spelling.
pub(super) type Spot = (u64, Box<[u8]>);

struct Node {
    dentry: Arc<Dentry>,
    /// How often the kernel was told of it, less what it forgot.
    told: u64,
    /// Where names have several spellings: the one that the kernel keeps.
    kept: Option<Spot>,
    doubt: Doubt,
}

/// Whether the kernel may open a node by a name that it does not have any more.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Doubt {
    #[default]
    No,
    /// It was moved by another spelling than the kernel keeps.
    Moved,
    /// It was removed so.
    Removed,
}

#[derive(Default)]
struct Table {
    by_number: HashMap<u64, Node, foldhash::fast::RandomState>,
    /// By the address of the inode, which lives as long as its entry.
    by_inode: HashMap<usize, u64, foldhash::fast::RandomState>,
    made_up: u64,
    /// Those in doubt because they were moved.
    moved: HashSet<u64>,
}

/// The nodes that the kernel knows.
pub(super) struct Nodes(RwLock<Table>);

fn address(inode: &Inode) -> usize {
    match inode {
        Inode::Pseudo(node) => Arc::as_ptr(node) as usize,
        Inode::Volume(node) => Arc::as_ptr(node) as usize,
    }
}

impl Nodes {
    /// Only the root, which is never forgotten.
    pub(super) fn new(root: Arc<Dentry>) -> Self {
        let mut table = Table::default();
        table.by_inode.insert(address(root.inode()), ROOT);
        table.by_number.insert(ROOT, Node { dentry: root, told: u64::MAX / 2, kept: None, doubt: Doubt::No });
        Self(RwLock::new(table))
    }

    /// A node. Errors: ESTALE it was forgotten.
    pub(super) fn get(&self, number: u64) -> Result<Arc<Dentry>> {
        read(&self.0).by_number.get(&number).map(|node| node.dentry.clone()).ok_or(Errno::ESTALE.into())
    }

    /// The number of an entry in a listing of `dir`, whose node nobody looked for.
    pub(super) fn listed(&self, dir: &Dentry, ino: u64) -> u64 {
        self.wish(&read(&self.0), dir.inode(), ino)
    }

    fn wish(&self, table: &Table, inode: &Inode, ino: u64) -> u64 {
        let volume = |inode: &Inode| inode.mount().map_or(0, |mount| mount.id());
        let root = table.by_number.get(&ROOT).map_or(0, |root| volume(root.dentry.inode()));
        let own = volume(inode);
        if own == root || ino >> INODE_BITS != 0 { ino } else { (own & 0x3fff) << INODE_BITS | ino }
    }

    /// The kernel is told of a node once more; answers its number.
    pub(super) fn tell(&self, dentry: &Arc<Dentry>, ino: u64) -> u64 {
        let table = &mut *write(&self.0);
        let address = address(dentry.inode());
        if let Some(number) = table.by_inode.get(&address) {
            let number = *number;
            if let Some(node) = table.by_number.get_mut(&number) {
                node.told += 1;
                if !Arc::ptr_eq(&node.dentry, dentry) {
                    node.dentry = dentry.clone();
                }
            }
            return number;
        }
        let wish = self.wish(table, dentry.inode(), ino);
        let number = if wish <= ROOT || wish >= MADE_UP || table.by_number.contains_key(&wish) {
            table.made_up += 1;
            MADE_UP + table.made_up
        } else {
            wish
        };
        table.by_inode.insert(address, number);
        table
            .by_number
            .insert(number, Node { dentry: dentry.clone(), told: 1, kept: None, doubt: Doubt::No });
        number
    }

    /// The kernel forgets what it was told `count` times.
    pub(super) fn forget(&self, number: u64, count: u64) {
        let gone = {
            let table = &mut *write(&self.0);
            let Some(node) = table.by_number.get_mut(&number) else { return };
            node.told = node.told.saturating_sub(count);
            if node.told > 0 {
                return;
            }
            let gone = table.by_number.remove(&number);
            table.moved.remove(&number);
            if let Some(node) = &gone {
                table.by_inode.remove(&address(node.dentry.inode()));
            }
            gone
        };
        // Without the lock: the end of a node calls its file system.
        drop(gone);
    }

    /// The kernel learns a spelling of a node; answers whether it may keep it. It keeps one of each node, so that none
    /// outlives the name by another.
    pub(super) fn keep(&self, number: u64, dir: u64, name: &[u8]) -> bool {
        let table = &mut *write(&self.0);
        let Some(node) = table.by_number.get_mut(&number) else { return false };
        let (kept_dir, kept) = node.kept.get_or_insert_with(|| (dir, name.into()));
        *kept_dir == dir && **kept == *name
    }

    /// A node's name moved from one place to another, or away, by these spellings; answers its number, and
    /// the place of a spelling that the kernel must be told to forget.
    pub(super) fn moved(
        &self,
        dentry: &Dentry,
        from: (u64, &[u8]),
        to: Option<(u64, &[u8])>,
    ) -> Option<(u64, Spot)> {
        let table = &mut *write(&self.0);
        let number = table.by_inode.get(&address(dentry.inode()))?;
        let node = table.by_number.get_mut(number)?;
        let kept = std::mem::replace(&mut node.kept, to.map(|(dir, name)| (dir, name.into())));
        let outdated = kept.filter(|(dir, name)| (*dir, &**name) != from)?;
        node.doubt = if to.is_some() { Doubt::Moved } else { Doubt::Removed };
        let number = *number;
        if to.is_some() {
            table.moved.insert(number);
        }
        Some((number, outdated))
    }

    /// Whether the kernel may open a node by a name that it does not have any more.
    pub(super) fn is_doubted(&self, number: u64) -> bool {
        read(&self.0).by_number.get(&number).is_some_and(|node| node.doubt != Doubt::No)
    }

    /// The kernel was told of all names that nodes do not have any more. What was removed has none.
    pub(super) fn trust(&self) {
        let table = &mut *write(&self.0);
        for number in std::mem::take(&mut table.moved) {
            if let Some(node) = table.by_number.get_mut(&number)
                && node.doubt == Doubt::Moved
            {
                node.doubt = Doubt::No;
            }
        }
    }
}
