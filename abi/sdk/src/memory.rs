//! Page-aligned memory that others can map: what a driver stands on to offer XIP without unsafe code.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, MsyncFlags, ProtFlags, mmap, msync, munmap};

use crate::{Errno, Fail, Result};

/// Memory backed by an object of the operating system (a memfd or a file) that can be mapped again elsewhere.
///
/// Other mappings of the object may change the bytes at any time, so they are copied in and out, never borrowed.
/// `Send` and `Sync`: overlapping copies from several threads are atomic by byte only.
#[derive(Debug)]
pub struct MemoryObject {
    base: NonNull<u8>,
    len: usize,
    fd: OwnedFd,
    writable: bool,
}

// SAFETY: the mapping belongs to this object alone and is used only through raw copies, which need no exclusive
// access for soundness of the type (the bytes are never lent out as references).
unsafe impl Send for MemoryObject {}
// SAFETY: as above.
unsafe impl Sync for MemoryObject {}

impl MemoryObject {
    /// Zeroed memory of `len` bytes, every page present. Errors: EINVAL for length 0, ENOMEM.
    pub fn zeroed(len: usize) -> Result<Self> {
        let fd = memfd_create("nxvfs-medium", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&fd, len as u64)?;
        // Whoever duplicates the descriptor must not be able to pull pages from under the mapping.
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Self::map(fd, len, true)
    }

    /// A private copy of a file, padded with zeroes to `len` bytes. Changes never reach the file.
    pub fn copy_of(file: &File, len: usize) -> Result<Self> {
        let object = Self::zeroed(len)?;
        let mut chunk = vec![0; 1 << 20];
        let mut offset = 0;
        while offset < len {
            let want = chunk.len().min(len - offset);
            let got = std::os::unix::fs::FileExt::read_at(file, &mut chunk[..want], offset as u64)?;
            if got == 0 {
                break;
            }
            object.write_at(offset as u64, &chunk[..got])?;
            offset += got;
        }
        Ok(object)
    }

    /// The file itself, from its start; with `writable`, changes reach the file (at the latest by [`Self::flush`]).
    /// `len` may exceed the file only up to the end of its last page. If someone cuts the file short while it is
    /// mapped, touching what is gone is a bus error: callers must know who else may.
    pub fn of_file(file: &File, len: usize, writable: bool) -> Result<Self> {
        Self::map(file.as_fd().try_clone_to_owned()?, len, writable)
    }

    fn map(fd: OwnedFd, len: usize, writable: bool) -> Result<Self> {
        if len == 0 || len > isize::MAX as usize {
            return Err(Fail::new(Errno::EINVAL, "length of a memory object")
                .found(len)
                .expected("1 or more"));
        }
        let prot = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a fresh mapping at an address of the kernel's choice; nothing else knows it.
        let base = unsafe {
            mmap(std::ptr::null_mut(), len, prot, MapFlags::SHARED | MapFlags::POPULATE, fd.as_fd(), 0)
        }?;
        let base = NonNull::new(base.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Self { base, len, fd, writable })
    }

    /// Bytes of the object.
    #[allow(clippy::len_without_is_empty, reason = "an empty object cannot be made")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether [`Self::write_at`] works.
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// Address of the first byte.
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// The object behind the memory.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Where `len` bytes at `offset` lie, or EINVAL if they reach beyond the object.
    fn at(&self, offset: u64, len: usize) -> Result<*mut u8> {
        let start =
            usize::try_from(offset).ok().filter(|start| *start <= self.len && len <= self.len - *start);
        let start = start.ok_or(Errno::EINVAL)?;
        // SAFETY: `start <= self.len`, so the address lies inside the mapping or one past its end.
        Ok(unsafe { self.base().add(start) })
    }

    /// Copies bytes out. Errors: EINVAL beyond the end.
    #[inline]
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let from = self.at(offset, buf.len())?;
        // SAFETY: `at` checked the range; the mapping lives as long as `self`; `buf` is ours alone, and cannot
        // overlap the mapping, of which no reference exists.
        unsafe { std::ptr::copy_nonoverlapping(from, buf.as_mut_ptr(), buf.len()) };
        Ok(())
    }

    /// Copies bytes in. Errors: EROFS, EINVAL beyond the end.
    #[inline]
    pub fn write_at(&self, offset: u64, buf: &[u8]) -> Result<()> {
        if !self.writable {
            return Err(Errno::EROFS.into());
        }
        let to = self.at(offset, buf.len())?;
        // SAFETY: as in `read_at`; the mapping is writable.
        unsafe { std::ptr::copy_nonoverlapping(buf.as_ptr(), to, buf.len()) };
        Ok(())
    }

    /// Sets bytes to zero. Errors: as [`Self::write_at`].
    pub fn zero_at(&self, offset: u64, len: usize) -> Result<()> {
        if !self.writable {
            return Err(Errno::EROFS.into());
        }
        let to = self.at(offset, len)?;
        // SAFETY: as in `write_at`.
        unsafe { std::ptr::write_bytes(to, 0, len) };
        Ok(())
    }

    /// Brings all changes to the file behind the object, and the file to its disk. For a memfd nothing to do.
    pub fn flush(&self) -> Result<()> {
        // SAFETY: the range is exactly the mapping.
        unsafe { msync(self.base().cast(), self.len, MsyncFlags::SYNC) }?;
        Ok(())
    }
}

impl Drop for MemoryObject {
    fn drop(&mut self) {
        // SAFETY: the range is exactly the mapping, and nobody can use it any more: grants ended with the device.
        let _ = unsafe { munmap(self.base().cast(), self.len) };
    }
}
