//! Floor 6: open files, descriptors, directory streams, and waiting for what they give.

mod descriptors;
mod directory;
mod driver_file;
mod open;
mod poll;
mod settle;
mod transfer;
mod vectored;
mod waiting;

pub use descriptors::{DEFAULT_DESCRIPTORS, DescriptorTable, MAX_DESCRIPTORS};
pub use directory::{DirRecord, DirStream};
pub use driver_file::{DriverFile, DriverFileError, DriverFiles};
pub use open::{FileError, Flags, OpenFile, Opener};
pub use poll::{POLLRDNORM, POLLWRNORM, PollFd, poll};
pub use transfer::Whence;
