//! Programs on a mounted volume, run by their path.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nxvfs_tests::{Folder, fixture, genromfs, repository};

use super::run::{Link, Run, both, nxvfs};

/// A romfs image with the program at `bin/tool`.
fn image(folder: &Folder) -> PathBuf {
    let tree = Folder::new().file("bin/script", "#!/rom/bin/tool show\nline\n").mode("bin/script", 0o755);
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-static", "-o"]).arg(tree.at("bin/tool"));
    fixture::run(gcc.arg(repository().join("tests/programs/tool.c")));
    genromfs(tree.path(), &folder.at("rom"))
}

/// Runs commands after the image is mounted, with some standard input.
fn run(link: Link, image: &Path, commands: &str, input: Option<&str>) -> Run {
    let mut program = nxvfs();
    if link == Link::Dynamic {
        program.arg("--no-builtin");
    }
    let mount = format!(
        "attach ramdisk-xip /dev/rom0 image={} ro; mount -t romfs /dev/rom0 /rom > /log",
        image.display()
    );
    program.args(["shell", "-c", &format!("{mount}; {commands}")]);
    program.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    if let Some(input) = input {
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    }
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_program_on_a_romfs_runs_by_its_path() {
    let folder = Folder::new();
    let image = image(&folder);
    both(|link| {
        assert_eq!(run(link, &image, "/rom/bin/tool", None).ok(), "hello\n");
        let words = "echo before; /rom/bin/tool args 'a b' \"\"; cd /rom; bin/tool; echo after";
        assert_eq!(
            run(link, &image, words, None).ok(),
            "before\n[/rom/bin/tool][args][a b][]\nhello\nafter\n"
        );
        // The shell's own standard streams are the program's.
        assert_eq!(run(link, &image, "/rom/bin/tool cat", Some("through")).ok(), "through");
        let both = run(link, &image, "/rom/bin/tool both", None);
        assert_eq!((&*both.out, &*both.err), ("out\nout\nout\n", "err\nerr\nerr\n"));
        // The output goes where the redirection says.
        let into = "/rom/bin/tool > /out; /rom/bin/tool args >> /out; cat /out";
        assert_eq!(run(link, &image, into, None).ok(), "hello\n[/rom/bin/tool][args]\n");
        assert_eq!(run(link, &image, "/rom/bin/script x", None).ok(), "#!/rom/bin/tool show\nline\n[x]");
    });
}

#[test]
fn the_exit_status_of_a_program_is_the_shells() {
    let folder = Folder::new();
    let image = image(&folder);
    let run = |commands| run(Link::Static, &image, commands, None);
    let ended = run("/rom/bin/tool exit 7; echo never");
    assert_eq!((ended.status, &*ended.out, &*ended.err), (7, "", ""));
    let killed = run("/rom/bin/tool raise 9");
    assert_eq!(killed.status, 128 + 9);
    assert!(killed.err.contains("ended by a signal: /rom/bin/tool: found signal 9"), "{}", killed.err);
    let full = run("/rom/bin/tool flood 1000000 > /dev/full");
    assert_ne!(full.status, 0);
    assert!(full.err.contains("ENOSPC"), "{}", full.err);
    for (command, part) in [
        ("/rom/bin/none", "ENOENT"),
        ("/rom/bin", "not a program"),
        ("/rom/bin/tool/x", "ENOTDIR"),
        ("tool", "no such command"),
        ("chmod 755 /log; /log", "neither a program nor a script"),
    ] {
        let failed = run(command).failed();
        assert!(failed.contains(part), "{failed}");
    }
}

#[test]
fn a_program_takes_nothing_of_a_script_on_standard_input() {
    let folder = Folder::new();
    let image = image(&folder);
    let mut child = nxvfs()
        .arg("shell")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!(
        "attach ramdisk-xip /dev/rom0 image={} ro\nmount -t romfs /dev/rom0 /rom > /log\n/rom/bin/tool cat\necho after\n",
        image.display()
    );
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert_eq!(Run::from(child.wait_with_output().unwrap()).ok(), "after\n");
}
