//! A host in the test's own process: tries a driver through its real table of C functions, by `cargo test` alone.
