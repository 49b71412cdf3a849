//! A root device: a driver's medium as bytes, with what all share who use it or parts of it.

use nxvfs_abi::block::Geometry;

use super::cache::{Cache, CacheStatus};
use super::claims::Claims;
use super::driver::{BlockMedium, Driver};
use super::late::{LateErrors, Seen};
use super::raw::Raw;
use super::resident::Residence;
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::{Budget, Hold, Result};
use crate::bridge::{Block, CheckedGrant, Module, host_ctx};

/// A driver's medium.
pub(super) struct Medium {
    pub(super) plugin: String,
    pub(super) driver: String,
    pub(super) raw: Arc<Raw>,
    /// The medium as memory. Then there is no cache: it would be a second copy of what is memory already.
    pub(super) grant: Option<CheckedGrant>,
    cache: Option<Cache>,
    pub(super) claims: Claims,
    late: Arc<LateErrors>,
    /// The place of its copy in memory, if a node of it is mapped.
    pub(super) resident: Residence,
    /// Makes reading, changing and writing back part of a sector one step, where there is no cache.
    partial: Mutex<()>,
    /// Keeps the plugin; of a program's device there is none.
    _module: Option<Hold>,
}

impl Medium {
    /// Asks an attached device for its shape and memory; it is detached again if it answers badly.
    pub(super) fn new(
        block: Block,
        module: &Arc<Module>,
        driver: &str,
        hold: Hold,
        budget: &Arc<Budget>,
        cache_bytes: usize,
    ) -> Result<Self> {
        let ctx = host_ctx();
        let shape = block.geometry(&ctx).and_then(|geometry| {
            let len_bytes = geometry.sector_count * u64::from(geometry.sector_size_bytes);
            Ok((geometry, block.xip_grant(&ctx, len_bytes)?))
        });
        let (geometry, grant) = match shape {
            Ok(shape) => shape,
            Err(e) => {
                let _ = block.detach(&ctx);
                return Err(e);
            }
        };
        let raw = Raw { driver: Driver::Plugin(block), geometry };
        let mut medium = Self::over(raw, driver, grant, budget, cache_bytes);
        medium.plugin = module.name().to_owned();
        medium._module = Some(hold);
        Ok(medium)
    }

    /// A medium that a program offers, under the name of a driver. Errors: EINVAL a shape that cannot be.
    pub(super) fn offered(
        node: &str,
        driver: &str,
        program: Arc<dyn BlockMedium>,
        budget: &Arc<Budget>,
        cache_bytes: usize,
    ) -> Result<Self> {
        let geometry = super::driver::shape(node, &*program)?;
        let raw = Raw { driver: Driver::Program(Mutex::new(Some(program))), geometry };
        Ok(Self::over(raw, driver, None, budget, cache_bytes))
    }

    fn over(
        raw: Raw,
        driver: &str,
        grant: Option<CheckedGrant>,
        budget: &Arc<Budget>,
        cache_bytes: usize,
    ) -> Self {
        let (raw, late) = (Arc::new(raw), Arc::new(LateErrors::default()));
        let cached = grant.is_none() && raw.geometry.sector_count > 0 && cache_bytes > 0;
        let cache = cached.then(|| Cache::new(raw.clone(), late.clone(), budget.clone(), cache_bytes));
        Self {
            plugin: String::new(),
            driver: driver.to_owned(),
            raw,
            grant,
            cache,
            claims: Claims::default(),
            late,
            resident: Residence::default(),
            partial: Mutex::new(()),
            _module: None,
        }
    }

    /// Whether a program offers it.
    pub(super) fn is_offered(&self) -> bool {
        matches!(self.raw.driver, Driver::Program(_))
    }

    pub(super) fn geometry(&self) -> &Geometry {
        &self.raw.geometry
    }

    pub(super) fn len_bytes(&self) -> u64 {
        self.geometry().sector_count * self.raw.sector_bytes()
    }

    pub(super) fn user(&self) -> Seen {
        self.late.user()
    }

    pub(super) fn cache_status(&self) -> Option<CacheStatus> {
        self.cache.as_ref().map(Cache::status)
    }

    /// Reads bytes of the medium at any offset; all of them or an error.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8], flags: u32) -> Result<()> {
        match &self.cache {
            Some(cache) => cache.read(offset, buf, flags),
            None => self.read_direct(offset, buf, flags),
        }
    }

    fn read_direct(&self, mut offset: u64, mut buf: &mut [u8], flags: u32) -> Result<()> {
        let size = self.raw.sector_bytes();
        while !buf.is_empty() {
            let skip = (offset % size) as usize;
            let whole = buf.len() - buf.len() % size as usize;
            let done = if skip == 0 && whole > 0 {
                self.raw.read(offset, &mut buf[..whole], flags)?;
                whole
            } else {
                let piece = buf.len().min(size as usize - skip);
                with_sector(size as usize, |sector| {
                    self.raw.read(offset - skip as u64, sector, flags)?;
                    buf[..piece].copy_from_slice(&sector[skip..skip + piece]);
                    Ok(())
                })?;
                piece
            };
            buf = &mut buf[done..];
            offset += done as u64;
        }
        Ok(())
    }

    /// Writes bytes of the medium at any offset; parts of sectors keep the rest of their content.
    pub(super) fn write(&self, offset: u64, buf: &[u8], flags: u32) -> Result<()> {
        match &self.cache {
            Some(cache) => cache.write(offset, buf, flags),
            None => self.write_direct(offset, buf, flags),
        }
    }

    fn write_direct(&self, mut offset: u64, mut buf: &[u8], flags: u32) -> Result<()> {
        let size = self.raw.sector_bytes();
        while !buf.is_empty() {
            let skip = (offset % size) as usize;
            let whole = buf.len() - buf.len() % size as usize;
            let done = if skip == 0 && whole > 0 {
                self.raw.write(offset, &buf[..whole], flags)?;
                whole
            } else {
                let start = offset - skip as u64;
                let _alone = lock(&self.partial);
                let piece = buf.len().min(size as usize - skip);
                with_sector(size as usize, |sector| {
                    self.raw.read(start, sector, flags)?;
                    sector[skip..skip + piece].copy_from_slice(&buf[..piece]);
                    self.raw.write(start, sector, flags)
                })?;
                piece
            };
            buf = &buf[done..];
            offset += done as u64;
        }
        Ok(())
    }

    /// Brings everything to the medium. Errors: also those of earlier writes that this user has not been told.
    pub(super) fn flush(&self, seen: &Seen) -> Result<()> {
        let flushed = match &self.cache {
            Some(cache) => cache.flush(),
            None => self.raw.flush(),
        };
        self.late.report(seen, flushed)
    }

    /// Orders earlier writes before later ones. Errors: as [`Self::flush`].
    pub(super) fn barrier(&self, seen: &Seen) -> Result<()> {
        let ordered = match &self.cache {
            Some(cache) => {
                cache.barrier();
                Ok(())
            }
            None => self.raw.barrier(),
        };
        self.late.report(seen, ordered)
    }

    /// Gives up whole sectors between two bytes.
    pub(super) fn discard(&self, start: u64, end: u64) -> Result<()> {
        match &self.cache {
            Some(cache) => cache.discard(start, end),
            None => self.raw.discard(start, end),
        }
    }

    /// Ends the device after everything was written. Errors: of either, and it has ended nevertheless.
    pub(super) fn detach(&self) -> Result<()> {
        let flushed = match &self.cache {
            // One that panicked can be ended without a word, unless something is lost by that.
            Some(cache) if self.raw.driver.lives() || (cache.is_dirty() && !self.raw.driver.has_ended()) => {
                let flushed = cache.flush();
                self.late.report(&self.late.user(), flushed)
            }
            _ => Ok(()),
        };
        let ended = self.raw.driver.detach(&host_ctx());
        flushed.and(ended)
    }
}

/// Room for a sector: on the stack, where sectors are of a usual size.
fn with_sector(size: usize, use_it: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<()> {
    const USUAL: usize = 4096;
    if size <= USUAL { use_it(&mut [0; USUAL][..size]) } else { use_it(&mut vec![0; size]) }
}
