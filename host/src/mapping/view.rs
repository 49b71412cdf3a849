//! Views: a range of a file in memory of its own.

use std::ptr;

use nxvfs_abi::Ctx;

use super::MapError;
use super::place::{NoPlace, Placed, Source};
use super::request::{MapRequest, Prot};
use super::vma::{Vma, page};
use crate::base::sync::Arc;
use crate::base::{Errno, Holder, Result};
use crate::tree::Tier;

/// What a view shows, kept as long as any of its pages is mapped.
pub(super) struct Shown {
    pub(super) tier: Tier,
    /// For who lists views.
    pub(super) told: Told,
    _placed: Placed,
}

/// What a view is of.
pub(super) struct Told {
    pub(super) path: String,
    pub(super) prot: Prot,
    pub(super) shared: bool,
    /// Address of the view's first page as it was made.
    pub(super) base: usize,
    /// What of the file is there: the first byte that was asked for, less what the page has before it.
    pub(super) offset: u64,
}

/// Some pages of a view.
pub(super) struct Piece {
    pub(super) vma: Vma,
    pub(super) shown: Arc<Shown>,
}

/// A view that was just made: its pages, and where in them the first byte that was asked for lies.
pub(super) struct Fresh {
    pub(super) piece: Piece,
    pub(super) address: usize,
}

/// Maps a range. `writable`: stores of a shared view may reach the file.
///
/// Errors, in this order: EINVAL (no bytes), EOVERFLOW, ENXIO (beyond the end; strict and not in place), ENODEV (not
/// in place), EROFS (a shared writable view of a medium or a file that cannot take stores), ENOMEM.
pub(super) fn map(source: &Source, ctx: &Ctx, path: &str, task: u64, request: &MapRequest) -> Result<Fresh> {
    let &MapRequest { offset, len, prot, shared, strict } = request;
    if len == 0 {
        return Err(MapError::Empty {}.into());
    }
    if offset.checked_add(len as u64).is_none_or(|end| end > i64::MAX as u64) {
        return Err(MapError::Overflow { offset, len }.into());
    }
    let file_len = source.len_bytes(ctx)?;
    let page = page() as u64;
    // What of the range is the file's. The rest of its last page is mapped with it, and is not the file's.
    let inside = file_len.saturating_sub(offset).min(len as u64) as usize;
    let beyond = || MapError::Beyond { path: path.to_owned(), offset, len, end: file_len };
    if inside == 0 {
        return Err(beyond().into());
    }
    let not_in_place = |reason: String| {
        let path = path.to_owned();
        let refusal = if strict {
            MapError::Strict { path, reason }.into()
        } else {
            MapError::NotInPlace { path, reason }.into()
        };
        Err::<Fresh, crate::base::Error>(refusal)
    };
    let placed = match source.place(ctx, offset, inside, Holder::Mapping { task, address: 0 })? {
        Ok(placed) => placed,
        Err(NoPlace(reason)) => return not_in_place(reason),
    };
    let Some((fd, object_offset)) = placed.grant.fd() else {
        let reason =
            "the driver grants an address without a memory object; it can be lent (FIOC_XIPBASE), not mapped";
        return not_in_place(reason.to_owned());
    };
    let start = object_offset + placed.medium_offset;
    let lead = start % page;
    let end = (start + inside as u64).next_multiple_of(page);
    if start + len as u64 > end {
        return Err(beyond().into());
    }
    if shared && prot.write {
        if !placed.grant.writable {
            return Err(Errno::EROFS.into());
        }
        let whole_pages = lead == 0 && (inside as u64).is_multiple_of(page);
        if !whole_pages {
            return not_in_place("a store through its pages could reach bytes of other files".to_owned());
        }
    }
    let vma = Vma::map(fd, start - lead, (end - (start - lead)) as usize, prot, shared)?;
    let address = vma.range().start + lead as usize;
    placed.name_mapping(task, address);
    let told = Told {
        path: path.to_owned(),
        prot,
        shared,
        base: vma.range().start,
        offset: offset.saturating_sub(lead),
    };
    let shown = Arc::new(Shown { tier: Tier::Xip, told, _placed: placed });
    Ok(Fresh { piece: Piece { vma, shown }, address })
}

/// A view as a value: unmapped when dropped. Anyone may change the medium beneath it, so its bytes are copied in and
/// out and never lent as a slice; [`Mapping::as_ptr`] is for who knows better.
pub struct Mapping {
    piece: Piece,
    address: usize,
    len: usize,
    prot: Prot,
}

impl Mapping {
    /// Maps a range of a file or device; errors as the task's `map`.
    pub fn new(source: &Source, ctx: &Ctx, path: &str, task: u64, request: &MapRequest) -> Result<Self> {
        let Fresh { piece, address } = map(source, ctx, path, task, request)?;
        Ok(Self { piece, address, len: request.len, prot: request.prot })
    }

    /// The address of the first byte that was asked for.
    pub fn as_ptr(&self) -> *const u8 {
        ptr::with_exposed_provenance(self.address)
    }

    /// Bytes that were asked for.
    #[allow(clippy::len_without_is_empty, reason = "a mapping of no bytes cannot be made")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// How the file is mapped.
    pub fn tier(&self) -> Tier {
        self.piece.shown.tier
    }

    /// Copies bytes out. Errors: EINVAL beyond the mapping, EACCES without the right to read.
    pub fn read_at(&self, offset: usize, buf: &mut [u8]) -> Result<()> {
        self.check(offset, buf.len(), self.prot.read)?;
        // SAFETY: the range lies inside pages that this value keeps mapped readable; nobody has a reference to them.
        unsafe { ptr::copy(self.as_ptr().add(offset), buf.as_mut_ptr(), buf.len()) };
        Ok(())
    }

    /// Copies bytes in. Errors: EINVAL beyond the mapping, EACCES without the right to write.
    pub fn write_at(&self, offset: usize, buf: &[u8]) -> Result<()> {
        self.check(offset, buf.len(), self.prot.write)?;
        // SAFETY: as in `read_at`; the pages are mapped writable.
        unsafe { ptr::copy(buf.as_ptr(), self.as_ptr().add(offset).cast_mut(), buf.len()) };
        Ok(())
    }

    fn check(&self, offset: usize, len: usize, allowed: bool) -> Result<()> {
        if !allowed {
            return Err(Errno::EACCES.into());
        }
        if offset > self.len || len > self.len - offset {
            return Err(Errno::EINVAL.into());
        }
        Ok(())
    }
}
