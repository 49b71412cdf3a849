//! Floor 6: open files, descriptors and directory streams.

mod descriptors;
mod directory;
mod open;
mod transfer;

pub use descriptors::{DescriptorTable, MAX_DESCRIPTORS};
pub use directory::{DirRecord, DirStream};
pub use open::{FileError, Flags, OpenFile, Opener};
pub use transfer::Whence;
