//! The ioctls of a RAM disk.

use nxvfs_sdk::abi::Str;
use nxvfs_sdk::ioctl::{
    BIOC_BLKGETSIZE, BIOC_BLKSSZGET, BIOC_DISCARD, BIOC_FLUSH, BIOC_GEOMETRY, BIOC_PARTINFO, BIOC_XIPBASE,
    PartitionInfo,
};
use nxvfs_sdk::{Errno, Grow, IoctlArg, Result};

use crate::medium::Medium;

/// Runs one command. Errors: ENOTTY an unknown one; EFAULT, EINVAL an argument that cannot be filled; EROFS.
pub(crate) fn run(medium: &Medium, command: u32, arg: &mut IoctlArg<'_>) -> Result<i64> {
    let shape = medium.shape();
    match command {
        BIOC_GEOMETRY => arg.fill(&medium.geometry())?,
        BIOC_BLKSSZGET => arg.fill_u32(shape.sector_size_bytes())?,
        BIOC_BLKGETSIZE => arg.fill_u64(shape.sector_count())?,
        // A whole device: it begins at sector 0 of itself and has no parent.
        BIOC_PARTINFO => arg.fill(&PartitionInfo {
            sector_size_bytes: shape.sector_size_bytes(),
            start_sector: 0,
            sector_count: shape.sector_count(),
            parent: Str::EMPTY,
            ..Grow::empty()
        })?,
        BIOC_XIPBASE => {
            let address = medium.base_address().to_ne_bytes();
            arg.bytes_mut(address.len())?.copy_from_slice(&address);
        }
        BIOC_FLUSH => medium.flush()?,
        BIOC_DISCARD => medium.discard(0, shape.sector_count())?,
        _ => return Err(Errno::ENOTTY.into()),
    }
    Ok(0)
}
