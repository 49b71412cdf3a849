//! mount, umount.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Done;
use crate::cli::shell::Shell;
use crate::plugin::params::parse_assignments;
use crate::task::{MountOptions, MountStatus};

use super::caps::show_caps;
use super::plugins::User;

/// Mount a volume, and show what was agreed on mapping; without arguments list what is mounted
#[derive(Args)]
#[command(override_usage = "mount [-t FS [-o OPTS] [SOURCE] TARGET]")]
#[command(after_help = "Examples:
  mount -t romfs /dev/ram0 /rom
  mount -t romfs -o mmap=xip /dev/ram0 /rom     in place, or refuse
  mount

Options of the host: ro, rw, dev, nodev, mmap=auto|xip|ram|none. Others are the file system's; 'modinfo' lists them.")]
pub(in crate::cli) struct Mount {
    /// The file system's driver
    #[arg(short = 't', value_name = "FS", requires = "operands")]
    fs: Option<String>,
    /// Options, with commas between
    #[arg(short, value_name = "OPTS", requires = "fs")]
    options: Vec<String>,
    /// The device, if the file system needs one, and the mount point
    #[arg(value_name = "[SOURCE] TARGET", num_args = 1..=2, requires = "fs")]
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
    mmap: String,
    reason: String,
    users: Vec<User>,
}

impl Mount {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let Some(fs) = &self.fs else { return list(shell) };
        let words = self.options.iter().flat_map(|text| parse_assignments(text)).collect();
        let options = MountOptions::parse(words).map_err(|e| e.doing("mount"))?;
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
            mmap: m.agreement.tier.to_string(),
            reason: m.agreement.reason.clone(),
            users: m.users.iter().map(User::from).collect(),
        };
        return shell.out.document(&mounts.iter().map(document).collect::<Vec<_>>());
    }
    for m in &mounts {
        let access = if m.read_only { "ro" } else { "rw" };
        writeln!(shell.out, "{} on {} type {} ({access},mmap={})", m.source, m.path, m.fs, m.agreement.tier)?;
    }
    Ok(())
}

/// Unmount a volume
#[derive(Args)]
#[command(after_help = "Example:
  umount /rom

A volume that is in use stays; the error names who uses it.")]
pub(in crate::cli) struct Umount {
    /// The mount point
    target: String,
}

impl Umount {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let target = shell.absolute(&self.target);
        Ok(shell.host.unmount(&target)?)
    }
}
