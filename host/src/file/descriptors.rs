//! A task's descriptors: small numbers for open files.

use std::collections::BTreeSet;
use std::ops::Range;

use super::open::OpenFile;
use crate::base::sync::{Arc, AtomicU32, Ordering, RwLock, read, write};
use crate::base::{Errno, Result};

/// Descriptors that one task may have at a time, unless it is set otherwise.
pub const DEFAULT_DESCRIPTORS: u32 = 1024;
/// Descriptors that one task may be allowed.
pub const MAX_DESCRIPTORS: u32 = 64 * 1024;

/// What a descriptor stands for, and its own flag.
#[derive(Clone)]
struct Slot {
    file: Arc<OpenFile>,
    /// Closed on execution of a program.
    cloexec: bool,
}

#[derive(Default)]
struct Slots {
    files: Vec<Option<Slot>>,
    /// No descriptor below this one is free.
    first_free: usize,
    /// The numbers that are given out to who does not choose one; `None` for all.
    window: Option<Range<usize>>,
    /// Numbers that are never given out, because somebody else has them.
    withheld: BTreeSet<usize>,
    closed: bool,
}

impl Slots {
    /// The lowest number from `at_least` on that may be given out.
    fn lowest_free(&self, at_least: usize, limit: u32) -> Option<usize> {
        let window = self.window.clone().unwrap_or(0..usize::MAX);
        let mut numbers = at_least.max(window.start)..window.end.min(limit as usize);
        numbers.find(|i| self.files.get(*i).is_none_or(Option::is_none) && !self.withheld.contains(i))
    }

    fn put(&mut self, at: usize, slot: Slot) -> Option<Arc<OpenFile>> {
        if at >= self.files.len() {
            self.files.resize(at + 1, None);
        }
        slot.file.descriptor_came();
        let old = self.files[at].replace(slot).map(|old| old.file);
        if let Some(old) = &old {
            old.descriptor_went();
        }
        old
    }
}

/// The descriptors of one task.
pub struct DescriptorTable {
    slots: RwLock<Slots>,
    limit: AtomicU32,
}

impl Default for DescriptorTable {
    fn default() -> Self {
        Self { slots: RwLock::default(), limit: AtomicU32::new(DEFAULT_DESCRIPTORS) }
    }
}

impl DescriptorTable {
    /// One more than the largest number that is given out.
    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit; descriptors beyond it stay. POSIX `setrlimit(RLIMIT_NOFILE)`. Errors: EPERM beyond
    /// [`MAX_DESCRIPTORS`].
    pub fn set_limit(&self, limit: u32) -> Result<()> {
        if limit > MAX_DESCRIPTORS {
            return Err(Errno::EPERM.into());
        }
        self.limit.store(limit, Ordering::Relaxed);
        Ok(())
    }

    /// Gives out numbers of this range only, but for [`DescriptorTable::replace`], which takes any: for a program whose
    /// other numbers are the operating system's. What is open outside stays.
    pub fn set_window(&self, window: Range<u32>) {
        write(&self.slots).window = Some(window.start as usize..window.end as usize);
    }

    /// Takes a number out, until [`DescriptorTable::restore`]: nobody is given it. Answers what had it.
    pub fn withhold(&self, fd: u32) -> Option<Arc<OpenFile>> {
        let mut slots = write(&self.slots);
        slots.withheld.insert(fd as usize);
        let slot = slots.files.get_mut(fd as usize).and_then(Option::take);
        drop(slots);
        slot.map(|slot| {
            slot.file.descriptor_went();
            slot.file
        })
    }

    /// Lets a number be given out again.
    pub fn restore(&self, fd: u32) {
        let mut slots = write(&self.slots);
        slots.withheld.remove(&(fd as usize));
        slots.first_free = slots.first_free.min(fd as usize);
    }

    /// Gives a file the lowest free number. Errors: EMFILE; ESRCH once the task has ended.
    pub fn insert(&self, file: Arc<OpenFile>, cloexec: bool) -> Result<u32> {
        let mut slots = write(&self.slots);
        if slots.closed {
            return Err(Errno::ESRCH.into());
        }
        let free = slots.lowest_free(slots.first_free, self.limit()).ok_or(Errno::EMFILE)?;
        slots.put(free, Slot { file, cloexec });
        slots.first_free = free + 1;
        Ok(free as u32)
    }

    /// Gives a file the lowest free number from `at_least` on. Errors: EINVAL beyond the limit, EMFILE.
    pub fn insert_from(&self, file: Arc<OpenFile>, at_least: u32, cloexec: bool) -> Result<u32> {
        let limit = self.limit();
        if at_least >= limit {
            return Err(Errno::EINVAL.into());
        }
        let mut slots = write(&self.slots);
        if slots.closed {
            return Err(Errno::ESRCH.into());
        }
        let free = slots.lowest_free(at_least as usize, limit).ok_or(Errno::EMFILE)?;
        slots.put(free, Slot { file, cloexec });
        Ok(free as u32)
    }

    /// Gives a file this very number and answers what had it. Errors: EBADF beyond the limit.
    pub fn replace(&self, fd: u32, file: Arc<OpenFile>, cloexec: bool) -> Result<Option<Arc<OpenFile>>> {
        if fd >= self.limit() {
            return Err(Errno::EBADF.into());
        }
        let mut slots = write(&self.slots);
        if slots.closed {
            return Err(Errno::ESRCH.into());
        }
        Ok(slots.put(fd as usize, Slot { file, cloexec }))
    }

    /// The file of a descriptor. Errors: EBADF.
    #[inline]
    pub fn get(&self, fd: u32) -> Result<Arc<OpenFile>> {
        let slots = read(&self.slots);
        match slots.files.get(fd as usize) {
            Some(Some(slot)) => Ok(slot.file.clone()),
            _ => Err(Errno::EBADF.into()),
        }
    }

    /// Whether a descriptor is closed on execution of a program. Errors: EBADF.
    pub fn cloexec(&self, fd: u32) -> Result<bool> {
        let slots = read(&self.slots);
        let slot = slots.files.get(fd as usize).and_then(Option::as_ref);
        slot.map(|slot| slot.cloexec).ok_or_else(|| Errno::EBADF.into())
    }

    /// Says whether it shall be. Errors: EBADF.
    pub fn set_cloexec(&self, fd: u32, cloexec: bool) -> Result<()> {
        let mut slots = write(&self.slots);
        let slot = slots.files.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::EBADF)?;
        slot.cloexec = cloexec;
        Ok(())
    }

    /// Frees a descriptor and answers its file. Errors: EBADF.
    pub fn remove(&self, fd: u32) -> Result<Arc<OpenFile>> {
        let mut slots = write(&self.slots);
        let slot = slots.files.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::EBADF)?;
        slots.first_free = slots.first_free.min(fd as usize);
        drop(slots);
        slot.file.descriptor_went();
        Ok(slot.file)
    }

    /// Frees all descriptors for good and answers their files.
    pub fn close(&self) -> Vec<Arc<OpenFile>> {
        let mut slots = write(&self.slots);
        slots.closed = true;
        let files: Vec<_> = slots.files.drain(..).flatten().map(|slot| slot.file).collect();
        drop(slots);
        files.iter().for_each(|file| file.descriptor_went());
        files
    }

    /// The descriptors that are open, with their files.
    pub fn list(&self) -> Vec<(u32, Arc<OpenFile>)> {
        let files = &read(&self.slots).files;
        let open = |(fd, slot): (usize, &Option<Slot>)| Some((fd as u32, slot.as_ref()?.file.clone()));
        files.iter().enumerate().filter_map(open).collect()
    }

    /// How many descriptors are open.
    pub fn count(&self) -> usize {
        read(&self.slots).files.iter().flatten().count()
    }
}
