//! The medium of a command: the image, and over it what the command has written. Nothing of that reaches the image
//! before [`Overlay::finish`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::journal::{BLOCK_BYTES, Journal, Placed, read_padded};
use super::lock::Locked;
use crate::base::sync::{Mutex, lock};
use crate::base::{Errno, Result};
use crate::device::BlockMedium;

/// Bytes of a sector of every image.
const SECTOR_BYTES: u32 = 512;

/// An image with changes over it.
pub(super) struct Overlay {
    image: Locked,
    journal: PathBuf,
    writable: bool,
    changes: Mutex<Changes>,
}

#[derive(Default)]
struct Changes {
    /// Made by the first write.
    journal: Option<Journal>,
    /// Which block of the image is which of the journal.
    blocks: BTreeMap<u64, u64>,
    slots: u64,
}

impl Overlay {
    /// An image that shall be changed. What an interrupted command left is finished first. Errors: EUCLEAN what it left
    /// belongs to another state of the image.
    pub(super) fn changing(image: Locked) -> Result<Self> {
        let journal = image.journal();
        match Journal::find(&image, &journal)? {
            Some((left, placed)) => {
                log::warn!("{}: completes a change that was interrupted", image.path.display());
                left.apply(&image, &placed)?;
            }
            // Never decided: the image is as it was before that command.
            None => match std::fs::remove_file(&journal) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
                _ => {}
            },
        }
        Ok(Self { image, journal, writable: true, changes: Mutex::default() })
    }

    /// An image that shall be read, with the change over it that an interrupted command decided.
    pub(super) fn reading(image: Locked, left: Journal, placed: Vec<Placed>) -> Self {
        let blocks = placed.into_iter().map(|p| (p.block, p.slot)).collect();
        let changes = Changes { journal: Some(left), blocks, slots: 0 };
        Self { journal: image.journal(), image, writable: false, changes: Mutex::new(changes) }
    }

    /// Brings the change to the image: all of it, also if the program is interrupted. Errors: the image is as it was,
    /// unless the error says that the change waits in the journal.
    pub(super) fn finish(&self) -> Result<()> {
        let Changes { journal, blocks, slots } = std::mem::take(&mut *lock(&self.changes));
        let Some(journal) = journal.filter(|_| self.writable) else { return Ok(()) };
        let placed: Vec<_> = blocks.into_iter().map(|(block, slot)| Placed { block, slot }).collect();
        match journal.decide(&self.image, &placed, slots) {
            Ok(changed) if !changed.is_empty() => journal.apply(&self.image, &changed),
            decided => journal.remove().and(decided.map(drop)),
        }
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let journal = lock(&self.changes).journal.take();
        // A change that was not finished is not wanted.
        if let Some(Err(e)) = journal.filter(|_| self.writable).map(Journal::remove) {
            log::warn!("{}: {e}", self.journal.display());
        }
    }
}

/// The pieces of a range, one for each block: its number, where in it the piece begins, and how long it is.
fn pieces(start: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = start + done as u64;
        let skip = (at % BLOCK_BYTES as u64) as usize;
        let piece = (len - done).min(BLOCK_BYTES - skip);
        done += piece;
        (piece > 0).then_some((at / BLOCK_BYTES as u64, skip, piece))
    })
}

impl BlockMedium for Overlay {
    fn sector_size_bytes(&self) -> u32 {
        SECTOR_BYTES
    }

    fn sector_count(&self) -> u64 {
        let sector = u64::from(SECTOR_BYTES);
        // The last part of a sector can be read, but not written in full.
        if self.writable { self.image.len_bytes / sector } else { self.image.len_bytes.div_ceil(sector) }
    }

    fn writable(&self) -> bool {
        self.writable
    }

    fn read(&self, start: u64, buf: &mut [u8]) -> Result<()> {
        let start = start * u64::from(SECTOR_BYTES);
        read_padded(&self.image.file, buf, start)?;
        let changes = lock(&self.changes);
        let Some(journal) = &changes.journal else { return Ok(()) };
        let (mut done, mut block_bytes) = (0, [0; BLOCK_BYTES]);
        for (block, skip, piece) in pieces(start, buf.len()) {
            if let Some(slot) = changes.blocks.get(&block) {
                journal.read(*slot, &mut block_bytes)?;
                buf[done..done + piece].copy_from_slice(&block_bytes[skip..skip + piece]);
            }
            done += piece;
        }
        Ok(())
    }

    fn write(&self, start: u64, mut buf: &[u8]) -> Result<()> {
        if !self.writable {
            return Err(Errno::EROFS.into());
        }
        let mut at = start * u64::from(SECTOR_BYTES);
        let mut changes = lock(&self.changes);
        let Changes { journal, blocks, slots } = &mut *changes;
        let journal = match journal {
            Some(journal) => journal,
            None => journal.insert(Journal::create(&self.journal)?),
        };
        while !buf.is_empty() {
            let (block, skip, piece) = pieces(at, buf.len()).next().ok_or(Errno::EINVAL)?;
            let there = blocks.get(&block).copied();
            let done = match there {
                // Whole blocks that are new follow each other in the journal, too: one write for all.
                None if piece == BLOCK_BYTES => {
                    let new = (block..).take(buf.len() / BLOCK_BYTES);
                    let new: Vec<u64> = new.take_while(|block| !blocks.contains_key(block)).collect();
                    let len = new.len() * BLOCK_BYTES;
                    journal.write(*slots, &buf[..len])?;
                    blocks.extend(new.into_iter().zip(*slots..));
                    *slots += (len / BLOCK_BYTES) as u64;
                    len
                }
                Some(slot) if piece == BLOCK_BYTES => {
                    journal.write(slot, &buf[..piece])?;
                    piece
                }
                there => {
                    let mut whole = [0; BLOCK_BYTES];
                    match there {
                        Some(slot) => journal.read(slot, &mut whole)?,
                        None => read_padded(&self.image.file, &mut whole, block * BLOCK_BYTES as u64)?,
                    }
                    whole[skip..skip + piece].copy_from_slice(&buf[..piece]);
                    journal.write(there.unwrap_or(*slots), &whole)?;
                    if there.is_none() {
                        blocks.insert(block, *slots);
                        *slots += 1;
                    }
                    piece
                }
            };
            buf = &buf[done..];
            at += done as u64;
        }
        Ok(())
    }
}
