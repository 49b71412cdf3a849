//! Services: what a plugin may ask of the host. One table for all plugins of a process; objects are named by
//! tokens (index and generation), so that a stale token is answered with EBADF, never with harm.

use abi_stable::StableAbi;

use crate::block::{GeometryOut, XipGrantOut};
use crate::grow::growable;
use crate::types::{Str, Timespec};

/// Levels of `log`, and what is pushed to `set_log_level`.
pub mod level {
    /// Nothing.
    pub const OFF: u32 = 0;
    /// Something failed.
    pub const ERROR: u32 = 1;
    /// Something is not as it should be.
    pub const WARN: u32 = 2;
    /// Worth telling.
    pub const INFO: u32 = 3;
    /// For who looks for a mistake.
    pub const DEBUG: u32 = 4;
    /// Each step.
    pub const TRACE: u32 = 5;
}

/// Which clock `clock` reads.
pub mod clock {
    /// Time of day.
    pub const REALTIME: u32 = 0;
    /// Never goes back.
    pub const MONOTONIC: u32 = 1;
    /// Time of day, a few milliseconds coarse and a few nanoseconds cheap: for time stamps.
    pub const REALTIME_COARSE: u32 = 5;
}

/// Why a call fails, beyond its errno. All strings are text, may be empty, and are copied.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ErrorTextRef, prefix_fields = ErrorTextPrefix)))]
#[sabi(missing_field(option))]
pub struct ErrorText {
    /// Size of this struct in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// What is wrong: `no superblock`.
    pub what: Str,
    /// Where: `sector 0`.
    pub place: Str,
    /// What should be there: `'-rom1fs-'`.
    pub expected: Str,
    /// What is there: `begins 'EB 3C 90'`.
    pub found: Str,
    /// What to do: `is this a vfat image? try -t vfat`.
    #[sabi(last_prefix_field)]
    pub remedy: Str,
}
growable!(ErrorText, min = 88, ErrorTextIn, ErrorTextOut);

/// The host's table. It lives as long as the process.
///
/// Every function may be called from any thread during any call that is tagged `[services]`; `report_error` and
/// `report_panic` during every call, from its own thread; `log`, `clock` and `wake` from any thread at any time
/// between `init` and the end of `exit`.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ServicesRef, prefix_fields = ServicesPrefix)))]
#[sabi(missing_field(option))]
pub struct Services {
    /// Size of this table in bytes.
    pub size: u32,
    /// `SERVICES_*` flags.
    pub flags: u32,
    /// The host's ABI major.
    pub abi_major: u16,
    /// The host's ABI minor.
    pub abi_minor: u16,
    /// The log level at `init` ([`level`]).
    pub log_level: u32,
    /// Writes a line to the host's log; `target` without the leading `plugin::`. `line` 0: not known. `[brief]`
    pub log: Option<unsafe extern "C" fn(level: u32, target: Str, message: Str, file: Str, line: u32)>,
    /// Reads a clock ([`clock`]). Answers 0 or EINVAL. `[brief]`
    pub clock: Option<unsafe extern "C" fn(which: u32, out: *mut Timespec) -> i32>,
    /// Says why the call that runs on this thread is about to fail. The last one counts; dropped if the call
    /// succeeds. `[brief]`
    pub report_error: Option<unsafe extern "C" fn(text: ErrorTextIn)>,
    /// Says that the call that runs on this thread panicked: the instance is taken out of service (EIO until it
    /// ends), because its state may be torn. `[brief]`
    pub report_panic: Option<unsafe extern "C" fn(message: Str)>,

    /// Fills the shape of a block device. Errors: EBADF, and the driver's. `[brief]`
    pub device_geometry: Option<unsafe extern "C" fn(device: u64, out: GeometryOut) -> i32>,
    /// Reads `len` bytes at any `offset` of a block device, through the host's cache if it has one. Answers `len`,
    /// or an error; EINVAL outside the medium. `flags`: [`crate::block::IO_META`]. `[blocks]`
    pub device_read:
        Option<unsafe extern "C" fn(device: u64, offset: u64, buf: *mut u8, len: usize, flags: u32) -> i64>,
    /// Writes, likewise. `flags` also [`crate::block::WRITE_FUA`]. Errors also EROFS. `[blocks]`
    pub device_write:
        Option<unsafe extern "C" fn(device: u64, offset: u64, buf: *const u8, len: usize, flags: u32) -> i64>,
    /// All writes so far are on the medium when this returns. `[blocks]`
    pub device_flush: Option<unsafe extern "C" fn(device: u64) -> i32>,
    /// No later write reaches the medium before all earlier ones. `[blocks]`
    pub device_barrier: Option<unsafe extern "C" fn(device: u64) -> i32>,
    /// The bytes are no longer needed; cut to whole sectors. `[blocks]`
    pub device_discard: Option<unsafe extern "C" fn(device: u64, offset: u64, len: u64) -> i32>,
    /// Fills the grant, if the medium can be used as memory and the mount may do so: valid until the mount ends.
    /// Errors: ENXIO. `[brief]`
    pub device_xip: Option<unsafe extern "C" fn(device: u64, out: XipGrantOut) -> i32>,

    /// Reads from a file of the VFS (mappers; drivers over a file). Answers the number of bytes, 0 at the end.
    /// `[blocks]`
    pub file_read: Option<unsafe extern "C" fn(file: u64, offset: u64, buf: *mut u8, len: usize) -> i64>,
    /// Writes to a file of the VFS; never makes it longer for a mapper. With `len` 0 it only tells whether the file
    /// may be written: 0 or EROFS. `[blocks]`
    pub file_write: Option<unsafe extern "C" fn(file: u64, offset: u64, buf: *const u8, len: usize) -> i64>,

    /// A name of a directory changed beneath the host: it is forgotten before the next lookup, later than this
    /// call. `[brief]`
    pub invalidate_entry: Option<unsafe extern "C" fn(mount: u64, dir: u64, name: Str) -> i32>,
    /// Attributes of a node, and its content from `offset` for `len` bytes (0: all), changed beneath the host.
    /// `[brief]`
    pub invalidate_node: Option<unsafe extern "C" fn(mount: u64, node: u64, offset: u64, len: u64) -> i32>,
    /// The events came for which `poll` left this waiter. Only marks; may be called under any lock. `[brief]`
    #[sabi(last_prefix_field)]
    pub wake: Option<unsafe extern "C" fn(waiter: u64, events: u32) -> i32>,

    /// Answers the length of a file of the VFS in bytes; a block device's is that of its medium. `[blocks]`
    pub file_len: Option<unsafe extern "C" fn(file: u64) -> i64>,
    /// Everything written to the file so far is on its medium when this returns, and with `data_only` 0 its
    /// attributes too. `[blocks]`
    pub file_sync: Option<unsafe extern "C" fn(file: u64, data_only: u32) -> i32>,
    /// The bytes are no longer needed: they become a hole, which reads as zeroes; the length stays. Errors: ENOTSUP
    /// the file cannot have holes, and nothing happened; EROFS. `[blocks]`
    pub file_discard: Option<unsafe extern "C" fn(file: u64, offset: u64, len: u64) -> i32>,
}
growable!(Services, min = 144, ServicesIn, ServicesOut);

/// [`Services::flags`]: the plugin is linked into the host's own image and shares its logger.
pub const SERVICES_STATIC: u32 = 1;
