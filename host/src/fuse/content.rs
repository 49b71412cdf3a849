//! What files hold.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use fuser::FopenFlags;
use nxvfs_abi::ioctl::{
    BIOC_XIPBASE, FIOC_FILEPATH, FIOC_GETLK, FIOC_MMAP, FIOC_SETLK, FIOC_SETLKW, FIOC_XIPBASE, FIOCLEX,
    FIOGCLEX, FIONBIO, FIONCLEX,
};
use nxvfs_abi::types::open;

use rustix::fs::{Mode, OFlags};

use super::door::{Door, Stale, valid};
use crate::base::sync::{Arc, lock};
use crate::base::{Errno, Result};
use crate::file::{OpenFile, Opener, Whence};
use crate::mapping::pages;
use crate::tree::{Caller, Dentry, Inode, PseudoKind};

/// Bytes that are copied at a time.
const COPY_BYTES: usize = 1 << 20;

thread_local! {
    /// What was read last, so that no read allocates.
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A file that was opened.
pub(super) struct Opened {
    /// The descriptor.
    pub(super) fd: u32,
    /// How the kernel treats it.
    pub(super) flags: FopenFlags,
}

/// Whether a node is a device, or a text made when it is read: then the kernel must not keep what it holds.
fn is_live(inode: &Inode) -> bool {
    matches!(inode, Inode::Pseudo(node) if !matches!(node.kind(), PseudoKind::File(_)))
}

/// Does something by a thread of its own, because it waits for the kernel, which may wait for other answers. Without a
/// thread the answer that it owes is EIO, by the library.
fn aside(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(e) = std::thread::Builder::new().name(name.to_owned()).spawn(work) {
        log::debug!("no thread {name}: {e}");
    }
}

impl Door {
    /// The flags with which the host opens what the kernel opens. `live`: a device, whose readers must not wait inside a
    /// request, which nobody could interrupt.
    pub(super) fn passed(&self, flags: u32, live: bool) -> u32 {
        // Where appended bytes go the kernel says with each write.
        let mut passed =
            flags & (open::O_ACCMODE | open::O_TRUNC | open::O_SYNC | open::O_DSYNC | open::O_NOATIME);
        if self.writeback && passed & open::O_ACCMODE == open::O_WRONLY {
            // It writes whole pages, and reads first what it does not have of them.
            passed = passed & !open::O_ACCMODE | open::O_RDWR;
        }
        if live { passed | open::O_NONBLOCK } else { passed }
    }

    /// How the kernel treats an opening of a node.
    pub(super) fn treatment(&self, dentry: &Dentry, file: &OpenFile) -> FopenFlags {
        let inode = dentry.inode();
        if is_live(inode) {
            let seeks = file.stream().is_none_or(|stream| stream.has_position());
            let stream = if seeks { FopenFlags::empty() } else { FopenFlags::FOPEN_NONSEEKABLE };
            return FopenFlags::FOPEN_DIRECT_IO | stream;
        }
        // Where nobody else writes, pages stay true from one opening to the next.
        if valid(inode).is_zero() { FopenFlags::empty() } else { FopenFlags::FOPEN_KEEP_CACHE }
    }

    /// Opens, and hands what was opened to `done`. A node that lost a name which the kernel keeps may be meant by that one,
    /// and then somebody would write to another file. So by ESTALE the kernel looks for all names of the path again, once
    /// it was told of that name: a thread of its own waits for that, as it may take other requests.
    pub(super) fn open_truly(
        self: &Arc<Self>,
        caller: &Caller,
        number: u64,
        flags: u32,
        done: impl FnOnce(Result<Opened>) + Send + 'static,
    ) {
        if !self.nodes.is_doubted(number) {
            return done(self.open(caller, number, flags));
        }
        let door = self.clone();
        aside("fuse-open", move || {
            door.untold.wait();
            door.nodes.trust();
            done(Err(Errno::ESTALE.into()));
        });
    }

    fn open(&self, caller: &Caller, number: u64, flags: u32) -> Result<Opened> {
        let dentry = self.nodes.get(number)?;
        let opener = Opener { tree: self.tree(), caller, base: &dentry };
        let passed = self.passed(flags, is_live(dentry.inode()));
        let file = match OpenFile::open_found(&opener, &dentry, passed) {
            // A file that may be read by nobody's driver is still written.
            Err(_) if passed & open::O_ACCMODE != flags & open::O_ACCMODE => {
                OpenFile::open_found(&opener, &dentry, passed & !open::O_ACCMODE | flags & open::O_ACCMODE)
            }
            opened => opened,
        }?;
        let flags = self.treatment(&dentry, &file);
        Ok(Opened { fd: self.opened(number, file)?, flags })
    }

    /// Gives an open file the descriptor by which the kernel names it.
    pub(super) fn opened(&self, number: u64, file: Arc<OpenFile>) -> Result<u32> {
        let writes = file.flags().writable();
        let fd = self.task.install(file, false)?;
        if writes {
            *lock(&self.writers).entry(number).or_default() += 1;
        }
        Ok(fd)
    }

    /// The last program closed an opening.
    pub(super) fn close(&self, number: u64, fd: u32) -> Result<()> {
        self.events.end(fd);
        if self.task.file(fd)?.flags().writable() {
            let mut writers = lock(&self.writers);
            if let Some(count) = writers.get_mut(&number) {
                *count -= 1;
                if *count == 0 {
                    writers.remove(&number);
                }
            }
        }
        self.task.close(fd)
    }

    /// Reads, and hands what was read to `done`.
    pub(super) fn read(&self, fd: u32, offset: u64, len: u32, done: impl FnOnce(Result<&[u8]>)) {
        BYTES.with_borrow_mut(|bytes| {
            if bytes.len() < len as usize {
                bytes.resize(len as usize, 0);
            }
            let read =
                self.task.file(fd).and_then(|file| self.fill(&file, offset, &mut bytes[..len as usize]));
            done(read.map(|len| &bytes[..len]));
        });
    }

    /// As much as there is: the kernel takes a short answer for the end.
    fn fill(&self, file: &OpenFile, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let ctx = self.task.caller().ctx();
        if file.stream().is_some_and(|stream| !stream.has_position()) {
            return file.read(&ctx, bytes);
        }
        let mut filled = 0;
        while filled < bytes.len() {
            match file.pread(&ctx, &mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(len) => filled += len,
                Err(_) if filled > 0 => break,
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }

    pub(super) fn write(&self, fd: u32, offset: u64, bytes: &[u8]) -> Result<usize> {
        let file = self.task.file(fd)?;
        let ctx = self.task.caller().ctx();
        if file.stream().is_some_and(|stream| !stream.has_position()) {
            return file.write(&ctx, bytes);
        }
        let mut written = 0;
        while written < bytes.len() {
            match file.pwrite(&ctx, &bytes[written..], offset + written as u64) {
                Ok(0) => break,
                Ok(len) => written += len,
                // What was written is told; the error comes when the rest is tried again.
                Err(_) if written > 0 => break,
                Err(e) => return Err(e),
            }
        }
        Ok(written)
    }

    /// A descriptor of a program was closed: late errors come out.
    pub(super) fn flush(&self, fd: u32) -> Result<()> {
        self.task.file(fd)?.flush(&self.task.caller().ctx())
    }

    /// Answers by `done` where data or a hole begins, from an offset on. What was written lately the kernel may still have:
    /// it is asked for it first, by a thread of its own, as it waits for this answer with the file locked.
    pub(super) fn seek_to(
        self: &Arc<Self>,
        number: u64,
        (fd, offset, whence): (u32, i64, i32),
        done: impl FnOnce(Result<u64>) + Send + 'static,
    ) {
        if !self.writeback || !lock(&self.writers).contains_key(&number) {
            return done(self.seek(fd, offset, whence));
        }
        let door = self.clone();
        aside("fuse-seek", move || {
            let file = door.through_kernel(number);
            let found = match file.as_ref().map(pages::write_back) {
                Some(Ok(())) => door.seek(fd, offset, whence),
                // All of it may be data.
                _ if whence == libc::SEEK_DATA => u64::try_from(offset).map_err(|_| Errno::ENXIO.into()),
                _ => Ok(i64::MAX as u64),
            };
            done(found);
            // Only now: to close it the kernel wants the lock.
            drop(file);
        });
    }

    /// A node as any program opens it.
    fn through_kernel(&self, number: u64) -> Option<File> {
        let path = self.nodes.get(number).ok()?.path();
        let path = self.folder.join(OsStr::from_bytes(path.strip_prefix(b"/")?));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
        (file.metadata().ok()?.ino() == number).then_some(file)
    }

    /// Where data or a hole begins, from an offset on.
    fn seek(&self, fd: u32, offset: i64, whence: i32) -> Result<u64> {
        let whence = match whence {
            libc::SEEK_DATA => Whence::Data,
            libc::SEEK_HOLE => Whence::Hole,
            _ => return Err(Errno::EINVAL.into()),
        };
        self.task.file(fd)?.seek(&self.task.caller().ctx(), offset, whence)
    }

    /// Copies inside the tree, without the bytes' way through the kernel; answers how many.
    pub(super) fn copy(&self, from: (u32, u64), to: (u32, u64), len: u64) -> Result<usize> {
        let (source, target) = (self.task.file(from.0)?, self.task.file(to.0)?);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(COPY_BYTES).min(COPY_BYTES)];
        let read = self.fill(&source, from.1, &mut bytes)?;
        let ctx = self.task.caller().ctx();
        if read == 0 { Ok(0) } else { target.pwrite(&ctx, &bytes[..read], to.1) }
    }

    /// A command for a file; answers what it answers and fills `arg`. Errors: ENOTTY, also for what would tell an address
    /// of this process or change a descriptor that is nobody's.
    pub(super) fn command(&self, number: u64, fd: u32, command: u32, arg: &mut [u8]) -> Result<u64> {
        const OURS: [u32; 11] = [
            FIOC_MMAP,
            FIOC_XIPBASE,
            BIOC_XIPBASE,
            FIOC_FILEPATH,
            FIOC_SETLK,
            FIOC_SETLKW,
            FIOC_GETLK,
            FIOCLEX,
            FIONCLEX,
            FIOGCLEX,
            FIONBIO,
        ];
        if OURS.contains(&command) {
            return Err(Errno::ENOTTY.into());
        }
        let answer = self.task.ioctl(fd, command, arg)?;
        // It may have changed what the mode says.
        if let Some((node, _)) = self.task.file(fd)?.regular() {
            node.expire();
        }
        self.outdated(Stale::Attributes(number));
        Ok(answer)
    }
}
