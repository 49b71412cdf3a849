//! What `nxvfs mount` refuses, and how it says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use nxvfs_tests::{Folder, genromfs, tool};

use crate::card::Card;
use crate::mounted::{Mounted, nxvfs, open_folder};

/// What mounts nevertheless must not hold the tests up.
fn bounded(command: &Command) -> Command {
    let mut timeout = Command::new("timeout");
    timeout.args(["60"]).arg(command.get_program()).args(command.get_args());
    timeout.current_dir(nxvfs_tests::repository()).stdin(std::process::Stdio::null());
    timeout
}

/// A run that must fail: its status and sentence.
#[track_caller]
fn refused(command: &Command) -> (i32, String) {
    let mut command = bounded(command);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    (output.status.code().unwrap(), said)
}

/// Both in the foreground and in the background it is refused with one sentence that has these parts.
#[track_caller]
fn says(words: &[&str], parts: &[&str]) {
    for front in [&["-f"][..], &[]] {
        let (status, said) = refused(nxvfs().arg("mount").args(front).args(words));
        assert_eq!(status, 1, "{words:?}: {said}");
        assert!(said.starts_with("nxvfs: ") && said.lines().count() == 1, "{words:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{words:?}: '{part}' is not in: {said}");
        }
    }
}

#[test]
fn arguments_that_are_missing_or_too_many() {
    let card = Card::new(8);
    let (image, folder) = (tool::text(&card.image), tool::text(card.folder.path()));
    says(&[image], &["which folder", image, "(EINVAL)"]);
    says(&["--board", "b.toml", image, folder], &["a board has its own images", "(EINVAL)"]);
    for words in
        [&[][..], &[image, folder, "third"], &["--colour", image, folder], &["--part", "x", image, folder]]
    {
        let (status, said) = refused(nxvfs().arg("mount").args(words));
        assert_eq!(status, 2, "{words:?}: {said}");
        assert!(
            said.contains("Usage: nxvfs mount") || said.contains("--help") || said.contains("invalid value"),
            "{said}"
        );
    }
}

#[test]
fn folders_that_cannot_be_mount_points() {
    let card = Card::new(8);
    let image = tool::text(&card.image);
    let file = card.folder.at("file");
    fs::write(&file, "").unwrap();
    says(&[image, "/no/such/folder"], &["/no/such/folder", "(ENOENT)"]);
    says(&[image, tool::text(&file)], &["must be a folder", tool::text(&file), "a file", "(ENOTDIR)"]);
    says(&[image, tool::text(&file.join("x"))], &["(ENOTDIR)"]);
    let taken = Mounted::tmpfs();
    let other = Card::new(8);
    says(
        &[tool::text(&other.image), tool::text(taken.path())],
        &["mounted there already", "unmount it", "(EBUSY)"],
    );
    // A link to it is it.
    let link = card.folder.at("link");
    std::os::unix::fs::symlink(taken.path(), &link).unwrap();
    says(&[tool::text(&other.image), tool::text(&link)], &["mounted there already", "(EBUSY)"]);
    taken.unmount();
}

#[test]
fn images_that_are_none() {
    let folder = open_folder().dir("mnt");
    let point = tool::text(&folder.path().join("mnt")).to_owned();
    let image = folder.at("image");
    says(&["/no/such.img", &point], &["/no/such.img", "(ENOENT)"]);
    says(&[tool::text(folder.path()), &point], &[tool::text(folder.path())]);
    for (len, what) in [(0, "empty"), (1 << 20, "zeros"), (100, "short")] {
        tool::blank(&image, len);
        let (status, said) = refused(nxvfs().args(["mount", "-f"]).arg(&image).arg(&point));
        assert_eq!(status, 1, "{what}: {said}");
        assert!(said.starts_with("nxvfs: ") && said.contains("image"), "{what}: {said}");
        // Forced, the driver says what it misses.
        let (status, said) = refused(nxvfs().args(["mount", "-f", "-t", "vfat"]).arg(&image).arg(&point));
        assert_eq!(status, 1, "{what}: {said}");
        assert!(said.starts_with("nxvfs: "), "{what}: {said}");
    }
    genromfs(&folder.at("mnt"), &image);
    let path = tool::text(&image);
    says(&["-t", "vfat", path, &point], &["vfat", "(EINVAL)"]);
    says(&["-t", "ext9", path, &point], &["ext9", "romfs", "(ENODEV)"]);
    says(&["--part", "3", path, &point], &["3"]);
    says(&["-t", "ext9", "none", &point], &["ext9", "(ENODEV)"]);
    says(&["-t", "vfat", "none", &point], &["none"]);
    says(&["-t", "romfs", "none", &point], &["none"]);
}

#[test]
fn options_that_cannot_be() {
    let card = Card::new(8);
    let folder = open_folder().dir("mnt");
    let (image, point) = (tool::text(&card.image), tool::text(&folder.path().join("mnt")).to_owned());
    for (options, parts) in [
        ("colour=red", &["colour"][..]),
        ("threads=0", &["threads", "from 1 to 64", "'0'"]),
        ("threads=many", &["threads", "'many'"]),
        ("threads", &["threads"]),
        ("umask=x", &["umask"]),
        ("mmap=fast", &["mmap", "fast"]),
        ("allow_other=yes", &["allow_other"]),
        ("ro=1", &["ro"]),
        ("auto_unmount", &["auto_unmount", "allow_other or allow_root"]),
    ] {
        let words = ["-o", options, image, &point];
        says(&words, parts);
        says(&words, &["(EINVAL)"]);
    }
    // The image is as it was, and free.
    card.is_sound();
    Mounted::new(&["-o", "ro,threads=1,fsname=a card,noexec", image]).unmount();
}

#[test]
fn boards_that_do_not_come_up() {
    let folder = open_folder().dir("mnt");
    let point = tool::text(&folder.path().join("mnt")).to_owned();
    says(&["--board", "/no/such.toml", &point], &["/no/such.toml", "(ENOENT)"]);
    let board = folder.at("b.toml");
    for (text, part) in [
        ("[[device]\n", "b.toml"),
        ("[[gadget]]\n", "gadget"),
        ("[[mount]]\ntarget=\"/x\"\ntype=\"romsf\"\nsource=\"/dev/x\"\n", "romsf"),
    ] {
        fs::write(&board, text).unwrap();
        let (status, said) = refused(nxvfs().args(["mount", "-f", "--board"]).arg(&board).arg(&point));
        assert!(status == 1 && said.contains(part), "{said}");
    }
}

#[test]
fn help_tells_the_options() {
    let output = nxvfs().args(["mount", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "IMAGE",
        "MOUNTPOINT",
        "--board",
        "--xip",
        "allow_other",
        "fusermount3 -u",
        "no_writeback_cache",
        "dev",
        "suid",
    ] {
        assert!(help.contains(word), "{word} is not in: {help}");
    }
    assert!(!help.contains("announce"));
}

#[test]
fn an_image_that_may_only_be_read_is_mounted_to_be_read() {
    // As a user who may not write it: root always may.
    let source = Folder::new().file("f", "content");
    let folder = open_folder();
    let image = genromfs(source.path(), &folder.at("rom.img"));
    fs::set_permissions(&image, fs::Permissions::from_mode(0o444)).unwrap();
    let mount = Mounted::image(&image);
    assert_eq!(fs::read_to_string(mount.at("f")).unwrap(), "content");
    assert!(fs::write(mount.at("g"), "").is_err());
    mount.unmount();
    let card = Card::new(8);
    let before = fs::read(&card.image).unwrap();
    let mount = Mounted::new(&["-o", "ro", tool::text(&card.image)]);
    assert_eq!(fs::write(mount.at("g"), "").unwrap_err().kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    fs::read_dir(mount.path()).unwrap().for_each(drop);
    mount.unmount();
    assert!(fs::read(&card.image).unwrap() == before, "reading changed it");
}

#[test]
fn the_list_of_mounts_names_image_and_file_system() {
    let card = Card::new(8);
    let line = |mount: &Path| {
        let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
        text.lines().find(|l| l.contains(&format!(" {} ", mount.display()))).unwrap().to_owned()
    };
    let mount = Mounted::image(&card.image);
    let said = line(mount.path());
    assert!(said.contains(&format!(" fuse {} ", card.image.display())), "{said}");
    assert!(said.contains("nosuid,nodev") && said.contains("default_permissions"), "{said}");
    mount.unmount();
    let mount = Mounted::new(&["-o", "ro,noexec,fsname=card", tool::text(&card.image)]);
    let said = line(mount.path());
    assert!(said.contains(" fuse card ") && said.contains("ro,") && said.contains("noexec"), "{said}");
    mount.unmount();
}
