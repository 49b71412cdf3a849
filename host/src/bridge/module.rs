//! A plugin that is ready to be used: its descriptor and tables, copied and checked.

use std::any::Any;
use std::ffi::c_void;
use std::ptr;

use nxvfs_abi::block::{BlockOps, BlockOpsIn};
use nxvfs_abi::character::CharacterOps;
use nxvfs_abi::filesystem::FileSystemOps;
use nxvfs_abi::mapper::MapperOps;
use nxvfs_abi::plugin::{self, Descriptor, InitArgs, InitArgsIn};
use nxvfs_abi::services::ServicesIn;
use nxvfs_abi::{ABI_MAJOR, Grow, Str, grow};

use super::frame::Frame;
use super::instance::BridgeError;
use super::params::{self, WireParam};
use super::services;
use crate::base::error::teach;
use crate::base::sync::{Arc, AtomicU64, Ordering};
use crate::base::{Error, Holders, Result};

teach! {
    /// Why a descriptor is refused.
    pub enum DescriptorError {
        /// Null, misaligned, or of a size that cannot be.
        Shape { part: String, found: String } => ELIBBAD,
            what: "the plugin's descriptor makes no sense", place: "{part}", found: "{found}",
            remedy: "rebuild the plugin against the headers or the SDK of this contract";
        /// Not a descriptor at all.
        Magic { found: u32 } => ELIBBAD, what: "no plugin descriptor", place: "magic",
            expected: "{expected:#010x}", found: "{found:#010x}", remedy: "rebuild the plugin";
        /// Another major version.
        Version { found_major: u16, found_minor: u16 } => ELIBBAD, what: "the plugin speaks another ABI",
            place: "abi", expected: "{ABI_MAJOR}.x", found: "{found_major}.{found_minor}",
            remedy: "use a plugin built for ABI {ABI_MAJOR}, or another host";
        /// A required function is missing.
        Slot { driver: String, slot: &'static str } => ELIBBAD, what: "driver {driver} lacks a required function",
            place: "{slot}", expected: "a function", found: "null", remedy: "fill the slot";
    }
}

#[allow(non_upper_case_globals, reason = "named in a sentence above")]
const expected: u32 = plugin::MAGIC;

/// A driver's table, copied by size: slots that the plugin does not know are null.
#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "one for each driver, copied into each instance")]
pub enum Ops {
    /// A file system.
    FileSystem(FileSystemOps),
    /// A block driver.
    Block(BlockOps),
    /// A character driver.
    Character(CharacterOps),
    /// A mapper.
    Mapper(MapperOps),
}

/// One driver of a plugin.
#[derive(Clone)]
pub struct Driver {
    /// `KIND_*`.
    pub kind: u32,
    /// Name as users type it.
    pub name: String,
    /// Whether calls into one instance may overlap.
    pub parallel: bool,
    /// The table.
    pub ops: Ops,
}

/// A plugin within one host. Dropping the last reference closes its image, if it was loaded.
pub struct Module {
    name: String,
    version: String,
    abi: (u16, u16),
    flags: u32,
    drivers: Vec<Driver>,
    descriptor: Descriptor,
    /// What `init` stored; null before it and after `exit`.
    raw: *mut c_void,
    holders: Holders,
    lies: AtomicU64,
    panics: AtomicU64,
    stuck: AtomicU64,
    /// Last, so that it is dropped after everything that points into it.
    _image: Option<Box<dyn Any + Send + Sync>>,
}

// SAFETY: `raw` and the descriptor's pointers are opaque to the host, and the contract lets the functions be called
// from any thread.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

fn shape(part: impl Into<String>, found: impl Into<String>) -> DescriptorError {
    DescriptorError::Shape { part: part.into(), found: found.into() }
}

/// Copies a text of the descriptor.
///
/// # Safety
/// `s` leads to readable bytes, or is null.
unsafe fn text(part: &str, s: Str) -> Result<String, DescriptorError> {
    if s.len > 256 {
        return Err(shape(part, format!("{} bytes of text", s.len)));
    }
    // SAFETY: the caller's.
    let bytes = unsafe { s.bytes() }.ok_or_else(|| shape(part, "null"))?;
    let text = std::str::from_utf8(bytes).map_err(|_| shape(part, "text that is not UTF-8"))?;
    Ok(text.to_owned())
}

impl Module {
    /// Copies and checks a descriptor. Runs no code of the plugin. `image` is kept until the module ends.
    ///
    /// # Safety
    /// `descriptor` is null or leads to a descriptor whose stated sizes, counts and strides are true and whose
    /// functions keep the contract, all valid as long as `image` lives.
    pub unsafe fn open(
        descriptor: *const Descriptor,
        image: Option<Box<dyn Any + Send + Sync>>,
    ) -> Result<Self, DescriptorError> {
        // The version is looked at before the size: another major may have another minimum.
        if descriptor.is_null() || !descriptor.is_aligned() {
            return Err(shape("descriptor", format!("address {descriptor:p}")));
        }
        // SAFETY: the caller vouches for a descriptor; every version begins with these fields.
        let (magic, major, minor) =
            unsafe { ((*descriptor).magic, (*descriptor).abi_major, (*descriptor).abi_minor) };
        if magic != plugin::MAGIC {
            return Err(DescriptorError::Magic { found: magic });
        }
        if major != ABI_MAJOR {
            return Err(DescriptorError::Version { found_major: major, found_minor: minor });
        }
        // SAFETY: the caller's.
        let copy = unsafe { grow::read(descriptor) }
            .ok_or_else(|| shape("descriptor", "a size that cannot be".to_owned()))?;
        // SAFETY: the caller's.
        let (name, version) = unsafe { (text("name", copy.name)?, text("version", copy.version)?) };
        let mut module = Self {
            name,
            version,
            abi: (major, minor),
            flags: copy.flags,
            drivers: Vec::new(),
            descriptor: copy,
            raw: ptr::null_mut(),
            holders: Holders::default(),
            lies: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            _image: image,
        };
        if copy.driver_count == 0 || copy.driver_count > plugin::MAX_DRIVERS {
            return Err(shape("driver_count", copy.driver_count.to_string()));
        }
        if copy.driver_stride < plugin::Driver::MIN_SIZE || copy.driver_stride > grow::MAX_SIZE {
            return Err(shape("driver_stride", copy.driver_stride.to_string()));
        }
        for index in 0..copy.driver_count as usize {
            // SAFETY: the caller vouches for count and stride.
            let driver = unsafe {
                let at = copy.drivers.0.wrapping_byte_add(index * copy.driver_stride as usize);
                Self::open_driver(index, at)?
            };
            if module.drivers.iter().any(|d| d.kind == driver.kind && d.name == driver.name) {
                return Err(shape(format!("driver {index}"), format!("the name {} twice", driver.name)));
            }
            module.drivers.push(driver);
        }
        Ok(module)
    }

    /// # Safety
    /// `at` is null or leads to a driver, as [`Module::open`] says.
    unsafe fn open_driver(index: usize, at: *const plugin::Driver) -> Result<Driver, DescriptorError> {
        let part = format!("driver {index}");
        // SAFETY: the caller's.
        let driver = unsafe { grow::read(at) }.ok_or_else(|| shape(&part, "a size that cannot be"))?;
        // SAFETY: the caller's.
        let name = unsafe { text(&part, driver.name) }?;
        let no_table =
            || shape(format!("{part} ({name})"), "a table that is null or of a size that cannot be");
        // SAFETY (each): the caller vouches for a table of the stated kind.
        let ops = match driver.kind {
            plugin::KIND_FILESYSTEM => {
                // SAFETY: as above.
                Ops::FileSystem(unsafe { grow::read(driver.ops.cast()) }.ok_or_else(no_table)?)
            }
            plugin::KIND_BLOCK => {
                // SAFETY: as above.
                Ops::Block(unsafe { grow::read(BlockOpsIn(driver.ops.cast()).0) }.ok_or_else(no_table)?)
            }
            plugin::KIND_CHARACTER => {
                // SAFETY: as above.
                Ops::Character(unsafe { grow::read(driver.ops.cast()) }.ok_or_else(no_table)?)
            }
            plugin::KIND_MAPPER => {
                // SAFETY: as above.
                Ops::Mapper(unsafe { grow::read(driver.ops.cast()) }.ok_or_else(no_table)?)
            }
            other => return Err(shape(part, format!("kind {other}"))),
        };
        let missing = required_slot_missing(&ops);
        if let Some(slot) = missing {
            return Err(DescriptorError::Slot { driver: name, slot });
        }
        let parallel = driver.flags & plugin::DRIVER_PARALLEL != 0;
        Ok(Driver { kind: driver.kind, name, parallel, ops })
    }

    /// Runs the plugin's `init` with its parameters. Call it once, before the module is shared.
    pub fn init(&mut self, params: &[WireParam]) -> Result<()> {
        let Some(init) = self.descriptor.init else { return Ok(()) };
        let services = services::table(self._image.is_none());
        let mut raw = ptr::null_mut();
        let (result, panicked) = params::lend(params, |first, count, stride| {
            let args = InitArgs {
                services: ServicesIn(services),
                params: first,
                param_count: count,
                param_stride: stride,
                ..Grow::empty()
            };
            // SAFETY: the arguments live until the call returns; the services as long as the process.
            Frame::run(|| i64::from(unsafe { init(InitArgsIn(&args), &raw mut raw) }))
        });
        if panicked {
            self.note_panic("init");
        }
        result?;
        self.raw = raw;
        Ok(())
    }

    /// Runs the plugin's `exit`. Nobody holds the module, and no instance is made afterwards: its holders are closed.
    pub fn exit(&self) {
        if let Some(exit) = self.descriptor.exit {
            let raw = self.raw;
            let _ = Frame::run(|| {
                // SAFETY: `raw` is what `init` stored; the caller vouches that this is the last call.
                unsafe { exit(raw) };
                0
            });
        }
    }

    /// Tells the plugin the host's log level.
    pub fn set_log_level(&self, level: u32) {
        if let Some(set) = self.descriptor.set_log_level {
            // SAFETY: a number only.
            unsafe { set(level) };
        }
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The plugin's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The ABI it was built against.
    pub fn abi(&self) -> (u16, u16) {
        self.abi
    }

    /// `PLUGIN_*` flags.
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// The drivers.
    pub fn drivers(&self) -> &[Driver] {
        &self.drivers
    }

    /// A driver by kind and name.
    pub fn driver(&self, kind: u32, name: &str) -> Option<&Driver> {
        self.drivers.iter().find(|d| d.kind == kind && d.name == name)
    }

    /// Who uses the plugin.
    pub fn holders(&self) -> &Holders {
        &self.holders
    }

    /// How often it answered what cannot be.
    pub fn lie_count(&self) -> u64 {
        self.lies.load(Ordering::Relaxed)
    }

    /// How often it panicked.
    pub fn panic_count(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// How many of its instances were given up because a call did not return.
    pub fn stuck_count(&self) -> u64 {
        self.stuck.load(Ordering::Relaxed)
    }

    pub(super) fn raw(&self) -> *mut c_void {
        self.raw
    }

    #[cold]
    pub(super) fn note_panic(&self, place: &str) {
        self.panics.fetch_add(1, Ordering::Relaxed);
        log::error!("plugin {} panicked; {place} is out of service", self.name);
    }

    /// A call does not return: its code must stay in memory for ever.
    #[cold]
    pub(super) fn note_stuck(self: &Arc<Self>, place: &str) {
        self.stuck.fetch_add(1, Ordering::Relaxed);
        std::mem::forget(self.clone());
        log::error!("a call of plugin {} does not return; {place} is given up", self.name);
    }

    #[cold]
    pub(super) fn lie(&self, slot: &'static str, claim: impl Into<String>) -> Error {
        self.lies.fetch_add(1, Ordering::Relaxed);
        let lie = BridgeError::Lie { plugin: self.name.clone(), slot, claim: claim.into() };
        log::error!("{lie}");
        lie.into()
    }
}

fn required_slot_missing(ops: &Ops) -> Option<&'static str> {
    let slots: &[(&'static str, bool)] = match ops {
        Ops::FileSystem(t) => &[
            ("mount", t.mount.is_some()),
            ("lookup", t.lookup.is_some()),
            ("readdir", t.readdir.is_some()),
            ("read", t.read.is_some()),
        ],
        Ops::Block(t) => &[
            ("attach", t.attach.is_some()),
            ("detach", t.detach.is_some()),
            ("geometry", t.geometry.is_some()),
            ("read", t.read.is_some()),
        ],
        Ops::Character(t) => &[("attach", t.attach.is_some()), ("detach", t.detach.is_some())],
        Ops::Mapper(t) => &[("plan", t.plan.is_some()), ("fill", t.fill.is_some())],
    };
    slots.iter().find(|(_, present)| !present).map(|(slot, _)| *slot)
}
