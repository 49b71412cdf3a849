//! Floor 3: devices: media of sectors seen as bytes, and streams.

mod block;
mod character;
mod command;
mod console;
mod medium;
mod pipe;
mod standard;
mod stream;
mod view;

pub use crate::base::wait::{Relay, WaitQueue};
pub use block::{BlockDevice, Claim, DeviceError};
pub use character::CharacterDevice;
pub use console::Console;
pub use medium::{BlockMedium, MediumError};
pub use pipe::{Fifo, PIPE_BUF_BYTES, Pipe};
pub use standard::Standard;
pub use stream::{Openable, Stream};
pub use view::MountView;
