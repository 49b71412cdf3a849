//! libnxvfs as C programs see it: its header, what it exports, and a program compiled by gcc.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use nxvfs_tests::fixture::{host_library, run};
use nxvfs_tests::{Folder, repository};

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

fn compile(source: &Path, compiler: &str, standard: &str, out: &Path, library: Option<&Path>) {
    let mut gcc = Command::new(compiler);
    gcc.args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-pthread", "-I"]);
    gcc.arg(repository().join("host/capi/include")).arg(source).arg("-o").arg(out);
    match library {
        Some(library) => {
            // Before the folders of the outer build, which cargo tells the loader and which may have an older one.
            let folder = library.parent().unwrap().display();
            gcc.arg(library).arg(format!("-Wl,--disable-new-dtags,-rpath,{folder}"));
        }
        None => {
            gcc.args(["-c"]);
        }
    }
    run(&mut gcc);
}

#[test]
fn a_program_in_c_uses_the_host() {
    let library = host_library();
    let folder = Folder::new();
    let program = folder.at("program");
    compile(&repository().join("tests/capi/program.c"), "gcc", "-std=c11", &program, Some(&library));
    assert_eq!(run(&mut Command::new(&program)), "all claims hold\n");
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
    compile(&folder.at("alone.c"), "gcc", "-std=c99", &folder.at("alone.o"), None);
    let header = header();
    let lines: Vec<&str> = header.lines().collect();
    for name in declared() {
        let at = lines
            .iter()
            .position(|line| line.contains(&format!("{name}(")) && !line.contains("typedef"))
            .unwrap();
        assert!(lines[at - 1].ends_with("*/"), "{name} has no comment above it");
    }
}
