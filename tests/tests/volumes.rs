//! The tree: the host's own, and volumes in it. In one binary, as each costs seconds to link.

#[path = "volumes/main_job.rs"]
mod main_job;
#[path = "volumes/own_tree.rs"]
mod own_tree;
#[path = "volumes/proc.rs"]
mod proc;
#[path = "volumes/real_tree.rs"]
mod real_tree;
#[path = "volumes/trace.rs"]
mod trace;
