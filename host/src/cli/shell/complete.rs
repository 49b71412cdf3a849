//! Completion: commands and their options, then what the place asks for: drivers, plugins, their parameters and values,
//! devices, mount points, files of the operating system, paths of the VFS.

use std::sync::Arc;

use nxvfs_abi::types::mode;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::line::{Place, quoted, typed};
use crate::Task;
use crate::cli::commands;
use crate::plugin::manifest::{ParamDecl, ParamType};
use crate::plugin::{Kind, Manifest};
use crate::tree::MountFlags;

/// Names that are offered at most; a directory may have millions.
const MAX_OFFERED: usize = 2000;
/// The ways of mapping that `mmap=` takes.
const MMAP: [&str; 4] = ["auto", "xip", "ram", "none"];

/// Completes the line that is being typed. Shares the shell's task, so relative paths begin where the shell stands.
pub(super) struct ShellHelper {
    task: Arc<Task>,
}

impl Helper for ShellHelper {}
impl Highlighter for ShellHelper {}
impl Validator for ShellHelper {}
impl Hinter for ShellHelper {
    type Hint = String;
}

/// What may stand instead of the word that is being typed.
struct Offers {
    /// The beginning of the word, which stays.
    kept: String,
    /// What may follow.
    rest: Vec<String>,
    /// Whether the word may go on after any of them: no space is put behind it.
    goes_on: bool,
}

impl Offers {
    fn words(rest: Vec<String>) -> Self {
        Self { kept: String::new(), rest, goes_on: false }
    }

    fn after(kept: &str, rest: Vec<String>) -> Self {
        Self { kept: kept.to_owned(), ..Self::words(rest) }
    }
}

impl ShellHelper {
    pub(super) fn new(task: Arc<Task>) -> Self {
        Self { task }
    }

    fn drivers(&self, kinds: &[Kind]) -> Vec<String> {
        let plugins = self.task.host().plugins();
        let loaded = plugins.list().into_iter().flat_map(|p| p.drivers);
        let files = plugins.files().into_iter().filter_map(|f| f.outcome.ok()).flat_map(|m| m.provides);
        loaded.chain(files).filter(|(kind, _)| kinds.contains(kind)).map(|(_, name)| name).collect()
    }

    fn plugins(&self) -> Vec<String> {
        let plugins = self.task.host().plugins();
        let files = plugins.files().into_iter().filter_map(|f| f.outcome.ok());
        plugins.list().into_iter().map(|p| p.name).chain(files.map(|m| m.name)).collect()
    }

    fn manifest(&self, kinds: &[Kind], driver: &str) -> Option<Manifest> {
        kinds.iter().find_map(|kind| self.task.host().plugins().manifest_of(*kind, driver).ok())
    }

    /// Names below the directory part of what was typed; directories with a slash. Errors offer nothing.
    fn paths(&self, typed: &str) -> Vec<String> {
        let (dir, begin) = parts(typed);
        let Ok(listing) = self.task.opendir(if dir.is_empty() { "." } else { dir }) else {
            return Vec::new();
        };
        // Names that are no text cannot be typed either.
        let names = listing.flatten().filter_map(|record| String::from_utf8(record.name).ok());
        let offered = names.filter(|name| fits(name, begin)).take(MAX_OFFERED).map(|name| {
            let path = format!("{dir}{name}");
            let directory = self.task.stat(&path).is_ok_and(|s| s.attr.file_type() == mode::S_IFDIR);
            if directory { path + "/" } else { path }
        });
        offered.collect()
    }

    /// The values of a parameter: `value` is what was typed of one.
    fn values(&self, ty: ParamType, value: &str) -> Vec<String> {
        match ty {
            ParamType::Bool => ["y", "n"].map(str::to_owned).to_vec(),
            ParamType::Path => files(value),
            ParamType::File => self.paths(value),
            ParamType::Int | ParamType::Uint | ParamType::Size | ParamType::Str => Vec::new(),
        }
    }

    /// `NAME=VALUE` of these parameters, after what stays of the word.
    fn params(&self, kept: &str, typed: &str, params: &[(&str, ParamType)]) -> Offers {
        match typed.split_once('=') {
            Some((name, value)) => {
                let known = params.iter().find(|(known, _)| *known == name);
                let values = known.map_or(Vec::new(), |(_, ty)| self.values(*ty, value));
                Offers::after(&format!("{kept}{name}="), values)
            }
            None => {
                let names = params.iter().map(|(name, _)| format!("{name}="));
                Offers { goes_on: true, ..Offers::after(kept, names.collect()) }
            }
        }
    }

    /// What follows `-o`: words with commas between.
    fn options(&self, fs: Option<&str>, word: &str) -> Offers {
        let begin = word.rfind(',').map_or(0, |at| at + 1);
        let (kept, typed) = word.split_at(begin);
        if typed.starts_with("mmap=") {
            return Offers::after(&format!("{kept}mmap="), MMAP.map(str::to_owned).to_vec());
        }
        let manifest = fs.and_then(|fs| self.manifest(&[Kind::FileSystem], fs));
        let mut offers = self.params(kept, typed, &declared(manifest.as_ref()));
        if !typed.contains('=') {
            offers.rest.extend(MountFlags::words().map(str::to_owned));
            offers.rest.push("mmap=".to_owned());
        }
        // Another may follow after a comma.
        offers.goes_on = true;
        offers
    }

    fn offers(&self, place: Place, word: &str) -> Offers {
        let host = self.task.host();
        match place {
            Place::Command => Offers::words(commands::names()),
            Place::Driver(kinds) => Offers::words(self.drivers(kinds)),
            Place::Plugin => Offers::words(self.plugins()),
            Place::File => Offers::words(files(word)),
            Place::Device => {
                Offers::words(host.devices().into_iter().map(|device| device.node.to_string()).collect())
            }
            Place::MountPoint => {
                Offers::words(host.mounts().into_iter().map(|mount| mount.path.to_string()).collect())
            }
            Place::Flag(command) => Offers::words(flags(&command)),
            Place::DeviceParam(driver) => {
                let kinds = [Kind::Block, Kind::Character];
                let manifest = self.manifest(&kinds, &driver);
                let mut params = declared(manifest.as_ref());
                if manifest.as_ref().is_some_and(|m| m.provides.contains(&(Kind::Block, driver))) {
                    params.extend([("cache", ParamType::Size), ("partitions", ParamType::Bool)]);
                }
                self.params("", word, &params)
            }
            Place::PluginParam(plugin) => {
                let manifest = host.plugins().modinfo(&plugin).ok().map(|(manifest, _)| manifest);
                self.params("", word, &declared(manifest.as_ref()))
            }
            Place::Options(fs) => self.options(fs.as_deref(), word),
            // `dd if=FILE`: the path begins after the sign.
            Place::Path => match word.split_once('=') {
                Some((name @ ("if" | "of"), path)) => Offers::after(&format!("{name}="), self.paths(path)),
                _ => Offers::words(self.paths(word)),
            },
        }
    }
}

fn declared(manifest: Option<&Manifest>) -> Vec<(&str, ParamType)> {
    let params = manifest.map_or(&[][..], |manifest| &manifest.params);
    let of_mkfs = |param: &&ParamDecl| param.help.starts_with("mkfs: ");
    params.iter().filter(|param| !of_mkfs(param)).map(|param| (&*param.name, param.ty)).collect()
}

/// The options of a command.
fn flags(command: &str) -> Vec<String> {
    let table = commands::table();
    let Some(command) = table.find_subcommand(command) else { return Vec::new() };
    let long = command.get_arguments().filter_map(|arg| arg.get_long());
    let long = long.map(|name| format!("--{name}"));
    let short = command.get_arguments().filter_map(|arg| arg.get_short()).map(|name| format!("-{name}"));
    let mut flags: Vec<String> = long.chain(short).collect();
    flags.extend(["--json", "--help"].map(str::to_owned));
    flags
}

/// The directory part of a path, with its slash, and the rest.
fn parts(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |at| at + 1))
}

/// Hidden names are offered to who asks for them.
fn fits(name: &str, begin: &str) -> bool {
    let dots = matches!(name, "." | "..");
    name.starts_with(begin) && !dots && (begin.starts_with('.') || !name.starts_with('.'))
}

/// Files of the operating system, as [`ShellHelper::paths`].
fn files(typed: &str) -> Vec<String> {
    let (dir, begin) = parts(typed);
    let Ok(listing) = std::fs::read_dir(if dir.is_empty() { "." } else { dir }) else { return Vec::new() };
    let names = listing.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let offered = names.filter(|name| fits(name, begin)).take(MAX_OFFERED).map(|name| {
        let path = format!("{dir}{name}");
        if std::path::Path::new(&path).is_dir() { path + "/" } else { path }
    });
    offered.collect()
}

impl Completer for ShellHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = typed(&line[..pos]);
        let Offers { kept, mut rest, goes_on } = self.offers(typed.place(), &typed.word);
        let begin = typed.word.strip_prefix(&*kept).unwrap_or_default();
        rest.retain(|text| text.starts_with(begin));
        rest.sort_unstable();
        rest.dedup();
        let pair = |text: String| {
            let name = text.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
            // In a directory the word goes on, and so it does where a value is to follow.
            let whole = !goes_on && !text.ends_with(['/', '=']);
            let mut replacement = quoted(&format!("{kept}{text}"), typed.quote, whole);
            if whole {
                replacement.push(' ');
            }
            Pair { display: text[name..].to_owned(), replacement }
        };
        Ok((typed.start, rest.into_iter().map(pair).collect()))
    }
}
