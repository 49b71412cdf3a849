//! Writing blocks back: adjacent sectors in one call, oldest epoch first.

use std::ops::Range;

use nxvfs_abi::block::WRITE_FUA;

use super::order::{Cursor, RUN_BLOCKS, State, Step};
use super::{Cache, add};
use crate::base::{Error, Result};

/// Sectors that lie side by side on the device and in the buffer.
struct Piece {
    /// Where on the device.
    offset: u64,
    bytes: Range<usize>,
    blocks: Range<u64>,
}

impl Cache {
    /// Writes until `enough` holds. Goes on after a failure as far as the order allows. Errors: the first failure.
    pub(super) fn work(&self, enough: &dyn Fn(&State) -> bool) -> Result<()> {
        let (mut cursor, mut first) = (Cursor::default(), Ok(()));
        loop {
            let done = match self.order.step(&mut cursor, enough) {
                Step::Done => return first,
                Step::Write(run) => self.write_run(&run, 0),
                Step::Cross => self.cross(),
            };
            if let Err(e) = done {
                cursor.failed = true;
                first = first.and(Err(e));
            }
        }
    }

    fn cross(&self) -> Result<()> {
        let crossed = self.order.cross(|| self.raw.barrier());
        if let Err(e) = &crossed {
            self.late.note(e);
        }
        crossed
    }

    /// Writes some of the oldest blocks if many are dirty. A failure is told later.
    pub(super) fn relieve(&self) {
        let most = (self.limit_blocks / 2).max(1);
        if self.order.dirty_blocks() > most {
            let less = most.saturating_sub(RUN_BLOCKS as usize / 2);
            let _ = self.work(&|state| state.dirty <= less || state.nothing_to_start());
        }
    }

    /// Brings one dirty block of an epoch to the device, with its neighbours, after all that must come before it; or
    /// waits for who does. Answers the blocks that were written.
    pub(super) fn clean(&self, index: u64, epoch: u64, flags: u32) -> Result<Range<u64>> {
        self.work(&|state| state.first >= epoch)?;
        match self.order.take(index, epoch) {
            Some(run) => self.write_run(&run, flags).map(|()| run),
            None => Ok(0..0),
        }
    }

    /// Writes blocks of the oldest epoch that were taken from the order.
    fn write_run(&self, run: &Range<u64>, flags: u32) -> Result<()> {
        let epoch = self.order.oldest();
        let (buffer, pieces) = self.gather(run, epoch);
        let (mut failed, mut first) = (Vec::new(), None::<Error>);
        for piece in &pieces {
            if let Err(e) = self.raw.write(piece.offset, &buffer[piece.bytes.clone()], flags) {
                failed.extend(piece.blocks.clone());
                first.get_or_insert(e);
            }
        }
        failed.sort_unstable();
        failed.dedup();
        let mut written = 0;
        for index in run.clone() {
            let shard = self.shard(index);
            let mut frames = shard.lock();
            if let Some(frame) = frames.of(index).filter(|f| f.writing) {
                frame.writing = false;
                if failed.binary_search(&index).is_err() {
                    frame.dirty = 0;
                    written += 1;
                }
                drop(frames);
                shard.notify();
            }
        }
        add(&self.counters.write_backs, written);
        self.order.done(run, &failed, !pieces.is_empty());
        match first {
            Some(e) => {
                self.late.note(&e);
                Err(e)
            }
            None => Ok(()),
        }
    }

    /// Copies the dirty sectors of blocks, and marks these as being written. Blocks that were given up meanwhile, or
    /// dirtied anew in another epoch, are left out.
    fn gather(&self, run: &Range<u64>, epoch: u64) -> (Vec<u8>, Vec<Piece>) {
        let mut buffer = Vec::with_capacity((run.end - run.start) as usize * self.block_bytes as usize);
        let mut pieces: Vec<Piece> = Vec::new();
        for index in run.clone() {
            let shard = self.shard(index);
            let mut frames = shard.lock();
            while frames.of(index).is_some_and(|f| f.filling) {
                frames = shard.wait(frames);
            }
            let Some(frame) = frames.of(index).filter(|f| f.dirty != 0 && f.epoch == epoch) else { continue };
            frame.writing = true;
            for sector in (0..8).filter(|sector| frame.dirty & 1 << sector != 0) {
                let inside = self.sector_range(sector);
                let offset = index * self.block_bytes + inside.start as u64;
                let start = buffer.len();
                buffer.extend_from_slice(&frame.data[inside]);
                match pieces.last_mut() {
                    Some(last) if last.offset + last.bytes.len() as u64 == offset => {
                        last.bytes.end = buffer.len();
                        last.blocks.end = index + 1;
                    }
                    _ => pieces.push(Piece { offset, bytes: start..buffer.len(), blocks: index..index + 1 }),
                }
            }
        }
        (buffer, pieces)
    }

    /// Brings bytes that were just written to the medium. Errors: of writing.
    pub(super) fn write_through(&self, offset: u64, len: u64) -> Result<()> {
        let (mut ours, mut others) = (0..0, false);
        let end = (offset + len).div_ceil(self.block_bytes);
        let mut index = offset / self.block_bytes;
        while index < end {
            let shard = self.shard(index);
            let mut frames = shard.lock();
            while frames.of(index).is_some_and(|f| f.writing) {
                frames = shard.wait(frames);
            }
            match frames.of(index).filter(|f| f.dirty != 0).map(|f| f.epoch) {
                Some(epoch) => {
                    drop(frames);
                    let written = self.clean(index, epoch, WRITE_FUA)?;
                    if !written.is_empty() {
                        ours = written;
                    }
                }
                None => {
                    // Another wrote it, perhaps only into the device's own cache.
                    others |= !ours.contains(&index);
                    index += 1;
                }
            }
        }
        if others { self.flush() } else { Ok(()) }
    }
}
