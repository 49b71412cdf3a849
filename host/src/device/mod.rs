//! Floor 3: devices: media of sectors seen as bytes, and streams.

mod block;
mod standard;
mod stream;
mod view;

pub use block::{BlockDevice, Claim, DeviceError};
pub use standard::Standard;
pub use stream::{Openable, Stream};
pub use view::MountView;
