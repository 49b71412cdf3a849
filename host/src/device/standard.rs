//! The nodes that every system has: null, zero, full.

use nxvfs_abi::Ctx;

use super::stream::{Openable, Stream};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};

/// A device that has no state, so that all openings are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Nothing comes out, everything goes in.
    Null,
    /// Zeroes come out, everything goes in.
    Zero,
    /// Zeroes come out, nothing goes in: ENOSPC.
    Full,
}

impl Standard {
    /// The nodes, by the names of their paths.
    pub const ALL: [(&'static str, Self); 3] =
        [("/dev/null", Self::Null), ("/dev/zero", Self::Zero), ("/dev/full", Self::Full)];
}

impl Openable for Standard {
    fn open(&self, _ctx: &Ctx, _flags: u32) -> Result<Arc<dyn Stream>> {
        Ok(Arc::new(*self))
    }
}

impl Stream for Standard {
    fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        if *self == Self::Null {
            return Ok(0);
        }
        buf.fill(0);
        Ok(buf.len())
    }

    fn write(&self, _ctx: &Ctx, _offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        if *self == Self::Full {
            return Err(Errno::ENOSPC.into());
        }
        Ok(buf.len())
    }

    fn has_position(&self) -> bool {
        true
    }
}
