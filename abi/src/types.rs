//! Small types that every table uses, and the numbers of modes and open flags.

use abi_stable::StableAbi;

use crate::grow::growable;

/// A borrowed byte string: UTF-8 where a comment says text, any bytes but NUL where it says name. Frozen.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct Str {
    /// First byte; may be null only if `len` is zero.
    pub ptr: *const u8,
    /// Length in bytes, without any terminator.
    pub len: usize,
}

// SAFETY: a pointer and a length; whoever dereferences it vouches for its life and for the absence of writers.
unsafe impl Send for Str {}
// SAFETY: as above.
unsafe impl Sync for Str {}

impl Str {
    /// The empty string.
    pub const EMPTY: Self = Self { ptr: std::ptr::null(), len: 0 };

    /// Borrows bytes. The result is valid only as long as `bytes` is.
    pub const fn new(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes, or `None` for a null pointer with a length, or a length above `isize::MAX`.
    ///
    /// # Safety
    /// If `ptr` is not null it points to `len` readable bytes that nobody writes during `'a`.
    pub unsafe fn bytes<'a>(self) -> Option<&'a [u8]> {
        if self.len == 0 {
            return Some(&[]);
        }
        if self.ptr.is_null() || self.len > isize::MAX as usize {
            return None;
        }
        // SAFETY: not null, length in range, and the caller vouches for the bytes.
        Some(unsafe { std::slice::from_raw_parts(self.ptr, self.len) })
    }
}

/// Seconds and nanoseconds since 1970-01-01 UTC. Frozen.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, PartialOrd, Ord, StableAbi)]
pub struct Timespec {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
    /// Zero.
    pub reserved: u32,
}

/// One contiguous piece of a file on its medium. Frozen.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, StableAbi)]
pub struct Extent {
    /// Where in the file the piece begins, in bytes.
    pub file_offset: u64,
    /// Where on the medium it begins, in bytes from the medium's first.
    pub medium_offset: u64,
    /// How long it is, in bytes; never zero.
    pub len_bytes: u64,
}

/// Who calls, and under what limits. Every call of an instance carries one; it is valid for the call only.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = CtxRef, prefix_fields = CtxPrefix)))]
#[sabi(missing_field(option))]
pub struct Ctx {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `CTX_*` flags.
    pub flags: u32,
    /// Effective user of the caller.
    pub uid: u32,
    /// Effective group of the caller.
    pub gid: u32,
    /// The caller's file mode mask. Already applied to every mode argument; here for information.
    pub umask: u32,
    /// Zero.
    pub reserved: u32,
    /// Number of the calling task; 0 for the host itself.
    pub task: u64,
    /// Monotonic time in nanoseconds after which the host gives the call up; 0 for no deadline.
    pub deadline_ns: u64,
    /// Token of the call for cancellation; 0 for none.
    #[sabi(last_prefix_field)]
    pub cancel: u64,
}
growable!(Ctx, min = 48, CtxIn, CtxOut);

/// [`Ctx::flags`]: answer `EAGAIN` rather than take long.
pub const CTX_NONBLOCK: u32 = 1;
/// [`Ctx::flags`]: the effect must be on the medium when the call returns.
pub const CTX_SYNC: u32 = 2;

/// One named, typed value given to a plugin, a device or a mount. Arrays of it carry a stride.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ParamRef, prefix_fields = ParamPrefix)))]
#[sabi(missing_field(option))]
pub struct Param {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `PARAM_*`: which of the values below holds.
    pub kind: u32,
    /// 1 if the user gave it, 0 if it is the manifest's default.
    pub given: u32,
    /// Zero.
    pub reserved: u32,
    /// Name as in the manifest.
    pub name: Str,
    /// The value as text, whatever its kind; UTF-8 (a path: any bytes).
    pub text: Str,
    /// The value of a bool (0 or 1), int, uint or size (two's complement for an int); the token of a file.
    #[sabi(last_prefix_field)]
    pub number: u64,
}
growable!(Param, min = 56, ParamIn, ParamOut);

/// [`Param::kind`]: 0 or 1.
pub const PARAM_BOOL: u32 = 1;
/// [`Param::kind`]: a signed number.
pub const PARAM_INT: u32 = 2;
/// [`Param::kind`]: an unsigned number.
pub const PARAM_UINT: u32 = 3;
/// [`Param::kind`]: a number of bytes; users may write `64K`, `16M`, `2G`.
pub const PARAM_SIZE: u32 = 4;
/// [`Param::kind`]: text.
pub const PARAM_STR: u32 = 5;
/// [`Param::kind`]: a path of the operating system.
pub const PARAM_PATH: u32 = 6;
/// [`Param::kind`]: a file of the VFS, for a block device that lies on it. The host opens it for reading and writing,
/// or for reading where it cannot be written or a bool parameter `ro` is true, and keeps it open, and its volume
/// mounted, until `detach` returns. `text` is the path, `number` the file's token for the services; 0 if no path was
/// given.
pub const PARAM_FILE: u32 = 7;

/// File type and permission bits, with Linux's values.
pub mod mode {
    /// Mask of the file type.
    pub const S_IFMT: u32 = 0o170000;
    /// Socket.
    pub const S_IFSOCK: u32 = 0o140000;
    /// Symbolic link.
    pub const S_IFLNK: u32 = 0o120000;
    /// Regular file.
    pub const S_IFREG: u32 = 0o100000;
    /// Block device.
    pub const S_IFBLK: u32 = 0o060000;
    /// Directory.
    pub const S_IFDIR: u32 = 0o040000;
    /// Character device.
    pub const S_IFCHR: u32 = 0o020000;
    /// FIFO.
    pub const S_IFIFO: u32 = 0o010000;
    /// Set user id on execution.
    pub const S_ISUID: u32 = 0o4000;
    /// Set group id on execution; on a directory, new entries take its group.
    pub const S_ISGID: u32 = 0o2000;
    /// In a directory, only an entry's owner removes it.
    pub const S_ISVTX: u32 = 0o1000;
}

/// Open flags, with Linux's generic values.
pub mod open {
    /// Read only.
    pub const O_RDONLY: u32 = 0;
    /// Write only.
    pub const O_WRONLY: u32 = 1;
    /// Read and write.
    pub const O_RDWR: u32 = 2;
    /// Mask of the access mode.
    pub const O_ACCMODE: u32 = 3;
    /// Create if missing.
    pub const O_CREAT: u32 = 0o100;
    /// With `O_CREAT`: fail if it exists.
    pub const O_EXCL: u32 = 0o200;
    /// Does not become the controlling terminal; accepted, without effect.
    pub const O_NOCTTY: u32 = 0o400;
    /// Cut to length zero.
    pub const O_TRUNC: u32 = 0o1000;
    /// Each write goes to the end.
    pub const O_APPEND: u32 = 0o2000;
    /// Never wait.
    pub const O_NONBLOCK: u32 = 0o4000;
    /// Each write is on the medium when it returns, data and what is needed to read it.
    pub const O_DSYNC: u32 = 0o10000;
    /// Bypass caches where possible.
    pub const O_DIRECT: u32 = 0o40000;
    /// Large files; accepted, always on.
    pub const O_LARGEFILE: u32 = 0o100000;
    /// Fail unless it is a directory.
    pub const O_DIRECTORY: u32 = 0o200000;
    /// Fail if the last component is a symbolic link.
    pub const O_NOFOLLOW: u32 = 0o400000;
    /// Leave the access time alone.
    pub const O_NOATIME: u32 = 0o1000000;
    /// Closed on execution of a program.
    pub const O_CLOEXEC: u32 = 0o2000000;
    /// As `O_DSYNC`, and all other metadata.
    pub const O_SYNC: u32 = 0o4010000;
    /// Names the file only: neither read nor written.
    pub const O_PATH: u32 = 0o10000000;
}
