//! The views of one task by address, for `mmap` and `munmap` as C knows them.

use std::collections::BTreeMap;
use std::ops::Range;

use nxvfs_abi::Ctx;

use super::MapError;
use super::place::Source;
use super::request::{MapRequest, Prot};
use super::view::{Fresh, Piece, map};
use super::vma::page;
use crate::base::Result;
use crate::base::sync::{Mutex, lock};
use crate::tree::Tier;

/// A contiguous range of pages that a task has mapped.
#[derive(Clone, Debug)]
pub struct Region {
    /// The addresses.
    pub range: Range<usize>,
    /// What may be done with them.
    pub prot: Prot,
    /// Whether stores go to the file.
    pub shared: bool,
    /// How it is mapped.
    pub tier: Tier,
    /// Where in the file it begins.
    pub offset: u64,
    /// The file, by the name that it had when it was mapped.
    pub path: String,
}

/// A task's views. Dropping it unmaps them all.
#[derive(Default)]
pub struct Regions(Mutex<BTreeMap<usize, Piece>>);

impl Regions {
    /// Maps a range and answers the address of its first byte; errors as the task's `mmap`.
    pub fn map(
        &self,
        source: &Source,
        ctx: &Ctx,
        path: &str,
        task: u64,
        request: &MapRequest,
    ) -> Result<usize> {
        let Fresh { piece, address } = map(source, ctx, path, task, request)?;
        lock(&self.0).insert(piece.vma.range().start, piece);
        Ok(address)
    }

    /// Unmaps every page that holds any byte of the range; other pages of the same views stay. POSIX `munmap`, which
    /// acts on this task's views only. Errors: EINVAL for length 0, or if no page of the range is this task's.
    pub fn unmap(&self, address: usize, len: usize) -> Result<()> {
        let not_mapped = || MapError::NotMapped { address, len };
        if len == 0 {
            return Err(MapError::Empty {}.into());
        }
        let page = page();
        let start = address - address % page;
        let end =
            address.checked_add(len).and_then(|e| e.checked_next_multiple_of(page)).ok_or_else(not_mapped)?;
        let mut regions = lock(&self.0);
        let touched: Vec<usize> = regions
            .range(..end)
            .rev()
            .take_while(|(_, piece)| piece.vma.range().end > start)
            .map(|(base, _)| *base)
            .collect();
        if touched.is_empty() {
            return Err(not_mapped().into());
        }
        for base in touched {
            let Some(Piece { vma, shown }) = regions.remove(&base) else { continue };
            let range = vma.range();
            let (before, after) = vma.cut(range.start.max(start)..range.end.min(end));
            for vma in [before, after].into_iter().flatten() {
                regions.insert(vma.range().start, Piece { vma, shown: shown.clone() });
            }
        }
        Ok(())
    }

    /// The contiguous ranges, by address.
    pub fn list(&self) -> Vec<Region> {
        let regions = lock(&self.0);
        let rows = regions.values().map(|Piece { vma, shown }| {
            let (range, told) = (vma.range(), &shown.told);
            Region {
                offset: told.offset + (range.start - told.base) as u64,
                range,
                prot: told.prot,
                shared: told.shared,
                tier: shown.tier,
                path: told.path.clone(),
            }
        });
        rows.collect()
    }

    /// Number of contiguous ranges that are mapped.
    pub fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// Unmaps everything.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *lock(&self.0));
        drop(all);
    }
}
