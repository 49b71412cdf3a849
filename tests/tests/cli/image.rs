//! File systems in images: mkfs, the check with its exit statuses, partitions, and a large tree that goes in by the
//! shell and comes out by mtools.

use std::path::Path;
use std::process::Command;

use nxvfs_tests::tool::{self, blank, fsck_fat, mkfs_fat, text};

use super::run::{Link, both, nxvfs, oracle, run, shell, shell_json};

/// A folder and the path of an image in it.
fn place() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("fat.img").display().to_string();
    (dir, image)
}

#[test]
fn mkfs_makes_what_fsck_fat_accepts_with_the_options_of_mkfs_fat() {
    let (dir, image) = place();
    assert_eq!(run(&["mkfs", "-t", "vfat", "-o", &image, "--size", "64M"]).ok(), "");
    assert_eq!(std::fs::metadata(&image).unwrap().len(), 64 << 20);
    assert_eq!(fsck_fat(Path::new(&image)), [""; 0]);
    let options: [&[&str]; 4] = [
        &["-F", "32", "-s", "1", "-n", "DATA", "-i", "1234abcd"],
        &["-F", "16", "-S", "1024", "-r", "1024", "-f", "1"],
        &["-F", "12", "-s", "64", "-R", "3"],
        &["-F", "32", "-s", "8", "-a", "-i", "00000001"],
    ];
    for options in options {
        let theirs = dir.path().join("theirs.img");
        let ours = dir.path().join("ours.img");
        let _ = std::fs::remove_file(&ours);
        let mut args = vec!["mkfs", "--align", "0", "-t", "vfat"];
        args.extend_from_slice(options);
        args.extend_from_slice(&["--size", "64M", "-o", text(&ours)]);
        assert_eq!(run(&args).ok(), "", "{options:?}");
        mkfs_fat(&theirs, 64 << 10, options);
        assert_eq!(fsck_fat(&ours), [""; 0], "{options:?}");
        let (ours, theirs) = (std::fs::read(&ours).unwrap(), std::fs::read(&theirs).unwrap());
        // Sectors, clusters, tables, lengths: all that says where something lies; not the heads of a drive in between.
        for fields in [11..26, 28..36] {
            assert_eq!(ours[fields.clone()], theirs[fields], "{options:?}");
        }
    }
}

#[test]
fn mkfs_refuses_what_it_cannot_do_and_leaves_nothing_behind() {
    let (_dir, image) = place();
    let make = |args: &[&str]| run(&[&["mkfs", "-o", &image], args].concat());
    assert!(make(&["-t", "nofs", "--size", "1M"]).failed().contains("vfat"));
    assert!(make(&["-t", "vfat"]).failed().contains("--size"));
    assert!(make(&["-t", "vfat", "--size", "64M", "-F", "13"]).failed().contains("(EINVAL)"));
    assert!(!Path::new(&image).exists(), "an image that was made for nothing goes again");
    assert!(make(&["-t", "romfs", "--size", "64M"]).failed().contains("--from DIR"));
    for wrong in [&["--size", "1M"][..], &["-t", "vfat", "--size", "lots"], &["-t", "romfs", "-F", "32"]] {
        let run = make(wrong);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.err.starts_with("error: ") && run.err.contains("'--help'"), "{run:?}");
    }
    make(&["-t", "vfat", "--size", "1M"]).ok();
    assert!(make(&["-t", "vfat", "--size", "1M"]).failed().contains("(EEXIST)"));
    make(&["-t", "vfat"]).ok();
    let help = run(&["mkfs", "-t", "vfat", "--help"]).ok();
    assert!(help.contains("-F <UINT>") && help.contains("Examples:"), "{help}");
}

#[test]
fn the_check_names_what_is_wrong_and_ends_as_fsck_does() {
    let (_dir, image) = place();
    mkfs_fat(Path::new(&image), 1440, &["-F", "12"]);
    let check = |args: &[&str]| run(&[&["image", "check", &image], args].concat());
    assert_eq!(check(&[]).ok(), format!("{image}: vfat, clean\n"));
    assert_eq!(check(&["--json"]).ok(), "[]\n");
    // Two clusters that belong to nobody.
    let mut bytes = std::fs::read(&image).unwrap();
    for table in [512, 512 * 10] {
        bytes[table + 15..][..3].copy_from_slice(&[0xff, 0xff, 0xff]);
    }
    std::fs::write(&image, &bytes).unwrap();
    assert_ne!(fsck_fat(Path::new(&image)), [""; 0]);
    let found = check(&[]);
    assert_eq!((found.status, &*found.err), (4, ""), "{found:?}");
    assert!(found.out.lines().count() >= 2 && found.out.contains(" left\n"), "{found:?}");
    assert!(std::fs::read(&image).unwrap() == bytes, "without --repair nothing is written");
    let found = check(&["--json", "--fs", "vfat"]);
    let list: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    assert!(["error", "warning"].contains(&list[0]["severity"].as_str().unwrap()), "{list}");
    assert!(!list[0]["text"].as_str().unwrap().is_empty());
    let repaired = check(&["--repair"]);
    assert_eq!(repaired.status, 1, "{repaired:?}");
    assert!(repaired.out.contains("repaired: ") && repaired.out.ends_with(" 0 left\n"), "{repaired:?}");
    assert_eq!(fsck_fat(Path::new(&image)), [""; 0]);
    assert_eq!(check(&["--repair"]).status, 0);
    blank(Path::new(&image), 4096);
    for failed in [check(&[]), run(&["image", "check", "/none"]), check(&["--part", "3"])] {
        assert_eq!((failed.status, &*failed.out), (8, ""), "{failed:?}");
        assert!(failed.err.starts_with("nxvfs: "), "{failed:?}");
    }
    assert_eq!(run(&["image", "check"]).status, 2);
}

#[test]
fn partitions_are_listed_made_and_checked_by_number() {
    let (_dir, image) = place();
    blank(Path::new(&image), 64 << 20);
    tool::ok("sfdisk", &["-q", &image], "label: gpt\nsize=20M,name=\"a name\"\nsize=30M\n");
    run(&["mkfs", "-t", "vfat", "-o", &image, "--part", "2", "-n", "SECOND"]).ok();
    assert!(run(&["image", "check", "--part", "2", &image]).ok().contains("partition 2: vfat, clean"));
    // The only volume that there is.
    assert!(run(&["image", "check", &image]).ok().contains("partition 2: vfat, clean"));
    run(&["mkfs", "-t", "vfat", "-o", &image, "--part", "1"]).ok();
    let whole = run(&["image", "check", &image]);
    assert_eq!(whole.status, 8);
    assert!(whole.err.contains("1 (vfat, 20M), 2 (vfat 'SECOND', 30M)"), "{whole:?}");
    assert!(whole.err.contains("name one of them"), "{whole:?}");
    both(|link| {
        let attach = format!("attach loop /dev/loop0 file={image}");
        let out = shell(link, &format!("{attach}; partprobe /dev/loop0")).ok();
        assert!(out.starts_with("/dev/loop0: gpt, 2 partitions\nNode "), "{out}");
        assert!(out.contains("/dev/loop0p1   2048    40960 ") && out.contains("a name"), "{out}");
        let list = shell_json(link, &format!("{attach}; partprobe /dev/loop0")).json();
        assert_eq!(list["table"], "gpt");
        assert_eq!(list["partitions"][1]["node"], "/dev/loop0p2");
        assert_eq!(list["partitions"][0]["sectors"], 40960);
        assert!(list["partitions"][0]["reason"].is_null());
        let out = shell(link, &format!("{attach} partitions=no; ls /dev; mkrd 64; partprobe /dev/ram0")).ok();
        assert!(!out.contains("loop0p1") && out.ends_with("/dev/ram0: no table of partitions\n"), "{out}");
    });
}

#[test]
fn mounting_a_volume_that_was_not_unmounted_says_so() {
    let (_dir, image) = place();
    mkfs_fat(Path::new(&image), 1440, &["-F", "12"]);
    let mut bytes = std::fs::read(&image).unwrap();
    bytes[37] |= 1;
    std::fs::write(&image, bytes).unwrap();
    both(|link| {
        let ran = shell(link, &format!("attach loop /dev/loop0 file={image}; mount -t vfat /dev/loop0 /mnt"));
        assert!(ran.status == 0 && ran.err.contains("not unmounted properly"), "{ran:?}");
    });
}

#[test]
fn nsh_mkfatfs_and_the_check_work_on_devices() {
    both(|link| {
        for (options, kind) in [("", "FAT12   "), ("-F 16 -r 256", "FAT16   "), ("-F 32", "FAT32   ")] {
            let sectors = if kind == "FAT12   " { 8192 } else { 140_000 };
            let out = shell_json(
                link,
                &format!(
                    "mkrd {sectors}; mkfatfs {options} /dev/ram0; check /dev/ram0; hexdump -n 96 /dev/ram0"
                ),
            )
            .ok();
            let mut lines = out.lines();
            assert_eq!(lines.next(), Some("[]"), "{out}");
            let hex: String = kind.bytes().map(|b| format!("{b:02x}")).collect();
            assert!(lines.next().unwrap().contains(&hex), "{out}");
        }
        let made = "mkrd 8192; mkfs -t vfat -n LABEL -s 2 /dev/ram0; check -t vfat /dev/ram0";
        assert_eq!(shell(link, made).ok(), "/dev/ram0: vfat, clean\n");
        let said = shell(link, "mkrd 8192; mkfatfs /dev/ram0; mount -t vfat /dev/ram0 /m; mkfatfs /dev/ram0")
            .failed();
        assert!(said.contains("mount /m") && said.contains("(EBUSY)"), "{said}");
        assert!(shell(link, "mkrd 8; mkfatfs -F 13 /dev/ram0").failed().contains("12, 16, 32"));
        assert!(shell(link, "mkrd 8; mkfs /dev/ram0").failed().contains("-t <FS>"));
        assert!(shell(link, "mkrd 8; check /dev/ram0").failed().contains("(EINVAL)"));
        assert!(shell(link, "mkfs -t vfat --help").ok().contains("-F <UINT>"));
    });
}

#[test]
fn cp_to_a_full_volume_says_how_much_there_is_and_leaves_the_volume_sound() {
    let (dir, image) = place();
    std::fs::create_dir(dir.path().join("tree")).unwrap();
    std::fs::write(dir.path().join("tree/big"), vec![7; 2 << 20]).unwrap();
    let rom = dir.path().join("rom.img");
    oracle(Command::new("genromfs").arg("-d").arg(dir.path().join("tree")).arg("-f").arg(&rom), "genromfs");
    both(|link| {
        mkfs_fat(Path::new(&image), 1440, &["-F", "12"]);
        let said = shell(link, &filling(&rom, &image, "loop", "file", "")).failed();
        assert!(
            said.contains("(ENOSPC)") && said.contains("/fat/rom/big") && said.contains("bytes written"),
            "{said}"
        );
        assert_eq!(fsck_fat(Path::new(&image)), [""; 0]);
    });
}

/// Commands that copy all files of a romfs image to a FAT volume.
fn filling(rom: &Path, image: &str, driver: &str, param: &str, more: &str) -> String {
    format!(
        "attach ramdisk-xip /dev/rom0 image={} ro; mount -t romfs /dev/rom0 /rom; \
         attach {driver} /dev/disk {param}={image}{more}; mount -t vfat /dev/disk /fat; \
         cp -r /rom /fat; umount /fat; detach /dev/disk",
        rom.display()
    )
}

/// A tree of so many files with long names of many alphabets, of which mtools know all letters (UTF-16 of one unit).
fn tree(root: &Path, count: usize) {
    let words = [
        "Grüße aus Köln",
        "日本語のファイル",
        "Ελληνικά",
        "файл данных",
        "Łódź, čeština",
        "plain",
        "é combining",
    ];
    for number in 0..count {
        let dir = root.join(format!("{} {}", words[number / 100 % words.len()], number / 100));
        std::fs::create_dir_all(&dir).unwrap();
        let name =
            format!("{} — number {number:05} of a tree with long names.dat", words[number % words.len()]);
        let content: Vec<u8> = (0..number * 7 % 3000).map(|at| (at ^ number) as u8).collect();
        std::fs::write(dir.join(name), content).unwrap();
    }
}

#[test]
fn a_tree_of_10000_files_with_long_unicode_names_goes_in_by_cp_and_comes_out_by_mtools() {
    let (dir, image) = place();
    let source = dir.path().join("tree");
    tree(&source, 10_000);
    let rom = dir.path().join("rom.img");
    oracle(Command::new("genromfs").arg("-d").arg(&source).arg("-f").arg(&rom), "genromfs");
    for (link, driver, param, more) in
        [(Link::Static, "ramdisk-xip", "image", " shared"), (Link::Dynamic, "loop", "file", "")]
    {
        mkfs_fat(Path::new(&image), 96 << 10, &["-F", "32", "-s", "1"]);
        let mut program = nxvfs();
        if link == Link::Dynamic {
            program.arg("--no-builtin");
        }
        let ran =
            program.args(["shell", "-c", &filling(&rom, &image, driver, param, more)]).output().unwrap();
        assert!(ran.status.success() && ran.stderr.is_empty(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(fsck_fat(Path::new(&image)), [""; 0]);
        let out = dir.path().join("out");
        std::fs::create_dir(&out).unwrap();
        tool::ok("mcopy", &["-s", "-n", "-i", &image, "::rom", text(&out)], "");
        oracle(Command::new("diff").arg("-r").arg(&source).arg(out.join("rom")), "diffutils");
        std::fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn a_file_or_directory_can_be_moved_to_another_spelling_of_its_name() {
    both(|link| {
        let (_dir, image) = place();
        mkfs_fat(Path::new(&image), 1440, &[]);
        let moved = format!(
            "attach loop /dev/disk file={image}; mount -t vfat /dev/disk /fat; mkdir /fat/dir; \
             echo content > /fat/dir/file; mv /fat/dir/file /fat/dir/File; mv /fat/dir /fat/Dir; \
             ls /fat /fat/DIR; cat /fat/dir/FILE; echo over > /fat/other; mv /fat/other /fat/DIR/FILE; \
             cat /fat/dir/file; umount /fat"
        );
        let out = shell(link, &moved).ok();
        let told: Vec<&str> = out.lines().skip(4).collect();
        assert_eq!(told, ["/fat:", "Dir", "", "/fat/DIR:", "File", "content", "over"], "{out}");
        assert_eq!(fsck_fat(Path::new(&image)), [""; 0]);
        let copied = format!(
            "attach loop /dev/disk file={image}; mount -t vfat /dev/disk /fat; cp /fat/dir/file /fat/DIR/FILE"
        );
        let refused = shell(link, &copied);
        assert!(refused.status != 0 && refused.err.contains("same file"), "{refused:?}");
    });
}
