//! What a user asks of a mapping: in Rust as a value, from C as numbers.

use super::MapError;
use crate::base::Result;

/// How pages will be used. POSIX `posix_madvise`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Nothing is known.
    Normal,
    /// From front to back.
    Sequential,
    /// In no order.
    Random,
    /// Soon.
    WillNeed,
    /// Not soon. What the pages show stays as it is.
    DontNeed,
}

/// What may be done with the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prot {
    /// Read.
    pub read: bool,
    /// Write.
    pub write: bool,
    /// Execute.
    pub execute: bool,
}

impl Prot {
    /// Nothing: every access is SIGSEGV.
    pub const NONE: Self = Self { read: false, write: false, execute: false };
    /// Reading only.
    pub const READ: Self = Self { read: true, write: false, execute: false };
    /// Reading and writing.
    pub const READ_WRITE: Self = Self { read: true, write: true, execute: false };
    /// Reading and executing.
    pub const READ_EXECUTE: Self = Self { read: true, write: false, execute: true };

    /// From the numbers of `sys/mman.h` (1 read, 2 write, 4 execute). Errors: EINVAL for others.
    pub fn from_bits(bits: u32) -> Result<Self> {
        if bits & !7 != 0 {
            return Err(MapError::Flags { name: "prot", found: bits, expected: "0 to 7" }.into());
        }
        Ok(Self { read: bits & 1 != 0, write: bits & 2 != 0, execute: bits & 4 != 0 })
    }
}

/// Where in the address space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Where there is room.
    #[default]
    Anywhere,
    /// Near this address if there is room, else anywhere.
    Near(usize),
    /// At this address (`MAP_FIXED`): views of the task that are there are replaced in one step, once nothing but memory can
    /// be wanting; if anything else is there the mapping is refused.
    At(usize),
    /// At this address (`MAP_FIXED_NOREPLACE`): whatever is there stays, and the mapping is refused.
    IfFree(usize),
}

/// What shall be mapped.
#[derive(Clone, Copy, Debug)]
pub struct MapRequest {
    /// First byte in the file; any number, not only multiples of the page.
    pub offset: u64,
    /// Bytes.
    pub len: usize,
    /// What may be done with the pages.
    pub prot: Prot,
    /// Stores go to the file (`MAP_SHARED`), or to pages of the view's own (`MAP_PRIVATE`).
    pub shared: bool,
    /// In place or not at all (`MAP_XIP_STRICT`).
    pub strict: bool,
    /// All pages are filled before the view is answered (`MAP_POPULATE`, `MAP_LOCKED`).
    pub populate: bool,
    /// Where.
    pub place: Place,
}

/// Numbers of `sys/mman.h`, with Linux's values, and NuttX's for what Linux has not.
pub mod flag {
    /// Stores go to the file.
    pub const MAP_SHARED: u32 = 0x01;
    /// Stores go to pages of the view's own.
    pub const MAP_PRIVATE: u32 = 0x02;
    /// As `MAP_SHARED`, and flags that are not known are refused (ENOTSUP).
    pub const MAP_SHARED_VALIDATE: u32 = 0x03;
    /// At the address, instead of what views the task has there.
    pub const MAP_FIXED: u32 = 0x10;
    /// No file: zeroes.
    pub const MAP_ANONYMOUS: u32 = 0x20;
    /// All pages are filled and stay in memory.
    pub const MAP_LOCKED: u32 = 0x2000;
    /// All pages are filled.
    pub const MAP_POPULATE: u32 = 0x8000;
    /// At the address, or EEXIST.
    pub const MAP_FIXED_NOREPLACE: u32 = 0x10_0000;
    /// In place or ENXIO (NuttX).
    pub const MAP_XIP_STRICT: u32 = 1 << 27;
    /// Accepted and without effect, as on Linux: `GROWSDOWN`, `DENYWRITE`, `EXECUTABLE`, `NORESERVE`, `NONBLOCK`,
    /// `STACK`, `UNINITIALIZED` (pages are zeroed in any case).
    pub const WITHOUT_EFFECT: u32 = 0x100 | 0x800 | 0x1000 | 0x4000 | 0x1_0000 | 0x2_0000 | 0x400_0000;
    /// `MAP_FILE`.
    pub const MAP_FILE: u32 = 0;
    /// The kinds of sharing.
    pub const TYPE: u32 = 0x03;
}

impl MapRequest {
    /// A shared read-only view of a range.
    pub const fn read(offset: u64, len: usize) -> Self {
        Self::shared(offset, len, Prot::READ)
    }

    /// A shared view of a range.
    pub const fn shared(offset: u64, len: usize, prot: Prot) -> Self {
        Self { offset, len, prot, shared: true, strict: false, populate: false, place: Place::Anywhere }
    }

    /// A view of a range whose stores stay its own.
    pub const fn private(offset: u64, len: usize, prot: Prot) -> Self {
        Self { shared: false, ..Self::shared(offset, len, prot) }
    }

    /// From the arguments of POSIX `mmap`. Errors: EINVAL (neither or both of shared and private; unknown flags or
    /// protection; a fixed address that is not a page's), ENOTSUP (`MAP_SHARED_VALIDATE` with unknown flags).
    pub fn from_posix(address: usize, len: usize, prot: u32, flags: u32, offset: u64) -> Result<Self> {
        const KNOWN: u32 = flag::TYPE
            | flag::MAP_FIXED
            | flag::MAP_ANONYMOUS
            | flag::MAP_LOCKED
            | flag::MAP_POPULATE
            | flag::MAP_FIXED_NOREPLACE
            | flag::MAP_XIP_STRICT
            | flag::WITHOUT_EFFECT;
        let refused = |expected| MapError::Flags { name: "flags", found: flags, expected };
        let shared = match flags & flag::TYPE {
            flag::MAP_SHARED => true,
            flag::MAP_PRIVATE => false,
            flag::MAP_SHARED_VALIDATE if flags & !KNOWN != 0 => {
                return Err(crate::base::Errno::ENOTSUP.into());
            }
            flag::MAP_SHARED_VALIDATE => true,
            _ => return Err(refused("one of MAP_SHARED and MAP_PRIVATE").into()),
        };
        if flags & !KNOWN != 0 {
            return Err(refused("flags that are known").into());
        }
        let place = match address {
            _ if flags & flag::MAP_FIXED_NOREPLACE != 0 => Place::IfFree(address),
            _ if flags & flag::MAP_FIXED != 0 => Place::At(address),
            0 => Place::Anywhere,
            near => Place::Near(near),
        };
        Ok(Self {
            offset,
            len,
            prot: Prot::from_bits(prot)?,
            shared,
            strict: flags & flag::MAP_XIP_STRICT != 0,
            populate: flags & (flag::MAP_POPULATE | flag::MAP_LOCKED) != 0,
            place,
        })
    }
}
