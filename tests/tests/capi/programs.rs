//! Programs in C, one for each header.

use std::process::Command;

use nxvfs_tests::fixture::run;
use nxvfs_tests::tool::{fsck_fat, mtype};
use nxvfs_tests::{Folder, repository};

use crate::harness::{application, application_with, board, command, compile, includes, library};

#[test]
fn a_program_in_c_uses_the_host() {
    let (library, folder) = (library(), Folder::new());
    let program = folder.at("program");
    let source = repository().join("tests/capi/program.c");
    compile(&source, &["-std=c11", "-Wpedantic"], &program, Some(&library));
    assert_eq!(run(&mut command(&program)), "all claims hold\n");
}

#[test]
fn descriptors_of_both_sides_live_in_one_program() {
    application("descriptors");
}

#[test]
fn every_call_of_fcntl_h_and_its_errors() {
    application("fcntl");
}

#[test]
fn every_call_of_unistd_h_and_its_errors() {
    application("unistd");
}

#[test]
fn every_call_of_stat_h_and_its_errors() {
    application("stat");
}

#[test]
fn every_call_of_dirent_h_and_its_errors() {
    application("dirent");
}

#[test]
fn every_call_of_poll_h_and_select_h_and_their_errors() {
    application("poll");
}

#[test]
fn calls_beside_nuttx_that_copy_describe_and_go_through_files() {
    application("further");
}

#[test]
fn poll_and_event_loops_over_nodes_of_every_kind() {
    application("mix");
}

#[test]
fn every_errno_by_what_causes_it() {
    application("errors");
}

#[test]
fn signals_end_calls_that_wait() {
    application("signals");
}

#[test]
fn every_call_of_mman_h_and_its_errors() {
    application("mman");
}

#[test]
fn ioctl_with_the_numbers_of_linux_and_nuttx() {
    application("ioctl");
}

#[test]
fn every_stream_of_stdio_h_and_its_errors() {
    application("stdio");
}

#[test]
fn every_name_of_stdlib_h_and_its_errors() {
    application("stdlib");
}

#[test]
fn every_call_of_aio_h_and_its_errors() {
    application("aio");
}

#[test]
fn programs_of_the_tree_by_spawn_h_and_the_exec_family() {
    let folder = Folder::new();
    let tool = folder.at("tool");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-static", "-o"]).arg(&tool);
    run(gcc.arg(repository().join("tests/programs/tool.c")));
    // The program has no name of the operating system's: it gets the file as descriptor 0, and brings it into the tree.
    application_with("spawn", |command| {
        command.arg("0").stdin(std::fs::File::open(&tool).unwrap());
    });
}

#[test]
fn files_in_event_loops_and_descriptors_in_the_tree() {
    let (library, folder) = (library(), Folder::new());
    let program = folder.at("events");
    let source = repository().join("tests/capi/events.c");
    compile(&source, &[], &program, Some(&library));
    assert_eq!(run(&mut command(&program)), "all claims hold\n");
}

#[test]
fn what_cannot_be_used_safely_is_refused_when_it_is_compiled() {
    let folder = Folder::new();
    for (name, call, reason) in [
        ("gets.c", "gets(buf)", "how long its buffer is"),
        ("popen.c", "popen(buf, \"r\")", "use posix_spawn"),
        ("system.c", "(void *)(long)system(buf)", "use posix_spawn"),
        ("gets.cc", "gets(buf)", "how long its buffer is"),
        ("popen.cc", "popen(buf, \"r\")", "use posix_spawn"),
        ("system.cc", "(void *)(long)std::system(buf)", "use posix_spawn"),
    ] {
        let source = folder.at(name);
        let plus = name.ends_with("cc");
        let header = if plus {
            "#include <cstdio>\n#include <cstdlib>"
        } else {
            "#include <stdio.h>\n#include <stdlib.h>"
        };
        let text = format!("{header}\nvoid *f(char *buf) {{ return {call}; }}\n");
        std::fs::write(&source, text).unwrap();
        let mut gcc = Command::new(if plus { "g++" } else { "gcc" });
        gcc.args(includes()).args(["-include", "nxvfs/posix.h", "-D_GNU_SOURCE", "-c"]);
        let output = gcc.arg(&source).arg("-o").arg(folder.at("object.o")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(reason), "{said}");
    }
}

#[test]
fn what_reads_directories_in_the_c_library_itself_is_refused_when_it_is_linked() {
    let (library, folder) = (library(), Folder::new());
    for (name, text, reason) in [
        (
            "fts.c",
            "#include <fts.h>\nint main(void) { return !fts_open((char *[]){\"/\", 0}, 0, 0); }\n",
            "use_nftw",
        ),
        (
            "wordexp.c",
            "#include <wordexp.h>\nint main(void) { wordexp_t w; return wordexp(\"*\", &w, 0); }\n",
            "use_glob",
        ),
    ] {
        std::fs::write(folder.at(name), text).unwrap();
        let mut gcc = Command::new("gcc");
        gcc.args(includes()).args(["-include", "nxvfs/posix.h"]).arg(folder.at(name));
        let output = gcc.arg("-o").arg(folder.at("program")).arg(&library).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(reason), "{said}");
    }
}

#[test]
fn mount_and_umount_with_the_signatures_of_nuttx() {
    application("mount");
}

#[test]
fn a_character_driver_of_the_programs_own() {
    application("driver");
}

#[test]
fn threads_hammer_both_sides_and_leave_nothing() {
    application("hammer");
}

#[test]
fn what_a_program_wrote_is_on_the_medium_when_it_exits() {
    let (library, folder) = (library(), Folder::new());
    let program = folder.at("leaves");
    let source = repository().join("tests/capi/leaves.c");
    compile(&source, &["-include", "nxvfs/posix.h"], &program, Some(&library));
    let board = board(&folder);
    let text = std::fs::read_to_string(&board).unwrap();
    // The medium is the image itself.
    std::fs::write(&board, text.replace("fat.img\"", "fat.img\", shared = true")).unwrap();
    assert_eq!(run(command(&program).env("NXVFS_BOARD", &board)), "all claims hold\n");
    assert_eq!(mtype(&folder.at("fat.img"), "left.txt"), b"what was written is there\n");
    assert_eq!(mtype(&folder.at("fat.img"), "stream.txt"), b"still in its buffer\n");
    assert_eq!(mtype(&folder.at("fat.img"), "last.txt"), b"last words\n");
    assert!(fsck_fat(&folder.at("fat.img")).is_empty());
}

#[test]
fn a_board_that_cannot_be_says_why_line_by_line() {
    let (library, folder) = (library(), Folder::new());
    let program = folder.at("leaves");
    let source = repository().join("tests/capi/leaves.c");
    compile(&source, &["-include", "nxvfs/posix.h"], &program, Some(&library));
    let board = folder.at("board.toml");
    std::fs::write(
        &board,
        "[[mount]]\ntarget = \"/tmp\"\ntype = \"nothing\"\n\n[[device]]\ndriver = \"none\"\nnode = \"/dev/x\"\n",
    )
    .unwrap();
    let output = command(&program).env("NXVFS_BOARD", &board).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    for line in ["board.toml:1: ", "board.toml:5: "] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn numbers_are_few_or_taken_and_the_host_ends() {
    application("edges");
}

#[test]
fn what_is_installed_is_found_by_pkg_config() {
    let (library, folder) = (library(), Folder::new());
    let prefix = folder.at("prefix");
    let install = repository().join("host/capi/install");
    run(Command::new(install).arg(&prefix).arg(library.parent().unwrap()));
    let pkg_config = |what: &[&str]| {
        let mut command = Command::new("pkg-config");
        let said = run(command.args(what).arg("nxvfs").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
        said.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(pkg_config(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let source = folder.at("only.c");
    std::fs::write(
        &source,
        "#include <nxvfs.h>\n#include <nxvfs/ioctl.h>\n#include <fcntl.h>\n#include <unistd.h>\n\
         int main(void) { return nx_boot(NULL) || close(open(\"/dev/null\", O_RDWR)) || nx_end(); }\n",
    )
    .unwrap();
    let program = folder.at("only");
    let mut gcc = Command::new("gcc");
    gcc.args(["-Wall", "-Wextra", "-Werror"])
        .args(pkg_config(&["--cflags"]))
        .args(["-include", "nxvfs/posix.h"]);
    gcc.arg(&source).arg("-o").arg(&program).args(pkg_config(&["--libs"]));
    run(gcc.arg(format!("-Wl,--disable-new-dtags,-rpath,{}", prefix.join("lib").display())));
    run(&mut Command::new(&program));
}
