//! The bytes of a volume that is planned, from the first to the last; the first sector at the very end, so that a volume
//! that is not finished is none.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nxvfs_sdk::{Errno, Fail, Medium, Result};

use super::plan::{Node, Plan};
use super::{UNIT_BYTES, system};
use crate::format::{self, Kind, MAGIC, SUPERBLOCK_BYTES, checksum, header_len_bytes};

/// Bytes that are gathered before they are written.
const GATHERED_BYTES: usize = 1 << 20;

/// Writes in order.
struct Writer<'m> {
    medium: &'m Medium,
    /// What is not written yet; it begins at `start`.
    gathered: Vec<u8>,
    start: u64,
    /// The first bytes, for their checksum.
    first: Vec<u8>,
}

impl Writer<'_> {
    fn at(&self) -> u64 {
        self.start + self.gathered.len() as u64
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.first.len() < SUPERBLOCK_BYTES {
            let room = SUPERBLOCK_BYTES - self.first.len();
            self.first.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.medium.write_at(self.start, &self.gathered, 0)?;
        self.start = self.at();
        self.gathered.clear();
        Ok(())
    }

    fn zeros_up_to(&mut self, end: u64) -> Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        while self.at() < end {
            let piece = (end - self.at()).min(ZEROS.len() as u64) as usize;
            self.push(&ZEROS[..piece])?;
        }
        Ok(())
    }
}

/// A header with such words, a name, and the checksum that makes the sum zero.
fn header(words: [u32; 3], name: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().chain(&[0]).flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend_from_slice(name);
    bytes.resize(header_len_bytes(name.len()), 0);
    seal(&mut bytes);
    bytes
}

/// Puts the checksum into the fourth word.
fn seal(bytes: &mut [u8]) {
    let sum = checksum(bytes);
    let stored = bytes[12..].first_chunk_mut::<4>().expect("a header has four words");
    *stored = u32::from_be_bytes(*stored).wrapping_sub(sum).to_be_bytes();
}

/// Writes a volume. Errors: the medium's; those of files that cannot be read; EIO a file that is shorter than planned.
pub(super) fn write(medium: &Medium, plan: &Plan, label: &str) -> Result<()> {
    let mut writer = Writer { medium, gathered: Vec::new(), start: 0, first: Vec::new() };
    let magic = MAGIC.as_chunks::<4>().0;
    let words = [u32::from_be_bytes(magic[0]), u32::from_be_bytes(magic[1]), plan.len_bytes as u32];
    writer.push(&header(words, label.as_bytes()))?;
    for node in &plan.nodes {
        writer.zeros_up_to(node.offset.into())?;
        let next = node.next | node.kind.bits() | if node.executable { format::EXECUTABLE } else { 0 };
        writer.push(&header([next, node.spec, node.size_bytes], &node.name))?;
        content(&mut writer, node)?;
        let end = writer.at().next_multiple_of(16);
        writer.zeros_up_to(end)?;
    }
    writer.zeros_up_to(plan.len_bytes)?;
    let covered = plan.len_bytes.min(SUPERBLOCK_BYTES as u64) as usize;
    let mut first = std::mem::take(&mut writer.first);
    let padded = plan.len_bytes.next_multiple_of(UNIT_BYTES).min(medium.len_bytes());
    writer.zeros_up_to(padded)?;
    writer.flush()?;
    first.truncate(covered);
    seal(&mut first);
    medium.write_at(0, &first, 0)?;
    medium.flush()
}

fn content(writer: &mut Writer<'_>, node: &Node) -> Result<()> {
    match node.kind {
        Kind::SymbolicLink => {
            let target =
                fs::read_link(&node.source).map_err(system("the link cannot be read", &node.source))?;
            let target = target.as_os_str().as_bytes();
            match target.len() == node.size_bytes as usize {
                true => writer.push(target),
                false => Err(changed(&node.source)),
            }
        }
        Kind::RegularFile => copy(writer, &node.source, node.size_bytes),
        _ => Ok(()),
    }
}

fn copy(writer: &mut Writer<'_>, path: &Path, size_bytes: u32) -> Result<()> {
    if size_bytes == 0 {
        return Ok(());
    }
    let unreadable = || system("the file cannot be read", path);
    let mut file = File::open(path).map_err(unreadable())?;
    let mut left = size_bytes as usize;
    let mut buf = vec![0; left.min(1 << 16)];
    while left > 0 {
        let piece = left.min(buf.len());
        match file.read(&mut buf[..piece]) {
            Ok(0) => return Err(changed(path)),
            Ok(read) => {
                writer.push(&buf[..read])?;
                left -= read;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(unreadable()(e)),
        }
    }
    Ok(())
}

fn changed(path: &Path) -> Fail {
    Fail::new(Errno::EIO, "the file changed while the volume was made")
        .place(path.display())
        .remedy("try again when nobody writes it")
}
