//! The nodes that the host knows, and how often: what leads from a number to a node.
//!
//! A node lives as long as something holds it: a name, the host's count here, or an opening. So a node without names
//! ends when the host forgets it and closes it, in whatever order.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, RwLock};

use nxvfs_sdk::{Errno, Result};

use crate::inode::Inode;
use crate::sync::{read, write};

/// The root's number.
pub(crate) const ROOT: u64 = 1;
/// Parts of the table, each with a lock of its own; a power of two.
const PARTS: u64 = 64;

struct Known {
    inode: Arc<Inode>,
    count: AtomicU64,
}

type Part = HashMap<u64, Known, BuildHasherDefault<NumberHasher>>;

/// The nodes that the host knows.
pub(crate) struct Nodes {
    parts: Box<[RwLock<Part>]>,
    last: AtomicU64,
}

impl Nodes {
    /// A table that knows the root, for ever.
    pub(crate) fn new(root: &Arc<Inode>) -> Self {
        let nodes =
            Self { parts: (0..PARTS).map(|_| RwLock::default()).collect(), last: AtomicU64::new(ROOT) };
        nodes.count(root);
        nodes
    }

    /// A number that no node of the volume ever had.
    pub(crate) fn new_number(&self) -> u64 {
        self.last.fetch_add(1, Relaxed) + 1
    }

    fn part(&self, number: u64) -> &RwLock<Part> {
        &self.parts[(number % PARTS) as usize]
    }

    /// Adds one to a node's count.
    pub(crate) fn count(&self, inode: &Arc<Inode>) {
        let part = self.part(inode.number);
        // Under the lock for reading nobody takes the node out meanwhile.
        if let Some(known) = read(part).get(&inode.number) {
            known.count.fetch_add(1, Relaxed);
            return;
        }
        let mut part = write(part);
        let fresh = || Known { inode: inode.clone(), count: AtomicU64::new(0) };
        *part.entry(inode.number).or_insert_with(fresh).count.get_mut() += 1;
    }

    /// The node of a number. Errors: ESTALE.
    pub(crate) fn get(&self, number: u64) -> Result<Arc<Inode>> {
        let part = read(self.part(number));
        Ok(part.get(&number).map(|known| known.inode.clone()).ok_or(Errno::ESTALE)?)
    }

    /// Takes `count` away from a node's count. The root stays.
    pub(crate) fn forget(&self, number: u64, count: u64) {
        if number == ROOT {
            return;
        }
        let mut part = write(self.part(number));
        let Some(known) = part.get_mut(&number) else { return };
        let left = known.count.get_mut();
        *left = left.saturating_sub(count);
        if *left == 0 {
            let gone = part.remove(&number);
            drop(part);
            // Without the lock: its content may be long.
            drop(gone);
        }
    }
}

/// Hash of a node's number. Numbers are ours and nobody can choose them, so it is enough to spread them.
#[derive(Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write_u64(&mut self, number: u64) {
        // The golden ratio's bits, the upper half of which the table uses first.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        // The table takes its bucket from the lower bits.
        self.0 ^ (self.0 >> 32)
    }
}
