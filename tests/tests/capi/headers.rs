//! The headers, and what the library exports.

use std::collections::BTreeSet;
use std::process::Command;

use nxvfs_tests::fixture::{host_library, run};
use nxvfs_tests::{Folder, repository};

use crate::harness::compile;

fn header() -> String {
    std::fs::read_to_string(repository().join("host/capi/include/nxvfs.h")).unwrap()
}

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = header();
    let mut names = BTreeSet::new();
    for line in header
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_alphabetic()) && !line.starts_with("typedef"))
    {
        if let Some((before, _)) = line.split_once('(') {
            names.insert(before.rsplit([' ', '*']).next().unwrap().to_owned());
        }
    }
    names
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let symbols =
        run(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(host_library()));
    let exported: BTreeSet<String> =
        symbols.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert_eq!(exported, declared());
    assert!(exported.iter().all(|name| name.starts_with("nx_")));
}

#[test]
fn the_header_stands_alone_and_every_function_is_explained() {
    let folder = Folder::new().file("alone.c", "#include <nxvfs.h>\nextern int used;\n");
    for standard in ["-std=c99", "-std=c2x"] {
        compile(&folder.at("alone.c"), &[standard, "-Wpedantic"], &folder.at("alone.o"), None);
    }
    let header = header();
    let lines: Vec<&str> = header.lines().collect();
    for name in declared() {
        let at = lines
            .iter()
            .position(|line| {
                line.contains(&format!("{name}(")) && !line.contains("typedef") && !line.starts_with(' ')
            })
            .unwrap();
        assert!(lines[at - 1].ends_with("*/"), "{name} has no comment above it");
    }
}
