//! Renames of every kind.

mod common;

use common::{file, names, refused, used, volume};
use nxvfs_sdk::Errno;
use nxvfs_sdk::abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};

#[test]
fn a_name_moves_within_and_between_directories() {
    let volume = volume();
    let root = volume.root();
    let (one, two) =
        (volume.mkdir(root, b"one", 0o755).unwrap().node, volume.mkdir(root, b"two", 0o755).unwrap().node);
    let node = file(&volume, b"file", b"content");
    for (from, to) in
        [((root, "file"), (root, "other")), ((root, "other"), (one, "a")), ((one, "a"), (two, "b"))]
    {
        let removed = volume.rename((from.0, from.1.as_bytes()), (to.0, to.1.as_bytes()), 0).unwrap();
        assert_eq!((removed.node, removed.nlink), (0, 0));
        assert_eq!(refused(volume.lookup(from.0, from.1.as_bytes())), Errno::ENOENT);
        assert_eq!(volume.lookup(to.0, to.1.as_bytes()).unwrap().node, node);
    }
    assert_eq!(volume.read(node).unwrap(), b"content");
    assert_eq!(refused(volume.rename((root, b"file"), (one, b"x"), 0)), Errno::ENOENT);
    assert_eq!((names(&volume, root), names(&volume, one)), (vec!["one".into(), "two".into()], vec![]));
    assert_eq!(used(&volume), (1, 4));
}

#[test]
fn a_directory_takes_its_parent_s_count_along() {
    let volume = volume();
    let root = volume.root();
    let (one, two) =
        (volume.mkdir(root, b"one", 0o755).unwrap().node, volume.mkdir(root, b"two", 0o755).unwrap().node);
    let moved = volume.mkdir(one, b"moved", 0o755).unwrap().node;
    let nlinks = || [root, one, two].map(|node| volume.getattr(node).unwrap().nlink);
    assert_eq!(nlinks(), [4, 3, 2]);
    volume.rename((one, b"moved"), (two, b"moved"), 0).unwrap();
    assert_eq!(nlinks(), [4, 2, 3]);
    volume.rename((two, b"moved"), (two, b"again"), 0).unwrap();
    assert_eq!(nlinks(), [4, 2, 3]);
    // Over an empty directory in another one, and in the same one.
    volume.mkdir(one, b"victim", 0o755).unwrap();
    assert_eq!(nlinks(), [4, 3, 3]);
    let removed = volume.rename((two, b"again"), (one, b"victim"), 0).unwrap();
    assert_eq!((removed.nlink, nlinks()), (0, [4, 3, 2]));
    volume.mkdir(one, b"second", 0o755).unwrap();
    volume.rename((one, b"victim"), (one, b"second"), 0).unwrap();
    assert_eq!((nlinks(), volume.lookup(one, b"second").unwrap().node), ([4, 3, 2], moved));
    // Exchanged with a file of another directory.
    volume.create(two, b"file", 0o644, 0).unwrap();
    volume.rename((two, b"file"), (one, b"second"), RENAME_EXCHANGE).unwrap();
    assert_eq!(nlinks(), [4, 2, 3]);
}

#[test]
fn what_is_displaced_is_told() {
    let volume = volume();
    let root = volume.root();
    let (new, old) = (file(&volume, b"new", b"new"), file(&volume, b"old", b"old"));
    volume.link(old, root, b"second").unwrap();
    let removed = volume.rename((root, b"new"), (root, b"old"), 0).unwrap();
    assert_eq!((removed.node, removed.nlink), (old, 1));
    assert_eq!(volume.read(volume.lookup(root, b"old").unwrap().node).unwrap(), b"new");
    let removed = volume.rename((root, b"old"), (root, b"second"), 0).unwrap();
    assert_eq!((removed.node, removed.nlink), (old, 0));
    assert_eq!(volume.read(old).unwrap(), b"old", "it is still counted");
    volume.forget(old, 2);
    assert_eq!((names(&volume, root), used(&volume)), (vec!["second".into()], (1, 2)));
    assert_eq!(volume.lookup(root, b"second").unwrap().node, new);
}

#[test]
fn types_must_fit() {
    let volume = volume();
    let root = volume.root();
    file(&volume, b"file", b"");
    let dir = volume.mkdir(root, b"dir", 0o755).unwrap().node;
    let full = volume.mkdir(root, b"full", 0o755).unwrap().node;
    volume.mkdir(full, b"inner", 0o755).unwrap();
    let rename = |from: &str, to: &str| volume.rename((root, from.as_bytes()), (root, to.as_bytes()), 0);
    assert_eq!(refused(rename("file", "dir")), Errno::EISDIR);
    assert_eq!(refused(rename("dir", "file")), Errno::ENOTDIR);
    assert_eq!(refused(rename("dir", "full")), Errno::ENOTEMPTY);
    assert_eq!(refused(rename("none", "file")), Errno::ENOENT);
    assert_eq!(refused(volume.rename((full, b"inner"), (root, b"full"), 0)), Errno::ENOTEMPTY);
    assert_eq!(names(&volume, root), ["file", "dir", "full"], "nothing has changed");
    assert_eq!(rename("full", "dir").unwrap().node, dir);
    assert_eq!(names(&volume, full), ["inner"]);
    // The one that was displaced is closed.
    assert_eq!(refused(volume.create(dir, b"x", 0, 0)), Errno::ENOENT);
}

#[test]
fn flags_are_kept() {
    let volume = volume();
    let root = volume.root();
    let (a, b) = (file(&volume, b"a", b""), file(&volume, b"b", b""));
    let rename =
        |from: &str, to: &str, flags| volume.rename((root, from.as_bytes()), (root, to.as_bytes()), flags);
    assert_eq!(refused(rename("a", "b", RENAME_NOREPLACE)), Errno::EEXIST);
    assert_eq!(refused(rename("a", "a", RENAME_NOREPLACE)), Errno::EEXIST);
    assert_eq!(refused(rename("a", "c", RENAME_EXCHANGE)), Errno::ENOENT);
    for flags in [RENAME_NOREPLACE | RENAME_EXCHANGE, 4, 1 << 31, u32::MAX] {
        assert_eq!(refused(rename("a", "c", flags)), Errno::EINVAL);
    }
    assert_eq!(rename("a", "c", RENAME_NOREPLACE).unwrap().node, 0);
    assert_eq!(rename("b", "c", RENAME_EXCHANGE).unwrap().node, 0, "nothing is displaced");
    assert_eq!(volume.lookup(root, b"b").unwrap().node, a);
    assert_eq!(volume.lookup(root, b"c").unwrap().node, b);
    assert_eq!((volume.getattr(a).unwrap().nlink, volume.getattr(b).unwrap().nlink), (1, 1));
    let inode = volume.readdir(root).unwrap().into_iter().find(|entry| entry.name == b"c").unwrap().ino;
    assert_eq!(inode, b, "the listing knows of it");
}

#[test]
fn two_names_of_one_node_stay() {
    let volume = volume();
    let root = volume.root();
    let node = file(&volume, b"one", b"");
    let dir = volume.mkdir(root, b"dir", 0o755).unwrap().node;
    volume.link(node, dir, b"two").unwrap();
    for flags in [0, RENAME_EXCHANGE] {
        assert_eq!(volume.rename((root, b"one"), (dir, b"two"), flags).unwrap().node, 0);
        assert_eq!(volume.rename((root, b"one"), (root, b"one"), flags).unwrap().node, 0);
    }
    assert_eq!(volume.rename((root, b"dir"), (root, b"dir"), 0).unwrap().node, 0);
    assert_eq!((volume.getattr(node).unwrap().nlink, names(&volume, dir)), (2, vec!["two".into()]));
}

#[test]
fn a_directory_does_not_move_into_itself() {
    let volume = volume();
    let root = volume.root();
    let top = volume.mkdir(root, b"top", 0o755).unwrap().node;
    let middle = volume.mkdir(top, b"middle", 0o755).unwrap().node;
    let bottom = volume.mkdir(middle, b"bottom", 0o755).unwrap().node;
    for dir in [top, middle, bottom] {
        assert_eq!(refused(volume.rename((root, b"top"), (dir, b"x"), 0)), Errno::EINVAL);
        assert_eq!(refused(volume.rename((dir, b"x"), (root, b"top"), RENAME_EXCHANGE)), Errno::ENOENT);
    }
    assert_eq!(refused(volume.rename((root, b"top"), (middle, b"bottom"), RENAME_EXCHANGE)), Errno::EINVAL);
    assert_eq!(refused(volume.rename((middle, b"bottom"), (root, b"top"), RENAME_EXCHANGE)), Errno::EINVAL);
    // Moved out, what was below is not any more.
    volume.rename((top, b"middle"), (root, b"middle"), 0).unwrap();
    volume.rename((root, b"top"), (bottom, b"top"), 0).unwrap();
    assert_eq!(volume.walk("middle/bottom/top").unwrap().node, top);
    assert_eq!(refused(volume.rename((root, b"middle"), (top, b"x"), 0)), Errno::EINVAL);
}

#[test]
fn concurrent_moves_make_no_circle() {
    let volume = volume();
    let root = volume.root();
    for _ in 0..300 {
        let (a, b) =
            (volume.mkdir(root, b"a", 0o755).unwrap().node, volume.mkdir(root, b"b", 0o755).unwrap().node);
        let moves = [((root, b"a"), (b, b"a")), ((root, b"b"), (a, b"b"))];
        let done = std::thread::scope(|scope| {
            let threads = moves.map(|(from, to)| {
                let volume = &volume;
                scope.spawn(move || volume.rename((from.0, from.1), (to.0, to.1), 0).is_ok())
            });
            threads.map(|thread| thread.join().unwrap())
        });
        assert_ne!(done[0], done[1], "one of the two is refused, whichever comes second");
        let (top, inner, from) = if done[0] { (b"b", b"a", b) } else { (b"a", b"b", a) };
        volume.rmdir(from, inner).unwrap();
        volume.rmdir(root, top).unwrap();
        volume.forget(a, 1);
        volume.forget(b, 1);
    }
    assert_eq!((used(&volume), volume.getattr(root).unwrap().nlink), ((0, 1), 2));
}
