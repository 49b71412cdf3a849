//! `image get`: files and folders of a volume become files and folders of the operating system.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use nxvfs_abi::types::{Timespec, mode, open};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timestamps, makedev, mknodat, utimensat};

use super::progress::Progress;
use super::refusal::ImageError;
use super::walk;
use crate::base::{Errno, Error, Result};
use crate::cli::commands::{Descriptor, Identity, basename, identity, names_in as names};
use crate::cli::failure::{Done, ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{DeviceNumber, join, shown, type_word};
use crate::tree::Stat;

/// Bytes that are copied at a time; as many zeros become a hole.
const CHUNK_BYTES: usize = 1 << 16;

/// Copies what a path of the volume names to a path of the operating system, or into the folder there.
pub(super) fn get(shell: &mut Shell, path: &[u8], to: &Path) -> Done {
    let status = match shell.task.stat(path) {
        // A link that leads nowhere is got as a link.
        Err(e) if e.errno() == Errno::ENOENT => shell.task.lstat(path),
        status => status,
    };
    let status = status.map_err(about("get", path))?;
    let to = match (fs::metadata(to), basename(path)) {
        (Ok(there), Some(name)) if there.is_dir() => to.join(OsStr::from_bytes(name)),
        _ => to.to_owned(),
    };
    let json = shell.out.json;
    let progress = Progress::new(json, || total(shell, path));
    let mut getter = Getter { progress, above: Vec::new(), buf: vec![0; CHUNK_BYTES] };
    getter.one(shell, path, Some(status), &to);
    Ok(())
}

/// Bytes of all files; what cannot be looked at is told when its turn comes.
fn total(shell: &mut Shell, path: &[u8]) -> u64 {
    let mut total = 0_u64;
    let _ = walk::each(shell, "get", path, &mut |_, _, status| {
        total = total.saturating_add(status.attr.size_bytes);
        Ok(())
    });
    total
}

struct Getter {
    progress: Progress,
    /// The directories on the way down.
    above: Vec<Identity>,
    buf: Vec<u8>,
}

impl Getter {
    /// Gets one thing. Errors are told, and the rest is done.
    fn one(&mut self, shell: &mut Shell, from: &[u8], status: Option<Stat>, to: &Path) {
        let status = status.map_or_else(|| shell.task.lstat(from), Ok);
        if let Err(error) = status.and_then(|status| self.node(shell, from, &status, to)) {
            self.progress.aside(|| shell.complain(&about("get", from)(error)));
        }
    }

    fn node(&mut self, shell: &mut Shell, from: &[u8], status: &Stat, to: &Path) -> Result<()> {
        match status.attr.file_type() {
            mode::S_IFDIR => self.directory(shell, from, status, to),
            mode::S_IFREG => self.file(shell, from, status, to),
            mode::S_IFLNK => {
                let target = OsString::from_vec(shell.task.readlink(from)?);
                symlink(&target, to).map_err(system(to))?;
                keep_times(status, to);
                Ok(())
            }
            _ => special(status, to),
        }
    }

    fn directory(&mut self, shell: &mut Shell, from: &[u8], status: &Stat, to: &Path) -> Result<()> {
        if self.above.contains(&identity(status)) {
            return Err(ShellError::Cycle { path: shown(from) }.into());
        }
        // Where the user named a link to a folder, the folder is meant; below nothing leads out of it.
        let there = if self.above.is_empty() { fs::metadata(to) } else { fs::symlink_metadata(to) };
        let new = match there {
            Ok(there) if there.is_dir() => false,
            Ok(there) => return Err(in_the_way(&there, to, "directory")),
            // Writable while it is being filled.
            Err(_) => {
                DirBuilder::new().mode(0o700).create(to).map_err(system(to))?;
                true
            }
        };
        let entries = names(shell, "get", from)?;
        self.above.push(identity(status));
        for name in entries {
            self.one(shell, &join(from, &name), None, &to.join(OsStr::from_bytes(&name)));
        }
        self.above.pop();
        if new {
            keep_mode(status, to)?;
            keep_times(status, to);
        }
        Ok(())
    }

    fn file(&mut self, shell: &Shell, from: &[u8], status: &Stat, to: &Path) -> Result<()> {
        let there = fs::symlink_metadata(to).ok();
        if let Some(there) = there.as_ref().filter(|there| !there.is_file()) {
            return Err(in_the_way(there, to, "file"));
        }
        let source = Descriptor::open(&shell.task, from, open::O_RDONLY, 0)?;
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(libc::O_NOFOLLOW);
        match there {
            Some(_) => options.truncate(true),
            None => options.create_new(true).mode(0o600),
        };
        let file = options.open(to).map_err(system(to))?;
        if let Err(error) = self.content(&source, &file, to) {
            if there.is_none() {
                // Half a file is no file.
                let _ = fs::remove_file(to);
            }
            return Err(error);
        }
        if there.is_none() {
            keep_mode(status, to)?;
        }
        keep_times(status, to);
        Ok(())
    }

    /// Copies content; what is zero becomes a hole.
    fn content(&mut self, source: &Descriptor<'_>, file: &File, to: &Path) -> Result<()> {
        let mut offset = 0;
        loop {
            let have = source.read(&mut self.buf, offset)?;
            if have == 0 {
                return file.set_len(offset).map_err(system(to));
            }
            if self.buf[..have].iter().any(|byte| *byte != 0) {
                file.write_all_at(&self.buf[..have], offset).map_err(system(to))?;
            }
            offset += have as u64;
            self.progress.advance(have as u64);
        }
    }
}

/// An error of the operating system at a path.
pub(super) fn system(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |error| {
        let errno = error.raw_os_error().and_then(Errno::new);
        // The errno's own text, without the system's number in it.
        let error = errno.map_or_else(|| Error::from(error), Error::from);
        crate::cli::failure::at(path.as_os_str().as_bytes())(error)
    }
}

/// What is in the way of something that was to be made.
fn in_the_way(there: &fs::Metadata, to: &Path, kind: &'static str) -> Error {
    let path = to.display().to_string();
    match there.is_symlink() {
        true => ImageError::OverLink { path }.into(),
        false => ImageError::OverOther { path, there: type_word(there.permissions().mode()), kind }.into(),
    }
}

fn keep_mode(status: &Stat, to: &Path) -> Result<()> {
    fs::set_permissions(to, Permissions::from_mode(status.attr.mode & 0o777)).map_err(system(to))
}

/// Gives a copy the times of the original. One that is 0 says that the volume keeps none.
fn keep_times(status: &Stat, to: &Path) {
    let time = |time: Timespec| match (time.seconds, time.nanoseconds) {
        (0, 0) => rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        (tv_sec, nanoseconds) => rustix::fs::Timespec { tv_sec, tv_nsec: nanoseconds.into() },
    };
    let times =
        Timestamps { last_access: time(status.attr.atime), last_modification: time(status.attr.mtime) };
    if let Err(e) = utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW) {
        log::info!("{}: its times cannot be set: {e}", to.display());
    }
}

/// Makes a FIFO, socket or device node.
fn special(status: &Stat, to: &Path) -> Result<()> {
    let (kind, rdev) = (type_word(status.attr.mode), DeviceNumber::from(status.attr.rdev));
    let file_type = FileType::from_raw_mode(status.attr.mode);
    let permissions = Mode::from_raw_mode(status.attr.mode & 0o777);
    let made = mknodat(CWD, to, file_type, permissions, makedev(rdev.major, rdev.minor));
    match made {
        Err(rustix::io::Errno::PERM) => {
            Err(ImageError::NotRoot { path: to.display().to_string(), kind }.into())
        }
        made => made.map_err(|e| system(to)(e.into())),
    }
}
