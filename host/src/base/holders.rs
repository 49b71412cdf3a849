//! Who uses an object. A busy object names its holders, and becomes free when the last hold is dropped.

use std::fmt;

use super::sync::{Arc, Mutex, lock};

/// One user of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A mounted volume, by its mount point.
    Mount(Arc<str>),
    /// A device, by its node.
    Device(Arc<str>),
    /// A descriptor of a task.
    Descriptor {
        /// The task's number.
        task: u64,
        /// The descriptor.
        fd: u32,
    },
    /// A task's working directory.
    WorkingDirectory {
        /// The task's number.
        task: u64,
    },
    /// A mapping, by its first address.
    Mapping {
        /// The task's number.
        task: u64,
        /// The address.
        address: usize,
    },
    /// A copy of a file in memory, by the file's path.
    Copy(Arc<str>),
    /// An address in place that was handed out.
    Borrow {
        /// The task's number.
        task: u64,
    },
    /// A call into a volume or device that did not return; it holds for ever.
    Stuck(Arc<str>),
}

impl Holder {
    /// The kind, as `lsmod --json` tells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mount(_) => "mount",
            Self::Device(_) => "device",
            Self::Descriptor { .. } => "descriptor",
            Self::WorkingDirectory { .. } => "cwd",
            Self::Mapping { .. } => "mapping",
            Self::Copy(_) => "copy",
            Self::Borrow { .. } => "borrow",
            Self::Stuck(_) => "stuck",
        }
    }

    /// The name, without the kind.
    pub fn name(&self) -> String {
        match self {
            Self::Mount(name) | Self::Device(name) | Self::Copy(name) | Self::Stuck(name) => name.to_string(),
            Self::Descriptor { task, fd } => format!("{fd} of task {task}"),
            Self::WorkingDirectory { task } | Self::Borrow { task } => format!("of task {task}"),
            Self::Mapping { task, address } => format!("at {address:#x} of task {task}"),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::WorkingDirectory { .. } => "working directory",
            Self::Copy(_) => "copy in memory of",
            Self::Stuck(_) => "a call that does not return, of",
            other => other.kind(),
        };
        write!(f, "{kind} {}", self.name())
    }
}

#[derive(Default)]
struct State {
    slots: Vec<Option<Holder>>,
    free: Vec<usize>,
    closed: bool,
    /// What is done when the last hold goes.
    idle: Option<Box<dyn FnOnce() + Send>>,
}

impl State {
    fn is_free(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }
}

/// The holders of one object. Cloning shares the list.
#[derive(Clone, Default)]
pub struct Holders(Arc<Mutex<State>>);

impl fmt::Debug for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

impl Holders {
    /// Adds a holder; `None` once the object is closed.
    pub fn hold(&self, holder: Holder) -> Option<Hold> {
        let mut state = lock(&self.0);
        if state.closed {
            return None;
        }
        let slot = state.free.pop().unwrap_or(state.slots.len());
        if slot == state.slots.len() {
            state.slots.push(Some(holder));
        } else {
            state.slots[slot] = Some(holder);
        }
        Some(Hold { list: self.clone(), slot })
    }

    /// Everyone who holds the object now.
    pub fn list(&self) -> Vec<Holder> {
        lock(&self.0).slots.iter().flatten().cloned().collect()
    }

    /// The first few holders in words, for a sentence.
    pub fn describe(&self) -> String {
        Self::in_words(&self.list())
    }

    /// The first few of some holders in words.
    pub fn in_words(all: &[Holder]) -> String {
        const SHOWN: usize = 4;
        let mut text = all.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if all.len() > SHOWN {
            text.push_str(&format!(" and {} more", all.len() - SHOWN));
        }
        text
    }

    /// Closes the object if nobody holds it: no hold succeeds afterwards. Answers whether it did.
    pub fn close(&self) -> bool {
        let mut state = lock(&self.0);
        let free = state.is_free();
        state.closed |= free;
        free
    }

    /// Closes the object although somebody may hold it: no hold succeeds afterwards.
    pub fn close_by_force(&self) {
        lock(&self.0).closed = true;
    }

    /// Takes back that the object was closed.
    pub fn reopen(&self) {
        lock(&self.0).closed = false;
    }

    /// Closes the object when the last hold goes, now if there is none, and does this then. It runs where the hold is
    /// dropped, without a lock of this list.
    pub fn when_idle(&self, act: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.0);
        if !state.is_free() {
            state.idle = Some(Box::new(act));
            return;
        }
        state.closed = true;
        drop(state);
        act();
    }
}

/// One use of an object; ends when dropped.
#[derive(Debug)]
pub struct Hold {
    list: Holders,
    slot: usize,
}

impl Hold {
    /// Says who holds it now, once that is known better.
    pub fn rename(&self, holder: Holder) {
        lock(&self.list.0).slots[self.slot] = Some(holder);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = lock(&self.list.0);
        state.slots[self.slot] = None;
        state.free.push(self.slot);
        if state.idle.is_some() && state.is_free() {
            state.closed = true;
            let act = state.idle.take();
            drop(state);
            if let Some(act) = act {
                act();
            }
        }
    }
}
