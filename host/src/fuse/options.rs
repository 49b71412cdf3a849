//! The words of `-o` that are FUSE's own.

use fuser::{MountOption, SessionACL};

use super::refusal::FuseError;
use crate::base::Result;

/// How a tree becomes a folder.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who may see it: its owner, root too, or everybody.
    pub(super) access: SessionACL,
    /// Words that the kernel or its helper understands.
    pub(super) kernel: Vec<MountOption>,
    /// Whether the kernel may keep what is written for a while.
    pub(super) writeback: bool,
    /// How many requests are answered at a time.
    pub(super) threads: usize,
    /// No change is let through.
    pub(super) read_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            access: SessionACL::Owner,
            kernel: Vec::new(),
            writeback: true,
            threads: processors.clamp(2, 16),
            read_only: false,
        }
    }
}

impl Options {
    /// Takes a word if it is FUSE's alone; what the host also understands (`ro`, `noexec` …) is noted and left. Errors:
    /// EINVAL its value makes no sense.
    pub fn word(&mut self, name: &str, value: Option<&str>) -> Result<bool> {
        let shared = match (name, value) {
            ("ro", None) => {
                self.read_only = true;
                Some(MountOption::RO)
            }
            ("rw", None) => {
                self.read_only = false;
                self.kernel.retain(|option| *option != MountOption::RO);
                None
            }
            ("exec", None) => Some(MountOption::Exec),
            ("noexec", None) => Some(MountOption::NoExec),
            ("dev", None) => Some(MountOption::Dev),
            ("nodev", None) => Some(MountOption::NoDev),
            ("suid", None) => Some(MountOption::Suid),
            ("nosuid", None) => Some(MountOption::NoSuid),
            ("atime", None) => Some(MountOption::Atime),
            ("noatime", None) => Some(MountOption::NoAtime),
            ("sync", None) => Some(MountOption::Sync),
            ("dirsync", None) => Some(MountOption::DirSync),
            _ => return self.own(name, value),
        };
        if let Some(option) = shared {
            self.last_counts(option);
        }
        Ok(false)
    }

    fn own(&mut self, name: &str, value: Option<&str>) -> Result<bool> {
        match (name, value) {
            ("allow_other", None) => self.access = SessionACL::All,
            ("allow_root", None) => self.access = SessionACL::RootAndOwner,
            // It always is.
            ("default_permissions", None) => {}
            ("auto_unmount", None) => self.last_counts(MountOption::AutoUnmount),
            ("fsname", Some(name)) => self.last_counts(MountOption::FSName(name.to_owned())),
            ("subtype", Some(name)) => self.last_counts(MountOption::Subtype(name.to_owned())),
            ("writeback_cache", None) => self.writeback = true,
            ("no_writeback_cache", None) => self.writeback = false,
            ("threads", value) => {
                let threads = value.and_then(|v| v.parse().ok()).filter(|n| (1..=64).contains(n));
                let found = value.unwrap_or("").to_owned();
                let refusal = FuseError::Option { word: "threads", found, expected: "a number from 1 to 64" };
                self.threads = threads.ok_or(refusal)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Errors: EINVAL the helper that unmounts for a program that died wants the folder to be open to others.
    pub(super) fn go_together(&self) -> Result<()> {
        if self.access == SessionACL::Owner && self.kernel.contains(&MountOption::AutoUnmount) {
            let found = "neither".to_owned();
            return Err(FuseError::Option {
                word: "auto_unmount",
                found,
                expected: "allow_other or allow_root beside it",
            }
            .into());
        }
        Ok(())
    }

    /// Of two words that do not go together the last one counts, as in `mount(8)`.
    fn last_counts(&mut self, option: MountOption) {
        use MountOption::{
            Atime, AutoUnmount, Dev, DirSync, Exec, FSName, NoAtime, NoDev, NoExec, NoSuid, Subtype, Suid,
        };
        let group = |option: &MountOption| match option {
            FSName(_) => 0,
            Subtype(_) => 1,
            Dev | NoDev => 2,
            Suid | NoSuid => 3,
            Exec | NoExec => 4,
            Atime | NoAtime => 5,
            AutoUnmount => 6,
            MountOption::RO | MountOption::RW => 7,
            DirSync => 8,
            _ => 9,
        };
        self.kernel.retain(|other| group(other) != group(&option));
        self.kernel.push(option);
    }

    /// What the volume is called in the list of mounts, unless a word said so.
    pub fn name(&mut self, source: &str, kind: &str) {
        let has = |options: &[MountOption], name: fn(&MountOption) -> bool| options.iter().any(name);
        if !has(&self.kernel, |o| matches!(o, MountOption::FSName(_))) {
            // A comma would begin another option.
            self.kernel.push(MountOption::FSName(source.replace(',', "_")));
        }
        if !has(&self.kernel, |o| matches!(o, MountOption::Subtype(_))) {
            self.kernel.push(MountOption::Subtype(kind.to_owned()));
        }
    }
}
