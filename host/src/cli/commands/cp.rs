//! cp and mv.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use nxvfs_abi::filesystem::RENAME_NOREPLACE;

use super::copy::{Copier, present};
use super::places::{destinations, identity, is_directory, removable, spot, without_mounts};
use super::remove::remove;
use crate::Task;
use crate::base::{Errno, Result};
use crate::cli::failure::{Done, ShellError, about, at};
use crate::cli::shell::Shell;
use crate::cli::text::shown;
use crate::tree::Stat;

/// Copy files, and with -r directories
#[derive(Args)]
#[command(after_help = "Examples:
  cp /rom/readme.txt /tmp
  cp -r /rom /tmp/copy              links are copied as links

New files get the permissions of the source without set-user-id and set-group-id.")]
pub(in crate::cli) struct Cp {
    /// Also directories with what is in them; links and special nodes are copied as such
    #[arg(short, visible_short_alias = 'R')]
    recursive: bool,
    /// The files
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<OsString>,
    /// The copy, or the directory that gets the copies
    #[arg(value_name = "DST")]
    target: OsString,
}

impl Cp {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let mut copier = Copier::copying(self.recursive);
        for (from, to) in destinations(&shell.task, "cp", &self.sources, self.target.as_bytes())? {
            copier.copy(shell, &from, &to);
        }
        Ok(())
    }
}

/// Rename or move files and directories
#[derive(Args)]
#[command(after_help = "Examples:
  mv /tmp/a /tmp/b
  mv -n /tmp/a /tmp/b /mnt

To another volume it copies and then removes; what fails to be copied stays.")]
#[group(skip)]
pub(in crate::cli) struct Mv {
    /// Leave what has the new name already, and the source, in silence
    #[arg(short)]
    no_clobber: bool,
    /// The files
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<OsString>,
    /// The new name, or the directory that gets the files
    #[arg(value_name = "DST")]
    target: OsString,
}

/// Whether two names are two spellings of one directory's name, where case does not count.
fn spelled_anew(task: &Task, source: &[u8], target: &[u8]) -> bool {
    let one = |a: &Stat, b: &Stat| is_directory(a) && identity(a) == identity(b);
    let (Ok(a), Ok(b)) = (task.lstat(source), task.lstat(target)) else { return false };
    one(&a, &b) && matches!((spot(task, source), spot(task, target)), (Ok(a), Ok(b)) if a != b)
}

impl Mv {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let target = self.target.as_bytes();
        let moves = match self.sources.first().map(|source| source.as_bytes()) {
            Some(source) if self.sources.len() == 1 && spelled_anew(&shell.task, source, target) => {
                vec![(source.to_vec(), target.to_vec())]
            }
            _ => destinations(&shell.task, "mv", &self.sources, target)?,
        };
        for (from, to) in moves {
            if let Err(error) = self.one(shell, &from, &to) {
                shell.complain(&about("mv", &from)(error));
            }
        }
        Ok(())
    }

    fn one(&self, shell: &mut Shell, from: &[u8], to: &[u8]) -> Result<()> {
        let task = shell.task.clone();
        let from = removable(&task, from)?;
        let status = task.lstat(from)?;
        let there = present(task.lstat(to)).map_err(at(to))?;
        if let Some(there) = &there {
            if self.no_clobber {
                return Ok(());
            }
            if identity(there) == identity(&status) {
                if spot(&task, from)? == spot(&task, to)? {
                    return Err(ShellError::SameFile { from: shown(from), to: shown(to) }.into());
                }
                if status.attr.nlink > 1 && !is_directory(&status) {
                    // Two names of one file: rename(2) leaves both, but it was to be moved.
                    return task.unlink(from);
                }
                // Where case does not count it is one name, to be spelled anew.
            }
        }
        let renamed = match task.rename(from, to, if self.no_clobber { RENAME_NOREPLACE } else { 0 }) {
            // A file system without this flag; nothing had the name a moment ago.
            Err(e) if self.no_clobber && matches!(e.errno(), Errno::EINVAL | Errno::ENOTSUP) => {
                task.rename(from, to, 0)
            }
            Err(e) if self.no_clobber && e.errno() == Errno::EEXIST => return Ok(()),
            renamed => renamed,
        };
        match renamed {
            Err(error) if error.errno() == Errno::EXDEV => {}
            Err(error) if error.errno() == Errno::EINVAL && is_directory(&status) => {
                return Err(ShellError::IntoItself { from: shown(from), to: shown(to) }.into());
            }
            renamed => return renamed,
        }
        without_mounts(shell, from)?;
        if let Some(there) = there {
            // As a rename would: only an empty directory makes room for another one.
            match (is_directory(&status), is_directory(&there)) {
                (true, true) => task.rmdir(to).map_err(at(to))?,
                (false, false) => task.unlink(to).map_err(at(to))?,
                (true, false) => return Err(ShellError::OverFile { path: shown(to) }.into()),
                (false, true) => return Err(ShellError::OverDirectory { path: shown(to) }.into()),
            }
        }
        if Copier::moving().copy(shell, from, to) {
            remove(shell, "mv", from);
        }
        Ok(())
    }
}
