//! The interface of the file system as programs in Rust have it, call by call. In one binary: each of its own costs seconds to
//! link, and none of these looks at the process as a whole.

#[path = "interface/aio.rs"]
mod aio;
#[path = "interface/boards.rs"]
mod boards;
#[path = "interface/character.rs"]
mod character;
#[path = "interface/descriptors.rs"]
mod descriptors;
#[path = "interface/directory_streams.rs"]
mod directory_streams;
#[path = "interface/files.rs"]
mod files;
#[path = "interface/host_descriptors.rs"]
mod host_descriptors;
#[path = "interface/hostfs.rs"]
mod hostfs;
#[path = "interface/kept_pages.rs"]
mod kept_pages;
#[path = "interface/locks.rs"]
mod locks;
#[path = "interface/permissions.rs"]
mod permissions;
#[path = "interface/pipes.rs"]
mod pipes;
#[path = "interface/programs.rs"]
mod programs;
#[path = "interface/signals.rs"]
mod signals;
#[path = "interface/streams.rs"]
mod streams;
#[path = "interface/temporary.rs"]
mod temporary;
#[path = "interface/tree.rs"]
mod tree;
#[path = "interface/writing.rs"]
mod writing;
