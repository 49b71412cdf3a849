//! Runs the binary, and makes a volume for it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// How the plugins come into the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Linked into it.
    Static,
    /// As files beside it.
    Dynamic,
}

/// Runs a test both ways.
pub(crate) fn both(test: impl Fn(Link)) {
    test(Link::Static);
    test(Link::Dynamic);
}

/// The checkout, where all runs begin: scripts name files from there.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the checkout").to_owned()
}

/// The binary, with nothing of this process's settings.
pub(crate) fn nxvfs() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nxvfs-under-test"));
    command.current_dir(root()).stdin(Stdio::null());
    for name in ["RUST_LOG", "NXVFS_LOAD"] {
        command.env_remove(name);
    }
    // The plugins that were built with this test. Those right beside the binary are of the last `cargo build`, which
    // may be an older one.
    let test = std::env::current_exe().expect("this test's own file");
    command.env("NXVFS_PLUGIN_PATH", test.parent().expect("a folder"));
    command
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) bytes: Vec<u8>,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status.code().expect("the program ends by itself");
        Self { status, out: text(&output.stdout), err: text(&output.stderr), bytes: output.stdout }
    }
}

impl Run {
    /// The output of a run that must have succeeded without a word on standard error.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.status, &*self.err), (0, ""), "{self:?}");
        self.out
    }

    /// The sentence of a run that must have failed.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.status, 1, "{self:?}");
        self.err
    }

    /// The only document of a run that must have succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
    }
}

/// Runs the program.
pub(crate) fn run(args: &[&str]) -> Run {
    nxvfs().args(args).output().expect("the binary runs").into()
}

/// Runs commands of the shell; `flags` stand before `shell`.
pub(crate) fn shell_bytes(link: Link, flags: &[&str], commands: &[u8]) -> Run {
    let mut program = nxvfs();
    if link == Link::Dynamic {
        program.arg("--no-builtin");
    }
    program.args(flags).args(["shell", "-c"]).arg(OsStr::from_bytes(commands));
    program.output().expect("the binary runs").into()
}

/// As [`shell_bytes`], without flags.
pub(crate) fn shell(link: Link, commands: &str) -> Run {
    shell_bytes(link, &[], commands.as_bytes())
}

/// As [`shell_bytes`], with `--json`.
pub(crate) fn shell_json(link: Link, commands: &str) -> Run {
    shell_bytes(link, &["--json"], commands.as_bytes())
}

/// A tree of files with awkward names, and the image that genromfs made of it.
pub(crate) struct Rom {
    _dir: tempfile::TempDir,
    pub(crate) tree: PathBuf,
    pub(crate) image: PathBuf,
}

/// A name that is no text.
pub(crate) const RAW_NAME: &[u8] = b"raw-\xff.bin";

impl Rom {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("sub/deep")).unwrap();
        fs::write(tree.join("hello.txt"), "hello from the medium\n").unwrap();
        fs::write(tree.join("empty"), "").unwrap();
        fs::write(tree.join("it's a \"name\"; yes"), "quoted\n").unwrap();
        let big: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        fs::write(tree.join("sub/big.bin"), &big).unwrap();
        fs::write(tree.join("sub.txt"), "sorts before sub/, which is a trap\n").unwrap();
        fs::write(tree.join("sub/deep/x"), vec![0; 100]).unwrap();
        fs::write(tree.join(OsString::from_vec(RAW_NAME.to_vec())), "bytes").unwrap();
        fs::write(tree.join("run.sh"), "#!/bin/sh\n").unwrap();
        for (name, mode) in [("hello.txt", 0o644), ("run.sh", 0o755), ("sub", 0o755)] {
            fs::set_permissions(tree.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        symlink("sub/big.bin", tree.join("link")).unwrap();
        symlink("nowhere", tree.join("dangling")).unwrap();
        let image = dir.path().join("rom.img");
        let made = Command::new("genromfs").arg("-d").arg(&tree).arg("-f").arg(&image).status();
        assert!(made.expect("genromfs is needed: apt-get install genromfs").success());
        Self { _dir: dir, tree, image }
    }

    /// Commands that mount the image on /rom, in silence.
    pub(crate) fn mounted(&self, commands: &str) -> String {
        format!("{}; {commands}", self.attached("mount -t romfs /dev/ram0 /rom"))
    }

    /// Commands that attach the image at /dev/ram0.
    pub(crate) fn attached(&self, commands: &str) -> String {
        format!("attach ramdisk-xip /dev/ram0 image={} ro; {commands}", self.image.display())
    }

    /// What commands print beyond the four lines of `mount`.
    #[track_caller]
    pub(crate) fn shell(&self, link: Link, commands: &str) -> String {
        after_caps(&shell(link, &self.mounted(commands)).ok())
    }

    /// The document of a command beyond that of `mount`.
    #[track_caller]
    pub(crate) fn json(&self, link: Link, command: &str) -> Value {
        let out = shell_json(link, &self.mounted(command)).ok();
        let mut lines = out.lines().skip(1);
        let document = lines.next().expect("a document");
        assert_eq!(lines.next(), None, "one document for one command");
        serde_json::from_str(document).unwrap_or_else(|e| panic!("{e}: {document}"))
    }
}

/// The output without what `mount` printed first.
pub(crate) fn after_caps(out: &str) -> String {
    out.splitn(5, '\n').nth(4).expect("mount prints four lines").to_owned()
}

/// Runs a tool that is the judge of something.
pub(crate) fn oracle(command: &mut Command, package: &str) -> Vec<u8> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|_| panic!("{name} is needed: apt-get install {package}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
