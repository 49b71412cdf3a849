//! Mappers: the policy of mapping a file through RAM. A mapper decides when and in what order pages are filled and
//! moves the bytes; memory, views, sharing and faults are the host's.

use std::ffi::c_void;

use abi_stable::StableAbi;

use crate::block::AttachArgsIn;
use crate::grow::growable;
use crate::types::CtxIn;

/// What shall be mapped.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = MapRequestRef, prefix_fields = MapRequestPrefix)))]
#[sabi(missing_field(option))]
pub struct MapRequest {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `MAP_REQUEST_*` flags.
    pub flags: u32,
    /// Token of the file, for `file_read` and `file_write`.
    pub file: u64,
    /// First byte of the range in the file.
    pub offset: u64,
    /// Bytes of the range.
    pub len_bytes: u64,
    /// Length of the file.
    pub file_len_bytes: u64,
    /// Bytes of a page.
    pub page_size_bytes: u32,
    /// Zero.
    pub reserved: u32,
    /// Bytes of memory that the host has left for mappings.
    #[sabi(last_prefix_field)]
    pub budget_bytes: u64,
}
growable!(MapRequest, min = 56, MapRequestIn, MapRequestOut);

/// [`MapRequest::flags`]: stores will be written back.
pub const MAP_REQUEST_WRITABLE: u32 = 1;
/// [`MapRequest::flags`]: the host can fill single pages when they are touched.
pub const MAP_REQUEST_LAZY_POSSIBLE: u32 = 2;
/// [`MapRequest::flags`]: the user asked for the pages at once.
pub const MAP_REQUEST_POPULATE: u32 = 4;

/// What the mapper decided.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = MapPlanRef, prefix_fields = MapPlanPrefix)))]
#[sabi(missing_field(option))]
pub struct MapPlan {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `PLAN_*`.
    pub kind: u32,
    /// Bytes to fill at a time, a multiple of the page; 0 for one page.
    pub chunk_bytes: u64,
    /// Bytes to fill ahead of a touched page ([`PLAN_PREFETCH`]).
    #[sabi(last_prefix_field)]
    pub ahead_bytes: u64,
}
growable!(MapPlan, min = 24, MapPlanIn, MapPlanOut);

/// [`MapPlan::kind`]: fill the whole range before the map is answered.
pub const PLAN_EAGER: u32 = 1;
/// [`MapPlan::kind`]: fill a page when it is touched.
pub const PLAN_LAZY: u32 = 2;
/// [`MapPlan::kind`]: as lazy, and fill ahead.
pub const PLAN_PREFETCH: u32 = 3;

/// A mapper's table.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = MapperOpsRef, prefix_fields = MapperOpsPrefix)))]
#[sabi(missing_field(option))]
pub struct MapperOps {
    /// Size of this table in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// Makes an instance; `args.node` is empty. Absent: the instance is null. `[any thread] [once] [brief]`
    pub attach: Option<
        unsafe extern "C" fn(
            module: *mut c_void,
            ctx: CtxIn,
            args: AttachArgsIn,
            mapper: *mut *mut c_void,
        ) -> i32,
    >,
    /// Ends an instance that maps nothing. Absent: nothing to do. `[any thread] [once] [brief]`
    pub detach: Option<unsafe extern "C" fn(mapper: *mut c_void, ctx: CtxIn) -> i32>,
    /// Required. Decides. Refuses with an error: ENODEV cannot be mapped, ENOMEM over budget.
    /// `[any thread] [brief]`
    pub plan: Option<
        unsafe extern "C" fn(mapper: *mut c_void, ctx: CtxIn, request: MapRequestIn, plan: MapPlanOut) -> i32,
    >,
    /// Required. Brings `len` bytes of the file from `offset` into `buf`, zeroes beyond the end; answers how many
    /// are the file's. `[any thread] [blocks] [services]`
    pub fill: Option<
        unsafe extern "C" fn(
            mapper: *mut c_void,
            ctx: CtxIn,
            file: u64,
            offset: u64,
            buf: *mut u8,
            len: usize,
        ) -> i64,
    >,
    /// Brings `len` bytes back into the file; answers how many were written. Absent: shared mappings are read-only.
    /// `[any thread] [blocks] [services]`
    #[sabi(last_prefix_field)]
    pub drain: Option<
        unsafe extern "C" fn(
            mapper: *mut c_void,
            ctx: CtxIn,
            file: u64,
            offset: u64,
            buf: *const u8,
            len: usize,
        ) -> i64,
    >,
}
growable!(MapperOps, min = 48, MapperOpsIn, MapperOpsOut);
