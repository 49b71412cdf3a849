//! Pages of this process: the only calls of mmap and its relatives in the host.

use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mlock, mmap, mmap_anonymous, mprotect, munlock,
    munmap,
};

use super::request::{self, Place, Prot};
use crate::base::sync::OnceLock;
use crate::base::{Errno, Result};

/// Bytes of a page.
pub(super) fn page() -> usize {
    rustix::param::page_size()
}

/// A run of pages and what they show.
pub(super) struct Run<'a> {
    /// The memory object; `None`: zeroes of the run's own.
    pub(super) object: Option<BorrowedFd<'a>>,
    /// Where in the object the run begins; a multiple of the page.
    pub(super) offset: u64,
    /// Bytes; a multiple of the page.
    pub(super) len: usize,
}

/// An object without a byte: its pages answer every access with SIGBUS.
pub(super) fn nothing() -> Result<BorrowedFd<'static>> {
    static NOTHING: OnceLock<Option<OwnedFd>> = OnceLock::new();
    let object = NOTHING.get_or_init(|| memfd_create("nxvfs-nothing", MemfdFlags::CLOEXEC).ok());
    object.as_ref().map(AsFd::as_fd).ok_or_else(|| Errno::ENFILE.into())
}

fn prot_flags(prot: Prot) -> ProtFlags {
    let mut flags = ProtFlags::empty();
    flags.set(ProtFlags::READ, prot.read);
    flags.set(ProtFlags::WRITE, prot.write);
    flags.set(ProtFlags::EXEC, prot.execute);
    flags
}

fn sharing(shared: bool) -> MapFlags {
    if shared { MapFlags::SHARED } else { MapFlags::PRIVATE }
}

/// Makes pages of a fixed place the caller's, to be mapped over. Errors: EEXIST, ENOMEM.
pub(super) type Room<'a> = &'a dyn Fn(&Range<usize>) -> Result<()>;

/// Takes pages where nothing is. Errors: EEXIST something is there; ENOMEM.
pub fn reserve(pages: &Range<usize>) -> Result<()> {
    let run = Run { object: None, offset: 0, len: pages.len() };
    map_runs(&[run], Place::IfFree(pages.start), Prot::NONE, false, &|_| Ok(())).map(drop)
}

/// Maps runs one behind the other; answers the first address. What `room` makes of a fixed place is replaced in one step; should
/// that fail nothing is left there. Errors: ENOMEM, EEXIST (a fixed place where something is that is not a view).
pub(super) fn map_runs(
    runs: &[Run<'_>],
    place: Place,
    prot: Prot,
    shared: bool,
    room: Room<'_>,
) -> Result<usize> {
    if let Place::At(base) = place {
        let end = base.checked_add(runs.iter().map(|run| run.len).sum()).ok_or(Errno::ENOMEM)?;
        room(&(base..end))?;
        let mut at = base;
        let placed = runs.iter().try_for_each(|run| {
            let start = at;
            at += run.len;
            replace(start, run, prot, shared)
        });
        return match placed {
            Ok(()) => Ok(base),
            Err(e) => {
                unmap(base..end);
                Err(e)
            }
        };
    }
    let len = runs.iter().map(|run| run.len).sum();
    let (at, fixed) = match place {
        Place::Anywhere => (0, MapFlags::empty()),
        Place::Near(at) => (at - at % page(), MapFlags::empty()),
        Place::At(at) | Place::IfFree(at) => (at, MapFlags::FIXED_NOREPLACE),
    };
    let at = ptr::with_exposed_provenance_mut(at);
    let flags = sharing(shared) | fixed;
    // SAFETY: a fresh mapping, at an address of the kernel's choice or where nothing is: it replaces nothing.
    let base = unsafe {
        match runs {
            [Run { object: Some(object), offset, .. }] => {
                mmap(at, len, prot_flags(prot), flags, *object, *offset)
            }
            [_] => mmap_anonymous(at, len, prot_flags(prot), flags),
            _ => mmap_anonymous(at, len, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE | fixed),
        }
    }?;
    let base = base.expose_provenance();
    if !matches!(place, Place::At(fixed) | Place::IfFree(fixed) if fixed != base) {
        if runs.len() == 1 {
            keep_from_children(base, len);
            return Ok(base);
        }
        let mut at = base;
        let placed = runs.iter().try_for_each(|run| {
            let start = at;
            at += run.len;
            replace(start, run, prot, shared)
        });
        if placed.is_ok() {
            return Ok(base);
        }
        unmap(base..base + len);
        return placed.map(|()| base);
    }
    // A kernel that takes the fixed place for a hint.
    unmap(base..base + len);
    Err(Errno::EEXIST.into())
}

/// Lets pages that are ours show something else.
pub(super) fn replace(at: usize, run: &Run<'_>, prot: Prot, shared: bool) -> Result<()> {
    let flags = sharing(shared) | MapFlags::FIXED;
    // SAFETY: the pages belong to a view, whose lock the caller holds, so that they are not unmapped meanwhile, or to the
    // caller; whoever uses them by address was told by the contract of the view that what they show may change.
    unsafe {
        let at = ptr::with_exposed_provenance_mut(at);
        match run.object {
            Some(object) => mmap(at, run.len, prot_flags(prot), flags, object, run.offset),
            None => mmap_anonymous(at, run.len, prot_flags(prot), flags),
        }
    }?;
    keep_from_children(at, run.len);
    Ok(())
}

/// Views stay with the process that has the host: in a child made by fork nobody would fill the pages of a copy, and the
/// child would read, and share with everyone, zeroes instead of the file.
fn keep_from_children(at: usize, len: usize) {
    // SAFETY: the pages are ours, and of this process nothing changes.
    let kept = unsafe { madvise(ptr::with_exposed_provenance_mut(at), len, Advice::LinuxDontFork) };
    if let Err(e) = kept {
        log::warn!("madvise of {len} bytes at {at:#x}: {e}");
    }
}

/// Lets pages that are ours answer with SIGBUS.
pub(super) fn replace_by_nothing(pages: Range<usize>, prot: Prot) -> Result<()> {
    let run = Run { object: Some(nothing()?), offset: 0, len: pages.len() };
    replace(pages.start, &run, prot, true)
}

/// Changes the protection of pages that are ours. Errors: ENOMEM, EACCES.
pub(super) fn protect(pages: Range<usize>, prot: Prot) -> Result<()> {
    let mut flags = MprotectFlags::empty();
    flags.set(MprotectFlags::READ, prot.read);
    flags.set(MprotectFlags::WRITE, prot.write);
    flags.set(MprotectFlags::EXEC, prot.execute);
    // SAFETY: the pages belong to a view; a Rust reference to them does not exist.
    unsafe { mprotect(ptr::with_exposed_provenance_mut(pages.start), pages.len(), flags) }?;
    Ok(())
}

/// Keeps pages in memory, or no longer. Errors: ENOMEM, EPERM more than the process may.
pub(super) fn pin(pages: Range<usize>, pinned: bool) -> Result<()> {
    let at = ptr::with_exposed_provenance_mut(pages.start);
    // SAFETY: what the pages show does not change; pages that are not mapped are an error.
    Ok(unsafe { if pinned { mlock(at, pages.len()) } else { munlock(at, pages.len()) } }?)
}

/// Tells the kernel how pages will be used.
pub(super) fn advise(pages: Range<usize>, advice: request::Advice) -> Result<()> {
    let advice = match advice {
        request::Advice::Normal => Advice::Normal,
        request::Advice::Sequential => Advice::Sequential,
        request::Advice::Random => Advice::Random,
        request::Advice::WillNeed => Advice::WillNeed,
        // The kernel's own would throw away what was stored into private pages.
        request::Advice::DontNeed => return Ok(()),
    };
    // SAFETY: with these what the pages show does not change; pages that are not mapped are an error.
    Ok(unsafe { madvise(ptr::with_exposed_provenance_mut(pages.start), pages.len(), advice) }?)
}

/// Unmaps pages that are ours.
pub(super) fn unmap(pages: Range<usize>) {
    // SAFETY: the pages belong to a view that gives them up; who still uses the address was told by the contract of
    // the view (raw addresses) or cannot exist (a `Mapping` owns its pages).
    let result = unsafe { munmap(ptr::with_exposed_provenance_mut(pages.start), pages.len()) };
    if let Err(e) = result {
        log::error!("munmap of {} bytes at {:#x}: {e}", pages.len(), pages.start);
    }
}
