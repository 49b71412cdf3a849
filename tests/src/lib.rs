//! Harness of the integration tests: boards, images, trees, fixtures, and what can be counted of this process.
//!
//! Everything here uses the host by its public doors only, so that a test sees what users see.
//!
//! * [`Board`]: a host with devices and volumes in a few lines; its end is itself a test, because everything must
//!   come down again.
//! * [`Way`] and [`on_every_way!`], [`on_both_links!`]: one test body, run with static and with loaded plugins, and
//!   with files in place and not.
//! * [`Folder`], [`genromfs`], [`image`]: trees and the images made of them.
//! * [`fixture`]: plugins in C and Rust, compiled while the test runs.
//! * [`fuzz`]: what is fuzzed.
//! * [`Stall`]: a file system whose calls do not return.
//! * [`source`]: source files and manifests as text, for the rules of the house.
//! * [`tool`]: what is judged by tools that we did not write: FAT volumes, tables of partitions.
//! * [`process`]: descriptors, mappings and memory of this process.

// Each binary that uses the harness has the static plugins too.
use nxvfs_builtin as _;

mod board;
pub mod check;
pub mod fixture;
mod folder;
pub mod fuzz;
pub mod image;
pub mod process;
mod rng;
mod romfs;
pub mod source;
mod stall;
pub mod tool;

pub use board::{Board, Link, Way, content, options, words};
pub use folder::Folder;
pub use rng::Rng;
pub use romfs::{genromfs, genromfs_with};
pub use stall::Stall;

use std::path::{Path, PathBuf};

/// The checkout.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the checkout").to_owned()
}

/// Makes two tests of one body, which gets a [`Link`]: with static plugins, and with loaded ones.
#[macro_export]
macro_rules! on_both_links {
    ($($(#[$meta:meta])* fn $name:ident($link:ident: Link) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "not every body needs all that its file names")]
            use super::*;
            fn body($link: $crate::Link) $body
            #[test]
            fn linked() {
                body($crate::Link::Static);
            }
            #[test]
            fn loaded() {
                body($crate::Link::Dynamic);
            }
        }
    )*};
}

/// Makes four tests of one body, which gets a [`Way`]: static and loaded plugins, each with files in place and not.
#[macro_export]
macro_rules! on_every_way {
    ($($(#[$meta:meta])* fn $name:ident($way:ident: Way) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports, reason = "not every body needs all that its file names")]
            use super::*;
            fn body($way: $crate::Way) $body
            #[test]
            fn linked_in_place() {
                body($crate::Way { link: $crate::Link::Static, in_place: true });
            }
            #[test]
            fn linked_by_copy() {
                body($crate::Way { link: $crate::Link::Static, in_place: false });
            }
            #[test]
            fn loaded_in_place() {
                body($crate::Way { link: $crate::Link::Dynamic, in_place: true });
            }
            #[test]
            fn loaded_by_copy() {
                body($crate::Way { link: $crate::Link::Dynamic, in_place: false });
            }
        }
    )*};
}
