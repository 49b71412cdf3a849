//! Names that nobody can foretell. POSIX mkstemp, mkostemp, mkdtemp, tempnam; C tmpnam; SUSv2 mktemp.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;

use nxvfs::Errno;
use nxvfs_abi::types::open::{O_APPEND, O_CLOEXEC, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Folder, Link, genromfs};

fn board() -> Board {
    Board::new(Link::Static).mount("none", "/tmp", "tmpfs", "")
}

#[test]
fn a_temporary_file_is_new_and_its_owners_alone() {
    let board = board();
    let task = board.task();
    task.set_umask(0);
    let names: HashSet<Vec<u8>> = (0..100)
        .map(|_| {
            let (fd, name) = task.mkstemp("/tmp/aXXXXXXXX").unwrap();
            assert!(name.starts_with(b"/tmp/aXX") && name.len() == 14, "{}", name.escape_ascii());
            assert!(name[8..].iter().all(u8::is_ascii_alphanumeric));
            assert_eq!(task.fstat(fd).unwrap().attr.mode & 0o7777, 0o600);
            assert_eq!(task.write(fd, b"both").unwrap(), 4);
            assert_eq!(task.pread(fd, &mut [0; 9], 0).unwrap(), 4);
            task.close(fd).unwrap();
            name
        })
        .collect();
    assert_eq!(names.len(), 100);
    let (fd, name) = task.mkstemp_with("/tmp/bXXXXXX.txt", 4, O_APPEND | O_CLOEXEC | O_WRONLY).unwrap();
    assert!(name.ends_with(b".txt"));
    assert_eq!((task.getfd(fd).unwrap(), task.getfl(fd).unwrap() & O_APPEND), (O_CLOEXEC, O_APPEND));
    // A relative template counts from the working directory.
    task.chdir("/tmp").unwrap();
    let dir = task.mkdtemp("dXXXXXX").unwrap();
    assert_eq!(task.stat(&dir).unwrap().attr.mode & 0o7777, 0o700);
    let inside = task.mktemp([&dir[..], b"/XXXXXX"].concat()).unwrap();
    errno(task.access(&inside, 0), Errno::ENOENT);
}

#[test]
fn threads_never_get_the_same_file() {
    let board = board();
    let task = Arc::new(board.task());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let task = task.clone();
            thread::spawn(move || (0..50).map(|_| task.mkstemp("/tmp/XXXXXX").unwrap().1).collect::<Vec<_>>())
        })
        .collect();
    let names: HashSet<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
    assert_eq!(names.len(), 200);
}

#[test]
fn a_bad_template_is_refused_and_the_walk_answers_for_the_rest() {
    let images = Folder::new();
    let image = genromfs(Folder::new().file("f", "x").path(), &images.at("rom"));
    let board = board().romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "");
    let task = board.task();
    for bad in ["", "XXXXX", "/tmp/XXXXX", "/tmp/XXXXXXy", "/tmp/aXXXXX"] {
        errno(task.mkstemp(bad), Errno::EINVAL);
        errno(task.mkdtemp(bad), Errno::EINVAL);
        errno(task.mktemp(bad), Errno::EINVAL);
    }
    errno(task.mkstemp_with("/tmp/XXXXXX.c", 3, 0), Errno::EINVAL);
    errno(task.mkstemp_with("XXXXXX", 7, 0), Errno::EINVAL);
    errno(task.mkstemp("/nowhere/XXXXXX"), Errno::ENOENT);
    errno(task.mkdtemp("/dev/null/XXXXXX"), Errno::ENOTDIR);
    errno(task.mktemp("/dev/null/XXXXXX"), Errno::ENOTDIR);
    errno(task.mkstemp("/rom/XXXXXX"), Errno::EROFS);
    errno(board.task_as(7, 7, &[]).mkstemp("/XXXXXX"), Errno::EACCES);
}

#[test]
fn names_lie_where_they_should() {
    let board = board();
    let task = board.task();
    task.mkdir("/mine", 0o700).unwrap();
    assert!(task.tmpnam().unwrap().starts_with(b"/tmp/file"));
    assert!(task.tempnam(Some(b"/mine"), b"prefixes").unwrap().starts_with(b"/mine/prefi"));
    assert!(task.tempnam(Some(b"/none"), b"p").unwrap().starts_with(b"/tmp/p"));
    assert!(task.tempnam(None, b"").unwrap().starts_with(b"/tmp/"));
    board.unmount("/tmp").unwrap();
    errno(task.tempnam(None, b""), Errno::ENOENT);
    errno(task.mkstemp("/tmp/XXXXXX"), Errno::ENOENT);
    drop(task);
    // So that the board ends as it began.
    board.end();
}
