//! Scripts, standard input, quoting, and where they stop.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use super::run::{Link, Rom, Run, both, nxvfs, run, shell};

fn script(text: &str) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("script.nsh");
    fs::write(&path, text).unwrap();
    run(&["shell", path.to_str().unwrap()])
}

fn piped(text: &[u8]) -> Run {
    let mut child = nxvfs()
        .arg("shell")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn words_are_those_of_a_posix_shell() {
    let rom = Rom::new();
    for word in
        ["'it'\\''s a \"name\"; yes'", "\"it's a \\\"name\\\"; yes\"", "it\\'s\\ a\\ \\\"name\\\"\\;\\ yes"]
    {
        both(|link| assert_eq!(rom.shell(link, &format!("cat /rom/{word}")), "quoted\n"));
    }
    assert_eq!(
        shell(Link::Static, "echo a;echo 'b;c' # no; echo d\necho \"x\ny\";; echo -n z").ok(),
        "a\nb;c\nx\ny\nz"
    );
    assert_eq!(shell(Link::Static, "echo a \\\n  b").ok(), "a b\n");
    assert_eq!(shell(Link::Static, "").ok(), "");
}

#[test]
fn a_script_stops_at_the_first_failure_and_names_the_line() {
    let run = script("# a comment\n\npwd\necho 'two\nlines'; ls /nothing; pwd\npwd\n");
    assert_eq!((run.status, &*run.out), (1, "/\ntwo\nlines\n"));
    assert!(run.err.starts_with("nxvfs: line 5: ls: no such file"), "{}", run.err);
    let run = script("pwd\r\necho \"open\n");
    assert_eq!((run.status, &*run.out), (1, "/\n"));
    assert!(run.err.starts_with("nxvfs: line 2: unbalanced quote"), "{}", run.err);
    let run = script("lsmod -Z\n");
    assert!(run.failed().starts_with("nxvfs: line 1: lsmod: unexpected argument"));
}

#[test]
fn standard_input_is_a_script() {
    let run = piped(b"pwd; mkdir /a\ncd /a\npwd\nls x\npwd");
    assert_eq!((run.status, &*run.out), (1, "/\n/a\n"));
    assert!(run.err.starts_with("nxvfs: line 4: "), "{}", run.err);
    assert_eq!(piped(b"exit 9\nls /x\n").status, 9);
    assert_eq!(piped(b"").ok(), "");
}

#[test]
fn commands_run_as_they_come() {
    let mut child =
        nxvfs().args(["shell", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut answer = [0; 6];
    input.write_all(b"echo first\n").unwrap();
    // Blocks for ever if the shell waited for the end of its input.
    output.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"first\n");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn exit_gives_its_status() {
    assert_eq!(shell(Link::Static, "exit; ls /x").status, 0);
    assert_eq!(shell(Link::Static, "exit 3; ls /x").status, 3);
    assert_eq!(shell(Link::Static, "exit 300").status, 1, "not a status: a failure of the command");
}

#[test]
fn scripts_run_scripts() {
    let dir = tempfile::tempdir().unwrap();
    let (outer, inner) = (dir.path().join("outer"), dir.path().join("inner"));
    fs::write(&outer, format!("set -x\nsource {}\npwd\n", inner.display())).unwrap();
    fs::write(&inner, "echo in\nset +x\nmkdir /m\ncd /m\n").unwrap();
    let out = run(&["shell", outer.to_str().unwrap()]).ok();
    assert_eq!(out, format!("+ source {}\nin\n+ set +x\n/m\n", inner.display()));
    fs::write(&inner, "pwd\nls /x\n").unwrap();
    let said = run(&["shell", outer.to_str().unwrap()]).failed();
    assert!(said.starts_with(&format!("nxvfs: line 2: {}: line 2: ls: ", inner.display())), "{said}");
    fs::write(&inner, format!("source {}\n", inner.display())).unwrap();
    let said = run(&["shell", outer.to_str().unwrap()]).failed();
    assert!(said.contains("without end") && said.ends_with("(ELOOP)\n"), "{said}");
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let rom = Rom::new();
    for flags in [&[][..], &["--json"]] {
        let commands =
            rom.mounted("hexdump /rom/link; hexdump /rom/link; hexdump /dev/ram0; cat /rom/sub.txt");
        let mut child = nxvfs()
            .args(flags)
            .args(["shell", "-c", &commands])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        let mut output = child.stdout.take().unwrap();
        output.read_exact(&mut first).unwrap();
        drop(output);
        let run = child.wait_with_output().unwrap();
        assert_eq!((run.status.code(), String::from_utf8_lossy(&run.stderr).as_ref()), (Some(0), ""));
    }
}
