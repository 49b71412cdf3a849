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

/// One entry, as `readdir` tells it.
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

/// An open directory that is being listed.
pub struct DirStream {
    file: Arc<OpenFile>,
    chunk: std::vec::IntoIter<DirRecord>,
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
        Ok(Self { file, chunk: Vec::new().into_iter(), position, fetch_from: Some(position) })
    }

    /// The next entry; `None` at the end.
    pub fn read(&mut self, ctx: &Ctx) -> Result<Option<DirRecord>> {
        loop {
            if let Some(record) = self.chunk.next() {
                self.position = record.next;
                self.file.set_position(self.position);
                return Ok(Some(record));
            }
            let Some(from) = self.fetch_from else { return Ok(None) };
            let chunk = fetch(self.file.dentry(), ctx, from)?;
            self.fetch_from = chunk.last().map(|r| r.next);
            self.chunk = chunk.into_iter();
        }
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
        self.chunk = Vec::new().into_iter();
    }
}

/// Some entries from a position on; none at the end.
fn fetch(dir: &Arc<Dentry>, ctx: &Ctx, position: u64) -> Result<Vec<DirRecord>> {
    let mut out = Vec::new();
    if position == 0 {
        out.push(record(b".", dir, ctx, AFTER_DOT)?);
    }
    if position == 0 || position == AFTER_DOT {
        let parent = dir.parent().unwrap_or_else(|| dir.clone());
        out.push(record(b"..", &parent, ctx, AFTER_DOT_DOT)?);
    }
    let cookie = if position == 0 || position >= COOKIE_LIMIT { 0 } else { position };
    match dir.inode() {
        Inode::Volume(node) => {
            let listed = node.mount().volume().readdir(ctx, node.node(), cookie, &mut |item| {
                out.push(DirRecord {
                    name: item.name.to_vec(),
                    ino: item.ino,
                    file_type: item.file_type,
                    next: item.next_cookie,
                });
                out.len() < CHUNK_ENTRIES
            });
            // The file system may have set the time of access.
            node.expire();
            // An entry that leads back to where the listing began would be told for ever.
            if out.last().is_some_and(|last| last.next == cookie && cookie != 0) {
                return Err(node.mount().volume().cookie_lie(cookie));
            }
            // What a damaged directory still tells is handed out first; the failure comes when more is asked for.
            if out.last().is_none_or(|last| last.next >= COOKIE_LIMIT) {
                listed?;
            }
        }
        Inode::Pseudo(_) => {
            for entry in dir.pseudo_entries(ctx, cookie, CHUNK_ENTRIES)? {
                let (name, next) = (entry.name, entry.number);
                out.push(DirRecord { name, ino: entry.ino, file_type: entry.file_type, next });
            }
        }
    }
    Ok(out)
}

fn record(name: &[u8], dentry: &Dentry, ctx: &Ctx, next: u64) -> Result<DirRecord> {
    let attr = dentry.inode().attr(ctx)?;
    Ok(DirRecord { name: name.to_vec(), ino: attr.ino, file_type: attr.mode & mode::S_IFMT, next })
}
