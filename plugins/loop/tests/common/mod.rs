//! What the tests share: attaching a device with any parameters, and files.

// Each test file compiles this for itself and uses a part of it.
#![allow(dead_code, unreachable_pub, reason = "shared by several test files")]

use std::io::Write;
use std::path::Path;

use nxvfs_loop::Loop;
use nxvfs_sdk::abi::block::GEOMETRY_DISCARD_ZEROES;
use nxvfs_sdk::fake::{Attached, Error, Result, Value, VfsFile, attach};
use tempfile::NamedTempFile;

/// The parameters of a device, with the manifest's defaults.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub file: &'a Path,
    /// A file of the VFS instead.
    pub vfs: Option<&'a VfsFile>,
    pub sector_size: u64,
    pub offset: u64,
    pub sizelimit: u64,
    /// Left away if `None`.
    pub ro: Option<bool>,
}

impl<'a> Given<'a> {
    pub fn path(file: &'a Path) -> Self {
        Self { file, vfs: None, sector_size: 512, offset: 0, sizelimit: 0, ro: None }
    }

    pub fn file(file: &'a NamedTempFile) -> Self {
        Self::path(file.path())
    }

    pub fn vfs(vfs: &'a VfsFile) -> Self {
        Self { vfs: Some(vfs), ..Self::path(Path::new("")) }
    }

    pub fn ro(self, ro: bool) -> Self {
        Self { ro: Some(ro), ..self }
    }

    pub fn attach(self) -> Result<Attached<Loop>> {
        let mut params = vec![
            ("file", Value::Path(self.file)),
            ("vfs", Value::File(self.vfs)),
            ("sector_size", Value::Uint(self.sector_size)),
            ("offset", Value::Size(self.offset)),
            ("sizelimit", Value::Size(self.sizelimit)),
        ];
        params.extend(self.ro.map(|ro| ("ro", Value::Bool(ro))));
        attach(&params)
    }

    /// The refusal of a device that must not be.
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

/// The whole content of a device.
pub fn content(disk: &Attached<Loop>) -> Vec<u8> {
    let geometry = disk.geometry().unwrap();
    let mut all = vec![0xaa; (geometry.sector_count * u64::from(geometry.sector_size_bytes)) as usize];
    disk.read(0, &mut all, 0).unwrap();
    all
}

/// Whether the file system below the tests can make holes.
pub fn punches(disk: &Attached<Loop>) -> bool {
    disk.geometry().unwrap().flags & GEOMETRY_DISCARD_ZEROES != 0
}
