//! `nxvfs umount`: the end of a mount, when everything is on the volume.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::fs::{FlockOperation, flock};

use super::MountError;
use crate::base::Errno;
use crate::cli::failure::Done;
use crate::fuse::Ending;

pub(in crate::cli) const UMOUNT_EXAMPLES: &str = "Examples:
  nxvfs umount /mnt
  nxvfs umount -l /mnt          also while files are open there: the mount ends with the last of them

umount and fusermount3 -u end a mount as well, but come back before everything is in the image.";

#[derive(Args)]
pub(in crate::cli) struct UmountArgs {
    /// Take the folder away at once, and do not wait for its end
    #[arg(short = 'l', long)]
    lazy: bool,
    /// The folder
    #[arg(value_name = "MOUNTPOINT", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

/// Runs the command.
pub(in crate::cli) fn umount(args: &UmountArgs) -> Done {
    let ending = Ending::of(&args.folder)?;
    let path = || args.folder.display().to_string();
    let image = ending.source().filter(|source| source.is_absolute());
    if args.lazy {
        return Ok(ending.detach().map_err(|e| e.doing(format_args!("umount {}", path())))?);
    }
    ending.unmount().map_err(|e| match e.errno() {
        Errno::EBUSY => MountError::Busy { path: path() }.into(),
        _ => e.doing(format_args!("umount {}", path())),
    })?;
    let Some(image) = image.and_then(|image| File::open(image).ok()) else { return Ok(()) };
    // Who answered for the mount has the image locked until all is written.
    const LONGEST: Duration = Duration::from_secs(300);
    let until = Instant::now() + LONGEST;
    while flock(&image, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::AGAIN) {
        if Instant::now() > until {
            return Err(crate::Error::from(MountError::Writing { path: path() }).into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
