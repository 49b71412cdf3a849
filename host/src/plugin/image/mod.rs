//! The image of a plugin file in memory: checked bytes become running code, and stop being it.
//!
//! The bytes that were checked are the bytes that run. They are copied into a sealed memfd, which nobody can change
//! afterwards, and the dynamic loader opens that memfd. The loader knows objects by path as well as by inode, and
//! answers a path that it has seen with the old object; so each load has a path of its own.

#![allow(unsafe_code, reason = "loads code, and looks symbols up in it")]

mod doors;

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use nxvfs_abi::plugin::StaticPlugin;
use rustix::fs::fstat;

use crate::base::error::teach;
use crate::base::sync::{Arc, AtomicBool, AtomicU64, Ordering};
use crate::base::{Error, Result, sealed};
use crate::bridge::Module;

pub use doors::Door;

teach! {
    /// Why a file that passed the checks does not become a running plugin.
    pub enum ImageError {
        /// The dynamic loader refuses it.
        Loader { path: String, reason: String } => ELIBACC, what: "the dynamic loader refuses the plugin",
            place: "{path}", found: "{reason}", remedy: "check that the libraries it needs are installed";
        /// Neither door is there.
        NoDoor { path: String, entry: String } => ELIBBAD, what: "the plugin has no entry symbol", place: "{path}",
            expected: "nx_rust_{entry} or nx_plugin_{entry}", found: "neither",
            remedy: "export the symbol that the manifest's 'entry' names";
        /// The plugin itself refuses this host.
        Refuses { path: String, version: String } => ELIBBAD, what: "the plugin refuses this host", place: "{path}",
            expected: "a descriptor for ABI {version}", found: "NULL", remedy: "use a plugin built for this ABI";
        /// The two sides disagree about the layout.
        Layout { path: String, place: String, what: String, expected: String, found: String } => ELIBBAD,
            what: "the plugin was built against another layout of the contract: {what}", place: "{path}: {place}",
            expected: "{expected}", found: "{found}",
            remedy: "rebuild it with this SDK (the whole comparison is in the debug log)";
        /// The descriptor lies outside the image that was loaded.
        Stray { path: String } => ELIBBAD, what: "the plugin's descriptor lies outside its own image",
            place: "{path}", remedy: "rebuild the plugin with its symbols hidden (-fvisibility=hidden)";
    }
}

/// `RTLD_NOLOAD` of glibc and musl: only ask whether it is loaded.
const RTLD_NOLOAD: i32 = 4;

/// The largest file that is taken for a plugin.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A loaded image. Closing it is the last thing that happens to a plugin.
pub struct Image {
    /// Always there until `drop`.
    library: Option<Library>,
    /// What the loader knows it by.
    path: PathBuf,
    /// Where the user's file is.
    origin: PathBuf,
    /// Keeps the memfd's inode, and so its number in `/proc/self/maps`, unique while the image may be mapped.
    file: OwnedFd,
    /// Set when the image is closed and yet stays in memory.
    resident: Arc<AtomicBool>,
}

/// The module of a plugin that is linked into this binary.
pub fn linked(plugin: &StaticPlugin) -> Result<Module> {
    // SAFETY: the descriptor is a constant of this binary, made by the SDK's macro.
    Ok(unsafe { Module::open(plugin.descriptor, None) }?)
}

impl Image {
    /// Loads the bytes of an opened file. Runs its constructors.
    pub fn load(file: &File, origin: &Path) -> Result<Self> {
        let direct = std::env::var_os("NXVFS_LOAD").is_some_and(|v| v == "direct");
        let (fd, path) = if direct {
            log::warn!("{}: loaded directly; do not write to the file while it is in use", origin.display());
            (file.as_fd().try_clone_to_owned()?, std::fs::canonicalize(origin)?)
        } else {
            let fd = sealed_copy(file)?;
            let path = fresh_path(&fd);
            (fd, path)
        };
        // SAFETY: loading runs the file's constructors: that is what loading a plugin means. The file passed the
        // rules on who may have written it.
        let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }.map_err(|e| {
            // The loader names the object by a path that means nothing to the user.
            let reason = e.to_string().replace(&*path.to_string_lossy(), &origin.to_string_lossy());
            Error::from(ImageError::Loader { path: origin.display().to_string(), reason })
        })?;
        let resident = Arc::new(AtomicBool::new(false));
        Ok(Self { library: Some(library), path, origin: origin.to_owned(), file: fd, resident })
    }

    /// Tells, once the image has been closed, whether it stays in memory nevertheless.
    pub fn resident(&self) -> Arc<AtomicBool> {
        self.resident.clone()
    }

    /// Opens the plugin by one of its doors. The module keeps the image.
    pub fn open(self, entry: &str, older: bool) -> Result<(Module, Door)> {
        let (descriptor, door) = self.descriptor(entry, older)?;
        // SAFETY: the address lies in this image, which the module keeps; for the Rust door the layout was checked,
        // for the C door the author compiled against the headers.
        let module = unsafe { Module::open(descriptor, Some(Box::new(self))) }?;
        Ok((module, door))
    }

    fn symbol(&self, name: &str) -> Option<*const std::ffi::c_void> {
        let library = self.library.as_ref()?;
        // SAFETY: only the address is taken; the doors decide what it is.
        let symbol = unsafe { library.get::<*const std::ffi::c_void>(name.as_bytes()) }.ok()?;
        // For a function or static the symbol's value is its address.
        Some(symbol.into_raw().cast_const())
    }

    /// Whether an address lies in this very image, as the kernel's list of mappings tells.
    fn contains(&self, address: usize) -> Result<bool> {
        let inode = fstat(&self.file)?.st_ino.to_string();
        let maps = std::fs::read_to_string("/proc/self/maps")?;
        Ok(maps.lines().any(|line| {
            let mut fields = line.split_ascii_whitespace();
            let range = fields.next().and_then(|r| r.split_once('-'));
            let range = range.and_then(|(a, b)| {
                Some((usize::from_str_radix(a, 16).ok()?, usize::from_str_radix(b, 16).ok()?))
            });
            fields.nth(3) == Some(&inode) && range.is_some_and(|(a, b)| (a..b).contains(&address))
        }))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let Some(library) = self.library.take() else { return };
        if let Err(e) = library.close() {
            log::warn!("{}: closing the image: {e}", self.origin.display());
        }
        // SAFETY: with RTLD_NOLOAD nothing is loaded and no code runs.
        if let Ok(still) = unsafe { Library::open(Some(&self.path), RTLD_NOW | RTLD_NOLOAD) } {
            self.resident.store(true, Ordering::Release);
            // Balances the reference that the question itself took.
            let _ = still.close();
            log::info!(
                "{}: out of use, but still in memory until the threads that ran it end (thread-local destructors)",
                self.origin.display()
            );
            // Its path and inode must stay its own as long as it is mapped.
            if let Ok(copy) = self.file.try_clone() {
                std::mem::forget(copy);
            }
        }
    }
}

/// Copies a file into a memfd that nobody can change afterwards.
fn sealed_copy(file: &File) -> Result<OwnedFd> {
    sealed("nxvfs-plugin", |copy| {
        let mut source = file;
        source.rewind()?;
        let copied = std::io::copy(&mut source.take(MAX_FILE_BYTES), copy)?;
        log::trace!("{copied} bytes sealed");
        Ok(())
    })
}

/// A path to the descriptor that this process has never used: the number of the load is spelled in detours.
fn fresh_path(fd: &OwnedFd) -> PathBuf {
    static LOADS: AtomicU64 = AtomicU64::new(0);
    let mut path = String::from("/proc/self/fd");
    let mut number = LOADS.fetch_add(1, Ordering::Relaxed) + 1;
    while number > 0 {
        path.push_str(if number & 1 == 1 { "/../fd" } else { "/." });
        number >>= 1;
    }
    path.push_str(&format!("/{}", fd.as_raw_fd()));
    PathBuf::from(path)
}
