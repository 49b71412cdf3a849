//! `nxvfs image`: look into images of disks and volumes, change them, check them.
//!
//! A command mounts the volume at the root of a host of its own and does what the shell's command of that name does.
//! What it writes is gathered beside the image and reaches it only if all of it succeeded.
//!
//! | file | holds |
//! |---|---|
//! | `lock`, `journal`, `overlay` | the image as a file: locked, with a change beside it that happens in full or not at all |
//! | `find`, `volume` | the partition and file system that are meant; the volume, mounted |
//! | `get`, `put`, `progress`, `walk` | copies between the volume and the operating system |
//! | `tree`, `survey`, `info`, `map` | what is on the volume and where |
//! | `make` | `nxvfs mkfs` |

mod find;
mod get;
mod info;
mod journal;
mod lock;
mod make;
mod map;
mod overlay;
mod progress;
mod put;
mod refusal;
mod survey;
mod tree;
mod volume;
mod walk;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use nxvfs_abi::types::mode;

use super::Globals;
use super::commands::{self, Outcome, examine};
use super::failure::{Done, Failure, tell};
use super::output::Output;
use super::shell::Shell;
use super::text::{shown, type_word};
use crate::base::Error;
use find::Place;
use refusal::ImageError;
use volume::{Attached, Use, Volume};

pub(super) use find::Source;
#[cfg(feature = "fuse")]
pub(super) use volume::attach_to_mount;

pub(super) use make::{MKFS_EXAMPLES, MKFS_USAGE, MkfsArgs, mkfs};

// What is flattened into a command would give it its own description: `about` says whose it is.
#[derive(Subcommand)]
pub(super) enum ImageCommand {
    /// List directories
    #[command(about = "List directories", long_about = None)]
    #[command(after_help = "Examples:
  nxvfs image ls firmware.img
  nxvfs image ls -lR firmware.img /etc
  nxvfs image ls --part 1 --json disk.img

Times are in UTC. Owners are numbers.")]
    Ls {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        list: commands::Ls,
    },
    /// Show all files as a tree
    #[command(about = "Show all files as a tree", long_about = None)]
    #[command(after_help = "Examples:
  nxvfs image tree firmware.img
  nxvfs image tree --json firmware.img /etc")]
    Tree {
        #[command(flatten)]
        source: Source,
        /// The directory
        #[arg(default_value = "/")]
        path: OsString,
    },
    /// Show all attributes of files; of a symbolic link its own
    #[command(about = "Show all attributes of files; of a symbolic link its own", long_about = None)]
    #[command(after_help = "Example:
  nxvfs image stat firmware.img /etc/init.d/rcS")]
    Stat {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        stat: commands::Stat,
    },
    /// Print the content of files
    #[command(about = "Print the content of files", long_about = None)]
    #[command(after_help = "Example:
  nxvfs image cat firmware.img /etc/init.d/rcS")]
    Cat {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        cat: commands::Cat,
    },
    /// Copy a file or directory out of the image
    #[command(about = "Copy a file, or a directory with all that is in it, out of the image", long_about = None)]
    #[command(after_help = "Examples:
  nxvfs image get firmware.img /etc/init.d/rcS rcS
  nxvfs image get firmware.img / /tmp/all              what is in the root goes right into the folder

Times and permissions are kept where the volume has them; owners are not. Links are copied as links, zeros as holes.")]
    Get {
        #[command(flatten)]
        source: Source,
        /// What is copied
        path: OsString,
        /// The copy, or the folder that gets it
        #[arg(value_name = "HOSTPATH")]
        to: PathBuf,
    },
    /// Copy files and folders into the image
    #[command(about = "Copy files, and folders with all that is in them, into the image", long_about = None)]
    #[command(after_help = "Examples:
  nxvfs image put card.img settings.txt /etc/settings.txt
  nxvfs image put card.img logo.bmp font.bin /assets/

Times and permissions are kept where the volume has them. If anything fails the image stays as it was.")]
    Put {
        #[command(flatten)]
        source: Source,
        /// Copy what symbolic links lead to
        #[arg(short = 'L', long)]
        dereference: bool,
        /// Files and folders of the operating system
        #[arg(required = true, value_name = "HOSTPATH")]
        from: Vec<PathBuf>,
        /// The copy, or the directory that gets the copies
        #[arg(value_name = "PATH")]
        to: OsString,
    },
    /// Remove files, and with -r directories with what is in them
    #[command(about = "Remove files, and with -r directories with what is in them", long_about = None)]
    #[command(after_help = "Examples:
  nxvfs image rm card.img /old.txt
  nxvfs image rm -r card.img /logs

If anything fails the image stays as it was.")]
    Rm {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        remove: commands::Rm,
    },
    /// Make directories
    #[command(about = "Make directories", long_about = None)]
    #[command(after_help = "Example:
  nxvfs image mkdir -p card.img /etc/init.d")]
    Mkdir {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        mkdir: commands::Mkdir,
    },
    /// Rename or move files and directories within the image
    #[command(about = "Rename or move files and directories within the image", long_about = None)]
    #[command(after_help = "Examples:
  nxvfs image mv card.img /a.txt /b.txt
  nxvfs image mv card.img /a.txt /b.txt /archive")]
    Mv {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        rename: commands::Mv,
    },
    /// Show what the image is: partition, file system, sizes, fragments, what can be mapped in place
    #[command(about = "Show what the image is: sizes, files, fragments, what can be mapped in place", long_about = None)]
    #[command(after_help = "Examples:
  nxvfs image info firmware.img
  nxvfs image info --json --part 2 disk.img")]
    Info {
        #[command(flatten)]
        source: Source,
    },
    /// Draw where everything lies in the image
    #[command(about = "Draw where everything lies in the image", long_about = None)]
    #[command(after_help = "Example:
  nxvfs image map firmware.img -o map.svg

A browser shows the names of the files under the mouse.")]
    Map {
        #[command(flatten)]
        source: Source,
        /// The picture, an SVG file
        #[arg(short, value_name = "FILE.svg")]
        output: PathBuf,
    },
    /// Examine the volume in an image
    ///
    /// Prints what is wrong, a line for each finding.
    #[command(
        about = "Examine the volume in an image",
        long_about = "Examine the volume in an image

Prints what is wrong, a line for each finding."
    )]
    #[command(after_help = "Examples:
  nxvfs image check card.img
  nxvfs image check --repair card.img
  nxvfs image check --part 1 --fs vfat --json disk.img

Exit status, as fsck's: 0 nothing is wrong, 1 all that was wrong is repaired, 4 something wrong is left, 8 the check
could not be made, 2 wrong usage.")]
    Check {
        #[command(flatten)]
        source: Source,
        /// Put right what loses nothing
        #[arg(long)]
        repair: bool,
    },
}

impl ImageCommand {
    /// As the user wrote it.
    fn name(&self) -> &'static str {
        match self {
            Self::Ls { .. } => "ls",
            Self::Tree { .. } => "tree",
            Self::Stat { .. } => "stat",
            Self::Cat { .. } => "cat",
            Self::Get { .. } => "get",
            Self::Put { .. } => "put",
            Self::Rm { .. } => "rm",
            Self::Mkdir { .. } => "mkdir",
            Self::Mv { .. } => "mv",
            Self::Info { .. } => "info",
            Self::Map { .. } => "map",
            Self::Check { .. } => "check",
        }
    }
}

/// Runs a command of `nxvfs image`.
pub(super) fn main(command: ImageCommand, globals: &Globals, out: Output) -> ExitCode {
    use commands::Command;
    let job = Job { name: command.name(), globals };
    let shell_command = |source: &Source, how, command, out| {
        job.run(source, how, out, |shell, _| commands::run(command, shell))
    };
    match command {
        ImageCommand::Ls { source, mut list } => {
            if list.paths.is_empty() {
                list.paths.push("/".into());
            }
            shell_command(&source, Use::Read, Command::Ls(list), out)
        }
        ImageCommand::Tree { source, path } => {
            job.run(&source, Use::Read, out, |shell, _| tree::tree(shell, path.as_bytes()))
        }
        ImageCommand::Stat { source, stat } => shell_command(&source, Use::Read, Command::Stat(stat), out),
        ImageCommand::Cat { source, cat } => job.run(&source, Use::Read, out, |shell, _| {
            refuse_waiting(shell, &cat.paths)?;
            commands::run(Command::Cat(cat), shell)
        }),
        ImageCommand::Get { source, path, to } => {
            job.run(&source, Use::Read, out, |shell, _| get::get(shell, path.as_bytes(), &to))
        }
        ImageCommand::Put { source, dereference, from, to } => {
            job.run(&source, Use::Change, out, |shell, _| put::put(shell, &from, to.as_bytes(), dereference))
        }
        ImageCommand::Rm { source, remove } => shell_command(&source, Use::Change, Command::Rm(remove), out),
        ImageCommand::Mkdir { source, mkdir } => {
            shell_command(&source, Use::Change, Command::Mkdir(mkdir), out)
        }
        ImageCommand::Mv { source, rename } => shell_command(&source, Use::Change, Command::Mv(rename), out),
        ImageCommand::Info { source } => {
            job.run(&source, Use::Map, out, |shell, place| info::info(shell, &source, place))
        }
        ImageCommand::Map { source, output } => {
            job.run(&source, Use::Map, out, |shell, place| map::map(shell, &source, place, &output))
        }
        ImageCommand::Check { source, repair } => check(&source, repair, globals, out),
    }
}

struct Job<'g> {
    name: &'static str,
    globals: &'g Globals,
}

impl Job<'_> {
    /// Runs a command with the volume of an image at the root. What it changed reaches the image if it succeeded.
    fn run(
        &self,
        source: &Source,
        how: Use,
        out: Output,
        act: impl FnOnce(&mut Shell, &Place) -> Done,
    ) -> ExitCode {
        let volume = match Volume::open(self.globals, source, how) {
            Ok(volume) => volume,
            Err(error) => return out.finish(Err(error.doing(self.name).into())),
        };
        let mut shell = Shell::on(volume.host(), out);
        let done = act(&mut shell, &volume.place);
        let (out, done) = shell.end(done);
        let ended = volume.end(done.is_ok()).map_err(|error| error.doing(self.name));
        out.finish(done.and(ended.map_err(Failure::from)))
    }
}

/// Refuses to read what waits for somebody who never comes.
fn refuse_waiting(shell: &Shell, paths: &[OsString]) -> Done {
    for path in paths.iter().map(|p| p.as_bytes()) {
        let kind = shell.task.stat(path).map_or(0, |status| status.attr.file_type());
        if !matches!(kind, 0 | mode::S_IFREG | mode::S_IFDIR) {
            let refusal = ImageError::WouldWait { path: shown(path), kind: type_word(kind) };
            return Err(Error::from(refusal).doing("cat").into());
        }
    }
    Ok(())
}

fn check(source: &Source, repair: bool, globals: &Globals, mut out: Output) -> ExitCode {
    let checked = examined(source, repair, globals, &mut out);
    let done = match checked {
        Ok(Outcome { repaired: 0, left: 0 }) => Ok(()),
        Ok(Outcome { left: 0, .. }) => Err(Failure::Exit(1)),
        Ok(_) => Err(Failure::Exit(4)),
        Err(Failure::Error(error)) => {
            let _ = out.flush();
            tell(&error.doing("image check"), "", out.json);
            Err(Failure::Exit(8))
        }
        Err(other) => Err(other),
    };
    out.finish(done)
}

fn examined(source: &Source, repair: bool, globals: &Globals, out: &mut Output) -> Result<Outcome, Failure> {
    let attached = Attached::new(globals, &source.image, if repair { Use::Change } else { Use::Read })?;
    let place = source.find(&attached.host)?;
    let label = source.label(place.part);
    let outcome = examine(out, &attached.host, &label, &place.node, Some(&place.fs), repair);
    // Only now everything is in the image.
    let ended = attached.end(outcome.is_ok());
    outcome.and_then(|outcome| Ok(ended.map(|()| outcome)?))
}
