//! What a mapping of a file would get, and why not better.

use nxvfs_abi::{Ctx, Extent};

use super::place::{NoPlace, Source};
use crate::base::{Errno, Holder, Result};
use crate::tree::Tier;

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

/// Explains a file or device.
pub fn explain(source: &Source, ctx: &Ctx) -> Result<Explanation> {
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
    let len = usize::try_from(len_bytes).unwrap_or(usize::MAX);
    let (tier, reason) = match source.place(ctx, 0, len, Holder::Borrow { task: 0 })? {
        Ok(placed) if placed.grant.object.is_some() => {
            (Tier::Xip, "one piece on a medium that is memory: mapped in place, no copy".to_owned())
        }
        Ok(_) => (
            Tier::None,
            "in place, but the driver's grant has no memory object: its address can be lent (FIOC_XIPBASE), not mapped"
                .to_owned(),
        ),
        Err(NoPlace(reason)) => (Tier::None, reason),
    };
    Ok(Explanation { len_bytes, tier, reason, extents })
}

fn join(extents: Vec<Extent>) -> Vec<Extent> {
    let mut joined: Vec<Extent> = Vec::new();
    for extent in extents {
        match joined.last_mut() {
            Some(last) if last.medium_offset + last.len_bytes == extent.medium_offset => {
                last.len_bytes += extent.len_bytes;
            }
            _ => joined.push(extent),
        }
    }
    joined
}
