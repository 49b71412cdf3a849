//! Plugins that panic: the call fails with the panic's message, the instance is out of service, everything else goes on.

use std::path::PathBuf;
use std::sync::OnceLock;

use nxvfs::plugin::Removal;
use nxvfs::{Errno, MountOptions};
use nxvfs_abi::types::open::O_RDONLY;
use nxvfs_tests::check::{errno, taught};
use nxvfs_tests::fixture::{rust_plugin, sources};
use nxvfs_tests::{Board, content};

use super::harness::{board, mount, status};

fn panicker() -> Board {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let board = board();
    let file = FILE.get_or_init(|| rust_plugin(&sources().join("panicker"), "panicker"));
    board.plugins().insmod(file, &[], false).unwrap();
    board
}

/// A second volume of the same plugin, which must not suffer.
fn mount_sound(board: &Board) {
    board.host().mount(None, "/sound", "panicker", &MountOptions::default()).unwrap();
}

fn poisoned(board: &Board) {
    let status = status(board, "panicker");
    assert_eq!(status.state, "poisoned");
    assert!(status.reason.contains("panicked 1 times"), "{}", status.reason);
}

#[test]
fn a_panic_takes_one_volume_out_of_service() {
    for (place, message) in [
        ("lookup", "a bug in lookup"),
        ("readdir", "a bug in readdir"),
        ("read", "a bug in read"),
        ("payload", "without a message"),
    ] {
        let board = panicker();
        mount_sound(&board);
        mount(&board, None, "panicker", &format!("in={place}")).unwrap();
        let task = board.task();
        let result = match place {
            "lookup" => task.stat("/evil/file").map(|_| ()),
            "readdir" => task.opendir("/evil").unwrap().try_for_each(|record| record.map(drop)),
            _ => content(&task, "/evil/file").map(drop),
        };
        taught(result, Errno::EIO, &["the plugin panicked", message]);
        poisoned(&board);
        // Out of service: whatever is asked is EIO, with the reason.
        let listing = task.opendir("/evil").and_then(|mut dir| dir.try_for_each(|record| record.map(drop)));
        taught(listing, Errno::EIO, &["out of service", "panicker", "/evil", "unmount"]);
        taught(task.stat("/evil/other").map(|_| ()), Errno::EIO, &["out of service"]);
        // The other volume, and a new one.
        assert_eq!(board.read("/sound/file"), b"sound");
        board.unmount("/evil").unwrap();
        mount(&board, None, "panicker", "").unwrap();
        assert_eq!(board.read("/evil/file"), b"sound");
        board.unmount("/evil").unwrap();
        board.unmount("/sound").unwrap();
        let Removal { .. } = board.plugins().rmmod("panicker").unwrap();
    }
}

#[test]
fn an_open_file_of_a_panicked_volume_can_be_closed() {
    let board = panicker();
    mount(&board, None, "panicker", "in=read").unwrap();
    let task = board.task();
    let fd = task.open("/evil/file", O_RDONLY, 0).unwrap();
    errno(task.read(fd, &mut [0; 8]), Errno::EIO);
    let busy = taught(board.unmount("/evil"), Errno::EBUSY, &["descriptor 0"]);
    drop(busy);
    // Closing frees the descriptor, whatever it answers.
    let _ = task.close(fd);
    errno(task.read(fd, &mut [0; 8]), Errno::EBADF);
    board.unmount("/evil").unwrap();
}

#[test]
fn a_panic_in_mount_leaves_nothing_mounted() {
    let board = panicker();
    taught(
        mount(&board, None, "panicker", "in=mount"),
        Errno::EIO,
        &["/evil", "the plugin panicked", "a bug in mount"],
    );
    poisoned(&board);
    assert!(board.mounts().is_empty());
    assert!(status(&board, "panicker").users.is_empty());
    mount_sound(&board);
    assert_eq!(board.read("/sound/file"), b"sound");
}

#[test]
fn a_panic_at_the_end_of_a_volume_ends_it_nevertheless() {
    let board = panicker();
    mount(&board, None, "panicker", "in=drop").unwrap();
    assert_eq!(board.read("/evil/file"), b"sound");
    taught(board.unmount("/evil"), Errno::EIO, &["the plugin panicked", "a bug in drop"]);
    assert!(board.mounts().is_empty());
    poisoned(&board);
    board.plugins().rmmod("panicker").unwrap();
}
