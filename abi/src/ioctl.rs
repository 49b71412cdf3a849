//! ioctl commands: NuttX's numbers (`include/nuttx/fs/ioctl.h`), and the structs they carry.
//!
//! `FIOC_MMAP`, `FIOC_XIPBASE` and `BIOC_XIPBASE` are users' spellings. The host answers them from the slots
//! `map_extents` and `xip_grant`; it asks a driver by ioctl only where the driver leaves those slots empty.
//! `FIOC_MMAP` has a number of its own, because the number it had in old NuttX means "reformat" today.

use abi_stable::StableAbi;

use crate::grow::{Grow, growable};
use crate::types::Str;

/// Reformat the volume. Never forwarded by accident: see the module's comment.
pub const FIOC_REFORMAT: u32 = 0x0301;
/// Optimise the volume; argument: bytes to recover.
pub const FIOC_OPTIMIZE: u32 = 0x0302;
/// Absolute path of the open file; argument: `char[4096]`, filled.
pub const FIOC_FILEPATH: u32 = 0x0303;
/// Check the volume's integrity.
pub const FIOC_INTEGRITY: u32 = 0x0304;
/// Dump the volume's state to the log.
pub const FIOC_DUMP: u32 = 0x0305;
/// Bytes that can be read at once; argument: `int`, filled.
pub const FIONREAD: u32 = 0x0306;
/// Bytes written and not yet read; argument: `int`, filled.
pub const FIONWRITE: u32 = 0x0307;
/// Bytes that can be written at once; argument: `int`, filled.
pub const FIONSPACE: u32 = 0x0308;
/// Set or clear the non-blocking mode; argument: `int`, read.
pub const FIONBIO: u32 = 0x030a;
/// Set close-on-exec.
pub const FIOCLEX: u32 = 0x030b;
/// Clear close-on-exec.
pub const FIONCLEX: u32 = 0x030c;
/// Take or give up a record lock; argument: the system's `struct flock` of 64 bits, read.
pub const FIOC_SETLK: u32 = 0x0312;
/// A record lock that is in the way; argument: the system's `struct flock` of 64 bits, read and filled.
pub const FIOC_GETLK: u32 = 0x0313;
/// Take a record lock, and wait for it; argument: the system's `struct flock` of 64 bits, read.
pub const FIOC_SETLKW: u32 = 0x0314;
/// Whether close-on-exec is set; argument: `int`, filled.
pub const FIOGCLEX: u32 = 0x0318;
/// Address of the file's first byte in place; argument: `uintptr_t`, filled.
pub const FIOC_XIPBASE: u32 = 0x0315;
/// Address of the file in place, older spelling; argument: `uintptr_t`, filled. A number of our own.
pub const FIOC_MMAP: u32 = 0x03f0;

/// Address of the medium's first byte; argument: `void *`, filled.
pub const BIOC_XIPBASE: u32 = 0x0501;
/// Shape of the medium; argument: [`crate::block::Geometry`], filled.
pub const BIOC_GEOMETRY: u32 = 0x050c;
/// Everything written so far goes to the medium.
pub const BIOC_FLUSH: u32 = 0x050d;
/// Where the device lies on its parent; argument: [`PartitionInfo`], filled.
pub const BIOC_PARTINFO: u32 = 0x050e;
/// Sector size in bytes; argument: `uint32_t`, filled.
pub const BIOC_BLKSSZGET: u32 = 0x050f;
/// Number of sectors; argument: `uint64_t`, filled.
pub const BIOC_BLKGETSIZE: u32 = 0x0510;
/// Discard the whole medium's content.
pub const BIOC_DISCARD: u32 = 0x0511;

/// What becomes of a FIFO's bytes when its last end is closed; argument: 0 they go, 1 they stay.
pub const PIPEIOC_POLICY: u32 = 0x1801;
/// How many bytes a pipe must hold more than to be told ready for reading; argument: the number, 0 unless it is set.
pub const PIPEIOC_POLLINTHRD: u32 = 0x1802;
/// For how many bytes a pipe must have more room than to be told ready for writing; argument: the number, or 0 for what
/// a write that is not torn may need.
pub const PIPEIOC_POLLOUTTHRD: u32 = 0x1803;
/// Read a pipe's first bytes without taking them; argument: where to, filled. Answers how many.
pub const PIPEIOC_PEEK: u32 = 0x1804;
/// Set how many bytes a pipe holds; argument: the number. Answers what it became.
pub const PIPEIOC_SETSIZE: u32 = 0x1805;
/// How many bytes a pipe holds; no argument. Answers it.
pub const PIPEIOC_GETSIZE: u32 = 0x1806;

/// Which way the argument of a command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The argument is a value, or is not used.
    Value,
    /// The argument points to memory that the driver reads.
    Read,
    /// The argument points to memory that the driver fills.
    Fill,
}

/// What the host knows of a command: the direction and size of its argument, which C callers do not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The command's number.
    pub command: u32,
    /// The command's name, as in C.
    pub name: &'static str,
    /// Direction of the argument.
    pub direction: Direction,
    /// Bytes that the argument points to, for a struct that may grow the fewest; 0 for [`Direction::Value`].
    pub size_bytes: usize,
}

/// Bytes of the system's `struct flock` with offsets of 64 bits: type and whence of two bytes each, start, length, and
/// the holder of four bytes, each where its alignment puts it.
const FLOCK_BYTES: usize = 32;

macro_rules! known {
    ($($name:ident $direction:ident $size:expr;)*) => {
        /// The host's table of commands.
        pub const KNOWN: &[Known] = &[$(Known {
            command: $name, name: stringify!($name), direction: Direction::$direction, size_bytes: $size,
        }),*];
    };
}

known! {
    FIOC_REFORMAT Value 0;
    FIOC_OPTIMIZE Value 0;
    FIOC_FILEPATH Fill 4096;
    FIOC_INTEGRITY Value 0;
    FIOC_DUMP Value 0;
    FIONREAD Fill 4;
    FIONWRITE Fill 4;
    FIONSPACE Fill 4;
    FIONBIO Read 4;
    FIOCLEX Value 0;
    FIONCLEX Value 0;
    FIOC_SETLK Read FLOCK_BYTES;
    FIOC_GETLK Fill FLOCK_BYTES;
    FIOC_SETLKW Read FLOCK_BYTES;
    FIOGCLEX Fill 4;
    FIOC_XIPBASE Fill size_of::<usize>();
    FIOC_MMAP Fill size_of::<usize>();
    BIOC_XIPBASE Fill size_of::<usize>();
    BIOC_GEOMETRY Fill crate::block::Geometry::MIN_SIZE as usize;
    BIOC_FLUSH Value 0;
    BIOC_PARTINFO Fill PartitionInfo::MIN_SIZE as usize;
    BIOC_BLKSSZGET Fill 4;
    BIOC_BLKGETSIZE Fill 8;
    BIOC_DISCARD Value 0;
    PIPEIOC_POLICY Value 0;
    PIPEIOC_POLLINTHRD Value 0;
    PIPEIOC_POLLOUTTHRD Value 0;
    PIPEIOC_PEEK Fill 0;
    PIPEIOC_SETSIZE Value 0;
    PIPEIOC_GETSIZE Value 0;
}

/// Looks a command up in [`KNOWN`].
pub fn known(command: u32) -> Option<&'static Known> {
    KNOWN.iter().find(|k| k.command == command)
}

/// Answer of [`BIOC_PARTINFO`].
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PartitionInfoRef, prefix_fields = PartitionInfoPrefix)))]
#[sabi(missing_field(option))]
pub struct PartitionInfo {
    /// Size of this struct in bytes.
    pub size: u32,
    /// Sector size in bytes.
    pub sector_size_bytes: u32,
    /// First sector on the parent; 0 for a whole device.
    pub start_sector: u64,
    /// Number of sectors.
    pub sector_count: u64,
    /// Node of the parent device, such as `/dev/ram0`; empty for a whole device. Lives as long as the device.
    #[sabi(last_prefix_field)]
    pub parent: Str,
}
growable!(PartitionInfo, min = 40, PartitionInfoIn, PartitionInfoOut);
