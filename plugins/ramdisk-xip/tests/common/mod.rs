//! What the tests share: attaching a disk with any parameters, and image files.

// Each test file compiles this for itself and uses a part of it.
#![allow(dead_code, unreachable_pub, reason = "shared by several test files")]

use std::io::Write;
use std::path::Path;

use nxvfs_ramdisk_xip::RamDisk;
use nxvfs_sdk::fake::{Attached, Error, Result, Value, attach};
use tempfile::NamedTempFile;

/// The parameters of a disk, with the manifest's defaults.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub sectors: u64,
    pub sector_size: u64,
    pub image: &'a Path,
    pub ro: bool,
    pub shared: bool,
}

impl Default for Given<'_> {
    fn default() -> Self {
        Self { sectors: 0, sector_size: 512, image: Path::new(""), ro: false, shared: false }
    }
}

impl<'a> Given<'a> {
    /// A disk of zeroes.
    pub fn sectors(sectors: u64) -> Self {
        Self { sectors, ..Self::default() }
    }

    /// A private disk over an image.
    pub fn image(file: &'a NamedTempFile) -> Self {
        Self { image: file.path(), ..Self::default() }
    }

    /// A read-only disk over an image.
    pub fn ro(file: &'a NamedTempFile) -> Self {
        Self { ro: true, ..Self::image(file) }
    }

    /// A disk that writes back to its image.
    pub fn shared(file: &'a NamedTempFile) -> Self {
        Self { shared: true, ..Self::image(file) }
    }

    pub fn attach(self) -> Result<Attached<RamDisk>> {
        attach(&[
            ("sectors", Value::Uint(self.sectors)),
            ("sector_size", Value::Uint(self.sector_size)),
            ("image", Value::Path(self.image)),
            ("ro", Value::Bool(self.ro)),
            ("shared", Value::Bool(self.shared)),
        ])
    }

    /// The refusal of a disk that must not be.
    #[track_caller]
    pub fn refusal(self) -> Error {
        match self.attach() {
            Ok(_) => panic!("attached in spite of {self:?}"),
            Err(error) => error,
        }
    }
}

/// A file with this content.
pub fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

/// Bytes that differ from place to place.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ (i / 251) as u8).collect()
}

/// The whole content of a disk.
pub fn content(disk: &Attached<RamDisk>) -> Vec<u8> {
    let geometry = disk.geometry().unwrap();
    let mut all = vec![0xaa; (geometry.sector_count * u64::from(geometry.sector_size_bytes)) as usize];
    disk.read(0, &mut all, 0).unwrap();
    all
}
