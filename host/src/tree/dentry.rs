//! A name in the tree.
//!
//! A dentry holds its parent and, as a cache, its children; that circle is broken by whoever takes a child out of its
//! parent: eviction, a change, the end of the mount. In the pseudo tree the children are no cache but the truth.

use std::collections::HashMap;

use super::cache::Remembered;
use super::inode::{Inode, still_valid};
use super::mount::Mount;
use crate::base::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Ordering, RwLock, read, write};

/// How long knowledge of a name may be trusted.
#[derive(Clone, Copy)]
pub(super) struct Stamp {
    /// Until this time.
    pub(super) valid_until: u64,
    /// The directory's change number when it was learnt: counts where names are folded.
    pub(super) change: u64,
    /// The mount's number of invalidations when it was learnt.
    pub(super) epoch: u64,
}

impl Stamp {
    /// For the pseudo tree, where the dentries are the truth.
    pub(super) const FOR_EVER: Self = Self { valid_until: u64::MAX, change: 0, epoch: 0 };

    /// What was learnt before the directory's last change may be wrong by now: it is asked again at its next use.
    /// Called under the lock of the directory's children.
    pub(super) fn unless_changed(self, dir: &Dentry) -> Self {
        if self.change == dir.change_number() { self } else { Self { valid_until: 0, ..self } }
    }
}

/// What a directory remembers of a name.
pub(super) enum Child {
    /// It is there.
    There {
        /// The name.
        dentry: Arc<Dentry>,
        /// How long that may be trusted.
        stamp: Stamp,
        /// Place in listings of a pseudo directory.
        entry_number: u64,
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

pub(super) type Children = HashMap<Box<[u8]>, Child, foldhash::fast::RandomState>;

struct Place {
    parent: Option<Arc<Dentry>>,
    name: Box<[u8]>,
}

/// A name in the tree, and what it leads to.
pub struct Dentry {
    place: RwLock<Place>,
    inode: Inode,
    pub(super) children: RwLock<Children>,
    /// Names that were learnt not to be there since those were last forgotten; changed under the lock of the children.
    pub(super) missing_learnt: AtomicUsize,
    changes: AtomicU64,
    /// Whether a volume is mounted here: spares the lock on the way.
    covered: AtomicBool,
    mounted: RwLock<Option<Arc<Mount>>>,
}

impl Dentry {
    pub(super) fn root(inode: Inode) -> Arc<Self> {
        Self::place(None, Box::from(&b""[..]), inode)
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

    fn place(parent: Option<Arc<Self>>, name: Box<[u8]>, inode: Inode) -> Arc<Self> {
        Arc::new(Self {
            place: RwLock::new(Place { parent, name }),
            inode,
            children: RwLock::default(),
            missing_learnt: AtomicUsize::new(0),
            changes: AtomicU64::new(0),
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
    pub fn name(&self) -> Box<[u8]> {
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

    /// The dentry that users see here: the root of what is mounted here, and there, and so on.
    pub fn topmost(self: &Arc<Self>) -> Arc<Self> {
        let mut at = self.clone();
        while let Some(root) = at.mounted().and_then(|m| m.used_root()) {
            at = root;
        }
        at
    }

    /// Number of changes that the host made in this directory.
    pub(super) fn change_number(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    pub(super) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// What is known of a name. `folded`: different spellings may name the same entry, so that knowledge ends with
    /// the next change in the directory. `epoch`: the mount's number of invalidations.
    pub(super) fn cached(&self, name: &[u8], folded: bool, epoch: u64) -> Cached {
        let fresh = |stamp: &Stamp| {
            stamp.epoch == epoch
                && still_valid(stamp.valid_until)
                && (!folded || stamp.change == self.change_number())
        };
        match read(&self.children).get(name) {
            Some(Child::There { dentry, stamp, .. }) if fresh(stamp) => Cached::Hit(dentry.clone()),
            Some(Child::Missing { stamp, .. }) if fresh(stamp) => Cached::Absent,
            _ => Cached::Unknown,
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
                Child::There { dentry, entry_number, .. } if *entry_number > number => {
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
