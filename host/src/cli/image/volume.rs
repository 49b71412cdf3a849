//! An image as a command uses it: locked, attached, its volume found and mounted at the root.

use std::path::{Path, PathBuf};

use super::find::{NODE, Place, Source};
use super::journal::Journal;
use super::lock::Locked;
use super::overlay::Overlay;
use super::refusal::ImageError;
use crate::base::Result;
use crate::base::sync::Arc;
use crate::cli::Globals;
use crate::{Host, MountOptions};

/// What a command does with the image.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It reads; nothing is written to the image, not even a time of access.
    Read,
    /// It reads, and asks how files are mapped.
    Map,
    /// It changes it: all at once, at the end.
    Change,
}

/// An image that is attached at [`NODE`].
pub(super) struct Attached {
    pub(super) host: Arc<Host>,
    /// As it was named.
    path: PathBuf,
    /// The image, if what is written is gathered.
    overlay: Option<Arc<Overlay>>,
    /// Keeps the lock where a driver has the image.
    _locked: Option<Locked>,
}

impl Attached {
    /// Attaches an image. Errors: of the lock, the journal, the driver.
    pub(super) fn new(globals: &Globals, image: &Path, how: Use) -> Result<Self> {
        let locked = Locked::open(image, how == Use::Change)?;
        let host = Host::new(globals.host_options())?;
        if how == Use::Change {
            return Self::over(host, image, Overlay::changing(locked)?);
        }
        if !locked.regular {
            return Self::driven(host, image, locked, "loop", "file");
        }
        let journal = locked.journal();
        match Journal::find(&locked, &journal)? {
            None => Self::driven(host, image, locked, "ramdisk-xip", "image"),
            Some(_) if how == Use::Map => {
                let (path, journal) = (image.display().to_string(), journal.display().to_string());
                Err(ImageError::Pending { path, journal }.into())
            }
            Some((left, placed)) => Self::over(host, image, Overlay::reading(locked, left, placed)),
        }
    }

    fn over(host: Arc<Host>, path: &Path, overlay: Overlay) -> Result<Self> {
        let overlay = Arc::new(overlay);
        host.register_block(NODE, overlay.clone())?;
        if let Err(e) = host.rescan(NODE) {
            log::warn!("no nodes for partitions: {e}");
        }
        Ok(Self { host, path: path.to_owned(), overlay: Some(overlay), _locked: None })
    }

    /// By a driver of the system's files, which reads the image in place where it can.
    fn driven(host: Arc<Host>, path: &Path, locked: Locked, driver: &str, param: &str) -> Result<Self> {
        let file = (param.to_owned(), Some(locked.path.display().to_string()));
        host.attach(driver, NODE, &[file, ("ro".to_owned(), Some("y".to_owned()))])?;
        Ok(Self { host, path: path.to_owned(), overlay: None, _locked: Some(locked) })
    }

    /// Ends the device, and brings the change to the image if it is wanted. Errors: the image is as it was, unless the
    /// error says otherwise.
    pub(super) fn end(self, wanted: bool) -> Result<()> {
        // Everything that was written is in the overlay after this.
        let ended = match self.overlay {
            Some(_) => self.host.unregister(NODE),
            None => self.host.detach(NODE),
        };
        match &self.overlay {
            Some(overlay) if wanted => ended.and_then(|()| overlay.finish()),
            _ => ended,
        }
    }
}

/// An image whose volume is mounted at the root, so that paths are those of the volume.
pub(super) struct Volume {
    attached: Attached,
    pub(super) place: Place,
}

impl Volume {
    /// Attaches an image, and finds and mounts the volume. Errors: as [`Attached::new`], [`Source::find`], and those of
    /// the mount.
    pub(super) fn open(globals: &Globals, source: &Source, how: Use) -> Result<Self> {
        let attached = Attached::new(globals, &source.image, how)?;
        let place = source.find(&attached.host)?;
        Self::mount(attached, place, how)
    }

    /// Mounts the volume of an image that is attached.
    pub(super) fn mount(attached: Attached, place: Place, how: Use) -> Result<Self> {
        let mut options = MountOptions::default();
        options.flags.word(if how == Use::Change { "rw" } else { "ro" });
        let mounted = attached.host.mount(Some(&place.node), "/", &place.fs, &options)?;
        if how == Use::Change && mounted.mount.read_only() {
            let (path, fs) = (attached.path.display().to_string(), place.fs);
            return Err(ImageError::NeverWritable { path, fs }.into());
        }
        Ok(Self { attached, place })
    }

    pub(super) fn host(&self) -> &Arc<Host> {
        &self.attached.host
    }

    /// Unmounts, and brings the change to the image if it is wanted. Errors: as [`Attached::end`].
    pub(super) fn end(self, wanted: bool) -> Result<()> {
        let ended = self.attached.host.unmount("/");
        let finished = self.attached.end(wanted && ended.is_ok());
        ended.and(finished)
    }
}

/// Attaches an image whose volume is mounted for longer, and written as the volume is. `xip`: its pages are the medium's
/// memory. Errors: EBUSY a change of it was interrupted, or another program uses it; the system's and the driver's.
#[cfg(feature = "fuse")]
pub(in crate::cli) fn attach_to_mount(
    host: &Arc<Host>,
    image: &Path,
    read_only: bool,
    xip: bool,
) -> Result<()> {
    let locked = Locked::open(image, false)?;
    if locked.regular {
        let journal = locked.journal();
        if Journal::find(&locked, &journal)?.is_some() {
            let (path, journal) = (image.display().to_string(), journal.display().to_string());
            return Err(ImageError::Pending { path, journal }.into());
        }
    }
    let path = Some(locked.path.display().to_string());
    // The driver takes the lock from here on.
    drop(locked);
    let (driver, mut params) = match xip {
        true => ("ramdisk-xip", vec![("image".to_owned(), path)]),
        false => ("loop", vec![("file".to_owned(), path)]),
    };
    if read_only {
        params.push(("ro".to_owned(), Some("y".to_owned())));
    } else if xip {
        params.push(("shared".to_owned(), Some("y".to_owned())));
    }
    host.attach(driver, NODE, &params)
}
