//! Images of genromfs.
#![allow(unsafe_code, reason = "maps a file")]

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use nxvfs_tests::{Folder, genromfs, tool};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::mounted::Mounted;
use crate::{equal_trees, files_of};

fn source() -> Folder {
    let big: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut folder = Folder::new()
        .file("hello", "hello from the medium\n")
        .file("empty", "")
        .file("sub/big", &big)
        .file("sub/one page", &big[..4096])
        .file("run", "#!/bin/sh\necho run from romfs\n")
        .mode("run", 0o755)
        .dir("sub/none")
        .link("link", "sub/big")
        .link("dangling", "nowhere")
        .hard_link("twin", "hello");
    for i in 0..300 {
        folder = folder.file(&format!("many/file {i}"), format!("{i}"));
    }
    folder
}

#[test]
fn the_whole_tree_is_what_the_image_was_made_of() {
    let source = source();
    let images = Folder::new();
    let image = genromfs(source.path(), &images.at("rom.img"));
    for words in [&["-o", "dev"][..], &["--xip", "-o", "dev"], &["-t", "romfs", "-o", "ro"]] {
        let mount = Mounted::new(&[words, &[tool::text(&image)]].concat());
        equal_trees(source.path(), mount.path());
        for name in files_of(source.path()) {
            let (there, here) = (
                source.path().join(&name).symlink_metadata().unwrap(),
                mount.path().join(&name).symlink_metadata().unwrap(),
            );
            assert_eq!(here.is_dir(), there.is_dir(), "{name}");
            // romfs keeps of the mode whether a file may run.
            if there.is_file() {
                assert_eq!(here.mode() & 0o111 != 0, there.mode() & 0o111 != 0, "{name}");
                assert_eq!(here.len(), there.len(), "{name}");
            }
        }
        let number = |name: &str| mount.at(name).metadata().unwrap().ino();
        assert_eq!(number("hello"), number("twin"));
        let ran = std::process::Command::new(mount.at("run")).output().unwrap();
        assert_eq!(ran.stdout, b"run from romfs\n");
        let refused =
            |done: std::io::Result<()>| assert_eq!(done.unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
        refused(fs::write(mount.at("new"), ""));
        refused(fs::write(mount.at("hello"), ""));
        refused(File::options().append(true).open(mount.at("hello")).map(drop));
        refused(fs::remove_file(mount.at("hello")));
        refused(fs::create_dir(mount.at("dir")));
        refused(fs::rename(mount.at("hello"), mount.at("other")));
        refused(fs::hard_link(mount.at("hello"), mount.at("other")));
        refused(std::os::unix::fs::chown(mount.at("hello"), Some(1), None));
        mount.unmount();
    }
}

#[test]
fn a_mapped_file_holds_what_the_file_holds() {
    let source = source();
    let images = Folder::new();
    let image = genromfs(source.path(), &images.at("rom.img"));
    for words in [&[][..], &["--xip"]] {
        let mount = Mounted::new(&[words, &[tool::text(&image)]].concat());
        let expected = fs::read(source.path().join("sub/big")).unwrap();
        let file = File::open(mount.at("sub/big")).unwrap();
        let len = expected.len();
        for flags in [MapFlags::SHARED, MapFlags::PRIVATE] {
            // SAFETY: a new mapping of a file that nobody writes.
            let at = unsafe { mmap(std::ptr::null_mut(), len, ProtFlags::READ, flags, &file, 0) }.unwrap();
            // SAFETY: the mapping, until it is unmapped.
            let bytes = unsafe { std::slice::from_raw_parts(at.cast::<u8>(), len) };
            assert!(bytes == expected);
            // SAFETY: the slice is used no more.
            unsafe { munmap(at, len) }.unwrap();
        }
        drop(file);
        mount.unmount();
    }
}
