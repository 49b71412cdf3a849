//! romfs images, made by the tool that romfs is judged by.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes the image `out` of a directory.
pub fn genromfs(dir: &Path, out: &Path) -> PathBuf {
    genromfs_with(dir, out, &[])
}

/// Makes the image `out` of a directory, with more of the tool's options.
pub fn genromfs_with(dir: &Path, out: &Path, options: &[&str]) -> PathBuf {
    let run = Command::new("genromfs").args(options).arg("-d").arg(dir).arg("-f").arg(out).output();
    let run = run.unwrap_or_else(|_| panic!("genromfs is needed: apt-get install genromfs"));
    assert!(run.status.success(), "genromfs: {}", String::from_utf8_lossy(&run.stderr));
    out.to_owned()
}
