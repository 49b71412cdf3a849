//! Reading: what is there is copied; what is missing is read with its neighbours in one call.

use std::ops::Range;

use super::frames::{Frame, Room};
use super::order::RUN_BLOCKS;
use super::{Cache, add};
use crate::base::Result;
use crate::base::sync::Ordering;

impl Cache {
    /// Reads bytes anywhere. Errors: the driver's, for sectors that were asked for.
    pub(in crate::device) fn read(&self, offset: u64, buf: &mut [u8], flags: u32) -> Result<()> {
        // So much at once would only drive out what others need.
        let limit_bytes = self.limit_blocks as u64 * self.block_bytes;
        if limit_bytes < self.raw.len_bytes() && buf.len() as u64 > limit_bytes / 2 {
            return self.read_past(offset, buf, flags);
        }
        let ahead = self.ahead.note(offset, buf.len() as u64);
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let (index, skip) = (at / self.block_bytes, (at % self.block_bytes) as usize);
            let len = rest.len().min(self.block_bytes as usize - skip);
            if self.hit(index, skip, &mut rest[..len]) {
                rest = &mut rest[len..];
                at += len as u64;
                continue;
            }
            let done = self.miss(at, rest, ahead, flags)?;
            rest = &mut rest[done..];
            at += done as u64;
        }
        Ok(())
    }

    /// Copies from a block, if it has all that is asked for.
    fn hit(&self, index: u64, skip: usize, out: &mut [u8]) -> bool {
        let range = skip..skip + out.len();
        let need = self.sectors(&range);
        let shard = self.shard(index);
        let mut frames = shard.lock();
        loop {
            let Some(slot) = frames.find(index) else { return false };
            if frames.get(slot).filling {
                frames = shard.wait(frames);
                continue;
            }
            let frame = frames.used(slot);
            if need & !frame.valid != 0 {
                return false;
            }
            out.copy_from_slice(&frame.data[range]);
            add(&self.counters.hits, 1);
            return true;
        }
    }

    /// Reads missing blocks from `at` on; answers how many bytes of `out` are there now, perhaps none.
    fn miss(&self, at: u64, out: &mut [u8], ahead: u64, flags: u32) -> Result<usize> {
        let index = at / self.block_bytes;
        let wanted = (at + out.len() as u64).div_ceil(self.block_bytes);
        let last = self.raw.len_bytes().div_ceil(self.block_bytes);
        let first = match self.frame(index) {
            Ok((mut frames, slot)) => {
                let frame = frames.get(slot);
                if frame.valid == self.all_sectors(index) {
                    return Ok(0);
                }
                frame.filling = true;
                index
            }
            // Everything that could make room is dirty and cannot be written: without the cache, then.
            Err(_) => {
                let len = out.len().min((self.extent(index).end - at) as usize);
                self.read_past(at, &mut out[..len], flags)?;
                return Ok(len);
            }
        };
        let end = (wanted + ahead).min(last).min(first + RUN_BLOCKS);
        let mut run = first..first + 1;
        while run.end < end && self.claim(run.end) {
            run.end += 1;
        }
        let filled = self.fill_run(&run, at, out, flags);
        if filled.is_ok() {
            let asked = run.end.min(wanted) - run.start;
            add(&self.counters.misses, asked);
            add(&self.counters.read_ahead, run.end - run.start - asked);
            return filled;
        }
        // Perhaps only what nobody asked for cannot be read.
        let len = out.len().min((self.extent(index).end - at) as usize);
        self.read_past(at, &mut out[..len], flags)?;
        Ok(len)
    }

    /// Marks one more block as being filled, if that needs no waiting.
    fn claim(&self, index: u64) -> bool {
        let mut frames = self.shard(index).lock();
        let slot = match frames.find(index) {
            Some(slot) => slot,
            None => match frames.room(&self.budget) {
                Room::Free(slot) => {
                    frames.give(slot, index);
                    slot
                }
                Room::Dirty(..) | Room::Busy => return false,
            },
        };
        let frame = frames.get(slot);
        if frame.busy() || frame.valid == self.all_sectors(index) {
            return false;
        }
        frame.filling = true;
        true
    }

    /// Reads blocks that are marked, and copies what was asked for. Answers how many bytes that was.
    fn fill_run(&self, run: &Range<u64>, at: u64, out: &mut [u8], flags: u32) -> Result<usize> {
        let (start, end) = (self.extent(run.start).start, self.extent(run.end - 1).end);
        let direct = at == start && out.len() as u64 >= end - start;
        let mut scratch = if direct { Vec::new() } else { vec![0; (end - start) as usize] };
        let data = if direct { &mut out[..(end - start) as usize] } else { &mut scratch[..] };
        let read = self.raw.read(start, data, flags);
        for index in run.clone() {
            let bytes = self.extent(index);
            let data = &mut data[(bytes.start - start) as usize..(bytes.end - start) as usize];
            self.filled(index, |frame| {
                if read.is_ok() {
                    self.merge(frame, data);
                }
            });
        }
        read?;
        let len = out.len().min((end - at) as usize);
        if !direct {
            let skip = (at - start) as usize;
            out[..len].copy_from_slice(&scratch[skip..skip + len]);
        }
        Ok(len)
    }

    /// Ends the filling of a block.
    fn filled(&self, index: u64, end: impl FnOnce(&mut Frame)) {
        let shard = self.shard(index);
        let mut frames = shard.lock();
        if let Some(frame) = frames.of(index) {
            end(frame);
            frame.filling = false;
        }
        drop(frames);
        shard.notify();
    }

    /// What the frame has is newer than what was read; what it has not it takes.
    fn merge(&self, frame: &mut Frame, read: &mut [u8]) {
        let all = self.sectors(&(0..read.len()));
        for sector in (0..8).filter(|sector| all & 1 << sector != 0) {
            let range = self.sector_range(sector);
            if frame.valid & 1 << sector != 0 {
                read[range.clone()].copy_from_slice(&frame.data[range]);
            } else {
                frame.data[range.clone()].copy_from_slice(&read[range]);
            }
        }
        frame.valid |= all;
    }

    /// Fills a block that is marked: whole, or if that fails only these sectors. Errors: the driver's for these.
    pub(super) fn fill_sectors(&self, index: u64, need: u8) -> Result<()> {
        let extent = self.extent(index);
        let mut data = vec![0; (extent.end - extent.start) as usize];
        if self.raw.read(extent.start, &mut data, 0).is_ok() {
            add(&self.counters.misses, 1);
            self.filled(index, |frame| self.merge(frame, &mut data));
            return Ok(());
        }
        let (mut got, mut failed) = (0, Ok(()));
        for sector in (0..8).filter(|sector| need & 1 << sector != 0) {
            let range = self.sector_range(sector);
            match self.raw.read(extent.start + range.start as u64, &mut data[range], 0) {
                Ok(()) => got |= 1 << sector,
                Err(e) => failed = Err(e),
            }
        }
        self.filled(index, |frame| {
            for sector in (0..8).filter(|sector| got & !frame.valid & 1 << sector != 0) {
                let range = self.sector_range(sector);
                frame.data[range.clone()].copy_from_slice(&data[range]);
            }
            frame.valid |= got;
        });
        failed
    }

    /// Reads from the device without keeping anything, and puts what the cache has newer on top.
    fn read_past(&self, offset: u64, out: &mut [u8], flags: u32) -> Result<()> {
        let size = self.raw.sector_bytes();
        let (start, end) = (offset / size * size, (offset + out.len() as u64).next_multiple_of(size));
        // What is dirty now is on the device when that is read, so that it is not missed while it is on its way.
        self.settle_range(start, end);
        let whole = start == offset && end - start == out.len() as u64;
        let mut scratch = if whole { Vec::new() } else { vec![0; (end - start) as usize] };
        let data = if whole { &mut *out } else { &mut scratch[..] };
        self.raw.read(start, data, flags)?;
        for index in start / self.block_bytes..end.div_ceil(self.block_bytes) {
            self.overlay(index, start, data);
        }
        if !whole {
            let skip = (offset - start) as usize;
            out.copy_from_slice(&scratch[skip..skip + out.len()]);
        }
        self.counters.misses.fetch_add((end - start).div_ceil(self.block_bytes), Ordering::Relaxed);
        Ok(())
    }

    /// Writes back what is dirty in a range; what cannot be written stays in the cache.
    fn settle_range(&self, start: u64, end: u64) {
        for index in start / self.block_bytes..end.div_ceil(self.block_bytes) {
            let shard = self.shard(index);
            let mut frames = shard.lock();
            while frames.of(index).is_some_and(|f| f.writing) {
                frames = shard.wait(frames);
            }
            if let Some(epoch) = frames.of(index).filter(|f| f.dirty != 0).map(|f| f.epoch) {
                drop(frames);
                let _ = self.clean(index, epoch, 0);
            }
        }
    }

    /// Puts the valid sectors of a block over what was read from `start` on.
    fn overlay(&self, index: u64, start: u64, data: &mut [u8]) {
        let shard = self.shard(index);
        let mut frames = shard.lock();
        while frames.of(index).is_some_and(|f| f.filling) {
            frames = shard.wait(frames);
        }
        let Some(frame) = frames.of(index) else { return };
        for sector in (0..8).filter(|sector| frame.valid & 1 << sector != 0) {
            let range = self.sector_range(sector);
            let place = index * self.block_bytes + range.start as u64;
            if let Some(at) = place.checked_sub(start).filter(|at| *at < data.len() as u64) {
                let at = at as usize;
                data[at..at + range.len()].copy_from_slice(&frame.data[range]);
            }
        }
    }
}
