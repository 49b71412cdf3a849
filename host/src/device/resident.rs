//! Where a file or device meets its copy in memory, if it has one.
//!
//! The floors below know nothing of mapping: they keep a place where a mapping puts itself, and go through it when it
//! is there. Without one a transfer costs one atomic load more.

use std::any::Any;

use super::late::LateErrors;
use crate::base::Result;
use crate::base::sync::{Arc, AtomicU8, AtomicUsize, Condvar, Mutex, Ordering, Weak, lock, wait};

/// Reads from below the copy: from the file system or the driver.
pub type ReadBelow<'a> = &'a mut dyn FnMut(u64, &mut [u8]) -> Result<usize>;
/// Writes below the copy; where is known to who made it.
pub type WriteBelow<'a> = &'a mut dyn FnMut(&[u8]) -> Result<usize>;

/// A change of a file that is no write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The length becomes this.
    Resize(u64),
    /// A range reads as zeroes; with `grow` the file is afterwards at least that long.
    Zero {
        /// First byte.
        offset: u64,
        /// Bytes.
        len: u64,
        /// Whether the end of the file may move.
        grow: bool,
    },
    /// Space was reserved, and the file is afterwards at least this long.
    Extend(u64),
}

/// The views of a file, and its copy in memory if it has one. Where there is a copy, it is what counts.
pub trait Resident: Any + Send + Sync {
    /// Reads: what is in memory from there, the rest from below.
    fn read(&self, offset: u64, buf: &mut [u8], below: ReadBelow<'_>) -> Result<usize>;
    /// Writes below, and then into memory what was written; `offset` is `None` for the end.
    fn write(&self, offset: Option<u64>, buf: &[u8], below: WriteBelow<'_>) -> Result<usize>;
    /// Makes a change below, and then what follows from it in memory.
    fn change(&self, change: Change, below: &mut dyn FnMut() -> Result<()>) -> Result<()>;
    /// The length changed, and there is no copy: views in place must not show what is no longer the file's.
    fn cut(&self, len_bytes: u64);
    /// Brings back what was stored into memory. Errors: the file system's; what could not be written stays.
    fn write_back(&self) -> Result<()>;
}

const NOTHING: u8 = 0;
const VIEWS: u8 = 1;
const MEMORY: u8 = 2;

/// The place of a file or device for its [`Resident`].
#[derive(Default)]
pub struct Residence {
    kind: AtomicU8,
    /// Changes under way that go around the copy.
    around: AtomicUsize,
    object: Mutex<Option<Weak<dyn Resident>>>,
    left: Condvar,
    kept: Mutex<Option<Arc<dyn Resident>>>,
    late: LateErrors,
}

impl Residence {
    /// The views and the copy, if there are any.
    #[inline]
    pub fn get(&self) -> Option<Arc<dyn Resident>> {
        if self.kind.load(Ordering::Acquire) == NOTHING {
            return None;
        }
        lock(&self.object).as_ref().and_then(Weak::upgrade)
    }

    /// The copy, if there is one: what readers must go through.
    #[inline]
    pub fn memory(&self) -> Option<Arc<dyn Resident>> {
        if self.kind.load(Ordering::SeqCst) != MEMORY {
            return None;
        }
        lock(&self.object).as_ref().and_then(Weak::upgrade)
    }

    /// Makes a change of the content: through the copy, or around it if there is none, and then none comes into being
    /// until the change is made.
    pub fn change<R>(
        &self,
        around: impl FnOnce() -> Result<R>,
        through: impl FnOnce(&dyn Resident) -> Result<R>,
    ) -> Result<R> {
        loop {
            let under_way = Around::new(self);
            if self.kind.load(Ordering::SeqCst) != MEMORY {
                return around();
            }
            drop(under_way);
            if let Some(resident) = self.memory() {
                return through(&*resident);
            }
            // It is about to take itself out of its place.
            std::thread::yield_now();
        }
    }

    /// The object in its place, or a new one.
    pub fn adopt(&self, make: impl FnOnce() -> Arc<dyn Resident>) -> Arc<dyn Resident> {
        let mut object = lock(&self.object);
        if let Some(there) = object.as_ref().and_then(Weak::upgrade) {
            return there;
        }
        let made = make();
        *object = Some(Arc::downgrade(&made));
        self.kind.store(VIEWS, Ordering::SeqCst);
        made
    }

    /// From now on the copy counts: when this returns, no change is under way that does not know of it.
    pub fn publish_memory(&self) {
        self.kind.store(MEMORY, Ordering::SeqCst);
        let mut object = lock(&self.object);
        while self.around.load(Ordering::SeqCst) > 0 {
            object = wait(&self.left, object);
        }
    }

    /// The copy was not made after all.
    pub fn retract_memory(&self) {
        self.kind.store(VIEWS, Ordering::SeqCst);
    }

    /// Keeps the copy, in which there is what could not be brought back, until it can.
    pub fn keep(&self, resident: Arc<dyn Resident>) {
        *lock(&self.kept) = Some(resident);
    }

    /// Whether there is something that could not be brought back.
    pub fn keeps(&self) -> bool {
        lock(&self.kept).is_some()
    }

    /// Brings back what was stored into the copy, also what could not be before. Errors: the file system's; what could
    /// not be written stays.
    pub fn write_back(&self) -> Result<()> {
        let Some(resident) = self.get() else { return Ok(()) };
        resident.write_back()?;
        let kept = lock(&self.kept).take();
        // Outside the lock: it may be the last of the copy.
        drop(kept);
        Ok(())
    }

    /// Gives up what could not be brought back: the volume is taken away by force.
    pub fn abandon(&self) {
        let kept = lock(&self.kept).take();
        drop(kept);
    }

    /// An object ends; another may have taken its place already.
    pub fn leave(&self, ended: *const ()) {
        let mut object = lock(&self.object);
        if object.as_ref().is_some_and(|o| std::ptr::addr_eq(o.as_ptr(), ended)) {
            *object = None;
            self.kind.store(NOTHING, Ordering::SeqCst);
        }
    }

    /// Failures of writing back that nobody was there to be told of.
    pub fn late(&self) -> &LateErrors {
        &self.late
    }
}

/// A change that goes around the copy, as long as it is under way.
struct Around<'a>(&'a Residence);

impl<'a> Around<'a> {
    fn new(residence: &'a Residence) -> Self {
        residence.around.fetch_add(1, Ordering::SeqCst);
        Self(residence)
    }
}

impl Drop for Around<'_> {
    fn drop(&mut self) {
        let last = self.0.around.fetch_sub(1, Ordering::SeqCst) == 1;
        if last && self.0.kind.load(Ordering::SeqCst) == MEMORY {
            // Under the lock, so that the waiter is either not yet looking or already waiting.
            let _guard = lock(&self.0.object);
            self.0.left.notify_all();
        }
    }
}
