//! Floor 6: open files, descriptors, directory streams, locks, and waiting for what files give.

mod aio;
mod descriptors;
mod directory;
mod driver_file;
mod locking;
mod locks;
mod open;
mod poll;
mod settle;
mod transfer;
mod vectored;
mod waiting;

pub use aio::{Aio, AioBuffer, AioList, AioNotice, AioOp, AioOwner, AioRequest, Cancelled, Only, Pool};
pub use descriptors::{DEFAULT_DESCRIPTORS, DescriptorTable, MAX_DESCRIPTORS};
pub use directory::{DirEntry, DirRecord, DirStream};
pub use driver_file::{DriverFile, DriverFileError, DriverFiles};
pub use locking::LockRange;
pub use locks::{LockInfo, LockKind, LockTable};
pub use open::{FileError, Flags, OpenFile, Opener};
pub use poll::{POLLRDNORM, POLLWRNORM, PollFd, look, poll};
pub use transfer::Whence;
pub use waiting::KeptOpen;
