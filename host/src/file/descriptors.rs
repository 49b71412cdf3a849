//! A task's descriptors: small numbers for open files.

use super::open::OpenFile;
use crate::base::sync::{Arc, RwLock, read, write};
use crate::base::{Errno, Result};

/// Descriptors that one task may have at a time.
pub const MAX_DESCRIPTORS: u32 = 1024;

#[derive(Default)]
struct Slots {
    files: Vec<Option<Arc<OpenFile>>>,
    /// No descriptor below this one is free.
    first_free: usize,
    closed: bool,
}

impl Slots {
    fn put(&mut self, at: usize, file: Arc<OpenFile>) -> Option<Arc<OpenFile>> {
        if at >= self.files.len() {
            self.files.resize(at + 1, None);
        }
        file.descriptor_came();
        let old = self.files[at].replace(file);
        if let Some(old) = &old {
            old.descriptor_went();
        }
        old
    }
}

/// The descriptors of one task.
#[derive(Default)]
pub struct DescriptorTable(RwLock<Slots>);

impl DescriptorTable {
    /// Gives a file the lowest free number. Errors: EMFILE; ESRCH once the task has ended.
    pub fn insert(&self, file: Arc<OpenFile>) -> Result<u32> {
        let mut slots = write(&self.0);
        if slots.closed {
            return Err(Errno::ESRCH.into());
        }
        let from = slots.first_free.min(slots.files.len());
        let free =
            slots.files[from..].iter().position(Option::is_none).map_or(slots.files.len(), |i| from + i);
        if free >= MAX_DESCRIPTORS as usize {
            return Err(Errno::EMFILE.into());
        }
        slots.put(free, file);
        slots.first_free = free + 1;
        Ok(free as u32)
    }

    /// Gives a file the lowest free number from `at_least` on. Errors: EINVAL beyond the limit, EMFILE.
    pub fn insert_from(&self, file: Arc<OpenFile>, at_least: u32) -> Result<u32> {
        if at_least >= MAX_DESCRIPTORS {
            return Err(Errno::EINVAL.into());
        }
        let mut slots = write(&self.0);
        if slots.closed {
            return Err(Errno::ESRCH.into());
        }
        let free = (at_least as usize..).find(|i| slots.files.get(*i).is_none_or(Option::is_none));
        let free = free.filter(|free| *free < MAX_DESCRIPTORS as usize).ok_or(Errno::EMFILE)?;
        slots.put(free, file);
        Ok(free as u32)
    }

    /// Gives a file this very number and answers what had it. Errors: EBADF beyond the limit.
    pub fn replace(&self, fd: u32, file: Arc<OpenFile>) -> Result<Option<Arc<OpenFile>>> {
        if fd >= MAX_DESCRIPTORS {
            return Err(Errno::EBADF.into());
        }
        let mut slots = write(&self.0);
        if slots.closed {
            return Err(Errno::ESRCH.into());
        }
        Ok(slots.put(fd as usize, file))
    }

    /// The file of a descriptor. Errors: EBADF.
    #[inline]
    pub fn get(&self, fd: u32) -> Result<Arc<OpenFile>> {
        read(&self.0).files.get(fd as usize).cloned().flatten().ok_or_else(|| Errno::EBADF.into())
    }

    /// Frees a descriptor and answers its file. Errors: EBADF.
    pub fn remove(&self, fd: u32) -> Result<Arc<OpenFile>> {
        let mut slots = write(&self.0);
        let file = slots.files.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::EBADF)?;
        slots.first_free = slots.first_free.min(fd as usize);
        drop(slots);
        file.descriptor_went();
        Ok(file)
    }

    /// Frees all descriptors for good and answers their files.
    pub fn close(&self) -> Vec<Arc<OpenFile>> {
        let mut slots = write(&self.0);
        slots.closed = true;
        let files: Vec<_> = slots.files.drain(..).flatten().collect();
        drop(slots);
        files.iter().for_each(|file| file.descriptor_went());
        files
    }

    /// How many descriptors are open.
    pub fn count(&self) -> usize {
        read(&self.0).files.iter().flatten().count()
    }
}
