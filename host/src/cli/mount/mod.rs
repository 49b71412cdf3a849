//! `nxvfs mount`: a volume, or all of a board, as a folder of the operating system.

mod daemon;
mod end;
mod source;
mod until;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Globals;
use super::board::BoardArg;
use super::failure::{Done, Failure};
use super::output::Output;
use crate::base::error::teach;
use crate::base::sync::Arc;
use crate::fuse::{Options, Session};
use crate::plugin::params::parse_assignments;
use crate::{Host, MountOptions};
use daemon::Ready;
use until::Until;

pub(super) use end::{UMOUNT_EXAMPLES, UmountArgs, umount};

pub(super) const EXAMPLES: &str = "Examples:
  nxvfs mount firmware.img /mnt
  nxvfs mount -o ro,allow_other --part 1 disk.img /mnt
  nxvfs mount -t vfat -o uid=1000,umask=022 card.img ~/card
  nxvfs mount --xip firmware.img /mnt                  read in place, through the memory of the image
  nxvfs mount -t tmpfs none /mnt
  nxvfs mount --board board.toml /mnt                  everything that a board has
  nxvfs umount /mnt                                    the end, with everything in the image

Options (-o, a comma list, repeatable): ro, noexec, noatime, sync, mmap=... as in the shell; those of the file system;
and allow_other, allow_root, dev, suid, auto_unmount, fsname=NAME, threads=N, no_writeback_cache (what programs write
reaches the volume at once, and errors come with the write). Modes of files are always compared with who asks.

It goes on in the background until it is unmounted (fusermount3 -u and umount do it too, but do not wait).
With -f it stays in the foreground; then SIGINT and SIGTERM unmount.
In the background SIGTERM does: while files are open there the folder goes at once, and the volume with the last of them.";

// clap cannot say that only the last of two is required.
#[derive(Args)]
pub(super) struct MountArgs {
    /// Stay in the foreground
    #[arg(short = 'f', long)]
    foreground: bool,
    /// The file system's driver; if left out each is asked
    #[arg(short = 't', long, value_name = "FS")]
    fs: Option<String>,
    /// The volume is in this partition of the image; if left out, in the only one that has a volume
    #[arg(long, value_name = "N")]
    part: Option<u32>,
    /// Options of the mount, of the file system and of FUSE: a comma list (repeatable)
    #[arg(short = 'o', value_name = "OPTIONS")]
    options: Vec<String>,
    #[command(flatten)]
    board: BoardArg,
    /// Use the image's pages as the medium's memory, instead of reading and writing the file
    #[arg(long)]
    xip: bool,
    /// The image, or a word for a file system that needs none; left out with --board
    #[arg(value_name = "IMAGE")]
    first: PathBuf,
    /// The folder
    #[arg(value_name = "MOUNTPOINT")]
    second: Option<PathBuf>,
    /// Says by standard output that the mount is there, and goes on without a terminal.
    #[arg(long, hide = true)]
    announce: bool,
}

teach! {
    /// What the command line of `nxvfs mount` lacks.
    #[allow(unreachable_pub, reason = "the macro makes public enums; this module is private")]
    pub enum MountError {
        /// One of two paths.
        Where { found: String } => EINVAL, what: "which folder?", expected: "IMAGE MOUNTPOINT", found: "only '{found}'",
            remedy: "name both; with --board the folder alone";
        /// A board and an image.
        Both { found: String } => EINVAL, what: "a board has its own images", expected: "the folder alone",
            found: "'{found}' too", remedy: "name the image in the board, or leave --board out";
        /// Files are open.
        Busy { path: String } => EBUSY, what: "files are open there, or it is somebody's folder", place: "{path}",
            remedy: "end what uses it ('fuser -vm' tells), or 'nxvfs umount -l'";
        /// It does not end.
        Writing { path: String } => ETIMEDOUT, what: "it is unmounted, but not all is on the medium yet", place: "{path}",
            remedy: "wait until no process nxvfs has the image any more";
        /// Not unmounted cleanly.
        NotWhole { path: String, found: String } => EIO, what: "the volume was not brought to its medium in full",
            place: "{path}", found: "{found}", remedy: "nxvfs image check {path}";
    }
}

/// Where the tree comes from.
enum Origin {
    Image(PathBuf),
    Board(PathBuf),
}

/// Runs the command; answers the program's exit status.
pub(super) fn main(args: &MountArgs, globals: &Globals, mut out: Output) -> ExitCode {
    let done = if args.foreground || args.announce { serve(args, globals) } else { daemon::start(&mut out) };
    out.finish(done)
}

/// Mounts, and answers the kernel until it is unmounted.
fn serve(args: &MountArgs, globals: &Globals) -> Done {
    let (origin, folder) = places(args)?;
    let mut fuse = Options::default();
    let mut words = Vec::new();
    for (name, value) in args.options.iter().flat_map(|text| parse_assignments(text)) {
        if !fuse.word(&name, value.as_deref())? {
            words.push((name, value));
        }
    }
    let host = Host::new(globals.host_options())?;
    let options = MountOptions::parse(words)?;
    let source = match &origin {
        Origin::Image(image) => source::mount(args, &host, image, options)?,
        Origin::Board(board) => source::bring_up(&host, board)?,
    };
    if source.read_only {
        let _ = fuse.word("ro", None)?;
    }
    fuse.name(&source.name, &source.kind);
    let folder = std::path::absolute(folder).map_err(crate::Error::from)?;
    let doing = |e: crate::Error| e.doing(format_args!("mount {} on {}", source.name, folder.display()));
    let until = Until::signal()?;
    let session = Session::new(&host, &folder, &fuse).map_err(doing)?;
    until.unmount(session.ending())?;
    if args.announce {
        Ready::announce()?;
    }
    let ran = session.run();
    let ended = end(&host, &source.name);
    Ok(ran.and(ended)?)
}

fn places(args: &MountArgs) -> Result<(Origin, PathBuf), Failure> {
    let first = args.first.clone();
    let found = first.display().to_string();
    match (args.board.board.clone(), args.second.clone()) {
        (None, Some(folder)) => Ok((Origin::Image(first), folder)),
        (Some(board), None) => Ok((Origin::Board(board), first)),
        (None, None) => Err(Failure::Error(MountError::Where { found }.into())),
        (Some(_), Some(_)) => Err(Failure::Error(MountError::Both { found }.into())),
    }
}

/// Unmounts everything inside the host, so that what goes wrong is told.
fn end(host: &Arc<Host>, name: &str) -> crate::Result<()> {
    let mut failed: Option<crate::Error> = None;
    for mount in host.mounts().iter().rev() {
        failed = failed.or(host.unmount(&mount.path).err());
    }
    for device in host.devices().iter().rev().filter(|device| device.parent.is_none()) {
        failed = failed.or(host.detach(&device.node).err());
    }
    match failed {
        None => Ok(()),
        Some(e) => Err(MountError::NotWhole { path: name.to_owned(), found: e.to_string() }.into()),
    }
}
