//! How a plugin introduces itself: one descriptor, reached through two doors.
//!
//! * **The C door**: the file exports `nx_plugin_ENTRY` of type [`CEntry`], where `ENTRY` is the manifest's
//!   `entry`. It answers the descriptor, or null to refuse the host's version.
//! * **The Rust door**: the file exports `nx_rust_ENTRY`, a library header of abi_stable, whose root module
//!   ([`Root`]) carries the same descriptor and a witness of every struct and table ([`Schema`]), so that the
//!   whole layout is checked before anything is called. Where both exist the host takes this one.
//!
//! Static plugins submit a [`StaticPlugin`] and need no door.

use std::ffi::c_void;
use std::marker::PhantomData;

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;

use crate::grow::growable;
use crate::services::{ErrorTextRef, ServicesIn, ServicesRef};
use crate::types::{CtxRef, ParamIn, ParamRef, Str};
use crate::{block, character, filesystem, ioctl, mapper};

/// First four bytes of a descriptor: `NXVP` in memory on a little-endian machine.
pub const MAGIC: u32 = u32::from_le_bytes(*b"NXVP");

/// [`Descriptor::flags`]: built against a contract that is not frozen yet.
pub const PLUGIN_UNFROZEN: u32 = 1;
/// What every plugin puts into [`Descriptor::flags`]: the state of the contract it was built against.
pub const PLUGIN_CONTRACT: u32 = PLUGIN_UNFROZEN;
/// [`Descriptor::flags`]: a panic in this plugin ends the process; the host warns.
pub const PLUGIN_PANIC_ABORTS: u32 = 2;

/// [`Driver::kind`]: [`filesystem::FileSystemOps`].
pub const KIND_FILESYSTEM: u32 = 1;
/// [`Driver::kind`]: [`block::BlockOps`].
pub const KIND_BLOCK: u32 = 2;
/// [`Driver::kind`]: [`character::CharacterOps`].
pub const KIND_CHARACTER: u32 = 3;
/// [`Driver::kind`]: [`mapper::MapperOps`].
pub const KIND_MAPPER: u32 = 4;

/// [`Driver::flags`]: calls into one instance may overlap. Without it the host takes a lock for each.
pub const DRIVER_PARALLEL: u32 = 1;

/// Most drivers that one plugin may have.
pub const MAX_DRIVERS: u32 = 64;

/// One driver of a plugin. Arrays of it carry a stride.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = DriverRef, prefix_fields = DriverPrefix)))]
#[sabi(missing_field(option))]
pub struct Driver {
    /// Size of this struct in bytes.
    pub size: u32,
    /// `KIND_*`.
    pub kind: u32,
    /// `DRIVER_*` flags.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
    /// Name as users type it: 1 to 32 of `a-z 0-9 - _`. The manifest's `provides` says the same.
    pub name: Str,
    /// The table that `kind` says. Lives as long as the image.
    #[sabi(last_prefix_field)]
    pub ops: *const c_void,
}
growable!(Driver, min = 40, DriverIn, DriverOut);

/// What `init` gets.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = InitArgsRef, prefix_fields = InitArgsPrefix)))]
#[sabi(missing_field(option))]
pub struct InitArgs {
    /// Size of this struct in bytes.
    pub size: u32,
    /// Zero.
    pub flags: u32,
    /// The host's services.
    pub services: ServicesIn,
    /// Every parameter of the manifest, with its value; `param_count` of them, `param_stride` bytes apart.
    pub params: ParamIn,
    /// Number of parameters.
    pub param_count: u32,
    /// Distance of two parameters in bytes.
    #[sabi(last_prefix_field)]
    pub param_stride: u32,
}
growable!(InitArgs, min = 32, InitArgsIn, InitArgsOut);

/// What a plugin is. A constant of the image.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
#[sabi(kind(Prefix(prefix_ref = DescriptorRef, prefix_fields = DescriptorPrefix)))]
#[sabi(missing_field(option))]
pub struct Descriptor {
    /// Size of this struct in bytes.
    pub size: u32,
    /// [`MAGIC`].
    pub magic: u32,
    /// [`crate::ABI_MAJOR`] that it was built against.
    pub abi_major: u16,
    /// [`crate::ABI_MINOR`] that it was built against.
    pub abi_minor: u16,
    /// `PLUGIN_*` flags.
    pub flags: u32,
    /// The plugin's name, as in the manifest.
    pub name: Str,
    /// The plugin's version, as in the manifest.
    pub version: Str,
    /// `driver_count` drivers, `driver_stride` bytes apart.
    pub drivers: DriverIn,
    /// Number of drivers: 1 to [`MAX_DRIVERS`].
    pub driver_count: u32,
    /// Distance of two drivers in bytes.
    pub driver_stride: u32,
    /// Makes the plugin ready for one host, before any other call for it; stores a pointer of the plugin's own in
    /// `*module`, which every `attach`, `mount` and `probe` gets. Several hosts of a process may each call it, once.
    /// Absent: the pointer is null. After a failure nothing is held. `[any thread] [once] [blocks]`
    pub init: Option<unsafe extern "C" fn(args: InitArgsIn, module: *mut *mut c_void) -> i32>,
    /// Ends what `init` made; no instance is left, all threads of the plugin's own are joined before it returns.
    /// Absent: nothing to do. `[any thread] [once] [blocks]`
    pub exit: Option<unsafe extern "C" fn(module: *mut c_void)>,
    /// The host's log level changed ([`crate::services::level`]). Absent: the plugin goes on as before.
    /// `[any thread] [brief]`
    #[sabi(last_prefix_field)]
    pub set_log_level: Option<unsafe extern "C" fn(level: u32)>,
}
growable!(Descriptor, min = 88, DescriptorIn, DescriptorOut);

// SAFETY: a descriptor is a constant of its image; its pointers lead to other constants of the same image.
unsafe impl Send for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for Descriptor {}
// SAFETY: as above.
unsafe impl Send for Driver {}
// SAFETY: as above.
unsafe impl Sync for Driver {}

/// The C door: `nx_plugin_ENTRY`. Answers a constant. `[any thread] [brief]`
pub type CEntry = unsafe extern "C" fn(host_major: u16, host_minor: u16) -> *const Descriptor;

/// Prefix of the C door's symbol.
pub const C_ENTRY_PREFIX: &str = "nx_plugin_";
/// Prefix of the Rust door's symbol.
pub const RUST_ENTRY_PREFIX: &str = "nx_rust_";

/// A pointer to a plugin's descriptor inside [`Root`]: opaque to the layout check, which sees [`Schema`] instead.
#[repr(transparent)]
#[derive(Clone, Copy, StableAbi)]
pub struct DescriptorPtr(#[sabi(unsafe_opaque_field)] pub *const Descriptor);

// SAFETY: leads to a constant of the image.
unsafe impl Send for DescriptorPtr {}
// SAFETY: as above.
unsafe impl Sync for DescriptorPtr {}

/// Names every table and struct that may grow, so that the layout check looks at each: fields, types, signatures.
/// A later version appends fields, for tables and structs that are new.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = SchemaRef, prefix_fields = SchemaPrefix)))]
#[sabi(missing_field(option))]
#[allow(missing_docs, reason = "each field is named as the type that it witnesses")]
pub struct Schema {
    pub descriptor: PhantomData<DescriptorRef>,
    pub driver: PhantomData<DriverRef>,
    pub init_args: PhantomData<InitArgsRef>,
    pub ctx: PhantomData<CtxRef>,
    pub param: PhantomData<ParamRef>,
    pub services: PhantomData<ServicesRef>,
    pub error_text: PhantomData<ErrorTextRef>,
    pub partition_info: PhantomData<ioctl::PartitionInfoRef>,
    pub block_ops: PhantomData<block::BlockOpsRef>,
    pub attach_args: PhantomData<block::AttachArgsRef>,
    pub geometry: PhantomData<block::GeometryRef>,
    pub xip_grant: PhantomData<block::XipGrantRef>,
    pub character_ops: PhantomData<character::CharacterOpsRef>,
    pub mapper_ops: PhantomData<mapper::MapperOpsRef>,
    pub map_request: PhantomData<mapper::MapRequestRef>,
    pub map_plan: PhantomData<mapper::MapPlanRef>,
    pub filesystem_ops: PhantomData<filesystem::FileSystemOpsRef>,
    pub mount_args: PhantomData<filesystem::MountArgsRef>,
    pub mount_info: PhantomData<filesystem::MountInfoRef>,
    pub attr: PhantomData<filesystem::AttrRef>,
    pub set_attr: PhantomData<filesystem::SetAttrRef>,
    pub entry: PhantomData<filesystem::EntryRef>,
    pub opened: PhantomData<filesystem::OpenedRef>,
    pub removed: PhantomData<filesystem::RemovedRef>,
    pub dir_entry: PhantomData<filesystem::DirEntryRef>,
    pub stat_fs: PhantomData<filesystem::StatFsRef>,
    pub probe_info: PhantomData<filesystem::ProbeInfoRef>,
    #[sabi(last_prefix_field)]
    pub finding: PhantomData<filesystem::FindingRef>,
}

// SAFETY: a schema holds no value at all, only types.
unsafe impl Send for SchemaPrefix {}
// SAFETY: as above.
unsafe impl Sync for SchemaPrefix {}

/// Root module of the Rust door.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootRef, prefix_fields = RootPrefix)))]
#[sabi(missing_field(option))]
pub struct Root {
    /// The plugin's descriptor.
    pub descriptor: DescriptorPtr,
    /// The witness of the contract that it was built against.
    #[sabi(last_prefix_field)]
    pub schema: PhantomData<SchemaRef>,
}

impl RootModule for RootRef {
    abi_stable::declare_root_module_statics! {RootRef}
    const BASE_NAME: &'static str = "nxvfs-plugin";
    const NAME: &'static str = "nxvfs-plugin";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

/// A plugin that is linked into the host's image. Submitted to `inventory` by the SDK's macro.
pub struct StaticPlugin {
    /// The manifest's bytes, as they stand in the ELF section.
    pub manifest: &'static [u8],
    /// The descriptor.
    pub descriptor: &'static Descriptor,
    /// Path of the plugin's crate as its log lines tell it; the host logs them as `plugin::NAME`.
    pub log_target: &'static str,
}

inventory::collect!(StaticPlugin);
