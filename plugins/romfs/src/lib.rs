//! Romfs.
#![forbid(unsafe_code)]
