//! A name in the tree.
//!
//! A dentry holds its parent and, as a cache, its children; that circle is broken by whoever takes a child out of its
//! parent: eviction, a change, the end of the mount. In the pseudo tree the children are no cache but the truth.

use std::collections::HashMap;

use super::cache::Remembered;
use super::inode::{Inode, still_valid};
use super::mount::Mount;
use crate::base::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Ordering, RwLock, read, write};

/// What stood before a file system was asked for a name: what changes from then on makes its answer old.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// The mount's number of invalidations.
    pub(super) epoch: u64,
    /// The directory's number of changes.
    pub(super) change: u64,
    /// The directory's number of moves.
    pub(super) moves: u64,
}

/// What happened to the names of a directory. It is counted by its node: where names are folded, several dentries may be
/// the same directory, and what changes by one is changed for all.
#[derive(Default)]
pub(super) struct Counts {
    changes: AtomicU64,
    moves: AtomicU64,
}

/// How long knowledge of a name may be trusted.
///
/// Where names are folded, several spellings name one entry, and only one of them is taken out when it changes. So a name
/// that is there is trusted as long as nothing of the directory was renamed and its node lost no name, and one that is not
/// there as long as nothing changed in the directory.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    /// Until this time.
    pub(super) valid_until: u64,
    /// The mount's number of invalidations when it was learnt.
    pub(super) epoch: u64,
    /// The directory's number of moves then, of a name that is not there its number of changes.
    pub(super) version: u64,
}

impl Stamp {
    /// For the pseudo tree, where the dentries are the truth.
    pub(super) const FOR_EVER: Self = Self { valid_until: u64::MAX, epoch: 0, version: 0 };
}

/// What a directory remembers of a name.
pub(super) enum Child {
    /// It is there.
    There {
        /// The name.
        dentry: Arc<Dentry>,
        /// How long that may be trusted.
        stamp: Stamp,
        /// In a pseudo directory: its place in listings. In a volume's: how many names its node had lost when it was
        /// learnt.
        number: u64,
    },
    /// It is not there.
    Missing {
        /// How long that may be trusted.
        stamp: Stamp,
        /// Counts it.
        _counted: Remembered,
    },
}

/// Answer of the cache.
pub(super) enum Cached {
    /// The name is there.
    Hit(Arc<Dentry>),
    /// The name is not there.
    Absent,
    /// Nothing is known.
    Unknown,
}

pub(super) type Children = HashMap<Arc<[u8]>, Child, foldhash::fast::RandomState>;

struct Place {
    parent: Option<Arc<Dentry>>,
    name: Arc<[u8]>,
}

/// A name in the tree, and what it leads to.
pub struct Dentry {
    place: RwLock<Place>,
    inode: Inode,
    pub(super) children: RwLock<Children>,
    /// Names that were learnt not to be there since those were last forgotten; changed under the lock of the children.
    pub(super) missing_learnt: AtomicUsize,
    /// Of a directory of the pseudo tree.
    counts: Counts,
    /// Whether a volume is mounted here: spares the lock on the way.
    covered: AtomicBool,
    mounted: RwLock<Option<Arc<Mount>>>,
}

impl Dentry {
    pub(super) fn root(inode: Inode) -> Arc<Self> {
        Self::place(None, Arc::from(&b""[..]), inode)
    }

    pub(super) fn child(parent: &Arc<Self>, name: &[u8], inode: Inode) -> Arc<Self> {
        Self::place(Some(parent.clone()), name.into(), inode)
    }

    /// The root of a volume stands where the directory that it covers stands.
    pub(super) fn over(covered: &Arc<Self>, inode: Inode) -> Arc<Self> {
        let (parent, name) = {
            let place = read(&covered.place);
            (place.parent.clone(), place.name.clone())
        };
        Self::place(parent, name, inode)
    }

    fn place(parent: Option<Arc<Self>>, name: Arc<[u8]>, inode: Inode) -> Arc<Self> {
        Arc::new(Self {
            place: RwLock::new(Place { parent, name }),
            inode,
            children: RwLock::default(),
            missing_learnt: AtomicUsize::new(0),
            counts: Counts::default(),
            covered: AtomicBool::new(false),
            mounted: RwLock::new(None),
        })
    }

    /// What the name leads to.
    pub fn inode(&self) -> &Inode {
        &self.inode
    }

    /// The directory that holds it; `None` for the root.
    pub fn parent(&self) -> Option<Arc<Self>> {
        read(&self.place).parent.clone()
    }

    /// The name.
    pub fn name(&self) -> Arc<[u8]> {
        read(&self.place).name.clone()
    }

    pub(super) fn move_to(&self, parent: &Arc<Self>, name: &[u8]) {
        *write(&self.place) = Place { parent: Some(parent.clone()), name: name.into() };
    }

    /// The absolute path.
    pub fn path(self: &Arc<Self>) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = self.clone();
        while let Some(parent) = at.parent() {
            names.push(at.name());
            at = parent;
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        path
    }

    /// The volume that is mounted here.
    pub fn mounted(&self) -> Option<Arc<Mount>> {
        if !self.covered.load(Ordering::Acquire) {
            return None;
        }
        read(&self.mounted).clone()
    }

    pub(super) fn set_mounted(&self, mount: Option<Arc<Mount>>) {
        let mut mounted = write(&self.mounted);
        self.covered.store(mount.is_some(), Ordering::Release);
        *mounted = mount;
    }

    /// Whether a volume is mounted here.
    #[inline]
    pub(super) fn is_covered(&self) -> bool {
        self.covered.load(Ordering::Acquire)
    }

    /// The dentry that users see here: the root of what is mounted here, and there, and so on.
    pub fn topmost(self: &Arc<Self>) -> Arc<Self> {
        let mut at = self.clone();
        while let Some(root) = at.mounted().and_then(|m| m.used_root()) {
            at = root;
        }
        at
    }

    fn counts(&self) -> &Counts {
        match &self.inode {
            Inode::Volume(node) => node.counts(),
            Inode::Pseudo(_) => &self.counts,
        }
    }

    /// Number of changes that the host made in this directory.
    pub(super) fn change_number(&self) -> u64 {
        self.counts().changes.load(Ordering::Acquire)
    }

    pub(super) fn note_change(&self) {
        self.counts().changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Something was renamed, from here or to here: whatever is known by a spelling may be something else by now.
    pub(super) fn note_move(&self) {
        self.counts().moves.fetch_add(1, Ordering::AcqRel);
        self.note_change();
    }

    /// What stands before a file system is asked for a name.
    pub(super) fn ask(&self, epoch: u64) -> Asked {
        Asked { epoch, change: self.change_number(), moves: self.counts().moves.load(Ordering::Acquire) }
    }

    /// What is known of a name. `folded`: different spellings may name the same entry. `epoch`: the mount's number of
    /// invalidations.
    pub(super) fn cached(&self, name: &[u8], folded: bool, epoch: u64) -> Cached {
        let fresh = |stamp: &Stamp, version: &AtomicU64| {
            stamp.epoch == epoch
                && still_valid(stamp.valid_until)
                && (!folded || stamp.version == version.load(Ordering::Acquire))
        };
        match read(&self.children).get(name) {
            Some(Child::There { dentry, stamp, number })
                if fresh(stamp, &self.counts().moves) && (!folded || *number == dentry.names_lost()) =>
            {
                Cached::Hit(dentry.clone())
            }
            Some(Child::Missing { stamp, .. }) if fresh(stamp, &self.counts().changes) => Cached::Absent,
            _ => Cached::Unknown,
        }
    }

    /// How many names its node has lost.
    #[inline]
    pub(super) fn names_lost(&self) -> u64 {
        match &self.inode {
            Inode::Volume(node) => node.names_lost(),
            Inode::Pseudo(_) => 0,
        }
    }

    /// The child that has a name, whatever may have changed since it was learnt.
    pub(super) fn known_child(&self, name: &[u8]) -> Option<Arc<Self>> {
        match read(&self.children).get(name) {
            Some(Child::There { dentry, .. }) => Some(dentry.clone()),
            _ => None,
        }
    }

    /// Entries of a pseudo directory after the one with this number, at most `limit`, in the order in which they
    /// were made.
    pub(super) fn pseudo_children_after(&self, number: u64, limit: usize) -> Vec<(u64, Arc<Self>)> {
        let mut entries: Vec<(u64, Arc<Self>)> = read(&self.children)
            .values()
            .filter_map(|child| match child {
                Child::There { dentry, number: entry_number, .. } if *entry_number > number => {
                    Some((*entry_number, dentry.clone()))
                }
                _ => None,
            })
            .collect();
        entries.sort_unstable_by_key(|(number, _)| *number);
        entries.truncate(limit);
        entries
    }

    /// Forgets that a name is not there.
    pub(super) fn forget_missing(&self, name: &[u8]) {
        let mut children = write(&self.children);
        if matches!(children.get(name), Some(Child::Missing { .. })) {
            children.remove(name);
        }
    }

    /// Takes a name out.
    pub(super) fn forget_child(&self, name: &[u8]) -> Option<Child> {
        write(&self.children).remove(name)
    }

    /// Forgets everything below. Without recursion: a volume may be deep.
    pub(super) fn prune(&self) {
        let mut left: Vec<Child> = write(&self.children).drain().map(|(_, child)| child).collect();
        while let Some(child) = left.pop() {
            if let Child::There { dentry, .. } = child {
                left.extend(write(&dentry.children).drain().map(|(_, child)| child));
            }
        }
    }
}
