//! mount, umount.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{Done, ShellError};
use crate::cli::shell::Shell;
use crate::plugin::params::parse_assignments;
use crate::task::{MountOptions, MountStatus};
use crate::tree::UnmountFlags;

use super::caps::show_caps;
use super::plugins::User;

/// Mount a volume, and show what was agreed on mapping; without arguments list what is mounted
#[derive(Args)]
#[command(override_usage = "mount [-t FS [-o OPTS] [SOURCE] TARGET]\n       mount -o remount[,OPTS] TARGET")]
#[command(after_help = "Examples:
  mount -t romfs /dev/ram0 /rom
  mount -t romfs -o mmap=xip /dev/ram0 /rom     in place, or refuse
  mount -o remount,ro /mnt                      no more changes; refused while files are open for writing
  mount

Options of the host: ro, rw, nosuid, nodev (default), dev, noexec, noatime, relatime (default), sync, dirsync,
mmap=auto|xip|ram|none. Others are the file system's; 'modinfo' lists them.")]
pub(in crate::cli) struct Mount {
    /// The file system's driver
    #[arg(short = 't', value_name = "FS", requires = "operands")]
    fs: Option<String>,
    /// Options, with commas between
    #[arg(short, value_name = "OPTS", requires = "operands")]
    options: Vec<String>,
    /// The device, if the file system needs one, and the mount point
    #[arg(value_name = "[SOURCE] TARGET", num_args = 1..=2)]
    operands: Vec<String>,
}

#[derive(Serialize)]
struct MountDocument {
    path: String,
    source: String,
    fs: String,
    plugin: String,
    block_driver: Option<String>,
    read_only: bool,
    options: Vec<String>,
    mmap: String,
    reason: String,
    users: Vec<User>,
}

impl Mount {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let words = self.options.iter().flat_map(|text| parse_assignments(text)).collect();
        let options = MountOptions::parse(words).map_err(|e| e.doing("mount"))?;
        if options.remount() {
            // A source before the target is what mount(8) shows; what is mounted there has its own.
            let Some(target) = self.operands.last() else { return list(shell) };
            return Ok(shell.host.remount(&shell.absolute(target), &options)?);
        }
        let Some(fs) = &self.fs else {
            return if self.operands.is_empty() { list(shell) } else { Err(no_type().into()) };
        };
        let (source, target) = match &self.operands[..] {
            [source, target] => (Some(source), target),
            [target, ..] => (None, target),
            [] => return list(shell),
        };
        // A word without a slash is no path: it names a source to file systems without a device.
        let source = source.map(|s| if s.contains('/') { shell.absolute(s) } else { s.clone() });
        let target = shell.absolute(target);
        let mounted = shell.host.mount(source.as_deref(), &target, fs, &options)?;
        let path = mounted.mount.path().to_string();
        match shell.host.mounts().iter().rev().find(|m| m.path == path) {
            Some(mount) => show_caps(&mut shell.out, mount),
            None => Ok(()),
        }
    }
}

fn no_type() -> ShellError {
    ShellError::Usage {
        command: "mount".to_owned(),
        message: "the file system is not named: -t <FS>".to_owned(),
        usage: "usage: mount -t FS [-o OPTS] [SOURCE] TARGET".to_owned(),
    }
}

fn list(shell: &mut Shell) -> Done {
    let mounts = shell.host.mounts();
    if shell.out.json {
        let document = |m: &MountStatus| MountDocument {
            path: m.path.clone(),
            source: m.source.clone(),
            fs: m.fs.clone(),
            plugin: m.plugin.clone(),
            block_driver: m.block_driver.clone(),
            read_only: m.read_only,
            options: m.flags.to_string().split(',').map(str::to_owned).collect(),
            mmap: m.agreement.tier.to_string(),
            reason: m.agreement.reason.clone(),
            users: m.users.iter().map(User::from).collect(),
        };
        return shell.out.document(&mounts.iter().map(document).collect::<Vec<_>>());
    }
    for m in &mounts {
        let (options, tier) = (m.flags, &m.agreement.tier);
        writeln!(shell.out, "{} on {} type {} ({options},mmap={tier})", m.source, m.path, m.fs)?;
    }
    Ok(())
}

/// Unmount a volume
#[derive(Args)]
#[command(after_help = "Examples:
  umount /rom
  umount -l /rom                    out of the tree now; it ends when nobody uses it
  umount -f /rom                    whoever uses it gets EIO

A volume that is in use stays; the error names who uses it.")]
pub(in crate::cli) struct Umount {
    /// Take it away from those who use it
    #[arg(short)]
    force: bool,
    /// Take it out of the tree at once, and end it when nobody uses it
    #[arg(short)]
    lazy: bool,
    /// The mount point
    target: String,
}

impl Umount {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let target = shell.absolute(&self.target);
        let force = if self.force { UnmountFlags::FORCE } else { 0 };
        let lazy = if self.lazy { UnmountFlags::DETACH } else { 0 };
        Ok(shell.host.unmount_with(&target, UnmountFlags(force | lazy))?)
    }
}
