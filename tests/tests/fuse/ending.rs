//! How mounts end.

use std::fs;
use std::io::Write;
use std::process::Command;

use nxvfs_tests::tool;
use rustix::process::Signal;

use crate::card::Card;
use crate::mounted::{Mounted, nxvfs};

/// Whether something is mounted at a path.
fn is_mounted(path: &std::path::Path) -> bool {
    fs::read_to_string("/proc/self/mountinfo").unwrap().contains(&format!(" {} ", path.display()))
}

#[test]
fn each_way_to_end_a_mount_brings_everything_to_the_medium() {
    let by_program = |program: &'static [&'static str]| {
        move |path: &std::path::Path| {
            // A program that another test is about to start may still have a copy of our descriptors: then it is busy.
            let done = |_| {
                let output = Command::new(program[0]).args(&program[1..]).arg(path).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success() || said.contains("busy") || said.contains("EBUSY"), "{said}");
                output.status.success()
            };
            assert!((0..1000).any(done), "{program:?}");
        }
    };
    type End<'a> = &'a dyn Fn(&std::path::Path);
    let ways: [(&str, Option<Signal>, End<'_>); 6] = [
        ("SIGTERM", Some(Signal::TERM), &|_| ()),
        ("SIGINT", Some(Signal::INT), &|_| ()),
        ("SIGHUP", Some(Signal::HUP), &|_| ()),
        ("umount", None, &by_program(&["umount"])),
        ("nxvfs umount", None, &by_program(&[env!("CARGO_BIN_EXE_nxvfs-under-test"), "umount"])),
        ("fusermount3", None, &by_program(&["fusermount3", "-u"])),
    ];
    for (name, signal, end) in ways {
        let card = Card::new(8);
        let mount = card.mount();
        fs::write(mount.at("written"), vec![5; 3_000_000]).unwrap();
        match signal {
            Some(signal) => mount.signal(signal),
            None => end(mount.path()),
        }
        let path = mount.path().to_owned();
        mount.ended();
        assert!(!is_mounted(&path), "{name}");
        card.is_sound();
        assert_eq!(tool::mtype(&card.image, "written"), vec![5; 3_000_000], "{name}");
    }
}

#[test]
fn a_signal_while_a_file_is_open_takes_the_folder_and_waits_for_the_file() {
    let card = Card::new(8);
    let mut mount = card.mount();
    let path = mount.path().to_owned();
    let mut file = fs::File::create(mount.at("open")).unwrap();
    file.write_all(b"before").unwrap();
    mount.signal(Signal::TERM);
    // The folder goes while the file is open, which the list of mounts tells.
    let mounts = fs::File::open("/proc/self/mountinfo").unwrap();
    while is_mounted(&path) {
        let mut fds = [rustix::event::PollFd::new(&mounts, rustix::event::PollFlags::PRI)];
        // Changed already before it was opened, or changing: looked at again either way.
        let _ =
            rustix::event::poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 1_000_000 }));
    }
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    file.write_all(b", and after").unwrap();
    file.sync_all().unwrap();
    file.write_all(b", and unsynced").unwrap();
    assert_eq!(file.metadata().unwrap().len(), 31);
    drop(file);
    let status = mount.status();
    assert!(status.success(), "{status}: {}", mount.said());
    card.is_sound();
    assert_eq!(tool::mtype(&card.image, "open"), b"before, and after, and unsynced");
}

#[test]
fn in_the_background_it_returns_with_the_mount_there_and_ends_with_it() {
    let card = Card::new(8);
    let point = card.folder.at("mnt/x");
    fs::create_dir(&point).unwrap();
    let output = nxvfs().arg("mount").arg(&card.image).arg(&point).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    assert!(is_mounted(&point));
    fs::write(point.join("f"), "by the background").unwrap();
    rustix::mount::unmount(&point, rustix::mount::UnmountFlags::DETACH).unwrap();
    // The image is locked as long as the mount uses it.
    fs::File::open(&card.image).unwrap().lock().unwrap();
    card.is_sound();
    assert_eq!(tool::mtype(&card.image, "f"), b"by the background");
}

#[test]
fn an_image_that_is_mounted_is_mounted_by_nobody_else() {
    let card = Card::new(8);
    let mount = card.mount();
    let other = card.folder.at("other/x");
    fs::create_dir(&other).unwrap();
    let output = nxvfs().args(["mount", "-f"]).arg(&card.image).arg(&other).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("EBUSY") && said.contains("card.img"),
        "{output:?}"
    );
    mount.unmount();
    let again = card.mount();
    again.unmount();
    card.is_sound();
}

#[test]
fn a_mount_that_ends_leaves_what_was_mounted_on_its_folder_since_alone() {
    use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
    let ending = Mounted::tmpfs();
    let point = ending.path().to_owned();
    // It learns of its end only after the folder has become another mount.
    ending.signal(Signal::STOP);
    unmount(&point, UnmountFlags::DETACH).unwrap();
    mount("none", &point, "tmpfs", MountFlags::empty(), None).unwrap();
    ending.signal(Signal::CONT);
    let mut ending = ending;
    let status = ending.status();
    let left = is_mounted(&point);
    let _ = unmount(&point, UnmountFlags::DETACH);
    assert!(status.success() && left, "{status}: {}", ending.said());
}
