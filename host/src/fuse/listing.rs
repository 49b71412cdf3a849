//! Listings of directories.

use nxvfs_abi::types::open;

use super::attributes::kind;
use super::door::Door;
use super::names::Told;
use crate::base::sync::{Arc, Mutex, lock, read, write};
use crate::base::{Errno, Result};
use crate::file::{DirRecord, DirStream, OpenFile, Opener};
use crate::tree::{Caller, Dentry, Follow, Inode};

/// An open directory, and the entry that did not fit into the last answer.
pub(super) struct Listing {
    stream: DirStream,
    left: Option<DirRecord>,
    /// Where the kernel goes on.
    next: u64,
}

/// An entry of a listing.
pub(super) struct Listed<'a> {
    /// Name, type and place.
    pub(super) record: &'a DirRecord,
    /// Number of its node.
    pub(super) number: u64,
    /// The type that programs see.
    pub(super) kind: fuser::FileType,
}

impl Door {
    pub(super) fn open_directory(&self, caller: &Caller, number: u64) -> Result<u32> {
        let dentry = self.nodes.get(number)?;
        let opener = Opener { tree: self.tree(), caller, base: &dentry };
        let file = OpenFile::open_found(&opener, &dentry, open::O_RDONLY | open::O_DIRECTORY)?;
        let listing = Listing { stream: DirStream::new(file.clone())?, left: None, next: 0 };
        let fd = self.task.install(file, false)?;
        write(&self.listings).insert(fd, Arc::new(Mutex::new(listing)));
        Ok(fd)
    }

    pub(super) fn close_directory(&self, fd: u32) -> Result<()> {
        let listing = write(&self.listings).remove(&fd);
        drop(listing);
        self.task.close(fd)
    }

    /// Hands entries from a place on to `take`, until it has no room for one.
    pub(super) fn list(
        &self,
        caller: &Caller,
        (number, fd): (u64, u32),
        from: u64,
        mut take: impl FnMut(&Arc<Dentry>, Listed<'_>) -> Result<bool>,
    ) -> Result<()> {
        let listing = read(&self.listings).get(&fd).cloned().ok_or(Errno::EBADF)?;
        let dir = self.nodes.get(number)?;
        let listing = &mut *lock(&listing);
        if listing.next != from {
            listing.left = None;
            listing.stream.seek(from);
            listing.next = from;
        }
        let mut any = false;
        loop {
            let record = match listing.left.take() {
                Some(record) => record,
                None => match listing.stream.entry(|| caller.ctx()) {
                    Ok(Some(entry)) => entry.into(),
                    Ok(None) => return Ok(()),
                    // What there is of it is told first.
                    Err(_) if any => return Ok(()),
                    Err(e) => return Err(e),
                },
            };
            let number = self.nodes.listed(&dir, record.ino);
            let kind = kind(record.file_type, matches!(dir.inode(), Inode::Pseudo(_)));
            let listed = Listed { record: &record, number, kind };
            if !take(&dir, listed)? {
                listing.left = Some(record);
                return Ok(());
            }
            any = true;
            listing.next = record.next;
        }
    }

    /// An entry with its attributes, of which the kernel is told; `None` for `.` and `..`, and for what has gone.
    pub(super) fn look_at(
        &self,
        caller: &Caller,
        (dir, parent): (u64, &Arc<Dentry>),
        name: &[u8],
    ) -> Option<Told> {
        if name == b"." || name == b".." {
            return None;
        }
        let dentry = self.tree().walk(caller, parent, name, Follow::No).ok()?.dentry?;
        self.tell(caller, (dir, name), &dentry).ok()
    }
}
