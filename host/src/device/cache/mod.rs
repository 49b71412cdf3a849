//! The block cache: blocks of a medium that cannot be used as memory, written back later and in order.
//!
//! One cache for a root device, so that all who use it see the same bytes: mounts, the node, partitions. Blocks are of
//! 4 KiB, or of a sector where that is larger; validity and dirt are kept by sectors, so that nothing is written that
//! nobody wrote. No lock is held while the driver is called: a block that is under way is marked busy, and the others
//! go on.
//!
//! * `frames`: blocks in memory, in shards with a lock each, and who makes room (second chance).
//! * `order`: which blocks are dirty, and in which order they may be written.
//! * `fill`: reading, with the blocks behind in one call.
//! * `write_back`: writing, adjacent blocks in one call.
//!
//! Locks are taken in this order: one shard, then `order`. Who waits for a busy block holds none, and nobody waits
//! while it keeps a block busy for reading; so nothing waits in a circle.

mod ahead;
mod fill;
mod frames;
mod order;
mod write_back;

use std::ops::Range;

use nxvfs_abi::block::WRITE_FUA;

use self::ahead::ReadAhead;
use self::frames::{Frame, Frames, Room, Shard};
use self::order::Order;
use super::late::LateErrors;
use super::raw::Raw;
use crate::base::sync::{Arc, AtomicU64, MutexGuard, Ordering};
use crate::base::{Budget, Result};

/// Bytes of a block, unless a sector is larger.
const BLOCK_BYTES: u64 = 4096;
/// Adjacent blocks that lie in the same shard.
const STRIPE_BLOCKS: u64 = 8;
/// Most shards of a cache.
const MOST_SHARDS: usize = 16;

/// What a cache has done so far and holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Bytes that it may hold at most.
    pub limit_bytes: usize,
    /// Bytes that it holds.
    pub used_bytes: usize,
    /// Bytes of blocks that are not on the device yet.
    pub dirty_bytes: usize,
    /// Blocks that were asked for and there.
    pub hits: u64,
    /// Blocks that had to be read.
    pub misses: u64,
    /// Blocks that were read before they were asked for.
    pub read_ahead: u64,
    /// Blocks that were written to the device.
    pub write_backs: u64,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    read_ahead: AtomicU64,
    write_backs: AtomicU64,
}

/// The cache of one root device.
pub(super) struct Cache {
    raw: Arc<Raw>,
    late: Arc<LateErrors>,
    budget: Arc<Budget>,
    block_bytes: u64,
    limit_blocks: usize,
    shards: Box<[Shard]>,
    order: Order,
    ahead: ReadAhead,
    counters: Counters,
}

impl Cache {
    pub(super) fn new(raw: Arc<Raw>, late: Arc<LateErrors>, budget: Arc<Budget>, limit_bytes: usize) -> Self {
        let block_bytes = BLOCK_BYTES.max(raw.sector_bytes());
        let blocks = (limit_bytes as u64 / block_bytes).min(raw.len_bytes().div_ceil(block_bytes));
        let blocks = usize::try_from(blocks).unwrap_or(usize::MAX).max(frames::FEWEST);
        let shards = (blocks / 32).clamp(1, MOST_SHARDS);
        let each = blocks.div_ceil(shards);
        Self {
            raw,
            late,
            budget,
            block_bytes,
            limit_blocks: each * shards,
            shards: (0..shards).map(|_| Shard::new(each, block_bytes as usize)).collect(),
            order: Order::default(),
            ahead: ReadAhead::default(),
            counters: Counters::default(),
        }
    }

    fn shard(&self, index: u64) -> &Shard {
        &self.shards[(index / STRIPE_BLOCKS % self.shards.len() as u64) as usize]
    }

    /// The bytes of a block on the device; the last one may be short.
    fn extent(&self, index: u64) -> Range<u64> {
        let start = index * self.block_bytes;
        start..(start + self.block_bytes).min(self.raw.len_bytes())
    }

    /// The sectors that hold any of these bytes of a block, a bit each.
    fn sectors(&self, bytes: &Range<usize>) -> u8 {
        let size = self.raw.sector_bytes() as usize;
        let (first, end) = (bytes.start / size, bytes.end.div_ceil(size));
        ((1_u32 << end) - (1_u32 << first)) as u8
    }

    /// All sectors of a block.
    fn all_sectors(&self, index: u64) -> u8 {
        let extent = self.extent(index);
        self.sectors(&(0..(extent.end - extent.start) as usize))
    }

    /// The bytes of one sector of a block.
    fn sector_range(&self, sector: u32) -> Range<usize> {
        let size = self.raw.sector_bytes() as usize;
        sector as usize * size..(sector as usize + 1) * size
    }

    /// The frame of a block that is not busy, made if it must be. Errors: nothing makes room, because what is dirty
    /// cannot be written.
    fn frame(&self, index: u64) -> Result<(MutexGuard<'_, Frames>, usize)> {
        let shard = self.shard(index);
        let mut frames = shard.lock();
        loop {
            if let Some(slot) = frames.find(index) {
                if !frames.get(slot).busy() {
                    return Ok((frames, slot));
                }
                frames = shard.wait(frames);
                continue;
            }
            match frames.room(&self.budget) {
                Room::Free(slot) => {
                    frames.give(slot, index);
                    return Ok((frames, slot));
                }
                Room::Dirty(other, epoch) => {
                    drop(frames);
                    let cleaned = self.clean(other, epoch, 0);
                    frames = shard.lock();
                    if let Err(e) = cleaned
                        && frames.find(index).is_none()
                    {
                        // What cannot be written stays; anything clean makes room instead.
                        let slot = frames.any_clean().ok_or(e)?;
                        frames.give(slot, index);
                        return Ok((frames, slot));
                    }
                }
                Room::Busy => frames = shard.wait(frames),
            }
        }
    }

    /// Writes bytes anywhere; they are on the device later, or with FUA when this returns. Errors: of reading what
    /// surrounds parts of sectors; nothing makes room; with FUA of writing.
    pub(super) fn write(&self, offset: u64, buf: &[u8], flags: u32) -> Result<()> {
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let (index, skip) = (at / self.block_bytes, (at % self.block_bytes) as usize);
            let len = rest.len().min(self.block_bytes as usize - skip);
            self.put(index, skip, &rest[..len])?;
            rest = &rest[len..];
            at += len as u64;
        }
        self.relieve();
        if flags & WRITE_FUA != 0 {
            self.write_through(offset, buf.len() as u64)?;
        }
        Ok(())
    }

    /// Puts bytes into a block.
    fn put(&self, index: u64, skip: usize, bytes: &[u8]) -> Result<()> {
        let range = skip..skip + bytes.len();
        let touched = self.sectors(&range);
        // Sectors at either end of which only a part is given.
        let size = self.raw.sector_bytes() as usize;
        let mut parts = 0;
        if !range.start.is_multiple_of(size) {
            parts |= self.sectors(&(range.start..range.start + 1));
        }
        if !range.end.is_multiple_of(size) {
            parts |= self.sectors(&(range.end - 1..range.end));
        }
        loop {
            let (mut frames, slot) = self.frame(index)?;
            let frame = frames.used(slot);
            if frame.dirty != 0 && frame.epoch != self.order.current() {
                // An older version goes first.
                let epoch = frame.epoch;
                drop(frames);
                self.clean(index, epoch, 0)?;
            } else if parts & !frame.valid != 0 {
                frame.filling = true;
                drop(frames);
                self.fill_sectors(index, parts)?;
            } else {
                frame.data[range].copy_from_slice(bytes);
                frame.valid |= touched;
                if frame.dirty == 0 {
                    frame.epoch = self.order.dirtied(index);
                }
                frame.dirty |= touched;
                return Ok(());
            }
        }
    }

    /// Gives up whole sectors between two bytes: what the cache has of them, and then the device. Errors: of writing
    /// what a barrier puts before it, and the driver's.
    pub(super) fn discard(&self, start: u64, end: u64) -> Result<()> {
        let entered = loop {
            let epoch = self.order.current();
            self.work(&|state| state.first >= epoch)?;
            if let Some(entered) = self.order.enter(epoch) {
                break entered;
            }
        };
        self.drop_sectors(start, end, true);
        let done = self.raw.discard(start, end);
        // What was read meanwhile is from before; what was written meanwhile stays.
        self.drop_sectors(start, end, false);
        drop(entered);
        done
    }

    fn drop_sectors(&self, start: u64, end: u64, dirty_too: bool) {
        let range = start / self.block_bytes..end.div_ceil(self.block_bytes);
        if range.end - range.start <= self.limit_blocks as u64 {
            range.for_each(|index| self.drop_block(index, start, end, dirty_too));
            return;
        }
        // Fewer blocks are here than are given up.
        for shard in &self.shards {
            let known: Vec<u64> = shard.lock().all().map(|f| f.index).filter(|i| range.contains(i)).collect();
            known.into_iter().for_each(|index| self.drop_block(index, start, end, dirty_too));
        }
    }

    fn drop_block(&self, index: u64, start: u64, end: u64, dirty_too: bool) {
        let shard = self.shard(index);
        let mut frames = shard.lock();
        while frames.of(index).is_some_and(|f| f.busy()) {
            frames = shard.wait(frames);
        }
        if let Some(frame) = frames.of(index) {
            self.drop_from(frame, start, end, dirty_too);
        }
    }

    fn drop_from(&self, frame: &mut Frame, start: u64, end: u64, dirty_too: bool) {
        let extent = self.extent(frame.index);
        let from = start.max(extent.start) - extent.start;
        let to = end.min(extent.end) - extent.start;
        let mut gone = self.sectors(&(from as usize..to as usize));
        if dirty_too && frame.dirty & gone != 0 {
            frame.dirty &= !gone;
            if frame.dirty == 0 {
                self.order.forget(frame.index, frame.epoch);
            }
        }
        gone &= !frame.dirty;
        frame.valid &= !gone;
    }

    /// No block that is dirtied from now on reaches the device before one that is dirty now.
    pub(super) fn barrier(&self) {
        self.order.seal();
    }

    /// Everything written so far is on the medium when this returns. Errors: what could not be written, which stays
    /// dirty, and the driver's.
    pub(super) fn flush(&self) -> Result<()> {
        let last = self.order.seal();
        let written = self.work(&|state| state.first > last || (state.first == last && state.idle()));
        let issued = self.order.issued();
        let flushed = self.raw.flush();
        match &flushed {
            Ok(()) => self.order.settle(issued),
            Err(e) => self.late.note(e),
        }
        written.and(flushed)
    }

    /// Whether anything is not on the device yet.
    pub(super) fn is_dirty(&self) -> bool {
        self.order.dirty_blocks() > 0
    }

    pub(super) fn status(&self) -> CacheStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let block = self.block_bytes as usize;
        CacheStatus {
            limit_bytes: self.limit_blocks * block,
            used_bytes: self.shards.iter().map(|shard| shard.lock().len()).sum::<usize>() * block,
            dirty_bytes: self.order.dirty_blocks() * block,
            hits: count(&self.counters.hits),
            misses: count(&self.counters.misses),
            read_ahead: count(&self.counters.read_ahead),
            write_backs: count(&self.counters.write_backs),
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let frames: usize = self.shards.iter().map(|shard| shard.lock().len()).sum();
        self.budget.give_back(frames as u64 * self.block_bytes);
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
