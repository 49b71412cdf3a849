//! Floor 3: devices: media of sectors seen as bytes, and streams.

mod block;
mod generated;
mod ram;
mod standard;
mod stream;
mod view;

pub use block::{BlockDevice, Claim, DeviceError};
pub use generated::{Generate, Generated, Receive};
pub use ram::{Budget, RamFile};
pub use standard::Standard;
pub use stream::{Openable, Stream};
pub use view::MountView;
