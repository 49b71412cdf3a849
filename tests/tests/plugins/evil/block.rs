//! Disks that lie.

use nxvfs::mapping::MapRequest;
use nxvfs::tree::Tier;
use nxvfs::{Errno, MountOptions};
use nxvfs_abi::types::open::{O_RDONLY, O_RDWR};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::{Board, content, words};

use super::harness::{status, with_block};

fn attach(board: &Board, lie: &str) -> nxvfs::Result<()> {
    board.host().attach("evil-block", "/dev/evil", &words(&format!("lie={lie}")))
}

/// A board with the lying disk.
fn lying(lie: &str) -> Board {
    let board = with_block();
    attach(&board, lie).unwrap_or_else(|e| panic!("{lie}: {e}"));
    board
}

#[track_caller]
fn caught<T>(result: nxvfs::Result<T>, slot: &str, part: &str) {
    taught(result, Errno::EIO, &["evil-block", slot, part, "report it to the plugin's author"]);
}

#[test]
fn without_a_lie_it_works() {
    let board = lying("");
    assert_eq!(board.read("/dev/evil"), vec![b'd'; 65536]);
    let task = board.task();
    let fd = task.open("/dev/evil", O_RDONLY, 0).unwrap();
    let view = task.map(fd, &MapRequest::read(100, 10)).unwrap();
    let mut bytes = [0; 10];
    view.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, [b'd'; 10]);
    drop(view);
    assert_eq!(status(&board, "evil-block").reason, "");
}

#[test]
fn a_shape_that_cannot_be() {
    for (lie, part) in [
        ("sector-500", "128 sectors of 500 bytes"),
        ("sector-256", "128 sectors of 256 bytes"),
        ("sector-131072", "128 sectors of 131072 bytes"),
        ("count-2-63", "9223372036854775808 sectors of 512 bytes"),
        ("count-wraps", "sectors of 512 bytes"),
        ("geometry-unfilled", "0 sectors of 0 bytes"),
    ] {
        let board = with_block();
        caught(attach(&board, lie), "geometry", part);
        assert!(board.devices().is_empty());
        errno(board.task().stat("/dev/evil").map(|_| ()), Errno::ENOENT);
        let status = status(&board, "evil-block");
        assert!(
            status.users.is_empty() && status.reason.contains("gave 1 answers that cannot be"),
            "{status:?}"
        );
        // The next disk is judged by itself.
        attach(&board, "").unwrap();
    }
    let board = with_block();
    refused(attach(&board, "geometry-garbage"), Errno::EIO, &["/dev/evil"]);
    refused(attach(&board, "attach-garbage"), Errno::EIO, &["/dev/evil"]);
    board.plugins().rmmod("evil-block").unwrap();
}

#[test]
fn a_grant_that_cannot_be() {
    for (lie, part) in [
        ("grant-null", "65536 bytes at 0x0"),
        ("grant-odd", "65536 bytes at"),
        ("grant-short", "65535 bytes at"),
        ("grant-wraps", "65536 bytes at"),
        ("object-closed", "memory object 9999"),
        ("object-negative", "memory object -1"),
        ("object-offset", "offset 512"),
        ("object-beyond", "offset 4096 in a memory object of 65536 bytes"),
        ("object-wraps", "offset 18446744073709547520"),
        ("object-short", "memory object of 32768 bytes"),
    ] {
        let board = with_block();
        caught(attach(&board, lie), "xip_grant", part);
        assert!(board.devices().is_empty(), "{lie}");
        assert!(status(&board, "evil-block").users.is_empty(), "{lie}");
        board.plugins().rmmod("evil-block").unwrap();
    }
    let board = with_block();
    refused(attach(&board, "grant-garbage"), Errno::EIO, &["/dev/evil"]);
    let board = with_block();
    caught(attach(&board, "by-ioctl-null"), "BIOC_XIPBASE", "0x0");
}

#[test]
fn a_disk_without_memory_is_mapped_through_a_copy_only() {
    for lie in ["no-grant", "grant-refused", "object-none", "by-ioctl"] {
        let board = lying(lie);
        assert_eq!(board.read("/dev/evil"), vec![b'd'; 65536]);
        let task = board.task();
        let fd = task.open("/dev/evil", O_RDONLY, 0).unwrap();
        let request = MapRequest::read(0, 4096);
        taught(task.mmap(fd, &MapRequest { strict: true, ..request }), Errno::ENXIO, &["/dev/evil"]);
        assert_eq!(task.map(fd, &request).unwrap().tier(), Tier::Ram);
        // An address without a memory object can be lent.
        let lent = task.borrow_in_place(fd);
        assert_eq!(lent.is_ok(), matches!(lie, "object-none" | "by-ioctl"), "{lie}: {lent:?}");
        task.close(fd).unwrap();
    }
}

#[test]
fn a_transfer_that_cannot_be() {
    let board = lying("read-more");
    caught(content(&board.task(), "/dev/evil"), "read", "129 sectors of 128");
    assert!(status(&board, "evil-block").reason.contains("answers that cannot be"));
    for lie in ["read-fewer", "read-garbage"] {
        let board = lying(lie);
        errno(content(&board.task(), "/dev/evil"), Errno::EIO);
    }
    let board = lying("write-more");
    let task = board.task();
    let fd = task.open("/dev/evil", O_RDWR, 0).unwrap();
    caught(task.pwrite(fd, &[1; 512], 0), "write", "2 sectors of 1");
    task.close(fd).unwrap();
}

#[test]
fn a_disk_without_a_medium_is_not_mounted() {
    let board = lying("no-medium");
    let result = board.host().mount(Some("/dev/evil"), "/rom", "romfs", &MountOptions::default());
    refused(result, Errno::ENXIO, &["/dev/evil", "no medium"]);
    assert!(board.devices()[0].users.is_empty());
}

#[test]
fn a_detach_that_fails_ends_the_disk_nevertheless() {
    let board = lying("detach-fails");
    refused(board.detach("/dev/evil"), Errno::EIO, &["/dev/evil"]);
    assert!(board.devices().is_empty());
    board.plugins().rmmod("evil-block").unwrap();
}

#[test]
fn no_file_system_mounts_a_disk_of_garbage_and_it_can_be_detached() {
    let board = lying("");
    let result = board.host().mount(Some("/dev/evil"), "/rom", "romfs", &MountOptions::default());
    taught(result, Errno::EINVAL, &["/dev/evil", "romfs"]);
    assert!(board.devices()[0].users.is_empty());
    board.detach("/dev/evil").unwrap();
}
