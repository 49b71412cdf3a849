//! Floor 3: devices: media of sectors seen as bytes through a cache, and streams.

mod block;
mod cache;
mod character;
mod claims;
mod command;
mod console;
mod driver;
mod generated;
mod late;
mod medium;
mod partition;
mod pipe;
mod ram;
mod raw;
mod resident;
mod standard;
mod stream;
mod table;
mod view;

pub use crate::base::wait::{Relay, WaitQueue};
pub use block::{AttachSpec, BlockDevice, Claim, DeviceError, NodeClaim};
pub use cache::CacheStatus;
pub use character::CharacterDevice;
pub use console::Console;
pub use driver::{BlockMedium, MediumError};
pub use generated::{Generate, Generated, Receive};
pub use late::{LateErrors, Seen};
pub use pipe::{Fifo, PIPE_BUF_BYTES, Pipe};
pub use ram::RamFile;
pub use resident::{Change, ReadBelow, Residence, Resident, WriteBelow};
pub use standard::{Standard, randomize};
pub use stream::{Openable, Stream};
pub use table::{Entry, Scheme, Table, TableError};
pub use view::MountView;
