//! The file or medium below a copy in memory, as the copy reads and writes it: with an opening of its own, whoever
//! else has it open.

use nxvfs_abi::Ctx;
use nxvfs_abi::types::open;

use super::place::Source;
use crate::base::sync::{Arc, AtomicU64, Mutex, Ordering, lock};
use crate::base::{Errno, Result};
use crate::bridge::{FileService, host_ctx};

/// How a copy reaches its file.
pub(super) struct Content {
    source: Source,
    /// The file system's numbers of the openings for reading and for writing; kept, because calls with them may be
    /// under way.
    opened: Mutex<[Option<u64>; 2]>,
    /// Length of the file. Nothing is written beyond it.
    len_bytes: AtomicU64,
}

impl Content {
    pub(super) fn new(source: Source, len_bytes: u64) -> Arc<Self> {
        Arc::new(Self { source, opened: Mutex::default(), len_bytes: AtomicU64::new(len_bytes) })
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.len_bytes.load(Ordering::Acquire)
    }

    pub(super) fn set_len_bytes(&self, len_bytes: u64) {
        self.len_bytes.store(len_bytes, Ordering::Release);
    }

    /// An opening, made if it must be; reading works with either.
    fn handle(&self, ctx: &Ctx, write: bool) -> Result<u64> {
        let Source::File(node) = &self.source else { return Ok(0) };
        let mut opened = lock(&self.opened);
        let there = if write { opened[1] } else { opened[0].or(opened[1]) };
        if let Some(handle) = there {
            return Ok(handle);
        }
        let flags = if write { open::O_RDWR } else { open::O_RDONLY };
        let handle = node.mount().volume().open(ctx, node.node(), flags)?;
        opened[usize::from(write)] = Some(handle);
        Ok(handle)
    }

    /// Makes ready for writing.
    pub(super) fn open_for_writing(&self) -> Result<()> {
        self.handle(&host_ctx(), true).map(drop)
    }

    /// Reads all of `buf`, with zeroes after the end.
    pub(super) fn read_exact(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let mut done = 0;
        while done < buf.len() {
            match self.read(offset + done as u64, &mut buf[done..])? {
                0 => break,
                got => done += got,
            }
        }
        buf[done..].fill(0);
        Ok(())
    }

    /// Brings what was written to the medium.
    pub(super) fn sync(&self) -> Result<()> {
        let ctx = host_ctx();
        match &self.source {
            Source::File(node) => {
                let handle = self.handle(&ctx, false)?;
                node.mount().volume().fsync(&ctx, node.node(), handle, true)
            }
            Source::Device(device) => device.flush(&device.user()),
            Source::Memory(stream) => stream.sync(&ctx),
        }
    }
}

impl FileService for Content {
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let ctx = host_ctx();
        match &self.source {
            Source::File(node) => {
                let handle = self.handle(&ctx, false)?;
                node.mount().volume().read(&ctx, node.node(), handle, offset, buf)
            }
            Source::Device(device) => {
                let len = self.len_bytes().saturating_sub(offset).min(buf.len() as u64) as usize;
                device.read_below(offset, &mut buf[..len])?;
                Ok(len)
            }
            Source::Memory(stream) => stream.read(&ctx, offset, buf),
        }
    }

    fn write(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        let ctx = host_ctx();
        // A mapper never makes a file longer.
        let len = self.len_bytes().saturating_sub(offset).min(buf.len() as u64) as usize;
        if len == 0 {
            return if buf.is_empty() { Ok(0) } else { Err(Errno::EINVAL.into()) };
        }
        match &self.source {
            Source::File(node) => {
                let handle = self.handle(&ctx, true)?;
                let done = node.mount().volume().write(&ctx, node.node(), handle, offset, &buf[..len], 0);
                node.expire();
                done
            }
            Source::Device(device) => {
                device.write_below(offset, &buf[..len])?;
                Ok(len)
            }
            Source::Memory(stream) => stream.write(&ctx, offset, &buf[..len], 0),
        }
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        let Source::File(node) = &self.source else { return };
        for handle in lock(&self.opened).into_iter().flatten() {
            let _ = node.mount().volume().release(&host_ctx(), node.node(), handle);
        }
    }
}
