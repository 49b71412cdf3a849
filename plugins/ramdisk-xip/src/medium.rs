//! The memory of a disk, and what can be done with it.

use std::fmt;
use std::path::PathBuf;

use nxvfs_sdk::abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_DISCARD_ZEROES, GEOMETRY_WRITABLE};
use nxvfs_sdk::{Errno, Fail, Geometry, Grant, Grow, MemoryObject, Result};

use crate::config::{Access, Config, Content};
use crate::image::Image;
use crate::room;
use crate::shape::Shape;

/// Page-aligned memory with all pages present, divided into sectors.
pub(crate) struct Medium {
    memory: MemoryObject,
    shape: Shape,
    writable: bool,
    /// The image that writes go back to.
    written_back: Option<PathBuf>,
}

impl Medium {
    /// Makes the memory that `config` describes. After a failure nothing is held. Errors: as [`Image::open`] and
    /// [`room::check`]; EINVAL a shape that cannot be.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        match &config.content {
            Content::Zeroes { writable } => {
                let shape = Shape::new(config.sectors, config.sector_size_bytes)?;
                room::check(shape.len_bytes(), "sectors")?;
                let memory = MemoryObject::zeroed(shape.len_bytes())
                    .map_err(|fail| Fail::new(fail.errno(), "no memory for the RAM disk").found(fail))?;
                Ok(Self { memory, shape, writable: *writable, written_back: None })
            }
            Content::Image { path, access } => {
                let image = Image::open(path, *access)?;
                let shape = Shape::over_image(
                    config.sectors,
                    config.sector_size_bytes,
                    path,
                    image.len_bytes,
                    *access,
                )?;
                let memory = match access {
                    Access::Shared => MemoryObject::of_file(&image.file, shape.len_bytes(), true),
                    Access::ReadOnly if shape.fits_mapping(image.len_bytes) => {
                        MemoryObject::of_file(&image.file, shape.len_bytes(), false)
                    }
                    Access::ReadOnly | Access::Private => {
                        room::check(shape.len_bytes(), path.display())?;
                        MemoryObject::copy_of(&image.file, shape.len_bytes())
                    }
                };
                let memory = memory.map_err(|fail| {
                    Fail::new(fail.errno(), "image cannot be brought into memory")
                        .place(path.display())
                        .found(fail)
                })?;
                Ok(Self {
                    memory,
                    shape,
                    writable: *access != Access::ReadOnly,
                    written_back: (*access == Access::Shared).then(|| path.clone()),
                })
            }
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn geometry(&self) -> Geometry {
        let can_write = if self.writable { GEOMETRY_WRITABLE | GEOMETRY_DISCARD_ZEROES } else { 0 };
        Geometry {
            flags: GEOMETRY_AVAILABLE | can_write,
            sector_size_bytes: self.shape.sector_size_bytes(),
            sector_count: self.shape.sector_count(),
            ..Grow::empty()
        }
    }

    /// Address of the first byte; aligned to a page.
    pub(crate) fn base_address(&self) -> usize {
        self.memory.base() as usize
    }

    pub(crate) fn grant(&self) -> Grant<'_> {
        Grant::new(&self.memory, self.writable)
    }

    pub(crate) fn read(&self, start_sector: u64, buf: &mut [u8]) -> Result<()> {
        let offset = self.shape.offset_bytes(start_sector, self.shape.sectors_of(buf.len())?)?;
        self.memory.read_at(offset, buf)
    }

    pub(crate) fn write(&self, start_sector: u64, buf: &[u8]) -> Result<()> {
        self.must_be_writable()?;
        let offset = self.shape.offset_bytes(start_sector, self.shape.sectors_of(buf.len())?)?;
        self.memory.write_at(offset, buf)
    }

    /// Zeroes sectors. Their pages stay present: a hole would have to be filled again at the next touch, at a moment
    /// when memory may be short.
    pub(crate) fn discard(&self, start_sector: u64, sector_count: u64) -> Result<()> {
        self.must_be_writable()?;
        let offset = self.shape.offset_bytes(start_sector, sector_count)?;
        // The range lies in the medium, whose length is a `usize`.
        self.memory.zero_at(offset, (sector_count * u64::from(self.shape.sector_size_bytes())) as usize)
    }

    /// Brings all changes to the image and the image to its disk, if writes go back to it.
    pub(crate) fn flush(&self) -> Result<()> {
        let Some(path) = &self.written_back else { return Ok(()) };
        self.memory.flush().map_err(|fail| {
            Fail::new(fail.errno(), "changes did not reach the image").place(path.display()).found(fail)
        })
    }

    fn must_be_writable(&self) -> Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(Fail::new(Errno::EROFS, "RAM disk is read-only").remedy("attach it without ro=y"))
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, size) = (self.shape.sector_count(), self.shape.sector_size_bytes());
        write!(f, "RAM disk of {count} sectors of {size} bytes")?;
        match &self.written_back {
            Some(path) => write!(f, ", written back to {}", path.display()),
            None if !self.writable => f.write_str(", read-only"),
            None => Ok(()),
        }
    }
}
