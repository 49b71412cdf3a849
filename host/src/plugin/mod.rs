//! Floor 2: plugins: where they are, whether they may run, what they offer, and their life from insmod to rmmod.

pub mod discover;
pub mod elf;
pub mod image;
mod life;
pub mod manifest;
mod options;
pub mod params;
mod refusal;
mod registry;
pub mod rules;
mod status;

pub use discover::Candidate;
pub use image::Door;
pub use life::Removal;
pub use manifest::{Kind, Manifest};
pub use options::{Builtin, PluginOptions};
pub use refusal::PluginError;
pub use registry::{Found, Link, Registry};
pub use status::PluginStatus;
