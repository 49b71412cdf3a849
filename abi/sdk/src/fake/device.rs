//! Block devices in memory, and the list of the process in which services find them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use nxvfs_abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_WRITABLE, Geometry};
use nxvfs_abi::{Errno, Grow};

use crate::MemoryObject;

/// What a discarded sector holds afterwards: nothing that a driver could mistake for data or zeroes.
const DISCARDED: u8 = 0xdd;

static DEVICES: RwLock<BTreeMap<u64, Weak<Inner>>> = RwLock::new(BTreeMap::new());
static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);

/// A block device in memory. Clones are the same device.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

/// What reached a device while it was recorded, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Bytes were written.
    Write {
        /// Where, in bytes.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Later writes stay behind earlier ones.
    Barrier,
    /// Earlier writes are on the medium.
    Flush,
}

struct Inner {
    token: u64,
    sector_size_bytes: u32,
    len_bytes: u64,
    /// Page-aligned and never moved, so that it can be granted.
    memory: MemoryObject,
    xip: AtomicBool,
    read_only: AtomicBool,
    bad: Mutex<Vec<Range<u64>>>,
    reads: AtomicU64,
    writes: AtomicU64,
    /// While the device is recorded.
    journal: Mutex<Option<Vec<Record>>>,
}

impl Device {
    /// A writable device without XIP that holds `bytes`, padded with zeroes to whole sectors.
    ///
    /// # Panics
    /// If the sector size is not a power of two from 512 to 65,536.
    pub fn new(bytes: impl AsRef<[u8]>, sector_size_bytes: u32) -> Self {
        let bytes = bytes.as_ref();
        let fits = sector_size_bytes.is_power_of_two() && (512..=65_536).contains(&sector_size_bytes);
        assert!(fits, "a sector of {sector_size_bytes} bytes: expected a power of two from 512 to 65,536");
        let len = bytes.len().next_multiple_of(sector_size_bytes as usize);
        let memory = MemoryObject::zeroed(len.max(1)).expect("memory for a device");
        memory.write_at(0, bytes).expect("the memory is as long as the device");
        let inner = Arc::new(Inner {
            token: NEXT_TOKEN.fetch_add(1, Relaxed),
            sector_size_bytes,
            len_bytes: len as u64,
            memory,
            xip: AtomicBool::new(false),
            read_only: AtomicBool::new(false),
            bad: Mutex::default(),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            journal: Mutex::default(),
        });
        let mut devices = DEVICES.write().unwrap_or_else(PoisonError::into_inner);
        devices.insert(inner.token, Arc::downgrade(&inner));
        Self(inner)
    }

    /// Whether mounts from now on may use the medium as memory.
    pub fn xip(self, offered: bool) -> Self {
        self.0.xip.store(offered, Relaxed);
        self
    }

    /// Whether writes are refused. Mounts of a read-only device are read-only.
    pub fn read_only(self, yes: bool) -> Self {
        self.0.read_only.store(yes, Relaxed);
        self
    }

    /// From now on, reading or writing any of these bytes is EIO. Memory that was granted does not notice.
    pub fn fail_at(&self, bytes: Range<u64>) {
        self.0.bad.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }

    /// Everything reads and writes again.
    pub fn heal(&self) {
        self.0.bad.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// From now on writes, barriers and flushes are recorded; those through granted memory cannot be seen.
    pub fn record(&self) {
        *self.journal() = Some(Vec::new());
    }

    /// Number of records so far.
    pub fn recorded(&self) -> usize {
        self.journal().as_ref().map_or(0, Vec::len)
    }

    /// Ends the recording and answers what was recorded. Replaying a part of it on a copy of the medium as it was at
    /// [`Self::record`] is what a power cut leaves.
    pub fn take_records(&self) -> Vec<Record> {
        self.journal().take().unwrap_or_default()
    }

    fn journal(&self) -> MutexGuard<'_, Option<Vec<Record>>> {
        self.0.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, record: impl FnOnce() -> Record) {
        if let Some(journal) = self.journal().as_mut() {
            journal.push(record());
        }
    }

    /// A copy of the medium.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.0.len_bytes as usize];
        self.0.memory.read_at(0, &mut bytes).expect("the memory is as long as the device");
        bytes
    }

    /// Bytes of the medium.
    pub fn len_bytes(&self) -> u64 {
        self.0.len_bytes
    }

    /// How many reads drivers asked for; those through granted memory cannot be seen.
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Relaxed)
    }

    /// How many writes drivers asked for, likewise.
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Relaxed)
    }

    pub(super) fn token(&self) -> u64 {
        self.0.token
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.0.read_only.load(Relaxed)
    }

    pub(super) fn geometry(&self) -> Geometry {
        Geometry {
            flags: GEOMETRY_AVAILABLE | if self.is_read_only() { 0 } else { GEOMETRY_WRITABLE },
            sector_size_bytes: self.0.sector_size_bytes,
            sector_count: self.0.len_bytes / u64::from(self.0.sector_size_bytes),
            ..Grow::empty()
        }
    }

    /// The memory, if it may be used in place.
    pub(super) fn granted(&self) -> Option<&MemoryObject> {
        self.0.xip.load(Relaxed).then_some(&self.0.memory)
    }

    /// EINVAL outside the medium, EIO on a bad byte.
    fn reach(&self, offset: u64, len: u64) -> Result<(), Errno> {
        let end = offset.checked_add(len).filter(|end| *end <= self.0.len_bytes).ok_or(Errno::EINVAL)?;
        let bad = self.0.bad.lock().unwrap_or_else(PoisonError::into_inner);
        if bad.iter().any(|range| range.start < end && offset < range.end) { Err(Errno::EIO) } else { Ok(()) }
    }

    pub(super) fn serve_read(&self, offset: u64, buf: &mut [u8]) -> Result<(), Errno> {
        self.0.reads.fetch_add(1, Relaxed);
        self.reach(offset, buf.len() as u64)?;
        self.0.memory.read_at(offset, buf).map_err(|_| Errno::EINVAL)
    }

    pub(super) fn serve_write(&self, offset: u64, buf: &[u8]) -> Result<(), Errno> {
        self.0.writes.fetch_add(1, Relaxed);
        if self.is_read_only() {
            return Err(Errno::EROFS);
        }
        self.reach(offset, buf.len() as u64)?;
        self.note(|| Record::Write { offset, bytes: buf.to_vec() });
        self.0.memory.write_at(offset, buf).map_err(|_| Errno::EINVAL)
    }

    pub(super) fn serve_discard(&self, offset: u64, len: u64) -> Result<(), Errno> {
        if self.is_read_only() {
            return Err(Errno::EROFS);
        }
        self.reach(offset, len)?;
        let sector = u64::from(self.0.sector_size_bytes);
        let filling = vec![DISCARDED; sector as usize];
        let (mut at, end) = (offset.next_multiple_of(sector), (offset + len) / sector * sector);
        while at < end {
            self.0.memory.write_at(at, &filling).map_err(|_| Errno::EINVAL)?;
            at += sector;
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        DEVICES.write().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}

/// The device of a token. Errors: EBADF.
pub(super) fn find(token: u64) -> Result<Device, Errno> {
    let devices = DEVICES.read().unwrap_or_else(PoisonError::into_inner);
    devices.get(&token).and_then(Weak::upgrade).map(Device).ok_or(Errno::EBADF)
}
