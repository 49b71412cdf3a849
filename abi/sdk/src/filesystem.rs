//! The file system's side: the trait an author implements, and the table of C functions made from it.

use std::ffi::c_void;
use std::ops::ControlFlow;

use nxvfs_abi::filesystem::*;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Ctx, Errno, Extent, Grow, Str, grow};

use crate::guard::{self, run, unit};
use crate::{Fail, Medium, Params, Result};

/// What the user gave for a mount, a probe, a format or a check.
pub struct Mount<'a> {
    args: MountArgs,
    source: &'a str,
    params: Params<'a>,
}

impl<'a> Mount<'a> {
    /// # Safety
    /// `args` leads to mount arguments that are valid during `'a`.
    unsafe fn new(args: MountArgsIn) -> Result<Self> {
        // SAFETY: passed on to the caller.
        let args = unsafe { guard::sent(args.0) }?;
        // SAFETY: as above: strings and parameters live as long as the arguments.
        let (source, params) = unsafe {
            (guard::bytes(args.source)?, Params::new(args.params, args.param_count, args.param_stride))
        };
        Ok(Self { args, source: std::str::from_utf8(source).unwrap_or(""), params })
    }

    /// The block device. Errors: ENODEV if the mount has none.
    pub fn medium(&self) -> Result<Medium> {
        if self.args.device == 0 {
            return Err(Fail::new(Errno::ENODEV, "a block device is needed").remedy("name one as the source"));
        }
        Medium::open(self.args.device)
    }

    /// What the user named as source.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// Whether nothing may be changed.
    pub fn read_only(&self) -> bool {
        self.args.flags & MOUNT_RDONLY != 0
    }

    /// Whether `check` shall repair.
    pub fn repair(&self) -> bool {
        self.args.flags & MOUNT_REPAIR != 0
    }

    /// The options.
    pub fn params(&self) -> &Params<'a> {
        &self.params
    }

    /// Token of the mount, for the host's invalidation services.
    pub fn token(&self) -> u64 {
        self.args.mount
    }
}

/// What a file system tells of itself when mounted.
pub struct Volume {
    /// The root directory's node; not 0.
    pub root: u64,
    /// The root directory's attributes.
    pub attr: Attr,
    /// `INFO_*` flags ([`nxvfs_abi::filesystem`]).
    pub flags: u32,
    /// Longest name in bytes.
    pub name_max_bytes: u32,
    /// Magic number, as in `statfs`.
    pub magic: u32,
}

impl Volume {
    /// A volume with names of up to 255 bytes and no flags.
    pub fn new(root: u64, attr: Attr, magic: u32) -> Self {
        Self { root, attr, flags: 0, name_max_bytes: 255, magic }
    }
}

/// A node that was found or made; its count went up by one.
pub struct Found {
    /// The node; not 0.
    pub node: u64,
    /// Its attributes.
    pub attr: Attr,
    /// How long the host may trust name and attributes, in nanoseconds; `u64::MAX` until it changes them itself.
    pub valid_ns: u64,
}

impl Found {
    /// A node that changes through the host only.
    pub fn new(node: u64, attr: Attr) -> Self {
        Self { node, attr, valid_ns: u64::MAX }
    }

    /// # Safety
    /// `entry` and `attr` are null or writable for as many bytes as they state.
    unsafe fn fill(&self, entry: EntryOut, attr: AttrOut) {
        let wire =
            Entry { node: self.node, valid_ns: self.valid_ns, attr_valid_ns: self.valid_ns, ..Grow::empty() };
        // SAFETY: passed on to the caller.
        unsafe {
            grow::fill(entry.0, &wire);
            grow::fill(attr.0, &self.attr);
        }
    }
}

/// Takes the entries of a directory.
pub struct Emit<'a> {
    emit: &'a mut dyn FnMut(&DirEntry) -> bool,
}

impl Emit<'_> {
    /// Hands one entry to the host. `file_type`: the `S_IFMT` bits; `next_cookie`: where to go on after it, not 0 and
    /// below 2^62. `Break`: the host has enough; return `Ok` at once.
    pub fn entry(&mut self, name: &[u8], ino: u64, file_type: u32, next_cookie: u64) -> ControlFlow<()> {
        let entry = DirEntry { file_type, ino, next_cookie, name: Str::new(name), ..Grow::empty() };
        if (self.emit)(&entry) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Takes the findings of a check.
pub struct Check<'a> {
    emit: &'a mut dyn FnMut(&Finding) -> bool,
    left: i64,
}

impl Check<'_> {
    /// Reports one finding: `severity` is `FINDING_*`, `medium_offset` in bytes or `u64::MAX`, `path` within the
    /// volume or empty. `Break`: the host wants no more.
    pub fn finding(&mut self, severity: u32, medium_offset: u64, path: &str, text: &str) -> ControlFlow<()> {
        if severity >= FINDING_WARNING {
            self.left += 1;
        }
        let finding = Finding {
            severity,
            medium_offset,
            path: Str::new(path.as_bytes()),
            text: Str::new(text.as_bytes()),
            ..Grow::empty()
        };
        if (self.emit)(&finding) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// What `probe` found.
pub struct Probe {
    /// 1 to 100.
    pub score: u32,
    /// Bytes of the volume; 0 if not known.
    pub volume_bytes: u64,
    /// The label; cut to 64 bytes.
    pub label: String,
}

/// ENOSYS: the host then takes the default of the slot.
fn absent<T>() -> Result<T> {
    Err(Errno::ENOSYS.into())
}

/// A mounted file system. The host calls from any thread; calls overlap only if [`crate::plugin!`] says `parallel`.
///
/// See [`nxvfs_abi::filesystem::FileSystemOps`] for the meaning of each function; the default of those that are
/// left out is the one named there for an absent slot.
#[allow(unused_variables, reason = "defaults ignore their arguments")]
pub trait FileSystem: Sized + Send + Sync + 'static {
    /// What an opening of a file keeps; `()` if nothing.
    type File: Default + Send + Sync + 'static;

    /// Mounts a volume. Errors: EINVAL no such file system there, EUCLEAN a damaged one.
    fn mount(ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)>;
    /// Finds a name in a directory. Errors: ENOENT.
    fn lookup(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found>;
    /// Emits a directory's entries from `cookie` on, without `.` and `..`.
    fn readdir(&self, ctx: &Ctx, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()>;
    /// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file.
    fn read(&self, ctx: &Ctx, node: u64, file: &Self::File, offset: u64, buf: &mut [u8]) -> Result<usize>;

    /// Says whether the device holds such a file system; `None` if not.
    fn probe(ctx: &Ctx, mount: &Mount<'_>) -> Result<Option<Probe>> {
        absent()
    }
    /// Makes an empty file system on the device.
    fn format(ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        absent()
    }
    /// Examines an unmounted volume.
    fn check(ctx: &Ctx, mount: &Mount<'_>, check: &mut Check<'_>) -> Result<()> {
        absent()
    }
    /// Ends the volume; the value is dropped afterwards.
    fn unmount(&self, ctx: &Ctx) -> Result<()> {
        Ok(())
    }
    /// Changes flags and options.
    fn remount(&self, ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        absent()
    }
    /// Sizes of the volume.
    fn statfs(&self, ctx: &Ctx) -> Result<StatFs> {
        absent()
    }
    /// Brings everything to the medium.
    fn sync(&self, ctx: &Ctx) -> Result<()> {
        absent()
    }
    /// How long the host may remember that a name is not there, in nanoseconds; `u64::MAX` until it makes the name
    /// itself. 0 if names can appear without the host.
    fn absent_valid_ns(&self) -> u64 {
        u64::MAX
    }
    /// Takes `count` away from a node's count.
    fn forget(&self, node: u64, count: u64) {}
    /// Attributes of a node.
    fn getattr(&self, ctx: &Ctx, node: u64) -> Result<Attr> {
        absent()
    }
    /// Changes attributes, all or none.
    fn setattr(&self, ctx: &Ctx, node: u64, set: &SetAttr) -> Result<Attr> {
        absent()
    }
    /// Copies a link's target; answers its length, which may be more than the buffer.
    fn readlink(&self, ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        absent()
    }
    /// Makes a symbolic link.
    fn symlink(&self, ctx: &Ctx, dir: u64, name: &[u8], target: &[u8]) -> Result<Found> {
        absent()
    }
    /// Gives a node one more name.
    fn link(&self, ctx: &Ctx, node: u64, dir: u64, name: &[u8]) -> Result<Found> {
        absent()
    }
    /// Makes a special node.
    fn mknod(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, rdev: u64) -> Result<Found> {
        absent()
    }
    /// Makes a directory.
    fn mkdir(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<Found> {
        absent()
    }
    /// Takes a name away.
    fn unlink(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        absent()
    }
    /// Takes an empty directory away.
    fn rmdir(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        absent()
    }
    /// Renames; `flags` are `RENAME_*`.
    #[allow(clippy::too_many_arguments, reason = "two names in two directories")]
    fn rename(
        &self,
        ctx: &Ctx,
        dir: u64,
        name: &[u8],
        new_dir: u64,
        new_name: &[u8],
        flags: u32,
    ) -> Result<Removed> {
        absent()
    }
    /// Makes a regular file and opens it.
    fn create(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, flags: u32) -> Result<(Found, Self::File)> {
        absent()
    }
    /// Opens a regular file.
    fn open(&self, ctx: &Ctx, node: u64, flags: u32) -> Result<Self::File> {
        Ok(Self::File::default())
    }
    /// Ends an opening; `file` is dropped afterwards.
    fn release(&self, ctx: &Ctx, node: u64, file: &Self::File) -> Result<()> {
        Ok(())
    }
    /// Writes up to `buf.len()` bytes at `offset`, or at the end if `flags` has `O_APPEND`.
    fn write(
        &self,
        ctx: &Ctx,
        node: u64,
        file: &Self::File,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        absent()
    }
    /// One descriptor was closed.
    fn flush(&self, ctx: &Ctx, node: u64, file: &Self::File) -> Result<()> {
        Ok(())
    }
    /// Brings one node to the medium; `file` is `None` for a directory.
    fn fsync(&self, ctx: &Ctx, node: u64, file: Option<&Self::File>, data_only: bool) -> Result<()> {
        absent()
    }
    /// Reserves, zeroes or frees space; `mode` is `FALLOC_*`.
    fn fallocate(
        &self,
        ctx: &Ctx,
        node: u64,
        file: &Self::File,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        absent()
    }
    /// Finds data or a hole; `whence` is `SEEK_DATA` or `SEEK_HOLE`.
    fn seek(&self, ctx: &Ctx, node: u64, file: &Self::File, offset: u64, whence: u32) -> Result<u64> {
        absent()
    }
    /// Copies an extended attribute; answers its length; with an empty buffer only that.
    fn getxattr(&self, ctx: &Ctx, node: u64, name: &[u8], buf: &mut [u8]) -> Result<usize> {
        absent()
    }
    /// Sets an extended attribute.
    fn setxattr(&self, ctx: &Ctx, node: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        absent()
    }
    /// Copies the names of all extended attributes, each ended by a NUL; answers the length.
    fn listxattr(&self, ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        absent()
    }
    /// Takes an extended attribute away.
    fn removexattr(&self, ctx: &Ctx, node: u64, name: &[u8]) -> Result<()> {
        absent()
    }
    /// Any command; `file` is `None` for a directory.
    fn ioctl(
        &self,
        ctx: &Ctx,
        node: u64,
        file: Option<&Self::File>,
        command: u32,
        arg: &mut crate::IoctlArg<'_>,
    ) -> Result<i64> {
        absent()
    }
    /// Where the content from `offset` lies on the medium, in order and without gaps: hands extents to `push` until
    /// it answers `Break`. Answers a pin: until [`FileSystem::unpin`] those bytes hold this file's content or
    /// nothing. With `len` 0 the host only asks whether mapping is offered: answer any pin and push nothing.
    fn map_extents(
        &self,
        ctx: &Ctx,
        node: u64,
        offset: u64,
        len: u64,
        push: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<u64> {
        absent()
    }
    /// Lets a pin go.
    fn unpin(&self, node: u64, pin: u64) {}
}

/// The table of a file system type.
pub const fn table<T: FileSystem>() -> FileSystemOps {
    FileSystemOps {
        size: size_of::<FileSystemOps>() as u32,
        flags: 0,
        probe: Some(probe::<T>),
        mount: Some(mount::<T>),
        unmount: Some(unmount::<T>),
        remount: Some(remount::<T>),
        statfs: Some(statfs::<T>),
        sync: Some(sync::<T>),
        format: Some(format::<T>),
        check: Some(check::<T>),
        lookup: Some(lookup::<T>),
        forget: Some(forget::<T>),
        getattr: Some(getattr::<T>),
        setattr: Some(setattr::<T>),
        readlink: Some(readlink::<T>),
        symlink: Some(symlink::<T>),
        link: Some(link::<T>),
        mknod: Some(mknod::<T>),
        mkdir: Some(mkdir::<T>),
        unlink: Some(unlink::<T>),
        rmdir: Some(rmdir::<T>),
        rename: Some(rename::<T>),
        create: Some(create::<T>),
        readdir: Some(readdir::<T>),
        open: Some(open::<T>),
        release: Some(release::<T>),
        read: Some(read::<T>),
        write: Some(write::<T>),
        flush: Some(flush::<T>),
        fsync: Some(fsync::<T>),
        fallocate: Some(fallocate::<T>),
        seek: Some(seek::<T>),
        getxattr: Some(getxattr::<T>),
        setxattr: Some(setxattr::<T>),
        listxattr: Some(listxattr::<T>),
        removexattr: Some(removexattr::<T>),
        ioctl: Some(ioctl::<T>),
        map_extents: Some(map_extents::<T>),
        unpin: Some(unpin::<T>),
    }
}

// The functions below are called by the host only, which keeps the contract of each slot: `fs` is what `mount`
// stored and is not ended, `handle` is what `open` stored and is not released, names and buffers are valid for the
// call. Each SAFETY comment that says "by the contract" leans on that.

/// # Safety
/// `fs` is what `mount::<T>` stored, and `unmount` has not been called.
#[inline]
unsafe fn volume<'a, T>(fs: *mut c_void) -> &'a T {
    // SAFETY: the caller's.
    unsafe { &*fs.cast::<T>() }
}

/// # Safety
/// `handle` is what `open` or `create` stored for this type, and is not released.
#[inline]
unsafe fn opened<'a, F>(handle: u64) -> &'a F {
    // SAFETY: the caller's.
    unsafe { &*(handle as *const F) }
}

/// # Safety
/// As [`opened`], or `handle` is 0.
#[inline]
unsafe fn maybe_opened<'a, F>(handle: u64) -> Option<&'a F> {
    // SAFETY: the caller's.
    (handle != 0).then(|| unsafe { opened(handle) })
}

fn boxed<F>(file: F) -> Opened {
    Opened { handle: Box::into_raw(Box::new(file)) as u64, ..Grow::empty() }
}

/// Writes one thunk: an `extern "C"` function that turns its arguments into safe ones and guards the call.
macro_rules! thunk {
    ($name:ident($($arg:ident: $ty:ty),*) -> $ret:ty, $guard:ident, |$ctx:ident, $fs:ident| $body:expr) => {
        unsafe extern "C" fn $name<T: FileSystem>(fs: *mut c_void, ctx: CtxIn, $($arg: $ty),*) -> $ret {
            $guard(|| {
                // SAFETY: by the contract.
                let ($ctx, $fs) = unsafe { (guard::ctx(ctx)?, volume::<T>(fs)) };
                // SAFETY: by the contract.
                unsafe { $body }
            })
        }
    };
}

unsafe extern "C" fn probe<T: FileSystem>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: MountArgsIn,
    out: ProbeInfoOut,
) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let (ctx, mount) = unsafe { (guard::ctx(ctx)?, Mount::new(args)?) };
        let mut info = ProbeInfo::empty();
        if let Some(found) = T::probe(&ctx, &mount)? {
            let mut len = found.label.len().min(info.label.len());
            while !found.label.is_char_boundary(len) {
                len -= 1;
            }
            info.label[..len].copy_from_slice(&found.label.as_bytes()[..len]);
            info = ProbeInfo {
                score: found.score,
                volume_bytes: found.volume_bytes,
                label_len: len as u32,
                ..info
            };
        }
        // SAFETY: by the contract.
        unsafe { grow::fill(out.0, &info) };
        Ok(())
    })
}

unsafe extern "C" fn format<T: FileSystem>(_module: *mut c_void, ctx: CtxIn, args: MountArgsIn) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let (ctx, mount) = unsafe { (guard::ctx(ctx)?, Mount::new(args)?) };
        T::format(&ctx, &mount)
    })
}

unsafe extern "C" fn check<T: FileSystem>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: MountArgsIn,
    emit: EmitFinding,
    arg: *mut c_void,
) -> i64 {
    run(|| {
        // SAFETY: by the contract.
        let (ctx, mount) = unsafe { (guard::ctx(ctx)?, Mount::new(args)?) };
        let emit = emit.0.ok_or(Errno::EFAULT)?;
        // SAFETY: by the contract `emit` takes findings with this argument until the call returns.
        let mut send = |finding: &Finding| unsafe { emit(arg, FindingIn(finding)) == 0 };
        let mut check = Check { emit: &mut send, left: 0 };
        T::check(&ctx, &mount, &mut check)?;
        Ok(check.left)
    })
}

unsafe extern "C" fn mount<T: FileSystem>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: MountArgsIn,
    fs: *mut *mut c_void,
    info: MountInfoOut,
    root: AttrOut,
) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let (ctx, mount) = unsafe { (guard::ctx(ctx)?, Mount::new(args)?) };
        let (value, volume) = T::mount(&ctx, &mount)?;
        let wire = MountInfo {
            flags: volume.flags,
            root: volume.root,
            name_max_bytes: volume.name_max_bytes,
            magic: volume.magic,
            ..Grow::empty()
        };
        // SAFETY: by the contract.
        unsafe {
            guard::store(fs, value)?;
            grow::fill(info.0, &wire);
            grow::fill(root.0, &volume.attr);
        }
        Ok(())
    })
}

unsafe extern "C" fn unmount<T: FileSystem>(fs: *mut c_void, ctx: CtxIn) -> i32 {
    unit(|| {
        // SAFETY: by the contract: this is the last call, so the value is ours again.
        let (ctx, value) = unsafe { (guard::ctx(ctx), Box::from_raw(fs.cast::<T>())) };
        value.unmount(&ctx?)
    })
}

thunk!(remount(args: MountArgsIn) -> i32, unit, |ctx, fs| fs.remount(&ctx, &Mount::new(args)?));
thunk!(statfs(out: StatFsOut) -> i32, unit, |ctx, fs| {
    grow::fill(out.0, &fs.statfs(&ctx)?);
    Ok(())
});
thunk!(lookup(dir: u64, name: Str, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    match fs.lookup(&ctx, dir, guard::bytes(name)?) {
        Ok(found) => found.fill(entry, attr),
        Err(fail) if fail.errno() == Errno::ENOENT => {
            // Node 0: the host may remember that there is no such name.
            grow::fill(entry.0, &Entry { valid_ns: fs.absent_valid_ns(), ..Grow::empty() });
        }
        Err(fail) => return Err(fail),
    }
    Ok(())
});

unsafe extern "C" fn sync<T: FileSystem>(fs: *mut c_void, ctx: CtxIn) -> i32 {
    // SAFETY: by the contract.
    unit(|| unsafe { volume::<T>(fs).sync(&guard::ctx(ctx)?) })
}

unsafe extern "C" fn forget<T: FileSystem>(fs: *mut c_void, node: u64, count: u64) {
    unit(|| {
        // SAFETY: by the contract.
        unsafe { volume::<T>(fs) }.forget(node, count);
        Ok(())
    });
}

thunk!(getattr(node: u64, attr: AttrOut) -> i32, unit, |ctx, fs| {
    grow::fill(attr.0, &fs.getattr(&ctx, node)?);
    Ok(())
});
thunk!(setattr(node: u64, set: SetAttrIn, attr: AttrOut) -> i32, unit, |ctx, fs| {
    grow::fill(attr.0, &fs.setattr(&ctx, node, &guard::sent(set.0)?)?);
    Ok(())
});
thunk!(readlink(node: u64, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.readlink(&ctx, node, guard::buffer_mut(buf, len)?)? as i64)
});
thunk!(symlink(dir: u64, name: Str, target: Str, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    fs.symlink(&ctx, dir, guard::bytes(name)?, guard::bytes(target)?)?.fill(entry, attr);
    Ok(())
});
thunk!(link(node: u64, dir: u64, name: Str, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    fs.link(&ctx, node, dir, guard::bytes(name)?)?.fill(entry, attr);
    Ok(())
});
thunk!(mknod(dir: u64, name: Str, mode: u32, rdev: u64, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    fs.mknod(&ctx, dir, guard::bytes(name)?, mode, rdev)?.fill(entry, attr);
    Ok(())
});
thunk!(mkdir(dir: u64, name: Str, mode: u32, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    fs.mkdir(&ctx, dir, guard::bytes(name)?, mode)?.fill(entry, attr);
    Ok(())
});
thunk!(unlink(dir: u64, name: Str, out: RemovedOut) -> i32, unit, |ctx, fs| {
    grow::fill(out.0, &fs.unlink(&ctx, dir, guard::bytes(name)?)?);
    Ok(())
});
thunk!(rmdir(dir: u64, name: Str, out: RemovedOut) -> i32, unit, |ctx, fs| {
    grow::fill(out.0, &fs.rmdir(&ctx, dir, guard::bytes(name)?)?);
    Ok(())
});
thunk!(
    rename(dir: u64, name: Str, new_dir: u64, new_name: Str, flags: u32, out: RemovedOut) -> i32,
    unit,
    |ctx, fs| {
        let (name, new_name) = (guard::bytes(name)?, guard::bytes(new_name)?);
        grow::fill(out.0, &fs.rename(&ctx, dir, name, new_dir, new_name, flags)?);
        Ok(())
    }
);
thunk!(
    create(dir: u64, name: Str, mode: u32, flags: u32, entry: EntryOut, attr: AttrOut, out: OpenedOut) -> i32,
    unit,
    |ctx, fs| {
        let (found, file) = fs.create(&ctx, dir, guard::bytes(name)?, mode, flags)?;
        found.fill(entry, attr);
        grow::fill(out.0, &boxed(file));
        Ok(())
    }
);
thunk!(readdir(dir: u64, cookie: u64, emit: EmitEntry, arg: *mut c_void) -> i32, unit, |ctx, fs| {
    let emit = emit.0.ok_or(Errno::EFAULT)?;
    let mut send = |entry: &DirEntry| emit(arg, DirEntryIn(entry)) == 0;
    fs.readdir(&ctx, dir, cookie, &mut Emit { emit: &mut send })
});
thunk!(open(node: u64, flags: u32, out: OpenedOut) -> i32, unit, |ctx, fs| {
    let file = match fs.open(&ctx, node, flags) {
        // The slot's default, made here: a host that made it would hand handle 0 to `read`.
        Err(fail) if fail.errno() == Errno::ENOSYS => T::File::default(),
        opened => opened?,
    };
    grow::fill(out.0, &boxed(file));
    Ok(())
});
thunk!(release(node: u64, handle: u64) -> i32, unit, |ctx, fs| {
    if handle == 0 {
        return Ok(());
    }
    fs.release(&ctx, node, &*Box::from_raw(handle as *mut T::File))
});
thunk!(read(node: u64, handle: u64, offset: u64, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.read(&ctx, node, opened(handle), offset, guard::buffer_mut(buf, len)?)? as i64)
});
thunk!(
    write(node: u64, handle: u64, offset: u64, buf: *const u8, len: usize, flags: u32) -> i64,
    run,
    |ctx, fs| Ok(fs.write(&ctx, node, opened(handle), offset, guard::buffer(buf, len)?, flags)? as i64)
);
thunk!(flush(node: u64, handle: u64) -> i32, unit, |ctx, fs| fs.flush(&ctx, node, opened(handle)));
thunk!(fsync(node: u64, handle: u64, data_only: u32) -> i32, unit, |ctx, fs| {
    fs.fsync(&ctx, node, maybe_opened(handle), data_only != 0)
});
thunk!(fallocate(node: u64, handle: u64, mode: u32, offset: u64, len: u64) -> i32, unit, |ctx, fs| {
    fs.fallocate(&ctx, node, opened(handle), mode, offset, len)
});
thunk!(seek(node: u64, handle: u64, offset: u64, whence: u32) -> i64, run, |ctx, fs| {
    i64::try_from(fs.seek(&ctx, node, opened(handle), offset, whence)?).map_err(|_| Errno::EOVERFLOW.into())
});
thunk!(getxattr(node: u64, name: Str, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.getxattr(&ctx, node, guard::bytes(name)?, guard::buffer_mut(buf, len)?)? as i64)
});
thunk!(setxattr(node: u64, name: Str, value: Str, flags: u32) -> i32, unit, |ctx, fs| {
    fs.setxattr(&ctx, node, guard::bytes(name)?, guard::bytes(value)?, flags)
});
thunk!(listxattr(node: u64, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.listxattr(&ctx, node, guard::buffer_mut(buf, len)?)? as i64)
});
thunk!(removexattr(node: u64, name: Str) -> i32, unit, |ctx, fs| {
    fs.removexattr(&ctx, node, guard::bytes(name)?)
});
thunk!(ioctl(node: u64, handle: u64, command: u32, arg: usize, arg_size: usize) -> i64, run, |ctx, fs| {
    fs.ioctl(&ctx, node, maybe_opened(handle), command, &mut crate::IoctlArg::new(arg, arg_size))
});
thunk!(
    map_extents(
        node: u64, offset: u64, len: u64, extents: *mut Extent, capacity: u32, stride: u32, pin: *mut u64
    ) -> i64,
    run,
    |ctx, fs| {
        let mut count = 0_u32;
        let mut push = |extent: Extent| {
            if count >= capacity {
                return ControlFlow::Break(());
            }
            extents.byte_add(count as usize * stride as usize).write(extent);
            count += 1;
            if count == capacity { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let token = fs.map_extents(&ctx, node, offset, len, &mut push)?;
        if !pin.is_null() {
            pin.write(token);
        }
        Ok(i64::from(count))
    }
);

unsafe extern "C" fn unpin<T: FileSystem>(fs: *mut c_void, node: u64, pin: u64) {
    unit(|| {
        // SAFETY: by the contract.
        unsafe { volume::<T>(fs) }.unpin(node, pin);
        Ok(())
    });
}
