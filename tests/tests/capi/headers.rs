//! The headers, and what the library exports.

use std::collections::BTreeSet;
use std::process::Command;

use nxvfs_tests::fixture::run;
use nxvfs_tests::{Folder, repository};

use crate::harness::{compile, library};

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
    let symbols = run(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(library()));
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
        let begin = (0..at).rev().find(|line| lines[*line].starts_with("/*")).unwrap();
        let comment = lines[begin..at].join(" ").replace(" * ", " ").to_lowercase();
        let told = [
            "errors:",
            "errors, in this order",
            "answers",
            "enotsup",
            "never",
            "fails in nothing",
            "nothing of failures",
            "nobody is told",
            "0, or the error number",
        ];
        assert!(told.iter().any(|words| comment.contains(words)), "{name} does not say how it fails");
    }
}

/// The names that `nxvfs/posix.h` gives, with those of the library that they lead to.
fn renamed() -> Vec<(String, String)> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(repository().join("host/capi/include/nxvfs/posix")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("#pragma redefine_extname ")) {
            let (plain, ours) = line.split_once(' ').unwrap();
            if ours.contains("_is_refused__") {
                continue;
            }
            names.push((plain.to_owned(), ours.to_owned()));
        }
        // The same for C, where the pragma comes too late: both lists must agree.
        for (at, _) in text.match_indices("__asm__(\"") {
            let ours = text[at + "__asm__(\"".len()..].split('"').next().unwrap();
            let plain = ours.strip_prefix("nx_").unwrap();
            assert!(text[..at].contains(&format!("{plain}(")), "{plain} has another function's label");
            assert!(
                text.contains(&format!("redefine_extname {plain} {ours}\n")),
                "{plain} is not there for C++"
            );
        }
    }
    names
}

/// What has no POSIX name, because POSIX has no such function.
const OURS_ALONE: [&str; 12] = [
    "nx_boot",
    "nx_end",
    "nx_error",
    "nx_notify",
    "nx_put",
    "nx_ready",
    "nx_ready_end",
    "nx_ready_look",
    "nx_register_descriptor",
    "nx_register_driver",
    "nx_register_generated",
    "nx_unregister",
];

/// Calls that applications make beside those of NuttX's list: each has its place in the library.
const BESIDE: [&str; 27] = [
    "close_range",
    "closefrom",
    "copy_file_range",
    "execlp",
    "execvpe",
    "fexecve",
    "fpathconf",
    "ftw",
    "futimes",
    "glob",
    "lutimes",
    "mkostemps",
    "mremap",
    "nftw",
    "pathconf",
    "preadv2",
    "pwritev2",
    "realpath",
    "sendfile",
    "statx",
    "tcgetattr",
    "tcsetattr",
    "ttyname",
    "ttyname_r",
    "wait3",
    "wait4",
    "waitid",
];

#[test]
fn calls_beside_those_of_nuttx_have_their_place() {
    let renamed: BTreeSet<String> = renamed().into_iter().map(|(plain, _)| plain).collect();
    for name in BESIDE {
        assert!(renamed.contains(name), "{name} would be the operating system's");
    }
}

#[test]
fn every_function_has_its_posix_name_and_no_name_leads_nowhere() {
    let (declared, renamed) = (declared(), renamed());
    let led_to: BTreeSet<&str> = renamed.iter().map(|(_, ours)| ours.as_str()).collect();
    for name in &declared {
        assert!(
            led_to.contains(name.as_str()) || OURS_ALONE.contains(&name.as_str()),
            "{name} has no plain name"
        );
    }
    for (plain, ours) in &renamed {
        assert!(declared.contains(ours), "{plain} leads to {ours}, which the header does not declare");
        let same = plain.replace("64v2", "2").replace("64", "");
        assert_eq!(format!("nx_{same}"), *ours, "{plain} leads to something else");
    }
}

/// The C library's own: nothing of files, or only of streams and text.
const C_LIBRARY: [&str; 10] = [
    "_GLOBAL_OFFSET_TABLE_",
    "__errno_location",
    "__stack_chk_fail",
    "alphasort",
    "exit",
    "free",
    "malloc",
    "memcpy",
    "printf",
    "puts",
];

/// A source that takes the address of each of these functions, and calls through a member called like one of them.
fn uses_everything(names: &[&str]) -> String {
    let mut source = String::from(
        "#include <aio.h>\n#include <dirent.h>\n#include <fcntl.h>\n#include <ftw.h>\n#include <glob.h>\n#include <poll.h>\n#include <spawn.h>\n#include <stdio.h>\n\
         #include <stdlib.h>\n#include <sys/wait.h>\n\
         #include <sys/file.h>\n#include <sys/ioctl.h>\n#include <sys/mman.h>\n#include <sys/mount.h>\n\
         #include <sys/resource.h>\n#include <sys/sendfile.h>\n#include <termios.h>\n\
         #include <sys/select.h>\n#include <sys/stat.h>\n#include <sys/statfs.h>\n#include <sys/statvfs.h>\n\
         #include <sys/time.h>\n#include <sys/uio.h>\n#include <unistd.h>\n#include <utime.h>\n\
         struct ops { ssize_t (*read)(int, void *, size_t); int (*open)(const char *, int, ...); };\n\
         ssize_t through(struct ops *ops) { return ops->read(ops->open(\"x\", O_RDONLY), 0, 0); }\n\
         static int link_(int link) { int select = link; return select; }\n\
         int names(int x) { return link_(x); }\n\
         void *all[] = {\n",
    );
    for name in names {
        source.push_str(&format!("  (void *){name},\n"));
    }
    source.push_str("};\n");
    source
}

#[test]
fn no_plain_name_of_a_file_is_left_in_an_object() {
    let renamed = renamed();
    let all: Vec<&str> = renamed.iter().map(|(plain, _)| plain.as_str()).collect();
    let plain: Vec<&str> = all.iter().copied().filter(|name| !name.contains("64")).collect();
    let expected: BTreeSet<String> = renamed.iter().map(|(_, ours)| ours.clone()).collect();
    let gnu = format!("#define _GNU_SOURCE\n{}", uses_everything(&all));
    // As a program says it that knows of small offsets.
    let large = format!("#define _FILE_OFFSET_BITS 64\n#define _GNU_SOURCE\n{}", uses_everything(&plain));
    let folder =
        Folder::new().file("gnu.c", &gnu).file("large.c", &large).file("gnu.cc", uses_everything(&all));
    for (source, options) in [
        ("gnu.c", &["-std=c11"][..]),
        ("gnu.c", &["-O2", "-D_FORTIFY_SOURCE=2"]),
        ("gnu.c", &["-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64"]),
        ("large.c", &["-std=c99", "-Wstrict-prototypes", "-Wredundant-decls"]),
        ("large.c", &["-std=c2x"]),
        ("gnu.cc", &[]),
    ] {
        let object = folder.at("object.o");
        let options = [options, &["-include", "nxvfs/posix.h", "-Wno-deprecated-declarations"]].concat();
        compile(&folder.at(source), &options, &object, None);
        let undefined = run(Command::new("nm").args(["-u", "--format=posix"]).arg(&object));
        let undefined: BTreeSet<String> =
            undefined.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        let plain: Vec<&String> = undefined.iter().filter(|name| !name.starts_with("nx_")).collect();
        assert!(
            plain.iter().all(|name| C_LIBRARY.contains(&name.as_str())),
            "{source} {options:?}: {plain:?}"
        );
        for name in &expected {
            assert!(undefined.contains(name), "{source} {options:?}: {name} is not used");
        }
    }
}
