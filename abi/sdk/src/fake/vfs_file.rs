//! Files of the VFS in memory, and the list of the process in which services find them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use nxvfs_abi::Errno;

static FILES: RwLock<BTreeMap<u64, Weak<Inner>>> = RwLock::new(BTreeMap::new());
static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);

/// A file of the VFS in memory. Clones are the same file.
#[derive(Clone, Debug)]
pub struct VfsFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    token: u64,
    bytes: Mutex<Vec<u8>>,
    read_only: AtomicBool,
    without_holes: AtomicBool,
    failing: AtomicBool,
    syncs: AtomicU64,
}

impl VfsFile {
    /// A file that may be written and have holes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let inner = Arc::new(Inner {
            token: NEXT_TOKEN.fetch_add(1, Relaxed),
            bytes: Mutex::new(bytes.into()),
            read_only: AtomicBool::new(false),
            without_holes: AtomicBool::new(false),
            failing: AtomicBool::new(false),
            syncs: AtomicU64::new(0),
        });
        let mut files = FILES.write().unwrap_or_else(PoisonError::into_inner);
        files.insert(inner.token, Arc::downgrade(&inner));
        Self(inner)
    }

    /// Whether writes are refused.
    pub fn read_only(self, yes: bool) -> Self {
        self.0.read_only.store(yes, Relaxed);
        self
    }

    /// Whether holes are refused.
    pub fn without_holes(self, yes: bool) -> Self {
        self.0.without_holes.store(yes, Relaxed);
        self
    }

    /// From now on whether everything but its length is EIO.
    pub fn fail(&self, yes: bool) {
        self.0.failing.store(yes, Relaxed);
    }

    /// Changes its length.
    pub fn set_len(&self, len: usize) {
        self.locked().resize(len, 0);
    }

    /// A copy of its content.
    pub fn bytes(&self) -> Vec<u8> {
        self.locked().clone()
    }

    /// How often it was brought to its medium.
    pub fn syncs(&self) -> u64 {
        self.0.syncs.load(Relaxed)
    }

    pub(super) fn token(&self) -> u64 {
        self.0.token
    }

    fn locked(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, writes: bool) -> Result<(), Errno> {
        match () {
            () if writes && self.0.read_only.load(Relaxed) => Err(Errno::EROFS),
            () if self.0.failing.load(Relaxed) => Err(Errno::EIO),
            () => Ok(()),
        }
    }

    pub(super) fn serve_read(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        self.check(false)?;
        let bytes = self.locked();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let len = buf.len().min(bytes.len() - start);
        buf[..len].copy_from_slice(&bytes[start..start + len]);
        Ok(len)
    }

    pub(super) fn serve_write(&self, offset: u64, buf: &[u8]) -> Result<usize, Errno> {
        self.check(true)?;
        if buf.is_empty() {
            return Ok(0);
        }
        let mut bytes = self.locked();
        let start = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
        let end = start.checked_add(buf.len()).ok_or(Errno::EFBIG)?;
        let len = bytes.len().max(end);
        bytes.resize(len, 0);
        bytes[start..end].copy_from_slice(buf);
        Ok(buf.len())
    }

    pub(super) fn serve_len(&self) -> u64 {
        self.locked().len() as u64
    }

    pub(super) fn serve_sync(&self) -> Result<(), Errno> {
        self.check(false)?;
        self.0.syncs.fetch_add(1, Relaxed);
        Ok(())
    }

    pub(super) fn serve_discard(&self, offset: u64, len: u64) -> Result<(), Errno> {
        self.check(true)?;
        if self.0.without_holes.load(Relaxed) {
            return Err(Errno::ENOTSUP);
        }
        let mut bytes = self.locked();
        let whole = bytes.len() as u64;
        let (start, end) = (offset.min(whole), offset.saturating_add(len).min(whole));
        bytes[start as usize..end as usize].fill(0);
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        FILES.write().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}

/// The file of a token. Errors: EBADF.
pub(super) fn find(token: u64) -> Result<VfsFile, Errno> {
    let files = FILES.read().unwrap_or_else(PoisonError::into_inner);
    files.get(&token).and_then(Weak::upgrade).map(VfsFile).ok_or(Errno::EBADF)
}
