//! The interactive shell on a terminal: what Tab offers, what is put in, and what is remembered.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::run::nxvfs;

/// Types these lines at a prompt, on a terminal of their own; answers what the terminal shows. Lines end with a carriage
/// return; a word of what a command prints tells that it ran.
fn type_at_prompt(state: &Path, flags: &[&str], lines: &str) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let side = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
    let mut shell = nxvfs();
    shell.arg("shell").args(flags).env("TERM", "xterm").env("XDG_STATE_HOME", state).env_remove("NO_COLOR");
    let mut child = shell.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
    drop(shell);
    let mut master = File::from(master);
    master.write_all(lines.as_bytes()).unwrap();
    let mut shown = Vec::new();
    // When the shell has ended the terminal's other side is gone: EIO.
    let _ = master.read_to_end(&mut shown);
    assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&shown));
    String::from_utf8_lossy(&shown).into_owned()
}

/// What the commands print, after `echo BEGIN` and before `echo END`.
fn printed(state: &Path, lines: &str) -> String {
    let shown = type_at_prompt(state, &[], &format!("{lines}\rexit 0\r"));
    let after = shown.rsplit_once("\r\nBEGIN\r\n").unwrap_or_else(|| panic!("{shown}")).1;
    let lines: Vec<&str> = after.split("\r\n").collect();
    let end = lines.iter().rposition(|line| *line == "END").unwrap_or_else(|| panic!("{shown}"));
    // Between them stand prompts with what was typed.
    lines[..end].iter().filter(|line| !line.contains("nxvfs:/")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn tab_knows_drivers_parameters_options_devices_and_mount_points() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path();
    let out = printed(
        state,
        "attach ramd\t/dev/disk sectors\t64 cac\t4K parti\tn\t; mount -t tm\t-o si\t64K,noe\t none /vol\recho BEGIN\rdf\r\
         mount\rumount /v\t\rmount\rdetach /dev/di\t\rls /dev/disk\rmodpr\ttmp\t\recho END",
    );
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("none") && line.contains(" 64 ")), "{out}");
    assert_eq!(
        lines.iter().filter(|line| line.contains("on /vol type tmpfs (rw,nodev,noexec,")).count(),
        1,
        "{out}"
    );
    assert!(lines.iter().any(|line| line.contains("no such file") && line.contains("/dev/disk")), "{out}");
    assert_eq!(lines.iter().filter(|line| line.contains("no such")).count(), 1, "{out}");
}

#[test]
fn paths_with_spaces_and_quotes_are_completed_inside_quotes_and_outside() {
    let dir = tempfile::tempdir().unwrap();
    let out = printed(
        dir.path(),
        "mkdir '/a dir'; echo one > '/a dir/it'\\''s a file'; echo two > '/a dir/other'\recho BEGIN\rcat /a\t\tit\t\r\
         cat \"/a d\toth\t\rcat '/a d\tit\t\recho x >>/a\toth\t\rcat /a\toth\t\recho END",
    );
    let contents: Vec<&str> = out.lines().filter(|line| matches!(*line, "one" | "two" | "x")).collect();
    assert_eq!(contents, ["one", "two", "one", "two", "x"], "{out}");
}

#[test]
fn files_of_the_operating_system_are_offered_where_such_are_meant() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("some folder")).unwrap();
    fs::write(dir.path().join("some folder/file"), "inside\n").unwrap();
    fs::write(dir.path().join("script.nsh"), "echo from the script\n").unwrap();
    let here = dir.path().display();
    let out = printed(
        &dir.path().join("state"),
        &format!(
            "mount -t hostfs -o pa\t{here}/so\t none /host\recho BEGIN\rcat /ho\tfi\t\rsource {here}/scr\t\recho END"
        ),
    );
    assert!(out.contains("inside\n") && out.contains("from the script\n"), "{out}");
}

#[test]
fn options_of_commands_are_offered_and_lists_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let shown = type_at_prompt(dir.path(), &[], "mkrd 8\rcheck --rep\t\rpartprobe \t\t\rexit 0\r");
    assert!(shown.contains("--repair") && shown.contains("/dev/ram0"), "{shown}");
}

#[test]
fn the_history_is_kept_and_lines_with_a_space_are_not() {
    let dir = tempfile::tempdir().unwrap();
    type_at_prompt(dir.path(), &[], "echo first\r echo secret\recho 'two\rlines'\rexit 0\r");
    let history = fs::read_to_string(dir.path().join("nxvfs/history")).unwrap();
    assert!(
        history.contains("echo first") && !history.contains("secret") && history.contains("lines'"),
        "{history}"
    );
    // The oldest one, by the arrow; within the one of two lines it goes up too.
    let shown = type_at_prompt(dir.path(), &[], "\x1b[A\x1b[A\x1b[A\x1b[A\rexit 0\r");
    assert!(shown.contains("\r\nfirst\r\n"), "{shown}");
}

#[test]
fn a_person_goes_on_with_what_there_is_of_a_board() {
    let dir = tempfile::tempdir().unwrap();
    let board = dir.path().join("b.toml");
    fs::write(&board, "[[mount]]\ntarget = \"/x\"\ntype = \"ext9\"\n[[tmp]]\npath = \"/tmp\"\n").unwrap();
    let shown = type_at_prompt(dir.path(), &["--board", board.to_str().unwrap()], "mount\rexit 0\r");
    assert!(shown.contains("b.toml:1: ") && shown.contains("on /tmp type tmpfs"), "{shown}");
}

#[test]
fn names_have_the_colours_of_their_kinds_on_a_terminal_only() {
    let dir = tempfile::tempdir().unwrap();
    let commands = "mkdir /d; ls / > /listed; ls /\rcat /listed\rexit 0\r";
    let shown = type_at_prompt(dir.path(), &[], commands);
    assert!(shown.contains("\x1b[1m\x1b[34md"), "{shown:?}");
    assert!(shown.contains("\r\nd\r\ndev\r\n"), "what goes to a file has none: {shown:?}");
}
