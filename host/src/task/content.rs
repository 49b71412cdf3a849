//! Descriptors: open, read, write, seek, close.

use std::time::Duration;

use nxvfs_abi::Grow;
use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE, SET_SIZE, SetAttr};
use nxvfs_abi::types::open;

use super::{At, Task};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::device::Change;
use crate::file::{OpenFile, Opener, PollFd, Whence};
use crate::tree::Stat;

impl Task {
    /// Opens a file and answers the lowest free descriptor. POSIX `open`; `flags` are those of
    /// [`nxvfs_abi::types::open`], `permissions` count only where a file is made.
    pub fn open(&self, path: impl AsRef<[u8]>, flags: u32, permissions: u32) -> Result<u32> {
        self.open_at(At::Cwd, path, flags, permissions)
    }

    /// As [`Task::open`], with relative paths from an open directory. POSIX `openat`.
    pub fn open_at(
        &self,
        at: impl Into<At>,
        path: impl AsRef<[u8]>,
        flags: u32,
        permissions: u32,
    ) -> Result<u32> {
        let (base, path) = (self.base_of(at, path.as_ref())?, path.as_ref());
        let opener = Opener { tree: self.host.tree(), caller: &self.caller, base: &base };
        let file = OpenFile::open(&opener, path, flags, permissions)?;
        self.install(file, flags & open::O_CLOEXEC != 0)
    }

    /// Makes or empties a file and opens it for writing. POSIX `creat`.
    pub fn creat(&self, path: impl AsRef<[u8]>, permissions: u32) -> Result<u32> {
        self.open(path, open::O_WRONLY | open::O_CREAT | open::O_TRUNC, permissions)
    }

    /// The open file of a descriptor, which outlives the descriptor. Errors: EBADF.
    pub fn file(&self, fd: u32) -> Result<Arc<OpenFile>> {
        self.descriptors.get(fd)
    }

    /// Frees a descriptor. POSIX `close`: it is free whatever is answered. Errors: EBADF, and late errors of the
    /// file system.
    pub fn close(&self, fd: u32) -> Result<()> {
        let file = self.descriptors.remove(fd)?;
        self.closed(&file)
    }

    /// What the end of one descriptor means for its file: the task's record locks go, late errors come out.
    pub fn closed(&self, file: &OpenFile) -> Result<()> {
        file.release_record_locks(self.host.locks(), self.caller.task);
        file.flush(&self.caller.ctx())
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
    /// how many. POSIX `poll`: EINVAL more than a task can have open, EINTR the task ends, or a signal's handler ran.
    pub fn poll(&self, fds: &mut [PollFd], timeout: Option<Duration>) -> Result<usize> {
        crate::file::poll(&self.descriptors, &self.caller.ctx(), fds, timeout)
    }

    /// What is true of the descriptors now, and of how many, without waiting; `waiter`, the token of a
    /// [`Bell`](crate::base::wait::Bell), is told when that may have changed. For who waits in the operating system.
    pub fn poll_now(&self, fds: &mut [PollFd], waiter: u64) -> usize {
        crate::file::look(&self.descriptors, &self.caller.ctx(), fds, waiter)
    }

    /// Reads into several buffers at an offset. Linux `preadv`.
    pub fn preadv(&self, fd: u32, bufs: &mut [&mut [u8]], offset: u64) -> Result<usize> {
        self.descriptors.get(fd)?.preadv(&self.caller.ctx(), bufs, offset)
    }

    /// Writes several buffers at an offset. Linux `pwritev`.
    pub fn pwritev(&self, fd: u32, bufs: &[&[u8]], offset: u64) -> Result<usize> {
        self.descriptors.get(fd)?.pwritev(&self.caller.ctx(), bufs, offset)
    }

    /// Changes the length. POSIX `ftruncate`: EINVAL not open for writing, or no regular file.
    pub fn ftruncate(&self, fd: u32, size_bytes: u64) -> Result<()> {
        let file = self.descriptors.get(fd)?;
        if !file.flags().writable() || file.regular().is_none() && file.stream().is_none() {
            return Err(Errno::EINVAL.into());
        }
        if size_bytes > i64::MAX as u64 {
            return Err(Errno::EFBIG.into());
        }
        if let Some(stream) = file.stream() {
            return stream.truncate(&self.caller.ctx(), size_bytes);
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
        if let Some(stream) = file.stream() {
            return stream.fallocate(&self.caller.ctx(), mode, offset, len);
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

    /// Brings the volume of an open file to its medium. Linux `syncfs`: EBADF, also for `O_PATH`.
    pub fn syncfs(&self, fd: u32) -> Result<()> {
        let file = self.not_path(fd)?;
        file.dentry().inode().mount().map_or(Ok(()), |mount| mount.sync(&self.caller.ctx()))
    }

    /// Brings a file to its medium. POSIX `fsync`, and with `data_only` `fdatasync`.
    pub fn fsync(&self, fd: u32, data_only: bool) -> Result<()> {
        self.descriptors.get(fd)?.sync(&self.caller.ctx(), data_only)
    }
}
