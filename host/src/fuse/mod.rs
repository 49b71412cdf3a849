//! Floor 8: the tree of a host as a folder of the operating system, by FUSE.
//!
//! The kernel keeps names, attributes and pages, and asks for what it does not have. It also compares mode bits with
//! whoever calls (`default_permissions` is always on: names that it remembers are never asked for again, so nobody else
//! could); the host takes its word. Locks of files and FIFOs in volumes are the kernel's alone.
//!
//! | file | holds |
//! |---|---|
//! | `session` | a mount, from its making to its end |
//! | `options` | the words of `-o` that are FUSE's |
//! | `filesystem` | each request of the kernel, answered by the door |
//! | `door`, `names`, `content`, `attributes`, `listing` | what the answers are |
//! | `nodes` | the kernel's numbers of nodes, and how often it was told of each |
//! | `events` | who waits for a driver node |
//! | `untold` | names that the kernel must forget and was not told of yet |
//! | `table` | the system's list of mounts |
//! | `refusal` | why a mount is refused |

mod attributes;
mod content;
mod door;
mod events;
mod filesystem;
mod listing;
mod names;
mod nodes;
mod options;
mod refusal;
mod session;
mod table;
mod untold;

pub use options::Options;
pub use refusal::FuseError;
pub use session::{Ending, Session};
