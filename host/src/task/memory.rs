//! Mapping: views by address and by value, addresses in place, and why a file maps as it does.

use super::{Task, shown};
use nxvfs_abi::types::open;

use crate::base::{Errno, Result};
use crate::file::OpenFile;
use crate::mapping::{Borrow, Explanation, MapError, MapRequest, Mapping, Source, explain};
use crate::tree::{Follow, Inode, PseudoKind};

impl Task {
    /// Maps a range of a file and answers the address of its first byte, until [`Task::munmap`] or the task's end.
    /// POSIX `mmap`, without its demand that the offset be a multiple of the page. The position does not move.
    ///
    /// Errors, in this order: EBADF; EINVAL length 0; EACCES (not open for reading; a shared writable view of a file
    /// that is not open for both); ENODEV not a file or device; EOVERFLOW; ENXIO beyond the end, or strict and not
    /// in place; ENODEV not in place, with the reason; EROFS; ENOMEM.
    pub fn mmap(&self, fd: u32, request: &MapRequest) -> Result<usize> {
        let (source, path) = self.mappable(fd, request)?;
        self.regions.map(&source, &self.caller.ctx(), &path, self.caller.task, request)
    }

    /// Unmaps every page that holds any byte of the range; the other pages of the same views stay, and views of
    /// other tasks are not touched. POSIX `munmap`. Errors: EINVAL for length 0, or if nothing there is this task's.
    pub fn munmap(&self, address: usize, len: usize) -> Result<()> {
        self.regions.unmap(address, len)
    }

    /// Maps a range as a value that unmaps itself; errors as [`Task::mmap`].
    pub fn map(&self, fd: u32, request: &MapRequest) -> Result<Mapping> {
        let (source, path) = self.mappable(fd, request)?;
        Mapping::new(&source, &self.caller.ctx(), &path, self.caller.task, request)
    }

    fn mappable(&self, fd: u32, request: &MapRequest) -> Result<(Source, String)> {
        let file = self.descriptors.get(fd)?;
        if file.flags().has(open::O_PATH) {
            return Err(Errno::EBADF.into());
        }
        if request.len == 0 {
            return Err(MapError::Empty {}.into());
        }
        let path = shown(file.dentry());
        if !file.flags().readable() {
            return Err(MapError::Access { path, needed: "reading" }.into());
        }
        if request.shared && request.prot.write && !file.flags().writable() {
            return Err(MapError::Access { path, needed: "reading and writing" }.into());
        }
        match source(&file) {
            Some(source) => Ok((source, path)),
            None => Err(MapError::Kind { path }.into()),
        }
    }

    /// The address of the file's first byte on its medium, and how many bytes are there. Read-only, and valid until
    /// the file is closed, which keeps the volume mounted. Errors: EBADF (also if it is not open for reading), ENODEV,
    /// ENXIO not in place.
    pub fn borrow_in_place(&self, fd: u32) -> Result<(usize, usize)> {
        let file = self.descriptors.get(fd)?;
        if !file.flags().readable() {
            return Err(Errno::EBADF.into());
        }
        let borrow = file.borrow_in_place(|| {
            let path = shown(file.dentry());
            match source(&file) {
                Some(source) => Borrow::new(&source, &self.caller.ctx(), &path, self.caller.task),
                None => Err(MapError::Kind { path }.into()),
            }
        })?;
        Ok((borrow.address(), borrow.len()))
    }

    /// What a shared read-only mapping of the whole file would get, and why not better. Errors: as for `stat`;
    /// ENODEV if it is neither a file nor a device.
    pub fn explain(&self, path: impl AsRef<[u8]>) -> Result<Explanation> {
        let dentry = self.host.tree().find(&self.caller, &self.base(), path.as_ref(), Follow::Yes)?;
        let source = match dentry.inode() {
            Inode::Volume(node) if dentry.inode().file_type() == nxvfs_abi::types::mode::S_IFREG => {
                Source::File(node.clone())
            }
            Inode::Pseudo(node) => match node.kind() {
                PseudoKind::Block(device) => Source::Device(device.clone()),
                _ => return Err(MapError::Kind { path: shown(&dentry) }.into()),
            },
            Inode::Volume(_) => return Err(MapError::Kind { path: shown(&dentry) }.into()),
        };
        explain(&source, &self.caller.ctx())
    }
}

fn source(file: &OpenFile) -> Option<Source> {
    if let Some((node, _)) = file.regular() {
        return Some(Source::File(node.clone()));
    }
    file.block_device().map(|device| Source::Device(device.clone()))
}
