//! Board files: `nxvfs board`, and what `--board FILE` brings up.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;

use super::Globals;
use super::failure::{Done, Failure};
use super::output::Output;
use crate::Host;
use crate::base::Result;
use crate::task::{Board, Fault, Given, Step};

/// For commands that work on a whole board.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct BoardArg {
    /// Bring up the plugins, devices and mounts of this file first (docs/board.md)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) board: Option<PathBuf>,
}

/// Brings up what a file tells of. Errors: EINVAL, and then nothing came up; else those of what failed, in one sentence with
/// a line for each, and the rest came up.
pub(super) fn bring_up(host: &Host, file: &Path) -> Result<()> {
    host.bring_up(&Board::read(file)?)
}

#[derive(Subcommand)]
pub(super) enum BoardCommand {
    /// Say all that is wrong with a board, without bringing it up
    #[command(about = "Say all that is wrong with a board, without bringing it up")]
    #[command(after_help = "Examples:
  nxvfs board check board.toml
  nxvfs board check --json board.toml

Exit status 1 if something is wrong. What only a driver knows, such as the content of an image, is not looked at.")]
    Check {
        /// The board
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Show what a board brings up, in its order
    #[command(about = "Show what a board brings up, in its order")]
    #[command(after_help = "Example:
  nxvfs board show board.toml")]
    Show {
        /// The board
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// Runs a command of `nxvfs board`.
pub(super) fn run(command: &BoardCommand, globals: &Globals, out: &mut Output) -> Done {
    match command {
        BoardCommand::Check { file } => check(globals, file, out),
        BoardCommand::Show { file } => show(&Board::read(file).map_err(|e| e.doing("board show"))?, out),
    }
}

#[derive(Serialize)]
struct Wrong<'a> {
    file: &'a str,
    line: usize,
    errno: &'static str,
    what: &'a str,
    #[serde(rename = "where")]
    place: &'a str,
    expected: &'a str,
    found: &'a str,
    remedy: &'a str,
}

fn check(globals: &Globals, file: &Path, out: &mut Output) -> Done {
    let (board, mut faults) = Board::read_all(file).map_err(|e| e.doing("board check"))?;
    faults.extend(Host::new(globals.host_options())?.check_board(&board));
    faults.sort_by_key(|fault| fault.line);
    let name = file.to_string_lossy();
    out.begin_list()?;
    for Fault { line, error } in &faults {
        if out.json {
            let detail = error.detail();
            out.item(&Wrong {
                file: &name,
                line: *line,
                errno: error.errno().name(),
                what: &detail.what,
                place: &detail.place,
                expected: &detail.expected,
                found: &detail.found,
                remedy: &detail.remedy,
            })?;
        } else {
            out.name(format!("{name}:{line}: {error}").as_bytes())?;
            writeln!(out)?;
        }
    }
    out.end_list()?;
    if faults.is_empty() {
        if !out.json {
            let entries = board.entries().len();
            writeln!(
                out,
                "{name}: {entries} {}, nothing wrong",
                if entries == 1 { "entry" } else { "entries" }
            )?;
        }
        return Ok(());
    }
    out.flush()?;
    Err(Failure::Said)
}

/// An entry as it is shown.
#[derive(Default, Serialize)]
struct Shown<'a> {
    line: usize,
    kind: &'static str,
    /// What it makes: a node, a mount point, a name.
    name: &'a str,
    /// The driver or file system.
    driver: Option<&'a str>,
    /// What it is made of: a device, a file, a link's target.
    source: Option<&'a str>,
    start_sector: Option<u64>,
    sectors: Option<u64>,
    mode: Option<u32>,
    params: BTreeMap<&'a str, Option<&'a str>>,
}

impl<'a> Shown<'a> {
    fn of(line: usize, step: &'a Step) -> Self {
        let shown = match step {
            Step::Plugin { name, params } => Shown { name, params: map(params), ..Self::kind("plugin") },
            Step::PluginFile { file, params } => {
                let source = file.to_str();
                Shown { source, params: map(params), ..Self::kind("plugin") }
            }
            Step::Device { driver, node, params } => {
                Shown { name: node, driver: Some(driver), params: map(params), ..Self::kind("device") }
            }
            Step::Table { device } => Shown { source: Some(device), ..Self::kind("partition") },
            Step::Partition { device, node, start_sector, sectors } => Shown {
                name: node,
                source: Some(device),
                start_sector: Some(*start_sector),
                sectors: Some(*sectors),
                ..Self::kind("partition")
            },
            Step::Mount { source, target, fs, options } => Shown {
                name: target,
                driver: Some(fs),
                source: source.as_deref(),
                params: map(options),
                ..Self::kind("mount")
            },
            Step::Folder { path, mode } => Shown { name: path, mode: Some(*mode), ..Self::kind("folder") },
            Step::Link { path, target } => Shown { name: path, source: Some(target), ..Self::kind("link") },
        };
        Shown { line, ..shown }
    }

    fn kind(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The parameters as after `-o`, and what else there is to say.
    fn rest(&self) -> String {
        let mut words: Vec<String> = self.params.iter().map(|(name, value)| word(name, *value)).collect();
        if let (Some(start), Some(count)) = (self.start_sector, self.sectors) {
            words.push(format!("sectors {start} to {}", start.saturating_add(count).saturating_sub(1)));
        }
        words.extend(self.mode.map(|mode| format!("mode {mode:#o}")));
        words.join(" ")
    }
}

fn map(given: &Given) -> BTreeMap<&str, Option<&str>> {
    given.iter().map(|(name, value)| (&**name, value.as_deref())).collect()
}

fn word(name: &str, value: Option<&str>) -> String {
    value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}"))
}

fn show(board: &Board, out: &mut Output) -> Done {
    let all: Vec<Shown<'_>> =
        board.entries().iter().map(|entry| Shown::of(entry.line, &entry.step)).collect();
    if out.json {
        return out.document(&all);
    }
    let titles = ["Line", "Entry", "Name", "Driver", "Of", "Parameters"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for entry in &all {
        let cell = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let (driver, source) = (entry.driver.unwrap_or_default(), entry.source.unwrap_or_default());
        let cells = [entry.kind, entry.name, driver, source, &entry.rest()].map(cell);
        rows.push([vec![entry.line.to_string()], cells.to_vec()].concat());
    }
    out.table(&[true, false, false, false, false, false], &rows)
}
