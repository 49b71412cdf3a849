//! Floor 3: devices: media of sectors, seen as bytes.

mod block;
mod view;

pub use block::{BlockDevice, Claim, DeviceError};
pub use view::MountView;
