//! The content of a regular file as bytes.
//!
//! Two things hold always: bytes of a page beyond the end of the file are zero, and `allocated` is the number of pages
//! that hold data or are reserved, which is what was taken from the volume.

use std::ops::Range;

use nxvfs_sdk::abi::filesystem::{
    FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE, SEEK_DATA, SEEK_HOLE,
};
use nxvfs_sdk::{Errno, Result};

use crate::pages::Pages;
use crate::ranges::Ranges;
use crate::space::{FILE_MAX_BYTES, PAGE_BYTES, PAGES_END, Space};

/// What a regular file holds.
#[derive(Default)]
pub(crate) struct Content {
    pub(crate) size_bytes: u64,
    /// Pages that hold data or are reserved.
    pub(crate) allocated: u64,
    pages: Pages,
    /// Pages that were paid for ahead; some of them hold data by now.
    reserved: Ranges,
}

impl Content {
    /// Reads; answers how many bytes, fewer only at the end.
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let len = self.size_bytes.saturating_sub(offset).min(buf.len() as u64) as usize;
        self.pages.read(offset, &mut buf[..len]);
        len
    }

    /// Writes; answers how many bytes, fewer only if the next one would fail. Errors: EFBIG, ENOSPC.
    pub(crate) fn write(&mut self, space: &Space, offset: u64, buf: &[u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if offset >= FILE_MAX_BYTES {
            return Err(Errno::EFBIG.into());
        }
        let buf = &buf[..(FILE_MAX_BYTES - offset).min(buf.len() as u64) as usize];
        let touched = offset / PAGE_BYTES..(offset + buf.len() as u64).div_ceil(PAGE_BYTES);
        let missing = touched.end - touched.start - self.allocated_in(touched);
        // Taken at once, so that threads do not meet at the volume's number for each page.
        let mut granted = space.pages.take_up_to(missing);
        let (reserved, allocated) = (&self.reserved, &mut self.allocated);
        let done = self.pages.write(offset, buf, |page| {
            if reserved.contains(page) {
                return true;
            }
            let fits = granted > 0;
            granted -= u64::from(fits);
            *allocated += u64::from(fits);
            fits
        });
        space.pages.give(granted);
        if done == 0 {
            return Err(Errno::ENOSPC.into());
        }
        self.size_bytes = self.size_bytes.max(offset + done as u64);
        Ok(done)
    }

    /// Sets the length. What was reserved beyond it is given back; what is added reads as zeroes and takes no space.
    pub(crate) fn truncate(&mut self, space: &Space, size_bytes: u64) {
        if size_bytes <= self.size_bytes {
            let end = size_bytes.div_ceil(PAGE_BYTES);
            self.free(space, end..PAGES_END);
            self.pages.zero(size_bytes..end * PAGE_BYTES);
        }
        self.size_bytes = size_bytes;
    }

    /// Reserves, zeroes or frees. Errors: EINVAL, EFBIG, ENOSPC (then nothing has changed), ENOTSUP.
    pub(crate) fn allocate(&mut self, space: &Space, mode: u32, offset: u64, len: u64) -> Result<()> {
        let keep = mode & FALLOC_KEEP_SIZE != 0;
        if len == 0 {
            return Err(Errno::EINVAL.into());
        }
        let end = offset.checked_add(len).filter(|end| *end <= FILE_MAX_BYTES).ok_or(Errno::EFBIG)?;
        match mode & !FALLOC_KEEP_SIZE {
            0 => self.reserve(space, offset..end)?,
            FALLOC_ZERO_RANGE => {
                self.reserve(space, offset..end)?;
                // Reserved as they are, the whole pages need no memory to read as zeroes.
                let whole = self.zero_around(offset..end);
                self.pages.remove(whole);
            }
            FALLOC_PUNCH_HOLE if keep => {
                let whole = self.zero_around(offset..end);
                self.free(space, whole);
            }
            _ => return Err(Errno::ENOTSUP.into()),
        }
        if !keep {
            self.size_bytes = self.size_bytes.max(end);
        }
        Ok(())
    }

    /// The first data or hole at or after `offset`; a reservation is a hole, as in Linux. Errors: ENXIO, EINVAL.
    pub(crate) fn seek(&self, offset: u64, whence: u32) -> Result<u64> {
        if offset >= self.size_bytes {
            return Err(Errno::ENXIO.into());
        }
        let page = offset / PAGE_BYTES;
        let found = match whence {
            SEEK_DATA => self.pages.next_data(page).ok_or(Errno::ENXIO)?,
            SEEK_HOLE => self.pages.next_hole(page),
            _ => return Err(Errno::EINVAL.into()),
        };
        let found = found.saturating_mul(PAGE_BYTES).max(offset);
        match whence {
            // Pages beyond the end come from a file that was longer and are reserved only.
            SEEK_DATA if found >= self.size_bytes => Err(Errno::ENXIO.into()),
            _ => Ok(found.min(self.size_bytes)),
        }
    }

    /// How many pages of a range hold data or are reserved.
    fn allocated_in(&self, pages: Range<u64>) -> u64 {
        let (mut at, mut sum) = (pages.start, 0);
        for piece in self.reserved.pieces(pages.clone()) {
            sum += self.pages.count(at..piece.start) + (piece.end - piece.start);
            at = piece.end;
        }
        sum + self.pages.count(at..pages.end)
    }

    fn reserve(&mut self, space: &Space, bytes: Range<u64>) -> Result<()> {
        let pages = bytes.start / PAGE_BYTES..bytes.end.div_ceil(PAGE_BYTES);
        let missing = pages.end - pages.start - self.allocated_in(pages.clone());
        if !space.pages.take(missing) {
            return Err(Errno::ENOSPC.into());
        }
        self.allocated += missing;
        self.reserved.insert(pages);
        Ok(())
    }

    fn free(&mut self, space: &Space, pages: Range<u64>) {
        let freed = self.allocated_in(pages.clone());
        self.reserved.remove(pages.clone());
        self.pages.remove(pages);
        self.allocated -= freed;
        space.pages.give(freed);
    }

    /// Zeroes what a range has of pages that it covers in part; answers the pages that it covers whole.
    fn zero_around(&mut self, bytes: Range<u64>) -> Range<u64> {
        let whole = bytes.start.div_ceil(PAGE_BYTES)..bytes.end / PAGE_BYTES;
        if whole.start > whole.end {
            self.pages.zero(bytes);
            return 0..0;
        }
        self.pages.zero(bytes.start..whole.start * PAGE_BYTES);
        self.pages.zero(whole.end * PAGE_BYTES..bytes.end);
        whole
    }
}
