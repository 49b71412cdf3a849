//! The `nxvfs` command.

#[cfg(feature = "builtin")]
use nxvfs_builtin as _;

fn main() -> std::process::ExitCode {
    nxvfs::cli::main()
}
