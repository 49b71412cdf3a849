//! A file of the VFS below a device: opened when the device is attached, and held until it ends.

use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE};
use nxvfs_abi::types::mode;
use nxvfs_abi::types::open::{O_RDONLY, O_RDWR};

use super::open::{FileError, OpenFile, Opener};
use crate::base::error::teach;
use crate::base::sync::{Arc, Mutex, Weak, lock};
use crate::base::{Errno, Holder, Result};
use crate::bridge::{FileService, host_ctx};
use crate::tree::Follow;

teach! {
    /// Why a device cannot lie on a file.
    pub enum DriverFileError {
        /// Neither a regular file nor a block device.
        Kind { path: String } => EINVAL, what: "file cannot be a medium", place: "{path}",
            expected: "a regular file or a block device of the VFS";
        /// Not from the root.
        Relative { path: String } => EINVAL, what: "not a path of the VFS", place: "{path}",
            expected: "an absolute path such as /tmp/disk.img", remedy: "begin it with '/'";
        /// Another device lies on it.
        Used { path: String, node: String } => EBUSY, what: "file is in use", place: "{path}",
            found: "device {node}",
            remedy: "detach it; or, if none of them writes, give ro=y to all";
    }
}

/// A file that a device lies on.
pub struct DriverFile {
    file: Arc<OpenFile>,
    writable: bool,
    node: Arc<str>,
}

impl DriverFile {
    /// Whether both are the same file, by whatever names.
    fn same(&self, other: &Self) -> bool {
        match (self.file.regular(), other.file.regular()) {
            (Some((a, _)), Some((b, _))) => Arc::ptr_eq(a, b),
            (None, None) => match (self.file.block_device(), other.file.block_device()) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            },
            _ => false,
        }
    }
}

/// The files of one host that devices lie on: one that is written excludes all others.
#[derive(Default)]
pub struct DriverFiles(Mutex<Vec<Weak<DriverFile>>>);

impl DriverFiles {
    /// Opens a file for the device at `node`: for reading and writing, or for reading if `read_only` or if it cannot be
    /// written. Errors: EINVAL, EBUSY, and those of `open`.
    pub fn open(
        &self,
        opener: &Opener<'_>,
        path: &[u8],
        read_only: bool,
        node: &str,
    ) -> Result<Arc<DriverFile>> {
        let shown = || String::from_utf8_lossy(path).into_owned();
        if path.first() != Some(&b'/') {
            return Err(DriverFileError::Relative { path: shown() }.into());
        }
        // Looked at before it is opened, because to open something else may do something, or wait.
        let found = opener.tree.find(opener.caller, opener.base, path, Follow::Yes);
        match found.map_err(|e| e.doing(shown()))?.inode().file_type() {
            mode::S_IFREG | mode::S_IFBLK => {}
            mode::S_IFDIR => return Err(FileError::Directory { path: shown() }.into()),
            _ => return Err(DriverFileError::Kind { path: shown() }.into()),
        }
        let (file, writable) = match read_only {
            true => (OpenFile::open(opener, path, O_RDONLY, 0), false),
            false => match OpenFile::open(opener, path, O_RDWR, 0) {
                Err(e) if matches!(e.errno(), Errno::EACCES | Errno::EPERM | Errno::EROFS) => {
                    log::warn!("{}: opened read-only, because it cannot be written: {e}", shown());
                    (OpenFile::open(opener, path, O_RDONLY, 0), false)
                }
                opened => (opened, true),
            },
        };
        let file = file.map_err(|e| e.doing(shown()))?;
        if file.regular().is_none() && file.block_device().is_none() {
            return Err(DriverFileError::Kind { path: shown() }.into());
        }
        let node: Arc<str> = node.into();
        file.name_holder(&Holder::Device(node.clone()));
        let opened = Arc::new(DriverFile { file, writable, node });
        let mut files = lock(&self.0);
        files.retain(|known| known.strong_count() > 0);
        let others: Vec<Arc<DriverFile>> = files.iter().filter_map(Weak::upgrade).collect();
        let against = others.iter().find(|o| (o.writable || writable) && o.same(&opened));
        if against.is_none() {
            files.push(Arc::downgrade(&opened));
        }
        // Before any of the others ends, which may call a plugin.
        drop(files);
        match against {
            Some(other) => Err(DriverFileError::Used { path: shown(), node: other.node.to_string() }.into()),
            None => Ok(opened),
        }
    }
}

impl FileService for DriverFile {
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.file.pread(&host_ctx(), buf, offset)
    }

    fn write(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        match (self.writable, buf) {
            (false, _) => Err(Errno::EROFS.into()),
            (true, []) => Ok(0),
            (true, _) => self.file.pwrite(&host_ctx(), buf, offset),
        }
    }

    fn len_bytes(&self) -> Result<u64> {
        self.file.len_bytes(&host_ctx())
    }

    fn sync(&self, data_only: bool) -> Result<()> {
        self.file.sync(&host_ctx(), data_only)
    }

    fn discard(&self, offset: u64, len: u64) -> Result<()> {
        if !self.writable {
            return Err(Errno::EROFS.into());
        }
        if let Some(device) = self.file.block_device() {
            return device.discard(offset, len);
        }
        let (node, handle) = self.file.regular().ok_or(Errno::ENOTSUP)?;
        let hole = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE;
        let done = node.mount().volume().fallocate(&host_ctx(), node.node(), handle, hole, offset, len);
        node.expire();
        done
    }
}
