//! losetup.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::plugins::User;
use crate::cli::failure::{Done, ShellError};
use crate::cli::shell::Shell;
use crate::cli::text::bytes_argument;
use crate::device::CacheStatus;
use crate::task::DeviceStatus;

/// Make a block device of a file, or end one; without arguments list them
///
/// NSH's command; the same as 'attach loop NODE vfs=FILE'. A file that cannot be written gives a device that cannot.
#[derive(Args)]
#[command(
    override_usage = "losetup [-r] [-o OFFSET] [-b SECTSIZE] [--host] NODE FILE\n       losetup -d NODE\n       losetup"
)]
#[command(after_help = "Examples:
  losetup /dev/loop0 /tmp/disk.img
  losetup -r -o 1M --host /dev/loop1 disk.img
  losetup -d /dev/loop0")]
pub(in crate::cli) struct Losetup {
    /// End the device at NODE
    #[arg(short = 'd', value_name = "NODE", conflicts_with = "operands")]
    delete: Option<String>,
    /// Never write to the file
    #[arg(short = 'r', requires = "operands")]
    read_only: bool,
    /// Where in the file the device begins
    #[arg(short = 'o', value_name = "OFFSET", value_parser = bytes_argument, requires = "operands")]
    offset: Option<u64>,
    /// Bytes of a sector; 512 if left out
    #[arg(short = 'b', value_name = "SECTSIZE", value_parser = bytes_argument, requires = "operands")]
    sector_size_bytes: Option<u64>,
    /// FILE is one of the operating system
    #[arg(long, requires = "operands")]
    host: bool,
    /// The node to make, and the file of the VFS, or with --host of the operating system
    #[arg(value_names = ["NODE", "FILE"], num_args = 2)]
    operands: Vec<String>,
}

#[derive(Serialize)]
struct LoopDocument {
    node: String,
    file: String,
    /// Whether the file is one of the operating system.
    host: bool,
    offset: u64,
    sector_size_bytes: u32,
    sectors: u64,
    read_only: bool,
    cache: Option<CacheDocument>,
    users: Vec<User>,
}

#[derive(Serialize)]
struct CacheDocument {
    limit_bytes: usize,
    used_bytes: usize,
    dirty_bytes: usize,
    hits: u64,
    misses: u64,
    read_ahead: u64,
    write_backs: u64,
}

impl From<CacheStatus> for CacheDocument {
    fn from(status: CacheStatus) -> Self {
        let CacheStatus { limit_bytes, used_bytes, dirty_bytes, hits, misses, read_ahead, write_backs } =
            status;
        Self { limit_bytes, used_bytes, dirty_bytes, hits, misses, read_ahead, write_backs }
    }
}

impl Losetup {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        if let Some(node) = &self.delete {
            let node = shell.absolute(node);
            let devices = shell.host.devices();
            if let Some(other) = devices.iter().find(|d| d.node == node && d.driver != "loop") {
                return Err(ShellError::NotLoop { node, driver: other.driver.clone() }.into());
            }
            return Ok(shell.host.detach(&node)?);
        }
        let [node, file] = &self.operands[..] else { return list(shell) };
        let node = shell.absolute(node);
        let mut given = Vec::new();
        let mut give = |name: &str, value: String| given.push((name.to_owned(), Some(value)));
        match self.host {
            true => give("file", file.clone()),
            false => give("vfs", shell.absolute(file)),
        }
        if self.read_only {
            give("ro", "y".to_owned());
        }
        if let Some(offset) = self.offset {
            give("offset", offset.to_string());
        }
        if let Some(size) = self.sector_size_bytes {
            give("sector_size", size.to_string());
        }
        Ok(shell.host.attach("loop", &node, &given)?)
    }
}

fn document(device: &DeviceStatus) -> LoopDocument {
    let given = |name: &str| device.given.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let vfs = given("vfs").filter(|path| !path.is_empty());
    LoopDocument {
        node: device.node.clone(),
        host: vfs.is_none(),
        file: vfs.or_else(|| given("file")).unwrap_or_default(),
        offset: given("offset").and_then(|text| bytes_argument(&text).ok()).unwrap_or_default(),
        sector_size_bytes: device.sector_size_bytes,
        sectors: device.sector_count,
        read_only: !device.writable,
        cache: device.cache.map(CacheDocument::from),
        users: device.users.iter().map(User::from).collect(),
    }
}

fn list(shell: &mut Shell) -> Done {
    let devices = shell.host.devices();
    let loops = devices.iter().filter(|d| d.driver == "loop" && d.parent.is_none());
    let loops: Vec<LoopDocument> = loops.map(document).collect();
    if shell.out.json {
        return shell.out.document(&loops);
    }
    for l in &loops {
        let access = if l.read_only { "ro" } else { "rw" };
        let place = if l.host { "host:" } else { "" };
        write!(shell.out, "{}: {place}{}", l.node, l.file)?;
        if l.offset != 0 {
            write!(shell.out, " from byte {} on", l.offset)?;
        }
        writeln!(shell.out, ", {} sectors of {} bytes ({access})", l.sectors, l.sector_size_bytes)?;
    }
    Ok(())
}
