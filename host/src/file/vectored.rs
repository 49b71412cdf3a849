//! Several buffers at an offset.

use nxvfs_abi::Ctx;

use super::open::OpenFile;
use crate::base::{Errno, Result};

impl OpenFile {
    /// Reads into several buffers at an offset, one after another; the position does not move. Linux `preadv`. Errors:
    /// as [`OpenFile::pread`].
    pub fn preadv(&self, ctx: &Ctx, bufs: &mut [&mut [u8]], offset: u64) -> Result<usize> {
        at_offsets(offset, bufs.iter_mut(), |buf, offset| Ok((self.pread(ctx, buf, offset)?, buf.len())))
    }

    /// Writes several buffers at an offset, one after another; the position does not move. Linux `pwritev`. Errors: as
    /// [`OpenFile::pwrite`].
    pub fn pwritev(&self, ctx: &Ctx, bufs: &[&[u8]], offset: u64) -> Result<usize> {
        at_offsets(offset, bufs.iter(), |buf, offset| Ok((self.pwrite(ctx, buf, offset)?, buf.len())))
    }
}

/// Transfers one buffer after another until one is not filled; answers the sum.
fn at_offsets<B>(
    offset: u64,
    bufs: impl Iterator<Item = B>,
    mut transfer: impl FnMut(B, u64) -> Result<(usize, usize)>,
) -> Result<usize> {
    let mut sum = 0;
    for buf in bufs {
        let at = offset.checked_add(sum as u64).ok_or(Errno::EINVAL)?;
        let (done, asked) = match transfer(buf, at) {
            // What was transferred before the failure was transferred.
            Err(_) if sum > 0 => break,
            done => done?,
        };
        sum += done;
        if done < asked {
            break;
        }
    }
    Ok(sum)
}
