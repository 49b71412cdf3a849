//! Floor 3: devices: media of sectors seen as bytes through a cache, and streams.

mod block;
mod cache;
mod claims;
mod late;
mod medium;
mod partition;
mod raw;
mod resident;
mod standard;
mod stream;
mod view;

pub use block::{AttachSpec, BlockDevice, Claim, DeviceError, NodeClaim};
pub use cache::{CacheBudget, CacheStatus};
pub use late::{LateErrors, Seen};
pub use resident::{Change, ReadBelow, Residence, Resident, WriteBelow};
pub use standard::Standard;
pub use stream::{Openable, Stream};
pub use view::MountView;
