//! The pages of a file that hold data. What is not there reads as zeroes and costs nothing.
//!
//! Pages are kept in chunks of 64, so that a long transfer searches the tree once for each 256 KiB, and finding data
//! or a hole is a matter of bits.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::space::PAGE_BYTES;

const PAGE: usize = PAGE_BYTES as usize;
const CHUNK_PAGES: u64 = u64::BITS as u64;
const CHUNK: usize = CHUNK_PAGES as usize * PAGE;

type Page = Box<[u8; PAGE]>;

struct Chunk {
    /// A bit for each page that is there.
    present: u64,
    pages: [Option<Page>; CHUNK_PAGES as usize],
}

/// The pages of a file.
#[derive(Default)]
pub(crate) struct Pages {
    chunks: BTreeMap<u64, Box<Chunk>>,
}

/// A page with the given bytes at `at` and zeroes around; `None` if there is no memory left.
fn make(at: usize, bytes: &[u8]) -> Option<Page> {
    let mut page = Vec::new();
    page.try_reserve_exact(PAGE).ok()?;
    page.resize(at, 0);
    page.extend_from_slice(bytes);
    page.resize(PAGE, 0);
    page.into_boxed_slice().try_into().ok()
}

/// The bits of those pages of a chunk that lie in a range.
fn bits(chunk: u64, pages: &Range<u64>) -> u64 {
    let first = chunk * CHUNK_PAGES;
    let low = pages.start.saturating_sub(first).min(CHUNK_PAGES);
    let high = pages.end.saturating_sub(first).min(CHUNK_PAGES);
    if low >= high {
        return 0;
    }
    (u64::MAX >> (CHUNK_PAGES - (high - low))) << low
}

/// The chunks that a range of pages touches.
fn chunks(pages: &Range<u64>) -> Range<u64> {
    let start = pages.start / CHUNK_PAGES;
    start..pages.end.div_ceil(CHUNK_PAGES).max(start)
}

impl Chunk {
    fn empty() -> Box<Self> {
        Box::new(Self { present: 0, pages: [const { None }; CHUNK_PAGES as usize] })
    }

    fn read(&self, offset: usize, mut buf: &mut [u8]) {
        let (mut page, mut at) = (offset / PAGE, offset % PAGE);
        while !buf.is_empty() {
            let (now, later) = buf.split_at_mut(buf.len().min(PAGE - at));
            match &self.pages[page] {
                Some(bytes) => now.copy_from_slice(&bytes[at..at + now.len()]),
                None => now.fill(0),
            }
            (page, at, buf) = (page + 1, 0, later);
        }
    }

    /// Writes until a page is missing that `grant` refuses; answers how many bytes.
    fn write(&mut self, offset: usize, buf: &[u8], mut grant: impl FnMut(usize) -> bool) -> usize {
        let (mut page, mut at, mut done) = (offset / PAGE, offset % PAGE, 0);
        while done < buf.len() {
            let now = &buf[done..buf.len().min(done + PAGE - at)];
            match &mut self.pages[page] {
                Some(bytes) => bytes[at..at + now.len()].copy_from_slice(now),
                missing => {
                    // Memory first: what was granted is then used.
                    let Some(fresh) = make(at, now) else { return done };
                    if !grant(page) {
                        return done;
                    }
                    *missing = Some(fresh);
                    self.present |= 1 << page;
                }
            }
            (page, at, done) = (page + 1, 0, done + now.len());
        }
        done
    }
}

impl Pages {
    /// Fills a buffer from `offset` on.
    pub(crate) fn read(&self, offset: u64, mut buf: &mut [u8]) {
        let (mut chunk, mut at) = (offset / CHUNK as u64, (offset % CHUNK as u64) as usize);
        while !buf.is_empty() {
            let (now, later) = buf.split_at_mut(buf.len().min(CHUNK - at));
            match self.chunks.get(&chunk) {
                Some(pages) => pages.read(at, now),
                None => now.fill(0),
            }
            (chunk, at, buf) = (chunk + 1, 0, later);
        }
    }

    /// Writes; `grant` is asked before a page is added. Answers how many bytes were written before a refusal.
    pub(crate) fn write(&mut self, offset: u64, buf: &[u8], mut grant: impl FnMut(u64) -> bool) -> usize {
        let (mut chunk, mut at, mut done) = (offset / CHUNK as u64, (offset % CHUNK as u64) as usize, 0);
        while done < buf.len() {
            let now = &buf[done..buf.len().min(done + CHUNK - at)];
            let pages = self.chunks.entry(chunk).or_insert_with(Chunk::empty);
            let first = chunk * CHUNK_PAGES;
            let written = pages.write(at, now, |page| grant(first + page as u64));
            done += written;
            if written < now.len() {
                if pages.present == 0 {
                    self.chunks.remove(&chunk);
                }
                break;
            }
            (chunk, at) = (chunk + 1, 0);
        }
        done
    }

    /// Zeroes bytes of pages that are there.
    pub(crate) fn zero(&mut self, bytes: Range<u64>) {
        let mut offset = bytes.start;
        while offset < bytes.end {
            let page = offset / PAGE_BYTES;
            let end = bytes.end.min((page + 1) * PAGE_BYTES);
            let chunk = self.chunks.get_mut(&(page / CHUNK_PAGES));
            if let Some(data) = chunk.and_then(|c| c.pages[(page % CHUNK_PAGES) as usize].as_mut()) {
                let start = (offset % PAGE_BYTES) as usize;
                data[start..start + (end - offset) as usize].fill(0);
            }
            offset = end;
        }
    }

    /// How many pages of a range are there.
    pub(crate) fn count(&self, pages: Range<u64>) -> u64 {
        let touched = self.chunks.range(chunks(&pages));
        touched.map(|(chunk, there)| u64::from((there.present & bits(*chunk, &pages)).count_ones())).sum()
    }

    /// Takes the pages of a range away.
    pub(crate) fn remove(&mut self, pages: Range<u64>) {
        let touched: Vec<u64> = self.chunks.range(chunks(&pages)).map(|(chunk, _)| *chunk).collect();
        for number in touched {
            let Some(chunk) = self.chunks.get_mut(&number) else { continue };
            let mut gone = chunk.present & bits(number, &pages);
            chunk.present &= !gone;
            if chunk.present == 0 {
                self.chunks.remove(&number);
                continue;
            }
            while gone != 0 {
                chunk.pages[gone.trailing_zeros() as usize] = None;
                gone &= gone - 1;
            }
        }
    }

    /// The first page with data at or after `page`.
    pub(crate) fn next_data(&self, page: u64) -> Option<u64> {
        let wanted = page..u64::MAX;
        self.chunks.range(page / CHUNK_PAGES..).find_map(|(chunk, there)| {
            let data = there.present & bits(*chunk, &wanted);
            (data != 0).then(|| chunk * CHUNK_PAGES + u64::from(data.trailing_zeros()))
        })
    }

    /// The first page without data at or after `page`.
    pub(crate) fn next_hole(&self, mut page: u64) -> u64 {
        while let Some(there) = self.chunks.get(&(page / CHUNK_PAGES)) {
            let chunk = page / CHUNK_PAGES;
            let holes = !there.present & bits(chunk, &(page..u64::MAX));
            if holes != 0 {
                return chunk * CHUNK_PAGES + u64::from(holes.trailing_zeros());
            }
            page = (chunk + 1) * CHUNK_PAGES;
        }
        page
    }
}
