//! Copies of files and trees, for cp and mv.

use nxvfs_abi::types::mode;

use super::places::{Identity, identity, is_directory, is_within, names, spot};
use super::transfer::{BUFFER_BYTES, copy_content};
use crate::Task;
use crate::base::{Errno, Result};
use crate::cli::failure::{ShellError, about, at};
use crate::cli::shell::Shell;
use crate::cli::text::{join, shown};
use crate::tree::Stat;

/// Copies files, links and trees one after the other; the buffer is shared by all.
pub(super) struct Copier {
    /// Whose errors they are.
    command: &'static str,
    /// Directories are copied with what is in them, links as links, and special nodes as such.
    recursive: bool,
    /// Whether owner and times go along, as with a file that is moved.
    moves: bool,
    buf: Vec<u8>,
    /// The directories on the way down, to notice one that contains itself.
    above: Vec<Identity>,
    /// Whether nothing has failed.
    whole: bool,
}

impl Copier {
    /// For cp.
    pub(super) fn copying(recursive: bool) -> Self {
        let buf = vec![0; BUFFER_BYTES];
        Self { command: "cp", recursive, moves: false, buf, above: Vec::new(), whole: true }
    }

    /// For mv.
    pub(super) fn moving() -> Self {
        Self { command: "mv", moves: true, ..Self::copying(true) }
    }

    /// Copies `from` to exactly `to`. Errors are told, and the rest is done; answers whether there were none.
    pub(super) fn copy(&mut self, shell: &mut Shell, from: &[u8], to: &[u8]) -> bool {
        self.whole = true;
        self.one(shell, from, to);
        self.whole
    }

    fn one(&mut self, shell: &mut Shell, from: &[u8], to: &[u8]) {
        if let Err(error) = self.node(shell, from, to) {
            shell.complain(&about(self.command, from)(error));
            self.whole = false;
        }
    }

    fn node(&mut self, shell: &mut Shell, from: &[u8], to: &[u8]) -> Result<()> {
        let task = shell.task.clone();
        let status = if self.recursive { task.lstat(from)? } else { task.stat(from)? };
        if is_directory(&status) {
            return match self.recursive {
                true => self.directory(shell, from, &status, to),
                false => Err(ShellError::NotRecursive { path: shown(from) }.into()),
            };
        }
        if !self.recursive || status.attr.file_type() == mode::S_IFREG {
            return self.file(&task, from, &status, to);
        }
        // A link or a special node cannot be written over: what is there makes room.
        if let Some(there) = present(task.lstat(to)).map_err(at(to))? {
            refuse_over(&status, from, &there, to)?;
            task.unlink(to).map_err(at(to))?;
        }
        if status.attr.file_type() == mode::S_IFLNK {
            return task.symlink(task.readlink(from)?, to).map_err(at(to));
        }
        task.mknod(to, status.attr.mode & (mode::S_IFMT | 0o777), status.attr.rdev).map_err(at(to))?;
        self.keep(&task, &status, to)
    }

    fn file(&mut self, task: &Task, from: &[u8], status: &Stat, to: &[u8]) -> Result<()> {
        let there = present(task.stat(to)).map_err(at(to))?;
        if let Some(there) = &there {
            refuse_over(status, from, there, to)?;
        }
        copy_content(task, from, to, status.attr.mode & 0o777, &mut self.buf)?;
        // A file that was there keeps its own bits.
        if there.is_none() { self.keep(task, status, to) } else { Ok(()) }
    }

    fn directory(&mut self, shell: &mut Shell, from: &[u8], status: &Stat, to: &[u8]) -> Result<()> {
        let task = shell.task.clone();
        if self.above.is_empty() && is_within(&spot(&task, to).map_err(at(to))?, &task.canonical(from)?) {
            return Err(ShellError::IntoItself { from: shown(from), to: shown(to) }.into());
        }
        if self.above.contains(&identity(status)) {
            return Err(ShellError::Cycle { path: shown(from) }.into());
        }
        let there = present(task.lstat(to)).map_err(at(to))?;
        match &there {
            Some(there) if !is_directory(there) => {
                return Err(ShellError::OverFile { path: shown(to) }.into());
            }
            Some(_) => {}
            // Writable while it is being filled.
            None => task.mkdir(to, status.attr.mode & 0o777 | 0o700).map_err(at(to))?,
        }
        let entries = names(shell, self.command, from)?;
        self.above.push(identity(status));
        for name in entries {
            self.one(shell, &join(from, &name), &join(to, &name));
        }
        self.above.pop();
        if there.is_none() { self.keep(&task, status, to) } else { Ok(()) }
    }

    /// Gives a new copy the permission bits, which creation masks; and what was moved its owner and its times. The
    /// set-id bits belong to the owner: without one they are dropped.
    fn keep(&self, task: &Task, status: &Stat, to: &[u8]) -> Result<()> {
        let attr = &status.attr;
        let owned = self.moves && task.chown(to, Some(attr.uid), Some(attr.gid)).is_ok();
        let bits = if owned { 0o7777 } else { 0o1777 };
        let kept = if_supported(task.chmod(to, attr.mode & bits), to);
        if !self.moves {
            // A copy is its maker's: EPERM says that the volume holds no such bits, as FAT does.
            return kept.or_else(|error| if error.errno() == Errno::EPERM { Ok(()) } else { Err(error) });
        }
        kept?;
        if_supported(task.utimens(to, Some(attr.atime), Some(attr.mtime)), to)
    }
}

/// What there is, or nothing if it is missing.
pub(in crate::cli) fn present(status: Result<Stat>) -> Result<Option<Stat>> {
    match status {
        Ok(status) => Ok(Some(status)),
        Err(error) if error.errno() == Errno::ENOENT => Ok(None),
        Err(error) => Err(error),
    }
}

/// Refuses to copy a file over itself, which would empty it, or over a directory.
fn refuse_over(status: &Stat, from: &[u8], there: &Stat, to: &[u8]) -> Result<()> {
    if identity(status) == identity(there) {
        return Err(ShellError::SameFile { from: shown(from), to: shown(to) }.into());
    }
    match is_directory(there) {
        true => Err(ShellError::OverDirectory { path: shown(to) }.into()),
        false => Ok(()),
    }
}

/// A file system that has no such attributes is no error.
fn if_supported(done: Result<()>, path: &[u8]) -> Result<()> {
    match done {
        Err(error) if matches!(error.errno(), Errno::ENOTSUP | Errno::ENOSYS) => Ok(()),
        done => done.map_err(at(path)),
    }
}
