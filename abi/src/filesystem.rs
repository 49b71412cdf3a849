//! File systems: a volume of inodes. The host walks paths, caches names, follows links and checks permissions;
//! a file system answers questions about single nodes.
//!
//! * `node` is a number of the file system's choice, opaque to the host, never 0. It is not `attr.ino`.
//! * **Counting.** Each successful `lookup`, `create`, `mkdir`, `mknod`, `symlink` and `link` adds one to the count
//!   of the node it answers. `forget(node, n)` takes n away. The root has a count of one from `mount` to
//!   `unmount`, which forgets everything. `readdir` adds none. The content of a node without names lives until
//!   its count is zero and nothing pins it.
//! * **Names** are the bytes of one path component: 1 to `name_max_bytes` of them, never `.` or `..`, no `/`, no NUL.
//!   The host answers `.` and `..` itself.
//! * **Permissions**, the type of a node (a directory where one is needed) and a volume's being read-only are
//!   checked by the host before the call; a file system may check again.
//! * **Special nodes**: reading, writing and opening a FIFO, socket or device node never reaches the file system.
//!
//! Only `mount`, `lookup`, `readdir` and `read` are required. That is a read-only file system.

use std::ffi::c_void;

use abi_stable::StableAbi;

use crate::grow::growable;
use crate::types::{CtxIn, Extent, ParamIn, Str, Timespec};

/// What the user gave when a volume is mounted, probed, formatted or checked.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = MountArgsRef, prefix_fields = MountArgsPrefix)))]
#[sabi(missing_field(option))]
pub struct MountArgs {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `MOUNT_*` flags.
    pub flags: u32,
    /// Token of the block device, for the services; 0 if the mount has none.
    pub device: u64,
    /// Token of the mount, for `invalidate_*`; 0 for probe, format and check.
    pub mount: u64,
    /// What the user named as source, such as `/dev/ram0`; text.
    pub source: Str,
    /// Every option of the manifest, with its value; `param_count` of them, `param_stride` bytes apart.
    pub params: ParamIn,
    /// Number of options.
    pub param_count: u32,
    /// Distance of two options in bytes.
    #[sabi(last_prefix_field)]
    pub param_stride: u32,
}
growable!(MountArgs, min = 56, MountArgsIn, MountArgsOut);

/// [`MountArgs::flags`]: nothing may be changed.
pub const MOUNT_RDONLY: u32 = 1;
/// [`MountArgs::flags`] of `check`: repair what can be repaired safely.
pub const MOUNT_REPAIR: u32 = 0x100;

/// What a file system tells of itself when mounted.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = MountInfoRef, prefix_fields = MountInfoPrefix)))]
#[sabi(missing_field(option))]
pub struct MountInfo {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `INFO_*` flags.
    pub flags: u32,
    /// The root directory's node.
    pub root: u64,
    /// Longest name in bytes; 0 for 255.
    pub name_max_bytes: u32,
    /// Magic number, as in `statfs`.
    #[sabi(last_prefix_field)]
    pub magic: u32,
}
growable!(MountInfo, min = 24, MountInfoIn, MountInfoOut);

/// [`MountInfo::flags`]: the volume cannot be changed, whatever was asked.
pub const INFO_RDONLY: u32 = 1;
/// [`MountInfo::flags`]: different spellings may name the same entry. The host then trusts a cached name, and the
/// absence of one above all, only as long as it has changed nothing in the directory.
pub const INFO_NAMES_FOLDED: u32 = 2;
/// [`MountInfo::flags`]: the content of the volume never changes while it is mounted.
pub const INFO_IMMUTABLE: u32 = 4;

/// Attributes of a node.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = AttrRef, prefix_fields = AttrPrefix)))]
#[sabi(missing_field(option))]
pub struct Attr {
    /// Size of this struct in bytes.
    pub size: u32,
    /// File type and permission bits ([`crate::types::mode`]).
    pub mode: u32,
    /// Number of the inode as users see it: stable, the same for all its names, equal to what readdir tells.
    pub ino: u64,
    /// Length in bytes; of a symbolic link, of its target.
    pub size_bytes: u64,
    /// Space used on the medium, in units of 512 bytes.
    pub blocks: u64,
    /// Number of names.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Best size of a transfer in bytes.
    pub block_size_bytes: u32,
    /// Device number of a device node: `(major << 32) | minor`.
    pub rdev: u64,
    /// Last access.
    pub atime: Timespec,
    /// Last change of the content.
    pub mtime: Timespec,
    /// Last change of the content or the attributes.
    pub ctime: Timespec,
    /// Birth; zero if not known.
    #[sabi(last_prefix_field)]
    pub btime: Timespec,
}
growable!(Attr, min = 120, AttrIn, AttrOut);

impl Attr {
    /// Attributes of a node with one name, owned by user and group 0, at time zero.
    pub fn new(ino: u64, mode: u32, size_bytes: u64) -> Self {
        Self {
            ino,
            mode,
            size_bytes,
            blocks: size_bytes.div_ceil(512),
            nlink: 1,
            block_size_bytes: 4096,
            ..crate::Grow::empty()
        }
    }

    /// The `S_IFMT` bits of the mode.
    pub const fn file_type(&self) -> u32 {
        self.mode & crate::types::mode::S_IFMT
    }
}

/// Answer of `lookup` and of what makes a node.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = EntryRef, prefix_fields = EntryPrefix)))]
#[sabi(missing_field(option))]
pub struct Entry {
    /// Size of this struct in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// The node; its count went up by one. 0 from `lookup` means: no such name, and the host may remember that
    /// for `valid_ns` (as `ENOENT` does with a validity of zero).
    pub node: u64,
    /// How long the name may be trusted, in nanoseconds; `u64::MAX` until the host changes it.
    pub valid_ns: u64,
    /// How long the attributes may be trusted, likewise.
    #[sabi(last_prefix_field)]
    pub attr_valid_ns: u64,
}
growable!(Entry, min = 32, EntryIn, EntryOut);

/// Answer of `open` and `create`.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = OpenedRef, prefix_fields = OpenedPrefix)))]
#[sabi(missing_field(option))]
pub struct Opened {
    /// Size of this struct in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// The file system's own number of this opening; passed back until `release`.
    #[sabi(last_prefix_field)]
    pub handle: u64,
}
growable!(Opened, min = 16, OpenedIn, OpenedOut);

/// Answer of `unlink`, `rmdir` and `rename`: the node that lost a name.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RemovedRef, prefix_fields = RemovedPrefix)))]
#[sabi(missing_field(option))]
pub struct Removed {
    /// Size of this struct in bytes.
    pub size: u32,
    /// How many names it has left.
    pub nlink: u32,
    /// The node, or 0 if nothing was displaced. Its count does not change.
    #[sabi(last_prefix_field)]
    pub node: u64,
}
growable!(Removed, min = 16, RemovedIn, RemovedOut);

/// What `setattr` shall change.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = SetAttrRef, prefix_fields = SetAttrPrefix)))]
#[sabi(missing_field(option))]
pub struct SetAttr {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `SET_*`: which of the fields hold.
    pub valid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Zero.
    pub reserved: u32,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Last access.
    pub atime: Timespec,
    /// Last change of the content.
    pub mtime: Timespec,
    /// Birth.
    #[sabi(last_prefix_field)]
    pub btime: Timespec,
}
growable!(SetAttr, min = 80, SetAttrIn, SetAttrOut);

/// [`SetAttr::valid`]: `mode`.
pub const SET_MODE: u32 = 1;
/// [`SetAttr::valid`]: `uid`.
pub const SET_UID: u32 = 2;
/// [`SetAttr::valid`]: `gid`.
pub const SET_GID: u32 = 4;
/// [`SetAttr::valid`]: `size_bytes`.
pub const SET_SIZE: u32 = 8;
/// [`SetAttr::valid`]: `atime`.
pub const SET_ATIME: u32 = 0x10;
/// [`SetAttr::valid`]: `mtime`.
pub const SET_MTIME: u32 = 0x20;
/// [`SetAttr::valid`]: `btime`.
pub const SET_BTIME: u32 = 0x40;

/// One entry of a directory, as `readdir` emits it.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = DirEntryRef, prefix_fields = DirEntryPrefix)))]
#[sabi(missing_field(option))]
pub struct DirEntry {
    /// Size of this struct in bytes.
    pub size: u32,
    /// File type (`S_IFMT` bits of the mode); 0 if not known.
    pub file_type: u32,
    /// The inode's number, equal to `attr.ino`.
    pub ino: u64,
    /// Where to go on after this entry: not 0, below 2^62.
    pub next_cookie: u64,
    /// The name; valid during the call of `emit`.
    #[sabi(last_prefix_field)]
    pub name: Str,
}
growable!(DirEntry, min = 40, DirEntryIn, DirEntryOut);

/// First cookie that a file system must not use.
pub const COOKIE_LIMIT: u64 = 1 << 62;

/// The host's function that takes an entry. It never calls a plugin. Non-zero means: stop, and do not count this
/// entry as taken.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct EmitEntry(pub Option<unsafe extern "C" fn(arg: *mut c_void, entry: DirEntryIn) -> i32>);

/// Sizes of a volume.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = StatFsRef, prefix_fields = StatFsPrefix)))]
#[sabi(missing_field(option))]
pub struct StatFs {
    /// Size of this struct in bytes.
    pub size: u32,
    /// Magic number of the file system.
    pub magic: u32,
    /// Bytes of a block.
    pub block_size_bytes: u32,
    /// Longest name in bytes.
    pub name_max_bytes: u32,
    /// Blocks of the volume.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks for ordinary users.
    pub blocks_available: u64,
    /// Inodes; 0 if not limited.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// Number that tells volumes apart.
    #[sabi(last_prefix_field)]
    pub volume_id: u64,
}
growable!(StatFs, min = 64, StatFsIn, StatFsOut);

/// What `probe` found.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ProbeInfoRef, prefix_fields = ProbeInfoPrefix)))]
#[sabi(missing_field(option))]
pub struct ProbeInfo {
    /// Size of this struct in bytes.
    pub size: u32,
    /// How sure it is: 0 not this file system, 1 to 100 it may be.
    pub score: u32,
    /// Bytes of the volume; 0 if not known.
    pub volume_bytes: u64,
    /// Bytes of the label that were filled.
    pub label_len: u32,
    /// Zero.
    pub reserved: u32,
    /// The volume's label, UTF-8.
    #[sabi(last_prefix_field)]
    pub label: [u8; 64],
}
growable!(ProbeInfo, min = 88, ProbeInfoIn, ProbeInfoOut);

/// One finding of `check`.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = FindingRef, prefix_fields = FindingPrefix)))]
#[sabi(missing_field(option))]
pub struct Finding {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `FINDING_*`.
    pub severity: u32,
    /// Where on the medium, in bytes; `u64::MAX` if nowhere in particular.
    pub medium_offset: u64,
    /// Path of the file within the volume, or empty; text.
    pub path: Str,
    /// What is wrong: what, where, expected, found; text.
    #[sabi(last_prefix_field)]
    pub text: Str,
}
growable!(Finding, min = 48, FindingIn, FindingOut);

/// [`Finding::severity`]: worth knowing, nothing is wrong.
pub const FINDING_NOTE: u32 = 0;
/// [`Finding::severity`]: wrong, and repaired in this run.
pub const FINDING_REPAIRED: u32 = 1;
/// [`Finding::severity`]: wrong, no data in danger.
pub const FINDING_WARNING: u32 = 2;
/// [`Finding::severity`]: data are lost or in danger.
pub const FINDING_ERROR: u32 = 3;

/// The host's function that takes a finding. Non-zero means: stop.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct EmitFinding(pub Option<unsafe extern "C" fn(arg: *mut c_void, finding: FindingIn) -> i32>);

/// Flag of `rename`: EEXIST if the new name exists.
pub const RENAME_NOREPLACE: u32 = 1;
/// Flag of `rename`: both names exist and are swapped.
pub const RENAME_EXCHANGE: u32 = 2;

/// Mode of `fallocate`: the file's length does not change.
pub const FALLOC_KEEP_SIZE: u32 = 1;
/// Mode of `fallocate`: the range becomes a hole; with [`FALLOC_KEEP_SIZE`] only.
pub const FALLOC_PUNCH_HOLE: u32 = 2;
/// Mode of `fallocate`: the range reads as zeroes and stays allocated.
pub const FALLOC_ZERO_RANGE: u32 = 0x10;

/// `whence` of `seek`: first data at or after the offset.
pub const SEEK_DATA: u32 = 3;
/// `whence` of `seek`: first hole at or after the offset; the end of the file is one.
pub const SEEK_HOLE: u32 = 4;

/// Flag of `setxattr`: EEXIST if the attribute exists.
pub const XATTR_CREATE: u32 = 1;
/// Flag of `setxattr`: ENODATA if it does not.
pub const XATTR_REPLACE: u32 = 2;

/// A file system's table. Calls for one volume may overlap only if the driver is declared parallel.
///
/// `fs` is what `mount` stored. Errors not named below follow POSIX for the call of the same name.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = FileSystemOpsRef, prefix_fields = FileSystemOpsPrefix)))]
#[sabi(missing_field(option))]
pub struct FileSystemOps {
    /// Size of this table in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,

    // --- volumes ---------------------------------------------------------------------------------------------
    /// Says whether the device holds such a file system; reads a few sectors at most. Absent: never found by
    /// probing. `[any thread] [blocks] [services]`
    pub probe: Option<
        unsafe extern "C" fn(module: *mut c_void, ctx: CtxIn, args: MountArgsIn, out: ProbeInfoOut) -> i32,
    >,
    /// Required. Mounts a volume: stores a pointer of its own in `*fs`, fills `info` and the root's `attr`. After
    /// a failure nothing is held and the device is as it was. Errors: EINVAL no such file system there, EIO,
    /// EUCLEAN a damaged one, ENODEV a device is needed. `[any thread] [once] [blocks] [services]`
    pub mount: Option<
        unsafe extern "C" fn(
            module: *mut c_void,
            ctx: CtxIn,
            args: MountArgsIn,
            fs: *mut *mut c_void,
            info: MountInfoOut,
            root: AttrOut,
        ) -> i32,
    >,
    /// Ends a volume: everything is on the device, all nodes are forgotten, memory is freed. No call is under way
    /// and none follows, even after a failure, which is reported. Absent: nothing to do.
    /// `[any thread] [once] [blocks] [services]`
    pub unmount: Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn) -> i32>,
    /// Changes flags and options of a mounted volume. Absent: ENOTSUP. `[any thread] [blocks] [services]`
    pub remount: Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, args: MountArgsIn) -> i32>,
    /// Fills sizes. Absent: the host tells the device's size, nothing free. `[any thread] [blocks] [services]`
    pub statfs: Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, out: StatFsOut) -> i32>,
    /// Everything written is on the medium when this returns. Absent: the device's flush.
    /// `[any thread] [blocks] [services]`
    pub sync: Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn) -> i32>,
    /// Makes an empty file system on the device, with the options of `args`. Absent: ENOTSUP.
    /// `[any thread] [blocks] [services]`
    pub format: Option<unsafe extern "C" fn(module: *mut c_void, ctx: CtxIn, args: MountArgsIn) -> i32>,
    /// Examines an unmounted volume and emits what it finds; with [`MOUNT_REPAIR`] repairs the safe cases. Answers
    /// the number of errors and warnings left. Absent: ENOTSUP. `[any thread] [blocks] [services]`
    pub check: Option<
        unsafe extern "C" fn(
            module: *mut c_void,
            ctx: CtxIn,
            args: MountArgsIn,
            emit: EmitFinding,
            arg: *mut c_void,
        ) -> i64,
    >,

    // --- names and nodes -------------------------------------------------------------------------------------
    /// Required. Finds a name in a directory; the node's count goes up by one. Errors: ENOENT.
    /// `[any thread] [blocks] [services]`
    pub lookup: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            dir: u64,
            name: Str,
            entry: EntryOut,
            attr: AttrOut,
        ) -> i32,
    >,
    /// Takes `count` away from a node's count; at zero the number may be given to another. Absent: nothing to do.
    /// `[any thread] [brief]`
    pub forget: Option<unsafe extern "C" fn(fs: *mut c_void, node: u64, count: u64)>,
    /// Fills attributes. Absent: those of the last answer stand. `[any thread] [blocks] [services]`
    pub getattr: Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, attr: AttrOut) -> i32>,
    /// Changes attributes, all or none, and fills the new ones. Absent: EROFS.
    /// `[any thread] [blocks] [services]`
    pub setattr: Option<
        unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, set: SetAttrIn, attr: AttrOut) -> i32,
    >,
    /// Copies a link's target into `buf` and answers its length, which may be more than `len` (then the copy is
    /// cut). Absent: EINVAL. `[any thread] [blocks] [services]`
    pub readlink:
        Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, buf: *mut u8, len: usize) -> i64>,
    /// Makes a symbolic link. Absent: EROFS. `[any thread] [blocks] [services]`
    pub symlink: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            dir: u64,
            name: Str,
            target: Str,
            entry: EntryOut,
            attr: AttrOut,
        ) -> i32,
    >,
    /// Gives a node one more name. Absent: EROFS. Errors: EMLINK, EPERM. `[any thread] [blocks] [services]`
    pub link: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            dir: u64,
            name: Str,
            entry: EntryOut,
            attr: AttrOut,
        ) -> i32,
    >,
    /// Makes a FIFO, socket or device node (or an empty file). Absent: EROFS. `[any thread] [blocks] [services]`
    pub mknod: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            dir: u64,
            name: Str,
            mode: u32,
            rdev: u64,
            entry: EntryOut,
            attr: AttrOut,
        ) -> i32,
    >,
    /// Makes a directory. Absent: EROFS. `[any thread] [blocks] [services]`
    pub mkdir: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            dir: u64,
            name: Str,
            mode: u32,
            entry: EntryOut,
            attr: AttrOut,
        ) -> i32,
    >,
    /// Takes a name that is no directory's away. Absent: EROFS. `[any thread] [blocks] [services]`
    pub unlink: Option<
        unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, dir: u64, name: Str, out: RemovedOut) -> i32,
    >,
    /// Takes an empty directory away. Absent: EROFS. Errors: ENOTEMPTY. `[any thread] [blocks] [services]`
    pub rmdir: Option<
        unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, dir: u64, name: Str, out: RemovedOut) -> i32,
    >,
    /// Renames, replacing what has the new name unless `flags` say otherwise ([`RENAME_NOREPLACE`],
    /// [`RENAME_EXCHANGE`]); `out` tells what was displaced. The host has refused a move into the node's own
    /// subtree. Absent: EROFS. `[any thread] [blocks] [services]`
    pub rename: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            dir: u64,
            name: Str,
            new_dir: u64,
            new_name: Str,
            flags: u32,
            out: RemovedOut,
        ) -> i32,
    >,
    /// Makes a regular file and opens it. Absent: EROFS. `[any thread] [blocks] [services]`
    pub create: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            dir: u64,
            name: Str,
            mode: u32,
            flags: u32,
            entry: EntryOut,
            attr: AttrOut,
            opened: OpenedOut,
        ) -> i32,
    >,
    /// Required. Emits the entries of a directory from `cookie` on (0: from the start), without `.` and `..`, until
    /// `emit` answers non-zero or there are no more. An entry that is there throughout is emitted exactly once.
    /// Answers 0. `[any thread] [blocks] [services]`
    pub readdir: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            dir: u64,
            cookie: u64,
            emit: EmitEntry,
            arg: *mut c_void,
        ) -> i32,
    >,

    // --- content ---------------------------------------------------------------------------------------------
    /// Opens a regular file; `flags` are open flags without `O_CREAT`, `O_EXCL` and `O_TRUNC`. Absent: handle 0,
    /// always. `[any thread] [blocks] [services]`
    pub open: Option<
        unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, flags: u32, opened: OpenedOut) -> i32,
    >,
    /// Ends an opening; no call with the handle is under way and none follows. Absent: nothing to do.
    /// `[any thread] [once] [blocks] [services]`
    pub release: Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, handle: u64) -> i32>,
    /// Required. Reads up to `len` bytes at `offset`; answers how many, fewer only at the end of the file, 0 beyond
    /// it. `[any thread] [blocks] [services]`
    pub read: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            handle: u64,
            offset: u64,
            buf: *mut u8,
            len: usize,
        ) -> i64,
    >,
    /// Writes up to `len` bytes at `offset` (with `O_APPEND` in `flags`: at the end, whatever `offset` says);
    /// answers how many, fewer only if the next byte would fail. Absent: EROFS. Errors: ENOSPC, EFBIG.
    /// `[any thread] [blocks] [services]`
    pub write: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            handle: u64,
            offset: u64,
            buf: *const u8,
            len: usize,
            flags: u32,
        ) -> i64,
    >,
    /// One descriptor of the opening was closed: reports a late error, if any. Absent: nothing to do.
    /// `[any thread] [blocks] [services]`
    pub flush: Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, handle: u64) -> i32>,
    /// The node's content, and with `data_only` 0 all its attributes, are on the medium when this returns. Also for
    /// directories, with handle 0. Absent: `sync`. `[any thread] [blocks] [services]`
    pub fsync: Option<
        unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, handle: u64, data_only: u32) -> i32,
    >,
    /// Reserves, zeroes or frees space by `FALLOC_*` mode. Absent: ENOTSUP. `[any thread] [blocks] [services]`
    pub fallocate: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            handle: u64,
            mode: u32,
            offset: u64,
            len: u64,
        ) -> i32,
    >,
    /// Finds data or a hole ([`SEEK_DATA`], [`SEEK_HOLE`]); answers the offset. Absent: all is data. Errors: ENXIO
    /// beyond the end. `[any thread] [blocks] [services]`
    pub seek: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            handle: u64,
            offset: u64,
            whence: u32,
        ) -> i64,
    >,

    // --- extended attributes ---------------------------------------------------------------------------------
    /// Copies a value and answers its length; with `len` 0 only the length. Absent: ENOTSUP. Errors: ENODATA,
    /// ERANGE. `[any thread] [blocks] [services]`
    pub getxattr: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            name: Str,
            buf: *mut u8,
            len: usize,
        ) -> i64,
    >,
    /// Sets a value; `flags`: [`XATTR_CREATE`], [`XATTR_REPLACE`]. Absent: ENOTSUP.
    /// `[any thread] [blocks] [services]`
    pub setxattr: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            name: Str,
            value: Str,
            flags: u32,
        ) -> i32,
    >,
    /// Copies all names, each ended by a NUL, and answers the length; with `len` 0 only the length. Absent: none.
    /// `[any thread] [blocks] [services]`
    pub listxattr:
        Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, buf: *mut u8, len: usize) -> i64>,
    /// Takes an attribute away. Absent: ENOTSUP. Errors: ENODATA. `[any thread] [blocks] [services]`
    pub removexattr: Option<unsafe extern "C" fn(fs: *mut c_void, ctx: CtxIn, node: u64, name: Str) -> i32>,

    // --- the rest --------------------------------------------------------------------------------------------
    /// Any command for an open file or directory (`handle` 0). Argument as in [`crate::block::BlockOps::ioctl`].
    /// Absent: ENOTTY. `[any thread] [blocks] [services]`
    pub ioctl: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            handle: u64,
            command: u32,
            arg: usize,
            arg_size: usize,
        ) -> i64,
    >,
    /// Tells where on the medium the content from `offset` lies, in order and without gaps, for at most `len` bytes
    /// and `capacity` extents (`stride` bytes apart), and **pins** what it told: until `unpin(*pin)` those bytes of
    /// the medium hold this file's content or nothing. Answers the number of extents; they may cover less than was
    /// asked, then the host asks again for the rest. 0 extents: nothing is pinned.
    ///
    /// With `len` 0 the host asks whether mapping is offered at all: answer 0. Absent: the host asks by ioctl
    /// `FIOC_MMAP`; if that fails too, files are not mapped in place. Errors: EINVAL beyond the end, ENXIO not
    /// stored as plain bytes. `[any thread] [blocks] [services]`
    pub map_extents: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            node: u64,
            offset: u64,
            len: u64,
            extents: *mut Extent,
            capacity: u32,
            stride: u32,
            pin: *mut u64,
        ) -> i64,
    >,
    /// Lets go what `map_extents` pinned. Absent: pins need no release. `[any thread] [brief]`
    #[sabi(last_prefix_field)]
    pub unpin: Option<unsafe extern "C" fn(fs: *mut c_void, node: u64, pin: u64)>,
    /// Tells which parts of the medium are free, in order and apart, from the medium's byte `offset` on: at most
    /// `capacity` extents (`stride` bytes apart), with a `file_offset` of 0. Answers the number of extents; with as many
    /// as there was room for, the host asks again behind the last. It is a picture of this moment: nothing is pinned.
    /// Absent: not known. `[any thread] [blocks] [services]`
    pub free_extents: Option<
        unsafe extern "C" fn(
            fs: *mut c_void,
            ctx: CtxIn,
            offset: u64,
            extents: *mut Extent,
            capacity: u32,
            stride: u32,
        ) -> i64,
    >,
}
growable!(FileSystemOps, min = 304, FileSystemOpsIn, FileSystemOpsOut);
