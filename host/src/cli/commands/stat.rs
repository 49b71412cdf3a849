//! stat, and the attributes that `ls` shows too.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use nxvfs_abi::types::{Timespec, mode};
use serde::Serialize;

use crate::cli::failure::{Done, about};
use crate::cli::shell::Shell;
use crate::cli::text::{DeviceNumber, date, lossy, mode_string, type_word};
use crate::tree::Stat as Status;

/// Show all attributes of files; of a symbolic link its own
#[derive(Args)]
#[command(after_help = "Example:
  stat /rom/readme.txt")]
#[group(skip)]
pub(in crate::cli) struct Stat {
    /// Show what a symbolic link leads to
    #[arg(short = 'L')]
    dereference: bool,
    /// The files
    #[arg(required = true)]
    paths: Vec<OsString>,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Time {
    seconds: i64,
    nanoseconds: u32,
}

impl From<Timespec> for Time {
    fn from(time: Timespec) -> Self {
        Self { seconds: time.seconds, nanoseconds: time.nanoseconds }
    }
}

/// The attributes in JSON.
#[derive(Serialize)]
pub(super) struct Attributes {
    #[serde(rename = "type")]
    kind: &'static str,
    /// Permission bits with setuid, setgid and sticky.
    mode: u32,
    nlink: u32,
    uid: u32,
    gid: u32,
    size_bytes: u64,
    blocks: u64,
    device: u64,
    ino: u64,
    rdev: Option<DeviceNumber>,
    atime: Time,
    mtime: Time,
    ctime: Time,
}

impl From<&Status> for Attributes {
    fn from(status: &Status) -> Self {
        let attr = &status.attr;
        Self {
            kind: type_word(attr.mode),
            mode: attr.mode & 0o7777,
            nlink: attr.nlink,
            uid: attr.uid,
            gid: attr.gid,
            size_bytes: attr.size_bytes,
            blocks: attr.blocks,
            device: status.dev,
            ino: attr.ino,
            rdev: is_device(attr.mode).then(|| attr.rdev.into()),
            atime: attr.atime.into(),
            mtime: attr.mtime.into(),
            ctime: attr.ctime.into(),
        }
    }
}

/// Whether it has a device number.
pub(super) fn is_device(bits: u32) -> bool {
    matches!(bits & mode::S_IFMT, mode::S_IFBLK | mode::S_IFCHR)
}

/// A file in JSON.
#[derive(Serialize)]
pub(in crate::cli) struct Document {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    #[serde(flatten)]
    attributes: Attributes,
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_bytes: Option<String>,
}

impl Document {
    /// A file; `target` if it is a link.
    pub(in crate::cli) fn new(path: &[u8], status: &Status, target: Option<&[u8]>) -> Self {
        let (path, path_bytes) = lossy(path);
        let (target, target_bytes) = target.map(lossy).unzip();
        let target_bytes = target_bytes.flatten();
        Self { path, path_bytes, attributes: Attributes::from(status), target, target_bytes }
    }
}

impl Stat {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let mut documents = Vec::new();
        for path in &self.paths {
            let path = path.as_bytes();
            let status = if self.dereference { shell.task.stat(path) } else { shell.task.lstat(path) };
            let found = status.and_then(|status| {
                let link = status.attr.file_type() == mode::S_IFLNK;
                Ok((status, link.then(|| shell.task.readlink(path)).transpose()?))
            });
            match found {
                Err(error) => shell.complain(&about("stat", path)(error)),
                Ok((status, target)) if shell.out.json => {
                    documents.push(Document::new(path, &status, target.as_deref()));
                }
                Ok((status, target)) => show(shell, path, &status, target)?,
            }
        }
        if shell.out.json { shell.out.documents(&documents, self.paths.len() == 1) } else { Ok(()) }
    }
}

fn show(shell: &mut Shell, path: &[u8], status: &Status, target: Option<Vec<u8>>) -> Done {
    let (out, attr) = (&mut shell.out, &status.attr);
    write!(out, "  File: ")?;
    out.name(path)?;
    if let Some(target) = target {
        write!(out, " -> ")?;
        out.name(&target)?;
    }
    writeln!(out)?;
    let (size, blocks, kind) = (attr.size_bytes, attr.blocks, type_word(attr.mode));
    writeln!(out, "  Size: {size:<12}Blocks: {blocks:<8}IO Block: {:<8}{kind}", attr.block_size_bytes)?;
    write!(out, "Device: {:<12}Inode: {:<10}Links: {}", status.dev, attr.ino, attr.nlink)?;
    if is_device(attr.mode) {
        let DeviceNumber { major, minor } = attr.rdev.into();
        write!(out, "  Device type: {major},{minor}")?;
    }
    let (permissions, letters) = (attr.mode & 0o7777, mode_string(attr.mode));
    writeln!(out, "\nAccess: ({permissions:04o}/{letters})  Uid: {}  Gid: {}", attr.uid, attr.gid)?;
    for (name, time) in [("Access", attr.atime), ("Modify", attr.mtime), ("Change", attr.ctime)] {
        writeln!(out, "{name}: {}.{:09} +0000", date(time.seconds), time.nanoseconds)?;
    }
    Ok(())
}
