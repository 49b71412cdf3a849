//! A board: what a host is brought up with, told by a file.
//!
//! ```toml
//! [[plugin]]                              # loaded before anything asks for it
//! name = "romfs"                          # or file = "/path/of/plugin.so"
//! params = { verbose = true }
//!
//! [[device]]
//! driver = "ramdisk-xip"
//! node = "/dev/rom0"
//! params = { image = "rom.img", ro = true }
//!
//! [[mount]]
//! source = "/dev/rom0"                    # absent for a file system without a device
//! target = "/rom"
//! type = "romfs"
//! options = "ro,mmap=xip"                 # as after -o
//! ```
//!
//! Everything is brought up in the order in which it stands there. Paths of the operating system begin at the process's
//! working directory.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::{Host, MountOptions};
use crate::base::error::teach;
use crate::base::{Detail, Error, Result};
use crate::plugin::params::parse_assignments;

teach! {
    /// Why a board cannot be.
    pub enum BoardError {
        /// Longer than any board.
        TooLong { file: String } => EFBIG, what: "too long for a board", place: "{file}",
            expected: "at most 1 MiB";
        /// Not what a board says.
        Wrong { file: String, line: usize, why: String } => EINVAL, what: "not a board", place: "{file}:{line}",
            found: "{why}", remedy: "docs/c-library.md shows one";
        /// A plugin that is not named, or twice.
        Unnamed {} => EINVAL, what: "a plugin is named by one of name and file";
        /// A parameter of a kind that drivers do not have.
        Param { name: String, found: String } => EINVAL, what: "not a value for a parameter", place: "{name}",
            expected: "a string, a whole number, or true or false", found: "{found}";
    }
}

/// Longest board, in bytes.
const MAX_LEN_BYTES: u64 = 1 << 20;

/// A board's file, understood.
#[derive(Clone, Debug)]
pub struct Board {
    file: PathBuf,
    /// In the order in which they stand there, each with its line.
    steps: Vec<(usize, Step)>,
}

#[derive(Clone, Debug)]
enum Step {
    Plugin(PluginEntry),
    Device(DeviceEntry),
    Mount(MountEntry),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    plugin: Vec<Spanned<PluginEntry>>,
    #[serde(default)]
    device: Vec<Spanned<DeviceEntry>>,
    #[serde(default)]
    mount: Vec<Spanned<MountEntry>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginEntry {
    name: Option<String>,
    file: Option<PathBuf>,
    #[serde(default)]
    params: Table,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceEntry {
    driver: String,
    node: String,
    #[serde(default)]
    params: Table,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MountEntry {
    source: Option<String>,
    target: String,
    #[serde(rename = "type")]
    fs: String,
    #[serde(default)]
    options: String,
}

/// The number of the line that a byte stands in.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn steps_of<T>(text: &str, entries: Vec<Spanned<T>>, step: fn(T) -> Step) -> Vec<(usize, Step)> {
    let line = |entry: &Spanned<T>| line_of(text, entry.span().start);
    entries.into_iter().map(|entry| (line(&entry), step(entry.into_inner()))).collect()
}

impl Board {
    /// Reads a board's file. Errors: those of reading it, EFBIG, EINVAL with the line.
    pub fn read(file: &Path) -> Result<Self> {
        let read = || {
            if std::fs::metadata(file)?.len() > MAX_LEN_BYTES {
                return Err(BoardError::TooLong { file: file.display().to_string() }.into());
            }
            Ok(std::fs::read_to_string(file)?)
        };
        let text = read().map_err(|e: Error| e.doing(format_args!("board {}", file.display())))?;
        Self::parse(file, &text)
    }

    /// Understands a board's text; `file` is what messages call it. Errors: EINVAL with the line.
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let content: Content = toml::from_str(text).map_err(|e: toml::de::Error| {
            let line = line_of(text, e.span().map_or(0, |span| span.start));
            let why = e.message().replace('\n', ", ");
            BoardError::Wrong { file: file.display().to_string(), line, why }
        })?;
        let mut steps = steps_of(text, content.plugin, Step::Plugin);
        steps.extend(steps_of(text, content.device, Step::Device));
        steps.extend(steps_of(text, content.mount, Step::Mount));
        steps.sort_by_key(|(line, _)| *line);
        Ok(Self { file: file.to_owned(), steps })
    }
}

impl Host {
    /// Brings up what a board tells of, in its order. What fails is passed over, so that all failures are told at once:
    /// the errno is the first one's, the sentence has a line for each. What came up stays.
    pub fn bring_up(&self, board: &Board) -> Result<()> {
        let mut failures = Vec::new();
        for (line, step) in &board.steps {
            if let Err(e) = self.step(step) {
                failures.push(e.doing(format_args!("{}:{line}", board.file.display())));
            }
        }
        let Some(first) = failures.first() else { return Ok(()) };
        if failures.len() == 1 {
            return Err(first.clone());
        }
        let sentences: Vec<String> = failures.iter().map(ToString::to_string).collect();
        Err(Error::new(first.errno(), Detail { what: sentences.join("\n").into(), ..Detail::default() }))
    }

    fn step(&self, step: &Step) -> Result<()> {
        match step {
            Step::Plugin(PluginEntry { name: Some(name), file: None, params }) => {
                self.plugins().modprobe(name, &given(params)?).map(drop)
            }
            Step::Plugin(PluginEntry { name: None, file: Some(file), params }) => {
                self.plugins().insmod(file, &given(params)?, false).map(drop)
            }
            Step::Plugin(_) => Err(BoardError::Unnamed {}.into()),
            Step::Device(DeviceEntry { driver, node, params }) => self.attach(driver, node, &given(params)?),
            Step::Mount(MountEntry { source, target, fs, options }) => {
                let options = MountOptions::parse(parse_assignments(options))?;
                self.mount(source.as_deref(), target, fs, &options).map(drop)
            }
        }
    }
}

/// Parameters as the words of a command line.
fn given(params: &Table) -> Result<Vec<(String, Option<String>)>> {
    let text = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(on) => if *on { "y" } else { "n" }.to_owned(),
            other => {
                return Err(
                    BoardError::Param { name: name.clone(), found: other.type_str().to_owned() }.into()
                );
            }
        };
        Ok((name.clone(), Some(text)))
    };
    params.iter().map(text).collect()
}
