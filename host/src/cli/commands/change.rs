//! touch, truncate, chmod.

use std::ffi::OsString;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use nxvfs_abi::types::{Timespec, open};

use super::names::each;
use super::transfer::Descriptor;
use crate::Task;
use crate::base::{Errno, Result};
use crate::cli::failure::Done;
use crate::cli::shell::Shell;
use crate::cli::text::bytes_argument;

/// Makes a file if it is missing; answers whether it did.
fn make(task: &Task, path: &[u8]) -> Result<bool> {
    match task.stat(path) {
        // Opening with O_CREAT alone would refuse a directory.
        Ok(_) => Ok(false),
        Err(error) if error.errno() == Errno::ENOENT => {
            Descriptor::open(task, path, open::O_WRONLY | open::O_CREAT, 0o666)?.close()?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Set the times of files to now; make those that are missing
#[derive(Args)]
#[command(after_help = "Example:
  touch /tmp/stamp")]
pub(in crate::cli) struct Touch {
    /// The files
    #[arg(required = true)]
    paths: Vec<OsString>,
}

impl Touch {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        // Before 1970 nobody runs this; the file system would refuse what is none.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let now = Timespec { seconds, nanoseconds: since.subsec_nanos(), reserved: 0 };
        each(shell, "touch", &self.paths, |shell, path| match make(&shell.task, path)? {
            true => Ok(()),
            false => shell.task.utimens(path, Some(now), Some(now)),
        })
    }
}

/// Set the length of files; make those that are missing
#[derive(Args)]
#[command(after_help = "Example:
  truncate -s 64K /tmp/image

What is cut off is lost; what is added is zeros.")]
pub(in crate::cli) struct Truncate {
    /// The length
    #[arg(short, value_parser = bytes_argument)]
    size: u64,
    /// The files
    #[arg(required = true)]
    paths: Vec<OsString>,
}

impl Truncate {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        each(shell, "truncate", &self.paths, |shell, path| {
            make(&shell.task, path)?;
            shell.task.truncate(path, self.size)
        })
    }
}

/// Permission bits as octal digits.
fn octal(text: &str) -> Result<u32, String> {
    let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777 && !text.starts_with('+'));
    bits.ok_or_else(|| "expected octal digits, at most 7777".to_owned())
}

/// Set the permissions of files
#[derive(Args)]
#[command(after_help = "Example:
  chmod 644 /tmp/a /tmp/b")]
pub(in crate::cli) struct Chmod {
    /// The permissions, octal
    #[arg(value_parser = octal)]
    mode: u32,
    /// The files; links are followed
    #[arg(required = true)]
    paths: Vec<OsString>,
}

impl Chmod {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        each(shell, "chmod", &self.paths, |shell, path| shell.task.chmod(path, self.mode))
    }
}
