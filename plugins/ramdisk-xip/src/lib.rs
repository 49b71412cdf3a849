//! RAM disk, empty or over an image file, whose medium is memory that others can map: the device below XIP.
//!
//! What the parameters mean, and what each kind of disk promises, is in the README beside this package.
//!
//! * `config`: what the user asked for, checked, and the shape that follows.
//! * `image`: opening and locking an image file.
//! * `room`: how much memory a disk may take.
//! * `shape`: how many sectors of what size, and which bytes they are.
//! * `medium`: the memory itself: reading, writing, flushing, discarding.
//! * `command`: the ioctls.

#![forbid(unsafe_code)]

mod command;
mod config;
mod image;
mod medium;
mod room;
mod shape;

use nxvfs_sdk::abi::types::CTX_SYNC;
use nxvfs_sdk::{Attach, BlockDriver, Ctx, Geometry, Grant, IoctlArg, Result, WRITE_FUA};

use crate::config::Config;
use crate::medium::Medium;

/// A RAM disk. Calls may overlap: the bytes of overlapping reads and writes are atomic one by one only.
pub struct RamDisk {
    medium: Medium,
}

impl BlockDriver for RamDisk {
    fn attach(_ctx: &Ctx, attach: &Attach<'_>) -> Result<Self> {
        let config = Config::new(&attach.params)?;
        let medium = Medium::new(&config)?;
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

    fn xip_grant(&self) -> Option<Grant<'_>> {
        Some(self.medium.grant())
    }

    fn ioctl(&self, _ctx: &Ctx, command: u32, arg: &mut IoctlArg<'_>) -> Result<i64> {
        command::run(&self.medium, command, arg)
    }

    fn detach(&self, _ctx: &Ctx) -> Result<()> {
        self.medium.flush()
    }
}

nxvfs_sdk::plugin! {
    name: "ramdisk-xip",
    entry: "ramdisk_xip",
    drivers: [block "ramdisk-xip" => RamDisk, parallel],
    params: [
        "sectors": uint = "0", "number of sectors; 0 is as many as the image needs";
        "sector_size": uint = "512", "bytes of a sector, a power of two from 512 to 65536";
        "image": path = "", "file with the initial content; without it the disk is zeroed";
        "ro": bool = "n", "read-only; an image is then mapped rather than copied";
        "shared": bool = "n", "writes go back to the image; without it they stay in memory";
    ],
}
