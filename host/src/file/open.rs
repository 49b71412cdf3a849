//! An open file: what a descriptor stands for. Descriptors that were duplicated share one.

use nxvfs_abi::filesystem::{SET_SIZE, SetAttr};
use nxvfs_abi::types::{mode, open};
use nxvfs_abi::{Ctx, Grow};

use super::locking::Flocked;
use crate::base::error::teach;
use crate::base::sync::{Arc, AtomicU32, Mutex, OnceLock, Ordering, lock};
use crate::base::wait::WaitQueue;
use crate::base::{Errno, Hold, Holder, Result};
use crate::device::{BlockDevice, NodeClaim, Openable, Residence, Seen, Stream};
use crate::mapping::Borrow;
use crate::tree::{
    Caller, Dentry, EXECUTE, Follow, Inode, MountFlags, PseudoKind, PseudoNode, READ, Stat, Tree, VolumeNode,
    WRITE,
};

teach! {
    /// Why an open or a transfer is refused.
    pub enum FileError {
        /// The mode bits do not allow it.
        Denied { path: String, uid: u32 } => EACCES, what: "permission denied", place: "{path}",
            found: "user {uid} without the right";
        /// What only the owner may.
        NotOwner { path: String, uid: u32 } => EPERM, what: "only its owner may leave the access time alone",
            place: "{path}", found: "user {uid}", remedy: "open it without O_NOATIME";
        /// The volume cannot be changed.
        ReadOnly { path: String } => EROFS, what: "read-only file system", place: "{path}",
            remedy: "open it for reading only";
        /// A socket.
        Socket { path: String } => ENXIO, what: "not a file that can be opened", place: "{path}",
            found: "a socket";
        /// A device node in a volume whose device nodes do not count.
        NoDevices { path: String } => EACCES, what: "device nodes of this volume cannot be opened",
            place: "{path}", remedy: "mount the volume with -o dev";
        /// A device node whose number no device has.
        NoDevice { path: String, major: u64, minor: u64 } => ENXIO, what: "no device has this number",
            place: "{path}", found: "{major}, {minor}",
            remedy: "'stat' of a node in /dev tells its number; attach the device first";
        /// A directory where a file must be.
        Directory { path: String } => EISDIR, what: "is a directory", place: "{path}";
    }
}

/// Open flags, with the values of [`nxvfs_abi::types::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// Whether it may be read.
    pub fn readable(self) -> bool {
        matches!(self.0 & open::O_ACCMODE, open::O_RDONLY | open::O_RDWR) && !self.has(open::O_PATH)
    }

    /// Whether it may be written.
    pub fn writable(self) -> bool {
        matches!(self.0 & open::O_ACCMODE, open::O_WRONLY | open::O_RDWR) && !self.has(open::O_PATH)
    }

    /// The flags that count. With `O_PATH` most do not. Errors: EINVAL no such access mode; a directory that shall be
    /// made.
    fn understood(self) -> Result<Self> {
        if self.has(open::O_PATH) {
            let kept = open::O_PATH | open::O_DIRECTORY | open::O_NOFOLLOW | open::O_CLOEXEC;
            return Ok(Self(self.0 & kept));
        }
        let bad_mode = self.0 & open::O_ACCMODE == open::O_ACCMODE;
        if bad_mode || self.has(open::O_CREAT | open::O_DIRECTORY) {
            return Err(Errno::EINVAL.into());
        }
        Ok(self)
    }

    /// Those that stay with the open file: the others were of the opening, or are of the descriptor.
    fn kept(self) -> Self {
        const PASSING: u32 = open::O_CREAT | open::O_EXCL | open::O_NOCTTY | open::O_TRUNC | open::O_CLOEXEC;
        Self(self.0 & !PASSING)
    }

    /// Whether a flag is set.
    pub fn has(self, flag: u32) -> bool {
        self.0 & flag == flag
    }
}

/// Who opens, and from where.
pub struct Opener<'a> {
    /// The tree.
    pub tree: &'a Tree,
    /// The credentials.
    pub caller: &'a Caller,
    /// Where relative paths begin.
    pub base: &'a Arc<Dentry>,
}

pub(super) enum Content {
    Regular {
        node: Arc<VolumeNode>,
        handle: u64,
    },
    Directory,
    Block {
        device: Arc<BlockDevice>,
        /// What this opening has been told of late errors.
        seen: Seen,
        /// The right to write, if it is open for that.
        _claim: Option<NodeClaim>,
        _hold: Hold,
    },
    /// An opening of a node of the host's own.
    Stream(Arc<dyn Stream>),
    /// Opened with `O_PATH`: only names the file.
    Path,
}

/// Number of descriptors of a file that no descriptor ever led to: it is not closed.
pub(super) const NEVER_INSTALLED: u32 = u32::MAX;

/// An open file.
pub struct OpenFile {
    pub(super) dentry: Arc<Dentry>,
    flags: AtomicU32,
    pub(super) position: Mutex<u64>,
    pub(super) content: Content,
    /// What its `flock` lock hangs on, once there was one.
    pub(super) flocked: OnceLock<Flocked>,
    /// Late failures of the file that were there when it was opened, or were told since.
    late: Seen,
    /// The address in place that was handed out, pinned until the file is closed.
    borrow: OnceLock<Borrow>,
    /// How many descriptors lead here; before the first one [`NEVER_INSTALLED`].
    pub(super) descriptors: AtomicU32,
    /// Who sleeps until this file has news.
    pub(super) sleepers: WaitQueue,
    /// Keeps the volume writable.
    writes: Option<Hold>,
    /// Last: keeps the volume mounted until everything above has been given back.
    hold: Option<Hold>,
}

impl OpenFile {
    /// Opens a path (POSIX `open`).
    ///
    /// Errors: EINVAL, ENOENT, ENOTDIR, EISDIR, ELOOP, EEXIST, EACCES, EROFS, ENXIO, ENAMETOOLONG, and the file
    /// system's.
    pub fn open(opener: &Opener<'_>, path: &[u8], flags: u32, permissions: u32) -> Result<Arc<Self>> {
        let flags = Flags(flags).understood()?;
        if flags.has(open::O_CREAT) && path.ends_with(b"/") {
            // Whatever is there: a file cannot have such a name.
            let end = path.iter().rposition(|b| *b != b'/').map_or(path.len(), |last| last + 1);
            opener.tree.walk(opener.caller, opener.base, &path[..end], Follow::No)?;
            return Err(Errno::EISDIR.into());
        }
        let exclusive = flags.has(open::O_CREAT | open::O_EXCL);
        let follow = if exclusive || flags.has(open::O_NOFOLLOW) { Follow::No } else { Follow::Yes };
        // Another may make the name between the walk and the creation; then it is there to be opened. That it also
        // goes again each time is not to be expected.
        const TRIES: usize = 16;
        for _ in 0..TRIES {
            let walked = opener.tree.walk(opener.caller, opener.base, path, follow)?;
            if let Some(dentry) = walked.dentry {
                if exclusive {
                    return Err(Errno::EEXIST.into());
                }
                return Self::open_dentry(opener, dentry, flags);
            }
            if !flags.has(open::O_CREAT) {
                return Err(walked.missing(path));
            }
            if walked.must_be_directory {
                // A link whose target ends in a slash.
                return Err(Errno::EISDIR.into());
            }
            match Self::create(opener, &walked.parent, &walked.name, flags, permissions) {
                Err(e) if e.errno() == Errno::EEXIST && !exclusive => {}
                made => return made,
            }
        }
        Err(Errno::EEXIST.into())
    }

    /// Opens what a walk found. Errors: as [`OpenFile::open`].
    pub fn open_found(opener: &Opener<'_>, found: &Arc<Dentry>, flags: u32) -> Result<Arc<Self>> {
        Self::open_dentry(opener, found.clone(), Flags(flags).understood()?)
    }

    fn open_dentry(opener: &Opener<'_>, dentry: Arc<Dentry>, flags: Flags) -> Result<Arc<Self>> {
        let path = || String::from_utf8_lossy(&dentry.path()).into_owned();
        let ctx = opener.caller.ctx();
        let inode = dentry.inode().clone();
        if inode.is_link() && !flags.has(open::O_PATH) {
            return Err(Errno::ELOOP.into());
        }
        if flags.has(open::O_DIRECTORY) && !inode.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        if inode.is_directory() && (flags.writable() || flags.has(open::O_CREAT) || flags.has(open::O_TRUNC))
        {
            return Err(FileError::Directory { path: path() }.into());
        }
        let hold = Self::hold_mount(opener.caller, &inode)?;
        if flags.has(open::O_PATH) {
            return Ok(Self::make(dentry, flags, Content::Path, (None, hold)));
        }
        let changes = flags.writable() || flags.has(open::O_TRUNC);
        let want = if flags.readable() { READ } else { 0 } | if changes { WRITE } else { 0 };
        let attr = inode.attr(&ctx)?;
        if !opener.caller.may(&attr, want) {
            return Err(FileError::Denied { path: path(), uid: opener.caller.uid }.into());
        }
        if flags.has(open::O_NOATIME) && !opener.caller.owns(&attr) {
            return Err(FileError::NotOwner { path: path(), uid: opener.caller.uid }.into());
        }
        let mut writes = None;
        let content = match &inode {
            _ if inode.is_directory() => Content::Directory,
            Inode::Pseudo(node) => Self::open_pseudo(opener, node, flags, changes, &path)?,
            Inode::Volume(node) if inode.file_type() != mode::S_IFREG => {
                Self::open_special(opener, node, flags, changes, &path)?
            }
            Inode::Volume(node) => {
                if changes {
                    let read_only = |_| FileError::ReadOnly { path: path() };
                    writes = Some(Self::hold_to_write(opener.caller, node).map_err(read_only)?);
                }
                let passed = flags.0 & !(open::O_CREAT | open::O_EXCL | open::O_TRUNC) | no_atime(node);
                let handle = node.mount().volume().open(&ctx, node.node(), passed)?;
                Content::Regular { node: node.clone(), handle }
            }
        };
        let file = Self::make(dentry, flags, content, (writes, hold));
        let in_ram = matches!(&inode, Inode::Pseudo(node) if matches!(node.kind(), PseudoKind::File(_)));
        if flags.has(open::O_TRUNC) && (in_ram || matches!(file.content, Content::Regular { .. })) {
            let cut = SetAttr { valid: SET_SIZE, ..Grow::empty() };
            opener.tree.set_attr_as_opened(opener.caller, file.dentry.inode(), &cut)?;
        }
        Ok(file)
    }

    fn open_pseudo(
        opener: &Opener<'_>,
        node: &Arc<PseudoNode>,
        flags: Flags,
        changes: bool,
        path: &dyn Fn() -> String,
    ) -> Result<Content> {
        match node.kind() {
            PseudoKind::Block(device) => {
                let device = device.clone();
                let hold = device.hold(Holder::Descriptor { task: opener.caller.task, fd: u32::MAX })?;
                if changes && !device.writable() {
                    return Err(FileError::ReadOnly { path: path() }.into());
                }
                let claim = flags.writable().then(|| device.claim_node()).transpose()?;
                Ok(Content::Block { seen: device.user(), device, _claim: claim, _hold: hold })
            }
            _ => Ok(Content::Stream(node.open(&opener.caller.ctx(), flags.0)?)),
        }
    }

    /// A FIFO, a socket or a device node that a volume holds: the file system keeps the name, and is not asked.
    fn open_special(
        opener: &Opener<'_>,
        node: &Arc<VolumeNode>,
        flags: Flags,
        changes: bool,
        path: &dyn Fn() -> String,
    ) -> Result<Content> {
        let ctx = opener.caller.ctx();
        let attr = node.attr(&ctx)?;
        match attr.file_type() {
            mode::S_IFIFO => Ok(Content::Stream(node.fifo().open(&ctx, flags.0)?)),
            mode::S_IFBLK | mode::S_IFCHR if !node.mount().devices() => {
                Err(FileError::NoDevices { path: path() }.into())
            }
            file_type @ (mode::S_IFBLK | mode::S_IFCHR) => {
                match opener.tree.device_by_number(file_type, attr.rdev) {
                    Some(device) => Self::open_pseudo(opener, &device, flags, changes, path),
                    None => {
                        let (major, minor) = (attr.rdev >> 32, attr.rdev & u64::from(u32::MAX));
                        Err(FileError::NoDevice { path: path(), major, minor }.into())
                    }
                }
            }
            _ => Err(FileError::Socket { path: path() }.into()),
        }
    }

    /// An open file over a stream that was opened otherwise than by its path.
    pub fn over(dentry: Arc<Dentry>, flags: u32, stream: Arc<dyn Stream>) -> Arc<Self> {
        Self::make(dentry, Flags(flags), Content::Stream(stream), (None, None))
    }

    fn create(
        opener: &Opener<'_>,
        dir: &Arc<Dentry>,
        name: &[u8],
        flags: Flags,
        permissions: u32,
    ) -> Result<Arc<Self>> {
        let ctx = opener.caller.ctx();
        let Inode::Volume(node) = dir.inode() else {
            let dentry = opener.tree.add_file(opener.caller, dir, name, permissions)?;
            let Inode::Pseudo(node) = dentry.inode() else { return Err(Errno::EIO.into()) };
            let opened = node.open(&ctx, flags.0)?;
            return Ok(Self::make(dentry, flags, Content::Stream(opened), (None, None)));
        };
        if node.mount().read_only() {
            let path = String::from_utf8_lossy(&dir.path()).into_owned();
            return Err(FileError::ReadOnly { path }.into());
        }
        if !opener.caller.may(&dir.inode().attr(&ctx)?, WRITE | EXECUTE) {
            return Err(Errno::EACCES.into());
        }
        let hold = Self::hold_mount(opener.caller, dir.inode())?;
        let writes = if flags.writable() { Some(Self::hold_to_write(opener.caller, node)?) } else { None };
        let made = mode::S_IFREG | (permissions & 0o7777 & !opener.caller.umask());
        let passed = flags.0 | no_atime(node);
        let (dentry, handle) = opener.tree.create(opener.caller, dir, name, made, passed)?;
        let Inode::Volume(node) = dentry.inode().clone() else { return Err(Errno::EIO.into()) };
        Ok(Self::make(dentry, flags, Content::Regular { node, handle }, (writes, hold)))
    }

    fn hold_to_write(caller: &Caller, node: &VolumeNode) -> Result<Hold> {
        node.mount().hold_to_write(Holder::Descriptor { task: caller.task, fd: u32::MAX })
    }

    fn hold_mount(caller: &Caller, inode: &Inode) -> Result<Option<Hold>> {
        let holder = Holder::Descriptor { task: caller.task, fd: u32::MAX };
        inode.mount().map(|mount| mount.hold(holder)).transpose()
    }

    fn make(
        dentry: Arc<Dentry>,
        flags: Flags,
        content: Content,
        (writes, hold): (Option<Hold>, Option<Hold>),
    ) -> Arc<Self> {
        let late = match &content {
            Content::Regular { node, .. } => node.resident().late().user(),
            Content::Block { device, .. } => device.resident().late().user(),
            _ => Seen::default(),
        };
        Arc::new(Self {
            dentry,
            flags: AtomicU32::new(flags.kept().0),
            writes,
            position: Mutex::new(0),
            content,
            flocked: OnceLock::new(),
            late,
            borrow: OnceLock::new(),
            descriptors: AtomicU32::new(NEVER_INSTALLED),
            sleepers: WaitQueue::default(),
            hold,
        })
    }

    /// Says by which descriptor the file is held.
    pub fn name_holder(&self, holder: &Holder) {
        for hold in [&self.hold, &self.writes].into_iter().flatten() {
            hold.rename(holder.clone());
        }
        match &self.content {
            Content::Block { _hold: hold, .. } => hold.rename(holder.clone()),
            Content::Stream(stream) => stream.name_holder(holder),
            _ => {}
        }
    }

    /// The name that it was opened by; follows renames.
    pub fn dentry(&self) -> &Arc<Dentry> {
        &self.dentry
    }

    /// The open flags.
    pub fn flags(&self) -> Flags {
        Flags(self.flags.load(Ordering::Relaxed))
    }

    /// Changes `O_APPEND`, `O_NONBLOCK` and `O_NOATIME`; others stay. POSIX `fcntl(F_SETFL)`.
    pub fn set_flags(&self, flags: u32) {
        const CHANGEABLE: u32 = open::O_APPEND | open::O_NONBLOCK | open::O_NOATIME;
        let _ = self.flags.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
            Some(old & !CHANGEABLE | flags & CHANGEABLE)
        });
    }

    /// Whether it only names the file (`O_PATH`).
    pub fn is_path(&self) -> bool {
        matches!(self.content, Content::Path)
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.content, Content::Directory)
    }

    /// The block device, if it is one.
    pub fn block_device(&self) -> Option<&Arc<BlockDevice>> {
        match &self.content {
            Content::Block { device, .. } => Some(device),
            _ => None,
        }
    }

    /// The opening of a node of the host's own, if it is one.
    pub fn stream(&self) -> Option<&Arc<dyn Stream>> {
        match &self.content {
            Content::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// The regular file's node, if it is one.
    pub fn regular(&self) -> Option<(&Arc<VolumeNode>, u64)> {
        match &self.content {
            Content::Regular { node, handle } => Some((node, *handle)),
            _ => None,
        }
    }

    /// Attributes. POSIX `fstat`.
    pub fn stat(&self, ctx: &Ctx) -> Result<Stat> {
        self.dentry.inode().stat(ctx)
    }

    /// Length in bytes, for `SEEK_END` and mapping.
    pub fn len_bytes(&self, ctx: &Ctx) -> Result<u64> {
        match &self.content {
            Content::Block { device, .. } => Ok(device.len_bytes()),
            Content::Stream(stream) => Ok(stream.len_bytes()),
            _ => Ok(self.stat(ctx)?.attr.size_bytes),
        }
    }

    /// The position, for directory streams.
    pub(super) fn position(&self) -> u64 {
        *lock(&self.position)
    }

    pub(super) fn set_position(&self, to: u64) {
        *lock(&self.position) = to;
    }

    /// Lends the file's address in place until it is closed.
    pub fn borrow_in_place(&self, make: impl FnOnce() -> Result<Borrow>) -> Result<&Borrow> {
        if let Some(borrow) = self.borrow.get() {
            return Ok(borrow);
        }
        let made = make()?;
        Ok(self.borrow.get_or_init(|| made))
    }

    /// One descriptor of the file was closed: late errors come out here.
    pub fn flush(&self, ctx: &Ctx) -> Result<()> {
        match &self.content {
            Content::Regular { node, handle } => {
                let flushed = node.mount().volume().flush(ctx, node.node(), *handle);
                self.late(node.resident(), flushed)
            }
            Content::Block { device, .. } => self.late(device.resident(), Ok(())),
            _ => Ok(()),
        }
    }

    /// The result of a call that also tells once of failures that came when nobody asked.
    pub(super) fn late(&self, residence: &Residence, now: Result<()>) -> Result<()> {
        residence.late().report(&self.late, now)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Content::Regular { node, handle } = &self.content {
            let ctx = crate::bridge::host_ctx();
            if let Err(e) = node.mount().volume().release(&ctx, node.node(), *handle) {
                log::warn!("close {}: {e}", String::from_utf8_lossy(&self.dentry.path()));
            }
        }
    }
}

/// With `noatime` every opening leaves the access time alone.
fn no_atime(node: &VolumeNode) -> u32 {
    if node.mount().flags().has(MountFlags::NOATIME) { open::O_NOATIME } else { 0 }
}
