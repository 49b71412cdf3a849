//! rm.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::places::{Identity, identity, is_directory, names, removable, without_mounts};
use crate::base::{Errno, Result};
use crate::cli::failure::{Done, ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{join, shown};

/// Take names of files away, and with -r directories with what is in them
#[derive(Args)]
#[command(after_help = "Examples:
  rm /mnt/a/old.txt
  rm -r -f /tmp/work

A directory in which a volume is mounted is refused before anything is removed.")]
#[group(skip)]
pub(in crate::cli) struct Rm {
    /// Also directories with what is in them; links are removed, not followed
    #[arg(short, visible_short_alias = 'R')]
    recursive: bool,
    /// A name that is not there is no error
    #[arg(short)]
    force: bool,
    /// The files
    #[arg(required_unless_present = "force")]
    paths: Vec<OsString>,
}

impl Rm {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        for path in self.paths.iter().map(|p| p.as_bytes()) {
            match self.one(shell, path) {
                Err(e) if self.force && e.errno() == Errno::ENOENT => {}
                Err(error) => shell.complain(&about("rm", path)(error)),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn one(&self, shell: &mut Shell, path: &[u8]) -> Result<()> {
        let status = shell.task.lstat(path)?;
        if !is_directory(&status) {
            return shell.task.unlink(path);
        }
        if !self.recursive {
            return Err(ShellError::NotRecursive { path: shown(path) }.into());
        }
        let path = removable(&shell.task, path)?;
        without_mounts(shell, path)?;
        remove(shell, "rm", path);
        Ok(())
    }
}

/// Removes a file, or a directory with what is in it. Errors are told, and the rest is done.
pub(super) fn remove(shell: &mut Shell, command: &str, path: &[u8]) {
    below(shell, command, path, &mut Vec::new());
}

/// `above` are the directories on the way, to notice one that contains itself. Answers whether it is gone.
fn below(shell: &mut Shell, command: &str, path: &[u8], above: &mut Vec<Identity>) -> bool {
    let done = node(shell, command, path, above);
    let gone = matches!(done, Ok(true));
    if let Err(error) = done {
        shell.complain(&about(command, path)(error));
    }
    gone
}

fn node(shell: &mut Shell, command: &str, path: &[u8], above: &mut Vec<Identity>) -> Result<bool> {
    let status = shell.task.lstat(path)?;
    if !is_directory(&status) {
        return shell.task.unlink(path).map(|()| true);
    }
    if above.contains(&identity(&status)) {
        return Err(ShellError::Cycle { path: shown(path) }.into());
    }
    above.push(identity(&status));
    let mut empty = true;
    for name in names(shell, command, path)? {
        empty &= below(shell, command, &join(path, &name), above);
    }
    above.pop();
    // What is left has been told; that the directory is not empty is no news.
    if empty { shell.task.rmdir(path).map(|()| true) } else { Ok(false) }
}
