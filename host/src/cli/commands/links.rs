//! ln, mkfifo, mknod.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::{Args, ValueEnum};
use nxvfs_abi::types::mode;

use super::copy::present;
use super::names::each;
use super::places::{identity, inside, is_directory, spot};
use crate::Task;
use crate::base::Result;
use crate::cli::failure::{Done, ShellError, about, at};
use crate::cli::shell::Shell;
use crate::cli::text::shown;

/// Give a file one more name, or make a symbolic link
#[derive(Args)]
#[command(after_help = "Examples:
  ln /tmp/a /tmp/also-a
  ln -s ../lib/a /tmp/bin/a         the target is kept as it is written")]
pub(in crate::cli) struct Ln {
    /// A symbolic link
    #[arg(short)]
    symbolic: bool,
    /// Replace a file that has the name already
    #[arg(short)]
    force: bool,
    /// The file, or the target of the link
    target: OsString,
    /// The new name, or the directory that gets the target's last name
    name: OsString,
}

impl Ln {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let (target, name) = (self.target.as_bytes(), self.name.as_bytes());
        let directory = shell.task.stat(name).is_ok_and(|s| is_directory(&s));
        let name = if directory { inside(name, target) } else { name.to_vec() };
        Ok(self.link(&shell.task, target, &name).map_err(about("ln", &name))?)
    }

    fn link(&self, task: &Task, target: &[u8], name: &[u8]) -> Result<()> {
        if self.force
            && let Some(there) = present(task.lstat(name))?
        {
            if is_directory(&there) {
                return Err(ShellError::OverDirectory { path: shown(name) }.into());
            }
            if !self.symbolic {
                // Before the old file goes: is there anything to put in its place?
                let status = task.lstat(target).map_err(at(target))?;
                if identity(&status) == identity(&there) {
                    return match spot(task, target)? == spot(task, name)? {
                        true => Err(ShellError::SameFile { from: shown(target), to: shown(name) }.into()),
                        false => Ok(()),
                    };
                }
            }
            task.unlink(name)?;
        }
        if self.symbolic { task.symlink(target, name) } else { task.link(target, name) }
    }
}

/// Make FIFOs
#[derive(Args)]
#[command(after_help = "Example:
  mkfifo /tmp/queue

On a volume or in the host's own tree. Who opens one end waits for the other.")]
pub(in crate::cli) struct Mkfifo {
    /// The FIFOs
    #[arg(required = true)]
    paths: Vec<OsString>,
}

impl Mkfifo {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        each(shell, "mkfifo", &self.paths, |shell, path| shell.task.mknod(path, mode::S_IFIFO | 0o666, 0))
    }
}

/// Types of nodes as mknod(1) writes them.
#[derive(Clone, Copy, ValueEnum)]
enum NodeType {
    /// A block device
    B,
    /// A character device
    C,
    /// A FIFO
    P,
}

/// Make a device node on a volume, or a FIFO
#[derive(Args)]
#[command(after_help = "Example:
  mknod /tmp/console c 5 1

A device node leads to the device in /dev that has the number ('stat' tells it), if the volume is mounted with -o dev.
Devices are attached with 'attach'.")]
pub(in crate::cli) struct Mknod {
    /// The node
    path: OsString,
    /// Block device, character device or FIFO
    #[arg(value_name = "TYPE")]
    kind: NodeType,
    /// Major number of the device
    #[arg(requires = "minor", required_if_eq_any = [("kind", "b"), ("kind", "c")])]
    major: Option<u32>,
    /// Minor number of the device
    minor: Option<u32>,
}

impl Mknod {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let kind = match self.kind {
            NodeType::B => mode::S_IFBLK,
            NodeType::C => mode::S_IFCHR,
            NodeType::P => mode::S_IFIFO,
        };
        let number = |n: Option<u32>| u64::from(n.unwrap_or(0));
        let rdev = number(self.major) << 32 | number(self.minor);
        let path = self.path.as_bytes();
        Ok(shell.task.mknod(path, kind | 0o666, rdev).map_err(about("mknod", path))?)
    }
}
