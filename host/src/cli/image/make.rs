//! `nxvfs mkfs`: a file system in an image, empty or filled from a folder. What fails leaves no image behind, or the one
//! that was there.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Args, value_parser};
use tempfile::NamedTempFile;

use super::find::{NODE, Place, Source};
use super::get::system;
use super::lock::{Locked, journal_of};
use super::put;
use super::refusal::ImageError;
use super::volume::{Attached, Use, Volume};
use crate::Host;
use crate::base::sync::Arc;
use crate::cli::Globals;
use crate::cli::commands::{Options, Request};
use crate::cli::failure::{Done, Failure};
use crate::cli::output::Output;
use crate::cli::shell::Shell;
use crate::cli::text::bytes_argument;
use crate::plugin::Kind;
use crate::plugin::manifest::ParamType;

pub(in crate::cli) const MKFS_USAGE: &str =
    "nxvfs mkfs -t FS -o IMAGE [--size SIZE] [--part N] [OPTIONS] [--from DIR | DIR]";
pub(in crate::cli) const MKFS_EXAMPLES: &str = "Examples:
  nxvfs mkfs -t romfs -o rom.img -V boot -A '4096,*.bin' tree
  nxvfs mkfs -t vfat -o card.img --size 64M
  nxvfs mkfs -t vfat -o card.img --size 64M -F 32 -n DATA --from tree
  nxvfs mkfs -t vfat -o disk.img --part 1
  nxvfs mkfs -t vfat --help";

/// The parameter of a file system that is made of a folder: its path.
const FOLDER: &str = "d";
/// The medium of a file system that says how long it became.
const ROOM_BYTES: u64 = 1 << 32;

/// Arguments of `nxvfs mkfs`: read again when the file system is known.
#[derive(Args)]
pub(in crate::cli) struct MkfsArgs {
    /// The file system, its options, and the image
    #[arg(value_name = "WORDS", num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Runs `nxvfs mkfs`.
pub(in crate::cli) fn mkfs(args: MkfsArgs, globals: &Globals, mut out: Output) -> ExitCode {
    let request = match parse(args, globals, &mut out) {
        Ok(Some(request)) => request,
        Ok(None) => return out.finish(Ok(())),
        Err(failure) => return out.finish(Err(failure)),
    };
    let mut job = Job::new(request, globals, out.json);
    let done = job.make().map_err(|failure| match failure {
        Failure::Error(error) => Failure::Error(error.doing("mkfs")),
        other => other,
    });
    out.finish(done)
}

/// Reads the words; `None` if they asked for help, which is printed.
fn parse(
    args: MkfsArgs,
    globals: &Globals,
    out: &mut Output,
) -> std::result::Result<Option<Request>, Failure> {
    let host = Host::new(globals.host_options())?;
    let image = Arg::new("image").short('o').value_name("IMAGE").required(true);
    let size = Arg::new("size").long("size").value_name("SIZE").value_parser(bytes_argument);
    let part = Arg::new("part").long("part").value_name("N").value_parser(value_parser!(u32));
    let from = Arg::new("from").long("from").value_name("DIR").value_parser(value_parser!(PathBuf));
    let folder = Arg::new("folder").value_name("DIR").value_parser(value_parser!(PathBuf));
    let follow = Arg::new("dereference").short('L').long("dereference").action(clap::ArgAction::SetTrue);
    let command = Options::command(&host, "mkfs", &args.words)?
        .override_usage(MKFS_USAGE)
        .after_help(MKFS_EXAMPLES)
        .about("Make a file system in an image, empty or filled from a folder")
        .arg(image.value_parser(value_parser!(PathBuf)).help("The image"))
        .arg(size.help("Make the image, of this size").conflicts_with("part"))
        .arg(part.help("In this partition of the image"))
        .arg(from.help("Fill it with what is in this folder"))
        .arg(follow.help("Fill it with what symbolic links lead to"))
        .arg(folder.help("The same as --from DIR").conflicts_with("from"));
    match Options::parse(command, args.words) {
        Ok(request) => Ok(Some(request)),
        Err(error) if error.use_stderr() => {
            out.flush()?;
            eprint!("{}", error.render());
            Err(Failure::Exit(2))
        }
        Err(help) => out.bytes(help.render().to_string().as_bytes()).map(|()| None),
    }
}

struct Job<'g> {
    globals: &'g Globals,
    json: bool,
    fs: String,
    given: Vec<(String, Option<String>)>,
    image: PathBuf,
    size: Option<u64>,
    part: Option<u32>,
    folder: Option<PathBuf>,
    follow: bool,
}

impl<'g> Job<'g> {
    fn new(request: Request, globals: &'g Globals, json: bool) -> Self {
        let Request { fs, given, matches } = request;
        let path = |matches: &ArgMatches, name| matches.get_one::<PathBuf>(name).cloned();
        Self {
            globals,
            json,
            fs,
            given,
            image: path(&matches, "image").expect("clap requires it"),
            size: matches.get_one("size").copied(),
            part: matches.get_one("part").copied(),
            folder: path(&matches, "from").or_else(|| path(&matches, "folder")),
            follow: matches.get_flag("dereference"),
        }
    }

    fn make(&mut self) -> Done {
        let host = Host::new(self.globals.host_options())?;
        let declared = host.plugins().driver(Kind::FileSystem, &self.fs)?.manifest.params;
        let builds = declared.iter().any(|p| p.name == FOLDER && p.ty == ParamType::Path);
        if builds {
            // The file system takes the folder itself.
            if let Some(folder) = self.folder.take() {
                self.given.push((FOLDER.to_owned(), Some(folder.display().to_string())));
            }
            if !self.given.iter().any(|(name, _)| name == FOLDER) {
                return Err(ImageError::NeedsFolder { fs: self.fs.clone() }.into());
            }
        }
        let there = fs::metadata(&self.image).ok();
        match (self.size, self.part) {
            (Some(size), _) => self.create(&host, Some(size)),
            (None, None) if builds && there.as_ref().is_none_or(fs::Metadata::is_file) => {
                self.create(&host, None)
            }
            _ if there.is_none() => {
                Err(ImageError::Missing { path: self.image.display().to_string() }.into())
            }
            _ => self.in_place(),
        }
    }

    /// Makes a new image beside where it shall be, and gives it its name when all is done. Without a size it becomes as
    /// long as the volume says, and replaces an image that is there.
    fn create(&self, host: &Arc<Host>, size: Option<u64>) -> Done {
        if size.is_some() && self.image.symlink_metadata().is_ok() {
            return Err(ImageError::There { path: self.image.display().to_string() }.into());
        }
        // Who uses the old one is not to lose it unawares.
        let _old = self.image.is_file().then(|| Locked::open(&self.image, true)).transpose()?;
        let folder = self.image.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Opened here: tempfile's own errors have no errno.
        let open =
            |path: &Path| OpenOptions::new().read(true).write(true).create_new(true).mode(0o666).open(path);
        let file = tempfile::Builder::new().prefix(".nxvfs-").make_in(folder, open);
        let file = file.map_err(system(&self.image))?;
        file.as_file().set_len(size.unwrap_or(ROOM_BYTES)).map_err(system(&self.image))?;
        let given = [("file", file.path().display().to_string()), ("ro", "n".to_owned())];
        let given = given.map(|(name, value)| (name.to_owned(), Some(value)));
        host.attach(
            "loop",
            NODE,
            &[&given[..], &[("partitions".to_owned(), Some("n".to_owned()))]].concat(),
        )?;
        host.format(NODE, &self.fs, &self.given)?;
        if self.folder.is_some() {
            let place = Place { node: NODE.to_owned(), part: None, fs: self.fs.clone(), found: None };
            let options = crate::MountOptions::default();
            host.mount(Some(&place.node), "/", &place.fs, &options)?;
            self.fill(host)?;
            host.unmount("/")?;
        }
        let len = match size {
            Some(size) => size,
            None => host.probe(NODE, &self.fs)?.map_or(0, |found| found.volume_bytes).next_multiple_of(1024),
        };
        host.detach(NODE)?;
        self.finish(file, len, size.is_some())
    }

    fn finish(&self, file: NamedTempFile, len: u64, new: bool) -> Done {
        file.as_file().set_len(len).and_then(|()| file.as_file().sync_all()).map_err(system(&self.image))?;
        // What an interrupted command left for an older image of this name must not be taken for this one's.
        let _ = fs::remove_file(journal_of(&self.image));
        let named = if new { file.persist_noclobber(&self.image) } else { file.persist(&self.image) };
        named.map_err(|e| system(&self.image)(e.error))?;
        Ok(())
    }

    /// Makes the file system in an image that is there: in one step, as all changes of images.
    fn in_place(&self) -> Done {
        if !self.image.is_file() {
            return self.on_device();
        }
        let source = Source { fs: Some(self.fs.clone()), part: self.part, image: self.image.clone() };
        let attached = Attached::new(self.globals, &self.image, Use::Change)?;
        let node = match self.part {
            Some(part) => source.named(&attached.host, part)?,
            None => NODE.to_owned(),
        };
        attached.host.format(&node, &self.fs, &self.given)?;
        if self.folder.is_none() {
            return Ok(attached.end(true)?);
        }
        let place = Place { node, part: self.part, fs: self.fs.clone(), found: None };
        let volume = Volume::mount(attached, place, Use::Change)?;
        let filled = self.fill(volume.host());
        let ended = volume.end(filled.is_ok());
        filled.and(ended.map_err(Failure::from))
    }

    /// A device of the operating system cannot be changed in one step, nor need it: what was on it goes.
    fn on_device(&self) -> Done {
        let host = Host::new(self.globals.host_options())?;
        let file = ("file".to_owned(), Some(self.image.display().to_string()));
        host.attach("loop", NODE, &[file, ("ro".to_owned(), Some("n".to_owned()))])?;
        let source = Source { fs: None, part: self.part, image: self.image.clone() };
        let node = self.part.map_or_else(|| Ok(NODE.to_owned()), |part| source.named(&host, part))?;
        host.format(&node, &self.fs, &self.given)?;
        if self.folder.is_some() {
            host.mount(Some(&node), "/", &self.fs, &crate::MountOptions::default())?;
            self.fill(&host)?;
            host.unmount("/")?;
        }
        Ok(host.detach(NODE)?)
    }

    /// Puts the folder's files on the volume that is mounted at the root.
    fn fill(&self, host: &Arc<Host>) -> Done {
        let Some(folder) = &self.folder else { return Ok(()) };
        let mut shell = Shell::on(host, Output::new(self.json));
        let done = put::fill(&mut shell, folder, self.follow);
        shell.end(done).1
    }
}
