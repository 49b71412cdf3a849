//! What is mounted: the volume of an image, a file system without one, a board.

use std::path::Path;

use super::MountArgs;
use crate::base::sync::Arc;
use crate::cli::image::{Source, attach_to_mount};
use crate::plugin::Kind;
use crate::{Host, MountOptions, Result};

/// What was mounted at the root of the host.
pub(super) struct Mounted {
    /// The image, or what was named instead.
    pub(super) name: String,
    /// As the list of mounts shows it after `fuse.`.
    pub(super) kind: String,
    pub(super) read_only: bool,
}

/// Mounts the volume of an image, or a file system that needs none.
pub(super) fn mount(
    args: &MountArgs,
    host: &Arc<Host>,
    image: &Path,
    mut options: MountOptions,
) -> Result<Mounted> {
    let bare = !image.as_os_str().as_encoded_bytes().contains(&b'/') && !image.exists();
    let (node, fs) = match &args.fs {
        Some(fs) if bare => (image.display().to_string(), fs.clone()),
        _ => {
            let read_only = options.flags.apply(crate::tree::MountFlags::default());
            attach_to_mount(host, image, read_only.has(crate::tree::MountFlags::RDONLY), args.xip)?;
            let source = Source { fs: args.fs.clone(), part: args.part, image: image.to_owned() };
            let place = source.find(host)?;
            (place.node, place.fs)
        }
    };
    own(host, &fs, &mut options)?;
    let mounted = host.mount(Some(&node), "/", &fs, &options).map_err(|e| of_image(e, &node, image))?;
    // Whoever waits for the end finds the image by this name.
    let name = if bare { image.to_owned() } else { image.canonicalize()? };
    Ok(Mounted { name: name.display().to_string(), kind: fs, read_only: mounted.mount.read_only() })
}

/// An error of the host's mount, as people know what is mounted.
fn of_image(error: crate::Error, node: &str, image: &Path) -> crate::Error {
    let mut detail = error.detail().into_owned();
    if let Some(rest) = detail.what.strip_prefix(&format!("mount {node} on /")) {
        detail.what = format!("mount {}{rest}", image.display()).into();
    }
    crate::Error::new(error.errno(), detail)
}

/// Brings up a board.
pub(super) fn bring_up(host: &Arc<Host>, board: &Path) -> Result<Mounted> {
    crate::cli::board::bring_up(host, board)?;
    Ok(Mounted { name: board.display().to_string(), kind: "board".to_owned(), read_only: false })
}

/// A volume that keeps no owners is its user's, as in mount(8).
fn own(host: &Host, fs: &str, options: &mut MountOptions) -> Result<()> {
    let found = host.plugins().driver(Kind::FileSystem, fs)?;
    let ids = [("uid", rustix::process::getuid().as_raw()), ("gid", rustix::process::getgid().as_raw())];
    for (name, id) in ids {
        let known = found.manifest.params.iter().any(|param| param.name == name);
        if id != 0 && known && options.given.iter().all(|(given, _)| given != name) {
            options.given.push((name.to_owned(), Some(id.to_string())));
        }
    }
    Ok(())
}
