//! Boards with evil plugins on them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nxvfs::MountOptions;
use nxvfs::plugin::{Builtin, PluginOptions, PluginStatus};
use nxvfs_tests::fixture::shared_c_plugin;
use nxvfs_tests::{Board, words};

/// A host with static plugins that searches nothing.
pub(crate) fn board() -> Board {
    Board::with(PluginOptions { default_dirs: false, builtin: Builtin::All, ..PluginOptions::default() })
}

/// A board that has the file system that lies.
pub(crate) fn with_filesystem() -> Board {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let board = board();
    board.plugins().insmod(FILE.get_or_init(|| shared_c_plugin("filesystem.c")), &[], false).unwrap();
    board
}

/// The plugin of the disk that lies.
pub(crate) fn block_plugin() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| shared_c_plugin("block.c"))
}

/// A board that has it.
pub(crate) fn with_block() -> Board {
    let board = board();
    board.plugins().insmod(block_plugin(), &[], false).unwrap();
    board
}

/// Mounts a file system on `/evil`, with options of its own.
pub(crate) fn mount(board: &Board, source: Option<&str>, fs: &str, given: &str) -> nxvfs::Result<()> {
    let options = MountOptions { given: words(given), ..MountOptions::default() };
    board.host().mount(source, "/evil", fs, &options).map(drop)
}

/// The line of `lsmod` of a plugin.
#[track_caller]
pub(crate) fn status(board: &Board, name: &str) -> PluginStatus {
    board.plugins().list().into_iter().find(|p| p.name == name).expect("the plugin is listed")
}
