//! libnxvfs as C programs see it: its headers, what it exports, and programs compiled by gcc.

#[path = "capi/harness.rs"]
mod harness;
#[path = "capi/headers.rs"]
mod headers;
#[path = "capi/programs.rs"]
mod programs;
