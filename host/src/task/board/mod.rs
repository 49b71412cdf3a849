//! A board: what a host is brought up with, told by a file. `docs/board.md` has all of it.
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

mod check;
mod content;
mod keys;
mod refusal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Host, MountOptions};
use crate::base::{Detail, Errno, Error, Result};
use crate::tree::Caller;

pub use refusal::BoardError;

/// Longest board, in bytes.
const MAX_LEN_BYTES: u64 = 1 << 20;

/// What a user gives to a driver.
pub type Given = Vec<(String, Option<String>)>;

/// A board's file, understood.
#[derive(Clone, Debug)]
pub struct Board {
    file: PathBuf,
    /// In the order in which they stand there.
    entries: Vec<Entry>,
    /// Whether these are all: none was left out because something is wrong with it.
    whole: bool,
}

/// One entry of a board.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it begins.
    pub line: usize,
    /// Where its keys stand; those in tables as `params.NAME`.
    lines: BTreeMap<String, usize>,
    /// What it asks for.
    pub step: Step,
}

/// What an entry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A plugin, loaded by its name.
    Plugin {
        /// Its name.
        name: String,
        /// Its parameters.
        params: Given,
    },
    /// A plugin, loaded from a file of the operating system.
    PluginFile {
        /// The file.
        file: PathBuf,
        /// Its parameters.
        params: Given,
    },
    /// A device.
    Device {
        /// Its driver.
        driver: String,
        /// Its node.
        node: String,
        /// The driver's parameters.
        params: Given,
    },
    /// The partitions that a device's table tells of.
    Table {
        /// The device's node.
        device: String,
    },
    /// Some sectors of a device.
    Partition {
        /// The device's node.
        device: String,
        /// The partition's node.
        node: String,
        /// First sector.
        start_sector: u64,
        /// How many sectors.
        sectors: u64,
    },
    /// A volume.
    Mount {
        /// The device's node, or any word; `None` for a file system without a device.
        source: Option<String>,
        /// Where it is mounted.
        target: String,
        /// The file system.
        fs: String,
        /// As after `-o`.
        options: Given,
    },
    /// A directory of the host's own tree, or of the volume that is mounted above.
    Folder {
        /// Its path.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Its path.
        path: String,
        /// Where it leads.
        target: String,
    },
}

/// What is wrong with a board, or failed, and the line that it stands in.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The line, from 1 on.
    pub line: usize,
    /// What and why.
    pub error: Error,
}

impl Board {
    /// Reads a board's file. Errors: those of reading it, EFBIG, EINVAL; the sentence has a line for all that is wrong,
    /// with its place.
    pub fn read(file: &Path) -> Result<Self> {
        Self::parse(file, &text_of(file)?)
    }

    /// Understands a board's text; `file` is what messages call it. Errors: EINVAL, as [`Board::read`].
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        let (board, faults) = Self::parse_all(file, text);
        gather(file, &faults).map(|()| board)
    }

    /// Reads a board's file; answers what can be understood of it, and all that cannot. Errors: those of reading it, EFBIG.
    pub fn read_all(file: &Path) -> Result<(Self, Vec<Fault>)> {
        Ok(Self::parse_all(file, &text_of(file)?))
    }

    /// As [`Board::read_all`], of a text.
    pub fn parse_all(file: &Path, text: &str) -> (Self, Vec<Fault>) {
        let (entries, faults) = content::read(text);
        let whole = faults.is_empty();
        (Self { file: file.to_owned(), entries, whole }, faults)
    }

    /// What it asks for, in its order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn text_of(file: &Path) -> Result<String> {
    let read = || {
        if std::fs::metadata(file)?.len() > MAX_LEN_BYTES {
            return Err(BoardError::TooLong {}.into());
        }
        Ok(std::fs::read_to_string(file)?)
    };
    read().map_err(|e: Error| e.doing(format_args!("board {}", file.display())))
}

/// All faults as one error: the errno is the first one's, the sentence has a line for each.
fn gather(file: &Path, faults: &[Fault]) -> Result<()> {
    let told = |fault: &Fault| fault.error.clone().doing(format_args!("{}:{}", file.display(), fault.line));
    match faults {
        [] => Ok(()),
        [one] => Err(told(one)),
        [first, ..] => {
            let sentences: Vec<String> = faults.iter().map(|fault| told(fault).to_string()).collect();
            let what = sentences.join("\n").into();
            Err(Error::new(first.error.errno(), Detail { what, ..Detail::default() }))
        }
    }
}

impl Host {
    /// Brings up what a board tells of, in its order. What fails is passed over, so that all failures are told at once:
    /// the errno is the first one's, the sentence has a line for each. What came up stays.
    pub fn bring_up(&self, board: &Board) -> Result<()> {
        let mut faults = Vec::new();
        for Entry { line, step, .. } in &board.entries {
            if let Err(error) = self.step(step) {
                faults.push(Fault { line: *line, error });
            }
        }
        gather(&board.file, &faults)
    }

    fn step(&self, step: &Step) -> Result<()> {
        match step {
            Step::Plugin { name, params } => {
                if !params.is_empty() {
                    self.make_way(name)?;
                }
                self.plugins().modprobe(name, params)
            }
            Step::PluginFile { file, params } => self.plugins().insmod(file, params, false).map(drop),
            Step::Device { driver, node, params } => self.attach(driver, node, params),
            Step::Table { device } => match self.rescan(device)? {
                Some(_) => Ok(()),
                None => Err(BoardError::NoTable { node: device.clone() }.into()),
            },
            Step::Partition { device, node, start_sector, sectors } => {
                self.attach_partition(device, node, *start_sector, *sectors)
            }
            Step::Mount { source, target, fs, options } => {
                let options = MountOptions::parse(options.clone())?;
                self.mount(source.as_deref(), target, fs, &options).map(drop)
            }
            Step::Folder { path, mode } => {
                self.folder(path, *mode).map_err(|e| e.doing(format_args!("mkdir {path}")))
            }
            Step::Link { path, target } => {
                let link = || {
                    self.parents(path)?;
                    self.tree().symlink(
                        &Caller::host(),
                        &self.tree().root(),
                        target.as_bytes(),
                        path.as_bytes(),
                    )
                };
                link().map_err(|e: Error| e.doing(format_args!("link {path}")))
            }
        }
    }

    /// Removes a plugin that is there already, as those that are linked into the program are: with other parameters it
    /// begins anew. Errors: EBUSY.
    fn make_way(&self, plugin: &str) -> Result<()> {
        match self.plugins().rmmod(plugin) {
            Err(e) if e.errno() != Errno::ENOENT => Err(e),
            _ => Ok(()),
        }
    }

    fn folder(&self, path: &str, mode: u32) -> Result<()> {
        self.parents(path)?;
        let caller = Caller::host();
        caller.set_umask(0);
        self.tree().mkdir(&caller, &self.tree().root(), path.as_bytes(), mode)
    }

    /// Makes the directories that are missing above a path.
    fn parents(&self, path: &str) -> Result<()> {
        for (at, _) in path.match_indices('/').skip(1) {
            let made = self.tree().mkdir(&Caller::host(), &self.tree().root(), &path.as_bytes()[..at], 0o755);
            if let Err(e) = made
                && e.errno() != Errno::EEXIST
            {
                return Err(e);
            }
        }
        Ok(())
    }
}
