//! The bound of the dentry cache: a mount remembers so many names; beyond that the oldest unused ones go.

use std::collections::VecDeque;

use super::dentry::{Asked, Child, Dentry, Stamp};
use crate::base::sync::{Arc, AtomicUsize, Mutex, Ordering, Weak, lock, read, write};

/// Names that one mount may remember, and as many that are not there. A dentry costs about 300 bytes.
pub(super) const MAX_NAMES: usize = 64 * 1024;
/// Names without a file that one directory may remember.
const MAX_MISSING_IN_DIRECTORY: usize = 4096;

/// The names of one mount.
#[derive(Default)]
pub(super) struct Lru {
    /// In the order in which they were learnt.
    names: Mutex<VecDeque<Weak<Dentry>>>,
    /// How many names are remembered that are not there.
    missing: Arc<AtomicUsize>,
}

/// Counts a name that is not there, as long as it is remembered.
pub(super) struct Remembered(Arc<AtomicUsize>);

impl Drop for Remembered {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lru {
    /// Remembers a child in its directory. If another thread was faster its dentry stands, and is answered.
    pub(super) fn insert(
        &self,
        dir: &Arc<Dentry>,
        name: &[u8],
        dentry: Arc<Dentry>,
        valid_until: u64,
        asked: Asked,
    ) -> Arc<Dentry> {
        let mut children = write(&dir.children);
        // What was learnt before the directory's last change may be wrong by now: it is asked again at its next use.
        let valid_until = if asked.change == dir.change_number() { valid_until } else { 0 };
        let fresh = Stamp { valid_until, epoch: asked.epoch, version: asked.moves };
        let lost = dentry.names_lost();
        if let Some(Child::There { dentry: there, stamp, number }) = children.get_mut(name)
            && same_node(there, &dentry)
        {
            (*stamp, *number) = (fresh, lost);
            return there.clone();
        }
        let child = Child::There { dentry: dentry.clone(), stamp: fresh, number: lost };
        let old = children.insert(dentry.name(), child);
        drop(children);
        drop(old);
        self.learnt(&dentry);
        dentry
    }

    /// Remembers that a name is not there.
    pub(super) fn insert_missing(&self, dir: &Dentry, name: &[u8], valid_until: u64, asked: Asked) {
        if self.missing.fetch_add(1, Ordering::Relaxed) >= MAX_NAMES {
            self.missing.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let _counted = Remembered(self.missing.clone());
        let mut children = write(&dir.children);
        if asked.change != dir.change_number() {
            // Somebody may have made the name after the file system was asked.
            return;
        }
        let stamp = Stamp { valid_until, epoch: asked.epoch, version: asked.change };
        // Counted apart from the names that are there: else each file that is made in a large directory would look at all.
        if dir.missing_learnt.fetch_add(1, Ordering::Relaxed) >= MAX_MISSING_IN_DIRECTORY {
            dir.missing_learnt.store(1, Ordering::Relaxed);
            children.retain(|_, child| matches!(child, Child::There { .. }));
        }
        let old = children.insert(name.into(), Child::Missing { stamp, _counted });
        drop(children);
        drop(old);
    }

    /// How many names are remembered; also some that are forgotten by now.
    pub(super) fn len(&self) -> usize {
        lock(&self.names).len() + self.missing.load(Ordering::Relaxed)
    }

    fn learnt(&self, dentry: &Arc<Dentry>) {
        let mut names = lock(&self.names);
        names.push_back(Arc::downgrade(dentry));
        let mut victims = Vec::new();
        // A few at a time: the cost of a name is paid by who learns one.
        for _ in 0..4 {
            if names.len() <= MAX_NAMES {
                break;
            }
            let Some(oldest) = names.pop_front() else { break };
            let Some(oldest) = oldest.upgrade() else { continue };
            if evictable(&oldest) {
                victims.push(oldest);
            } else {
                names.push_back(Arc::downgrade(&oldest));
            }
        }
        drop(names);
        for victim in victims {
            evict(&victim);
        }
    }
}

fn same_node(a: &Dentry, b: &Dentry) -> bool {
    match (a.inode(), b.inode()) {
        (super::Inode::Volume(a), super::Inode::Volume(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

/// Whether nobody but its directory and this function knows the dentry, and it knows no name itself.
fn evictable(dentry: &Arc<Dentry>) -> bool {
    let has_names = || read(&dentry.children).values().any(|child| matches!(child, Child::There { .. }));
    Arc::strong_count(dentry) == 2 && dentry.mounted().is_none() && !has_names()
}

fn evict(victim: &Arc<Dentry>) {
    let Some(parent) = victim.parent() else { return };
    let name = victim.name();
    let mut children = write(&parent.children);
    // Looked at again under the lock by which others would learn of it.
    if evictable(victim)
        && let Some(Child::There { dentry, .. }) = children.get(&name)
        && Arc::ptr_eq(dentry, victim)
    {
        let child = children.remove(&name);
        drop(children);
        drop(child);
    }
}
