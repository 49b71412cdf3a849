//! mmap.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use nxvfs_abi::types::open;
use serde::Serialize;

use crate::Task;
use crate::base::Result;
use crate::cli::failure::{Done, about};
use crate::cli::shell::Shell;
use crate::cli::text::{bytes_argument, hex, lossy};
use crate::mapping::MapRequest;

use super::content::Reader;
use super::explain::{ExtentDocument, extents};
use super::hexdump::Lines;

/// Bytes of a mapping that are shown.
const SHOWN_BYTES: usize = 256;

/// Map a range of a file shared and read-only, and show how it begins
#[derive(Args)]
#[command(after_help = "Examples:
  mmap /rom/readme.txt
  mmap /rom/readme.txt 4K 256

Where the file system tells where the file lies, the bytes of the mapping are compared with those of the device there.")]
pub(in crate::cli) struct Mmap {
    /// The file
    file: OsString,
    /// First byte; any number, decimal, 0x…, or with K, M, G
    #[arg(default_value = "0", value_parser = bytes_argument)]
    offset: u64,
    /// Bytes; to the end if left out
    #[arg(value_parser = bytes_argument)]
    length: Option<u64>,
}

#[derive(Serialize)]
struct MmapDocument {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_bytes: Option<String>,
    offset: u64,
    len_bytes: u64,
    tier: String,
    address: u64,
    medium: Option<Medium>,
    /// The beginning, in hexadecimal.
    begin_bytes: String,
}

/// Where the mapped bytes lie.
#[derive(Serialize)]
struct Medium {
    device: String,
    medium_offset: u64,
    /// Whether the device has the same bytes there as the mapping.
    same: bool,
}

impl Mmap {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let path = self.file.as_bytes();
        let document = self.map(shell).map_err(about("mmap", path))?;
        let (document, begin) = document;
        if shell.out.json {
            return shell.out.document(&document);
        }
        let out = &mut shell.out;
        out.name(path)?;
        let MmapDocument { offset, len_bytes, tier, address, medium, .. } = document;
        writeln!(out, "  {len_bytes} bytes from offset {offset}")?;
        writeln!(out, "  tier     {tier}")?;
        writeln!(out, "  address  {address:#x}")?;
        match medium {
            Some(Medium { device, medium_offset, same: true }) => {
                writeln!(out, "  medium   offset {medium_offset} of {device}: the same bytes are there")?;
            }
            Some(Medium { device, medium_offset, same: false }) => {
                writeln!(out, "  medium   offset {medium_offset} of {device}: OTHER BYTES ARE THERE")?;
            }
            None => {}
        }
        let mut lines = Lines::new(offset);
        lines.add(&begin, out)?;
        lines.end(out)
    }

    fn map(&self, shell: &Shell) -> Result<(MmapDocument, Vec<u8>)> {
        let path = self.file.as_bytes();
        let task = &shell.task;
        let fd = task.open(path, open::O_RDONLY, 0)?;
        let mapped = self.map_open(shell, path, fd);
        let closed = task.close(fd);
        mapped.and_then(|mapped| closed.map(|()| mapped))
    }

    fn map_open(&self, shell: &Shell, path: &[u8], fd: u32) -> Result<(MmapDocument, Vec<u8>)> {
        let task = &shell.task;
        let rest = task.fstat(fd)?.attr.size_bytes.saturating_sub(self.offset);
        // At least a byte, so that an offset beyond the end is told as such.
        let len = self.length.unwrap_or(rest.max(1));
        let view =
            task.map(fd, &MapRequest::read(self.offset, usize::try_from(len).unwrap_or(usize::MAX)))?;
        let mut begin = vec![0; view.len().min(SHOWN_BYTES)];
        view.read_at(0, &mut begin)?;
        let inside = begin.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let (file, file_bytes) = lossy(path);
        let document = MmapDocument {
            file,
            file_bytes,
            offset: self.offset,
            len_bytes: len,
            tier: view.tier().to_string(),
            address: view.as_ptr().addr() as u64,
            medium: self.medium(shell, path, &begin[..inside])?,
            begin_bytes: hex(&begin),
        };
        Ok((document, begin))
    }

    /// Where on the medium the range begins, if the file system tells.
    fn medium(&self, shell: &Shell, path: &[u8], begin: &[u8]) -> Result<Option<Medium>> {
        let extents = extents(&shell.task.explain(path)?);
        let holds = |e: &&ExtentDocument| (e.file_offset..e.file_offset + e.len_bytes).contains(&self.offset);
        let (Some(extent), Some(device)) = (extents.iter().find(holds), device_of(shell, path)?) else {
            return Ok(None);
        };
        let skip = self.offset - extent.file_offset;
        let (medium_offset, len) = (extent.medium_offset + skip, extent.len_bytes - skip);
        let len = len.min(begin.len() as u64);
        let same = content(&shell.task, &device, medium_offset, len)? == begin[..len as usize];
        Ok(Some(Medium { device, medium_offset, same }))
    }
}

fn content(task: &Task, device: &str, offset: u64, len: u64) -> Result<Vec<u8>> {
    Ok(Reader::open(task, device.as_bytes(), offset, len)?.next()?.to_vec())
}

/// The node of the device that a file lies on; a device lies on itself.
fn device_of(shell: &Shell, path: &[u8]) -> Result<Option<String>> {
    let canonical = shell.task.canonical(path)?;
    let devices = shell.host.devices();
    if let Some(device) = devices.iter().find(|d| d.node.as_bytes() == canonical) {
        return Ok(Some(device.node.clone()));
    }
    let mounts = shell.host.mounts();
    let inside = |mount: &str| {
        let rest = canonical.strip_prefix(mount.as_bytes());
        mount == "/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let mount = mounts.iter().filter(|m| inside(&m.path)).max_by_key(|m| m.path.len());
    Ok(mount.filter(|m| m.block_driver.is_some()).map(|m| m.source.clone()))
}
