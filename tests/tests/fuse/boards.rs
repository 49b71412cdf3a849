//! A whole board as a folder: devices, /proc, volumes in one another.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

use nxvfs_tests::{Folder, genromfs, tool};

use crate::mounted::Mounted;
use crate::sh;

struct Board {
    folder: Folder,
    rom: std::path::PathBuf,
}

impl Board {
    fn new() -> (Self, Mounted) {
        let folder = Folder::new().file("tree/etc/motd", "welcome\n").file("tree/bin/tool", "x");
        let rom = genromfs(&folder.path().join("tree"), &folder.at("rom.img"));
        tool::mkfs_fat(&folder.at("card.img"), 8 << 10, &[]);
        let text = format!(
            r#"
            [[device]]
            driver = "ramdisk-xip"
            node = "/dev/rom0"
            params = {{ image = "{0}/rom.img", ro = true }}
            [[mount]]
            source = "/dev/rom0"
            target = "/rom"
            type = "romfs"
            [[device]]
            driver = "loop"
            node = "/dev/sd0"
            params = {{ file = "{0}/card.img" }}
            [[mount]]
            source = "/dev/sd0"
            target = "/card"
            type = "vfat"
            [[device]]
            driver = "ramdisk-xip"
            node = "/dev/ram0"
            params = {{ sectors = 256 }}
            [[tmp]]
            path = "/tmp"
            size = "1M"
            [[link]]
            path = "/etc"
            target = "/rom/etc"
            "#,
            folder.path().display()
        );
        fs::write(folder.at("board.toml"), text).unwrap();
        let mount = Mounted::new(&["--board", tool::text(&folder.at("board.toml"))]);
        (Self { folder, rom }, mount)
    }
}

#[test]
fn volumes_links_and_directories_are_where_the_board_says() {
    let (board, mount) = Board::new();
    assert_eq!(sh(mount.path(), "ls"), "card\ndev\netc\nproc\nrom\ntmp\n");
    assert_eq!(fs::read_link(mount.at("etc")).unwrap().to_str(), Some("/rom/etc"));
    assert_eq!(fs::read_to_string(mount.at("rom/etc/motd")).unwrap(), "welcome\n");
    fs::write(mount.at("card/Name"), "on the card").unwrap();
    assert_eq!(fs::read_to_string(mount.at("card/NAME")).unwrap(), "on the card");
    sh(
        mount.path(),
        "mkdir tmp/d; cp -r rom/etc tmp/d; cmp tmp/d/etc/motd rom/etc/motd; find . -ls >/dev/null",
    );
    assert_eq!(
        fs::rename(mount.at("tmp/d"), mount.at("card/d")).unwrap_err().kind(),
        ErrorKind::CrossesDevices
    );
    assert_eq!(
        fs::hard_link(mount.at("card/Name"), mount.at("tmp/x")).unwrap_err().kind(),
        ErrorKind::CrossesDevices
    );
    // A mount point of the board is no directory that could be taken away.
    assert_eq!(fs::remove_dir(mount.at("tmp")).unwrap_err().kind(), ErrorKind::ResourceBusy);
    assert_eq!(fs::rename(mount.at("tmp"), mount.at("tmp2")).unwrap_err().kind(), ErrorKind::ResourceBusy);
    // A volume that is full, beside others that are not.
    let full = fs::write(mount.at("tmp/full"), vec![1; 2 << 20])
        .and_then(|()| fs::File::open(mount.at("tmp/full"))?.sync_all());
    assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
    fs::write(mount.at("card/more"), vec![2; 1 << 20]).unwrap();
    // The host's own tree takes files and directories, too.
    fs::create_dir(mount.at("new")).unwrap();
    fs::write(mount.at("new/file"), "in the host's own tree").unwrap();
    assert_eq!(fs::read_to_string(mount.at("new/file")).unwrap(), "in the host's own tree");
    // No two files of the whole tree share a number, though their volumes number alike.
    let mut numbers: Vec<u64> = sh(mount.path(), "find . -path ./proc -prune -o -printf '%i\\n'")
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count);
    mount.unmount();
    assert_eq!(tool::fsck_fat(&board.folder.at("card.img")), [""; 0]);
    assert_eq!(tool::mtype(&board.folder.at("card.img"), "Name"), b"on the card");
}

#[test]
fn device_nodes_are_files_that_hold_the_medium() {
    let (board, mount) = Board::new();
    let rom = mount.at("dev/rom0");
    let metadata = rom.metadata().unwrap();
    let image = fs::read(&board.rom).unwrap();
    assert!(metadata.is_file());
    for entry in fs::read_dir(mount.at("dev")).unwrap() {
        let entry = entry.unwrap();
        // A listing tells the type that the attributes have.
        assert_eq!(entry.file_type().unwrap(), entry.metadata().unwrap().file_type(), "{entry:?}");
    }
    assert_eq!(metadata.len(), image.len() as u64);
    sh(mount.path(), &format!("dd if=dev/rom0 of={}/copy bs=64k status=none", board.folder.path().display()));
    assert_eq!(fs::read(board.folder.at("copy")).unwrap(), image);
    let mut head = [0; 8];
    fs::File::open(&rom).unwrap().read_exact_at(&mut head, 0).unwrap();
    assert_eq!(&head, b"-rom1fs-");
    // One that may be written.
    let ram = fs::File::options().read(true).write(true).open(mount.at("dev/ram0")).unwrap();
    assert_eq!(ram.metadata().unwrap().len(), 256 * 512);
    ram.write_all_at(b"in the middle of a sector", 1000).unwrap();
    ram.sync_all().unwrap();
    let mut seen = [0; 25];
    ram.read_exact_at(&mut seen, 1000).unwrap();
    assert_eq!(&seen, b"in the middle of a sector");
    assert_eq!(ram.write_at(b"x", 256 * 512).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(ram.read_at(&mut seen, 256 * 512).unwrap(), 0);
    drop(ram);
    sh(mount.path(), "echo first > dev/ram0; head -c 5 dev/ram0 | grep -q first");
    // One that is mounted may not.
    let busy = fs::File::options().write(true).open(mount.at("dev/sd0")).unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::ResourceBusy);
    // What nobody may read without waiting does not hang.
    fs::write(mount.at("dev/null"), "gone").unwrap();
    assert_eq!(fs::read(mount.at("dev/null")).unwrap(), b"");
    let mut zero = [1; 100];
    fs::File::open(mount.at("dev/zero")).unwrap().read_exact(&mut zero).unwrap();
    assert_eq!(zero, [0; 100]);
    mount.unmount();
}

#[test]
fn texts_of_proc_can_be_read_by_any_program() {
    let (_board, mount) = Board::new();
    let text = |name: &str| {
        let text = fs::read_to_string(mount.at(&format!("proc/{name}"))).unwrap();
        assert_eq!(
            sh(mount.path(), &format!("cat proc/{name} | head -c 100000 | wc -l")).trim(),
            text.lines().count().to_string()
        );
        text
    };
    for part in ["/dev/rom0 /rom romfs ro", "/dev/sd0 /card vfat", "/tmp tmpfs"] {
        assert!(text("mounts").contains(part), "{part}: {}", text("mounts"));
    }
    assert!(text("devices").contains("/dev/ram0 ramdisk-xip 512 256 rw"), "{}", text("devices"));
    assert!(text("version").starts_with("nxvfs version "));
    assert!(text("meminfo").contains("FilesMax:"));
    assert!(text("modules").contains("vfat"));
    // Made anew for each reader.
    let uptime = |file: &mut fs::File| {
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text.trim().parse::<f64>().unwrap()
    };
    let mut file = fs::File::open(mount.at("proc/uptime")).unwrap();
    let first = uptime(&mut file);
    assert!(uptime(&mut fs::File::open(mount.at("proc/uptime")).unwrap()) >= first);
    drop(file);
    let written =
        fs::File::options().write(true).open(mount.at("proc/version")).and_then(|mut f| f.write_all(b"x"));
    assert!(written.is_err());
    assert!(fs::write(mount.at("proc/new"), "x").is_err());
    assert!(mount.at("proc/self/fd").is_dir());
    assert!(mount.at("proc").metadata().unwrap().nlink() > 0);
    mount.unmount();
}
