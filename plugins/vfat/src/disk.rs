//! The medium below a volume, and in which order writes reach it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nxvfs_sdk::{IO_META, Medium, Result};

use crate::sync::lock;

/// Zeroes to write from.
static ZEROES: [u8; 64 * 1024] = [0; 64 * 1024];

/// The medium of a volume.
pub(crate) struct Disk {
    medium: Medium,
    /// Something was written since the last barrier.
    loose: AtomicBool,
    /// Something was written since the last flush.
    volatile: AtomicBool,
    /// Who flushes: another that would find nothing to flush waits until it is done.
    flushing: Mutex<()>,
}

impl Disk {
    pub(crate) fn new(medium: Medium) -> Self {
        Self {
            medium,
            loose: AtomicBool::new(false),
            volatile: AtomicBool::new(false),
            flushing: Mutex::new(()),
        }
    }

    pub(crate) fn medium(&self) -> &Medium {
        &self.medium
    }

    /// To be called after a write, so that whoever takes this back has it before his barrier or flush.
    fn wrote(&self) {
        // Only stores where needed: the line is shared by all threads that write.
        if !self.loose.load(Relaxed) {
            self.loose.store(true, Relaxed);
        }
        if !self.volatile.load(Relaxed) {
            self.volatile.store(true, Relaxed);
        }
    }

    #[inline]
    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.medium.read_at(offset, buf)
    }

    #[inline]
    pub(crate) fn write(&self, offset: u64, buf: &[u8]) -> Result<()> {
        let done = self.medium.write_at(offset, buf, 0);
        self.wrote();
        done
    }

    pub(crate) fn read_meta(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.medium.read_meta_at(offset, buf)
    }

    pub(crate) fn write_meta(&self, offset: u64, buf: &[u8]) -> Result<()> {
        let done = self.medium.write_at(offset, buf, IO_META);
        self.wrote();
        done
    }

    /// Writes zeroes.
    pub(crate) fn zero(&self, mut offset: u64, mut len: u64) -> Result<()> {
        while len > 0 {
            let part = len.min(ZEROES.len() as u64);
            self.write(offset, &ZEROES[..part as usize])?;
            (offset, len) = (offset + part, len - part);
        }
        Ok(())
    }

    /// What is written from now on reaches the medium after what was written so far.
    pub(crate) fn barrier(&self) -> Result<()> {
        // Stores into granted memory keep the order of the program.
        if !self.loose.swap(false, Relaxed) || self.medium.writes_in_place() {
            return Ok(());
        }
        let done = self.medium.barrier();
        if done.is_err() {
            self.loose.store(true, Relaxed);
        }
        done
    }

    /// What was written is on the medium when this returns.
    pub(crate) fn flush(&self) -> Result<()> {
        let _turn = lock(&self.flushing);
        if !self.volatile.swap(false, Relaxed) {
            return Ok(());
        }
        let done = self.medium.flush();
        if done.is_err() {
            self.volatile.store(true, Relaxed);
        }
        done
    }
}
