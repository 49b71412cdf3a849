//! Descriptors: open, read, write, seek, close.

use super::Task;
use std::time::Duration;

use nxvfs_abi::Grow;
use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE, SET_SIZE, SetAttr};

use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::device::Change;
use crate::file::{OpenFile, PollFd, Whence};
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

    /// Reads into several buffers at the position, one after another, as one read. POSIX `readv`.
    pub fn readv(&self, fd: u32, bufs: &mut [&mut [u8]]) -> Result<usize> {
        self.descriptors.get(fd)?.readv(&self.caller.ctx(), bufs)
    }

    /// Writes several buffers at the position, one after another, as one write. POSIX `writev`.
    pub fn writev(&self, fd: u32, bufs: &[&[u8]]) -> Result<usize> {
        self.descriptors.get(fd)?.writev(&self.caller.ctx(), bufs)
    }

    /// Waits until something is true of one of the descriptors, or `timeout` is over; `None` waits for ever. Answers of
    /// how many. POSIX `poll`: EINVAL more than a task can have open, EINTR the task ends.
    pub fn poll(&self, fds: &mut [PollFd], timeout: Option<Duration>) -> Result<usize> {
        crate::file::poll(&self.descriptors, &self.caller.ctx(), fds, timeout)
    }

    /// One more descriptor for the same open file: position and flags are shared. POSIX `dup`.
    pub fn dup(&self, fd: u32) -> Result<u32> {
        self.descriptors.insert(self.descriptors.get(fd)?)
    }

    /// As [`Task::dup`], with the lowest free number from `at_least` on. POSIX `fcntl(F_DUPFD)`: EINVAL, EMFILE.
    pub fn dup_from(&self, fd: u32, at_least: u32) -> Result<u32> {
        self.descriptors.insert_from(self.descriptors.get(fd)?, at_least)
    }

    /// As [`Task::dup`], with this number; what had it is closed. POSIX `dup2`: EBADF.
    pub fn dup2(&self, fd: u32, to: u32) -> Result<u32> {
        let file = self.descriptors.get(fd)?;
        if fd != to
            && let Some(old) = self.descriptors.replace(to, file)?
        {
            // Its late errors are lost, as POSIX has it.
            let _ = old.flush(&self.caller.ctx());
        }
        Ok(to)
    }

    /// The open flags. POSIX `fcntl(F_GETFL)`.
    pub fn getfl(&self, fd: u32) -> Result<u32> {
        Ok(self.descriptors.get(fd)?.flags().0)
    }

    /// Changes `O_APPEND`, `O_NONBLOCK` and `O_NOATIME` for all descriptors of the open file. POSIX `fcntl(F_SETFL)`.
    pub fn setfl(&self, fd: u32, flags: u32) -> Result<()> {
        self.descriptors.get(fd)?.set_flags(flags);
        Ok(())
    }

    /// Changes the length. POSIX `ftruncate`: EINVAL not open for writing, or no regular file.
    pub fn ftruncate(&self, fd: u32, size_bytes: u64) -> Result<()> {
        let file = self.descriptors.get(fd)?;
        if !file.flags().writable() || file.regular().is_none() {
            return Err(Errno::EINVAL.into());
        }
        if size_bytes > i64::MAX as u64 {
            return Err(Errno::EFBIG.into());
        }
        let set = SetAttr { valid: SET_SIZE, size_bytes, ..Grow::empty() };
        self.host.tree().set_attr_as_opened(&self.caller, file.dentry().inode(), &set)
    }

    /// Reserves, zeroes or frees space; `mode` is `FALLOC_*` of the contract. POSIX `posix_fallocate` is mode 0. Errors:
    /// EBADF not open for writing, EINVAL length 0, ENODEV no regular file, EFBIG, ENOSPC, ENOTSUP.
    pub fn fallocate(&self, fd: u32, mode: u32, offset: u64, len: u64) -> Result<()> {
        let file = self.descriptors.get(fd)?;
        if !file.flags().writable() {
            return Err(Errno::EBADF.into());
        }
        if len == 0 {
            return Err(Errno::EINVAL.into());
        }
        if offset.checked_add(len).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::EFBIG.into());
        }
        let Some((node, handle)) = file.regular() else { return Err(Errno::ENODEV.into()) };
        let volume = node.mount().volume();
        let grow = mode & FALLOC_KEEP_SIZE == 0;
        let change = match mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE) {
            0 if grow => Change::Extend(offset + len),
            0 => Change::Extend(0),
            _ => Change::Zero { offset, len, grow },
        };
        node.change(change, &mut || {
            let done = volume.fallocate(&self.caller.ctx(), node.node(), handle, mode, offset, len);
            node.expire();
            done
        })
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
