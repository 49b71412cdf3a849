//! A range of pages of this process: the only calls of mmap and munmap in the host.

use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::request::Prot;
use crate::base::Result;

/// Whole pages, mapped; unmapped when dropped.
pub(super) struct Vma {
    base: usize,
    len: usize,
}

/// Bytes of a page.
pub(super) fn page() -> usize {
    rustix::param::page_size()
}

impl Vma {
    /// Maps pages of a memory object at an address of the kernel's choice. `offset` and `len` are multiples of the
    /// page.
    pub(super) fn map(fd: BorrowedFd<'_>, offset: u64, len: usize, prot: Prot, shared: bool) -> Result<Self> {
        let mut flags = ProtFlags::empty();
        flags.set(ProtFlags::READ, prot.read);
        flags.set(ProtFlags::WRITE, prot.write);
        flags.set(ProtFlags::EXEC, prot.execute);
        let sharing = if shared { MapFlags::SHARED } else { MapFlags::PRIVATE };
        // SAFETY: a fresh mapping at an address of the kernel's choice replaces nothing.
        let base = unsafe { mmap(ptr::null_mut(), len, flags, sharing, fd, offset) }?;
        Ok(Self { base: base.expose_provenance(), len })
    }

    /// The pages' addresses.
    pub(super) fn range(&self) -> Range<usize> {
        self.base..self.base + self.len
    }

    /// Unmaps the pages of `gone` (whole pages, inside this range) and answers what is left before and after.
    pub(super) fn cut(self, gone: Range<usize>) -> (Option<Self>, Option<Self>) {
        let Range { start, end } = self.range();
        let part = |from: usize, to: usize| (from < to).then(|| Self { base: from, len: to - from });
        let (before, middle, after) =
            (part(start, gone.start), part(gone.start, gone.end), part(gone.end, end));
        // The three parts own the range now.
        std::mem::forget(self);
        drop(middle);
        (before, after)
    }
}

impl Drop for Vma {
    fn drop(&mut self) {
        // SAFETY: the range is this object's own; who still uses the address was told by the contract of the view
        // (raw addresses) or cannot exist (a `Mapping` owns its pages).
        let result = unsafe { munmap(ptr::with_exposed_provenance_mut(self.base), self.len) };
        if let Err(e) = result {
            log::error!("munmap of {} bytes at {:#x}: {e}", self.len, self.base);
        }
    }
}
