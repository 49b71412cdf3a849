//! The command line, as users and their programs see it: the binary is run, and what it prints is read.

#[path = "cli/board.rs"]
mod board;
#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/errors.rs"]
mod errors;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/image.rs"]
mod image;
#[path = "cli/image_files.rs"]
mod image_files;
#[path = "cli/image_journal.rs"]
mod image_journal;
#[path = "cli/image_make.rs"]
mod image_make;
#[path = "cli/image_map.rs"]
mod image_map;
#[path = "cli/json.rs"]
mod json;
#[path = "cli/listing.rs"]
mod listing;
#[path = "cli/own_tree.rs"]
mod own_tree;
#[path = "cli/programs.rs"]
mod programs;
#[path = "cli/prompt.rs"]
mod prompt;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/script.rs"]
mod script;
#[path = "cli/top.rs"]
mod top;
