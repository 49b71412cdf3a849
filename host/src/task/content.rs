//! Descriptors: open, read, write, seek, close.

use super::Task;
use crate::base::Result;
use crate::base::sync::Arc;
use crate::file::{OpenFile, Whence};
use crate::tree::Stat;

impl Task {
    /// Opens a file and answers the lowest free descriptor. POSIX `open`; `flags` are those of
    /// [`nxvfs_abi::types::open`], `permissions` count only where a file is made.
    pub fn open(&self, path: impl AsRef<[u8]>, flags: u32, permissions: u32) -> Result<u32> {
        let file = self.with_opener(|opener| OpenFile::open(opener, path.as_ref(), flags, permissions))?;
        self.install(file)
    }

    /// The open file of a descriptor, which outlives the descriptor. Errors: EBADF.
    pub fn file(&self, fd: u32) -> Result<Arc<OpenFile>> {
        self.descriptors.get(fd)
    }

    /// Frees a descriptor. POSIX `close`: it is free whatever is answered. Errors: EBADF, and late errors of the
    /// file system.
    pub fn close(&self, fd: u32) -> Result<()> {
        self.descriptors.remove(fd)?.flush(&self.caller.ctx())
    }

    /// Reads at the position. POSIX `read`.
    pub fn read(&self, fd: u32, buf: &mut [u8]) -> Result<usize> {
        self.descriptors.get(fd)?.read(&self.caller.ctx(), buf)
    }

    /// Reads at an offset. POSIX `pread`; takes no lock during the copy.
    pub fn pread(&self, fd: u32, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.descriptors.get(fd)?.pread(&self.caller.ctx(), buf, offset)
    }

    /// Writes at the position. POSIX `write`.
    pub fn write(&self, fd: u32, buf: &[u8]) -> Result<usize> {
        self.descriptors.get(fd)?.write(&self.caller.ctx(), buf)
    }

    /// Writes at an offset. POSIX `pwrite`.
    pub fn pwrite(&self, fd: u32, buf: &[u8], offset: u64) -> Result<usize> {
        self.descriptors.get(fd)?.pwrite(&self.caller.ctx(), buf, offset)
    }

    /// Moves the position. POSIX `lseek`.
    pub fn lseek(&self, fd: u32, offset: i64, whence: Whence) -> Result<u64> {
        self.descriptors.get(fd)?.seek(&self.caller.ctx(), offset, whence)
    }

    /// Attributes. POSIX `fstat`.
    pub fn fstat(&self, fd: u32) -> Result<Stat> {
        self.descriptors.get(fd)?.stat(&self.caller.ctx())
    }

    /// Brings a file to its medium. POSIX `fsync`, and with `data_only` `fdatasync`.
    pub fn fsync(&self, fd: u32, data_only: bool) -> Result<()> {
        self.descriptors.get(fd)?.sync(&self.caller.ctx(), data_only)
    }
}
