//! A copy of a file in memory, which all views of the file show. While it lives it is what counts: who reads the file
//! gets what is in it, who writes the file writes into it too.
//!
//! The copy is a memory object of the file's very length, so that the operating system itself answers an access beyond
//! the end (SIGBUS) and zeroes what comes after it. Which pages hold the file's bytes is known here alone: a page is
//! filled once, by the mapper, and then never again.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rangemap::RangeSet;
use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, ftruncate, memfd_create};

use super::budget;
use super::content::Content;
use super::ranges::{Held, RangeLock};
use super::vma::page;
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::{Budget, Errno, Result};
use crate::bridge::{Mapper, Target, Token, host_ctx};
use crate::device::{Change, ReadBelow, WriteBelow};

/// Which pages are what; numbers of pages of the file.
#[derive(Default)]
pub(super) struct Pages {
    /// They hold the file's bytes.
    resident: RangeSet<u64>,
    /// The file's bytes come there just now: views show them already, perhaps with what was stored since.
    coming: RangeSet<u64>,
    /// A view shows them, now or earlier.
    shown: RangeSet<u64>,
    /// A view could store into them, now or earlier.
    stored: RangeSet<u64>,
}

/// A copy of a file in memory.
pub(super) struct Region {
    content: Arc<Content>,
    mapper: Mapper,
    token: Token,
    object: OwnedFd,
    pages: Mutex<Pages>,
    /// Held by who fills, writes, cuts or brings back a range; never while a view's memory is touched.
    ranges: RangeLock,
    budget: Arc<Budget>,
    /// Whether pages are filled when they are touched.
    pub(super) lazy: bool,
    pub(super) chunk_bytes: usize,
    pub(super) ahead_bytes: u64,
}

/// The pages that hold any byte of a range.
pub(super) fn pages_of(bytes: Range<u64>) -> Range<u64> {
    let page = page() as u64;
    bytes.start / page..bytes.end.div_ceil(page)
}

impl Region {
    pub(super) fn new(
        content: Arc<Content>,
        mapper: Mapper,
        planned: crate::bridge::Planned,
        budget: Arc<Budget>,
    ) -> Result<Self> {
        let object = memfd_create("nxvfs-copy", MemfdFlags::CLOEXEC)?;
        ftruncate(&object, content.len_bytes())?;
        let token = Token::new(Target::File(content.clone()));
        Ok(Self {
            content,
            mapper,
            token,
            object,
            pages: Mutex::default(),
            ranges: RangeLock::default(),
            budget,
            lazy: planned.lazy,
            chunk_bytes: planned.chunk_bytes,
            ahead_bytes: planned.ahead_bytes,
        })
    }

    /// The memory object; a page of it is at the same offset as in the file.
    pub(super) fn object(&self) -> BorrowedFd<'_> {
        self.object.as_fd()
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.content.len_bytes()
    }

    /// Holds all of the file against every change.
    pub(super) fn hold_all(&self) -> Held<'_> {
        self.ranges.hold(0..u64::MAX)
    }

    /// The length, before anybody goes through the copy.
    pub(super) fn set_len(&self, len_bytes: u64) -> Result<()> {
        ftruncate(&self.object, len_bytes)?;
        self.content.set_len_bytes(len_bytes);
        Ok(())
    }

    /// A view will show these pages; with `store`, shared and perhaps writable. Errors: EROFS if stores cannot be brought
    /// back, and the file system's.
    pub(super) fn show(&self, pages: Range<u64>, store: bool) -> Result<()> {
        if store {
            if !self.mapper.drains() {
                return Err(Errno::EROFS.into());
            }
            self.content.open_for_writing()?;
        }
        let mut known = lock(&self.pages);
        known.shown.insert(pages.clone());
        if store {
            known.stored.insert(pages);
        }
        Ok(())
    }

    /// Whether a page holds the file's bytes.
    pub(super) fn is_resident(&self, page: u64) -> bool {
        lock(&self.pages).resident.contains(&page)
    }

    /// How many bytes of pages hold the file's bytes.
    pub(super) fn resident_bytes(&self) -> u64 {
        lock(&self.pages).resident.iter().map(|r| (r.end - r.start) * page() as u64).sum()
    }

    /// Fills those of the pages that are not yet, as far as the file goes.
    pub(super) fn fill(&self, pages: Range<u64>) -> Result<()> {
        let page = page() as u64;
        let _alone = self.ranges.hold(pages.start * page..pages.end.saturating_mul(page));
        let pages = pages.start..pages.end.min(self.len_bytes().div_ceil(page));
        if pages.is_empty() {
            return Ok(());
        }
        let gaps: Vec<Range<u64>> = lock(&self.pages).resident.gaps(&pages).collect();
        let chunk_pages = (self.chunk_bytes as u64 / page).max(1);
        let mut buf = Vec::new();
        for gap in gaps {
            let mut at = gap.start;
            while at < gap.end {
                let end = gap.end.min(at + chunk_pages);
                budget::take(&self.budget, (end - at) * page)?;
                let filled = self.fill_run(at..end, &mut buf);
                if filled.is_err() {
                    self.budget.give_back((end - at) * page);
                }
                filled?;
                at = end;
            }
        }
        Ok(())
    }

    fn fill_run(&self, run: Range<u64>, buf: &mut Vec<u8>) -> Result<()> {
        let page = page() as u64;
        let offset = run.start * page;
        buf.resize(((run.end - run.start) * page) as usize, 0);
        self.mapper.fill(&host_ctx(), self.token.number(), offset, buf)?;
        // Beyond the end there is nothing, and writing there would make the object longer.
        let len = self.len_bytes().saturating_sub(offset).min(buf.len() as u64) as usize;
        lock(&self.pages).coming.insert(run.clone());
        let put = self.put(offset, &buf[..len]);
        let mut known = lock(&self.pages);
        known.coming.remove(run.clone());
        put?;
        known.resident.insert(run);
        Ok(())
    }

    /// Copies into the object. Errors: ENOMEM.
    fn put(&self, mut offset: u64, mut buf: &[u8]) -> Result<()> {
        while !buf.is_empty() {
            let done = rustix::io::pwrite(&self.object, buf, offset)?;
            offset += done as u64;
            buf = &buf[done..];
        }
        Ok(())
    }

    /// Copies out of the object; zeroes where it was cut meanwhile.
    fn get(&self, mut offset: u64, mut buf: &mut [u8]) -> Result<()> {
        while !buf.is_empty() {
            let done = rustix::io::pread(&self.object, &mut *buf, offset)?;
            if done == 0 {
                buf.fill(0);
                break;
            }
            offset += done as u64;
            buf = &mut buf[done..];
        }
        Ok(())
    }

    /// Reads: pages that are in memory from there, others from below, where nothing newer can be than there.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8], below: ReadBelow<'_>) -> Result<usize> {
        let page = page() as u64;
        let len = self.len_bytes().saturating_sub(offset).min(buf.len() as u64) as usize;
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let number = at / page;
            let (resident, end) = {
                let known = lock(&self.pages);
                match known.resident.get(&number) {
                    Some(run) => (true, run.end),
                    None if known.coming.contains(&number) => {
                        drop(known);
                        // Whoever fills it holds it.
                        drop(self.ranges.hold(number * page..(number + 1) * page));
                        continue;
                    }
                    None => {
                        let rest = number..pages_of(offset..offset + len as u64).end;
                        let end = known.resident.gaps(&rest).next().map_or(rest.end, |gap| gap.end);
                        (false, known.coming.overlapping(number..end).next().map_or(end, |run| run.start))
                    }
                }
            };
            let piece = (len - done).min((end * page - at) as usize);
            let piece = &mut buf[done..done + piece];
            let got = if resident {
                self.get(at, piece)?;
                piece.len()
            } else {
                below(at, piece)?
            };
            done += got;
            if got < piece.len() {
                break;
            }
        }
        Ok(done)
    }

    /// Holds what a write or a change touches: from the end on, too, if the end may move, because whoever moves it
    /// holds everything behind it.
    fn hold(&self, start: u64, end: u64) -> Held<'_> {
        let page = page() as u64;
        loop {
            let len = self.len_bytes();
            let moves = end > len;
            let from = if moves { start.min(len) } else { start };
            let to = if moves { u64::MAX } else { end.next_multiple_of(page) };
            let held = self.ranges.hold(from - from % page..to);
            // The end may have moved while this waited.
            if moves || end <= self.len_bytes() {
                return held;
            }
        }
    }

    /// Writes below, and then into memory what was written.
    pub(super) fn write(&self, offset: Option<u64>, buf: &[u8], below: WriteBelow<'_>) -> Result<usize> {
        let _alone = match offset {
            Some(offset) => self.hold(offset, offset.saturating_add(buf.len() as u64)),
            None => self.hold(0, u64::MAX),
        };
        let len = self.len_bytes();
        let done = below(buf)?;
        let start = offset.unwrap_or(len);
        let end = start + done as u64;
        if end > len && done > 0 {
            self.grow(len, end)?;
        }
        self.put_resident(start, &buf[..done])?;
        Ok(done)
    }

    /// Copies into those pages that hold the file's bytes.
    fn put_resident(&self, start: u64, bytes: &[u8]) -> Result<()> {
        for run in self.resident_within(start, bytes.len() as u64) {
            self.put(run.start, &bytes[(run.start - start) as usize..(run.end - start) as usize])?;
        }
        Ok(())
    }

    /// The ranges of bytes, within a range, whose pages hold the file's bytes.
    fn resident_within(&self, start: u64, len: u64) -> Vec<Range<u64>> {
        let page = page() as u64;
        let end = start + len;
        if len == 0 {
            return Vec::new();
        }
        let known = lock(&self.pages);
        let runs = known.resident.overlapping(pages_of(start..end));
        runs.map(|run| (run.start * page).max(start)..(run.end * page).min(end)).collect()
    }

    /// The file became longer, with zeroes in between as far as nobody writes there.
    fn grow(&self, old: u64, new: u64) -> Result<()> {
        let page = page() as u64;
        // What a view stored behind the end in its last page is not the file's.
        if !old.is_multiple_of(page) && self.is_resident(old / page) {
            let end = old.next_multiple_of(page).min(new);
            ftruncate(&self.object, old)?;
            ftruncate(&self.object, end)?;
            self.put(old, &vec![0; (end - old) as usize])?;
        }
        ftruncate(&self.object, new)?;
        self.content.set_len_bytes(new);
        // Pages that views show must hold the file's bytes from now on, which are zeroes until somebody writes; unless
        // they are filled when they are touched.
        let fresh = old.div_ceil(page)..new.div_ceil(page);
        if fresh.is_empty() || self.lazy {
            return Ok(());
        }
        let shown: Vec<Range<u64>> = lock(&self.pages)
            .shown
            .overlapping(fresh.clone())
            .map(|run| run.start.max(fresh.start)..run.end.min(fresh.end))
            .collect();
        for run in shown {
            // The file has grown already: over the limit rather than wrong.
            self.budget.take_always((run.end - run.start) * page);
            let (start, end) = (run.start * page, (run.end * page).min(new));
            fallocate(&self.object, FallocateFlags::empty(), start, end - start)?;
            lock(&self.pages).resident.insert(run);
        }
        Ok(())
    }

    /// Makes a change below, and then what follows from it in memory.
    pub(super) fn change(&self, change: Change, below: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let _alone = self.hold(0, u64::MAX);
        below()?;
        let len = self.len_bytes();
        match change {
            Change::Resize(new) if new < len => self.cut(new),
            Change::Resize(new) | Change::Extend(new) if new > len => self.grow(len, new),
            Change::Resize(_) | Change::Extend(_) => Ok(()),
            Change::Zero { offset, len: zeroed, grow } => {
                let end = offset.saturating_add(zeroed);
                if grow && end > len {
                    self.grow(len, end)?;
                }
                let inside = end.min(self.len_bytes()).saturating_sub(offset);
                for run in self.resident_within(offset, inside) {
                    self.zero(run)?;
                }
                Ok(())
            }
        }
    }

    fn zero(&self, run: Range<u64>) -> Result<()> {
        static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut at = run.start;
        while at < run.end {
            let len = (run.end - at).min(ZEROES.len() as u64);
            self.put(at, &ZEROES[..len as usize])?;
            at += len;
        }
        Ok(())
    }

    /// The file became shorter: pages behind the end go, also from views.
    fn cut(&self, new: u64) -> Result<()> {
        let page = page() as u64;
        self.content.set_len_bytes(new);
        ftruncate(&self.object, new)?;
        let gone = new.div_ceil(page)..u64::MAX;
        let mut known = lock(&self.pages);
        let bytes: u64 = known
            .resident
            .overlapping(gone.clone())
            .map(|run| (run.end - run.start.max(gone.start)) * page)
            .sum();
        known.resident.remove(gone);
        drop(known);
        self.budget.give_back(bytes);
        Ok(())
    }

    /// Brings back to the file what was stored into a range, page by page where it differs from the file's. Nothing is
    /// written beyond the file's end. Errors: the file system's; what could not be written stays in memory.
    pub(super) fn write_back(&self, bytes: Range<u64>) -> Result<()> {
        const CHUNK_PAGES: u64 = 256;
        let page = page() as u64;
        let pages = bytes.start / page..bytes.end.div_ceil(page);
        if pages.is_empty() {
            return Ok(());
        }
        let runs: Vec<Range<u64>> = {
            let known = lock(&self.pages);
            let stored = known.stored.overlapping(pages.clone());
            let stored = stored.map(|run| run.start.max(pages.start)..run.end.min(pages.end));
            stored
                .flat_map(|stored| {
                    let resident = known.resident.overlapping(stored.clone());
                    resident
                        .map(move |run| run.start.max(stored.start)..run.end.min(stored.end))
                        .collect::<Vec<_>>()
                })
                .collect()
        };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for run in runs {
            let mut at = run.start;
            while at < run.end {
                let end = run.end.min(at + CHUNK_PAGES);
                self.write_back_run(at * page..end * page, &mut ours, &mut theirs)?;
                at = end;
            }
        }
        Ok(())
    }

    fn write_back_run(&self, run: Range<u64>, ours: &mut Vec<u8>, theirs: &mut Vec<u8>) -> Result<()> {
        let page = page();
        let _alone = self.ranges.hold(run.clone());
        let end = run.end.min(self.len_bytes());
        if end <= run.start {
            return Ok(());
        }
        let len = (end - run.start) as usize;
        ours.resize(len, 0);
        theirs.resize(len, 0);
        self.get(run.start, ours)?;
        self.content.read_exact(run.start, theirs)?;
        // Comparing spares the medium, and keeps the times of a file into which nobody stored.
        let differs = |at: usize| {
            let end = len.min(at + page);
            ours[at..end] != theirs[at..end]
        };
        let mut at = 0;
        while at < len {
            if !differs(at) {
                at += page;
                continue;
            }
            let start = at;
            while at < len && differs(at) {
                at += page;
            }
            let piece = &ours[start..len.min(at)];
            self.mapper.drain(&host_ctx(), self.token.number(), run.start + start as u64, piece)?;
        }
        Ok(())
    }

    /// Brings the file below to its medium.
    pub(super) fn sync(&self) -> Result<()> {
        self.content.sync()
    }

    /// Whether there may be something to bring back.
    pub(super) fn has_stores(&self) -> bool {
        !lock(&self.pages).stored.is_empty()
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.budget.give_back(self.resident_bytes());
    }
}
