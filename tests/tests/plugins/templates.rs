//! The templates build as they are, load, and work: what an author begins with is sound.

use std::path::PathBuf;
use std::process::Command;

use nxvfs::mapping::MapRequest;
use nxvfs::plugin::{Builtin, Door, PluginOptions};
use nxvfs::tree::Tier;
use nxvfs::{Errno, MountOptions};
use nxvfs_abi::types::open::{O_RDONLY, O_RDWR};
use nxvfs_tests::check::{errno, taught};
use nxvfs_tests::fixture::{run, rust_plugin};
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Board, Folder, genromfs, repository, words};

/// A host with static plugins that searches nothing.
fn board() -> Board {
    Board::with(PluginOptions { default_dirs: false, builtin: Builtin::All, ..PluginOptions::default() })
}

/// Builds the C template with its own makefile, away from its folder.
fn c_block(folder: &Folder) -> PathBuf {
    let template = repository().join("plugin-template/c-block");
    let mut make = Command::new("make");
    make.arg("-C").arg(template).arg(format!("OUT={}", folder.path().display()));
    // The makefile of this project's tests must not tell that one what to do.
    run(make.env_remove("MAKEFLAGS").env_remove("CFLAGS"));
    folder.at("c-block.so")
}

#[test]
fn the_file_system_in_rust_is_mounted_and_read() {
    let file = rust_plugin(&repository().join("plugin-template/rust-filesystem"), "hello_fs");
    let board = board();
    board.plugins().insmod(&file, &[], false).unwrap();
    let list = board.plugins().list();
    let plugin = list.iter().find(|p| p.name == "hello-fs").expect("the template's plugin");
    assert_eq!((plugin.state, plugin.door), ("live", Some(Door::Rust)));
    let mount = |given: &str| {
        let options = MountOptions { given: words(given), ..MountOptions::default() };
        board.host().mount(None, "/hello", "hellofs", &options).map(drop)
    };
    mount("greeting=Guten Tag").unwrap();
    assert_eq!(board.read("/hello/hello.txt"), b"Guten Tag\n");
    assert!(!board.read("/hello/docs/readme.txt").is_empty());
    let task = board.task();
    let names: Vec<Vec<u8>> = task.opendir("/hello").unwrap().map(|r| r.unwrap().name).collect();
    assert_eq!(names, [&b"."[..], b"..", b"hello.txt", b"docs"]);
    errno(task.open("/hello/hello.txt", O_RDWR, 0), Errno::EROFS);
    errno(task.stat("/hello/none").map(|_| ()), Errno::ENOENT);
    board.unmount("/hello").unwrap();
    taught(mount("greeting="), Errno::EINVAL, &["greeting is empty", "option greeting"]);
    board.plugins().rmmod("hello-fs").unwrap();
}

#[test]
fn the_block_driver_in_c_carries_a_romfs_whose_files_are_in_place() {
    let folder = Folder::new().file("tree/file", pattern(3, 9000)).file("tree/dir/small", "small");
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let plugin = c_block(&folder);
    let board = board();
    board.plugins().insmod(&plugin, &[], false).unwrap();
    let list = board.plugins().list();
    let listed = list.iter().find(|p| p.name == "c-block").expect("the template's plugin");
    assert_eq!((listed.state, listed.door), ("live", Some(Door::C)));
    let board = board.attach("c-block", "/dev/c0", &format!("image={}", image.display()));
    let board = board.mount("/dev/c0", "/rom", "romfs", "ro,mmap=xip");
    assert!(board.read("/rom/file") == pattern(3, 9000));
    assert_eq!(board.read("/rom/dir/small"), b"small");
    let task = board.task();
    for path in ["/rom/file", "/rom/dir/small"] {
        let explained = task.explain(path).unwrap();
        assert_eq!(explained.tier, Tier::Xip, "{path}: {}", explained.reason);
    }
    let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
    let view = task.map(fd, &MapRequest::read(4000, 5000)).unwrap();
    let mut seen = vec![0; 5000];
    view.read_at(0, &mut seen).unwrap();
    assert!(seen == pattern(3, 9000)[4000..]);
}

#[test]
fn the_block_driver_in_c_is_a_disk_and_its_refusals_teach() {
    let folder = Folder::new().file("long.img", vec![1; 4097]);
    let plugin = c_block(&folder);
    let board = board();
    board.plugins().insmod(&plugin, &[], false).unwrap();
    let attach = |given: &str| board.host().attach("c-block", "/dev/c1", &words(given));
    taught(attach("sectors=0"), Errno::EINVAL, &["no disk can be that long", "sectors="]);
    taught(attach("sectors=4294967296"), Errno::EINVAL, &["no disk can be that long"]);
    let long = folder.at("long.img");
    taught(attach(&format!("sectors=8,image={}", long.display())), Errno::EFBIG, &["does not fit"]);
    taught(
        attach(&format!("image={}", folder.at("none").display())),
        Errno::ENOENT,
        &["cannot read the image"],
    );
    attach(&format!("sectors=9,image={}", long.display())).unwrap();
    let task = board.task();
    let fd = task.open("/dev/c1", O_RDWR, 0).unwrap();
    assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 9 * 512);
    assert_eq!(task.pwrite(fd, b"across two sectors", 505).unwrap(), 18);
    let mut expected = vec![1; 4097];
    expected.resize(9 * 512, 0);
    expected[505..523].copy_from_slice(b"across two sectors");
    assert!(board.read("/dev/c1") == expected);
    errno(task.ioctl(fd, 0x7777, &mut [0; 8]), Errno::ENOTTY);
    task.fsync(fd, false).unwrap();
    task.close(fd).unwrap();
    board.detach("/dev/c1").unwrap();
    board.plugins().rmmod("c-block").unwrap();
}
