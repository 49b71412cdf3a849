//! Directory streams. Positions are cookies: `telldir` and `seekdir` cost nothing, and an entry that is there
//! throughout appears exactly once whatever else comes and goes.

use nxvfs_abi::Ctx;
use nxvfs_abi::filesystem::COOKIE_LIMIT;
use nxvfs_abi::types::mode;

use super::open::OpenFile;
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::tree::{Dentry, Inode};

/// Position after `.`; file systems' own cookies are below.
const AFTER_DOT: u64 = COOKIE_LIMIT;
/// Position after `..`.
const AFTER_DOT_DOT: u64 = COOKIE_LIMIT + 1;

/// Entries that are fetched at a time. The file system is not asked while they are handed out.
const CHUNK_ENTRIES: usize = 256;

/// One entry, as `readdir` tells it, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirRecord {
    /// The name.
    pub name: Vec<u8>,
    /// Number of the inode.
    pub ino: u64,
    /// `S_IFMT` bits; 0 if not known.
    pub file_type: u32,
    /// The position after it.
    pub next: u64,
}

/// One entry, in the memory of its stream: as [`DirRecord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The name.
    pub name: &'a [u8],
    /// Number of the inode.
    pub ino: u64,
    /// `S_IFMT` bits; 0 if not known.
    pub file_type: u32,
    /// The position after it.
    pub next: u64,
}

impl From<DirEntry<'_>> for DirRecord {
    fn from(entry: DirEntry<'_>) -> Self {
        let DirEntry { name, ino, file_type, next } = entry;
        Self { name: name.to_vec(), ino, file_type, next }
    }
}

/// What was fetched at a time: the names one after the other, so that none costs an allocation.
#[derive(Default)]
struct Chunk {
    names: Vec<u8>,
    entries: Vec<Fetched>,
    /// Entries that were handed out.
    taken: usize,
}

struct Fetched {
    /// Where its name ends; it begins where the one before ends.
    name_end: usize,
    ino: u64,
    file_type: u32,
    next: u64,
}

impl Chunk {
    fn clear(&mut self) {
        self.names.clear();
        self.entries.clear();
        self.taken = 0;
    }

    fn push(&mut self, name: &[u8], ino: u64, file_type: u32, next: u64) {
        self.names.extend_from_slice(name);
        self.entries.push(Fetched { name_end: self.names.len(), ino, file_type, next });
    }

    fn last_position(&self) -> Option<u64> {
        self.entries.last().map(|entry| entry.next)
    }

    fn take(&mut self) -> Option<DirEntry<'_>> {
        let Fetched { name_end, ino, file_type, next } = *self.entries.get(self.taken)?;
        let start = self.taken.checked_sub(1).map_or(0, |before| self.entries[before].name_end);
        self.taken += 1;
        Some(DirEntry { name: &self.names[start..name_end], ino, file_type, next })
    }
}

/// An open directory that is being listed.
///
/// The position of its open file follows when entries are fetched, and when the stream seeks or ends.
pub struct DirStream {
    file: Arc<OpenFile>,
    chunk: Chunk,
    /// Position of the next entry that the user gets.
    position: u64,
    /// Position from which the next chunk is fetched; `None` at the end.
    fetch_from: Option<u64>,
}

impl DirStream {
    /// A stream over an open directory, from its position. Errors: ENOTDIR.
    pub fn new(file: Arc<OpenFile>) -> Result<Self> {
        if !file.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        let position = file.position();
        Ok(Self { file, chunk: Chunk::default(), position, fetch_from: Some(position) })
    }

    /// The next entry; `None` at the end. It lies in the stream until the next call. `ctx` is asked for when entries are
    /// fetched.
    pub fn entry(&mut self, ctx: impl FnOnce() -> Ctx) -> Result<Option<DirEntry<'_>>> {
        if self.chunk.taken == self.chunk.entries.len() {
            let Some(from) = self.fetch_from else { return Ok(None) };
            self.file.set_position(from);
            self.chunk.clear();
            if let Err(e) = fetch(self.file.dentry(), &ctx(), from, &mut self.chunk) {
                self.chunk.clear();
                return Err(e);
            }
            self.fetch_from = self.chunk.last_position();
        }
        let entry = self.chunk.take();
        match &entry {
            Some(entry) => self.position = entry.next,
            None => self.fetch_from = None,
        }
        Ok(entry)
    }

    /// The position: give it to [`DirStream::seek`] to go on here.
    pub fn tell(&self) -> u64 {
        self.position
    }

    /// Goes on from a position that [`DirStream::tell`] told; 0 is the start.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
        self.file.set_position(position);
        self.fetch_from = Some(position);
        self.chunk.clear();
    }
}

impl Drop for DirStream {
    fn drop(&mut self) {
        self.file.set_position(self.position);
    }
}

/// Some entries from a position on; none at the end.
fn fetch(dir: &Arc<Dentry>, ctx: &Ctx, position: u64, out: &mut Chunk) -> Result<()> {
    if position == 0 {
        push_dots(b".", dir, ctx, AFTER_DOT, out)?;
    }
    if position == 0 || position == AFTER_DOT {
        let parent = dir.parent().unwrap_or_else(|| dir.clone());
        push_dots(b"..", &parent, ctx, AFTER_DOT_DOT, out)?;
    }
    let cookie = if position == 0 || position >= COOKIE_LIMIT { 0 } else { position };
    match dir.inode() {
        Inode::Volume(node) => {
            let listed = node.mount().volume().readdir(ctx, node.node(), cookie, &mut |item| {
                out.push(item.name, item.ino, item.file_type, item.next_cookie);
                out.entries.len() < CHUNK_ENTRIES
            });
            // The file system may have set the time of access.
            node.expire();
            // An entry that leads back to where the listing began would be told for ever.
            if out.last_position().is_some_and(|last| last == cookie && cookie != 0) {
                return Err(node.mount().volume().cookie_lie(cookie));
            }
            // What a damaged directory still tells is handed out first; the failure comes when more is asked for.
            if out.last_position().is_none_or(|last| last >= COOKIE_LIMIT) {
                listed?;
            }
        }
        Inode::Pseudo(_) => {
            for entry in dir.pseudo_entries(ctx, cookie, CHUNK_ENTRIES)? {
                out.push(&entry.name, entry.ino, entry.file_type, entry.number);
            }
        }
    }
    Ok(())
}

fn push_dots(name: &[u8], dentry: &Dentry, ctx: &Ctx, next: u64, out: &mut Chunk) -> Result<()> {
    let attr = dentry.inode().attr(ctx)?;
    out.push(name, attr.ino, attr.mode & mode::S_IFMT, next);
    Ok(())
}
