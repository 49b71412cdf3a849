//! Files in memory. In one binary, as each costs seconds to link.

#[path = "mapping/copies.rs"]
mod copies;
#[path = "mapping/ends.rs"]
mod ends;
#[path = "mapping/regions.rs"]
mod regions;
#[path = "mapping/rows.rs"]
mod rows;
