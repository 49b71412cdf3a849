//! vfat
#![forbid(unsafe_code)]

pub mod format;
