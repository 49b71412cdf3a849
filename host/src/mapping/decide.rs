//! How a range is mapped: in place where that can be, else through the copy.

use nxvfs_abi::mapper::{MAP_REQUEST_LAZY_POSSIBLE, MAP_REQUEST_POPULATE, MAP_REQUEST_WRITABLE};
use nxvfs_abi::{Ctx, Grow, mapper};

use super::mapped::Mapped;
use super::place::{NoPlace, Source, Writes};
use super::region::{Region, pages_of};
use super::request::{MapRequest, Place, Prot};
use super::view::{Keep, Parts, Piece, View};
use super::vma::{Room, Run, map_runs, nothing, page};
use super::{MapError, fault};
use crate::base::sync::{Arc, lock};
use crate::base::{Budget, Errno, Error, Holder, Result};
use crate::bridge::{Mapper, Planned};
use crate::tree::{Dependent, MmapMode, Tier};

/// Who maps, and what the host has for it.
pub struct Asker<'a> {
    /// The context of the call.
    pub ctx: &'a Ctx,
    /// The task's number.
    pub task: u64,
    /// The file's path.
    pub path: &'a str,
    /// What the descriptor and the volume allow.
    pub may: Prot,
    /// Makes a mapper for a file by its path. Errors: ENODEV there is none.
    pub mapper: &'a dyn Fn(&str) -> Result<Mapper>,
    /// What copies may take.
    pub budget: &'a Arc<Budget>,
    /// Makes pages of a fixed place those of the new view. Errors: EEXIST something is there.
    pub room: Room<'a>,
}

/// A view that was just made: its pages, and where in them the first byte that was asked for lies.
pub(super) struct Fresh {
    pub(super) piece: Piece,
    pub(super) address: usize,
}

/// Maps a range. Errors: as the task's `mmap`.
pub(super) fn map(source: &Source, asker: &Asker<'_>, request: &MapRequest) -> Result<Fresh> {
    let &MapRequest { offset, len, .. } = request;
    if len == 0 {
        return Err(MapError::Empty {}.into());
    }
    if offset.checked_add(len as u64).is_none_or(|end| end > i64::MAX as u64) {
        return Err(MapError::Overflow { offset, len }.into());
    }
    let Some(mapped) = Mapped::of(source) else { return memory(source, asker, request) };
    let _alone = lock(&mapped.deciding);
    let file_len = source.len_bytes(asker.ctx)?;
    if offset >= file_len && !source.may_change() {
        let path = asker.path.to_owned();
        return Err(MapError::Beyond { path, offset, len, end: file_len }.into());
    }
    let fresh = match in_place(source, &mapped, asker, request, file_len)? {
        Ok(fresh) => fresh,
        Err(NoPlace(reason)) if request.strict => {
            return Err(MapError::Strict { path: asker.path.to_owned(), reason }.into());
        }
        Err(NoPlace(reason)) => copy(source, &mapped, asker, request, &reason)?,
    };
    mapped.add(&fresh.piece.view);
    let view: Arc<dyn Dependent> = fresh.piece.view.clone();
    source.depend(Arc::downgrade(&view))?;
    // The file may have been cut before the view was known.
    let now = source.len_bytes(asker.ctx)?;
    if now < file_len && fresh.piece.view.tier() == Tier::Xip {
        fresh.piece.view.cut(now);
    }
    Ok(fresh)
}

/// A view of the medium; or why there cannot be one.
fn in_place(
    source: &Source,
    mapped: &Arc<Mapped>,
    asker: &Asker<'_>,
    request: &MapRequest,
    file_len: u64,
) -> Result<Result<Fresh, NoPlace>> {
    let &MapRequest { offset, len, prot, shared, place, .. } = request;
    let no = |reason: &str| Ok(Err(NoPlace(reason.to_owned())));
    if mapped.region().is_some() {
        return no("the file has a copy in memory already, made for another view");
    }
    let page = page();
    let inside = file_len.saturating_sub(offset).min(len as u64) as usize;
    if inside == 0 {
        return no("nothing of it lies within the file");
    }
    let holder = Holder::Mapping { task: asker.task, address: 0 };
    let placed = match source.place(asker.ctx, offset, inside, holder)? {
        Ok(placed) => placed,
        Err(no) => return Ok(Err(no)),
    };
    let Some((object, object_offset)) = placed.grant.fd() else {
        return no(
            "the driver grants an address without a memory object; it can be lent (FIOC_XIPBASE), not mapped",
        );
    };
    let (mut runs, lead) = match placed.runs(object, object_offset, offset, inside) {
        Ok(runs) => runs,
        Err(no) => return Ok(Err(no)),
    };
    let changes = source.may_change();
    let start = source.start_bytes() + offset;
    if shared && changes && lead as u64 != start % page as u64 {
        return no("its place on the medium and in the file differ within the page, and the file may change");
    }
    let shown: usize = runs.iter().map(|run| run.len).sum();
    let wanted = (lead + len).next_multiple_of(page);
    if wanted > shown {
        if changes || request.strict {
            return no("it reaches beyond the last page of the file");
        }
        runs.push(Run { object: Some(nothing()?), offset: 0, len: wanted - shown });
    }
    // A store through a page that holds other files' bytes, too, would reach them.
    let whole_pages = lead == 0 && (inside.is_multiple_of(page) || source.owns_whole_pages(asker.ctx));
    let may_write = asker.may.write && (!shared || placed.grant.writable && whole_pages);
    if shared && prot.write && !may_write {
        return no(if placed.grant.writable {
            "a store through its first or last page could reach bytes of other files"
        } else {
            "stores into the driver's memory do not reach the medium"
        });
    }
    let writes = writes(source, asker, shared && may_write)?;
    let base = map_runs(&runs, fixed(place, lead)?, prot, shared, asker.room)?;
    let address = base + lead;
    placed.name_mapping(asker.task, address);
    let view = View::new(Parts {
        tier: Tier::Xip,
        shared,
        prot,
        may: Prot { write: may_write, ..asker.may },
        pages: base..base + wanted,
        address,
        offset: start,
        start: source.start_bytes(),
        path: asker.path,
        writes,
        keep: Keep::Placed(placed),
        mapped: Some(mapped.clone()),
    });
    Ok(Ok(Fresh { piece: Piece { pages: base..base + wanted, view }, address }))
}

/// What a view that may store holds beside what it shows.
fn writes(source: &Source, asker: &Asker<'_>, stores: bool) -> Result<Option<Writes>> {
    if !stores {
        return Ok(None);
    }
    source.hold_to_write(Holder::Mapping { task: asker.task, address: 0 })
}

/// The place of a view's first page, for a place of its first byte.
fn fixed(place: Place, lead: usize) -> Result<Place> {
    let (found, make): (usize, fn(usize) -> Place) = match place {
        Place::At(address) => (address, Place::At),
        Place::IfFree(address) => (address, Place::IfFree),
        other => return Ok(other),
    };
    let base = found.checked_sub(lead).filter(|base| base.is_multiple_of(page()));
    base.map(make).ok_or_else(|| MapError::Unaligned { found, lead: lead as u64 }.into())
}

/// A view of the copy, which is made if there is none.
fn copy(
    source: &Source,
    mapped: &Arc<Mapped>,
    asker: &Asker<'_>,
    request: &MapRequest,
    reason: &str,
) -> Result<Fresh> {
    let &MapRequest { len, prot, shared, place, .. } = request;
    // A copy is one of the whole medium, for all devices on it.
    let offset = source.start_bytes() + request.offset;
    let page = page();
    let keep = source.hold(Holder::Mapping { task: asker.task, address: 0 })?;
    let region = match mapped.region() {
        Some(region) => region,
        None => make_region(mapped, asker, request, reason)?,
    };
    let lead = (offset % page as u64) as usize;
    let wanted = (lead + len).next_multiple_of(page);
    let pages = pages_of(offset..offset + len as u64);
    let no_store = |e: Error| match e.errno() {
        Errno::EROFS => MapError::NoDrain { path: asker.path.to_owned() }.into(),
        _ => e,
    };
    region.show(pages.clone(), shared && prot.write).map_err(no_store)?;
    // Where something is replaced others may touch the pages before they are watched.
    if !region.lazy || request.populate || matches!(place, Place::At(_)) {
        region.fill(pages.clone())?;
    }
    let writes = writes(source, asker, shared && asker.may.write)?;
    let run = Run { object: Some(region.object()), offset: offset - lead as u64, len: wanted };
    let base = map_runs(&[run], fixed(place, lead)?, prot, shared, asker.room)?;
    let address = base + lead;
    keep.rename(Holder::Mapping { task: asker.task, address });
    let view = View::new(Parts {
        tier: Tier::Ram,
        shared,
        prot,
        may: Prot { write: asker.may.write || !shared, ..asker.may },
        pages: base..base + wanted,
        address,
        offset,
        start: source.start_bytes(),
        path: asker.path,
        writes,
        keep: Keep::Held(keep),
        mapped: Some(mapped.clone()),
    });
    let piece = Piece { pages: base..base + wanted, view };
    if region.lazy {
        fault::watch(piece.pages.clone(), &region, pages.start)?;
    }
    Ok(Fresh { piece, address })
}

fn make_region(
    mapped: &Arc<Mapped>,
    asker: &Asker<'_>,
    request: &MapRequest,
    reason: &str,
) -> Result<Arc<Region>> {
    let refused = |reason: String| MapError::NotInPlace { path: asker.path.to_owned(), reason };
    match mapped.source.mode() {
        MmapMode::Xip => return Err(refused(format!("{reason}; mmap=xip allows no copy")).into()),
        MmapMode::None => return Err(refused(reason.to_owned()).into()),
        MmapMode::Auto | MmapMode::Ram => {}
    }
    let moves = |v: &Arc<View>| v.shared && v.tier() == Tier::Xip;
    if mapped.source.may_change() && mapped.views().iter().filter(|v| moves(v)).any(|v| v.may_store()) {
        let reason = format!("{reason}; and stores of another view go to the medium itself, past a copy");
        return Err(refused(reason).into());
    }
    let mapper = (asker.mapper)(asker.path).map_err(|e| match e.errno() {
        Errno::ENODEV => refused(format!("{reason}; no mapper for a copy: {}", e.detail())).into(),
        _ => e,
    })?;
    let planned = plan(&mapper, mapped, asker, request)?;
    mapped.make_region(mapper, planned, asker.budget)
}

fn plan(mapper: &Mapper, mapped: &Mapped, asker: &Asker<'_>, request: &MapRequest) -> Result<Planned> {
    let mut flags = 0;
    if fault::available() {
        flags |= MAP_REQUEST_LAZY_POSSIBLE;
    }
    if request.populate {
        flags |= MAP_REQUEST_POPULATE;
    }
    if request.shared && asker.may.write {
        flags |= MAP_REQUEST_WRITABLE;
    }
    let asked = mapper::MapRequest {
        flags,
        offset: request.offset,
        len_bytes: request.len as u64,
        file_len_bytes: mapped.source.len_bytes(asker.ctx)?,
        page_size_bytes: page() as u32,
        budget_bytes: asker.budget.left_bytes(),
        ..Grow::empty()
    };
    mapper.plan(asker.ctx, &asked)
}

/// A view of a driver's memory, or of the host's own.
fn memory(source: &Source, asker: &Asker<'_>, request: &MapRequest) -> Result<Fresh> {
    let &MapRequest { offset, len, prot, shared, place, .. } = request;
    let Source::Memory(stream) = source else { return Err(Errno::ENODEV.into()) };
    let path = || asker.path.to_owned();
    let grant = source.grant().map_err(|NoPlace(reason)| MapError::NotInPlace { path: path(), reason })?;
    let Some((object, object_offset)) = grant.fd() else {
        let reason = "the driver grants an address without a memory object".to_owned();
        return Err(MapError::NotInPlace { path: path(), reason }.into());
    };
    // A file of the host's own may become longer, and its memory object with it; a driver's memory is what it is.
    let end = grant.len_bytes;
    if !stream.has_position() && offset + len as u64 > end.next_multiple_of(page() as u64) {
        return Err(MapError::Beyond { path: path(), offset, len, end }.into());
    }
    let may_write = asker.may.write && (!shared || grant.writable);
    if shared && prot.write && !may_write {
        return Err(Errno::EROFS.into());
    }
    let start = object_offset + offset;
    let lead = (start % page() as u64) as usize;
    let wanted = (lead + len).next_multiple_of(page());
    let run = Run { object: Some(object), offset: start - lead as u64, len: wanted };
    let base = map_runs(&[run], fixed(place, lead)?, prot, shared, asker.room)?;
    let (pages, address) = (base..base + wanted, base + lead);
    let view = View::new(Parts {
        tier: Tier::Xip,
        shared,
        prot,
        may: Prot { write: may_write, ..asker.may },
        pages: pages.clone(),
        address,
        offset,
        start: 0,
        path: asker.path,
        writes: None,
        keep: Keep::Stream(stream.clone()),
        mapped: None,
    });
    Ok(Fresh { piece: Piece { pages, view }, address })
}

/// Zeroes that belong to no file (`MAP_ANONYMOUS`).
pub(super) fn anonymous(len: usize, prot: Prot, shared: bool, place: Place, room: Room<'_>) -> Result<Fresh> {
    if len == 0 {
        return Err(MapError::Empty {}.into());
    }
    let Some(len) = len.checked_next_multiple_of(page()) else { return Err(Errno::ENOMEM.into()) };
    let base = map_runs(&[Run { object: None, offset: 0, len }], fixed(place, 0)?, prot, shared, room)?;
    let all = Prot { read: true, write: true, execute: true };
    let view = View::new(Parts {
        tier: Tier::None,
        shared,
        prot,
        may: all,
        pages: base..base + len,
        address: base,
        offset: 0,
        start: 0,
        path: "",
        writes: None,
        keep: Keep::Nothing,
        mapped: None,
    });
    Ok(Fresh { piece: Piece { pages: base..base + len, view }, address: base })
}
