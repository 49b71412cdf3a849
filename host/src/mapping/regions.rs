//! The views of one task by address, for `mmap` and its relatives as C knows them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::MapError;
use super::decide::{Asker, Fresh, anonymous, map};
use super::place::Source;
use super::request::{Advice, MapRequest, Place, Prot};
use super::view::{Piece, View, overlap};
use super::vma::{page, reserve, unmap};
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::{Errno, Result};
use crate::tree::Tier;

/// What `msync` shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Bring stores back to the file (`MS_ASYNC`).
    Async,
    /// And the file to its medium (`MS_SYNC`).
    Full,
}

/// Some pages of a view, as `/proc` tells them.
#[derive(Clone, Debug)]
pub struct Row {
    /// The addresses.
    pub pages: Range<usize>,
    /// The protection.
    pub prot: Prot,
    /// Whether stores go to the file.
    pub shared: bool,
    /// What the pages show: the medium, a copy, or zeroes that are no file's.
    pub tier: Tier,
    /// Place in the file of the first byte of the file that the pages show.
    pub offset: u64,
    /// The file's path when it was mapped; empty for anonymous pages.
    pub path: String,
}

/// A task's views. Dropping it unmaps them all.
#[derive(Default)]
pub struct Regions(Mutex<BTreeMap<usize, Piece>>);

/// Pages that were left to something else; dropping it brings back what was stored into them.
pub struct GivenUp(#[allow(dead_code, reason = "held until it is dropped")] Vec<Piece>);

/// Whole pages around a range of bytes; `None` if it leaves the address space.
fn whole_pages(address: usize, len: usize) -> Option<Range<usize>> {
    let page = page();
    let end = address.checked_add(len)?.checked_next_multiple_of(page)?;
    Some(address - address % page..end)
}

impl Regions {
    /// Maps a range and answers the address of its first byte; errors as the task's `mmap`.
    pub fn map(&self, source: &Source, asker: &Asker<'_>, request: &MapRequest) -> Result<usize> {
        // What is replaced is brought back at the end, without the lock of the file that is mapped.
        let gone = RefCell::new(Vec::new());
        let asker = Asker { room: &|pages| self.make_room(pages, &gone), ..*asker };
        self.keep(map(source, &asker, request)?)
    }

    /// Maps zeroes that belong to no file.
    pub fn map_anonymous(&self, len: usize, prot: Prot, shared: bool, place: Place) -> Result<usize> {
        let gone = RefCell::new(Vec::new());
        self.keep(anonymous(len, prot, shared, place, &|pages| self.make_room(pages, &gone))?)
    }

    fn keep(&self, fresh: Fresh) -> Result<usize> {
        let Fresh { piece, address } = fresh;
        lock(&self.0).insert(piece.pages.start, piece);
        Ok(address)
    }

    /// A fixed place replaces what views the task has there, if nothing else is there. Errors: EEXIST, ENOMEM, and nothing has
    /// happened.
    fn make_room(&self, pages: &Range<usize>, gone: &RefCell<Vec<Piece>>) -> Result<()> {
        let mut free = Vec::new();
        let mut at = pages.start;
        let within = self.within(pages.start, pages.len());
        for next in within.into_iter().chain(std::iter::once(pages.end..pages.end)) {
            if at < next.start
                && let Err(e) = reserve(&(at..next.start))
            {
                free.into_iter().for_each(unmap);
                return Err(e);
            } else if at < next.start {
                free.push(at..next.start);
            }
            at = next.end;
        }
        let taken = self.take(pages);
        taken.iter().for_each(Piece::give_up);
        gone.borrow_mut().extend(taken);
        Ok(())
    }

    /// As the task's `give_up_pages`.
    pub fn give_up(&self, address: usize, len: usize) -> GivenUp {
        let taken = whole_pages(address, len).map(|pages| self.take(&pages)).unwrap_or_default();
        taken.iter().for_each(Piece::give_up);
        GivenUp(taken)
    }

    /// The pages of a range that are mapped, by address; what lies side by side is one.
    pub fn within(&self, address: usize, len: usize) -> Vec<Range<usize>> {
        let Some(pages) = whole_pages(address, len) else { return Vec::new() };
        let pieces = lock(&self.0);
        let mut found: Vec<Range<usize>> = Vec::new();
        for start in Self::touched(&pieces, &pages).iter().rev() {
            let next = overlap(&pieces[start].pages, &pages);
            match found.last_mut() {
                Some(last) if last.end == next.start => last.end = next.end,
                _ => found.push(next),
            }
        }
        found
    }

    /// As the task's `may_protect`.
    pub fn may_protect(&self, address: usize, len: usize, prot: Prot) -> Result<()> {
        let Some(pages) = whole_pages(address, len) else { return Ok(()) };
        let pieces = lock(&self.0);
        let touched = Self::touched(&pieces, &pages);
        touched.iter().try_for_each(|start| pieces[start].view.may_protect(prot))
    }

    /// Where pieces begin that have pages in a range.
    fn touched(pieces: &BTreeMap<usize, Piece>, pages: &Range<usize>) -> Vec<usize> {
        let before = pieces.range(..pages.end).rev();
        before.take_while(|(_, p)| p.pages.end > pages.start).map(|(start, _)| *start).collect()
    }

    /// Takes the pages of a range out. They are unmapped, and their stores brought back, when the answer is dropped:
    /// not under the lock, because file systems are called.
    fn take(&self, pages: &Range<usize>) -> Vec<Piece> {
        let mut pieces = lock(&self.0);
        let mut gone = Vec::new();
        for start in Self::touched(&pieces, pages) {
            let Some(piece) = pieces.remove(&start) else { continue };
            let middle = overlap(&piece.pages, pages);
            let (before, middle, after) = piece.cut(&middle);
            for rest in [before, after].into_iter().flatten() {
                pieces.insert(rest.pages.start, rest);
            }
            gone.push(middle);
        }
        gone
    }

    /// Unmaps every page that holds any byte of the range; other pages of the same views stay. POSIX `munmap`, which
    /// acts on this task's views only. Errors: EINVAL for length 0, or if no page of the range is this task's.
    pub fn unmap(&self, address: usize, len: usize) -> Result<()> {
        if len == 0 {
            return Err(MapError::Empty {}.into());
        }
        let gone = whole_pages(address, len).map(|pages| self.take(&pages)).unwrap_or_default();
        if gone.is_empty() {
            return Err(MapError::NotMapped { address, len }.into());
        }
        Ok(())
    }

    /// The views of a range, all of whose pages must be this task's, with those of their pages that are in it. Errors:
    /// EINVAL an address that is no page's; ENOMEM pages that are not mapped.
    fn covered(&self, address: usize, len: usize) -> Result<Vec<(Arc<View>, Range<usize>)>> {
        if !address.is_multiple_of(page()) {
            return Err(Errno::EINVAL.into());
        }
        let missing = || MapError::Hole { address, len };
        let pages = whole_pages(address, len).ok_or_else(missing)?;
        let pieces = lock(&self.0);
        let found: Vec<_> = Self::touched(&pieces, &pages)
            .iter()
            .map(|start| (pieces[start].view.clone(), overlap(&pieces[start].pages, &pages)))
            .collect();
        let covered: usize = found.iter().map(|(_, pages)| pages.len()).sum();
        if covered < pages.len() {
            return Err(missing().into());
        }
        Ok(found)
    }

    /// Changes the protection of pages. POSIX `mprotect`. Errors: EINVAL, ENOMEM, EACCES.
    pub fn protect(&self, address: usize, len: usize, prot: Prot) -> Result<()> {
        let found = self.covered(address, len)?;
        found.iter().try_for_each(|(view, _)| view.may_protect(prot))?;
        found.iter().try_for_each(|(view, pages)| view.protect(pages, prot))
    }

    /// Keeps pages in memory, or no longer. POSIX `mlock`, `munlock`. Errors: EINVAL, ENOMEM, EPERM.
    pub fn pin(&self, address: usize, len: usize, pinned: bool) -> Result<()> {
        self.covered(address, len)?.iter().try_for_each(|(view, pages)| view.pin_pages(pages, pinned))
    }

    /// As [`Regions::pin`], of everything that is mapped.
    pub fn pin_all(&self, pinned: bool) -> Result<()> {
        let all: Vec<_> = lock(&self.0).values().map(|p| (p.view.clone(), p.pages.clone())).collect();
        all.iter().try_for_each(|(view, pages)| view.pin_pages(pages, pinned))
    }

    /// Says how pages will be used. POSIX `posix_madvise`. Errors: EINVAL, ENOMEM.
    pub fn advise(&self, address: usize, len: usize, advice: Advice) -> Result<()> {
        self.covered(address, len)?.iter().try_for_each(|(view, pages)| view.advise(pages, advice))
    }

    /// Brings stores back to the file, never beyond its end. POSIX `msync`. Errors: EINVAL, ENOMEM, and the file
    /// system's.
    pub fn sync(&self, address: usize, len: usize, how: Sync) -> Result<()> {
        for (view, pages) in self.covered(address, len)? {
            view.write_back(&pages)?;
            if how == Sync::Full {
                view.sync()?;
            }
        }
        Ok(())
    }

    /// Number of contiguous ranges that are mapped.
    pub fn count(&self) -> usize {
        lock(&self.0).len()
    }

    /// Everything that is mapped, by address.
    pub fn list(&self) -> Vec<Row> {
        let pieces: Vec<(Arc<View>, Range<usize>)> =
            lock(&self.0).values().map(|piece| (piece.view.clone(), piece.pages.clone())).collect();
        let row = |view: &View, live: super::view::Live| Row {
            offset: view.bytes_of(&live.pages).start.saturating_sub(view.start),
            pages: live.pages,
            prot: live.prot,
            shared: view.shared,
            tier: view.tier(),
            path: view.path.to_string(),
        };
        pieces.iter().flat_map(|(view, pages)| view.live(pages).into_iter().map(|l| row(view, l))).collect()
    }

    /// Unmaps everything.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *lock(&self.0));
        drop(all);
    }
}
