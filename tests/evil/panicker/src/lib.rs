//! A file system that panics where the mount option `in` says: `mount`, `lookup`, `readdir`, `read`, `drop`, or
//! `payload` (a read that panics with something that is no text). One file: `file`, with the text `sound`.

#![forbid(unsafe_code)]

use nxvfs_sdk::mode::{S_IFDIR, S_IFREG};
use nxvfs_sdk::{Attr, Ctx, Emit, Errno, FileSystem, Found, Mount, Result, Volume};

const CONTENT: &[u8] = b"sound";

/// A mounted volume.
pub struct Panicker(String);

impl Panicker {
    fn maybe(&self, place: &str) {
        assert!(self.0 != place, "a bug in {place}");
    }
}

impl Drop for Panicker {
    fn drop(&mut self) {
        self.maybe("drop");
    }
}

impl FileSystem for Panicker {
    type File = ();

    fn mount(_ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        let volume = Self(mount.params().str("in").to_owned());
        volume.maybe("mount");
        Ok((volume, Volume::new(1, Attr::new(1, S_IFDIR | 0o555, 0), 0)))
    }

    fn lookup(&self, _ctx: &Ctx, _dir: u64, name: &[u8]) -> Result<Found> {
        self.maybe("lookup");
        if name != b"file" {
            return Err(Errno::ENOENT.into());
        }
        Ok(Found::new(2, Attr::new(2, S_IFREG | 0o444, CONTENT.len() as u64)))
    }

    fn readdir(&self, _ctx: &Ctx, _dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        self.maybe("readdir");
        if cookie == 0 {
            let _ = emit.entry(b"file", 2, S_IFREG, 1);
        }
        Ok(())
    }

    fn read(&self, _ctx: &Ctx, _node: u64, _file: &(), offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.maybe("read");
        if self.0 == "payload" {
            std::panic::panic_any(42_u8);
        }
        let rest = CONTENT.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

nxvfs_sdk::plugin! {
    name: "panicker",
    entry: "panicker",
    drivers: [filesystem "panicker" => Panicker],
    params: ["in": str = "", "where to panic"],
}
