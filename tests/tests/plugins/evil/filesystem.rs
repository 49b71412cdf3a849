//! File systems that lie.

use nxvfs::mapping::MapRequest;
use nxvfs::tree::Tier;
use nxvfs::{Errno, Error};
use nxvfs_abi::types::open::O_RDONLY;
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::fixture::c_plugin;
use nxvfs_tests::{Board, Folder, content};

use super::harness::{block_plugin, mount, status, with_filesystem};

/// A board with the lying file system on `/evil`.
fn lying(lie: &str) -> Board {
    let board = with_filesystem();
    mount(&board, None, "evil-fs", &format!("lie={lie}")).unwrap_or_else(|e| panic!("{lie}: {e}"));
    board
}

/// Likewise on a disk that can be mapped.
fn lying_on_disk(lie: &str) -> Board {
    let board = with_filesystem().attach("ramdisk-xip", "/dev/ram0", "sectors=64");
    mount(&board, Some("/dev/ram0"), "evil-fs", &format!("lie={lie}"))
        .unwrap_or_else(|e| panic!("{lie}: {e}"));
    board
}

fn names(board: &Board) -> Result<Vec<String>, Error> {
    let task = board.task();
    let records = task.opendir("/evil")?.collect::<Result<Vec<_>, _>>()?;
    Ok(records.into_iter().map(|r| String::from_utf8_lossy(&r.name).into_owned()).collect())
}

/// A lie is EIO, says who told it where and what to do, and is counted in `lsmod`.
#[track_caller]
fn caught<T>(board: &Board, result: nxvfs::Result<T>, slot: &str, parts: &[&str]) {
    let refusal = taught(result, Errno::EIO, &["evil-fs", slot, "report it to the plugin's author"]);
    for part in parts {
        assert!(refusal.to_string().contains(part), "'{part}' is not in: {refusal}");
    }
    let status = status(board, "evil-fs");
    assert_eq!(status.state, "live");
    assert!(status.reason.contains("answers that cannot be"), "{}", status.reason);
}

#[test]
fn without_a_lie_it_works() {
    let board = lying_on_disk("");
    assert_eq!(board.read("/evil/file"), [b'x'; 8192]);
    assert_eq!(names(&board).unwrap(), [".", "..", "file", "link", "dir"]);
    let task = board.task();
    assert_eq!(task.readlink("/evil/link").unwrap(), b"file");
    assert_eq!(task.explain("/evil/file").unwrap().tier, Tier::Xip);
    assert_eq!(status(&board, "evil-fs").reason, "");
}

#[test]
fn a_mount_that_cannot_be() {
    let board = with_filesystem();
    for (lie, parts) in [("root-zero", ["mount", "root node 0"]), ("root-file", ["mount", "mode 100755"])] {
        caught(&board, mount(&board, None, "evil-fs", &format!("lie={lie}")), "mount", &parts);
        errno(board.task().stat("/evil").map(|_| ()), Errno::ENOENT);
        assert!(board.mounts().is_empty());
        assert!(status(&board, "evil-fs").users.is_empty());
    }
}

#[test]
fn a_mount_that_fails_tells_the_plugins_sentence() {
    let board = with_filesystem();
    taught(
        mount(&board, None, "evil-fs", "lie=mount-text"),
        Errno::EUCLEAN,
        &["/evil", "evil-fs", "the moon is in the wrong phase", "sector 7", "full", "new", "wait two weeks"],
    );
    refused(mount(&board, None, "evil-fs", "lie=mount-garbage"), Errno::EIO, &["/evil"]);
    // A sentence of null pointers and bytes that are no text is a sentence still.
    refused(mount(&board, None, "evil-fs", "lie=mount-wild-text"), Errno::EUCLEAN, &["/evil"]);
    board.plugins().rmmod("evil-fs").unwrap();
}

#[test]
fn an_unmount_that_fails_ends_the_volume_nevertheless() {
    let board = lying("unmount-fails");
    errno(board.unmount("/evil"), Errno::EIO);
    assert!(board.mounts().is_empty());
    board.plugins().rmmod("evil-fs").unwrap();
}

#[test]
fn a_lookup_that_cannot_be() {
    for (lie, parts) in [("lookup-mode-0", "mode 0"), ("lookup-size", "18446744073709551615 bytes")] {
        let board = lying(lie);
        caught(&board, board.task().stat("/evil/file").map(|_| ()), "lookup", &[parts]);
    }
    // Node 0 is how a file system says that there is no such name.
    let board = lying("lookup-node-0");
    errno(board.task().stat("/evil/file").map(|_| ()), Errno::ENOENT);
    let board = lying("lookup-garbage");
    errno(board.task().stat("/evil/file").map(|_| ()), Errno::EIO);
    errno(board.task().open("/evil/file", O_RDONLY, 0), Errno::EIO);
}

#[test]
fn a_node_that_changes_its_type_is_stale() {
    let board = lying("type-changes");
    errno(board.task().stat("/evil/file").map(|_| ()), Errno::ESTALE);
}

#[test]
fn a_listing_that_cannot_be() {
    for (lie, parts) in [
        ("name-slash", "a/b"),
        ("name-empty", "\"\""),
        ("name-null", "null"),
        ("name-long", "nnnn"),
        ("name-nul", "a\\0b"),
        ("cookie-zero", "cookie 0x0"),
        ("cookie-high", "cookie 0x4000000000000000"),
        ("entry-null", "null"),
        ("entry-size", "null"),
    ] {
        let board = lying(lie);
        caught(&board, names(&board), "readdir", &[parts]);
    }
    let board = lying("readdir-garbage");
    errno(names(&board), Errno::EIO);
    assert_eq!(board.read("/evil/file").len(), 8192, "its files are whole nevertheless");
}

#[test]
fn a_listing_without_end_is_stopped_by_its_reader() {
    // The host bounds each call, and hands over a chunk at a time; that the same entry comes for ever is for the
    // reader of the directory to see.
    let board = lying("endless");
    let task = board.task();
    let seen = task.opendir("/evil").unwrap().take(2000).collect::<Result<Vec<_>, _>>();
    match seen {
        Ok(seen) => assert_eq!(seen.len(), 2000),
        Err(e) => assert_eq!(e.errno(), Errno::EIO),
    }
}

#[test]
fn a_listing_that_goes_on_after_stop_loses_and_doubles_nothing() {
    let board = lying("ignore-stop");
    let task = board.task();
    let seen: Vec<u64> = task
        .opendir("/evil")
        .unwrap()
        .map(|r| r.unwrap())
        .filter(|r| r.name == b"bad")
        .map(|r| r.ino)
        .collect();
    assert_eq!(seen, (10..2010).collect::<Vec<u64>>());
}

#[test]
fn a_read_that_cannot_be() {
    for (lie, parts) in [("read-more", "65537 bytes of 65536"), ("read-most", "9223372036854775807 bytes")] {
        let board = lying(lie);
        caught(&board, content(&board.task(), "/evil/file"), "read", &[parts]);
    }
    for lie in ["read-garbage", "read-least", "open-garbage"] {
        let board = lying(lie);
        errno(content(&board.task(), "/evil/file"), Errno::EIO);
    }
}

#[test]
fn a_link_that_cannot_be() {
    let board = lying("link-nul");
    caught(&board, board.task().readlink("/evil/link"), "readlink", &["NUL"]);
    caught(&board, board.task().stat("/evil/link").map(|_| ()), "readlink", &["NUL"]);
    for (lie, expected) in
        [("link-long", Errno::ENAMETOOLONG), ("link-garbage", Errno::EIO), ("link-empty", Errno::ENOENT)]
    {
        let board = lying(lie);
        errno(board.task().stat("/evil/link").map(|_| ()), expected);
    }
}

#[test]
fn extents_that_cannot_be() {
    for (lie, parts) in [
        ("extent-beyond", "medium offset 1099511627776"),
        ("extent-wraps", "medium offset 18446744073709551515"),
        ("extent-empty", "0 bytes"),
        ("extent-longer", "8193 bytes"),
        ("extent-endless", "18446744073709551615 bytes"),
        ("extent-elsewhere", "file offset 1 "),
        ("extents-gap", "file offset 4104"),
        ("extents-overlap", "file offset 4088"),
        ("extents-more", "65 extents of 64"),
    ] {
        let board = lying_on_disk(lie);
        let task = board.task();
        let fd = task.open("/evil/file", O_RDONLY, 0).unwrap();
        caught(&board, task.mmap(fd, &MapRequest::read(0, 8192)), "map_extents", &[parts]);
        caught(&board, task.borrow_in_place(fd), "map_extents", &[parts]);
        caught(&board, task.explain("/evil/file").map(|_| ()), "map_extents", &[parts]);
        // Reading works, and nothing is left of the mapping.
        assert_eq!(board.read("/evil/file").len(), 8192);
        task.close(fd).unwrap();
        let users = board.mounts()[0].users.clone();
        assert!(users.is_empty(), "{lie}: {users:?}");
    }
}

#[test]
fn free_space_that_cannot_be() {
    for (lie, parts) in [
        ("free-more", "257 extents of 256"),
        ("free-beyond", "at 1099511627776"),
        ("free-wraps", "at 18446744073709551515"),
        ("free-empty", "0 free bytes"),
        ("free-back", "at 0, from 1024 on"),
        ("free-of-file", "512 free bytes"),
    ] {
        let board = lying_on_disk(lie);
        caught(&board, board.task().free_extents("/evil").map(drop), "free_extents", &[parts]);
        assert_eq!(board.read("/evil/file").len(), 8192);
    }
}

#[test]
fn extents_that_are_not_one_piece_are_put_together_or_copied() {
    for (lie, parts, tier) in
        [("extents-apart", "pieces", Tier::Xip), ("extents-none", "no place", Tier::Ram)]
    {
        let board = lying_on_disk(lie);
        let task = board.task();
        let fd = task.open("/evil/file", O_RDONLY, 0).unwrap();
        let request = MapRequest::read(0, 8192);
        assert_eq!(task.map(fd, &request).unwrap().tier(), tier);
        let strict = task.map(fd, &MapRequest { strict: true, ..request }).map(drop);
        match tier {
            Tier::Xip => strict.unwrap(),
            _ => drop(taught(strict, Errno::ENXIO, &["/evil/file", parts])),
        }
        taught(task.borrow_in_place(fd), Errno::ENXIO, &["/evil/file", parts]);
        let explained = task.explain("/evil/file").unwrap();
        assert_eq!(explained.tier, tier);
        assert!(explained.reason.contains(parts), "{}", explained.reason);
        task.close(fd).unwrap();
        assert!(board.mounts()[0].users.is_empty());
    }
    let board = lying_on_disk("extents-garbage");
    let task = board.task();
    let fd = task.open("/evil/file", O_RDONLY, 0).unwrap();
    errno(task.mmap(fd, &MapRequest::read(0, 8192)), Errno::EIO);
    task.close(fd).unwrap();
    assert!(board.mounts()[0].users.is_empty());
}

#[test]
fn a_mount_that_demands_what_the_sides_cannot_says_why() {
    // A disk that grants no memory; one that grants an address without a memory object.
    for (lie, reason) in [("no-grant", "BIOC_XIPBASE"), ("object-none", "without a memory object")] {
        let board = with_filesystem();
        board.plugins().insmod(block_plugin(), &[], false).unwrap();
        let board = board.attach("evil-block", "/dev/evil", &format!("lie={lie}"));
        taught(
            board.try_mount("/dev/evil", "/evil", "evil-fs", "mmap=xip"),
            Errno::ENXIO,
            &["/evil", "mmap=xip", "evil-block", reason],
        );
        assert!(board.mounts().is_empty() && board.devices()[0].users.is_empty());
        // Without the demand it is mounted, and the reason is kept.
        let board = board.mount("/dev/evil", "/evil", "evil-fs", "");
        let agreement = &board.mounts()[0].agreement;
        assert_eq!(agreement.tier, Tier::Ram);
        assert!(agreement.reason.contains(reason), "{}", agreement.reason);
        assert_eq!(board.read("/evil/file").len(), 8192);
    }
    // A file system that does not tell where its files lie.
    let folder = Folder::new();
    let board = super::harness::board();
    board.plugins().insmod(&c_plugin("answer.c", &folder.at("answer.so"), &[]), &[], false).unwrap();
    let board = board.attach("ramdisk-xip", "/dev/ram0", "sectors=8");
    taught(
        board.try_mount("/dev/ram0", "/evil", "answer", "mmap=xip"),
        Errno::ENXIO,
        &["/evil", "FIOC_MMAP"],
    );
    assert!(board.devices()[0].users.is_empty());
}
