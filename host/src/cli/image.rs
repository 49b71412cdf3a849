//! `nxvfs mkfs` and `nxvfs image`: file systems in images of the operating system, without a script.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::{Arg, Args, Subcommand, value_parser};

use super::Globals;
use super::commands::{Options, Outcome, Request, examine};
use super::failure::{Done, Failure, ShellError, tell};
use super::output::Output;
use super::text::bytes_argument;
use crate::Host;
use crate::base::{Error, Result};

/// The node that the image has while a command runs.
const NODE: &str = "/dev/image";

pub(super) const MKFS_USAGE: &str = "nxvfs mkfs -t FS -o IMAGE [--size SIZE] [--part N] [OPTIONS]";
pub(super) const MKFS_EXAMPLES: &str = "Examples:
  nxvfs mkfs -t vfat -o card.img --size 64M
  nxvfs mkfs -t vfat -o card.img --size 64M -F 32 -n DATA -s 8
  nxvfs mkfs -t vfat -o disk.img --part 1
  nxvfs mkfs -t vfat --help";

/// Arguments of `nxvfs mkfs`: read again when the file system is known.
#[derive(Args)]
pub(super) struct MkfsArgs {
    /// The file system, its options, and the image
    #[arg(value_name = "WORDS", num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

#[derive(Subcommand)]
pub(super) enum ImageCommand {
    /// Examine the volume in an image
    ///
    /// Prints what is wrong, a line for each finding.
    #[command(after_help = "Examples:
  nxvfs image check card.img
  nxvfs image check --repair card.img
  nxvfs image check --part 1 --fs vfat --json disk.img

Exit status, as fsck's: 0 nothing is wrong, 1 all that was wrong is repaired, 4 something wrong is left, 8 the check
could not be made, 2 wrong usage.")]
    Check {
        /// The image
        image: PathBuf,
        /// Put right what loses nothing
        #[arg(long)]
        repair: bool,
        /// The file system's driver; if left out each is asked
        #[arg(short = 't', long, value_name = "FS")]
        fs: Option<String>,
        /// The volume is in this partition of the image
        #[arg(long, value_name = "N")]
        part: Option<u32>,
    },
}

/// Runs a command of `nxvfs image`.
pub(super) fn run(command: ImageCommand, globals: &Globals, out: &mut Output) -> Done {
    let ImageCommand::Check { image, repair, fs, part } = command;
    let label = match part {
        Some(part) => format!("{} partition {part}", image.display()),
        None => image.display().to_string(),
    };
    let checked = Host::new(globals.host_options()).and_then(|host| {
        let node = attach(&host, &image, !repair, part).map_err(|e| e.doing("image check"))?;
        Ok((host, node))
    });
    let checked = checked.map_err(Failure::from).and_then(|(host, node)| {
        let outcome = examine(out, &host, &label, &node, fs.as_deref(), repair);
        // Only now everything is in the image.
        let ended = host.detach(NODE);
        outcome.and_then(|outcome| Ok(ended.map(|()| outcome)?))
    });
    match checked {
        Ok(Outcome { repaired: 0, left: 0 }) => Ok(()),
        Ok(Outcome { left: 0, .. }) => Err(Failure::Exit(1)),
        Ok(_) => Err(Failure::Exit(4)),
        Err(Failure::Error(error)) => {
            out.flush()?;
            tell(&error.doing(label), "", out.json);
            Err(Failure::Exit(8))
        }
        Err(other) => Err(other),
    }
}

/// Runs `nxvfs mkfs`.
pub(super) fn mkfs(args: MkfsArgs, globals: &Globals, out: &mut Output) -> Done {
    let host = Host::new(globals.host_options())?;
    let image = Arg::new("image").short('o').value_name("IMAGE").required(true);
    let size = Arg::new("size").long("size").value_name("SIZE").value_parser(bytes_argument);
    let part = Arg::new("part").long("part").value_name("N").value_parser(value_parser!(u32));
    let command = Options::command(&host, "mkfs", &args.words)?
        .override_usage(MKFS_USAGE)
        .after_help(MKFS_EXAMPLES)
        .about("Make an empty file system in an image")
        .arg(image.value_parser(value_parser!(PathBuf)).help("The image"))
        .arg(size.help("Make the image, of this size").conflicts_with("part"))
        .arg(part.help("In this partition of the image"));
    let request = match Options::parse(command, args.words) {
        Ok(request) => request,
        Err(error) if error.use_stderr() => {
            out.flush()?;
            eprint!("{}", error.render());
            return Err(Failure::Exit(2));
        }
        Err(help) => return out.bytes(help.render().to_string().as_bytes()),
    };
    make(&host, &request).map_err(|e| Failure::from(e.doing("mkfs")))
}

fn make(host: &Host, request: &Request) -> Result<()> {
    let image: &PathBuf = request.matches.get_one("image").expect("clap requires it");
    let size: Option<u64> = request.matches.get_one("size").copied();
    if let Some(size) = size {
        let file = File::create_new(image).map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                ShellError::ImageThere { path: image.display().to_string() }.into()
            }
            _ => Error::from(e).doing(image.display()),
        })?;
        file.set_len(size).map_err(|e| Error::from(e).doing(image.display()))?;
    } else if !image.exists() {
        return Err(ShellError::NoImage { path: image.display().to_string() }.into());
    }
    let part = request.matches.get_one("part").copied();
    let made = attach(host, image, false, part).and_then(|node| {
        let made = host.format(&node, &request.fs, &request.given);
        made.and(host.detach(NODE))
    });
    if made.is_err() && size.is_some() {
        // It was made for this alone.
        let _ = fs::remove_file(image);
    }
    made
}

/// Attaches an image; answers the node of the volume in it.
fn attach(host: &Host, image: &Path, read_only: bool, part: Option<u32>) -> Result<String> {
    let mut given = vec![("file".to_owned(), Some(image.display().to_string()))];
    given.push(("ro".to_owned(), Some(if read_only { "y" } else { "n" }.to_owned())));
    host.attach("loop", NODE, &given)?;
    let Some(number) = part else { return Ok(NODE.to_owned()) };
    let node = format!("{NODE}p{number}");
    let parts = host.devices().into_iter().filter(|device| device.parent.is_some());
    let parts: Vec<String> = parts.map(|device| device.node).collect();
    if parts.contains(&node) {
        return Ok(node);
    }
    let known = match parts.len() {
        0 => "no partitions".to_owned(),
        _ => parts.iter().map(|node| node[NODE.len()..].to_owned()).collect::<Vec<_>>().join(", "),
    };
    Err(ShellError::NoPartition { path: image.display().to_string(), number, known }.into())
}
