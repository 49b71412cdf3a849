//! The export macro, and the functions that its expansion calls.

use std::ffi::c_void;

use nxvfs_abi::abi_stable::library::RootModuleResult;
use nxvfs_abi::abi_stable::prefix_type::{PrefixRefTrait, WithMetadata};
use nxvfs_abi::abi_stable::std_types::ROk;
use nxvfs_abi::plugin::*;
use nxvfs_abi::services::SERVICES_STATIC;
use nxvfs_abi::{ABI_MAJOR, ABI_MINOR, Errno, Str, grow};

use crate::{guard, host, logger};

/// Declares a plugin: its manifest, descriptor, both doors and the entry in the list of static plugins.
///
/// Version, description, author and license come from the package. Parameter types are `bool`, `int`, `uint`,
/// `size`, `str`, `path` and `file` (of the VFS, block drivers only); a default is written as a user would write the value. A driver is `parallel` only if it
/// says so.
///
/// ```
/// use nxvfs_sdk::{Attach, BlockDriver, Ctx, Geometry, Grow, Result};
///
/// struct Zeroes(u64);
///
/// impl BlockDriver for Zeroes {
///     fn attach(_ctx: &Ctx, attach: &Attach<'_>) -> Result<Self> {
///         Ok(Self(attach.params.uint("sectors")))
///     }
///     fn geometry(&self) -> Geometry {
///         Geometry { sector_size_bytes: 512, sector_count: self.0, ..Grow::empty() }
///     }
///     fn read(&self, _ctx: &Ctx, _start_sector: u64, buf: &mut [u8], _flags: u32) -> Result<()> {
///         buf.fill(0);
///         Ok(())
///     }
/// }
///
/// nxvfs_sdk::plugin! {
///     name: "zeroes",
///     entry: "zeroes",
///     drivers: [block "zeroes" => Zeroes, parallel],
///     params: ["sectors": uint = "64", "number of sectors"],
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! plugin {
    (
        name: $name:literal,
        entry: $entry:literal,
        drivers: [$($kind:ident $driver:literal => $ty:ty $(, $parallel:ident)?);+ $(;)?]
        $(, params: [$($parm:literal: $parm_ty:ident = $default:literal, $help:literal);* $(;)?])?
        $(,)?
    ) => {
        #[doc(hidden)]
        pub mod nxvfs_export {
            #[allow(unused_imports, reason = "the drivers' types are the crate's")]
            use super::*;
            use $crate::macro_support as m;

            const MANIFEST_TEXT: &str = concat!(
                "name=", $name, "\0version=", env!("CARGO_PKG_VERSION"), "\0abi=", $crate::abi_version!(),
                "\0license=", env!("CARGO_PKG_LICENSE"), "\0author=", env!("CARGO_PKG_AUTHORS"),
                "\0description=", env!("CARGO_PKG_DESCRIPTION"), "\0entry=", $entry, "\0",
                $("provides=", stringify!($kind), ":", $driver, "\0",)+
                $($("parm=", $parm, ":", stringify!($parm_ty), ":", $default, ":", $help, "\0",)*)?
            );

            #[used]
            #[unsafe(link_section = ".nxmodinfo")]
            static MANIFEST: [u8; MANIFEST_TEXT.len()] = m::to_array(MANIFEST_TEXT);

            static DRIVERS: &[m::Driver] = &[$($crate::plugin!(@driver $kind $driver $ty $(, $parallel)?)),+];

            unsafe extern "C" fn init(args: m::InitArgsIn, module: *mut *mut ::std::ffi::c_void) -> i32 {
                // SAFETY: the host calls `init` by its contract.
                unsafe { m::init($name, args, module) }
            }

            static DESCRIPTOR: m::Descriptor =
                m::descriptor($name, env!("CARGO_PKG_VERSION"), DRIVERS, init);

            /// The C door.
            #[unsafe(export_name = concat!("nx_plugin_", $entry))]
            pub extern "C" fn c_door(host_major: u16, _host_minor: u16) -> *const m::Descriptor {
                m::keep(&MANIFEST, &DESCRIPTOR, host_major)
            }

            extern "C" fn root() -> m::abi_stable::library::RootModuleResult {
                const ROOT: &m::abi_stable::prefix_type::WithMetadata<m::Root> =
                    &m::abi_stable::prefix_type::WithMetadata::new(m::Root {
                        descriptor: m::DescriptorPtr(&raw const DESCRIPTOR),
                        schema: ::std::marker::PhantomData,
                    });
                m::root_result(ROOT)
            }

            /// The Rust door.
            #[unsafe(export_name = concat!("nx_rust_", $entry))]
            pub static RUST_DOOR: m::abi_stable::library::LibHeader = {
                // SAFETY: `root` answers a `Root` module.
                unsafe {
                    m::abi_stable::library::LibHeader::from_constructor::<m::RootRef>(
                        root,
                        m::abi_stable::library::CheckTypeLayout::Yes,
                    )
                }
            };

            m::inventory::submit! {
                m::StaticPlugin { manifest: &MANIFEST, descriptor: &DESCRIPTOR, log_target: env!("CARGO_CRATE_NAME") }
            }
        }
    };
    (@driver $kind:ident $driver:literal $ty:ty, parallel) => {
        $crate::plugin!(@entry $kind $driver $ty, $crate::abi::plugin::DRIVER_PARALLEL)
    };
    (@driver $kind:ident $driver:literal $ty:ty) => { $crate::plugin!(@entry $kind $driver $ty, 0) };
    (@entry filesystem $driver:literal $ty:ty, $flags:expr) => {
        m::driver(m::KIND_FILESYSTEM, $flags, $driver, {
            static OPS: $crate::abi::filesystem::FileSystemOps = m::filesystem_table::<$ty>();
            (&raw const OPS).cast()
        })
    };
    (@entry block $driver:literal $ty:ty, $flags:expr) => {
        m::driver(m::KIND_BLOCK, $flags, $driver, {
            static OPS: $crate::abi::block::BlockOps = m::block_table::<$ty>();
            (&raw const OPS).cast()
        })
    };
    (@entry character $driver:literal $ty:ty, $flags:expr) => {
        m::driver(m::KIND_CHARACTER, $flags, $driver, {
            static OPS: $crate::abi::character::CharacterOps = m::character_table::<$ty>();
            (&raw const OPS).cast()
        })
    };
    (@entry mapper $driver:literal $ty:ty, $flags:expr) => {
        m::driver(m::KIND_MAPPER, $flags, $driver, {
            static OPS: $crate::abi::mapper::MapperOps = m::mapper_table::<$ty>();
            (&raw const OPS).cast()
        })
    };
}

/// The ABI's version as a literal, for the manifest; a constant assertion holds it to the numbers.
#[doc(hidden)]
#[macro_export]
macro_rules! abi_version {
    () => {
        "1.0"
    };
}

const _: () = {
    let text = abi_version!().as_bytes();
    assert!(text.len() == 3 && text[0] - b'0' == ABI_MAJOR as u8 && text[2] - b'0' == ABI_MINOR as u8);
};

/// The bytes of a text as an array, at compile time.
pub const fn to_array<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = text.as_bytes()[i];
        i += 1;
    }
    out
}

/// One driver's entry.
pub const fn driver(kind: u32, flags: u32, name: &'static str, ops: *const c_void) -> Driver {
    Driver {
        size: size_of::<Driver>() as u32,
        kind,
        flags,
        reserved: 0,
        name: Str::new(name.as_bytes()),
        ops,
    }
}

/// A plugin's descriptor.
pub const fn descriptor(
    name: &'static str,
    version: &'static str,
    drivers: &'static [Driver],
    init: unsafe extern "C" fn(InitArgsIn, *mut *mut c_void) -> i32,
) -> Descriptor {
    Descriptor {
        size: size_of::<Descriptor>() as u32,
        magic: MAGIC,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        flags: PLUGIN_CONTRACT | if cfg!(panic = "abort") { PLUGIN_PANIC_ABORTS } else { 0 },
        name: Str::new(name.as_bytes()),
        version: Str::new(version.as_bytes()),
        drivers: DriverIn(drivers.as_ptr()),
        driver_count: drivers.len() as u32,
        driver_stride: size_of::<Driver>() as u32,
        init: Some(init),
        exit: Some(exit),
        set_log_level: Some(set_log_level),
    }
}

/// `init` of every Rust plugin: adopts the services and the log.
///
/// # Safety
/// As the slot `init` of [`Descriptor`].
pub unsafe fn init(name: &'static str, args: InitArgsIn, module: *mut *mut c_void) -> i32 {
    guard::unit(|| {
        // SAFETY: by the contract.
        let args = unsafe { guard::sent(args.0) }?;
        // SAFETY: by the contract the table lives as long as the process.
        if !unsafe { host::adopt(args.services) } {
            return Err(Errno::EINVAL.into());
        }
        // SAFETY: as above. Asked again, because another host's `init` may have been first.
        let services = unsafe { grow::read(args.services.0) }.ok_or(Errno::EINVAL)?;
        if services.flags & SERVICES_STATIC == 0 {
            logger::install(name, services.log_level);
        }
        if !module.is_null() {
            // SAFETY: by the contract.
            unsafe { module.write(std::ptr::null_mut()) };
        }
        Ok(())
    })
}

/// `exit` of every Rust plugin: nothing to undo, because nothing of a host is kept.
pub extern "C" fn exit(_module: *mut c_void) {}

/// `set_log_level` of every Rust plugin.
pub extern "C" fn set_log_level(level: u32) {
    logger::set_level(level);
}

/// Answers the C door, and keeps the linker from dropping the manifest, which nothing else refers to.
#[inline(never)]
pub fn keep(manifest: &'static [u8], descriptor: &'static Descriptor, host_major: u16) -> *const Descriptor {
    std::hint::black_box(manifest);
    if host_major == ABI_MAJOR { descriptor } else { std::ptr::null() }
}

/// Answers the Rust door.
pub fn root_result(root: &'static WithMetadata<Root>) -> RootModuleResult {
    let root = RootRef(root.static_as_prefix());
    // SAFETY: erasing the type; the reader casts it back to `Root` after the layout check.
    ROk(unsafe { root.to_prefix_ref().cast() })
}
