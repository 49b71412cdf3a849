//! What each command prints for people.

use std::fs;
use std::process::Command;

use super::run::{Link, RAW_NAME, Rom, both, oracle, shell, shell_bytes};

#[test]
fn sums_are_those_of_sha256sum() {
    let rom = Rom::new();
    let find = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum";
    let expected = oracle(Command::new("sh").args(["-c", find]).current_dir(&rom.tree), "coreutils");
    both(|link| {
        let run = shell_bytes(link, &[], rom.mounted("cd /rom; sha256sum -r .").as_bytes());
        assert_eq!(run.status, 0, "{run:?}");
        let sums = run.bytes.splitn(5, |b| *b == b'\n').nth(4).unwrap();
        assert_eq!(String::from_utf8_lossy(sums), String::from_utf8_lossy(&expected));
    });
}

#[test]
fn cat_prints_the_bytes() {
    let rom = Rom::new();
    let big = fs::read(rom.tree.join("sub/big.bin")).unwrap();
    both(|link| {
        let run = shell_bytes(link, &[], rom.mounted("cat /rom/link /rom/empty").as_bytes());
        assert!(run.status == 0 && run.bytes.ends_with(&big), "the content behind the link");
    });
    let commands = [rom.mounted("cat /rom/").into_bytes(), RAW_NAME.to_vec()].concat();
    assert!(shell_bytes(Link::Static, &[], &commands).ok().ends_with("bytes"));
}

#[test]
fn hexdump_has_the_form_of_its_namesake() {
    let rom = Rom::new();
    let out = rom.shell(Link::Static, "hexdump /rom/hello.txt; hexdump -s 4 -n 0x10 /rom/sub/deep/x");
    let expected = "\
00000000  68 65 6c 6c 6f 20 66 72  6f 6d 20 74 68 65 20 6d  |hello from the m|
00000010  65 64 69 75 6d 0a                                 |edium.|
00000016
00000004  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
00000014
";
    assert_eq!(out, expected);
    let zeros = rom.shell(Link::Static, "hexdump /rom/sub/deep/x; hexdump /rom/empty");
    assert_eq!(zeros.lines().nth(1), Some("*"));
    assert!(
        zeros.ends_with("00 00 00 00                                       |....|\n00000064\n"),
        "{zeros}"
    );
}

#[test]
fn cmp_finds_the_first_difference() {
    let rom = Rom::new();
    both(|link| assert_eq!(rom.shell(link, "cmp /rom/link /rom/sub/big.bin"), ""));
    let run = shell(Link::Static, &rom.mounted("cmp /rom/hello.txt /rom/run.sh"));
    assert!(run.status == 1 && run.out.ends_with("/rom/hello.txt /rom/run.sh differ: byte 1, line 1\n"));
    let run = shell(Link::Static, &rom.mounted("cmp /rom/hello.txt /rom/empty; echo not reached"));
    assert!(run.status == 1 && run.out.ends_with("cmp: EOF on /rom/empty after byte 0\n"), "{run:?}");
}

#[test]
fn names_and_directories() {
    let out = shell(
        Link::Static,
        "pwd; mkdir -p /a/b; mkdir -p /a/b/c; cd /a/b; pwd; cd ..; pwd; ls; rmdir b/c; ls b; cd; pwd; rm -f /x",
    );
    assert_eq!(out.ok(), "/\n/a/b\n/a\nb\n/\n");
    let rom = Rom::new();
    let out = rom.shell(Link::Static, "readlink /rom/link; readlink -f /rom/sub/../link; cd /rom/sub; pwd");
    assert_eq!(out, "sub/big.bin\n/rom/sub/big.bin\n/rom/sub\n");
}

#[test]
fn stat_shows_links_and_their_targets() {
    let rom = Rom::new();
    let out = rom.shell(Link::Static, "stat /rom/link; stat -L /rom/link; stat /dev/ram0");
    assert!(out.contains("  File: /rom/link -> sub/big.bin\n") && out.contains("(0777/lrwxrwxrwx)"), "{out}");
    assert!(out.contains("  Size: 80000 ") && out.contains("Device type: 0,"), "{out}");
}

#[test]
fn mkrd_makes_a_ram_disk() {
    both(|link| {
        let out =
            shell(link, "mkrd -m 3 -s 1024 16; ls /dev/ram3; hexdump -n 16 /dev/ram3; detach /dev/ram3").ok();
        assert!(out.starts_with("/dev/ram3\n00000000  00 "), "{out}");
        let stat = shell(link, "mkrd -s 1024 16; stat /dev/ram0").ok();
        assert!(stat.contains("  Size: 16384 "), "{stat}");
    });
}

#[test]
fn mounts_are_listed_and_measured() {
    let rom = Rom::new();
    both(|link| {
        let out = rom.shell(link, "mount; df; df -h; cd /rom; cd /; umount /rom; mount; detach /dev/ram0");
        assert!(
            out.starts_with("/dev/ram0 on /rom type romfs (ro,nodev,relatime,mmap=xip)\nFilesystem "),
            "{out}"
        );
        assert!(
            out.contains("1K-blocks") && out.contains(" 100% ") && out.trim_end().ends_with("/rom"),
            "{out}"
        );
    });
}

#[test]
fn options_change_and_volumes_go_although_they_are_used() {
    both(|link| {
        let out = shell(
            link,
            "mount -t tmpfs -o noexec /mnt; touch /mnt/f; mount -o remount,ro,sync /mnt; mount; cd /mnt; \
             umount -l /mnt; mount -t tmpfs /mnt; ls .; cd /mnt; ls .; umount -f /mnt; mount",
        )
        .ok();
        let lines: Vec<&str> = out.lines().filter(|l| l.contains(" on ") || *l == "f").collect();
        let options = "none on /mnt type tmpfs (ro,nodev,noexec,sync,relatime,mmap=";
        assert!(lines.len() == 2 && lines[0].starts_with(options) && lines[1] == "f", "{lines:?}");
        let used = shell(link, "mount -t tmpfs /mnt; cd /mnt; umount /mnt");
        assert!(
            used.status == 1 && used.err.contains("working directory") && used.err.contains("EBUSY"),
            "{used:?}"
        );
        let alone = shell(link, "mount -o ro /mnt");
        assert!(alone.status == 1 && alone.err.contains("-t <FS>"), "{alone:?}");
    });
}

#[test]
fn caps_is_a_picture() {
    let rom = Rom::new();
    both(|link| {
        let size = fs::metadata(&rom.image).unwrap().len();
        let picture = format!(
            "/rom  romfs on /dev/ram0 (ramdisk-xip)\n  FIOC_MMAP     yes   the file system tells where its files lie\n  \
             BIOC_XIPBASE  yes   {size} bytes of memory, read-only\n  \
             agreed        xip   the device grants its memory and the file system its extents\n"
        );
        let out = shell(link, &rom.mounted("caps /rom; cd /; caps rom/sub/..")).ok();
        assert_eq!(out, picture.repeat(3));
        let none = shell(link, &rom.attached("mount -t romfs -o mmap=none /dev/ram0 /rom")).ok();
        assert!(none.contains("\n  agreed        none  switched off by mmap=none\n"), "{none}");
    });
}

#[test]
fn explain_and_mmap_tell_where_a_file_lies() {
    let rom = Rom::new();
    let image = fs::read(&rom.image).unwrap();
    both(|link| {
        let out = rom.shell(link, "explain /rom/link; mmap /rom/link 0x1001 32; mmap /rom/hello.txt");
        assert!(out.starts_with("/rom/link  80000 bytes\n  tier    xip\n  reason  "), "{out}");
        let row = out.lines().nth(4).unwrap();
        let numbers: Vec<usize> = row.split_whitespace().map(|n| n.parse().unwrap()).collect();
        assert_eq!((numbers[0], numbers[2]), (0, 80_000));
        let big = fs::read(rom.tree.join("sub/big.bin")).unwrap();
        assert_eq!(image[numbers[1]..][..80_000], big[..]);
        let medium =
            format!("  medium   offset {} of /dev/ram0: the same bytes are there", numbers[1] + 0x1001);
        assert!(out.contains(&medium) && out.contains("\n00001001  "), "{out}");
        assert!(out.contains("|hello from the m|\n00000010  65 64"), "{out}");
        let address = out.lines().find_map(|l| l.strip_prefix("  address  0x")).unwrap();
        let address = usize::from_str_radix(address, 16).unwrap();
        assert_eq!(address % 4096, (numbers[1] + 0x1001) % 4096, "in place: congruent modulo the page");
    });
}

#[test]
fn plugins_come_and_go() {
    let out = shell(Link::Static, "lsmod; rmmod romfs; lsmod; modprobe romfs; lsmod; modinfo romfs").ok();
    assert!(
        out.contains("retired") && out.contains("romfs: removed; modprobe romfs brings it back"),
        "{out}"
    );
    assert!(out.contains("drives:       filesystem romfs"), "{out}");
    let out =
        shell(Link::Dynamic, "lsmod; modprobe romfs; lsmod; rmmod romfs; modinfo ramdisk-xip; lsmod").ok();
    assert!(out.contains("  dynamic  rust  live   filesystem:romfs"), "{out}");
    assert!(out.contains("parameter:    sectors=uint (default \"0\") "), "{out}");
    let file = out.lines().find_map(|l| l.strip_prefix("file:")).expect("a file").trim().to_owned();
    let out = shell(Link::Dynamic, &format!("insmod {file}; lsmod; modinfo {file}")).ok();
    assert!(out.contains("ramdisk-xip  ") && out.contains("  live "), "{out}");
    let replaced = shell(Link::Dynamic, &format!("insmod {file}; insmod --replace {file}; lsmod")).ok();
    assert_eq!(replaced.matches("live").count(), 1, "{replaced}");
}

#[test]
fn losetup_makes_lists_and_ends_disks_over_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("disk.img");
    fs::write(&file, vec![b'h'; 64 * 512]).unwrap();
    let file = file.display();
    let tmp = "mount -t tmpfs /tmp; truncate -s 8K /tmp/disk; cd /tmp";
    both(|link| {
        let out = shell(
            link,
            &format!(
                "losetup; {tmp}; losetup /dev/loop0 disk; losetup -r -o 1K -b 1K --host /dev/loop1 {file}; losetup; \
                 dd if=/dev/loop1 of=/dev/loop0 bs=16 count=1; losetup -d /dev/loop0; hexdump -n 2 disk; losetup"
            ),
        );
        let out = out.ok();
        let one = format!("/dev/loop1: host:{file} from byte 1024 on, 31 sectors of 1024 bytes (ro)\n");
        assert!(
            out.contains(&format!("/dev/loop0: /tmp/disk, 16 sectors of 512 bytes (rw)\n{one}")),
            "{out}"
        );
        assert!(out.contains("68 68") && out.ends_with(&one), "{out}");
    });
    let says = |commands: &str, parts: &[&str]| {
        let said = shell(Link::Static, &format!("{tmp}; {commands}")).failed();
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    };
    says("losetup /dev/loop0 none", &["/tmp/none", "(ENOENT)"]);
    says("losetup /dev/loop0 disk; umount /tmp", &["/tmp", "device /dev/loop0", "(EBUSY)"]);
    says("losetup /dev/loop0 disk; losetup /dev/loop0 disk", &["/dev/loop0", "(EEXIST)"]);
    says("losetup -o 8K /dev/loop0 disk", &["less than one sector", "(ERANGE)"]);
    says("mkrd 8; losetup -d /dev/ram0", &["not a loop device", "detach /dev/ram0", "(EINVAL)"]);
    says("losetup -d /dev/loop0", &["/dev/loop0", "(ENOENT)"]);
    says("losetup /dev/loop0", &["usage: losetup", "(EINVAL)"]);
    says("losetup -r", &["usage: losetup", "(EINVAL)"]);
}

#[test]
fn help_lists_every_command_and_explains_it() {
    let list = shell(Link::Static, "help").ok();
    let (commands, _) = list.split_once("\n\n").unwrap();
    let names: Vec<&str> = commands.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    for name in
        "attach detach mkrd losetup mount umount insmod modprobe rmmod lsmod modinfo ls cat stat cd pwd hexdump cmp \
                 df sha256sum readlink mkdir rmdir rm caps explain mmap source echo help exit set cp mv ln touch \
                 truncate chmod mkfifo mknod dd du time"
            .split_whitespace()
    {
        assert!(names.contains(&name), "{name}");
    }
    for name in names {
        let help = shell(Link::Static, &format!("{name} --help")).ok();
        assert!(help.contains(&format!("Usage: {name}")) && help.contains("\nExample"), "{help}");
        assert_eq!(shell(Link::Static, &format!("help {name}")).ok(), help);
    }
}
