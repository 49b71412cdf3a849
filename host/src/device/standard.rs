//! The nodes that every system has: null, zero, full, random, urandom.

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
    /// Random bytes of the operating system come out, everything goes in and changes nothing.
    Random,
}

impl Standard {
    /// The nodes, by the names of their paths.
    pub const ALL: [(&'static str, Self); 5] = [
        ("/dev/null", Self::Null),
        ("/dev/zero", Self::Zero),
        ("/dev/full", Self::Full),
        ("/dev/random", Self::Random),
        ("/dev/urandom", Self::Random),
    ];
}

/// Fills a buffer with random bytes. The source is ready long before a program runs; should it not be, this waits.
pub fn randomize(mut buf: &mut [u8]) -> Result<()> {
    while !buf.is_empty() {
        match rustix::rand::getrandom(&mut *buf, rustix::rand::GetRandomFlags::empty()) {
            Ok(len) => buf = &mut buf[len..],
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

impl Openable for Standard {
    fn open(&self, _ctx: &Ctx, _flags: u32) -> Result<Arc<dyn Stream>> {
        Ok(Arc::new(*self))
    }
}

impl Stream for Standard {
    fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        match self {
            Self::Null => return Ok(0),
            Self::Zero | Self::Full => buf.fill(0),
            Self::Random => randomize(buf)?,
        }
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
