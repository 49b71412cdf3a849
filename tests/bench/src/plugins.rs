//! The plugin files that are measured: those of the main workspace, built for release.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PLUGINS: [&str; 6] =
    ["nxvfs-vfat", "nxvfs-romfs", "nxvfs-tmpfs", "nxvfs-ramdisk-xip", "nxvfs-loop", "nxvfs-rammap"];

/// The checkout.
fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of the plugin files: `$NXVFS_BENCH_PLUGINS` if that is set, else the main workspace's, where they are built
/// first.
pub fn plugin_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        if let Some(dir) = std::env::var_os("NXVFS_BENCH_PLUGINS") {
            return dir.into();
        }
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(repository()).args(["build", "--release", "--quiet"]);
        // The caller's own target folder is another workspace's.
        cargo.env_remove("CARGO_TARGET_DIR");
        PLUGINS.iter().for_each(|name| {
            cargo.args(["-p", name]);
        });
        let status = cargo.status().expect("cargo");
        assert!(status.success(), "the plugins could not be built: {cargo:?} ended with {status}");
        repository().join("target/release")
    })
}
