//! du.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use serde::Serialize;

use super::places::{Identity, identity, is_directory, names};
use crate::base::Error;
use crate::cli::failure::{Done, Failure, ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{human, join, lossy, shown};

/// Show how much space files and directories take
#[derive(Args)]
#[command(disable_help_flag = true)]
#[command(after_help = "Examples:
  du -s /rom /tmp
  du -h /tmp

In units of 1024 bytes, each directory after those below it. Links are not followed; a file with several names counts once.")]
pub(in crate::cli) struct Du {
    /// Only the sum of each operand
    #[arg(short)]
    summary: bool,
    /// Sizes for people: K, M, G (powers of 1024)
    #[arg(short)]
    human: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Directories or files; '.' if left out
    #[arg(default_value = ".")]
    paths: Vec<OsString>,
}

#[derive(Serialize)]
struct DuDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    size_bytes: u64,
}

/// What one run of du remembers.
#[derive(Default)]
struct Seen {
    /// Files with several names.
    linked: HashSet<Identity>,
    /// The directories on the way, to notice one that contains itself.
    above: Vec<Identity>,
}

impl Du {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        shell.out.begin_list()?;
        let mut seen = Seen::default();
        for path in self.paths.iter().map(|p| p.as_bytes()) {
            self.node(shell, path, true, &mut seen)?;
        }
        shell.out.end_list()
    }

    /// Bytes that a file takes, or a directory with what is below. Errors are told; what cannot be seen counts nothing.
    fn node(&self, shell: &mut Shell, path: &[u8], operand: bool, seen: &mut Seen) -> Result<u64, Failure> {
        let status = match shell.task.lstat(path) {
            Ok(status) => status,
            Err(error) => {
                shell.complain(&about("du", path)(error));
                return Ok(0);
            }
        };
        let directory = is_directory(&status);
        if directory && seen.above.contains(&identity(&status)) {
            shell.complain(&Error::from(ShellError::Cycle { path: shown(path) }).doing("du"));
            return Ok(0);
        }
        if !directory && status.attr.nlink > 1 && !seen.linked.insert(identity(&status)) {
            return Ok(0);
        }
        let mut bytes = status.attr.blocks.saturating_mul(512);
        if directory {
            let entries = names(shell, "du", path).unwrap_or_else(|error| {
                shell.complain(&about("du", path)(error));
                Vec::new()
            });
            seen.above.push(identity(&status));
            for name in entries {
                bytes = bytes.saturating_add(self.node(shell, &join(path, &name), false, seen)?);
            }
            seen.above.pop();
        }
        if operand || directory && !self.summary {
            self.show(shell, path, bytes)?;
        }
        Ok(bytes)
    }

    fn show(&self, shell: &mut Shell, path: &[u8], size_bytes: u64) -> Done {
        if shell.out.json {
            let (path, path_bytes) = lossy(path);
            return shell.out.item(&DuDocument { path, path_bytes, size_bytes });
        }
        let size = if self.human { human(size_bytes) } else { size_bytes.div_ceil(1024).to_string() };
        write!(shell.out, "{size}\t")?;
        shell.out.name(path)?;
        Ok(writeln!(shell.out)?)
    }
}
