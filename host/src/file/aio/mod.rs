//! Transfers that go on while their caller does something else. POSIX, XSH aio.
//!
//! A pool of a few threads for each host does them, several at a time; threads are started when there is work, and end
//! when there was none for a while. A transfer that must wait for news (an empty pipe) takes no thread meanwhile: its
//! callback brings it back. So no number of them keeps others from going on.
//!
//! In order are only those that must be: appending writes of one file, transfers of one direction on what has no
//! position, and a synchronisation after all of its file that came before it.

mod job;
mod notices;
mod pool;
mod request;

pub use pool::{Cancelled, Only, Pool};
pub use request::{Aio, AioBuffer, AioList, AioNotice, AioOp, AioOwner, AioRequest};
