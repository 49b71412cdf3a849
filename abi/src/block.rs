//! Block drivers: a medium of equal sectors.

use std::ffi::c_void;

use abi_stable::StableAbi;

use crate::grow::growable;
use crate::types::{CtxIn, ParamIn, Str};

/// What the user gave when a device was attached. Used by block and character drivers.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = AttachArgsRef, prefix_fields = AttachArgsPrefix)))]
#[sabi(missing_field(option))]
pub struct AttachArgs {
    /// Size of this struct in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// Node that is being made, such as `/dev/ram0`; text.
    pub node: Str,
    /// Token of the device, for the services.
    pub device: u64,
    /// Every parameter of the manifest, with its value; `param_count` of them, `param_stride` bytes apart.
    pub params: ParamIn,
    /// Number of parameters.
    pub param_count: u32,
    /// Distance of two parameters in bytes.
    #[sabi(last_prefix_field)]
    pub param_stride: u32,
}
growable!(AttachArgs, min = 48, AttachArgsIn, AttachArgsOut);

/// Shape of a medium.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = GeometryRef, prefix_fields = GeometryPrefix)))]
#[sabi(missing_field(option))]
pub struct Geometry {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `GEOMETRY_*` flags.
    pub flags: u32,
    /// Bytes of a sector: a power of two, 512 to 65,536.
    pub sector_size_bytes: u32,
    /// Bytes of the medium's own unit of writing, a multiple of the sector; 0 if it has none.
    pub write_unit_bytes: u32,
    /// Number of sectors; the product with the sector size stays below 2^63.
    #[sabi(last_prefix_field)]
    pub sector_count: u64,
}
growable!(Geometry, min = 24, GeometryIn, GeometryOut);

/// [`Geometry::flags`]: sectors can be written.
pub const GEOMETRY_WRITABLE: u32 = 1;
/// [`Geometry::flags`]: there is a medium in the drive.
pub const GEOMETRY_AVAILABLE: u32 = 2;
/// [`Geometry::flags`]: the medium was changed since the last call.
pub const GEOMETRY_CHANGED: u32 = 4;
/// [`Geometry::flags`]: discarded sectors read as zeroes.
pub const GEOMETRY_DISCARD_ZEROES: u32 = 8;

/// Right to use the medium as memory.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = XipGrantRef, prefix_fields = XipGrantPrefix)))]
#[sabi(missing_field(option))]
pub struct XipGrant {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `XIP_*` flags.
    pub flags: u32,
    /// Address of the medium's first byte, aligned to 64 bytes or better; valid until `detach`.
    pub base: *mut u8,
    /// Bytes that may be used from there; covers the geometry.
    pub len_bytes: u64,
    /// Where in the memory object the medium's first byte lies; a multiple of the page size.
    pub memory_offset: u64,
    /// With [`XIP_MEMORY_OBJECT`]: descriptor of the memory object (a memfd or a file) behind `base`. The host
    /// duplicates it; the driver keeps its own. Views of their own need it; without it only addresses inside the
    /// grant can be handed out.
    pub memory_fd: i32,
    /// Zero.
    #[sabi(last_prefix_field)]
    pub reserved: u32,
}
growable!(XipGrant, min = 40, XipGrantIn, XipGrantOut);

/// [`XipGrant::flags`]: stores through the memory reach the medium.
pub const XIP_WRITABLE: u32 = 1;
/// [`XipGrant::flags`]: `memory_fd` and `memory_offset` hold. A flag, because 0 is a descriptor too.
pub const XIP_MEMORY_OBJECT: u32 = 2;

/// Flag of `write`: the data are on the medium, not in a volatile cache, when the call returns.
pub const WRITE_FUA: u32 = 1;
/// Flag of `read` and `write`: the sectors hold a file system's own structures.
pub const IO_META: u32 = 2;

/// A block driver's table. Calls may overlap only if the driver is declared parallel.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = BlockOpsRef, prefix_fields = BlockOpsPrefix)))]
#[sabi(missing_field(option))]
pub struct BlockOps {
    /// Size of this table in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// Required. Makes a device and stores a pointer of the driver's in `*dev`. Answers 0. After a failure nothing
    /// is held. `[any thread] [once] [blocks] [services]`
    pub attach: Option<
        unsafe extern "C" fn(
            module: *mut c_void,
            ctx: CtxIn,
            args: AttachArgsIn,
            dev: *mut *mut c_void,
        ) -> i32,
    >,
    /// Required. Ends a device that nobody uses: everything written is on the medium, memory is freed. A failure
    /// is reported, and the device is gone nevertheless. `[any thread] [once] [blocks] [services]`
    pub detach: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn) -> i32>,
    /// Required. Fills the shape. `[any thread] [brief]`
    pub geometry: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, out: GeometryOut) -> i32>,
    /// Required. Reads `sector_count` sectors into `buf` (of that many sectors' bytes). Answers `sector_count`; fewer
    /// mean that the medium failed on the way. After a failure `buf` is undefined. `flags`: [`IO_META`]. Errors: EIO;
    /// EINVAL if any of the sectors lies outside the medium, and then none is read.
    /// `[any thread] [blocks] [services]`
    pub read: Option<
        unsafe extern "C" fn(
            dev: *mut c_void,
            ctx: CtxIn,
            start_sector: u64,
            sector_count: u32,
            buf: *mut u8,
            flags: u32,
        ) -> i64,
    >,
    /// Writes sectors, as `read`. `flags`: [`WRITE_FUA`], [`IO_META`]. Each sector is written whole or not at all;
    /// after a failure each holds its old or its new content. Absent: EROFS. Errors: EROFS, EIO, ENOSPC, EINVAL
    /// outside the medium. `[any thread] [blocks] [services]`
    pub write: Option<
        unsafe extern "C" fn(
            dev: *mut c_void,
            ctx: CtxIn,
            start_sector: u64,
            sector_count: u32,
            buf: *const u8,
            flags: u32,
        ) -> i64,
    >,
    /// All writes that were answered are on the medium when this returns. Absent: nothing to do.
    /// `[any thread] [blocks] [services]`
    pub flush: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn) -> i32>,
    /// No write after this call reaches the medium before all writes answered before it. Absent: `flush`.
    /// `[any thread] [blocks] [services]`
    pub barrier: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn) -> i32>,
    /// The content of the sectors is no longer needed. Absent: nothing happens.
    /// `[any thread] [blocks] [services]`
    pub discard: Option<
        unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, start_sector: u64, sector_count: u64) -> i32,
    >,
    /// Grants the medium as memory, until `detach`. Absent: the host asks by ioctl `BIOC_XIPBASE`, whose address
    /// is taken as read-only and as long as the geometry; if that fails too, there is no XIP.
    /// `[any thread] [brief]`
    pub xip_grant: Option<unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, out: XipGrantOut) -> i32>,
    /// Any command. `arg` is a value, or the address of `arg_size` bytes; `arg_size` 0 with an unknown command means
    /// opaque. Absent: ENOTTY. `[any thread] [blocks] [services]`
    #[sabi(last_prefix_field)]
    pub ioctl: Option<
        unsafe extern "C" fn(dev: *mut c_void, ctx: CtxIn, command: u32, arg: usize, arg_size: usize) -> i64,
    >,
}
growable!(BlockOps, min = 88, BlockOpsIn, BlockOpsOut);
