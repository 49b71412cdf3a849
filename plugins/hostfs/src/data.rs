//! Content of regular files, through descriptors that an opening keeps.

use std::io::IoSlice;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nxvfs_sdk::abi::filesystem::{
    FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE, SEEK_DATA, SEEK_HOLE,
};
use nxvfs_sdk::{Errno, Fail, Result, mode, open};
use rustix::fs::{FallocateFlags, OFlags, SeekFrom, fallocate, seek};
use rustix::io::{ReadWriteFlags, pread, pwritev2};

use crate::HostFs;
use crate::nodes::{Node, Pin};

/// The bits of the open flags that say whether a file is read or written.
const ACCESS: u32 = 3;

/// An opening of a regular file.
#[derive(Default)]
pub struct OpenFile {
    descriptor: Option<OwnedFd>,
    /// Without an opening the node is found by its name, which others may take away.
    _node: Option<Pin>,
}

impl OpenFile {
    pub(crate) fn new(descriptor: OwnedFd, node: Arc<Node>) -> Self {
        Self { descriptor: Some(descriptor), _node: Some(Pin::new(node)) }
    }
}

/// A descriptor that an opening lends, or that was made for one call.
pub(crate) enum Lent<'a> {
    Opened(&'a OwnedFd),
    Made(OwnedFd),
}

impl Deref for Lent<'_> {
    type Target = OwnedFd;

    fn deref(&self) -> &OwnedFd {
        match self {
            Self::Opened(descriptor) => descriptor,
            Self::Made(descriptor) => descriptor,
        }
    }
}

impl HostFs {
    /// Opens a node's inode. Only regular files and directories: others would wait, or do something. Errors: those of
    /// opening it; EINVAL.
    pub(crate) fn open_node(&self, node: &Arc<Node>, flags: OFlags) -> Result<OwnedFd> {
        match node.file_type {
            mode::S_IFREG | mode::S_IFDIR => {
                self.beneath.open(&*self.nodes.handle(&self.beneath, node)?, flags)
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    pub(crate) fn open_file(&self, number: u64, flags: u32) -> Result<OpenFile> {
        let node = self.nodes.get(number)?;
        // A file that is written is read too: when a part of a page in memory is written back.
        let descriptor = match flags & ACCESS {
            open::O_RDONLY => self.open_node(&node, OFlags::RDONLY)?,
            _ => self.open_node(&node, OFlags::RDWR).or_else(|fail| match fail.errno() {
                Errno::EACCES => self.open_node(&node, OFlags::WRONLY),
                _ => Err(fail),
            })?,
        };
        Ok(OpenFile::new(descriptor, node))
    }

    /// The descriptor of an opening; one for this call if the host has none.
    pub(crate) fn opened<'a>(&self, number: u64, file: &'a OpenFile, flags: OFlags) -> Result<Lent<'a>> {
        match &file.descriptor {
            Some(descriptor) => Ok(Lent::Opened(descriptor)),
            None => Ok(Lent::Made(self.open_node(&self.nodes.get(number)?, flags)?)),
        }
    }

    pub(crate) fn read_file(
        &self,
        number: u64,
        file: &OpenFile,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<usize> {
        let descriptor = self.opened(number, file, OFlags::RDONLY)?;
        let mut done = 0;
        // Fewer bytes mean the end of the file.
        while done < buf.len() {
            let at = offset.checked_add(done as u64).filter(|at| i64::try_from(*at).is_ok());
            let Some(at) = at else { break };
            match pread(&*descriptor, &mut buf[done..], at) {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) if done > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }

    pub(crate) fn write_file(
        &self,
        number: u64,
        file: &OpenFile,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        let descriptor = self.opened(number, file, OFlags::RDWR)?;
        let mut how = ReadWriteFlags::empty();
        for (flag, bit) in [
            (open::O_APPEND, ReadWriteFlags::APPEND),
            (open::O_SYNC, ReadWriteFlags::SYNC),
            (open::O_DSYNC, ReadWriteFlags::DSYNC),
        ] {
            how.set(bit, flags & flag == flag);
        }
        let offset = if how.contains(ReadWriteFlags::APPEND) { 0 } else { offset };
        if i64::try_from(offset).is_err() {
            return Err(Errno::EFBIG.into());
        }
        Ok(pwritev2(&*descriptor, &[IoSlice::new(buf)], offset, how)?)
    }

    pub(crate) fn allocate_file(
        &self,
        number: u64,
        file: &OpenFile,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        if mode & !(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE) != 0 {
            return Err(Errno::ENOTSUP.into());
        }
        let descriptor = self.opened(number, file, OFlags::RDWR)?;
        // The numbers are Linux's.
        Ok(fallocate(&*descriptor, FallocateFlags::from_bits_retain(mode), offset, len)?)
    }

    pub(crate) fn seek_file(&self, number: u64, file: &OpenFile, offset: u64, whence: u32) -> Result<u64> {
        let descriptor = self.opened(number, file, OFlags::RDONLY)?;
        if i64::try_from(offset).is_err() {
            return Err(Errno::ENXIO.into());
        }
        // The descriptor's own position moves, which nobody looks at.
        let from = match whence {
            SEEK_DATA => SeekFrom::Data(offset),
            SEEK_HOLE => SeekFrom::Hole(offset),
            _ => return Err(Errno::EINVAL.into()),
        };
        Ok(seek(&*descriptor, from)?)
    }

    /// Brings a node to the medium. Errors: those of the operating system; for special nodes there is nothing to do.
    pub(crate) fn sync_node(&self, number: u64, file: Option<&OpenFile>, data_only: bool) -> Result<()> {
        let (none, node) = (OpenFile::default(), self.nodes.get(number)?);
        if !matches!(node.file_type, mode::S_IFREG | mode::S_IFDIR) {
            return Ok(());
        }
        let descriptor = self.opened(number, file.unwrap_or(&none), OFlags::RDONLY)?;
        match data_only {
            true => rustix::fs::fdatasync(&*descriptor)?,
            false => rustix::fs::fsync(&*descriptor)?,
        }
        Ok(())
    }

    /// Errors: EROFS.
    pub(crate) fn writable(&self) -> Result<()> {
        match self.read_only.load(std::sync::atomic::Ordering::Relaxed) {
            true => Err(Fail::new(Errno::EROFS, "the folder is mounted read-only")),
            false => Ok(()),
        }
    }
}
