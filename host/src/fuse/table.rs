//! The system's list of mounts.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What is mounted at a folder by FUSE, as the one who mounted it called it.
pub(super) fn source_at(folder: &Path) -> Option<PathBuf> {
    let mounts = std::fs::read("/proc/self/mountinfo").ok()?;
    // The last one lies over those before.
    mounts.split(|b| *b == b'\n').rev().find_map(|line| source(line, folder))
}

/// The source of a line of `/proc/self/mountinfo` (proc(5)), if it is a FUSE mount at that folder.
fn source(line: &[u8], folder: &Path) -> Option<PathBuf> {
    let mut words = line.split(|b| *b == b' ');
    let at = words.nth(4).map(plain)?;
    let mut rest = words.skip_while(|word| *word != b"-").skip(1);
    let (kind, source) = (rest.next()?, rest.next()?);
    let ours = at == folder.as_os_str().as_bytes() && (kind == b"fuse" || kind.starts_with(b"fuse."));
    ours.then(|| OsString::from_vec(plain(source)).into())
}

/// A word of that file, in which some bytes are written in octal.
fn plain(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                out.push(byte);
                rest = &after[3..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}
