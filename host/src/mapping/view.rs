//! A view: pages of this process that show a range of a file, and what keeps them right.

use std::ops::Range;

use super::fault;
use super::mapped::Mapped;
use super::place::{Placed, Writes};
use super::region::Region;
use super::request::{Advice, Prot};
use super::vma::{self, Run, page};
use crate::base::sync::{Arc, AtomicBool, Mutex, Ordering, lock};
use crate::base::{Errno, Hold, Result};
use crate::device::Stream;
use crate::tree::{Dependent, Tier};

/// What keeps alive what a view shows.
#[allow(dead_code, reason = "held, and let go with the view")]
pub(super) enum Keep {
    /// A place on the medium.
    Placed(Placed),
    /// The volume or device; the bytes are in the copy.
    Held(Hold),
    /// A driver's or the host's own memory.
    Stream(Arc<dyn Stream>),
    /// Nothing: pages of its own.
    Nothing,
}

/// Some pages that are mapped, with their protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) pages: Range<usize>,
    pub(super) prot: Prot,
}

/// A view. Its pages are unmapped one by one or all at once; it ends when nobody has a [`Piece`] of it.
pub(super) struct View {
    tier: Tier,
    /// Whether it was made in place and shows the copy since.
    moved: AtomicBool,
    pub(super) shared: bool,
    /// What the protection may become.
    may: Prot,
    /// Where the first byte that was asked for lies.
    pub(super) address: usize,
    /// Its place in the file; of a device, on the whole medium.
    pub(super) offset: u64,
    /// Where the device begins on the medium.
    pub(super) start: u64,
    /// The file's path when it was mapped.
    pub(super) path: Box<str>,
    /// Held while pages are unmapped, protected or made to show something else, so that never a page is touched that
    /// has been given back. In the order of the addresses.
    live: Mutex<Vec<Live>>,
    /// Whether something may have been stored into the file by this view.
    stores: AtomicBool,
    /// Keeps the volume writable.
    _writes: Option<Writes>,
    keep: Keep,
    mapped: Option<Arc<Mapped>>,
}

/// What a new view is made of.
pub(super) struct Parts<'a> {
    pub(super) tier: Tier,
    pub(super) shared: bool,
    pub(super) prot: Prot,
    pub(super) may: Prot,
    pub(super) pages: Range<usize>,
    pub(super) address: usize,
    pub(super) offset: u64,
    pub(super) start: u64,
    pub(super) path: &'a str,
    pub(super) writes: Option<Writes>,
    pub(super) keep: Keep,
    pub(super) mapped: Option<Arc<Mapped>>,
}

impl View {
    /// Takes pages that were just mapped.
    pub(super) fn new(parts: Parts<'_>) -> Arc<Self> {
        Arc::new(Self {
            tier: parts.tier,
            moved: AtomicBool::new(false),
            shared: parts.shared,
            may: parts.may,
            address: parts.address,
            offset: parts.offset,
            start: parts.start,
            path: parts.path.into(),
            live: Mutex::new(vec![Live { pages: parts.pages, prot: parts.prot }]),
            stores: AtomicBool::new(parts.shared && parts.prot.write),
            _writes: parts.writes,
            keep: parts.keep,
            mapped: parts.mapped,
        })
    }

    /// What it shows: the medium, or the copy.
    pub(super) fn tier(&self) -> Tier {
        if self.moved.load(Ordering::Acquire) { Tier::Ram } else { self.tier }
    }

    /// Whether stores into it may reach the file, now or after a change of its protection.
    pub(super) fn may_store(&self) -> bool {
        self.shared && self.may.write
    }

    /// The pages that are mapped, within a range.
    pub(super) fn live(&self, within: &Range<usize>) -> Vec<Live> {
        let cut = |l: &Live| Live { pages: overlap(&l.pages, within), prot: l.prot };
        lock(&self.live).iter().map(cut).filter(|l| !l.pages.is_empty()).collect()
    }

    /// The place on the medium that it shows.
    pub(super) fn placed(&self) -> Option<&Placed> {
        match &self.keep {
            Keep::Placed(placed) => Some(placed),
            _ => None,
        }
    }

    /// The bytes of the file, or of the whole medium, that pages show.
    pub(super) fn bytes_of(&self, pages: &Range<usize>) -> Range<u64> {
        let at = |address: usize| {
            let distance = address as i128 - self.address as i128;
            u64::try_from((i128::from(self.offset) + distance).max(0)).unwrap_or(u64::MAX)
        };
        at(pages.start)..at(pages.end)
    }

    /// Whether stores through it may have to be brought back.
    pub(super) fn may_have_stored(&self) -> bool {
        self.stores.load(Ordering::Acquire)
    }

    fn region(&self) -> Option<Arc<Region>> {
        self.mapped.as_ref().filter(|_| self.tier() == Tier::Ram)?.region()
    }

    /// Brings back what was stored into pages of the copy.
    pub(super) fn write_back(&self, pages: &Range<usize>) -> Result<()> {
        match self.region() {
            Some(region) if self.may_have_stored() => region.write_back(self.bytes_of(pages)),
            _ => Ok(()),
        }
    }

    /// Brings the file below to its medium.
    pub(super) fn sync(&self) -> Result<()> {
        match &self.mapped {
            Some(mapped) if self.shared => mapped.sync(),
            _ => Ok(()),
        }
    }

    /// Keeps pages in memory, or no longer.
    pub(super) fn pin_pages(&self, pages: &Range<usize>, pinned: bool) -> Result<()> {
        vma::pin(pages.clone(), pinned)
    }

    /// Says how pages will be used.
    pub(super) fn advise(&self, pages: &Range<usize>, advice: Advice) -> Result<()> {
        vma::advise(pages.clone(), advice)
    }

    /// Errors: EACCES what the descriptor did not allow.
    pub(super) fn may_protect(&self, prot: Prot) -> Result<()> {
        if prot.write && !self.may.write || prot.execute && !self.may.execute || prot.read && !self.may.read {
            return Err(Errno::EACCES.into());
        }
        Ok(())
    }

    /// Changes the protection of pages, which are all mapped. Errors: EACCES what the descriptor did not allow, EROFS.
    pub(super) fn protect(&self, pages: &Range<usize>, prot: Prot) -> Result<()> {
        self.may_protect(prot)?;
        if self.shared && prot.write {
            if let Some(region) = self.region() {
                region.show(super::region::pages_of(self.bytes_of(pages)), true)?;
            }
            self.stores.store(true, Ordering::Release);
        }
        let mut live = lock(&self.live);
        let mut changed = Vec::with_capacity(live.len() + 2);
        for Live { pages: old, prot: before } in live.drain(..) {
            let middle = overlap(&old, pages);
            if middle.is_empty() {
                changed.push(Live { pages: old, prot: before });
                continue;
            }
            let result = vma::protect(middle.clone(), prot);
            let parts = [
                (old.start..middle.start, before),
                (middle.clone(), if result.is_ok() { prot } else { before }),
                (middle.end..old.end, before),
            ];
            changed.extend(
                parts.into_iter().filter(|(p, _)| !p.is_empty()).map(|(pages, prot)| Live { pages, prot }),
            );
            if result.is_err() {
                log::warn!("mprotect of {middle:x?}: {result:?}");
            }
        }
        *live = changed;
        Ok(())
    }

    /// Takes pages away: unmaps them, or leaves them to what takes their place at once.
    fn take_away(&self, pages: &Range<usize>, unmaps: bool) {
        let mut live = lock(&self.live);
        let mut left = Vec::with_capacity(live.len() + 1);
        for Live { pages: old, prot } in live.drain(..) {
            let gone = overlap(&old, pages);
            if gone.is_empty() {
                left.push(Live { pages: old, prot });
                continue;
            }
            fault::forget(&gone);
            if unmaps {
                vma::unmap(gone.clone());
            }
            let rest = [old.start..gone.start, gone.end..old.end];
            left.extend(rest.into_iter().filter(|p| !p.is_empty()).map(|pages| Live { pages, prot }));
        }
        *live = left;
    }

    /// The file in place became shorter: pages wholly behind its end show nothing any more (SIGBUS).
    pub(super) fn cut(&self, len_bytes: u64) {
        let gone = match len_bytes.checked_sub(self.offset).filter(|left| *left > 0) {
            Some(left) => match self.address.checked_add(left as usize) {
                Some(end) => end.next_multiple_of(page())..usize::MAX,
                None => return,
            },
            None => 0..usize::MAX,
        };
        for Live { pages, prot } in lock(&self.live).iter() {
            let pages = overlap(pages, &gone);
            if !pages.is_empty()
                && let Err(e) = vma::replace_by_nothing(pages.clone(), *prot)
            {
                log::error!("pages {pages:x?} still show what was cut from {}: {e}", self.path);
            }
        }
    }

    /// From now on the pages show the copy instead of the medium. The view is read-only, so that no store is lost in
    /// between; address and file agree in the page's offset. Errors: ENOMEM.
    pub(super) fn move_to(&self, region: &Region) -> Result<()> {
        for Live { pages, prot } in lock(&self.live).iter() {
            let run =
                Run { object: Some(region.object()), offset: self.bytes_of(pages).start, len: pages.len() };
            vma::replace(pages.start, &run, *prot, self.shared)?;
        }
        self.moved.store(true, Ordering::Release);
        Ok(())
    }
}

impl Dependent for View {
    /// The medium is taken away: stores of a shared view must not reach it any longer, so they stay the view's own.
    fn revoke(&self) {
        let Some(placed) = self.placed().filter(|_| self.may_store()) else { return };
        for Live { pages, prot } in lock(&self.live).iter() {
            for (at, run) in placed.runs_of(self, pages) {
                if let Err(e) = vma::replace(at, &run, *prot, false) {
                    log::error!("pages at {at:#x} still reach the medium below {}: {e}", self.path);
                }
            }
        }
    }
}

/// What two ranges have in common; empty if nothing.
pub(super) fn overlap(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

/// Some pages of a view; unmapped when dropped, and what was stored into them is brought back.
pub(super) struct Piece {
    pub(super) pages: Range<usize>,
    pub(super) view: Arc<View>,
}

impl Piece {
    /// Takes pages out; answers what is left before and after them, and those that were taken.
    pub(super) fn cut(mut self, gone: &Range<usize>) -> (Option<Self>, Self, Option<Self>) {
        // The three parts own the pages now.
        let Range { start, end } = std::mem::take(&mut self.pages);
        let part = |pages: Range<usize>| Self { pages, view: self.view.clone() };
        let before = (start < gone.start).then(|| part(start..gone.start));
        let after = (gone.end < end).then(|| part(gone.end..end));
        (before, part(gone.clone()), after)
    }
}

impl Piece {
    /// The pages are the caller's, who lets something else take their place: the view has nothing to do with them any more.
    pub(super) fn give_up(&self) {
        self.view.take_away(&self.pages, false);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.pages.is_empty() {
            return;
        }
        self.view.take_away(&self.pages, true);
        if let Err(e) = self.view.write_back(&self.pages)
            && let Some(mapped) = &self.view.mapped
        {
            mapped.keep_unwritten(&e);
        }
    }
}
