//! Floor 1: the only calls through a plugin's function pointers.
//!
//! Everything that comes back is data from outside: checked here, once, so that the floors above meet only values
//! that can be true. What a plugin says wrongly is EIO, counted and logged. A plugin that panicked is not called
//! again for that instance.

#![allow(unsafe_code, reason = "calls C functions of plugins and offers C functions to them")]

mod block;
mod character;
mod child;
mod frame;
mod grant;
mod instance;
mod mapper;
mod module;
mod params;
mod services;
mod threads;
mod tokens;
mod turn;
mod volume;

pub use block::Block;
pub use character::Character;
pub use child::{Inheritance, Inherited};
pub use grant::CheckedGrant;
pub use instance::{BridgeError, Instance};
pub use mapper::{Mapper, Planned};
pub use module::{DescriptorError, Driver, Module, Ops};
pub use params::WireParam;
pub use threads::spawn_quiet;
pub use tokens::{DeviceService, FileService, MountService, Target, Token};
pub use volume::{
    DirItem, FindingItem, FoundNode, Lookup, MountRequest, OpenedNode, ProbeFound, Volume, VolumeInfo, check,
    format, mount, probe,
};

use nxvfs_abi::{Ctx, Grow};

/// The context of a call that the host makes for itself.
pub fn host_ctx() -> Ctx {
    Ctx::empty()
}
