//! The cache of a device that is no memory: what reaches the disk, when, and what is told of what does not.

#[path = "block_cache/late.rs"]
mod late;
#[path = "block_cache/order.rs"]
mod order;
#[path = "block_cache/recorder.rs"]
mod recorder;
#[path = "block_cache/shape.rs"]
mod shape;

use nxvfs_tests::{Board, Link};

/// Bytes of a sector in these tests.
pub(crate) const SECTOR: usize = 512;

/// A board with a recording disk, which nobody has looked at.
pub(crate) fn attached(node: &str, sectors: u64, params: &str) -> Board {
    let params =
        format!("sectors={sectors},partitions=no{}{params}", if params.is_empty() { "" } else { "," });
    Board::new(Link::Static).attach("recorder", node, &params)
}

/// A board with a recording disk, mounted so that its one file is `/whole/disk`.
pub(crate) fn mounted(node: &str, sectors: u64, params: &str) -> Board {
    attached(node, sectors, params).mount(node, "/whole", "whole", "")
}
