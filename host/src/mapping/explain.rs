//! What a mapping of a file would get, and why not better.

use nxvfs_abi::{Ctx, Extent};

use super::fault;
use super::place::{NoPlace, Source, join};
use crate::base::{Errno, Holder, Result};
use crate::tree::{MmapMode, Tier};

/// What a shared read-only mapping of the whole file gets.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Length of the file in bytes.
    pub len_bytes: u64,
    /// How it would be mapped.
    pub tier: Tier,
    /// Why so, and not better.
    pub reason: String,
    /// Where the file lies on the medium, as far as its file system tells; neighbours are joined.
    pub extents: Vec<Extent>,
}

/// Explains a file or device; `mapper` tells whether a copy could be had.
pub fn explain(source: &Source, ctx: &Ctx, mapper: &dyn Fn() -> Result<()>) -> Result<Explanation> {
    let len_bytes = source.len_bytes(ctx)?;
    if len_bytes == 0 {
        let reason = "it is empty: there is nothing to map".to_owned();
        return Ok(Explanation { len_bytes, tier: Tier::None, reason, extents: Vec::new() });
    }
    let extents = match source.extents(ctx, 0, len_bytes) {
        Ok((extents, _pins)) => join(extents),
        Err(e) if matches!(e.errno(), Errno::ENOTSUP | Errno::ENXIO) => Vec::new(),
        Err(e) => return Err(e),
    };
    let (tier, reason) = match in_place(source, ctx, len_bytes)? {
        Ok(reason) => (Tier::Xip, reason),
        Err(NoPlace(reason)) => copy(source, reason, mapper),
    };
    Ok(Explanation { len_bytes, tier, reason, extents })
}

fn in_place(source: &Source, ctx: &Ctx, len_bytes: u64) -> Result<Result<String, NoPlace>> {
    let len = usize::try_from(len_bytes).unwrap_or(usize::MAX);
    if let Source::Memory(_) = source {
        return Ok(source.grant().map(|_| "memory of the driver's or the host's own: no copy".to_owned()));
    }
    let placed = match source.place(ctx, 0, len, Holder::Borrow { task: 0 })? {
        Ok(placed) => placed,
        Err(no) => return Ok(Err(no)),
    };
    let Some((object, object_offset)) = placed.grant.fd() else {
        let reason = "in place, but the driver's grant has no memory object: its address can be lent (FIOC_XIPBASE), not mapped";
        return Ok(Err(NoPlace(reason.to_owned())));
    };
    let (runs, lead) = match placed.runs(object, object_offset, 0, len) {
        Ok(runs) => runs,
        Err(no) => return Ok(Err(no)),
    };
    if lead > 0 && source.may_change() {
        let reason = "it does not begin at a page of the medium, and may change";
        return Ok(Err(NoPlace(reason.to_owned())));
    }
    Ok(Ok(match runs.len() {
        1 => "one piece on a medium that is memory: mapped in place, no copy".to_owned(),
        pieces => {
            format!("{pieces} pieces of whole pages on a medium that is memory: mapped in place, no copy")
        }
    }))
}

/// What of a file is mapped where it cannot be in place.
fn copy(source: &Source, reason: String, mapper: &dyn Fn() -> Result<()>) -> (Tier, String) {
    match source.mode() {
        MmapMode::Xip => (Tier::None, format!("{reason}; mmap=xip allows no copy")),
        MmapMode::None => (Tier::None, reason),
        MmapMode::Auto | MmapMode::Ram => match mapper() {
            Err(e) => (Tier::None, format!("{reason}; no mapper for a copy: {}", e.detail())),
            Ok(()) if fault::available() => {
                (Tier::Ram, format!("{reason}; through a copy in memory of the pages that are touched"))
            }
            Ok(()) => (
                Tier::Ram,
                format!(
                    "{reason}; through a copy in memory of the whole range that is mapped: this process may not serve faults of the kernel (userfaultfd, as root)"
                ),
            ),
        },
    }
}
