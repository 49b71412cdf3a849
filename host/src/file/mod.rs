//! Floor 6: open files, descriptors and directory streams.

mod descriptors;
mod directory;
mod driver_file;
mod open;
mod transfer;

pub use descriptors::{DescriptorTable, MAX_DESCRIPTORS};
pub use directory::{DirRecord, DirStream};
pub use driver_file::{DriverFile, DriverFileError, DriverFiles};
pub use open::{FileError, Flags, OpenFile, Opener};
pub use transfer::Whence;
