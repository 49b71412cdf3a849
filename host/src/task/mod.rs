//! Floor 7: the host as a whole, and the tasks that use it.
//!
//! A [`Host`] has plugins, devices and a tree. A [`Task`] is one user of it: credentials, working directory,
//! descriptors and views. POSIX is its methods, a file per family. When a task ends everything it had is given back.

mod aio;
mod at;
mod attributes;
mod board;
mod content;
mod descriptors;
mod detect;
mod devices;
mod directories;
mod host;
mod ioctl;
mod locks;
mod memory;
mod names;
mod partitions;
mod pipes;
mod proc;
mod program;
mod ready;
mod report;
mod stream;
mod tasks;
mod temp;

pub use at::{AT_EACCESS, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, At};
pub use attributes::{StatVfs, UTIME_NOW, UTIME_OMIT};
pub use board::{Board, BoardError, Entry, Fault, Given, Step};
pub use directories::Directory;
pub use host::{Host, HostError, HostOptions, MountOptions};
pub use program::{Child, Executable, Executor, Exit, Inherited, Prepared, Program, ProgramError, Standard};
pub use ready::Ready;
pub use report::{DeviceStatus, MountStatus};
pub use stream::File;
pub use temp::TEMPORARY;

use crate::base::sync::{Arc, RwLock, read, write};
use crate::base::wait::Relay;
use crate::base::{Errno, Hold, Holder, Result};
use crate::file::{DescriptorTable, OpenFile, Opener};
use crate::mapping::Regions;
use crate::tree::{Caller, Dentry};

/// A task's working directory, with what keeps its volume mounted.
struct Cwd {
    dentry: Arc<Dentry>,
    _hold: Option<Hold>,
}

/// One user of a host. Any thread may use it; calls overlap freely.
pub struct Task {
    caller: Caller,
    // In the order in which they must end: views and descriptors before the working directory, the host last.
    regions: Arc<Regions>,
    descriptors: Arc<DescriptorTable>,
    cwd: Arc<RwLock<Cwd>>,
    /// Everyone who sleeps in a call of this task.
    sleepers: Relay,
    host: Arc<Host>,
}

impl Task {
    pub(super) fn new(host: Arc<Host>, mut caller: Caller) -> Self {
        let sleepers = Relay::new();
        caller.cancel = sleepers.token();
        let cwd = Cwd { dentry: host.tree().root(), _hold: None };
        let task = Self {
            host,
            caller,
            regions: Arc::default(),
            descriptors: Arc::default(),
            cwd: Arc::new(RwLock::new(cwd)),
            sleepers,
        };
        task.host.tasks().enter(&task);
        task
    }

    /// The host.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// The task's number.
    pub fn id(&self) -> u64 {
        self.caller.task
    }

    /// The credentials.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// How many descriptors are open.
    pub fn descriptor_count(&self) -> usize {
        self.descriptors.count()
    }

    /// How many contiguous ranges `mmap` has mapped.
    pub fn region_count(&self) -> usize {
        self.regions.count()
    }

    fn base(&self) -> Arc<Dentry> {
        read(&self.cwd).dentry.clone()
    }

    fn with_opener<R>(&self, use_it: impl FnOnce(&Opener<'_>) -> R) -> R {
        let base = self.base();
        use_it(&Opener { tree: self.host.tree(), caller: &self.caller, base: &base })
    }

    /// Gives an open file a descriptor. Errors: EMFILE.
    pub(crate) fn install(&self, file: Arc<OpenFile>, cloexec: bool) -> Result<u32> {
        let fd = self.descriptors.insert(file.clone(), cloexec)?;
        file.name_holder(&Holder::Descriptor { task: self.caller.task, fd });
        Ok(fd)
    }

    fn set_cwd(&self, dentry: Arc<Dentry>) -> Result<()> {
        let holder = Holder::WorkingDirectory { task: self.caller.task };
        let hold = dentry.inode().mount().map(|m| m.hold(holder)).transpose()?;
        let old = std::mem::replace(&mut *write(&self.cwd), Cwd { dentry, _hold: hold });
        drop(old);
        Ok(())
    }

    /// Ends every call of the task that waits for something with EINTR, and lets none wait any more: the first step of
    /// ending a task that other threads still use.
    pub fn interrupt(&self) {
        self.sleepers.queue().close(Errno::EINTR);
    }

    /// Ends the task: views are unmapped, descriptors closed, the working directory given up. Dropping it does the
    /// same.
    pub fn end(self) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        self.host.tasks().leave(self.caller.task);
        // An open file may outlive its descriptor, and somebody may sleep on it in this task's name.
        self.interrupt();
        self.host.aio().end_task(self.caller.task);
        self.regions.clear();
        drop(self.descriptors.close());
        self.host.locks().end_task(self.caller.task);
        // Whoever looks at the task just now must not keep its volume mounted.
        *write(&self.cwd) = Cwd { dentry: self.host.tree().root(), _hold: None };
    }
}

/// The path of a dentry, for a sentence.
fn shown(dentry: &Arc<Dentry>) -> String {
    String::from_utf8_lossy(&dentry.path()).into_owned()
}
