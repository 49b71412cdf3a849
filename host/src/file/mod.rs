//! Floor 6: open files, descriptors, directory streams and locks.

mod descriptors;
mod directory;
mod locking;
mod locks;
mod open;
mod transfer;

pub use descriptors::{DescriptorTable, MAX_DESCRIPTORS};
pub use directory::{DirRecord, DirStream};
pub use locking::LockRange;
pub use locks::{LockInfo, LockKind, LockTable};
pub use open::{FileError, Flags, OpenFile, Opener};
pub use transfer::Whence;
