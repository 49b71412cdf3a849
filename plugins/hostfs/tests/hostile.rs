//! Who can write into the folder leads nobody out of it, and to no other file.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Volume, folder, mount, mount_with, names, refused};
use nxvfs_sdk::abi::filesystem::MOUNT_RDONLY;
use nxvfs_sdk::{Errno, Grow, SetAttr, mode, open};

/// A folder with a secret beside it.
fn beside() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = folder();
    let inside = dir.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    fs::create_dir(dir.path().join("outside")).unwrap();
    fs::write(dir.path().join("outside/file"), "secret").unwrap();
    (dir, inside)
}

#[test]
fn a_link_is_its_text_and_nothing_is_done_through_it() {
    let (dir, inside) = beside();
    for (name, target) in [
        ("up", "../secret"),
        ("absolute", dir.path().join("secret").to_str().unwrap()),
        ("out", "../outside"),
    ] {
        symlink(target, inside.join(name)).unwrap();
        let volume = mount(&inside);
        let root = volume.root();
        let link = volume.lookup(root, name.as_bytes()).unwrap();
        assert_eq!(link.attr.file_type(), mode::S_IFLNK);
        assert_eq!(volume.readlink(link.node).unwrap(), target.as_bytes());
        assert_eq!(refused(volume.open(link.node, open::O_RDWR).map(drop)), Errno::EINVAL);
        assert_eq!(refused(volume.lookup(link.node, b"file")), Errno::ENOTDIR);
        assert_eq!(refused(volume.readdir(link.node)), Errno::EINVAL);
        assert_eq!(refused(volume.create(link.node, b"new", 0o644, 0)), Errno::ENOTDIR);
        assert_eq!(refused(volume.create(root, name.as_bytes(), 0o644, 0)), Errno::EEXIST);
        let size = SetAttr { valid: nxvfs_sdk::abi::filesystem::SET_SIZE, ..Grow::empty() };
        assert_eq!(refused(volume.setattr(link.node, &size)), Errno::EINVAL);
        assert_eq!(refused(volume.setxattr(link.node, b"user.a", b"", 0)), Errno::ENOTSUP);
        volume.link(link.node, root, b"second").unwrap();
        assert_eq!(
            fs::read_link(inside.join("second")).unwrap(),
            Path::new(target),
            "the link, not the file"
        );
        fs::remove_file(inside.join("second")).unwrap();
    }
    assert_eq!(fs::read(dir.path().join("secret")).unwrap(), b"secret");
    assert_eq!(fs::metadata(dir.path().join("secret")).unwrap().nlink(), 1);
}

#[test]
fn no_name_is_a_path() {
    let (_dir, inside) = beside();
    fs::create_dir(inside.join("sub")).unwrap();
    let volume = mount(&inside);
    let (root, sub) = (volume.root(), volume.walk("sub").unwrap().node);
    for name in [&b".."[..], b".", b"../secret", b"sub/..", b"/etc/passwd", b"", b"a\0"] {
        assert_eq!(refused(volume.lookup(root, name)), Errno::EINVAL);
        assert_eq!(refused(volume.unlink(root, name)), Errno::EINVAL);
        assert_eq!(refused(volume.create(sub, name, 0o644, 0)), Errno::EINVAL);
        assert_eq!(refused(volume.symlink(sub, name, b"x")), Errno::EINVAL);
        assert_eq!(refused(volume.rename((root, b"sub"), (root, name), 0)), Errno::EINVAL);
    }
}

#[test]
fn a_directory_that_becomes_a_link_does_not_lead_out() {
    let (dir, inside) = beside();
    fs::create_dir(inside.join("sub")).unwrap();
    fs::write(inside.join("sub/file"), "inside").unwrap();
    // Without any descriptor kept, and with all.
    for handles in [16, 256] {
        let volume = mount_with(&inside, false, handles).unwrap();
        let sub = volume.walk("sub").unwrap().node;
        let file = volume.lookup(sub, b"file").unwrap().node;
        push_out(&volume, &inside, handles);
        fs::rename(inside.join("sub"), inside.join("sub-before")).unwrap();
        symlink(dir.path().join("outside"), inside.join("sub")).unwrap();
        let read = |node: u64| volume.read(node).map_err(|fail| fail.errno);
        match handles {
            // What it was found as is not there any longer.
            16 => assert_eq!(
                (read(file), refused(volume.lookup(sub, b"file"))),
                (Err(Errno::ESTALE), Errno::ESTALE)
            ),
            _ => {
                assert_eq!(read(file), Ok(b"inside".to_vec()));
                assert_eq!(volume.lookup(sub, b"file").unwrap().node, file);
            }
        }
        assert_eq!(volume.walk("sub").unwrap().attr.file_type(), mode::S_IFLNK);
        // Where it is now it is found as what it was.
        let moved = volume.walk("sub-before/file").unwrap().node;
        assert_eq!((moved, read(file)), (file, Ok(b"inside".to_vec())));
        fs::remove_file(inside.join("sub")).unwrap();
        fs::rename(inside.join("sub-before"), inside.join("sub")).unwrap();
    }
}

/// Finds so many other files that no descriptor of those before is kept, if few are kept.
fn push_out(volume: &Volume, inside: &Path, handles: u64) {
    if handles > 16 {
        return;
    }
    fs::create_dir_all(inside.join("many")).unwrap();
    for round in 0..3 {
        for number in 0..40 {
            let name = format!("{round}-{number}");
            fs::write(inside.join("many").join(&name), "").unwrap();
            volume.walk(&format!("many/{name}")).unwrap();
        }
    }
}

#[test]
fn another_file_of_the_same_name_is_another_node() {
    let (_dir, inside) = beside();
    for handles in [16, 256] {
        fs::write(inside.join("a"), "first").unwrap();
        let volume = mount_with(&inside, false, handles).unwrap();
        let first = volume.walk("a").unwrap();
        push_out(&volume, &inside, handles);
        // The file system may give the new one the same number.
        fs::remove_file(inside.join("a")).unwrap();
        fs::write(inside.join("a"), "second").unwrap();
        let read = volume.read(first.node).map_err(|fail| fail.errno);
        assert!(matches!(read.as_deref(), Ok(b"first") | Err(&Errno::ESTALE)), "{read:?}");
        let second = volume.walk("a").unwrap();
        assert_ne!(first.node, second.node);
        assert_eq!(volume.read(second.node).unwrap(), b"second");
    }
}

#[test]
fn what_is_open_stays_what_it_is() {
    let (_dir, inside) = beside();
    fs::write(inside.join("a"), "first").unwrap();
    let volume = mount_with(&inside, false, 16).unwrap();
    let found = volume.walk("a").unwrap();
    let file = volume.open(found.node, open::O_RDWR).unwrap();
    push_out(&volume, &inside, 16);
    fs::write(inside.join("b"), "second").unwrap();
    fs::rename(inside.join("b"), inside.join("a")).unwrap();
    let mut text = [0; 5];
    assert_eq!(file.read_at(0, &mut text).unwrap(), 5);
    assert_eq!((&text, volume.getattr(found.node).unwrap().nlink), (b"first", 0));
    file.write_at(0, b"FIRST", 0).unwrap();
    assert_eq!(fs::read(inside.join("a")).unwrap(), b"second");
}

#[test]
fn what_was_taken_away_by_the_host_is_kept_until_it_is_forgotten() {
    let (_dir, inside) = beside();
    fs::write(inside.join("a"), "content").unwrap();
    fs::create_dir(inside.join("d")).unwrap();
    let volume = mount_with(&inside, false, 16).unwrap();
    let (a, d) = (volume.walk("a").unwrap().node, volume.walk("d").unwrap().node);
    push_out(&volume, &inside, 16);
    volume.unlink(volume.root(), b"a").unwrap();
    volume.rmdir(volume.root(), b"d").unwrap();
    push_out(&volume, &inside, 16);
    assert_eq!(volume.read(a).unwrap(), b"content");
    assert_eq!((volume.getattr(d).unwrap().nlink, names(&volume, d).len()), (0, 0));
}

#[test]
fn nothing_that_would_wait_or_do_something_is_opened() {
    let (_dir, inside) = beside();
    assert!(Command::new("mkfifo").arg(inside.join("fifo")).status().unwrap().success());
    let volume = mount(&inside);
    let fifo = volume.walk("fifo").unwrap();
    assert_eq!(fifo.attr.file_type(), mode::S_IFIFO);
    for flags in [open::O_RDONLY, open::O_WRONLY, open::O_RDWR] {
        assert_eq!(refused(volume.open(fifo.node, flags).map(drop)), Errno::EINVAL);
    }
    assert_eq!(refused(volume.read(fifo.node)), Errno::EINVAL);
    let size = SetAttr { valid: nxvfs_sdk::abi::filesystem::SET_SIZE, ..Grow::empty() };
    assert_eq!(refused(volume.setattr(fifo.node, &size)), Errno::EINVAL);
    volume.fsync_dir(fifo.node).unwrap();
    // A regular file that a FIFO takes the place of, while the host knows it.
    fs::write(inside.join("file"), "text").unwrap();
    let file = volume.walk("file").unwrap().node;
    fs::rename(inside.join("fifo"), inside.join("file")).unwrap();
    assert_eq!(volume.read(file).unwrap(), b"text");
}

#[test]
fn magic_links_are_text_and_devices_are_nodes() {
    let volume = mount("/proc/self".as_ref());
    let exe = volume.walk("exe").unwrap();
    assert_eq!(exe.attr.file_type(), mode::S_IFLNK);
    assert_eq!(refused(volume.open(exe.node, open::O_RDONLY).map(drop)), Errno::EINVAL);
    let root = volume.walk("root").unwrap();
    assert_eq!(volume.readlink(root.node).unwrap(), b"/");
    assert_eq!(refused(volume.lookup(root.node, b"etc")), Errno::ENOTDIR);
    let number = fs::File::open("/etc/passwd").unwrap();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&number).to_string();
    let link = volume.walk(&format!("fd/{descriptor}")).unwrap();
    assert_eq!(refused(volume.read(link.node)), Errno::EINVAL);
    let dev = mount("/dev".as_ref());
    let null = dev.walk("null").unwrap();
    assert_eq!((null.attr.file_type(), null.attr.rdev), (mode::S_IFCHR, 1 << 32 | 3));
    assert_eq!(refused(dev.open(null.node, open::O_RDWR).map(drop)), Errno::EINVAL);
}

#[test]
fn what_is_mounted_inside_is_another_volume() {
    let volume = mount("/".as_ref());
    let fail = volume.walk("proc").err().expect("a mount point");
    assert_eq!((fail.errno, fail.remedy.contains("xdev")), (Errno::EXDEV, true));
    let volume = mount_with("/".as_ref(), true, 256).unwrap();
    let version = volume.walk("proc/version").unwrap();
    assert!(volume.read(version.node).unwrap().starts_with(b"Linux"));
    // Numbers of different devices are not mixed up, and a listing tells the same ones.
    let proc = volume.walk("proc").unwrap();
    assert_ne!(proc.attr.ino, fs::metadata("/proc").unwrap().ino());
    let listed =
        volume.readdir(proc.node).unwrap().into_iter().find(|entry| entry.name == b"version").unwrap();
    assert_eq!(listed.ino, version.attr.ino);
}

#[test]
fn nothing_changes_on_a_volume_that_is_read_only() {
    let (_dir, inside) = beside();
    fs::write(inside.join("a"), "content").unwrap();
    let volume = mount(&inside);
    let a = volume.walk("a").unwrap().node;
    let file = volume.open(a, open::O_RDWR).unwrap();
    volume.remount(MOUNT_RDONLY, &[]).unwrap();
    let root = volume.root();
    assert_eq!(refused(volume.create(root, b"b", 0o644, 0)), Errno::EROFS);
    assert_eq!(refused(volume.mkdir(root, b"b", 0o755)), Errno::EROFS);
    assert_eq!(refused(volume.symlink(root, b"b", b"x")), Errno::EROFS);
    assert_eq!(refused(volume.mknod(root, b"b", mode::S_IFIFO, 0)), Errno::EROFS);
    assert_eq!(refused(volume.link(a, root, b"b")), Errno::EROFS);
    assert_eq!(refused(volume.unlink(root, b"a")), Errno::EROFS);
    assert_eq!(refused(volume.rename((root, b"a"), (root, b"b"), 0)), Errno::EROFS);
    assert_eq!(refused(volume.setattr(a, &SetAttr { ..Grow::empty() })), Errno::EROFS);
    assert_eq!(refused(volume.setxattr(a, b"user.a", b"", 0)), Errno::EROFS);
    assert_eq!(refused(file.write_at(0, b"x", 0)), Errno::EROFS);
    assert_eq!(refused(file.fallocate(0, 0, 1)), Errno::EROFS);
    volume.remount(0, &[]).unwrap();
    file.write_at(0, b"C", 0).unwrap();
    let fixed = volume.remount(0, &[("xdev", nxvfs_sdk::fake::Value::Bool(true))]);
    assert_eq!(refused(fixed), Errno::EINVAL);
}

#[test]
fn a_folder_that_is_swapped_all_the_time_leads_nowhere() {
    let (dir, inside) = beside();
    fs::create_dir(inside.join("sub")).unwrap();
    fs::write(inside.join("sub/file"), "inside").unwrap();
    symlink(dir.path().join("outside"), inside.join("link")).unwrap();
    let volume = mount_with(&inside, false, 16).unwrap();
    let end = AtomicBool::new(false);
    let swaps = std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut swaps = 0;
            while !end.load(Ordering::Relaxed) {
                let (a, b) = (inside.join("sub"), inside.join("link"));
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(rustix::fs::CWD, &a, rustix::fs::CWD, &b, flags).unwrap();
                swaps += 1;
            }
            swaps
        });
        let mut seen = 0;
        for _ in 0..20_000 {
            let Ok(sub) = volume.walk("sub") else { continue };
            match volume.lookup(sub.node, b"file") {
                Ok(file) => {
                    match volume.read(file.node) {
                        Ok(text) => assert_eq!(text, b"inside"),
                        Err(fail) => assert_eq!(fail.errno, Errno::ESTALE),
                    }
                    seen += 1;
                    volume.forget(file.node, 1);
                }
                Err(fail) => assert!(matches!(fail.errno, Errno::ENOTDIR | Errno::ESTALE), "{fail}"),
            }
            volume.forget(sub.node, 1);
        }
        end.store(true, Ordering::Relaxed);
        assert!(seen > 0, "the directory was there some of the time");
        swapper.join().unwrap()
    });
    assert!(swaps > 0);
}
