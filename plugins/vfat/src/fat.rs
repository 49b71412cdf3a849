//! The file allocation table in memory: read in pieces when they are needed, written back by sectors when told to.

use nxvfs_sdk::Result;

use crate::disk::Disk;
use crate::format::table::Link;
use crate::format::{Kind, Layout};
use crate::space::Run;

/// Least bytes of a piece.
const PIECE_BYTES: u32 = 4096;

/// A piece of the table.
struct Piece {
    bytes: Box<[u8]>,
    /// A bit for each sector that differs from the medium.
    dirty: u32,
}

/// The table.
pub(crate) struct Fat {
    kind: Kind,
    sector_bytes: u32,
    piece_bytes: u64,
    start: u64,
    len_bytes: u64,
    pieces: Vec<Option<Piece>>,
    /// Numbers of pieces with dirty sectors.
    dirty: Vec<u32>,
    /// Where the tables that are kept begin, the first of which is read.
    copies: Vec<u64>,
}

impl Fat {
    pub(crate) fn new(layout: &Layout) -> Self {
        let place = |number: u32| layout.fat_start + layout.fat_bytes * u64::from(number);
        let copies: Vec<u64> = match layout.active_fat {
            Some(active) => vec![place(active)],
            None => (0..layout.fat_count).map(place).collect(),
        };
        // Entries of 12 bits repeat their places every three sectors: no entry lies in two pieces.
        let piece_bytes = match layout.kind {
            Kind::Fat12 => layout.sector_bytes * 3,
            _ => layout.sector_bytes.max(PIECE_BYTES),
        };
        let piece_bytes = u64::from(piece_bytes);
        let count = layout.fat_bytes.div_ceil(piece_bytes);
        Self {
            kind: layout.kind,
            sector_bytes: layout.sector_bytes,
            piece_bytes,
            start: copies[0],
            len_bytes: layout.fat_bytes,
            pieces: (0..count).map(|_| None).collect(),
            dirty: Vec::new(),
            copies,
        }
    }

    #[inline]
    fn piece(&mut self, disk: &Disk, number: usize) -> Result<&mut Piece> {
        if self.pieces[number].is_none() {
            let at = number as u64 * self.piece_bytes;
            let len = self.piece_bytes.min(self.len_bytes - at);
            let mut bytes = vec![0; len as usize].into_boxed_slice();
            disk.read_meta(self.start + at, &mut bytes)?;
            self.pieces[number] = Some(Piece { bytes, dirty: 0 });
        }
        match &mut self.pieces[number] {
            Some(piece) => Ok(piece),
            None => Err(nxvfs_sdk::Errno::EIO.into()),
        }
    }

    /// The value of a cluster's entry. The caller checked that there is such a cluster.
    #[inline]
    pub(crate) fn get(&mut self, disk: &Disk, cluster: u32) -> Result<u32> {
        let (kind, at) = (self.kind, self.kind.entry_at(cluster));
        let (number, within) = ((at / self.piece_bytes) as usize, (at % self.piece_bytes) as usize);
        Ok(kind.get(&self.piece(disk, number)?.bytes, within, cluster))
    }

    /// What a cluster's entry says.
    #[inline]
    pub(crate) fn link(&mut self, disk: &Disk, cluster: u32) -> Result<Link> {
        let kind = self.kind;
        self.get(disk, cluster).map(|value| kind.link(value))
    }

    /// Changes a cluster's entry in memory.
    #[inline]
    pub(crate) fn set(&mut self, disk: &Disk, cluster: u32, value: u32) -> Result<()> {
        let (kind, sector_bytes) = (self.kind, self.sector_bytes as usize);
        let at = kind.entry_at(cluster);
        let (number, within) = ((at / self.piece_bytes) as usize, (at % self.piece_bytes) as usize);
        let piece = self.piece(disk, number)?;
        kind.set(&mut piece.bytes, within, cluster, value);
        let clean = piece.dirty == 0;
        // An entry of 12 bits may lie in two sectors.
        for sector in within / sector_bytes..=(within + kind.entry_bytes() - 1) / sector_bytes {
            piece.dirty |= 1 << sector;
        }
        if clean {
            self.dirty.push(number as u32);
        }
        Ok(())
    }

    /// Makes a run a part of a chain, in memory: each of its clusters leads to the one after it, the last one to `next`.
    pub(crate) fn chain(&mut self, disk: &Disk, run: Run, next: u32) -> Result<()> {
        if self.kind != Kind::Fat32 {
            for cluster in run.start..run.end() - 1 {
                self.set(disk, cluster, cluster + 1)?;
            }
            return self.set(disk, run.end() - 1, next);
        }
        // Entries of 32 bits fill sectors and pieces evenly: whole stretches at a time.
        let (per_piece, per_sector) = (self.piece_bytes as u32 / 4, self.sector_bytes / 4);
        let mut cluster = run.start;
        while cluster < run.end() {
            let (number, within) = (cluster / per_piece, cluster % per_piece);
            let count = (per_piece - within).min(run.end() - cluster);
            let piece = self.piece(disk, number as usize)?;
            let clean = piece.dirty == 0;
            let (entries, _) = piece.bytes.as_chunks_mut::<4>();
            for entry in &mut entries[within as usize..(within + count) as usize] {
                cluster += 1;
                let value = if cluster == run.end() { next } else { cluster };
                *entry = (u32::from_le_bytes(*entry) & 0xf000_0000 | value & 0x0fff_ffff).to_le_bytes();
            }
            let (first, last) = (within / per_sector, (within + count - 1) / per_sector);
            piece.dirty |= (u32::MAX >> (31 - (last - first))) << first;
            if clean {
                self.dirty.push(number);
            }
        }
        Ok(())
    }

    /// Writes what differs to all copies, one after the other. After a failure it can be tried again.
    pub(crate) fn write_back(&mut self, disk: &Disk) -> Result<()> {
        self.dirty.sort_unstable();
        let sector = self.sector_bytes as usize;
        for copy in &self.copies {
            for number in &self.dirty {
                let Some(piece) = &self.pieces[*number as usize] else { continue };
                let base = copy + u64::from(*number) * self.piece_bytes;
                let mut first = 0;
                while piece.dirty >> first != 0 {
                    first += (piece.dirty >> first).trailing_zeros();
                    let count = (piece.dirty >> first).trailing_ones();
                    let bytes =
                        first as usize * sector..((first + count) as usize * sector).min(piece.bytes.len());
                    disk.write_meta(base + bytes.start as u64, &piece.bytes[bytes])?;
                    first += count;
                }
            }
        }
        for number in std::mem::take(&mut self.dirty) {
            if let Some(piece) = &mut self.pieces[number as usize] {
                piece.dirty = 0;
            }
        }
        Ok(())
    }

    /// Whether something differs from the medium.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }
}
