//! Floor 6: open files, descriptors and directory streams.

mod descriptors;
mod directory;
mod open;

pub use descriptors::{DescriptorTable, MAX_DESCRIPTORS};
pub use directory::{DirRecord, DirStream};
pub use open::{FileError, Flags, OpenFile, Opener, Whence};
