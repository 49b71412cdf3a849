//! Programs that lie on mounted volumes: a static C program on a romfs, scripts, their standard streams and their ends.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use nxvfs::task::{Child, Exit, Program, Standard};
use nxvfs::{Errno, Result, Task};
use nxvfs_abi::types::open::{O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::{Board, Folder, Link, content, fixture, genromfs, repository};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

fn tool(out: PathBuf) -> PathBuf {
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-static", "-o"]);
    fixture::run(gcc.arg(&out).arg(repository().join("tests/programs/tool.c")));
    out
}

/// A board with the program at `/rom/bin/tool`, and a writable volume at `/tmp`.
fn board() -> (Board, Folder) {
    let tree = Folder::new()
        .file("bin/script", "#!/rom/bin/tool show\nthe second line\n")
        .mode("bin/script", 0o755)
        .file("bin/outer", "#! /rom/bin/script  with one \n")
        .mode("bin/outer", 0o755)
        .file("bin/lost", "#!/bin/sh\necho\n")
        .mode("bin/lost", 0o755)
        .file("bin/self", "#!/rom/bin/self\n")
        .mode("bin/self", 0o755)
        .file("bin/text", "no program")
        .mode("bin/text", 0o755)
        .file("bin/plain", "#!/rom/bin/tool\n")
        .mode("bin/plain", 0o644)
        .file("bin/damaged", b"\x7fELF and nothing more")
        .mode("bin/damaged", 0o755);
    tool(tree.at("bin/tool"));
    let images = Folder::new();
    let image = genromfs(tree.path(), &images.at("rom"));
    let board = Board::new(Link::Static)
        .romdisk("/dev/rom0", &image)
        .mount("/dev/rom0", "/rom", "romfs", "")
        .mount("none", "/tmp", "tmpfs", "");
    (board, images)
}

fn run(task: &Task, program: Program) -> Result<Exit> {
    let child = task.spawn(program)?;
    let exit = child.wait();
    assert!(child.trouble().is_none(), "{:?}", child.trouble());
    exit
}

/// Runs it with its output in a file, and answers that.
fn output(task: &Task, program: Program) -> Result<String> {
    let fd = task.open("/tmp/out", O_RDWR | O_CREAT, 0o600)?;
    task.ftruncate(fd, 0)?;
    let exit = run(task, program.stdin(Standard::Null).stdout(Standard::File(fd)))?;
    assert_eq!(exit, Exit::Status(0));
    task.close(fd)?;
    Ok(String::from_utf8(content(task, "/tmp/out")?).unwrap())
}

#[test]
fn a_program_on_a_romfs_runs_with_arguments_environment_and_status() {
    let (board, _images) = board();
    let task = board.task();
    let tool = || Program::new("/rom/bin/tool");
    assert_eq!(output(&task, tool()).unwrap(), "hello\n");
    assert_eq!(
        output(&task, tool().arg("args").arg("").arg("a b")).unwrap(),
        "[/rom/bin/tool][args][][a b]\n"
    );
    let argv = [b"name".to_vec(), b"args".to_vec()];
    assert_eq!(output(&task, tool().argv(argv)).unwrap(), "[name][args]\n");
    let env = |name: &str| tool().arg("env").arg(name).environment([b"X=a=b".to_vec(), b"noise".to_vec()]);
    assert_eq!(output(&task, env("X")).unwrap(), "a=b\n");
    assert_eq!(output(&task, env("PATH")).unwrap(), "(none)\n");
    assert_ne!(output(&task, tool().arg("env").arg("PATH")).unwrap(), "(none)\n");
    // A relative path counts from the task's working directory.
    task.chdir("/rom/bin").unwrap();
    assert_eq!(output(&task, Program::new("./tool")).unwrap(), "hello\n");
    assert_eq!(run(&task, tool().arg("exit").arg("42")).unwrap(), Exit::Status(42));
    assert_eq!(run(&task, tool().arg("raise").arg("15")).unwrap(), Exit::Signal(SIGTERM));
    // Also from a volume that is writable, and from the host's own tree.
    for path in ["/tmp/copy", "/copy"] {
        let fd = task.creat(path, 0o700).unwrap();
        task.write(fd, &content(&task, "/rom/bin/tool").unwrap()).unwrap();
        task.close(fd).unwrap();
        assert_eq!(output(&task, Program::new(path)).unwrap(), "hello\n");
    }
}

#[test]
fn standard_streams_are_files_of_the_tree() {
    let (board, _images) = board();
    let task = board.task();
    let tool = || Program::new("/rom/bin/tool");
    let fd = task.open("/tmp/in", O_RDWR | O_CREAT, 0o600).unwrap();
    let text: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    task.write(fd, &text).unwrap();
    task.lseek(fd, 0, nxvfs::file::Whence::Set).unwrap();
    let out = task.open("/tmp/cat", O_WRONLY | O_CREAT, 0o600).unwrap();
    let cat = tool().arg("cat").stdin(Standard::File(fd)).stdout(Standard::File(out));
    assert_eq!(run(&task, cat).unwrap(), Exit::Status(0));
    assert!(content(&task, "/tmp/cat").unwrap() == text);
    // Output and error in one file keep their order.
    let both = task.open("/tmp/both", O_WRONLY | O_CREAT, 0o600).unwrap();
    let again = task.dup(both).unwrap();
    let program = tool().arg("both").stdout(Standard::File(both)).stderr(Standard::File(again));
    assert_eq!(run(&task, program).unwrap(), Exit::Status(0));
    assert_eq!(content(&task, "/tmp/both").unwrap(), b"out\nerr\nout\nerr\nout\nerr\n");
    // In two files, each has its own.
    let one = task.open("/tmp/one", O_WRONLY | O_CREAT, 0o600).unwrap();
    let two = task.open("/tmp/two", O_WRONLY | O_CREAT, 0o600).unwrap();
    run(&task, tool().arg("both").stdout(Standard::File(one)).stderr(Standard::File(two))).unwrap();
    assert_eq!(content(&task, "/tmp/one").unwrap(), b"out\nout\nout\n");
    assert_eq!(content(&task, "/tmp/two").unwrap(), b"err\nerr\nerr\n");
    errno(task.spawn(tool().stdout(Standard::File(999))).map(drop), Errno::EBADF);
    errno(task.spawn(tool().stdin(Standard::File(out))).map(drop), Errno::EBADF);
    let reads = task.open("/rom/bin/text", O_RDONLY, 0).unwrap();
    errno(task.spawn(tool().stderr(Standard::File(reads))).map(drop), Errno::EBADF);
}

#[test]
fn a_program_talks_through_pipes_of_the_host() {
    let (board, _images) = board();
    let task = Arc::new(board.task());
    for flags in [0, O_NONBLOCK] {
        let (in_r, in_w) = task.pipe2(flags).unwrap();
        let (out_r, out_w) = task.pipe2(0).unwrap();
        let cat = Program::new("/rom/bin/tool").arg("cat");
        let child = task.spawn(cat.stdin(Standard::File(in_r)).stdout(Standard::File(out_w))).unwrap();
        task.close(in_r).unwrap();
        task.close(out_w).unwrap();
        let mut buf = [0; 16];
        for word in [&b"first"[..], b"second"] {
            task.write(in_w, word).unwrap();
            assert_eq!(task.read(out_r, &mut buf).unwrap(), word.len());
            assert_eq!(&buf[..word.len()], word);
        }
        assert!(child.try_wait().is_none());
        task.close(in_w).unwrap();
        assert_eq!(child.wait().unwrap(), Exit::Status(0));
        assert_eq!(task.read(out_r, &mut buf).unwrap(), 0);
        task.close(out_r).unwrap();
    }
}

fn ready(task: &Task) -> (Child, u32) {
    let (r, w) = task.pipe2(0).unwrap();
    let (never, _keeps) = task.pipe2(0).unwrap();
    let wait = Program::new("/rom/bin/tool").arg("wait");
    let child = task.spawn(wait.stdin(Standard::File(never)).stdout(Standard::File(w))).unwrap();
    assert_eq!(task.read(r, &mut [0; 16]).unwrap(), 6);
    (child, r)
}

#[test]
fn a_program_is_killed_and_waited_for_by_several() {
    let (board, _images) = board();
    let task = Arc::new(board.task());
    let (child, _) = ready(&task);
    errno(child.kill(12_345), Errno::EINVAL);
    let child = Arc::new(child);
    let other = thread::spawn({
        let child = child.clone();
        move || child.wait().unwrap()
    });
    child.kill(SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap(), Exit::Signal(SIGTERM));
    assert_eq!(other.join().unwrap(), Exit::Signal(SIGTERM));
    errno(child.kill(SIGTERM), Errno::ESRCH);
    // The end of the task ends the waiting, not the program.
    let (child, _) = ready(&task);
    task.interrupt();
    errno(child.wait(), Errno::EINTR);
    assert!(child.try_wait().is_none());
    child.kill(SIGKILL).unwrap();
    while child.try_wait().is_none() {
        thread::yield_now();
    }
    assert_eq!(child.try_wait().unwrap().unwrap(), Exit::Signal(SIGKILL));
}

#[test]
fn a_program_whose_output_is_wanted_no_more_ends_and_what_cannot_be_written_is_told() {
    let (board, _images) = board();
    let task = board.task();
    let flood = || Program::new("/rom/bin/tool").arg("flood").arg("10000000");
    let (r, w) = task.pipe2(0).unwrap();
    task.close(r).unwrap();
    let child = task.spawn(flood().stdout(Standard::File(w))).unwrap();
    assert_eq!(child.wait().unwrap(), Exit::Signal(13));
    refused(child.trouble().map_or(Ok(()), Err), Errno::EPIPE, &["standard output"]);
    let full = task.open("/dev/full", O_WRONLY, 0).unwrap();
    let child = task.spawn(flood().stdout(Standard::File(full))).unwrap();
    assert_eq!(child.wait().unwrap(), Exit::Signal(13));
    refused(child.trouble().map_or(Ok(()), Err), Errno::ENOSPC, &["standard output"]);
}

#[test]
fn scripts_run_by_interpreters_of_the_tree() {
    let (board, _images) = board();
    let task = board.task();
    assert_eq!(
        output(&task, Program::new("/rom/bin/script").arg("x").arg("y z")).unwrap(),
        "#!/rom/bin/tool show\nthe second line\n[x][y z]"
    );
    // A script's interpreter may be a script: the outer one is its argument.
    let outer = output(&task, Program::new("/rom/bin/outer").arg("x")).unwrap();
    assert!(outer.starts_with("#!/rom/bin/tool show\nthe second line\n[with one][/proc/"), "{outer}");
    assert!(outer.ends_with("][x]"), "{outer}");
    taught(
        task.spawn(Program::new("/rom/bin/lost")).map(drop),
        Errno::ENOENT,
        &["run /rom/bin/lost", "no such interpreter", "/bin/sh in the tree"],
    );
    refused(task.spawn(Program::new("/rom/bin/self")).map(drop), Errno::ELOOP, &["scripts"]);
}

#[test]
fn what_is_no_program_is_refused() {
    let (board, _images) = board();
    let task = board.task();
    let spawn = |path: &str| task.spawn(Program::new(path)).map(drop);
    refused(spawn("/rom/bin/text"), Errno::ENOEXEC, &["neither a program nor a script", "/rom/bin/text"]);
    errno(spawn("/rom/bin/damaged"), Errno::ENOEXEC);
    taught(spawn("/rom/bin/plain"), Errno::EACCES, &["may not be executed"]);
    refused(spawn("/rom/bin"), Errno::EACCES, &["not a program"]);
    refused(spawn("/dev/null"), Errno::EACCES, &["not a program"]);
    errno(spawn("/rom/bin/none"), Errno::ENOENT);
    errno(spawn("/rom/bin/text/x"), Errno::ENOTDIR);
    errno(spawn(""), Errno::ENOENT);
    errno(task.spawn(Program::new("/rom/bin/tool").arg(b"a\0b")).map(drop), Errno::EINVAL);
    // To execute a program one need not be able to read it.
    let fd = task.creat("/tmp/secret", 0o711).unwrap();
    task.write(fd, &content(&task, "/rom/bin/tool").unwrap()).unwrap();
    let user = board.task_as(7, 7, &[]);
    errno(user.open("/tmp/secret", O_RDONLY, 0).map(drop), Errno::EACCES);
    let quiet = Program::new("/tmp/secret").stdout(Standard::Null);
    assert_eq!(user.spawn(quiet).unwrap().wait().unwrap(), Exit::Status(0));
    task.chmod("/tmp/secret", 0o700).unwrap();
    errno(user.spawn(Program::new("/tmp/secret")).map(drop), Errno::EACCES);
    board.remount("/tmp", &nxvfs::MountOptions::parse(nxvfs_tests::words("noexec")).unwrap()).unwrap();
    taught(spawn("/tmp/secret"), Errno::EACCES, &["noexec"]);
}
