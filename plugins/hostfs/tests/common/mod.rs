//! What the tests share.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(unreachable_pub, reason = "a module of several test binaries")]

use std::path::Path;

use nxvfs_hostfs::HostFs;
use nxvfs_sdk::Errno;
use nxvfs_sdk::fake::{self, Mounted, Value};

pub type Volume = Mounted<HostFs>;

/// A folder of its own.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// A mount with all options.
pub fn mount_with(path: &Path, xdev: bool, handles: u64) -> fake::Result<Volume> {
    let options =
        [("path", Value::Path(path)), ("xdev", Value::Bool(xdev)), ("handles", Value::Uint(handles))];
    fake::mount::<HostFs>(None, &options)
}

/// A mounted folder.
pub fn mount(path: &Path) -> Volume {
    mount_with(path, false, 256).expect("a volume")
}

/// The errno of a refusal.
#[track_caller]
pub fn refused<T>(result: fake::Result<T>) -> Errno {
    result.err().expect("a refusal").errno
}

/// Names in a directory, sorted.
pub fn names(volume: &Volume, dir: u64) -> Vec<String> {
    let entries = volume.readdir(dir).unwrap();
    let mut names: Vec<String> =
        entries.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect();
    names.sort_unstable();
    names
}
