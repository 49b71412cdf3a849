//! Which clusters are free: a bit for each, and a bit for each word without any. Made by one pass over the table when it
//! is first needed.

use nxvfs_sdk::Result;

use crate::bits::{Bits, for_words};
use crate::disk::Disk;
use crate::format::{FIRST_CLUSTER, Kind, Layout};

/// Bytes of the table that are looked at at a time; also a multiple of three.
const SCAN_BYTES: u64 = 48 * 1024;
/// Runs that are looked at to find one that is long enough.
const RUNS_TRIED: u32 = 32;

/// Clusters in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Run {
    pub(crate) fn end(self) -> u32 {
        self.start + self.len
    }
}

/// The free clusters.
pub(crate) struct Space {
    used: Bits,
    /// A bit for each word of `used` that is full.
    full: Vec<u64>,
    free: u32,
    /// Where to look next.
    cursor: u32,
    /// The first number that is no cluster.
    end: u32,
    /// On FAT12 the sector size: entries that lie in two sectors are never given out.
    split_by: Option<u32>,
}

impl Space {
    /// Reads the whole table. `hint`: where the last allocation was.
    pub(crate) fn scan(disk: &Disk, layout: &Layout, hint: u32) -> Result<Self> {
        let end = layout.clusters + FIRST_CLUSTER;
        let mut used = Bits::new(layout.clusters);
        let start = layout.fat_start + layout.fat_bytes * u64::from(layout.active_fat.unwrap_or(0));
        let per_scan = SCAN_BYTES * 8 / u64::from(layout.kind.bits());
        let mut buf = vec![0; SCAN_BYTES as usize];
        let mut first = 0_u32;
        while first < end {
            let at = layout.kind.entry_at(first);
            let len = SCAN_BYTES.min(layout.fat_bytes - at) as usize;
            disk.read_meta(start + at, &mut buf[..len])?;
            let count = (u64::from(end - first)).min(per_scan) as u32;
            mark(layout.kind, &buf[..len], first, count, &mut used.0);
            first += count;
        }
        used.insert_run(0, FIRST_CLUSTER);
        if layout.kind == Kind::Fat12 {
            // No write can change all of such an entry at once, so a power cut could tear it.
            let straddling = (FIRST_CLUSTER..end).filter(|c| layout.kind.straddles(*c, layout.sector_bytes));
            straddling.for_each(|cluster| used.insert_run(cluster, 1));
        }
        let past = used.0.len() as u64 * 64 - u64::from(end);
        used.insert_run(end, past as u32);
        let free = used.0.iter().map(|word| word.count_zeros()).sum();
        let mut full = vec![0; used.0.len().div_ceil(64)];
        for (at, word) in used.0.iter().enumerate() {
            full[at / 64] |= u64::from(*word == u64::MAX) << (at % 64);
        }
        let cursor = if layout.holds(hint) { hint } else { FIRST_CLUSTER };
        let split_by = (layout.kind == Kind::Fat12).then_some(layout.sector_bytes);
        Ok(Self { used, full, free, cursor, end, split_by })
    }

    /// Number of free clusters.
    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    /// Where to look next: a hint for the next mount.
    pub(crate) fn cursor(&self) -> u32 {
        self.cursor
    }

    pub(crate) fn is_free(&self, cluster: u32) -> bool {
        cluster < self.end && !self.used.has(cluster)
    }

    /// The first free cluster at or after one.
    fn next_free(&self, from: u32) -> Option<u32> {
        if from >= self.end {
            return None;
        }
        let mut word = from as usize / 64;
        let first = !self.used.0[word] & (u64::MAX << (from % 64));
        if first != 0 {
            return Some(word as u32 * 64 + first.trailing_zeros());
        }
        word += 1;
        let mut group = word / 64;
        let mut open = !self.full.get(group)? & (u64::MAX << (word % 64));
        while open == 0 {
            group += 1;
            open = !*self.full.get(group)?;
        }
        let word = group * 64 + open.trailing_zeros() as usize;
        let bits = !self.used.0.get(word)?;
        (bits != 0).then(|| word as u32 * 64 + bits.trailing_zeros())
    }

    /// Free clusters in a row from a free one, at most `most`.
    fn run_len(&self, from: u32, most: u32) -> u32 {
        let mut at = from;
        while at - from < most && at < self.end {
            let rest = self.used.0[at as usize / 64] >> (at % 64);
            let clear = if rest == 0 { 64 - at % 64 } else { rest.trailing_zeros() };
            at += clear;
            if rest != 0 {
                break;
            }
        }
        (at - from).min(most)
    }

    /// The free clusters at or after one, in rows.
    pub(crate) fn free_from(&self, mut from: u32) -> impl Iterator<Item = Run> + '_ {
        std::iter::from_fn(move || {
            let start = self.next_free(from)?;
            let run = Run { start, len: self.run_len(start, self.end - start) };
            from = run.end();
            Some(run)
        })
    }

    /// Takes up to `want` clusters in a row: from `goal` on if that is free, else where there are many.
    pub(crate) fn take(&mut self, goal: Option<u32>, want: u32) -> Option<Run> {
        if let Some(goal) = goal.filter(|goal| self.is_free(*goal)) {
            let run = Run { start: goal, len: self.run_len(goal, want) };
            self.mark(run);
            return Some(run);
        }
        let mut best: Option<Run> = None;
        let (mut at, mut wrapped) = (self.cursor, false);
        for _ in 0..RUNS_TRIED {
            let start = match self.next_free(at) {
                Some(start) => start,
                None if !wrapped => {
                    (at, wrapped) = (FIRST_CLUSTER, true);
                    continue;
                }
                None => break,
            };
            let run = Run { start, len: self.run_len(start, want) };
            if best.is_none_or(|best| run.len > best.len) {
                best = Some(run);
            }
            if run.len == want {
                break;
            }
            at = run.end();
        }
        let best = best?;
        self.mark(best);
        self.cursor = best.end();
        Some(best)
    }

    fn mark(&mut self, run: Run) {
        for_words(run.start, run.len, |word, mask| {
            self.used.0[word] |= mask;
            if self.used.0[word] == u64::MAX {
                self.full[word / 64] |= 1 << (word % 64);
            }
        });
        self.free -= run.len;
    }

    /// Gives clusters back that were taken.
    pub(crate) fn give(&mut self, run: Run) {
        for_words(run.start, run.len, |word, mask| {
            self.free += (self.used.0[word] & mask).count_ones();
            self.used.0[word] &= !mask;
            self.full[word / 64] &= !(1 << (word % 64));
        });
        if let Some(sector_bytes) = self.split_by {
            let split =
                (run.start..run.end()).filter(|cluster| Kind::Fat12.straddles(*cluster, sector_bytes));
            split.for_each(|cluster| self.mark(Run { start: cluster, len: 1 }));
        }
        // What was reserved for a file and not used is where the next one goes on.
        if self.cursor == run.end() {
            self.cursor = run.start;
        }
    }
}

/// Sets the bits of the clusters whose entries are not zero.
fn mark(kind: Kind, table: &[u8], first: u32, count: u32, used: &mut [u64]) {
    let first = first as usize;
    let mut set = |index: usize, taken: bool| {
        used[(first + index) / 64] |= u64::from(taken) << ((first + index) % 64);
    };
    match kind {
        // `first` is a multiple of 64 here: words are made whole.
        Kind::Fat32 => {
            let mut words = used[first / 64..].iter_mut();
            let (entries, _) = table[..count as usize * 4].as_chunks::<4>();
            let (whole, rest) = entries.as_chunks::<64>();
            for (entries, word) in whole.iter().zip(&mut words) {
                *word |= taken(entries);
            }
            if let Some(word) = words.next() {
                let mut last = [[0; 4]; 64];
                last[..rest.len()].copy_from_slice(rest);
                *word |= taken(&last);
            }
        }
        Kind::Fat16 => {
            let (entries, _) = table.as_chunks::<2>();
            let entries = entries.iter().take(count as usize).enumerate();
            entries.for_each(|(at, entry)| set(at, *entry != [0, 0]));
        }
        Kind::Fat12 => (0..count as usize).for_each(|at| {
            let cluster = (first + at) as u32;
            let place = (kind.entry_at(cluster) - kind.entry_at(first as u32)) as usize;
            set(at, kind.get(table, place, cluster) != 0);
        }),
    }
}

/// A bit for each entry of 32 bits that is not zero. First a byte for each, which compilers do many at a time; then eight
/// bytes become eight bits by one multiplication.
#[inline]
fn taken(entries: &[[u8; 4]; 64]) -> u64 {
    let mut bytes = [0_u8; 64];
    for (byte, entry) in bytes.iter_mut().zip(entries) {
        *byte = u8::from(u32::from_le_bytes(*entry) & 0x0fff_ffff != 0);
    }
    let (eights, _) = bytes.as_chunks::<8>();
    eights.iter().enumerate().fold(0, |bits, (at, eight)| {
        let eight = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits | eight << (8 * at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the number of entries is, and whatever the four bits say that are nobody's.
    #[test]
    fn entries_of_32_bits_are_marked_one_by_one() {
        for count in [1_u32, 63, 64, 65, 200, 4096] {
            let taken = |cluster: u32| cluster.is_multiple_of(3) || cluster % 64 == 63;
            let entry = |cluster: u32| if taken(cluster) { 0x0fff_fff8 - cluster } else { 0xf000_0000 };
            let table: Vec<u8> = (0..count).flat_map(|cluster| entry(cluster).to_le_bytes()).collect();
            let mut used = vec![0; count.div_ceil(64) as usize];
            mark(Kind::Fat32, &table, 0, count, &mut used);
            for cluster in 0..count {
                assert_eq!(
                    used[cluster as usize / 64] >> (cluster % 64) & 1 != 0,
                    taken(cluster),
                    "{cluster} of {count}"
                );
            }
        }
    }
}
