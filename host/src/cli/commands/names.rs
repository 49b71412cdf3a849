//! cd, pwd, readlink, mkdir, rmdir.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use serde::Serialize;

use super::places::is_directory;
use crate::base::{Errno, Result};
use crate::cli::failure::{Done, ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{lossy, shown};

/// A path in JSON.
#[derive(Serialize)]
struct PathDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
}

fn show(shell: &mut Shell, path: &[u8]) -> Done {
    if shell.out.json {
        let (path, path_bytes) = lossy(path);
        return shell.out.document(&PathDocument { path, path_bytes });
    }
    shell.out.name(path)?;
    Ok(writeln!(shell.out)?)
}

/// Does something with each path; errors are told and the rest is done.
pub(super) fn each(
    shell: &mut Shell,
    command: &str,
    paths: &[OsString],
    act: impl Fn(&Shell, &[u8]) -> Result<()>,
) -> Done {
    for path in paths.iter().map(|p| p.as_bytes()) {
        if let Err(error) = act(shell, path) {
            shell.complain(&about(command, path)(error));
        }
    }
    Ok(())
}

/// Change the working directory
#[derive(Args)]
#[command(after_help = "Example:
  cd /rom")]
pub(in crate::cli) struct Cd {
    /// The directory
    #[arg(default_value = "/")]
    path: OsString,
}

impl Cd {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let path = self.path.as_bytes();
        Ok(shell.task.chdir(path).map_err(about("cd", path))?)
    }
}

/// Print the working directory
#[derive(Args)]
#[command(after_help = "Example:
  pwd")]
pub(in crate::cli) struct Pwd {}

impl Pwd {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let path = shell.task.getcwd();
        show(shell, &path)
    }
}

/// Print the target of a symbolic link
#[derive(Args)]
#[command(after_help = "Examples:
  readlink /rom/latest
  readlink -f /rom/latest           the absolute path without any link")]
pub(in crate::cli) struct Readlink {
    /// Print the absolute path without links, '.' and '..'
    #[arg(short = 'f')]
    canonical: bool,
    /// The link
    path: OsString,
}

impl Readlink {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let path = self.path.as_bytes();
        let found = match self.canonical {
            true => shell.task.canonical(path),
            false => shell.task.readlink(path),
        };
        let found = found.map_err(|e| match e.errno() {
            Errno::EINVAL => ShellError::NotLink { path: shown(path) }.into(),
            _ => e,
        });
        let found = found.map_err(about("readlink", path))?;
        show(shell, &found)
    }
}

/// Make directories
#[derive(Args)]
#[command(after_help = "Example:
  mkdir -p /mnt/a/b")]
#[group(skip)]
pub(in crate::cli) struct Mkdir {
    /// Also the missing ones above; one that is there already is no error
    #[arg(short)]
    parents: bool,
    /// The directories
    #[arg(required = true)]
    paths: Vec<OsString>,
}

impl Mkdir {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let parents = self.parents;
        each(shell, "mkdir", &self.paths, |shell, path| {
            if !parents {
                return shell.task.mkdir(path, 0o777);
            }
            let ends = (1..path.len()).filter(|i| path[*i] == b'/').chain([path.len()]);
            ends.map(|end| &path[..end]).try_for_each(|part| match shell.task.mkdir(part, 0o777) {
                Err(_) if shell.task.stat(part).is_ok_and(|s| is_directory(&s)) => Ok(()),
                made => made,
            })
        })
    }
}

/// Take empty directories away
#[derive(Args)]
#[command(after_help = "Example:
  rmdir /mnt/a")]
pub(in crate::cli) struct Rmdir {
    /// The directories
    #[arg(required = true)]
    paths: Vec<OsString>,
}

impl Rmdir {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        each(shell, "rmdir", &self.paths, |shell, path| shell.task.rmdir(path))
    }
}
