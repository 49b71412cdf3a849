//! The nodes that the host knows, how often, and what leads from a number to an inode of the operating system.
//!
//! A node's descriptor can be taken away, and is then made again from the name by which the node was found last; that it is
//! the same inode is checked. What has no name any longer, or is open, keeps its descriptor.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex};

use nxvfs_sdk::{Errno, Found, Result, mode};

use crate::beneath::{Beneath, Identity, Told};
use crate::handles::Handles;
use crate::sync::lock;

/// The root's number.
pub(crate) const ROOT: u64 = 1;
/// How far below the root a descriptor is made again. Deeper, paths are longer than Linux takes.
const DEPTH_MAX: usize = 2048;

/// One inode.
pub(crate) struct Node {
    pub(crate) number: u64,
    pub(crate) identity: Identity,
    /// `S_IFMT` bits; an inode keeps its type.
    pub(crate) file_type: u32,
    handle: Mutex<Option<Arc<OwnedFd>>>,
    /// The directory in which it was found last, and under which name.
    place: Mutex<(u64, Box<[u8]>)>,
    /// Whether it may have no name any longer.
    nameless: AtomicBool,
    /// Openings.
    pins: AtomicU32,
    /// Whether the descriptor was used since it was looked at.
    used: AtomicBool,
}

impl Node {
    /// Whether the descriptor must stay, or has another chance.
    pub(crate) fn is_needed(&self) -> bool {
        self.used.swap(false, Relaxed) || self.nameless.load(Relaxed) || self.pins.load(Relaxed) > 0
    }

    pub(crate) fn lose_handle(&self) {
        let gone = lock(&self.handle).take();
        drop(gone);
    }

    fn has_handle(&self) -> Option<Arc<OwnedFd>> {
        self.used.store(true, Relaxed);
        lock(&self.handle).clone()
    }

    pub(crate) fn move_to(&self, dir: u64, name: &[u8]) {
        *lock(&self.place) = (dir, name.into());
        self.nameless.store(false, Relaxed);
    }

    /// A name is gone: if it is the one by which a descriptor would be made again, this one stays.
    pub(crate) fn lost_name(&self, dir: u64, name: &[u8]) {
        let place = lock(&self.place);
        if (place.0, &*place.1) == (dir, name) {
            self.nameless.store(true, Relaxed);
        }
    }
}

/// Keeps a node's descriptor for as long as it lives.
pub(crate) struct Pin(pub(crate) Arc<Node>);

impl Pin {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        node.pins.fetch_add(1, Relaxed);
        Self(node)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.pins.fetch_sub(1, Relaxed);
    }
}

struct Known {
    node: Arc<Node>,
    count: u64,
}

#[derive(Default)]
struct Table {
    by_number: HashMap<u64, Known>,
    by_identity: HashMap<Identity, u64>,
    last: u64,
}

/// The nodes that the host knows.
pub(crate) struct Nodes {
    table: Mutex<Table>,
    handles: Handles,
}

impl Nodes {
    /// A table that knows the root, for ever.
    pub(crate) fn new(folder: OwnedFd, told: &Told, limit: u64) -> Self {
        let root = Arc::new(Node {
            number: ROOT,
            identity: told.identity,
            file_type: mode::S_IFDIR,
            handle: Mutex::new(Some(Arc::new(folder))),
            place: Mutex::default(),
            nameless: AtomicBool::new(false),
            // For ever.
            pins: AtomicU32::new(1),
            used: AtomicBool::new(true),
        });
        let by_identity = [(told.identity, ROOT)].into();
        let by_number = [(ROOT, Known { node: root, count: 1 })].into();
        let table = Table { by_number, by_identity, last: ROOT };
        Self { table: Mutex::new(table), handles: Handles::new(limit) }
    }

    /// The node of a number. Errors: ESTALE.
    pub(crate) fn get(&self, number: u64) -> Result<Arc<Node>> {
        let table = lock(&self.table);
        Ok(table.by_number.get(&number).map(|known| known.node.clone()).ok_or(Errno::ESTALE)?)
    }

    /// The number of an inode that the host knows.
    pub(crate) fn known(&self, identity: Identity) -> Option<Arc<Node>> {
        let table = lock(&self.table);
        let number = table.by_identity.get(&identity)?;
        table.by_number.get(number).map(|known| known.node.clone())
    }

    /// What the host gets for an inode that was found or made under a name: one more in its count.
    pub(crate) fn found(&self, handle: OwnedFd, told: &Told, dir: u64, name: &[u8]) -> Found {
        let node = self.count(told);
        if node.number != ROOT {
            node.move_to(dir, name);
        }
        self.keep(&node, handle);
        // The folder changes beneath the host: nothing is trusted for longer than the walk that asked.
        Found { node: node.number, attr: told.attr, valid_ns: 0 }
    }

    /// One more in the count of an inode's node, which is made if there is none.
    fn count(&self, told: &Told) -> Arc<Node> {
        let mut guard = lock(&self.table);
        let table = &mut *guard;
        let number = *table.by_identity.entry(told.identity).or_insert_with(|| {
            table.last += 1;
            table.last
        });
        let known = table.by_number.entry(number).or_insert_with(|| {
            let node = Node {
                number,
                identity: told.identity,
                file_type: told.attr.file_type(),
                handle: Mutex::default(),
                place: Mutex::default(),
                nameless: AtomicBool::new(false),
                pins: AtomicU32::new(0),
                used: AtomicBool::new(true),
            };
            Known { node: Arc::new(node), count: 0 }
        });
        known.count = known.count.saturating_add(1);
        known.node.clone()
    }

    /// Gives a node a descriptor, unless it has one.
    pub(crate) fn keep(&self, node: &Arc<Node>, handle: OwnedFd) {
        {
            let mut place = lock(&node.handle);
            if place.is_some() {
                return;
            }
            *place = Some(Arc::new(handle));
        }
        self.handles.enter(node);
    }

    /// A descriptor of a node's inode. Errors: ESTALE there is no name any longer under which it could be found, or another
    /// inode is there.
    pub(crate) fn handle(&self, beneath: &Beneath, node: &Arc<Node>) -> Result<Arc<OwnedFd>> {
        if let Some(handle) = node.has_handle() {
            return Ok(handle);
        }
        // Up to a directory that has one, and down again.
        let mut way = vec![node.clone()];
        let mut handle = loop {
            let last = &way[way.len() - 1];
            if way.len() > DEPTH_MAX {
                return Err(Errno::ESTALE.into());
            }
            let parent = self.get(lock(&last.place).0)?;
            if let Some(handle) = parent.has_handle() {
                break handle;
            }
            way.push(parent);
        };
        for node in way.iter().rev() {
            let name = lock(&node.place).1.clone();
            let found = beneath.find(&*handle, &name).map_err(|_| Errno::ESTALE)?;
            if beneath.tell(&found)?.identity != node.identity {
                return Err(Errno::ESTALE.into());
            }
            let found = Arc::new(found);
            let mut place = lock(&node.handle);
            let fresh = place.is_none();
            handle = place.get_or_insert(found).clone();
            drop(place);
            if fresh {
                self.handles.enter(node);
            }
        }
        Ok(handle)
    }

    /// Takes `count` away from a node's count; answers whether it is gone. The root stays.
    pub(crate) fn forget(&self, number: u64, count: u64) -> bool {
        if number == ROOT {
            return false;
        }
        let mut table = lock(&self.table);
        let Some(known) = table.by_number.get_mut(&number) else { return false };
        known.count = known.count.saturating_sub(count);
        if known.count > 0 {
            return false;
        }
        let gone = table.by_number.remove(&number);
        if let Some(gone) = &gone {
            table.by_identity.remove(&gone.node.identity);
        }
        drop(table);
        // Without the lock: a descriptor is closed.
        drop(gone);
        true
    }
}
