//! The host's own tree as a file system: files in RAM, links, renaming, permissions, the budget.

#[path = "own_tree/files.rs"]
mod files;
#[path = "own_tree/mapping.rs"]
mod mapping;
#[path = "own_tree/oracle.rs"]
mod oracle;
#[path = "own_tree/permissions.rs"]
mod permissions;
#[path = "own_tree/rename.rs"]
mod rename;
