//! The tree of a host, as the kernel asks for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::events::Events;
use super::listing::Listing;
use super::nodes::{Nodes, Spot};
use super::untold::Untold;
use crate::base::sync::{Arc, Mutex, OnceLock, RwLock};
use crate::task::{Host, Task};
use crate::tree::{Caller, Dentry, Inode, Tree};

/// As good as for ever.
const ALWAYS: Duration = Duration::from_secs(1 << 30);
/// How long the kernel believes what it is told of the host's own nodes, which drivers may change.
const OWN_VALID: Duration = Duration::from_secs(1);

/// The tree of a host, as the kernel asks for it.
pub(super) struct Door {
    /// Whose descriptors the kernel's openings are.
    pub(super) task: Task,
    pub(super) nodes: Nodes,
    pub(super) listings: RwLock<HashMap<u32, Arc<Mutex<Listing>>>>,
    /// Whether the kernel keeps what is written for a while.
    pub(super) writeback: bool,
    pub(super) events: Arc<Events>,
    /// How many openings of a node may write.
    pub(super) writers: Mutex<HashMap<u64, usize>>,
    /// The folder, for who must go through the kernel himself.
    pub(super) folder: PathBuf,
    /// Names that the kernel was not told to forget yet.
    pub(super) untold: Arc<Untold>,
    /// Tells the kernel what to forget, once it can be told.
    pub(super) stale: OnceLock<std::sync::mpsc::Sender<Stale>>,
}

/// What the kernel knows and must not trust any more.
pub(super) enum Stale {
    /// A name of a node.
    Name(u64, Spot),
    /// The attributes of a node.
    Attributes(u64),
}

impl Door {
    /// A door to a host's tree as it is now. Errors: of the task's limit.
    pub(super) fn new(host: &Arc<Host>, folder: PathBuf, writeback: bool) -> crate::Result<Self> {
        let task = host.task();
        task.set_descriptor_limit(crate::file::MAX_DESCRIPTORS)?;
        Ok(Self {
            nodes: Nodes::new(host.tree().root()),
            task,
            listings: RwLock::default(),
            writeback: writeback && Self::is_only_writer(host),
            events: Arc::default(),
            writers: Mutex::default(),
            folder,
            untold: Arc::default(),
            stale: OnceLock::new(),
        })
    }

    /// Whether what is mounted changes only through its host: then the kernel may know better than the volumes.
    fn is_only_writer(host: &Host) -> bool {
        let mut roots = host.tree().mounts().into_iter().filter_map(|mount| mount.root());
        roots.all(|root| valid(root.inode()) == ALWAYS)
    }

    pub(super) fn tree(&self) -> &Tree {
        self.task.host().tree()
    }

    /// Who asks, as the kernel knows it: it has compared the mode bits already, and taken the mask off.
    pub(super) fn caller(&self, request: &fuser::Request) -> Caller {
        let mut caller = Caller::new(self.task.id(), request.uid(), request.gid(), &[]);
        caller.cancel = self.task.caller().cancel;
        caller.vouched = true;
        caller.set_umask(0);
        caller
    }

    /// Tells the kernel that something it keeps is no longer so. Not at once: it may be waiting for this very answer.
    pub(super) fn outdated(&self, stale: Stale) {
        if let Some(sender) = self.stale.get() {
            if let Stale::Name(number, _) = &stale {
                self.untold.add(*number);
            }
            // Nobody listens once the mount has ended.
            let _ = sender.send(stale);
        }
    }

    /// How long the kernel may keep a name of this node, and its number as `name` in `dir` for that.
    pub(super) fn name_valid(&self, dentry: &Dentry, number: u64, (dir, name): (u64, &[u8])) -> Duration {
        let valid = valid(dentry.inode());
        if folds(dentry.inode()) && !self.nodes.keep(number, dir, name) { Duration::ZERO } else { valid }
    }
}

/// Whether names in a node's volume have several spellings.
pub(super) fn folds(inode: &Inode) -> bool {
    inode.mount().is_some_and(|mount| mount.names_folded())
}

/// How long the kernel may believe what it was told of a node.
pub(super) fn valid(inode: &Inode) -> Duration {
    match inode {
        Inode::Pseudo(node) if node.is_passing() => Duration::ZERO,
        Inode::Pseudo(_) => OWN_VALID,
        Inode::Volume(node) if node.valid_ns() == u64::MAX => ALWAYS,
        Inode::Volume(node) => Duration::from_nanos(node.valid_ns()).min(ALWAYS),
    }
}
