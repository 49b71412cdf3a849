//! The files of a volume, one after the other.

use std::collections::HashSet;

use super::refusal::ImageError;
use crate::base::Error;
use crate::cli::commands::{Identity, identity, is_directory, names_in as names};
use crate::cli::failure::{Done, ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{join, shown};
use crate::tree::Stat;

/// Calls `act` for a file, or a directory and all that is in it, in the order of names. Errors of single files are told
/// and the rest is done.
pub(super) fn each(
    shell: &mut Shell,
    command: &str,
    path: &[u8],
    act: &mut dyn FnMut(&mut Shell, &[u8], &Stat) -> Done,
) -> Done {
    below(shell, command, path, &mut Vec::new(), act)
}

fn below(
    shell: &mut Shell,
    command: &str,
    path: &[u8],
    above: &mut Vec<Identity>,
    act: &mut dyn FnMut(&mut Shell, &[u8], &Stat) -> Done,
) -> Done {
    let status = match shell.task.lstat(path) {
        Ok(status) => status,
        Err(error) => {
            shell.complain(&about(command, path)(error));
            return Ok(());
        }
    };
    act(shell, path, &status)?;
    if !is_directory(&status) {
        return Ok(());
    }
    if above.contains(&identity(&status)) {
        shell.complain(&Error::from(ShellError::Cycle { path: shown(path) }).doing(command));
        return Ok(());
    }
    above.push(identity(&status));
    match names(shell, command, path) {
        Ok(names) => {
            for name in names {
                below(shell, command, &join(path, &name), above, act)?;
            }
        }
        Err(error) => shell.complain(&about(command, path)(error)),
    }
    above.pop();
    Ok(())
}

/// Files that one command has written, to notice names of the host that are one name on the volume.
#[derive(Default)]
pub(super) struct Written(HashSet<Identity>);

impl Written {
    /// Refuses what this command has written before.
    pub(super) fn refuse(&self, there: &Stat, to: &[u8]) -> Result<(), ImageError> {
        match self.0.contains(&identity(there)) {
            true => Err(ImageError::SameName { path: shown(to) }),
            false => Ok(()),
        }
    }

    /// This command has written it.
    pub(super) fn add(&mut self, status: &Stat) {
        self.0.insert(identity(status));
    }
}
