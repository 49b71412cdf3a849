//! Floor 6: open files, descriptors and directory streams.

mod descriptors;
mod directory;
mod open;
mod settle;
mod transfer;
mod vectored;

pub use descriptors::{DEFAULT_DESCRIPTORS, DescriptorTable, MAX_DESCRIPTORS};
pub use directory::{DirRecord, DirStream};
pub use open::{FileError, Flags, OpenFile, Opener};
pub use transfer::Whence;
