//! Plugins that lie, break and panic. Each is told apart by an errno and a sentence, harms nobody else, and leaves
//! nothing behind: every board of these tests comes down at its end.

#[path = "evil/harness.rs"]
mod harness;

#[path = "evil/block.rs"]
mod block;
#[path = "evil/descriptor.rs"]
mod descriptor;
#[path = "evil/filesystem.rs"]
mod filesystem;
#[path = "evil/panic.rs"]
mod panic;
