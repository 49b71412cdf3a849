//! Who may do what in the host's own tree.

use nxvfs::Errno;
use nxvfs_abi::types::mode::{S_IFDIR, S_IFREG};
use nxvfs_abi::types::open::*;
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Link};

#[test]
fn in_a_sticky_directory_only_owners_take_entries_away() {
    let board = Board::new(Link::Static);
    let (root, ann, bob) = (board.task(), board.task_as(1, 1, &[]), board.task_as(2, 2, &[]));
    root.mkdir("/tmp", 0o777).unwrap();
    root.chmod("/tmp", 0o1777).unwrap();
    for path in ["/tmp/a", "/tmp/b", "/tmp/c"] {
        ann.open(path, O_CREAT | O_WRONLY, 0o666).unwrap();
    }
    ann.mkdir("/tmp/dir", 0o777).unwrap();
    bob.open("/tmp/own", O_CREAT | O_WRONLY, 0o666).unwrap();
    errno(bob.unlink("/tmp/a"), Errno::EPERM);
    errno(bob.rmdir("/tmp/dir"), Errno::EPERM);
    errno(bob.rename("/tmp/a", "/tmp/z", 0), Errno::EPERM);
    errno(bob.rename("/tmp/own", "/tmp/a", 0), Errno::EPERM);
    ann.unlink("/tmp/a").unwrap();
    root.unlink("/tmp/b").unwrap();
    root.chown("/tmp", Some(2), None).unwrap();
    bob.unlink("/tmp/c").unwrap();
}

#[test]
fn a_set_group_id_directory_hands_its_group_on() {
    let board = Board::new(Link::Static);
    let (root, ann) = (board.task(), board.task_as(1, 1, &[7]));
    root.mkdir("/shared", 0o777).unwrap();
    root.chown("/shared", None, Some(5)).unwrap();
    root.chmod("/shared", 0o2777).unwrap();
    ann.mkdir("/shared/dir", 0o777).unwrap();
    ann.open("/shared/dir/file", O_CREAT | O_WRONLY, 0o2775).unwrap();
    let dir = ann.stat("/shared/dir").unwrap().attr;
    assert_eq!((dir.mode, dir.uid, dir.gid), (S_IFDIR | 0o2755, 1, 5));
    // Not of that group: no program that runs as it.
    let file = ann.stat("/shared/dir/file").unwrap().attr;
    assert_eq!((file.mode, file.uid, file.gid), (S_IFREG | 0o755, 1, 5));
    // A group may be given to a file only by who is in it.
    errno(ann.chown("/shared/dir/file", None, Some(9)), Errno::EPERM);
    ann.chown("/shared/dir/file", None, Some(7)).unwrap();
    ann.chmod("/shared/dir/file", 0o2755).unwrap();
    assert_eq!(ann.stat("/shared/dir/file").unwrap().attr.mode, S_IFREG | 0o2755);
}

#[test]
fn attributes_are_changed_by_the_owner_and_length_by_who_may_write() {
    let board = Board::new(Link::Static);
    let (root, ann, bob) = (board.task(), board.task_as(1, 1, &[]), board.task_as(2, 2, &[1]));
    root.mkdir("/d", 0o777).unwrap();
    root.chmod("/d", 0o777).unwrap();
    ann.open("/d/f", O_CREAT | O_WRONLY, 0o640).unwrap();
    errno(bob.chmod("/d/f", 0o666), Errno::EPERM);
    errno(bob.chown("/d/f", Some(2), None), Errno::EPERM);
    errno(ann.chown("/d/f", Some(2), None), Errno::EPERM);
    errno(bob.utimens("/d/f", Some(Default::default()), None), Errno::EPERM);
    errno(bob.truncate("/d/f", 5), Errno::EACCES);
    errno(bob.open("/d/f", O_WRONLY, 0), Errno::EACCES);
    let fd = bob.open("/d/f", O_RDONLY, 0).unwrap();
    ann.chmod("/d/f", 0o600).unwrap();
    // What is open stays open.
    bob.read(fd, &mut [0; 1]).unwrap();
    errno(bob.open("/d/f", O_RDONLY, 0), Errno::EACCES);
    // Whoever makes a file may use it whatever its mode.
    let fd = ann.open("/d/mine", O_CREAT | O_RDWR, 0o000).unwrap();
    ann.write(fd, b"x").unwrap();
    errno(ann.open("/d/mine", O_RDONLY, 0), Errno::EACCES);
    errno(bob.mkdir("/new", 0o777), Errno::EACCES);
    errno(bob.open("/new", O_CREAT | O_WRONLY, 0o666), Errno::EACCES);
}

#[test]
fn a_change_by_another_than_user_0_ends_the_right_to_run_as_the_owner() {
    let board = Board::new(Link::Static);
    let (root, ann) = (board.task(), board.task_as(1, 1, &[]));
    root.open("/prog", O_CREAT | O_WRONLY, 0o666).unwrap();
    let fresh = || root.chmod("/prog", 0o6777).unwrap();
    let rights = || root.stat("/prog").unwrap().attr.mode & 0o7777;
    fresh();
    let fd = ann.open("/prog", O_WRONLY, 0).unwrap();
    ann.write(fd, b"x").unwrap();
    assert_eq!(rights(), 0o777);
    fresh();
    ann.ftruncate(fd, 0).unwrap();
    assert_eq!(rights(), 0o777);
    fresh();
    root.truncate("/prog", 9).unwrap();
    assert_eq!(rights(), 0o6777);
    root.chown("/prog", Some(1), None).unwrap();
    assert_eq!(rights(), 0o777);
}

#[test]
fn a_directory_moves_only_for_who_may_write_in_it() {
    let board = Board::new(Link::Static);
    let (root, ann) = (board.task(), board.task_as(1, 1, &[]));
    for path in ["/x", "/y"] {
        root.mkdir(path, 0o777).unwrap();
        root.chmod(path, 0o777).unwrap();
    }
    root.mkdir("/x/d", 0o755).unwrap();
    errno(ann.rename("/x/d", "/y/d", 0), Errno::EACCES);
    ann.rename("/x/d", "/x/e", 0).unwrap();
    root.chown("/x/e", Some(1), None).unwrap();
    ann.rename("/x/e", "/y/d", 0).unwrap();
}
