//! Floor 3: devices: media of sectors seen as bytes, and streams.

mod block;
mod resident;
mod standard;
mod stream;
mod view;

pub use block::{BlockDevice, Claim, DeviceError};
pub use resident::{Change, LateErrors, ReadBelow, Residence, Resident, WriteBelow};
pub use standard::Standard;
pub use stream::{Openable, Stream};
pub use view::MountView;
