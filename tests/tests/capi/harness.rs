//! C programs: compiled, given a board, run.

use std::path::{Path, PathBuf};
use std::process::Command;

use nxvfs_tests::fixture::{host_library, run};
use nxvfs_tests::tool::mkfs_fat;
use nxvfs_tests::{Folder, genromfs, repository};

/// The library; `.ci/run` names one that is there, `.ci/long` those that were built for a checker.
pub(crate) fn library() -> PathBuf {
    std::env::var_os("NXVFS_TEST_LIBRARY").map_or_else(host_library, PathBuf::from)
}

/// Words of a variable that `.ci/long` sets.
fn words(name: &str) -> Vec<String> {
    std::env::var(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Programs that run without a checker: valgrind knows no descriptors of processes, and what such a program starts ends
/// as it likes.
const UNCHECKED: [&str; 1] = ["spawn"];

/// A program, run by the checker that `.ci/long` names.
pub(crate) fn command(program: &Path) -> Command {
    if program.file_name().is_some_and(|name| UNCHECKED.iter().any(|unchecked| name == *unchecked)) {
        return Command::new(program);
    }
    let mut words = words("NXVFS_TEST_CHECKER").into_iter();
    let Some(checker) = words.next() else { return Command::new(program) };
    let mut command = Command::new(checker);
    command.args(words).arg(program);
    command
}

/// The headers of the library, and those of the contract with the numbers of ioctl.
pub(crate) fn includes() -> Vec<String> {
    ["host/capi/include", "abi/include", "tests/capi"]
        .map(|folder| format!("-I{}", repository().join(folder).display()))
        .to_vec()
}

/// Compiles a C source with a compiler; with a library to a program, else to an object.
pub(crate) fn compile(source: &Path, options: &[&str], out: &Path, library: Option<&Path>) {
    let compiler = if source.extension().is_some_and(|e| e == "cc") { "g++" } else { "gcc" };
    let mut gcc = Command::new(compiler);
    gcc.args(["-Wall", "-Wextra", "-Werror", "-O1", "-g", "-pthread"]).args(includes()).args(options);
    // The tests do on purpose what must fail.
    gcc.args(words("NXVFS_TEST_CFLAGS"));
    gcc.args(["-Wno-nonnull", "-Wno-stringop-overflow", "-Wno-stringop-overread"]);
    gcc.arg(source).arg("-o").arg(out);
    match library {
        Some(library) => {
            // Before the folders of the outer build, which cargo tells the loader and which may have an older one.
            let folder = library.parent().unwrap().display();
            gcc.arg(library).arg(format!("-Wl,--disable-new-dtags,-rpath,{folder}"));
        }
        None => {
            gcc.arg("-c");
        }
    }
    run(&mut gcc);
}

/// The board of the tests in C: see `tests/capi/claim.h`.
pub(crate) fn board(folder: &Folder) -> PathBuf {
    let tree = folder.at("tree");
    std::fs::create_dir_all(tree.join("dir")).unwrap();
    std::fs::write(tree.join("text"), "read only text\n").unwrap();
    std::fs::write(tree.join("dir/deep"), "deep").unwrap();
    std::os::unix::fs::symlink("text", tree.join("link")).unwrap();
    run(Command::new("mkfifo").arg(tree.join("fifo")));
    let rom = genromfs(&tree, &folder.at("rom.img"));
    let fat = folder.at("fat.img");
    mkfs_fat(&fat, 4096, &[]);
    let text = format!(
        r#"# The board of the tests in C.
[[device]]
driver = "ramdisk-xip"
node = "/dev/rom0"
params = {{ image = "{}", ro = true }}

[[device]]
driver = "ramdisk-xip"
node = "/dev/fat0"
params = {{ image = "{}" }}

[[mount]]
source = "/dev/rom0"
target = "/rom"
type = "romfs"

[[mount]]
source = "/dev/fat0"
target = "/fat"
type = "vfat"

[[mount]]
target = "/tmp"
type = "tmpfs"
"#,
        rom.display(),
        fat.display()
    );
    let board = folder.at("board.toml");
    std::fs::write(&board, text).unwrap();
    board
}

/// Compiles `tests/capi/NAME.c` as an application that knows nothing of the library, and runs it on the board.
#[track_caller]
pub(crate) fn application(name: &str) {
    application_with(name, |_| {});
}

/// As [`application`], with more for the program.
#[track_caller]
pub(crate) fn application_with(name: &str, give: impl FnOnce(&mut Command)) {
    let (library, folder) = (library(), Folder::new());
    let program = folder.at(name);
    let source = repository().join("tests/capi").join(name).with_extension("c");
    compile(&source, &["-include", "nxvfs/posix.h"], &program, Some(&library));
    let mut command = command(&program);
    give(command.env("NXVFS_BOARD", board(&folder)));
    let output = command.output().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} ended with {}:\n{said}{complained}", output.status);
    assert_eq!(said, "all claims hold\n", "{complained}");
}
