//! Files in RAM as descriptors see them: content and times.

use nxvfs_abi::types::open;
use nxvfs_abi::{Ctx, Timespec};

use super::access::loan;
use super::pseudo::{PseudoNode, now};
use crate::base::Result;
use crate::base::sync::{Arc, read, write};
use crate::bridge::CheckedGrant;
use crate::device::{RamFile, Stream};

struct Opening {
    node: Arc<PseudoNode>,
    file: Arc<RamFile>,
    flags: u32,
}

pub(super) fn open(node: &Arc<PseudoNode>, file: &Arc<RamFile>, flags: u32) -> Arc<dyn Stream> {
    Arc::new(Opening { node: node.clone(), file: file.clone(), flags })
}

impl Stream for Opening {
    fn read(&self, _ctx: &Ctx, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let done = self.file.read(offset, buf)?;
        if self.flags & open::O_NOATIME != open::O_NOATIME {
            self.node.accessed();
        }
        Ok(done)
    }

    fn write(&self, ctx: &Ctx, offset: u64, buf: &[u8], flags: u32) -> Result<usize> {
        let append = flags & open::O_APPEND != 0;
        let done = self.file.write((!append).then_some(offset), buf)?;
        if done > 0 {
            self.node.modified(ctx);
        }
        Ok(done)
    }

    fn has_position(&self) -> bool {
        true
    }

    fn len_bytes(&self) -> u64 {
        self.file.len_bytes()
    }

    fn truncate(&self, ctx: &Ctx, len_bytes: u64) -> Result<()> {
        self.file.truncate(len_bytes)?;
        self.node.modified(ctx);
        Ok(())
    }

    fn fallocate(&self, ctx: &Ctx, mode: u32, offset: u64, len: u64) -> Result<()> {
        self.file.fallocate(mode, offset, len)?;
        self.node.modified(ctx);
        Ok(())
    }

    fn seek_data(&self, offset: u64, data: bool) -> Result<Option<u64>> {
        self.file.seek(offset, data).map(Some)
    }

    fn sync(&self, _ctx: &Ctx) -> Result<()> {
        Ok(())
    }

    fn memory(&self) -> Option<CheckedGrant> {
        self.file.memory()
    }
}

/// Age after which a read is noted although nothing changed since the last one.
const DAY_SECONDS: i64 = 24 * 60 * 60;

impl PseudoNode {
    /// It was read. Noted only if that tells something new: first since a change, or for a day (Linux's `relatime`).
    fn accessed(&self) {
        let time = now();
        let news = |atime: Timespec, mtime, ctime| {
            atime <= mtime || atime <= ctime || time.seconds - atime.seconds >= DAY_SECONDS
        };
        let known = *read(&self.attr);
        if news(known.atime, known.mtime, known.ctime) && known.atime != time {
            write(&self.attr).atime = time;
        }
    }

    /// Its content was changed. That ends its right to run as its owner, unless user 0 did it.
    pub(super) fn modified(&self, ctx: &Ctx) {
        let time = now();
        let mut attr = write(&self.attr);
        attr.mtime = time;
        attr.ctime = time;
        if ctx.uid != 0 {
            attr.mode &= !loan(attr.mode);
        }
    }
}
