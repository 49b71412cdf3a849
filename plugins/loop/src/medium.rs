//! The sectors of a file, and what can be done with them.

use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

use nxvfs_sdk::abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_DISCARD_ZEROES, GEOMETRY_WRITABLE};
use nxvfs_sdk::{Errno, Fail, Geometry, Grow, Result};

use crate::config::Config;
use crate::store::{Store, Trouble};
use crate::window::Window;

/// An opened file, divided into sectors.
pub(crate) struct Medium {
    path: PathBuf,
    store: Store,
    window: Window,
    writable: bool,
    /// Whether discarded sectors are sure to read as zeroes; tried at the first question.
    punches: OnceLock<bool>,
}

impl Medium {
    /// Opens the file that `config` names. After a failure nothing is held. Errors: as [`Store::open`] and
    /// [`Window::new`].
    pub(crate) fn new(mut config: Config) -> Result<Self> {
        let (store, len_bytes, writable) = Store::open(&mut config)?;
        let window = Window::new(&config, len_bytes)?;
        Ok(Self { path: config.path, store, window, writable, punches: OnceLock::new() })
    }

    pub(crate) fn window(&self) -> Window {
        self.window
    }

    pub(crate) fn geometry(&self) -> Geometry {
        let mut flags = GEOMETRY_AVAILABLE;
        if self.writable {
            flags |= GEOMETRY_WRITABLE;
        }
        if self.punches() {
            flags |= GEOMETRY_DISCARD_ZEROES;
        }
        Geometry {
            flags,
            sector_size_bytes: self.window.sector_size_bytes(),
            sector_count: self.window.sector_count(),
            ..Grow::empty()
        }
    }

    pub(crate) fn read(&self, start_sector: u64, buf: &mut [u8]) -> Result<()> {
        let offset = self.window.offset_bytes(start_sector, self.window.sectors_of(buf.len())?)?;
        self.store.read(buf, offset).map_err(|trouble| match trouble {
            Trouble::End => Fail::new(Errno::EIO, "file ends before the medium does")
                .place(format_args!("{}, from byte {offset} on", self.path.display()))
                .expected(format_args!("{} bytes", buf.len()))
                .found("fewer")
                .remedy("was it cut after it was attached? Restore its length, or detach the device"),
            trouble => self.failed("sectors cannot be read", offset, trouble),
        })
    }

    pub(crate) fn write(&self, start_sector: u64, buf: &[u8]) -> Result<()> {
        self.must_be_writable()?;
        let offset = self.window.offset_bytes(start_sector, self.window.sectors_of(buf.len())?)?;
        self.store
            .write(buf, offset)
            .map_err(|trouble| self.failed("sectors cannot be written", offset, trouble))
    }

    /// Makes a hole, which reads as zeroes and takes no space. Where that cannot be done, nothing happens.
    pub(crate) fn discard(&self, start_sector: u64, sector_count: u64) -> Result<()> {
        self.must_be_writable()?;
        let offset = self.window.offset_bytes(start_sector, sector_count)?;
        if sector_count == 0 {
            return Ok(());
        }
        // The range lies in the file.
        let len = sector_count * u64::from(self.window.sector_size_bytes());
        match self.store.punch(offset, len) {
            Ok(()) => Ok(()),
            Err(Trouble::Unsupported) if !self.punches() => Ok(()),
            Err(trouble) => Err(self.failed("sectors cannot be discarded", offset, trouble)),
        }
    }

    /// Brings everything written to the medium below the file.
    pub(crate) fn flush(&self) -> Result<()> {
        if !self.writable {
            return Ok(());
        }
        self.store.flush().map_err(|trouble| {
            let (errno, found) = trouble.told();
            Fail::new(errno, "changes did not reach the file")
                .place(self.path.display())
                .found(found)
                .remedy("what was written since the last flush may be lost")
        })
    }

    fn punches(&self) -> bool {
        *self.punches.get_or_init(|| self.writable && self.store.punches())
    }

    fn must_be_writable(&self) -> Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(Fail::new(Errno::EROFS, "loop device is read-only")
            .place(self.path.display())
            .remedy("attach it without ro=y; does the file permit writing?"))
    }

    fn failed(&self, what: &str, offset_bytes: u64, trouble: Trouble) -> Fail {
        let (errno, found) = trouble.told();
        Fail::new(errno, what)
            .place(format_args!("{}, from byte {offset_bytes} on", self.path.display()))
            .found(found)
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, size) = (self.window.sector_count(), self.window.sector_size_bytes());
        write!(f, "{count} sectors of {size} bytes in {}", self.path.display())?;
        if self.window.start_bytes() != 0 {
            write!(f, " from byte {} on", self.window.start_bytes())?;
        }
        if self.writable { Ok(()) } else { f.write_str(", read-only") }
    }
}
