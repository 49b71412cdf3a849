//! The directories in use, and the rules by which every walk of a volume ends, whatever the image says.
//!
//! 1. **A list is no circle.** [`crate::list`] notices when the chain of a directory's entries comes back to itself.
//! 2. **A directory has one parent.** A hard link to a directory is refused, and a directory belongs to the first
//!    directory in which it is looked up; from another it is refused with ELOOP. The root has no parent at all. So
//!    what can be reached is a tree, and no path is longer than the image has directories. Parents are remembered
//!    until unmount, some 50 bytes for each directory that was ever looked up.
//! 3. **Headers are not shared.** In a sound image each header is in one list, so the headers of all lists together
//!    are no longer than the volume. Each directory is counted once, when it is first indexed; one with which the
//!    sum would exceed twice the volume is refused. So all listings together are bounded by the image, although
//!    lists may run into one another, which rule 2 notices only where there are directories in them. Twice, so that
//!    one wrong pointer in a volume that is all headers does not take the directories that are sound.
//!
//! The index of a directory is dropped when the host forgets the directory, and made again when needed.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nxvfs_sdk::{Emit, Errno, Fail, Result};

use crate::flaw::Flaw;
use crate::format::Kind;
use crate::hash::Keys;
use crate::image::Image;
use crate::index::Index;
use crate::node::Node;

/// What the root has as its parent.
const NO_PARENT: u32 = 0;

/// A directory that was looked up at some time.
struct Slot {
    node: Node,
    parent: u32,
    /// How often it was looked up and not forgotten.
    count: AtomicU64,
    /// Set when it was first indexed: whether rule 3 holds with its headers, which count in `Tree::headers_bytes`.
    fits: OnceLock<bool>,
    /// Its index, while the count is not zero.
    listing: Option<Arc<Listing>>,
}

/// The index of a directory, once someone needed it.
#[derive(Default)]
struct Listing {
    index: OnceLock<Index>,
    /// Held while the index is made, so that it is made once; whoever needs another directory does not wait.
    making: Mutex<()>,
}

type Slots = HashMap<u32, Slot, Keys>;

/// The directories of a volume.
pub(crate) struct Tree {
    slots: RwLock<Slots>,
    keys: Keys,
    root: u32,
    /// Bytes of the headers of all directories that were ever indexed.
    headers_bytes: AtomicU64,
    full_size_bytes: u64,
}

impl Tree {
    pub(crate) fn new(root: Node, full_size_bytes: u32) -> Self {
        let keys = Keys::drawn();
        let mut slots = HashMap::with_hasher(keys);
        slots.insert(root.offset, Slot::new(root, NO_PARENT));
        Self {
            slots: RwLock::new(slots),
            keys,
            root: root.offset,
            headers_bytes: AtomicU64::new(0),
            full_size_bytes: full_size_bytes.into(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Slots> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Slots> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a name in a directory. A directory that is found is counted.
    pub(crate) fn lookup(&self, image: &Image, dir: u64, name: &[u8]) -> Result<Node> {
        let dir = offset(dir)?;
        let hash = self.keys.name(name);
        let seek = |index: &Index| match index.find(hash, name) {
            Some(entry) if entry.broken => Ok((entry.header, None)),
            Some(entry) => Ok((entry.header, Some(entry.node))),
            None => Err(index.missing()),
        };
        // The index is nearly always there: then nothing is cloned.
        let quick = {
            let slots = self.read();
            let slot = slots.get(&dir).ok_or(Errno::ENOTDIR)?;
            slot.listing.as_ref().and_then(|listing| listing.index.get()).map(seek)
        };
        let (header, node) = match quick {
            Some(found) => found?,
            None => self.with_index(image, dir, seek)??,
        };
        let node = match node {
            Some(node) => node,
            None => Node::resolve(image, header)?,
        };
        if node.kind == Kind::Directory {
            self.enter(dir, node)?;
        }
        Ok(node)
    }

    /// Counts a directory that was found in `parent`, and refuses it if it belongs to another.
    fn enter(&self, parent: u32, node: Node) -> Result<()> {
        if let Some(slot) = self.read().get(&node.offset).filter(|slot| slot.listing.is_some()) {
            return slot.enter(parent);
        }
        match self.write().entry(node.offset) {
            Place::Vacant(place) => {
                place.insert(Slot::new(node, parent));
                Ok(())
            }
            Place::Occupied(mut place) => {
                let slot = place.get_mut();
                slot.enter(parent)?;
                slot.listing.get_or_insert_default();
                Ok(())
            }
        }
    }

    /// Takes `count` from a directory's count. Other nodes have no state here.
    pub(crate) fn forget(&self, node: u64, count: u64) {
        let Ok(node) = offset(node) else { return };
        if node == self.root || !self.read().contains_key(&node) {
            return;
        }
        // Under the lock for writing nobody counts up meanwhile.
        if let Some(slot) = self.write().get_mut(&node) {
            let left = slot.count.get_mut();
            *left = left.saturating_sub(count);
            if *left == 0 {
                slot.listing = None;
            }
        }
    }

    /// Emits a directory's entries from a cookie on. In a damaged directory the failure follows the last entry that
    /// was found, so that what can be saved is seen.
    pub(crate) fn readdir(&self, image: &Image, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        self.with_index(image, offset(dir)?, |index| {
            for (name, entry, next_cookie) in index.starting_at(cookie) {
                let file_type = entry.node.kind.file_type();
                if let ControlFlow::Break(()) = emit.entry(name, entry.ino(), file_type, next_cookie) {
                    return Ok(());
                }
            }
            index.damage().map_or(Ok(()), |flaw| Err(Fail::from(flaw.clone())))
        })?
    }

    /// Lends the index of a directory, made now if need be. No lock is held meanwhile.
    fn with_index<R>(&self, image: &Image, dir: u32, body: impl FnOnce(&Index) -> R) -> Result<R> {
        let (listing, node, fits) = {
            let slots = self.read();
            let slot = slots.get(&dir).ok_or(Errno::ENOTDIR)?;
            // A node that the host has forgotten.
            let listing = slot.listing.clone().ok_or(Errno::ESTALE)?;
            (listing, slot.node, slot.fits.get().copied())
        };
        if let Some(index) = listing.index.get() {
            return Ok(body(index));
        }
        let made = listing.making.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match listing.index.get() {
            Some(index) => index,
            None => {
                let made = self.make_index(image, &node, fits)?;
                listing.index.get_or_init(|| made)
            }
        };
        drop(made);
        Ok(body(index))
    }

    /// Reads a directory. The first time its headers are counted; those of a refused one too, as far as they were
    /// read, so that no image makes us read the same headers for ever.
    fn make_index(&self, image: &Image, dir: &Node, fits: Option<bool>) -> Result<Index> {
        let headers_max_bytes = 2 * self.full_size_bytes;
        let room =
            headers_max_bytes.saturating_sub(self.headers_bytes.load(Relaxed)).min(self.full_size_bytes);
        let allowance_bytes = match fits {
            None => room,
            Some(true) => u64::MAX,
            Some(false) => return Ok(Index::shared(dir)),
        };
        let built = Index::build(image, &self.keys, dir, allowance_bytes)?;
        if fits.is_none() {
            let headers_bytes = built.as_ref().map_or(room, |built| built.headers_bytes);
            let before = self.headers_bytes.fetch_add(headers_bytes, Relaxed);
            let fits = built.is_some() && before.saturating_add(headers_bytes) <= headers_max_bytes;
            let first = self.read().get(&dir.offset).is_some_and(|slot| slot.fits.set(fits).is_ok());
            if !first {
                // Another thread counted this directory meanwhile.
                self.headers_bytes.fetch_sub(headers_bytes, Relaxed);
            } else if !fits {
                return Ok(Index::shared(dir));
            }
        }
        Ok(built.map_or_else(|| Index::shared(dir), |built| built.index))
    }
}

impl Slot {
    fn new(node: Node, parent: u32) -> Self {
        Self { node, parent, count: AtomicU64::new(1), fits: OnceLock::new(), listing: Some(Arc::default()) }
    }

    fn enter(&self, parent: u32) -> Result<()> {
        if self.parent == parent {
            self.count.fetch_add(1, Relaxed);
            return Ok(());
        }
        let belongs = if self.parent == NO_PARENT {
            "the root directory".to_owned()
        } else {
            format!("an entry of the directory at byte {:#x} too", self.parent)
        };
        Err(Flaw::new("directory that is in the tree already", self.node.offset)
            .errno(Errno::ELOOP)
            .expected(format_args!("an entry of the directory at byte {parent:#x} only"))
            .found(belongs)
            .into())
    }
}

/// A node's number as an offset; ESTALE for one that was never ours.
fn offset(node: u64) -> Result<u32> {
    u32::try_from(node).map_err(|_| Errno::ESTALE.into())
}
