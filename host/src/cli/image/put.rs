//! `image put`: files and folders of the operating system become files and directories of a volume.

use std::fs::{self, File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nxvfs_abi::types::{Timespec, mode, open};
use rustix::fs::{SeekFrom, major, minor, seek};

use super::get::system;
use super::progress::Progress;
use super::refusal::ImageError;
use super::walk::Written;
use crate::base::{Errno, Error, Result};
use crate::cli::commands::{BUFFER_BYTES, Descriptor, is_directory, present};
use crate::cli::failure::{Done, ShellError, about, at, wrote_only};
use crate::cli::shell::Shell;
use crate::cli::text::{join, shown, type_word};
use crate::tree::Stat;

/// Copies files and folders of the operating system to what a path of the volume names, or into the directory there.
/// Errors of single files are told, and the rest is tried, so that all are told at once.
pub(super) fn put(shell: &mut Shell, sources: &[PathBuf], to: &[u8], follow: bool) -> Done {
    let directory = shell.task.stat(to).is_ok_and(|s| is_directory(&s));
    if !directory && (sources.len() > 1 || to.ends_with(b"/")) {
        return Err(Error::from(ImageError::NoDirectory { path: shown(to) }).doing("put").into());
    }
    let mut putter = Putter::new("put", shell, sources, follow);
    for source in sources {
        let to = match source.file_name() {
            Some(name) if directory => join(to, name.as_bytes()),
            _ => to.to_vec(),
        };
        putter.one(shell, source, &to, true)?;
    }
    Ok(())
}

/// Puts what is in a folder into the root of a volume, for mkfs.
pub(super) fn fill(shell: &mut Shell, folder: &Path, follow: bool) -> Done {
    if !fs::metadata(folder).map_err(system(folder))?.is_dir() {
        return Err(ImageError::NotFolder { path: folder.display().to_string() }.into());
    }
    let mut putter = Putter::new("mkfs", shell, &[folder.to_owned()], follow);
    putter.one(shell, folder, b"/", true)
}

struct Putter {
    /// Whose errors they are.
    command: &'static str,
    progress: Progress,
    /// Links are followed.
    follow: bool,
    written: Written,
    /// The folders on the way down, to notice one that contains itself by a link.
    above: Vec<(u64, u64)>,
    buf: Vec<u8>,
}

/// Bytes of all files; what cannot be looked at is told when its turn comes.
fn total(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| total(&entry.path())).fold(0, u64::saturating_add)
}

/// What nothing after it will get round.
fn is_final(error: &Error) -> bool {
    matches!(error.errno(), Errno::ENOSPC | Errno::EROFS | Errno::EIO)
}

impl Putter {
    fn new(command: &'static str, shell: &Shell, sources: &[PathBuf], follow: bool) -> Self {
        let total = || sources.iter().map(|s| total(s)).fold(0, u64::saturating_add);
        let progress = Progress::new(shell.out.json, total);
        let buf = vec![0; BUFFER_BYTES];
        Self { command, progress, follow, written: Written::default(), above: Vec::new(), buf }
    }

    fn one(&mut self, shell: &mut Shell, from: &Path, to: &[u8], named: bool) -> Done {
        match self.node(shell, from, to, named) {
            Err(error) if is_final(&error) => {
                Err(about(self.command, from.as_os_str().as_bytes())(error).into())
            }
            Err(error) => {
                let error = about(self.command, from.as_os_str().as_bytes())(error);
                self.progress.aside(|| shell.complain(&error));
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// `named`: the user named it, so a link stands for what it leads to.
    fn node(&mut self, shell: &mut Shell, from: &Path, to: &[u8], named: bool) -> Result<()> {
        let metadata = if self.follow || named { fs::metadata(from) } else { fs::symlink_metadata(from) };
        let metadata = metadata.map_err(system(from))?;
        let there = present(shell.task.lstat(to)).map_err(at(to))?;
        if let Some(there) = &there {
            self.written.refuse(there, to)?;
        }
        if metadata.is_dir() {
            return self.directory(shell, from, &metadata, there, to);
        }
        if let Some(there) =
            there.as_ref().filter(|s| !metadata.is_file() || s.attr.file_type() != mode::S_IFREG)
        {
            let (path, there) = (shown(to), type_word(there.attr.mode));
            return Err(ImageError::OverOther { path, there, kind: "file" }.into());
        }
        let done = match () {
            () if metadata.is_file() => self.file(shell, from, &metadata, there.is_none(), to),
            () if metadata.is_symlink() => link(shell, from, to),
            () => special(shell, from, &metadata, to),
        };
        done?;
        if let Ok(status) = shell.task.lstat(to) {
            self.written.add(&status);
        }
        Ok(())
    }

    fn directory(
        &mut self,
        shell: &mut Shell,
        from: &Path,
        metadata: &Metadata,
        there: Option<Stat>,
        to: &[u8],
    ) -> Result<()> {
        let folder = (metadata.dev(), metadata.ino());
        if self.above.contains(&folder) {
            return Err(ImageError::Loop { path: from.display().to_string() }.into());
        }
        match &there {
            Some(there) if !is_directory(there) => {
                return Err(ShellError::OverFile { path: shown(to) }.into());
            }
            Some(_) => {}
            // Writable while it is being filled.
            None => {
                shell.task.mkdir(to, metadata.mode() & 0o777 | 0o700).map_err(at(to))?;
                self.written.add(&shell.task.lstat(to)?);
            }
        }
        let entries = fs::read_dir(from).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut names: Vec<_> = entries.map_err(system(from))?.into_iter().map(|e| e.file_name()).collect();
        names.sort_unstable();
        self.above.push(folder);
        for name in names {
            // What is final ends everything; it is told once, with the file where it happened.
            if let Err(crate::cli::failure::Failure::Error(error)) =
                self.one(shell, &from.join(&name), &join(to, name.as_bytes()), false)
            {
                return Err(error);
            }
        }
        self.above.pop();
        if there.is_none() { keep(shell, metadata, to) } else { Ok(()) }
    }

    fn file(&mut self, shell: &Shell, from: &Path, metadata: &Metadata, new: bool, to: &[u8]) -> Result<()> {
        // It may have become something else, which may never answer.
        let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(from);
        let file = file.map_err(system(from))?;
        let flags = open::O_WRONLY | open::O_CREAT | open::O_TRUNC;
        let target = Descriptor::open(&shell.task, to, flags, metadata.mode() & 0o777).map_err(at(to))?;
        let len = self.content(from, &file, &target, to)?;
        // A hole at the end.
        target.truncate(len).map_err(at(to))?;
        target.close().map_err(|e| wrote_only(&e, to, len))?;
        if new { keep(shell, metadata, to) } else { keep_times(shell, metadata, to) }
    }

    /// Copies what is no hole; answers the file's length.
    fn content(&mut self, from: &Path, file: &File, target: &Descriptor<'_>, to: &[u8]) -> Result<u64> {
        let mut offset = 0;
        loop {
            offset = match seek(file, SeekFrom::Data(offset)) {
                Ok(data) => data,
                // Nothing but a hole up to the end.
                Err(rustix::io::Errno::NXIO) => {
                    return file.metadata().map(|m| m.len()).map_err(system(from));
                }
                Err(_) => offset,
            };
            let end = seek(file, SeekFrom::Hole(offset)).unwrap_or(u64::MAX);
            while offset < end {
                let want = (end - offset).min(self.buf.len() as u64) as usize;
                let have = file.read_at(&mut self.buf[..want], offset).map_err(system(from))?;
                if have == 0 {
                    return Ok(offset);
                }
                target
                    .write(&self.buf[..have], offset)
                    .map_err(|(e, wrote)| wrote_only(&e, to, offset + wrote as u64))?;
                offset += have as u64;
                self.progress.advance(have as u64);
            }
        }
    }
}

fn link(shell: &Shell, from: &Path, to: &[u8]) -> Result<()> {
    let target = fs::read_link(from).map_err(system(from))?;
    shell.task.symlink(target.as_os_str().as_bytes(), to).map_err(|e| match e.errno() {
        Errno::EPERM | Errno::ENOTSUP | Errno::ENOSYS => {
            ImageError::NoLinks { path: from.display().to_string(), target: target.display().to_string() }
                .into()
        }
        _ => at(to)(e),
    })
}

fn special(shell: &Shell, from: &Path, metadata: &Metadata, to: &[u8]) -> Result<()> {
    let rdev = u64::from(major(metadata.rdev())) << 32 | u64::from(minor(metadata.rdev()));
    let rdev = if metadata.rdev() == 0 { 0 } else { rdev };
    let made = shell.task.mknod(to, metadata.mode() & (mode::S_IFMT | 0o777), rdev);
    made.map_err(|e| match e.errno() {
        Errno::EPERM | Errno::ENOTSUP | Errno::ENOSYS => {
            let (path, kind) = (from.display().to_string(), type_word(metadata.mode()));
            ImageError::NoSpecial { path, kind }.into()
        }
        _ => at(to)(e),
    })?;
    keep(shell, metadata, to)
}

/// Gives a copy permissions and times of the original. A volume that has no such bits is none the worse.
fn keep(shell: &Shell, metadata: &Metadata, to: &[u8]) -> Result<()> {
    match shell.task.chmod(to, metadata.mode() & 0o777) {
        Err(e) if !matches!(e.errno(), Errno::EPERM | Errno::ENOTSUP | Errno::ENOSYS) => {
            return Err(at(to)(e));
        }
        _ => {}
    }
    keep_times(shell, metadata, to)
}

fn keep_times(shell: &Shell, metadata: &Metadata, to: &[u8]) -> Result<()> {
    let time = |seconds, nanoseconds: i64| Timespec {
        seconds,
        nanoseconds: nanoseconds as u32,
        ..Timespec::default()
    };
    let atime = time(metadata.atime(), metadata.atime_nsec());
    let mtime = time(metadata.mtime(), metadata.mtime_nsec());
    match shell.task.utimens(to, Some(atime), Some(mtime)) {
        Err(e) if matches!(e.errno(), Errno::ENOTSUP | Errno::ENOSYS) => Ok(()),
        set => set.map_err(at(to)),
    }
}
