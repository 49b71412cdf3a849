//! The journal of an image: the blocks that a change wrote, and what makes the change happen in full or not at all.
//!
//! Block 0 is the header, empty until the change is decided. Blocks follow in the order in which they were first
//! written, then a table: for each the number of the block of the image that it replaces, and a sum of each sector that
//! it replaces. The header is written when everything before it is on the medium: from then on the change is decided,
//! and whoever finds the journal copies the blocks to the image, as often as need be. A sector of the image that is
//! neither the old one nor the new one tells that somebody else changed the image since; then nothing is copied.
//!
//! All numbers are little-endian.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use sha2::{Digest, Sha256};

use super::lock::Locked;
use super::refusal::ImageError;
use crate::base::{Error, Result};

/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 4096;
/// Bytes that a disk writes in full or not at all.
const SECTOR_BYTES: usize = 512;
const SECTORS: usize = BLOCK_BYTES / SECTOR_BYTES;
/// Bytes of an entry of the table.
const ENTRY_BYTES: usize = 16 + 8 * SECTORS;
const MAGIC: &[u8; 16] = b"nxvfs journal 1\n";
/// Bytes of the header before its own sum.
const HEADER_BYTES: usize = 16 + 3 * 8 + 32;
/// Bytes that are copied at a time.
const RUN_BYTES: usize = 1 << 20;

/// A journal file.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

/// Where a block of the image lies in the journal.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    /// Number of the block in the image.
    pub(super) block: u64,
    /// Number of the block in the journal, from 0.
    pub(super) slot: u64,
}

/// A block with the sums of the sectors that it replaces.
struct Entry {
    placed: Placed,
    old: [u64; SECTORS],
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Entry {
    fn parse(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let placed = Placed { block: word(bytes), slot: word(&bytes[8..]) };
        Self { placed, old: std::array::from_fn(|sector| word(&bytes[16 + 8 * sector..])) }
    }

    fn append(&self, table: &mut Vec<u8>) {
        for number in [self.placed.block, self.placed.slot].iter().chain(&self.old) {
            table.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// A sum of a sector; eight bytes are enough to tell a mistake, and nobody is to be kept from forging one.
fn sum(sector: &[u8]) -> u64 {
    let digest = Sha256::digest(sector);
    u64::from_le_bytes(*digest.first_chunk().expect("a digest of 32 bytes"))
}

fn sums(block: &[u8; BLOCK_BYTES]) -> [u64; SECTORS] {
    std::array::from_fn(|sector| sum(&block[sector * SECTOR_BYTES..][..SECTOR_BYTES]))
}

/// Reads at an offset; what is beyond the end is zero.
pub(super) fn read_padded(file: &File, mut buf: &mut [u8], mut offset: u64) -> Result<()> {
    while !buf.is_empty() {
        match file.read_at(buf, offset) {
            Ok(0) => {
                buf.fill(0);
                return Ok(());
            }
            Ok(read) => {
                buf = &mut buf[read..];
                offset += read as u64;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Brings the names of a folder to the medium.
fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

impl Journal {
    /// Makes an empty journal. Errors: the system's; EEXIST there is one.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|e| Error::from(e).doing(format_args!("journal {}", path.display())))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The journal of a change that was decided and not finished, with its blocks, sorted. `None`: there is none, or one
    /// that was never decided. Errors: EUCLEAN it cannot be that of this image.
    pub(super) fn find(image: &Locked, path: &Path) -> Result<Option<(Self, Vec<Placed>)>> {
        let file = match OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::from(e).doing(format_args!("journal {}", path.display()))),
        };
        let journal = Self { file, path: path.to_owned() };
        let Some(entries) = journal.entries(image)? else { return Ok(None) };
        for entry in &entries {
            let (mut new, mut now) = ([0; BLOCK_BYTES], [0; BLOCK_BYTES]);
            journal.read(entry.placed.slot, &mut new)?;
            read_padded(&image.file, &mut now, entry.placed.block * BLOCK_BYTES as u64)?;
            let (new, now) = (sums(&new), sums(&now));
            if (0..SECTORS).any(|sector| now[sector] != new[sector] && now[sector] != entry.old[sector]) {
                let (path, journal) = (image.path.display().to_string(), path.display().to_string());
                return Err(ImageError::ForeignJournal { path, journal }.into());
            }
        }
        let placed = entries.iter().map(|entry| entry.placed).collect();
        Ok(Some((journal, placed)))
    }

    /// The table, if the change was decided.
    fn entries(&self, image: &Locked) -> Result<Option<Vec<Entry>>> {
        let bad = |found: &str| {
            let journal = self.path.display().to_string();
            Error::from(ImageError::BadJournal { journal, found: found.to_owned() })
        };
        let mut header = [0; HEADER_BYTES + 32];
        read_padded(&self.file, &mut header, 0)?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let (fields, own) = header.split_at(HEADER_BYTES);
        if !fields.starts_with(MAGIC) {
            return Err(bad("other bytes"));
        }
        if Sha256::digest(fields)[..] != *own {
            // Torn while it was written: not decided.
            return Ok(None);
        }
        let number = |at: usize| word(&fields[at..]);
        let (image_len, count, table_at) = (number(16), number(24), number(32));
        if image_len != image.len_bytes {
            let (path, journal) = (image.path.display().to_string(), self.path.display().to_string());
            return Err(ImageError::ForeignJournal { path, journal }.into());
        }
        let len = self.file.metadata()?.len();
        if count > len / BLOCK_BYTES as u64 || table_at > len {
            return Err(bad("a table longer than the file"));
        }
        let mut table = vec![0; count as usize * ENTRY_BYTES];
        read_padded(&self.file, &mut table, table_at)?;
        if Sha256::digest(&table)[..] != fields[40..] {
            return Err(bad("a damaged table"));
        }
        let entries: Vec<_> = table.as_chunks::<ENTRY_BYTES>().0.iter().map(Entry::parse).collect();
        // The sums are no secret: a made-up journal has them too.
        let (blocks, slots) = (image_len.div_ceil(BLOCK_BYTES as u64), len / BLOCK_BYTES as u64);
        let fits = |e: &Entry| e.placed.block < blocks && e.placed.slot < slots;
        let sorted = entries.is_sorted_by(|a, b| a.placed.block < b.placed.block);
        match sorted && entries.iter().all(fits) {
            true => Ok(Some(entries)),
            false => Err(bad("blocks that cannot be")),
        }
    }

    /// Reads a block.
    pub(super) fn read(&self, slot: u64, buf: &mut [u8]) -> Result<()> {
        Ok(self.file.read_exact_at(buf, place(slot))?)
    }

    /// Writes a block, or several that follow each other.
    pub(super) fn write(&self, slot: u64, buf: &[u8]) -> Result<()> {
        Ok(self.file.write_all_at(buf, place(slot))?)
    }

    /// Decides the change: from here on it happens, whatever breaks off. `placed` are its blocks, sorted; `slots` is how
    /// many blocks the journal has. Answers the blocks that differ from the image's. Errors: as it was before.
    pub(super) fn decide(&self, image: &Locked, placed: &[Placed], slots: u64) -> Result<Vec<Placed>> {
        let (mut table, mut changed) = (Vec::new(), Vec::new());
        let (mut old, mut new) = ([0; BLOCK_BYTES], [0; BLOCK_BYTES]);
        for &placed in placed {
            read_padded(&image.file, &mut old, placed.block * BLOCK_BYTES as u64)?;
            self.read(placed.slot, &mut new)?;
            if old != new {
                Entry { placed, old: sums(&old) }.append(&mut table);
                changed.push(placed);
            }
        }
        if changed.is_empty() {
            return Ok(changed);
        }
        reserve(image, &changed)?;
        let table_at = place(slots);
        self.file.write_all_at(&table, table_at)?;
        self.file.sync_all()?;
        sync_folder(&self.path)?;
        let mut header = MAGIC.to_vec();
        for number in [image.len_bytes, changed.len() as u64, table_at] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.extend_from_slice(&Sha256::digest(&table));
        let own = Sha256::digest(&header);
        header.extend_from_slice(&own);
        self.file.write_all_at(&header, 0)?;
        self.file.sync_all()?;
        Ok(changed)
    }

    /// Copies the blocks of a change that is decided to the image. Errors: what is told says that the journal stays.
    pub(super) fn apply(self, image: &Locked, changed: &[Placed]) -> Result<()> {
        self.copy(image, changed).and_then(|()| Ok(image.file.sync_all()?)).map_err(|e| {
            let (path, journal) = (image.path.display().to_string(), self.path.display().to_string());
            Error::from(ImageError::NotApplied { path, journal, why: e.detail().what.to_string() })
        })?;
        self.remove()
    }

    fn copy(&self, image: &Locked, changed: &[Placed]) -> Result<()> {
        let mut run = vec![0; RUN_BYTES];
        let follows = |a: &Placed, b: &Placed| a.block + 1 == b.block;
        for pieces in changed.chunk_by(follows) {
            for blocks in pieces.chunks(RUN_BYTES / BLOCK_BYTES) {
                for (placed, to) in blocks.iter().zip(run.chunks_mut(BLOCK_BYTES)) {
                    self.read(placed.slot, to)?;
                }
                let start = blocks[0].block * BLOCK_BYTES as u64;
                // The image may end within its last block.
                let len = (image.len_bytes - start).min((blocks.len() * BLOCK_BYTES) as u64) as usize;
                image.file.write_all_at(&run[..len], start)?;
            }
        }
        Ok(())
    }

    /// Takes the journal away: the change is in the image, or not wanted.
    pub(super) fn remove(self) -> Result<()> {
        fs::remove_file(&self.path)?;
        sync_folder(&self.path)
    }
}

fn place(slot: u64) -> u64 {
    (slot + 1) * BLOCK_BYTES as u64
}

/// Takes the disk space for what will be written into holes of the image, so that a full disk is noticed before
/// anything is decided. Where the system cannot do it, it may come later.
fn reserve(image: &Locked, changed: &[Placed]) -> Result<()> {
    for run in changed.chunk_by(|a, b| a.block + 1 == b.block) {
        let start = run[0].block * BLOCK_BYTES as u64;
        let len = (image.len_bytes - start).min((run.len() * BLOCK_BYTES) as u64);
        match fallocate(&image.file, FallocateFlags::KEEP_SIZE, start, len) {
            Err(e) if matches!(e, rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => {
                return Err(e.into());
            }
            Err(_) => return Ok(()),
            Ok(()) => {}
        }
    }
    Ok(())
}
