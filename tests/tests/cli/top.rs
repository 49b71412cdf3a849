//! The top level: exit codes, flags, logging, plugins and completions.

use super::run::{Link, nxvfs, run, shell, shell_bytes};

#[test]
fn wrong_usage_is_status_two() {
    for args in
        [&[][..], &["nothing"], &["shell", "--nothing"], &["shell", "-c", "pwd", "x"], &["-v", "-q", "shell"]]
    {
        let run = run(args);
        assert_eq!((run.status, &*run.out), (2, ""), "{run:?}");
        assert!(run.err.contains("Usage: nxvfs"), "{run:?}");
    }
}

#[test]
fn help_has_examples_and_no_colours_in_a_pipe() {
    for args in [
        &["--help"][..],
        &["shell", "--help"],
        &["plugin", "--help"],
        &["completions", "--help"],
        &["plugin", "list", "--help"],
        &["plugin", "info", "--help"],
        &["mkfs", "--help"],
        &["image", "--help"],
        &["board", "--help"],
        &["board", "check", "--help"],
        &["board", "show", "--help"],
        &["image", "check", "--help"],
    ] {
        let help = run(args).ok();
        assert!(help.contains("Example") && !help.contains('\x1b'), "{help}");
    }
    assert!(run(&["--version"]).ok().starts_with("nxvfs "));
}

#[test]
fn plugins_are_listed_and_described() {
    let list = run(&["plugin", "list"]).ok();
    assert!(
        list.contains("static") && list.contains("shadowed") && list.contains("filesystem:romfs"),
        "{list}"
    );
    let files = run(&["--no-builtin", "plugin", "list"]).ok();
    assert!(!files.contains("static") && files.contains("available"), "{files}");
    let some = run(&["--no-builtin=romfs,other", "plugin", "list"]).ok();
    assert!(some.contains("ramdisk-xip  0.1.0    1.0  static"), "{some}");
    assert!(run(&["plugin", "info", "romfs"]).ok().contains("drives:       filesystem romfs\n"));
    assert!(run(&["plugin", "info", "nothing"]).failed().contains("(ENOENT)"));
}

#[test]
fn plugins_beside_the_program_are_found_by_themselves() {
    let output =
        nxvfs().env_remove("NXVFS_PLUGIN_PATH").args(["--no-builtin", "plugin", "list"]).output().unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(list.contains("romfs") && list.contains("ramdisk-xip") && list.contains("available"), "{list}");
}

#[test]
fn a_plugin_directory_comes_first_and_autoload_can_be_off() {
    let dir = tempfile::tempdir().unwrap();
    let list = run(&["--json", "--no-builtin", "plugin", "list"]).json();
    let list = list.as_array().unwrap();
    let romfs = list.iter().find(|p| p["name"] == "romfs").expect("romfs lies beside the binary");
    std::fs::copy(romfs["path"].as_str().unwrap(), dir.path().join("any name.so")).unwrap();
    let here = dir.path().to_str().unwrap();
    let info = run(&["--no-builtin", "--plugin-dir", here, "plugin", "info", "romfs"]).ok();
    assert!(info.contains("any name.so"), "{info}");
    let said = shell_bytes(Link::Dynamic, &["--no-autoload"], b"mkrd 8").failed();
    assert!(said.contains("modprobe ramdisk-xip") && said.ends_with("(ENODEV)\n"), "{said}");
    shell_bytes(Link::Dynamic, &["--no-autoload"], b"modprobe ramdisk-xip; mkrd 8").ok();
}

#[test]
fn plugin_files_of_others_are_refused_unless_allowed() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let list = run(&["--json", "--no-builtin", "plugin", "list"]).json();
    let romfs = list.as_array().unwrap().iter().find(|p| p["name"] == "romfs").unwrap();
    let copy = dir.path().join("copy.so");
    std::fs::copy(romfs["path"].as_str().unwrap(), &copy).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o777)).unwrap();
    let commands = format!("insmod '{}'", copy.display());
    let said = shell(Link::Dynamic, &commands).failed();
    assert!(said.contains("copy.so") && said.ends_with("(EACCES)\n"), "{said}");
    shell_bytes(Link::Dynamic, &["--allow-unsafe-plugin-files"], commands.as_bytes()).ok();
}

#[test]
fn logging_follows_flags_and_environment() {
    let logged = |link: Link, flags: &[&str], env: Option<&str>| {
        let mut program = nxvfs();
        if link == Link::Dynamic {
            program.arg("--no-builtin");
        }
        if let Some(env) = env {
            program.env("RUST_LOG", env);
        }
        let output = program.args(flags).args(["shell", "-c", "mkrd 8"]).output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    for link in [Link::Static, Link::Dynamic] {
        assert_eq!(logged(link, &[], None), "");
        let info = logged(link, &["-v"], None);
        assert!(info.contains("INFO  plugin::ramdisk-xip"), "{link:?}: {info}");
        assert!(logged(link, &["-q"], Some("info")).contains("plugin::ramdisk-xip"), "RUST_LOG wins");
        assert_eq!(logged(link, &["-vvv"], Some("error")), "");
    }
}

#[test]
fn completions_are_scripts() {
    for name in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", name]).ok().contains("nxvfs"));
    }
    // Files are offered where files are meant.
    let zsh = run(&["completions", "zsh"]).ok();
    assert!(zsh.contains(":file -- The board:_files"), "{zsh}");
    assert_eq!(run(&["completions", "csh"]).status, 2);
}

#[test]
fn pages_of_the_manual_are_written_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("share/man1");
    assert_eq!(run(&["man", pages.to_str().unwrap()]).ok(), "");
    for (page, word) in
        [("nxvfs.1", "image"), ("nxvfs-shell.1", "commands"), ("nxvfs-image-put.1", "HOSTPATH")]
    {
        let text = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".TH ") && text.contains(word), "{page}: {text}");
    }
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(run(&["man", file.to_str().unwrap()]).failed().contains("file"));
    assert_eq!(run(&["man"]).status, 2);
}
