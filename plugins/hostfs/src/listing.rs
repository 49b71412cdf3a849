//! The entries of a directory, in an order that stands.
//!
//! A listing goes on behind a cookie. Linux's own cookies may be longer than the host takes, and go with the descriptor. So
//! the entries stand in the order of a number that is made of the name, with a secret: it is the same whenever the
//! directory is read again. What is there throughout appears exactly once, whatever comes and goes meanwhile. The entries
//! of the directories that were listed last are kept from one call to the next.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use nxvfs_sdk::{Emit, Errno, Fail, Result};
use rustix::fs::{Dir, FileType};

use crate::sync::lock;

/// Directories whose entries are kept.
const KEPT: usize = 8;
/// Most entries of a directory.
const ENTRIES_MAX: usize = 1 << 22;
/// Bits of a cookie: the host takes less than 2^62.
const COOKIE_BITS: u32 = 61;

struct Entry {
    cookie: u64,
    name: Box<[u8]>,
    ino: u64,
    file_type: u32,
}

type Entries = Arc<[Entry]>;

/// The directories that were listed last.
pub(crate) struct Listings {
    secret: RandomState,
    kept: Mutex<Vec<(u64, Entries)>>,
}

impl Listings {
    pub(crate) fn new() -> Self {
        Self { secret: RandomState::new(), kept: Mutex::default() }
    }

    /// Emits the entries of a directory behind a cookie; `open` opens it for reading, if it must be read, and `ino` makes the
    /// numbers that users see. Errors: those of reading it, EOVERFLOW too many entries.
    pub(crate) fn emit(
        &self,
        dir: u64,
        cookie: u64,
        open: impl FnOnce() -> Result<OwnedFd>,
        ino: impl Fn(u64) -> u64,
        emit: &mut Emit<'_>,
    ) -> Result<()> {
        let kept = if cookie == 0 { None } else { self.kept(dir) };
        let entries = match kept {
            Some(entries) => entries,
            None => self.read(dir, open()?)?,
        };
        let from = entries.partition_point(|entry| entry.cookie <= cookie);
        for entry in &entries[from..] {
            if emit.entry(&entry.name, ino(entry.ino), entry.file_type, entry.cookie).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn kept(&self, dir: u64) -> Option<Entries> {
        let kept = lock(&self.kept);
        kept.iter().find(|(number, _)| *number == dir).map(|(_, entries)| entries.clone())
    }

    fn read(&self, dir: u64, directory: OwnedFd) -> Result<Entries> {
        let mut entries = Vec::new();
        for entry in Dir::new(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if entries.len() == ENTRIES_MAX {
                return Err(Fail::new(Errno::EOVERFLOW, "the directory has too many entries")
                    .expected(format_args!("at most {ENTRIES_MAX}")));
            }
            let cookie = (self.secret.hash_one(name) >> (u64::BITS - COOKIE_BITS)).max(1);
            let file_type = match entry.file_type() {
                FileType::Unknown => 0,
                known => known.as_raw_mode(),
            };
            entries.push(Entry { cookie, name: name.into(), ino: entry.ino(), file_type });
        }
        entries.sort_unstable_by(|a, b| (a.cookie, &a.name).cmp(&(b.cookie, &b.name)));
        let entries: Entries = entries.into();
        let mut kept = lock(&self.kept);
        kept.retain(|(number, _)| *number != dir);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((dir, entries.clone()));
        Ok(entries)
    }

    /// The host forgot a directory.
    pub(crate) fn forget(&self, dir: u64) {
        lock(&self.kept).retain(|(number, _)| *number != dir);
    }
}
