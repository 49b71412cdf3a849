//! Programs in C, one for each header.

use std::process::Command;

use nxvfs_tests::fixture::{host_library, run};
use nxvfs_tests::{Folder, repository};

use crate::harness::{application, compile};

#[test]
fn a_program_in_c_uses_the_host() {
    let (library, folder) = (host_library(), Folder::new());
    let program = folder.at("program");
    let source = repository().join("tests/capi/program.c");
    compile(&source, &["-std=c11", "-Wpedantic"], &program, Some(&library));
    assert_eq!(run(&mut Command::new(&program)), "all claims hold\n");
}

#[test]
fn descriptors_of_both_sides_live_in_one_program() {
    application("descriptors");
}
