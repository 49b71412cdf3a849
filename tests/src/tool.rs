//! Tools that we did not write, which make what is read here and judge what is written here.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a tool with some input; answers whether it was content, and what it said.
#[track_caller]
pub fn run(name: &str, args: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(name);
    command.args(args).env("MTOOLS_SKIP_CHECK", "1").env("LC_ALL", "C.UTF-8");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|e| panic!("{name} is needed ({e}): apt-get install dosfstools mtools fdisk"));
    // It may end without reading all of it.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("a tool ends");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

/// Runs a tool that must be content; answers what it said.
#[track_caller]
pub fn ok(name: &str, args: &[&str], input: &str) -> String {
    let (done, said) = run(name, args, input);
    assert!(done, "{name} {args:?}: {said}");
    said
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("the tests' own paths are text")
}

/// An empty file of some length.
pub fn blank(path: &Path, len_bytes: u64) {
    std::fs::File::create(path).expect("a file").set_len(len_bytes).expect("its length");
}

/// An empty FAT volume by mkfs.fat, in a file of so many KiB.
#[track_caller]
pub fn mkfs_fat(path: &Path, kib: u64, options: &[&str]) {
    blank(path, kib * 1024);
    ok("mkfs.fat", &[options, &[text(path)]].concat(), "");
}

/// What fsck.fat complains about; nothing if the volume is as it should be.
#[track_caller]
pub fn fsck_fat(path: &Path) -> Vec<String> {
    let (_, said) = run("fsck.fat", &["-n", text(path)], "");
    let noise = |line: &&str| {
        // Said of what mkfs.fat makes, too: a FAT32 that is small on purpose.
        let small = ["Warning: Filesystem is FAT32", "  but has only", "  This may lead to problems"];
        line.starts_with("fsck.fat ")
            || small.iter().any(|start| line.starts_with(start))
            || line.contains(" clusters") && line.contains(" files, ")
            || line.is_empty()
    };
    said.lines().filter(|line| !noise(line)).map(str::to_owned).collect()
}

/// A file on a FAT volume, as mtools read it.
#[track_caller]
pub fn mtype(image: &Path, path: &str) -> Vec<u8> {
    let mut command = Command::new("mcopy");
    command.args(["-i", text(image), &format!("::{path}"), "-"]);
    let output = command.env("MTOOLS_SKIP_CHECK", "1").env("LC_ALL", "C.UTF-8").output();
    let output = output.expect("mcopy is needed: apt-get install mtools");
    assert!(output.status.success(), "mcopy {path}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
