//! Floor 2: plugins: where they are, whether they may run, what they offer, and their life from insmod to rmmod.

pub mod discover;
pub mod elf;
pub mod image;
pub mod manifest;
pub mod params;
pub mod registry;
pub mod rules;

pub use discover::Candidate;
pub use image::Door;
pub use manifest::{Kind, Manifest};
pub use registry::{Builtin, Found, Link, PluginOptions, PluginStatus, Registry, Removal};
