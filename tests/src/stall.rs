//! A file system whose read does not return until it is let go: `tests/evil/stall.c`.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use nxvfs::HostOptions;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::fixture::shared_c_plugin;
use crate::{Board, Folder, Link, options};

/// A board that has the file system, and the way to talk to it.
pub struct Stall {
    folder: Folder,
    log: &'static str,
}

impl Default for Stall {
    fn default() -> Self {
        Self::new()
    }
}

impl Stall {
    /// Files to talk by.
    pub fn new() -> Self {
        Self::logging_to("log")
    }

    /// With this name of the file that gets a line for each call.
    pub fn logging_to(log: &'static str) -> Self {
        let folder = Folder::new();
        for fifo in ["entered", "leave"] {
            let mode = Mode::RUSR | Mode::WUSR;
            mknodat(CWD, folder.at(fifo), FileType::Fifo, mode, 0).expect("a FIFO");
        }
        Self { folder, log }
    }

    /// A board that waits so long for calls that do not return.
    pub fn board(&self, patience: Duration) -> Board {
        static FILE: OnceLock<PathBuf> = OnceLock::new();
        let board = Board::with(HostOptions { patience, ..options(Link::Static).into() });
        board.plugins().insmod(FILE.get_or_init(|| shared_c_plugin("stall.c")), &[], false).unwrap();
        board
    }

    /// The mount options.
    pub fn options(&self) -> String {
        let at = |name| self.folder.at(name).display().to_string();
        format!("log={},entered={},leave={}", at(self.log), at("entered"), at("leave"))
    }

    /// Waits until a read of byte 1 is under way.
    pub fn wait_until_entered(&self) {
        File::open(self.folder.at("entered")).expect("the read has begun");
    }

    /// Lets the read go, which must be under way.
    pub fn let_go(&self) {
        OpenOptions::new().write(true).open(self.folder.at("leave")).expect("the read waits");
    }

    /// What was asked of the file system, a line for each call.
    pub fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.at(self.log)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
