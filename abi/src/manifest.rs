//! The manifest: what a plugin file says of itself without being run.
//!
//! An ELF section of NUL-terminated `key=value` strings, as Linux's `.modinfo`, without pointers. Keys:
//!
//! | key | how often | value |
//! |---|---|---|
//! | `name` | once | 1 to 32 of `a-z 0-9 - _` |
//! | `version` | once | text |
//! | `abi` | once | `MAJOR.MINOR` |
//! | `license` | once | SPDX expression |
//! | `author` | at most once | text |
//! | `description` | once | one sentence |
//! | `entry` | once | what follows `nx_plugin_` and `nx_rust_` in the exported symbols: `A-Z a-z 0-9 _` |
//! | `provides` | 1 to 64 times | `KIND:NAME`, with KIND `filesystem`, `block`, `character` or `mapper` |
//! | `parm` | at most 64 times | `NAME:TYPE:DEFAULT:HELP`, with NAME 1 to 32 of `A-Z a-z 0-9 - _`, TYPE `bool`, `int`, `uint`, `size`, `str`, `path` or `file`, and a DEFAULT without `:` |
//!
//! A value is at most 1024 bytes of UTF-8 without control characters. A key that is not known is passed over.

/// Name of the ELF section.
pub const SECTION: &str = ".nxmodinfo";
/// Longest manifest that a host reads, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
