//! mkfs, mkfatfs: empty file systems. The options are those that the file system declares.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args};

use super::session::show_help;
use crate::Host;
use crate::base::Result;
use crate::cli::failure::{Done, usage};
use crate::cli::shell::Shell;
use crate::plugin::Kind;
use crate::plugin::manifest::{ParamDecl, ParamType};

/// What the help of a parameter begins with if it is one of mkfs.
const MARK: &str = "mkfs: ";
/// What it ends with if the option can stand several times; the values are lines of one.
const MANY: &str = " (repeatable)";

const USAGE: &str = "mkfs -t FS [OPTIONS] DEVICE";
const EXAMPLES: &str = "Examples:
  mkfs -t vfat /dev/ram0
  mkfs -t vfat -F 32 -n DATA -s 8 /dev/loop0p1
  mkfs -t vfat --help";

/// Make an empty file system on a device that is not mounted
///
/// OPTIONS are those that the file system declares, spelled as its own mkfs spells them: 'mkfs -t vfat --help' lists
/// them. What was on the device is lost.
#[derive(Args)]
#[command(disable_help_flag = true, override_usage = USAGE)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Mkfs {
    /// The file system, its options, and the device
    #[arg(value_name = "WORDS", num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl Mkfs {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let device = Arg::new("device").value_name("DEVICE").required(true).help("The device");
        let command = Options::command(&shell.host, "mkfs", &self.words)?
            .about("Make an empty file system on a device that is not mounted")
            .override_usage(USAGE)
            .after_help(EXAMPLES)
            .arg(device);
        match Options::parse(command, self.words) {
            Ok(request) => {
                let device: &String = request.matches.get_one("device").expect("clap requires it");
                Ok(shell.host.format(&shell.absolute(device), &request.fs, &request.given)?)
            }
            Err(error) if error.use_stderr() => Err(usage("mkfs", &error).into()),
            Err(help) => show_help(shell, "mkfs", &help),
        }
    }
}

/// Make an empty FAT volume on a device that is not mounted
///
/// NSH's command; the same as 'mkfs -t vfat'. What was on the device is lost.
#[derive(Args)]
#[command(after_help = "Examples:
  mkfatfs /dev/ram0
  mkfatfs -F 32 /dev/ram0")]
pub(in crate::cli) struct Mkfatfs {
    /// Width of the table's entries: 12, 16 or 32; 0 by size
    #[arg(short = 'F', value_name = "FATSIZE", value_parser = ["0", "12", "16", "32"], default_value = "0")]
    bits: String,
    /// Entries of the root directory, of FAT12 and FAT16
    #[arg(short = 'r', value_name = "ROOTDIRENTRIES")]
    root_entries: Option<u32>,
    /// The device
    device: String,
}

impl Mkfatfs {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let mut given = vec![("F".to_owned(), Some(self.bits))];
        given.extend(self.root_entries.map(|count| ("r".to_owned(), Some(count.to_string()))));
        Ok(shell.host.format(&shell.absolute(&self.device), "vfat", &given)?)
    }
}

/// Reads words by what a file system declares.
pub(in crate::cli) struct Options;

/// What the words ask for.
pub(in crate::cli) struct Request {
    /// The file system.
    pub(in crate::cli) fs: String,
    /// Its parameters.
    pub(in crate::cli) given: Vec<(String, Option<String>)>,
    /// The caller's own arguments.
    pub(in crate::cli) matches: ArgMatches,
}

impl Options {
    /// The command with `-t` and the options of the file system that the words name. Errors: ENODEV there is none of
    /// that name.
    pub(in crate::cli) fn command(
        host: &Host,
        name: &'static str,
        words: &[OsString],
    ) -> Result<clap::Command> {
        let fs = Arg::new("fs").short('t').value_name("FS").required(true).help("The file system");
        let help = Arg::new("help").long("help").action(ArgAction::Help).help("Print help");
        let command = clap::Command::new(name).no_binary_name(true).disable_help_flag(true).arg(fs).arg(help);
        let declared = match named(words) {
            Some(fs) => {
                host.plugins().driver(Kind::FileSystem, &fs).map_err(|e| e.doing(name))?.manifest.params
            }
            None => Vec::new(),
        };
        Ok(declared.iter().filter(|param| param.help.starts_with(MARK)).fold(command, |command, param| {
            // What the command has itself is its own.
            let mine =
                command.get_arguments().any(|arg| arg.get_short() == short(param) && short(param).is_some());
            if mine { command } else { command.arg(option(param)) }
        }))
    }

    /// Reads the words. Errors: clap's, of which one is the help that was asked for.
    pub(in crate::cli) fn parse(
        mut command: clap::Command,
        words: Vec<OsString>,
    ) -> std::result::Result<Request, clap::Error> {
        let matches = command.try_get_matches_from_mut(words)?;
        let given = matches.ids().filter_map(|id| {
            let name = id.as_str().strip_prefix(MARK)?;
            if matches.value_source(id.as_str()) != Some(ValueSource::CommandLine) {
                return None;
            }
            let values: Vec<_> = matches.get_raw(id.as_str())?.map(|value| value.to_string_lossy()).collect();
            Some((name.to_owned(), Some(values.join("\n"))))
        });
        let given = given.collect();
        let fs = matches.get_one::<String>("fs").cloned().unwrap_or_default();
        Ok(Request { fs, given, matches })
    }
}

/// The file system that the words name, before it is known what the others mean.
fn named(words: &[OsString]) -> Option<String> {
    let mut words = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        match word.strip_prefix("-t") {
            Some("") => return words.next().map(|fs| fs.into_owned()),
            Some(fs) => return Some(fs.trim_start_matches('=').to_owned()),
            None => {}
        }
    }
    None
}

/// The letter of an option that has one.
fn short(param: &ParamDecl) -> Option<char> {
    let mut chars = param.name.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn option(param: &ParamDecl) -> Arg {
    let help = param.help.strip_prefix(MARK).unwrap_or(&param.help).to_owned();
    let arg = Arg::new(format!("{MARK}{}", param.name)).help(help);
    let arg = match short(param) {
        Some(letter) => arg.short(letter),
        None => arg.long(param.name.clone()),
    };
    match param.ty {
        // As a flag, which is what a bool is on a command line.
        ParamType::Bool => arg.action(ArgAction::SetTrue),
        _ if param.help.ends_with(MANY) => {
            arg.action(ArgAction::Append).value_name("VALUE").allow_hyphen_values(true)
        }
        _ => arg.value_name(param.ty.word().to_uppercase()).allow_hyphen_values(true),
    }
}
