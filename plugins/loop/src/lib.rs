//! Loop device: a medium that is a file or block device of the operating system or of the VFS, or a window of one.
//!
//! What the parameters mean, and what is promised, is in the README beside this package.
//!
//! * `config`: what the user asked for, checked.
//! * `backing`: opening and locking a file of the operating system.
//! * `store`: the file below, of either kind.
//! * `window`: which bytes of the file are which sectors.
//! * `medium`: reading, writing, flushing, discarding.

#![forbid(unsafe_code)]

mod backing;
mod config;
mod medium;
mod store;
mod window;

use nxvfs_sdk::abi::Str;
use nxvfs_sdk::abi::types::CTX_SYNC;
use nxvfs_sdk::ioctl::{
    BIOC_BLKGETSIZE, BIOC_BLKSSZGET, BIOC_DISCARD, BIOC_FLUSH, BIOC_PARTINFO, PartitionInfo,
};
use nxvfs_sdk::{Attach, BlockDriver, Ctx, Errno, Geometry, Grow, IoctlArg, Result, WRITE_FUA};

use crate::config::Config;
use crate::medium::Medium;

/// A loop device. Calls may overlap: the operating system orders overlapping reads and writes of a file.
pub struct Loop {
    medium: Medium,
}

impl BlockDriver for Loop {
    fn attach(_ctx: &Ctx, attach: &Attach<'_>) -> Result<Self> {
        let medium = Medium::new(Config::new(&attach.params)?)?;
        log::info!("{}: {medium}", attach.node);
        Ok(Self { medium })
    }

    fn geometry(&self) -> Geometry {
        self.medium.geometry()
    }

    fn read(&self, _ctx: &Ctx, start_sector: u64, buf: &mut [u8], _flags: u32) -> Result<()> {
        self.medium.read(start_sector, buf)
    }

    fn write(&self, ctx: &Ctx, start_sector: u64, buf: &[u8], flags: u32) -> Result<()> {
        self.medium.write(start_sector, buf)?;
        if flags & WRITE_FUA != 0 || ctx.flags & CTX_SYNC != 0 {
            self.medium.flush()?;
        }
        Ok(())
    }

    fn flush(&self, _ctx: &Ctx) -> Result<()> {
        self.medium.flush()
    }

    fn discard(&self, _ctx: &Ctx, start_sector: u64, sector_count: u64) -> Result<()> {
        self.medium.discard(start_sector, sector_count)
    }

    /// Errors: ENOTTY an unknown command; EFAULT, EINVAL an argument that cannot be filled; as flush and discard.
    fn ioctl(&self, _ctx: &Ctx, command: u32, arg: &mut IoctlArg<'_>) -> Result<i64> {
        let window = self.medium.window();
        match command {
            BIOC_FLUSH => self.medium.flush()?,
            BIOC_BLKSSZGET => arg.fill_u32(window.sector_size_bytes())?,
            BIOC_BLKGETSIZE => arg.fill_u64(window.sector_count())?,
            // A whole device: its parent is a file of the operating system, not a node.
            BIOC_PARTINFO => arg.fill(&PartitionInfo {
                sector_size_bytes: window.sector_size_bytes(),
                start_sector: 0,
                sector_count: window.sector_count(),
                parent: Str::EMPTY,
                ..Grow::empty()
            })?,
            BIOC_DISCARD => self.medium.discard(0, window.sector_count())?,
            _ => return Err(Errno::ENOTTY.into()),
        }
        Ok(0)
    }

    fn detach(&self, _ctx: &Ctx) -> Result<()> {
        self.medium.flush()
    }
}

nxvfs_sdk::plugin! {
    name: "loop",
    entry: "loop_",
    drivers: [block "loop" => Loop, parallel],
    params: [
        "file": path = "", "file or block device of the operating system; this or vfs is required";
        "vfs": file = "", "file or block device of the VFS, by its absolute path";
        "sector_size": uint = "512", "bytes of a sector, a power of two from 512 to 65536";
        "offset": size = "0", "where in the file the medium begins";
        "sizelimit": size = "0", "bytes of the file to use from there; 0 is up to its end";
        "ro": bool = "n", "y: read-only; n: must be writable; left away: read-only if writing is not permitted";
    ],
}
