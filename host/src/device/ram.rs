//! Content in RAM: memory objects of the system that grow and have holes, within one budget.
//!
//! Each file that has content, or was mapped, costs a descriptor of the process; another costs none. What is mapped may fill
//! holes behind our back, so what a file holds is counted again after each change.

use std::os::fd::OwnedFd;

use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE};
use rustix::fs::{FallocateFlags, MemfdFlags, SeekFrom, fallocate, fstat, ftruncate, memfd_create, seek};
use rustix::io;

use crate::base::sync::{Arc, Mutex, OnceLock, lock};
use crate::base::{Budget, Errno, Result};
use crate::bridge::CheckedGrant;

fn page() -> u64 {
    rustix::param::page_size() as u64
}

/// The content of one file.
pub struct RamFile {
    budget: Arc<Budget>,
    /// Made when there is something to hold, or to be mapped.
    object: OnceLock<Arc<OwnedFd>>,
    /// What of the budget is this file's. Whoever changes the content has the lock.
    held_bytes: Mutex<u64>,
}

impl RamFile {
    /// An empty file.
    pub fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: budget.clone(), object: OnceLock::new(), held_bytes: Mutex::new(0) }
    }

    /// Length in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.object.get().and_then(|fd| fstat(fd).ok()).map_or(0, |stat| stat.st_size as u64)
    }

    /// Space used, in units of 512 bytes.
    pub fn blocks(&self) -> u64 {
        self.object.get().and_then(|fd| fstat(fd).ok()).map_or(0, |stat| stat.st_blocks as u64)
    }

    /// The memory, to be mapped by its object; it has no address of its own. `None` if the system gives no more
    /// descriptors.
    pub fn memory(&self) -> Option<CheckedGrant> {
        // Also of an empty file: what is mapped now shows what is written later.
        let object = self.object().ok()?;
        Some(CheckedGrant { base: 0, len_bytes: self.len_bytes(), writable: true, object: Some((object, 0)) })
    }

    /// Reads at an offset; 0 at the end.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        match self.object.get() {
            Some(fd) => Ok(io::pread(fd, buf, offset)?),
            None => Ok(0),
        }
    }

    /// Writes at an offset, or for `None` at the end, whatever it is by then; as much as the budget has room for.
    /// Errors: ENOSPC no room for a single byte, EFBIG, ENFILE.
    pub fn write(&self, offset: Option<u64>, buf: &[u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut held = lock(&self.held_bytes);
        let fd = self.object()?;
        let start = offset.unwrap_or_else(|| self.len_bytes());
        let (room, taken) = self.make_room(&fd, start, buf.len() as u64)?;
        let done = match room {
            0 => Err(Errno::ENOSPC.into()),
            room => io::pwrite(&fd, &buf[..room as usize], start).map_err(Into::into),
        };
        self.recount(&mut held, taken);
        done
    }

    /// Changes the length; what is new is a hole. Errors: EFBIG, ENFILE.
    pub fn truncate(&self, len_bytes: u64) -> Result<()> {
        let mut held = lock(&self.held_bytes);
        if len_bytes == 0 && self.object.get().is_none() {
            return Ok(());
        }
        ftruncate(self.object()?, len_bytes)?;
        self.recount(&mut held, 0);
        Ok(())
    }

    /// Reserves a range (mode 0) or makes it a hole (`FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE`). What is reserved is filled
    /// with zeroes: to the system a page that was only reserved is still a hole, and its cost would be counted again.
    /// Errors: ENOSPC, and then nothing has changed; ENOTSUP other modes; EFBIG, ENFILE.
    pub fn fallocate(&self, mode: u32, offset: u64, len: u64) -> Result<()> {
        let mut held = lock(&self.held_bytes);
        let fd = self.object()?;
        if mode == FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE {
            fallocate(&fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, len)?;
            self.recount(&mut held, 0);
            return Ok(());
        }
        if mode != 0 {
            return Err(Errno::ENOTSUP.into());
        }
        let (room, taken) = self.make_room(&fd, offset, len)?;
        let done = match room == len {
            true => self.fill_holes(&fd, offset, offset + len),
            false => Err(Errno::ENOSPC.into()),
        };
        self.recount(&mut held, taken);
        done
    }

    fn fill_holes(&self, fd: &OwnedFd, mut at: u64, end: u64) -> Result<()> {
        if end > self.len_bytes() {
            ftruncate(fd, end)?;
        }
        let zeroes = [0; 16 * 1024];
        while at < end {
            let hole = seek(fd, SeekFrom::Hole(at))?;
            if hole > at {
                at = hole;
                continue;
            }
            let data = match seek(fd, SeekFrom::Data(at)) {
                Err(io::Errno::NXIO) => end,
                data => data?.min(end),
            };
            while at < data {
                let len = (data - at).min(zeroes.len() as u64) as usize;
                at += io::pwrite(fd, &zeroes[..len], at)? as u64;
            }
        }
        Ok(())
    }

    /// The first data (or hole) at or after an offset before the end. Errors: ENXIO only holes follow.
    pub fn seek(&self, offset: u64, data: bool) -> Result<u64> {
        let fd = self.object.get().ok_or(Errno::ENXIO)?;
        Ok(seek(fd, if data { SeekFrom::Data(offset) } else { SeekFrom::Hole(offset) })?)
    }

    fn object(&self) -> Result<Arc<OwnedFd>> {
        if let Some(fd) = self.object.get() {
            return Ok(fd.clone());
        }
        let made = memfd_create("nxvfs-file", MemfdFlags::CLOEXEC).map_err(|e| match e {
            io::Errno::MFILE => Errno::ENFILE.into(),
            e => crate::base::Error::from(e),
        })?;
        Ok(self.object.get_or_init(|| Arc::new(made)).clone())
    }

    /// Takes from the budget what a write needs; answers how many of its bytes then have room, and how many bytes
    /// were taken.
    fn make_room(&self, fd: &OwnedFd, start: u64, len: u64) -> Result<(u64, u64)> {
        let page = page();
        let end = start.checked_add(len).ok_or(Errno::EFBIG)?;
        let end_of_pages = end.checked_next_multiple_of(page).ok_or(Errno::EFBIG)?;
        let (mut at, mut taken) = (start - start % page, 0);
        while at < end {
            let data = match seek(fd, SeekFrom::Data(at)) {
                Ok(data) => (data - data % page).min(end_of_pages),
                Err(io::Errno::NXIO) => end_of_pages,
                Err(e) => return Err(e.into()),
            };
            let want = data.saturating_sub(at);
            let got = self.budget.take_up_to(want, page);
            taken += got;
            if got < want {
                return Ok(((at + got).saturating_sub(start), taken));
            }
            at = data;
            if at < end {
                let hole = seek(fd, SeekFrom::Hole(at))?;
                at = hole.next_multiple_of(page).max(at + page);
            }
        }
        Ok((len, taken))
    }

    fn recount(&self, held: &mut u64, taken: u64) {
        let holds = self.blocks() * 512;
        self.budget.take_always(holds);
        self.budget.give_back(*held + taken);
        *held = holds;
    }
}

impl Drop for RamFile {
    fn drop(&mut self) {
        self.budget.give_back(*lock(&self.held_bytes));
    }
}
