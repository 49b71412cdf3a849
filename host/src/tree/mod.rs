//! Floor 4: the tree: one name space over the pseudo nodes of the host and the volumes of plugins.
//!
//! A [`Dentry`] is a name in the tree, an [`Inode`] what it names. Pseudo nodes and nodes of volumes stand behind one
//! interface; the walk, the cache and the mounts know no difference.

mod access;
mod attributes;
mod cache;
mod change;
mod dentry;
mod dependent;
mod entries;
mod flags;
mod inode;
mod mount;
mod mounting;
mod negotiate;
mod nodes;
mod pseudo;
mod pseudo_attributes;
mod pseudo_file;
mod pseudo_rename;
mod remount;
mod rename;
mod unmount;
mod walk;

pub use access::{Caller, EXECUTE, READ, WRITE};
pub use attributes::NewTime;
pub use dentry::Dentry;
pub use dependent::Dependent;
pub use entries::{Entries, Entry, Listed, PseudoEntry};
pub use flags::{FlagChange, MountFlags};
pub use inode::{Inode, Stat, VolumeNode};
pub use mount::Mount;
pub use mounting::{MountSpec, Mounted};
pub use negotiate::{Agreement, MmapMode, Tier};
pub use pseudo::{PseudoKind, PseudoNode};
pub use unmount::UnmountFlags;
pub use walk::{Follow, Walked};

use std::collections::HashMap;
use std::time::Duration;

use crate::base::error::teach;
use crate::base::sync::{Arc, AtomicU64, AtomicUsize, Mutex, Ordering, RwLock, Weak, read};
use crate::base::{Budget, Errno, Result};

teach! {
    /// Why the tree refuses.
    pub enum TreeError {
        /// No such name.
        Missing { path: String, name: String } => ENOENT, what: "no such file or directory", place: "{path}",
            found: "no '{name}'";
        /// A file where a directory must be.
        NotDirectory { path: String, name: String } => ENOTDIR, what: "not a directory", place: "{path}",
            found: "'{name}', which is none";
        /// Links lead to links without end.
        Loop { path: String } => ELOOP, what: "too many symbolic links", place: "{path}",
            expected: "at most 40 on the way";
        /// A path is too long.
        PathLong { len: usize } => ENAMETOOLONG, what: "path too long", expected: "at most 4095 bytes",
            found: "{len}";
        /// A name is too long.
        NameLong { name: String, len: usize, max: u32 } => ENAMETOOLONG, what: "name too long",
            place: "'{name}…'", expected: "at most {max} bytes", found: "{len}";
        /// Something has the name already.
        Exists { path: String } => EEXIST, what: "exists already", place: "{path}";
        /// A mount point is in use.
        MountBusy { path: String, holders: String } => EBUSY, what: "the volume is in use", place: "{path}",
            found: "{holders}", remedy: "end these first";
        /// There is a volume already.
        Covered { path: String, fs: String } => EBUSY, what: "a volume is mounted there already", place: "{path}",
            found: "{fs}", remedy: "unmount it, or choose another mount point";
        /// No volume is mounted there.
        NotMountPoint { path: String } => EINVAL, what: "nothing is mounted there", place: "{path}",
            remedy: "name the mount point itself; 'df' lists them";
        /// Flags of `umount2`.
        UnmountFlags { flags: u32 } => EINVAL, what: "these ways to unmount do not go together",
            expected: "force (1), detach (2) or both, or expire (4); each with nofollow (8)", found: "{flags:#x}";
        /// It was marked.
        Expiring { path: String } => EAGAIN, what: "marked to expire", place: "{path}",
            remedy: "ask again: it is unmounted if nobody used it since";
        /// Somebody writes.
        Writers { path: String, writers: String } => EBUSY, what: "files are open for writing", place: "{path}",
            found: "{writers}", remedy: "close these first";
        /// The file system never writes.
        NeverWritable { path: String, fs: String } => EROFS, what: "{fs} volumes cannot be changed", place: "{path}",
            remedy: "copy the files to another volume";
        /// An option cannot change.
        FixedOption { option: String, fs: String } => EINVAL, what: "{fs} does not change options of a mounted volume",
            found: "'{option}'", remedy: "unmount, and mount with it";
        /// A volume cannot be changed.
        ReadOnly { path: String } => EROFS, what: "read-only file system", place: "{path}";
        /// The pseudo tree does not offer it.
        PseudoOnly { path: String, action: String } => EPERM, what: "the host's own tree does not allow to {action}",
            place: "{path}", remedy: "do it inside a mounted volume";
        /// A device's node.
        Device { path: String } => EBUSY, what: "a device is attached there", place: "{path}",
            remedy: "detach {path}";
        /// Not permitted to this user.
        Denied { path: String, uid: u32 } => EACCES, what: "permission denied", place: "{path}",
            found: "user {uid} without the right";
        /// Mapping in place was demanded and cannot be.
        NoXip { reason: String } => ENXIO, what: "files of this volume cannot be mapped in place",
            expected: "what mmap=xip demands", found: "{reason}", remedy: "use mmap=auto, or another driver";
        /// An option of the host's own makes no sense.
        Option { name: String, found: String, expected: String } => EINVAL, what: "mount option {name}",
            expected: "{expected}", found: "'{found}'";
    }
}

/// Longest path in bytes, without a terminator.
pub const PATH_MAX_BYTES: usize = 4095;
/// Names that the host's own tree may have.
const NAMES_MAX: usize = 1 << 20;
/// Longest name in the pseudo tree, in bytes.
pub const NAME_MAX_BYTES: u32 = 255;

/// The tree of one host.
pub struct Tree {
    root: Arc<Dentry>,
    mounts: RwLock<Vec<Arc<Mount>>>,
    next_id: AtomicU64,
    /// Which names the host's own tree has: whoever changes that has this lock. Before the locks of directories.
    shape: Mutex<()>,
    /// How many names it has.
    names: AtomicUsize,
    /// What its files may hold.
    files: Arc<Budget>,
    /// Its device nodes by their numbers.
    numbers: RwLock<HashMap<u64, Weak<PseudoNode>>>,
    /// How long a forced unmount waits for calls that are under way.
    patience: Duration,
}

impl Tree {
    /// A tree with a root and nothing in it, whose own files may hold so many bytes. A forced unmount waits for calls that
    /// are under way as long as `patience`.
    pub fn new(files_max_bytes: u64, patience: Duration) -> Self {
        let root = PseudoNode::new(1, PseudoKind::Directory, 0o755, (0, 0));
        Self {
            root: Dentry::root(Inode::Pseudo(root)),
            mounts: RwLock::default(),
            next_id: AtomicU64::new(2),
            shape: Mutex::default(),
            names: AtomicUsize::new(0),
            files: Arc::new(Budget::new(files_max_bytes)),
            numbers: RwLock::default(),
            patience,
        }
    }

    /// What the files of the host's own tree may hold, and hold.
    pub fn files(&self) -> &Budget {
        &self.files
    }

    /// The root directory.
    pub fn root(&self) -> Arc<Dentry> {
        self.root.topmost()
    }

    /// Everything that is mounted, oldest first.
    pub fn mounts(&self) -> Vec<Arc<Mount>> {
        read(&self.mounts).clone()
    }

    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // A volume may be mounted inside another: the youngest first.
        for mount in self.mounts().into_iter().rev() {
            if let Err(e) = self.end_mount(&mount) {
                log::warn!("unmount {}: {e}", mount.path());
            }
        }
        self.root.prune();
    }
}

/// A path's bytes for a sentence.
pub(crate) fn show(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// EISDIR and ENOTDIR of what is needed and what is there.
pub(crate) fn need_directory(inode: &Inode) -> Result<()> {
    if inode.is_directory() { Ok(()) } else { Err(Errno::ENOTDIR.into()) }
}
