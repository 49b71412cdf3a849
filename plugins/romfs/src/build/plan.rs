//! Where everything will lie, before a byte is written.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nxvfs_sdk::{Errno, Fail, Result};
use rustix::fs::{major, minor};

use super::options::Options;
use super::system;
use crate::format::{HEADER_MIN_BYTES, Kind, NAME_MAX_BYTES, header_len_bytes};

/// One header, with its content.
pub(super) struct Node {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) executable: bool,
    pub(super) spec: u32,
    /// Bytes of content.
    pub(super) size_bytes: u32,
    pub(super) offset: u32,
    /// The next entry of the directory.
    pub(super) next: u32,
    /// Where the content comes from: a file, or a link.
    pub(super) source: PathBuf,
}

/// A volume that is to be written.
pub(super) struct Plan {
    /// In the order of their offsets.
    pub(super) nodes: Vec<Node>,
    /// Bytes of the volume.
    pub(super) len_bytes: u64,
}

/// What a folder has of one name.
struct Found {
    name: Vec<u8>,
    path: PathBuf,
    metadata: Metadata,
    kind: Kind,
    /// Device number.
    spec: u32,
}

struct Planner<'o> {
    options: &'o Options<'o>,
    nodes: Vec<Node>,
    /// Where the next header can stand.
    cursor: u64,
    /// Files with several names, by device and inode of the operating system: the node of the first.
    linked: HashMap<(u64, u64), usize>,
}

impl Plan {
    /// Plans a volume of a folder. Errors: the operating system's; EFBIG more than the format can address; EINVAL names
    /// and nodes that the format cannot hold.
    pub(super) fn new(options: &Options<'_>) -> Result<Self> {
        let folder = options.folder;
        let metadata = fs::metadata(folder).map_err(system("the folder cannot be read", folder))?;
        let cursor = header_len_bytes(options.label.len()) as u64;
        let mut planner = Planner { options, nodes: Vec::new(), cursor, linked: HashMap::new() };
        let root = planner.place(Path::new("/."), b".".to_vec(), Kind::Directory, 0, 0, PathBuf::new())?;
        planner.nodes[root].executable = metadata.mode() & 0o111 != 0;
        planner.nodes[root].spec = planner.nodes[root].offset;
        let parent = planner.link(Path::new("/.."), b"..", root)?;
        planner.nodes[root].next = planner.nodes[parent].offset;
        planner.entries(folder, Path::new("/"), root, parent)?;
        Ok(Self { len_bytes: planner.cursor.max(2 * u64::from(HEADER_MIN_BYTES)), nodes: planner.nodes })
    }
}

impl Planner<'_> {
    /// Gives a header its place. Errors: EFBIG.
    fn place(
        &mut self,
        inside: &Path,
        name: Vec<u8>,
        kind: Kind,
        spec: u32,
        size: u64,
        source: PathBuf,
    ) -> Result<usize> {
        let header = header_len_bytes(name.len()) as u64;
        let align = u64::from(self.options.alignment(inside, kind == Kind::RegularFile));
        let offset = match kind {
            Kind::RegularFile => (self.cursor + header).next_multiple_of(align) - header,
            _ => self.cursor.next_multiple_of(align),
        };
        let end = offset.saturating_add(header).saturating_add(size).saturating_add(15) & !15;
        // The last unit is filled up, and that must have a number too.
        if end > u64::from(u32::MAX) - super::UNIT_BYTES {
            return Err(Fail::new(Errno::EFBIG, "the folder is too large for a romfs volume")
                .place(inside.display())
                .expected("less than 4 GiB of headers and content"));
        }
        self.cursor = end;
        let (offset, size_bytes) = (offset as u32, size as u32);
        self.nodes.push(Node { name, kind, executable: false, spec, size_bytes, offset, next: 0, source });
        Ok(self.nodes.len() - 1)
    }

    fn link(&mut self, inside: &Path, name: &[u8], to: usize) -> Result<usize> {
        let spec = self.nodes[to].offset;
        self.place(inside, name.to_vec(), Kind::HardLink, spec, 0, PathBuf::new())
    }

    /// The entries of a folder, after the node `before`; `dir` is the directory's own node.
    fn entries(&mut self, folder: &Path, inside: &Path, dir: usize, mut before: usize) -> Result<()> {
        for found in self.found(folder, inside)? {
            let inside = inside.join(found.path.file_name().unwrap_or_default());
            let node = self.entry(found, &inside, dir)?;
            self.nodes[before].next = self.nodes[node].offset;
            before = node;
        }
        Ok(())
    }

    fn entry(&mut self, found: Found, inside: &Path, dir: usize) -> Result<usize> {
        let Found { name, path, metadata, kind, spec } = found;
        let identity = (metadata.dev(), metadata.ino());
        if let Some(first) = self.linked.get(&identity) {
            return self.link(inside, &name, *first);
        }
        let size = if kind.has_content() { metadata.len() } else { 0 };
        let node = self.place(inside, name, kind, spec, size, path.clone())?;
        self.nodes[node].executable =
            matches!(kind, Kind::Directory | Kind::RegularFile) && metadata.mode() & 0o111 != 0;
        if kind != Kind::Directory {
            if metadata.nlink() > 1 {
                self.linked.insert(identity, node);
            }
            return Ok(node);
        }
        let own = self.link(&inside.join("."), b".", node)?;
        self.nodes[node].spec = self.nodes[own].offset;
        let parent = self.link(&inside.join(".."), b"..", dir)?;
        self.nodes[own].next = self.nodes[parent].offset;
        self.entries(&path, inside, node, parent)?;
        Ok(node)
    }

    /// What is in a folder and not left out, sorted by name.
    fn found(&self, folder: &Path, inside: &Path) -> Result<Vec<Found>> {
        let unreadable = "the folder cannot be read";
        let mut all = Vec::new();
        for entry in fs::read_dir(folder).map_err(system(unreadable, folder))? {
            let entry = entry.map_err(system(unreadable, folder))?;
            if !self.options.excludes(&inside.join(entry.file_name())) {
                all.push(found(&entry.path())?);
            }
        }
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = all.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Fail::new(Errno::EEXIST, "two entries get one name")
                .place(pair[1].path.display())
                .found(format_args!("{}, too", pair[0].path.display())));
        }
        Ok(all)
    }
}

fn found(path: &Path) -> Result<Found> {
    let metadata = fs::symlink_metadata(path).map_err(system("the file cannot be looked at", path))?;
    let file_name = path.file_name().unwrap_or_default().as_bytes();
    let refused = |what: &'static str| Fail::new(Errno::EINVAL, what).place(path.display());
    let file_type = metadata.file_type();
    let (kind, name, number) = match file_type {
        t if t.is_file() => match node_by_name(file_name).filter(|_| metadata.len() == 0) {
            Some((name, kind, number)) => (kind, name, Some(number)),
            None => (Kind::RegularFile, file_name, None),
        },
        t if t.is_dir() => (Kind::Directory, file_name, None),
        t if t.is_symlink() => (Kind::SymbolicLink, file_name, None),
        t if t.is_fifo() => (Kind::Fifo, file_name, None),
        t if t.is_socket() => (Kind::Socket, file_name, None),
        t => {
            let kind = if t.is_block_device() { Kind::BlockDevice } else { Kind::CharacterDevice };
            (kind, file_name, Some((major(metadata.rdev()), minor(metadata.rdev()))))
        }
    };
    if name.len() > NAME_MAX_BYTES || name.is_empty() {
        return Err(refused("not a name for a romfs volume")
            .expected(format_args!("1 to {NAME_MAX_BYTES} bytes"))
            .found(name.len()));
    }
    let spec = match number {
        None => 0,
        Some((major, minor)) => match (u16::try_from(major), u16::try_from(minor)) {
            (Ok(major), Ok(minor)) => u32::from(major) << 16 | u32::from(minor),
            _ => {
                return Err(refused("a device number that romfs cannot hold")
                    .expected("major and minor up to 65535")
                    .found(format_args!("{major}, {minor}")));
            }
        },
    };
    Ok(Found { name: name.to_vec(), path: path.to_owned(), metadata, kind, spec })
}

/// genromfs' way to have device nodes without being root: an empty file `@NAME,TYPE,MAJOR,MINOR`.
fn node_by_name(file_name: &[u8]) -> Option<(&[u8], Kind, (u32, u32))> {
    let rest = file_name.strip_prefix(b"@")?;
    let comma = rest.iter().position(|byte| *byte == b',')?;
    let (name, rest) = (&rest[..comma], std::str::from_utf8(&rest[comma + 1..]).ok()?);
    let mut parts = rest.split(',');
    let kind = match parts.next()? {
        "b" => Kind::BlockDevice,
        "c" => Kind::CharacterDevice,
        "p" => Kind::Fifo,
        _ => return None,
    };
    let number = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let ends = parts.next().is_none() && !matches!(name, b"" | b"." | b"..");
    ends.then_some((name, kind, if kind == Kind::Fifo { (0, 0) } else { number }))
}
