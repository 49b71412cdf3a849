//! Plugins that are compiled while a test runs: C sources by gcc, packages by a nested cargo.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::repository;

/// The folder of the fixtures' sources.
pub fn sources() -> PathBuf {
    repository().join("tests/evil")
}

/// Compiles a C source of [`sources`] to the plugin file `out`, with more of the compiler's options (`-DNAME=VALUE`).
pub fn c_plugin(source: &str, out: &Path, options: &[&str]) -> PathBuf {
    let mut gcc = Command::new("gcc");
    gcc.args([
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unused",
        "-O1",
        "-fPIC",
        "-fvisibility=hidden",
    ])
    .args(["-shared", "-Wl,-z,defs", "-I"])
    .arg(repository().join("abi/include"))
    .args(options)
    .arg("-o")
    .arg(out)
    .arg(sources().join(source));
    run(&mut gcc);
    out.to_owned()
}

/// Compiles a C source of [`sources`] into `target/fixtures`, for many tests to share.
pub fn shared_c_plugin(source: &str) -> PathBuf {
    let folder = target().join("fixtures").join("c");
    std::fs::create_dir_all(&folder).expect("a folder");
    let name = Path::new(source).with_extension("so");
    // Put into its place when it is whole: another test binary may be doing the same.
    let made = c_plugin(source, &folder.join(format!("{}.{}", name.display(), std::process::id())), &[]);
    let file = folder.join(name);
    std::fs::rename(made, &file).expect("a plugin file");
    file
}

/// Runs a tool and answers what it printed; fails with what it complained about.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| match e.kind() {
        ErrorKind::NotFound => panic!(
            "{} was not found: these tests need gcc, make and binutils (on Debian: build-essential)",
            command.get_program().display()
        ),
        _ => panic!("cannot start {}: {e}", command.get_program().display()),
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{complaint}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Builds a package of its own workspace, as an author would who copied its folder elsewhere: into
/// `target/fixtures`, with the SDK's path corrected and the project's lock file, so that nothing is fetched. Answers
/// the plugin file. What is up to date is not built again.
pub fn rust_plugin(package: &Path, library: &str) -> PathBuf {
    let fixtures = target().join("fixtures");
    let copy = fixtures.join("packages").join(package.file_name().expect("a package's folder"));
    copy_tree(package, &copy);
    let manifest = copy.join("Cargo.toml");
    let text = std::fs::read_to_string(package.join("Cargo.toml")).expect("a manifest");
    let sdk = repository().join("abi/sdk");
    let corrected: String = text
        .lines()
        .map(|line| match line.split_once("path = \"") {
            Some((before, _)) if line.starts_with("nxvfs-sdk") => {
                format!("{before}path = \"{}\" }}\n", sdk.display())
            }
            _ => format!("{line}\n"),
        })
        .collect();
    write_if_changed(&manifest, corrected.as_bytes());
    if !copy.join("Cargo.lock").exists() {
        std::fs::copy(repository().join("Cargo.lock"), copy.join("Cargo.lock")).expect("the lock file");
    }
    let mut build = inner_cargo();
    build.args(["build", "--offline", "--manifest-path"]).arg(&manifest);
    run(build.env("CARGO_TARGET_DIR", &fixtures));
    let file = fixtures.join("debug").join(format!("lib{library}.so"));
    assert!(file.is_file(), "{} was not built", file.display());
    file
}

/// `libnxvfs.so`, built into `target/fixtures`: files of plugins are called alike whatever they were built with, so that a
/// build of its own beside the outer one would replace what that has made. What is up to date is not built again.
pub fn host_library() -> PathBuf {
    let fixtures = target().join("fixtures");
    let mut build = inner_cargo();
    build
        .args(["build", "--offline", "-p", "nxvfs-capi", "--manifest-path"])
        .arg(repository().join("Cargo.toml"));
    // As the packages of [`rust_plugin`] are built, so that what they have in common is built once.
    build.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "true");
    run(build.env("CARGO_TARGET_DIR", &fixtures));
    let file = fixtures.join("debug/libnxvfs.so");
    assert!(file.is_file(), "{} was not built", file.display());
    file
}

/// Cargo, without what the outer one told this test.
fn inner_cargo() -> Command {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO")) {
        if name != "CARGO_HOME" {
            build.env_remove(name);
        }
    }
    build
}

/// The folder of build results that this test lies in.
fn target() -> PathBuf {
    // …/target/debug/deps/TEST
    let exe = std::env::current_exe().expect("this test's own file");
    exe.ancestors().nth(3).expect("a test lies three levels down").to_owned()
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (source, name) = (entry.path(), entry.file_name());
        if source.is_dir() {
            if name != "target" {
                copy_tree(&source, &to.join(name));
            }
        } else if name != "Cargo.toml" && name != "Cargo.lock" {
            write_if_changed(&to.join(name), &std::fs::read(&source).expect("a file"));
        }
    }
}

/// Leaves an equal file alone, so that nothing is built again for its new date.
fn write_if_changed(path: &Path, content: &[u8]) {
    if std::fs::read(path).ok().as_deref() != Some(content) {
        std::fs::write(path, content).expect("a file");
    }
}
