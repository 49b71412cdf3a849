//! The contract with plugins: its headers, its growth, and what may know of what.

#[path = "contract/book.rs"]
mod book;
#[path = "contract/growth.rs"]
mod growth;
#[path = "contract/headers.rs"]
mod headers;
#[path = "contract/layering.rs"]
mod layering;
