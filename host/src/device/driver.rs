//! What drives a block device: a plugin's driver, or a program of the host's own process.

use nxvfs_abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_WRITABLE, Geometry};
use nxvfs_abi::{Ctx, Grow};

use crate::base::error::teach;
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::{Errno, Result};
use crate::bridge::Block;

teach! {
    /// Why a program's medium is refused.
    pub enum MediumError {
        /// Sectors that cannot be.
        Shape { node: String, sectors: u64, size: u32 } => EINVAL, what: "not the shape of a block device",
            place: "{node}", expected: "sectors of 512 to 65536 bytes, a power of two, and less than 2^63 bytes",
            found: "{sectors} sectors of {size} bytes";
    }
}

/// A block device that a program offers to its own host (NuttX `struct block_operations`). Calls come from any thread
/// and may overlap; they may use the host's files, but not those on a volume that lies on the device itself.
#[allow(unused_variables, reason = "defaults ignore their arguments")]
pub trait BlockMedium: Send + Sync {
    /// Bytes of a sector: a power of two from 512 to 65,536. Always the same.
    fn sector_size_bytes(&self) -> u32;

    /// Number of sectors. Always the same.
    fn sector_count(&self) -> u64;

    /// Whether it can be written. Always the same.
    fn writable(&self) -> bool {
        false
    }

    /// Reads whole sectors from `start` on; all of them or an error.
    fn read(&self, start: u64, buf: &mut [u8]) -> Result<()>;

    /// Writes whole sectors, likewise. Errors: EROFS.
    fn write(&self, start: u64, buf: &[u8]) -> Result<()> {
        Err(Errno::EROFS.into())
    }

    /// Brings all that was written to where it stays. Also orders: nothing written later comes there before.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Sectors that are no longer needed.
    fn discard(&self, start: u64, count: u64) -> Result<()> {
        Ok(())
    }

    /// Any command with memory. Errors: ENOTTY.
    fn ioctl(&self, command: u32, arg: &mut [u8]) -> Result<u64> {
        Err(Errno::ENOTTY.into())
    }
}

/// What drives a block device. The methods are those of [`Block`]; a program has no memory to grant, because an
/// address that safe code made up would not be safe to read.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one of it for each device, and most have the large variant"
)]
pub(super) enum Driver {
    Plugin(Block),
    /// The program lets go of it when the device ends.
    Program(Mutex<Option<Arc<dyn BlockMedium>>>),
}

/// The shape of a program's medium. Errors: EINVAL.
pub(super) fn shape(node: &str, medium: &dyn BlockMedium) -> Result<Geometry> {
    let (size, sectors) = (medium.sector_size_bytes(), medium.sector_count());
    let bytes = sectors.checked_mul(u64::from(size)).filter(|bytes| *bytes < 1 << 63);
    if !size.is_power_of_two() || !(512..=65_536).contains(&size) || bytes.is_none() {
        return Err(MediumError::Shape { node: node.to_owned(), sectors, size }.into());
    }
    let writable = if medium.writable() { GEOMETRY_WRITABLE } else { 0 };
    Ok(Geometry {
        flags: GEOMETRY_AVAILABLE | writable,
        sector_size_bytes: size,
        sector_count: sectors,
        ..Grow::empty()
    })
}

impl Driver {
    fn program(program: &Mutex<Option<Arc<dyn BlockMedium>>>) -> Result<Arc<dyn BlockMedium>> {
        lock(program).clone().ok_or_else(|| Errno::ENXIO.into())
    }

    pub(super) fn read(&self, ctx: &Ctx, start: u64, buf: &mut [u8], size: u32, flags: u32) -> Result<()> {
        match self {
            Self::Plugin(block) => block.read(ctx, start, buf, size, flags),
            Self::Program(program) => Self::program(program)?.read(start, buf),
        }
    }

    pub(super) fn write(&self, ctx: &Ctx, start: u64, buf: &[u8], size: u32, flags: u32) -> Result<()> {
        match self {
            Self::Plugin(block) => block.write(ctx, start, buf, size, flags),
            Self::Program(program) => {
                let program = Self::program(program)?;
                program.write(start, buf)?;
                if flags & nxvfs_abi::block::WRITE_FUA != 0 { program.flush() } else { Ok(()) }
            }
        }
    }

    pub(super) fn flush(&self, ctx: &Ctx) -> Result<()> {
        match self {
            Self::Plugin(block) => block.flush(ctx),
            Self::Program(program) => Self::program(program)?.flush(),
        }
    }

    pub(super) fn barrier(&self, ctx: &Ctx) -> Result<()> {
        match self {
            Self::Plugin(block) => block.barrier(ctx),
            Self::Program(program) => Self::program(program)?.flush(),
        }
    }

    pub(super) fn discard(&self, ctx: &Ctx, start: u64, count: u64) -> Result<()> {
        match self {
            Self::Plugin(block) => block.discard(ctx, start, count),
            Self::Program(program) => Self::program(program)?.discard(start, count),
        }
    }

    pub(super) fn ioctl_bytes(&self, ctx: &Ctx, command: u32, arg: &mut [u8]) -> Result<u64> {
        match self {
            Self::Plugin(block) => block.ioctl_bytes(ctx, command, arg),
            Self::Program(program) => Self::program(program)?.ioctl(command, arg),
        }
    }

    pub(super) fn detach(&self, ctx: &Ctx) -> Result<()> {
        match self {
            Self::Plugin(block) => block.detach(ctx),
            Self::Program(program) => {
                let gone = lock(program).take();
                // Outside the lock: its own end is the program's code.
                gone.map_or(Ok(()), |program| program.flush())
            }
        }
    }

    /// Whether it can still be called.
    pub(super) fn lives(&self) -> bool {
        match self {
            Self::Plugin(block) => block.lives(),
            Self::Program(program) => lock(program).is_some(),
        }
    }

    /// Whether it has been detached.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Plugin(block) => block.has_ended(),
            Self::Program(program) => lock(program).is_none(),
        }
    }
}
