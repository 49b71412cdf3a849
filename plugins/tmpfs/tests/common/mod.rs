//! What the tests share.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(unreachable_pub, reason = "a module of several test binaries")]

use nxvfs_sdk::abi::filesystem::StatFs;
use nxvfs_sdk::fake::{self, File, Mounted, Value};
use nxvfs_sdk::{Errno, open};
use nxvfs_tmpfs::TmpFs;

pub const PAGE: u64 = 4096;

pub type Volume = Mounted<TmpFs>;
pub type Open<'v> = File<'v, TmpFs>;

/// A volume of so many bytes and inodes; 0 is no limit.
pub fn limited(size_bytes: u64, nr_inodes: u64) -> Volume {
    let options = [
        ("size", Value::Size(size_bytes)),
        ("nr_inodes", Value::Uint(nr_inodes)),
        ("mode", Value::Uint(0o1777)),
        ("uid", Value::Uint(0)),
        ("gid", Value::Uint(0)),
    ];
    fake::mount::<TmpFs>(None, &options).expect("a volume")
}

/// A volume large enough for every test, with limits so that what is used can be told.
pub fn volume() -> Volume {
    limited(1 << 40, 1 << 30)
}

/// The errno of a refusal.
#[track_caller]
pub fn refused<T>(result: fake::Result<T>) -> Errno {
    result.err().expect("a refusal").errno
}

/// Pages and inodes in use; one inode is the root's.
pub fn used(volume: &Volume) -> (u64, u64) {
    let StatFs { blocks, blocks_free, files, files_free, .. } = volume.statfs().unwrap();
    (blocks - blocks_free, files - files_free)
}

/// Makes a file with some content in the root; answers its node, which is counted once.
pub fn file(volume: &Volume, name: &[u8], content: &[u8]) -> u64 {
    let (found, file) = volume.create(volume.root(), name, 0o644, open::O_RDWR).unwrap();
    assert_eq!(file.write_at(0, content, 0).unwrap(), content.len());
    found.node
}

/// Makes an empty file in a directory; answers its node.
pub fn file_in(volume: &Volume, dir: u64, name: &[u8]) -> u64 {
    volume.create(dir, name, 0o644, 0).unwrap().0.node
}

/// Opens a node for reading and writing.
pub fn opened(volume: &Volume, node: u64) -> Open<'_> {
    volume.open(node, open::O_RDWR).unwrap()
}

/// Names in a directory, in the order of the listing.
pub fn names(volume: &Volume, dir: u64) -> Vec<String> {
    let entries = volume.readdir(dir).unwrap();
    entries.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect()
}

/// Bytes that tell their place.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at / 251) as u8).collect()
}
