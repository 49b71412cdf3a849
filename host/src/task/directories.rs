//! Directory streams.

use nxvfs_abi::types::open;

use super::Task;
use crate::base::Result;
use crate::file::{DirRecord, DirStream, OpenFile};

/// An open directory of a task.
pub struct Directory<'t> {
    task: &'t Task,
    stream: DirStream,
}

impl Task {
    /// Opens a directory for listing. POSIX `opendir`: ENOTDIR, ENOENT, EACCES.
    pub fn opendir(&self, path: impl AsRef<[u8]>) -> Result<Directory<'_>> {
        let flags = open::O_RDONLY | open::O_DIRECTORY;
        let file = self.with_opener(|opener| OpenFile::open(opener, path.as_ref(), flags, 0))?;
        Ok(Directory { task: self, stream: DirStream::new(file)? })
    }

    /// Lists an open directory from its position. POSIX `fdopendir`; the descriptor stays usable. Errors: EBADF,
    /// ENOTDIR.
    pub fn fdopendir(&self, fd: u32) -> Result<Directory<'_>> {
        Ok(Directory { task: self, stream: DirStream::new(self.file(fd)?)? })
    }
}

impl Task {
    /// The entries of a directory that `select` wants, sorted by the bytes of their names; another order is the caller's to
    /// make. POSIX `scandir`: errors as [`Task::opendir`] and [`Directory::read`].
    pub fn scandir(
        &self,
        path: impl AsRef<[u8]>,
        mut select: impl FnMut(&DirRecord) -> bool,
    ) -> Result<Vec<DirRecord>> {
        let wanted = |entry: &Result<DirRecord>| entry.as_ref().map_or(true, &mut select);
        let mut entries = self.opendir(path)?.filter(wanted).collect::<Result<Vec<_>>>()?;
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

impl Directory<'_> {
    /// The next entry, `.` and `..` first; `None` at the end. POSIX `readdir`.
    pub fn read(&mut self) -> Result<Option<DirRecord>> {
        self.stream.read(&self.task.caller().ctx())
    }

    /// The position. POSIX `telldir`.
    pub fn tell(&self) -> u64 {
        self.stream.tell()
    }

    /// Goes on from a position that was told; costs nothing. POSIX `seekdir`.
    pub fn seek(&mut self, position: u64) {
        self.stream.seek(position);
    }

    /// Begins anew. POSIX `rewinddir`.
    pub fn rewind(&mut self) {
        self.stream.seek(0);
    }
}

impl Iterator for Directory<'_> {
    type Item = Result<DirRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
