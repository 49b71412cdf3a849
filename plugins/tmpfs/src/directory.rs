//! The entries of a directory, by name and by cookie.
//!
//! Each entry has a cookie of its own for as long as it lives, and cookies only grow. A listing goes on behind the
//! cookie where it stopped, so what is there throughout appears exactly once, whatever comes and goes meanwhile. What
//! gets another node under its name (by a rename over it, or an exchange) keeps its cookie, and so does what gets
//! another name in the same directory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Mutex, RwLock, Weak};

use nxvfs_sdk::{Emit, Errno, Result};

use crate::inode::Inode;

/// `Directory::population` of a directory that was removed.
const REMOVED: u64 = u64::MAX;
/// What Linux adds to a directory's length for each entry.
const ENTRY_BYTES: u64 = 20;

/// A directory.
pub(crate) struct Directory {
    pub(crate) entries: RwLock<Entries>,
    /// How many entries there are or are about to be, or [`REMOVED`]. See the head of the crate.
    population: AtomicU64,
    /// Changes under `TmpFs::renames` only; leads to nothing for the root.
    pub(crate) parent: Mutex<Weak<Inode>>,
}

impl Directory {
    pub(crate) fn new(parent: Weak<Inode>) -> Self {
        Self {
            entries: RwLock::new(Entries { names: HashMap::new(), listing: BTreeMap::new(), last_cookie: 0 }),
            population: AtomicU64::new(0),
            parent: Mutex::new(parent),
        }
    }

    /// Announces one more entry, before it is added. Errors: ENOENT if the directory was removed.
    pub(crate) fn enter(&self) -> Result<()> {
        let one_more = |population| (population != REMOVED).then(|| population + 1);
        self.population.fetch_update(AcqRel, Acquire, one_more).map_err(|_| Errno::ENOENT)?;
        Ok(())
    }

    /// Counts an entry off, after it was taken out.
    pub(crate) fn leave(&self) {
        self.population.fetch_sub(1, AcqRel);
    }

    /// Makes sure that nothing enters any more. Errors: ENOTEMPTY if there is something.
    pub(crate) fn close(&self) -> Result<()> {
        self.population.compare_exchange(0, REMOVED, AcqRel, Acquire).map_err(|_| Errno::ENOTEMPTY)?;
        Ok(())
    }

    /// Length as Linux tells it: two entries for `.` and `..`, which are always there.
    pub(crate) fn size_bytes(&self) -> u64 {
        let population = self.population.load(Acquire);
        (2 + if population == REMOVED { 0 } else { population }).saturating_mul(ENTRY_BYTES)
    }
}

struct Named {
    cookie: u64,
    inode: Arc<Inode>,
}

/// What a listing tells of an entry: it needs no node for that.
struct Listed {
    name: Arc<[u8]>,
    ino: u64,
    file_type: u32,
}

/// The entries of a directory. Names and cookies lead to the same entries.
pub(crate) struct Entries {
    names: HashMap<Arc<[u8]>, Named>,
    listing: BTreeMap<u64, Listed>,
    /// Stays below 2^62 for as long as a machine lasts.
    last_cookie: u64,
}

impl Entries {
    pub(crate) fn find(&self, name: &[u8]) -> Option<&Arc<Inode>> {
        self.names.get(name).map(|named| &named.inode)
    }

    /// Adds a name that is not there.
    pub(crate) fn insert(&mut self, name: &[u8], inode: Arc<Inode>) {
        self.last_cookie += 1;
        self.place(name, self.last_cookie, inode);
    }

    fn place(&mut self, name: &[u8], cookie: u64, inode: Arc<Inode>) {
        let name: Arc<[u8]> = name.into();
        let listed = Listed { name: name.clone(), ino: inode.number, file_type: inode.file_type };
        self.listing.insert(cookie, listed);
        self.names.insert(name, Named { cookie, inode });
    }

    /// Takes a name out.
    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<Arc<Inode>> {
        let named = self.names.remove(name)?;
        self.listing.remove(&named.cookie);
        Some(named.inode)
    }

    /// Gives a name that is there another node.
    pub(crate) fn replace(&mut self, name: &[u8], inode: Arc<Inode>) {
        let Some(named) = self.names.get_mut(name) else { return };
        if let Some(listed) = self.listing.get_mut(&named.cookie) {
            (listed.ino, listed.file_type) = (inode.number, inode.file_type);
        }
        named.inode = inode;
    }

    /// Gives an entry a name that is not there.
    pub(crate) fn relabel(&mut self, name: &[u8], new_name: &[u8]) {
        if let Some(named) = self.names.remove(name) {
            self.place(new_name, named.cookie, named.inode);
        }
    }

    /// Emits the entries behind a cookie, each with its own as the place to go on.
    pub(crate) fn emit(&self, cookie: u64, emit: &mut Emit<'_>) {
        for (cookie, listed) in self.listing.range((Excluded(cookie), Unbounded)) {
            if emit.entry(&listed.name, listed.ino, listed.file_type, *cookie).is_break() {
                return;
            }
        }
    }

    /// Takes everything out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Arc<Inode>> {
        self.listing.clear();
        std::mem::take(&mut self.names).into_values().map(|named| named.inode)
    }
}
