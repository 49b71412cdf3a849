//! The blocks of one shard in memory, and which of them makes room for another.

use std::collections::HashMap;

use crate::base::Budget;
use crate::base::sync::{Condvar, Mutex, MutexGuard, lock, wait};

/// Blocks that a shard may have even if the host's memory for them is used up.
pub(super) const FEWEST: usize = 4;

/// One block in memory. Of its sectors, a bit each in `valid` and `dirty`.
pub(super) struct Frame {
    pub(super) index: u64,
    pub(super) valid: u8,
    pub(super) dirty: u8,
    /// The epoch in which it became dirty.
    pub(super) epoch: u64,
    /// Being filled from the device: nobody looks at it.
    pub(super) filling: bool,
    /// Being written to the device: it may be read.
    pub(super) writing: bool,
    referenced: bool,
    pub(super) data: Box<[u8]>,
}

impl Frame {
    /// Whether it must be left as it is.
    pub(super) fn busy(&self) -> bool {
        self.filling || self.writing
    }
}

/// What can make room.
pub(super) enum Room {
    /// This frame; it is nobody's now.
    Free(usize),
    /// This block, once it is written.
    Dirty(u64, u64),
    /// Nothing before somebody has finished.
    Busy,
}

/// The frames of one shard.
pub(super) struct Frames {
    frames: Vec<Frame>,
    slots: HashMap<u64, usize, foldhash::fast::RandomState>,
    hand: usize,
    limit: usize,
    block_bytes: usize,
}

impl Frames {
    fn new(limit: usize, block_bytes: usize) -> Self {
        Self { frames: Vec::new(), slots: HashMap::default(), hand: 0, limit, block_bytes }
    }

    pub(super) fn find(&self, index: u64) -> Option<usize> {
        self.slots.get(&index).copied()
    }

    pub(super) fn get(&mut self, slot: usize) -> &mut Frame {
        &mut self.frames[slot]
    }

    /// The frame of a block, if it has one.
    pub(super) fn of(&mut self, index: u64) -> Option<&mut Frame> {
        let slot = self.find(index)?;
        Some(&mut self.frames[slot])
    }

    pub(super) fn used(&mut self, slot: usize) -> &mut Frame {
        let frame = &mut self.frames[slot];
        frame.referenced = true;
        frame
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Frame> {
        self.frames.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Looks for room: new memory while there is some, else second chance around the clock.
    pub(super) fn room(&mut self, budget: &Budget) -> Room {
        let count = self.frames.len();
        let grows = count < self.limit && {
            if count < FEWEST {
                budget.take_always(self.block_bytes as u64);
            }
            count < FEWEST || budget.take(self.block_bytes as u64).is_ok()
        };
        if grows {
            self.frames.push(Frame {
                index: u64::MAX,
                valid: 0,
                dirty: 0,
                epoch: 0,
                filling: false,
                writing: false,
                referenced: false,
                data: vec![0; self.block_bytes].into(),
            });
            return Room::Free(count);
        }
        for _ in 0..2 * count {
            let slot = self.hand;
            self.hand = (slot + 1) % count;
            let frame = &mut self.frames[slot];
            if frame.busy() || std::mem::take(&mut frame.referenced) {
                continue;
            }
            if frame.dirty != 0 {
                return Room::Dirty(frame.index, frame.epoch);
            }
            return Room::Free(self.free(slot));
        }
        Room::Busy
    }

    /// Any frame that is neither dirty nor busy.
    pub(super) fn any_clean(&mut self) -> Option<usize> {
        let slot = self.frames.iter().position(|f| !f.busy() && f.dirty == 0)?;
        Some(self.free(slot))
    }

    fn free(&mut self, slot: usize) -> usize {
        let frame = &mut self.frames[slot];
        if self.slots.get(&frame.index) == Some(&slot) {
            self.slots.remove(&frame.index);
        }
        frame.valid = 0;
        frame.index = u64::MAX;
        slot
    }

    /// Gives a free frame to a block.
    pub(super) fn give(&mut self, slot: usize, index: u64) -> &mut Frame {
        self.slots.insert(index, slot);
        let frame = &mut self.frames[slot];
        frame.index = index;
        frame.referenced = true;
        frame
    }
}

/// A part of the cache with a lock of its own.
pub(super) struct Shard {
    frames: Mutex<Frames>,
    /// A frame ceased to be busy.
    changed: Condvar,
}

impl Shard {
    pub(super) fn new(limit: usize, block_bytes: usize) -> Self {
        Self { frames: Mutex::new(Frames::new(limit, block_bytes)), changed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Frames> {
        lock(&self.frames)
    }

    pub(super) fn wait<'a>(&self, frames: MutexGuard<'a, Frames>) -> MutexGuard<'a, Frames> {
        wait(&self.changed, frames)
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }
}
