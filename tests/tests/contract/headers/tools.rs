//! Running the C tools. Each of them is required: a tool that is missing fails the test, with a sentence.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What plugin authors may switch on without a warning from our headers.
const STRICT: &[&str] =
    &["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wcast-qual", "-Wundef", "-Werror"];

/// A language that the headers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C11,
    Cxx17,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::C11, Self::Cxx17];

    /// The compiler with all that every compilation needs; sources are taken as this language, whatever their name.
    pub(crate) fn compiler(self) -> Command {
        let (program, arguments): (_, &[&str]) = match self {
            Self::C11 => ("gcc", &["-std=c11", "-x", "c"]),
            // In C++ the macros and inline functions have to do without C's casts too.
            Self::Cxx17 => ("g++", &["-std=c++17", "-Wold-style-cast", "-x", "c++"]),
        };
        let mut command = Command::new(program);
        command.args(STRICT).arg("-I").arg(repository().join("abi/include")).args(arguments);
        command
    }
}

/// The checkout.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the checkout").to_owned()
}

/// A file beside this one.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/headers").join(name)
}

/// Runs a tool and answers what it printed; fails with what it complained about.
pub(crate) fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|e| match e.kind() {
        ErrorKind::NotFound => panic!(
            "{} was not found: these tests need gcc, g++, make and binutils (on Debian: build-essential)",
            command.get_program().display()
        ),
        _ => panic!("cannot start {}: {e}", command.get_program().display()),
    });
    assert!(status.success(), "{command:?} ended with {status}:\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("tools print UTF-8")
}
