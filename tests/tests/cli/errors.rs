//! What is said when something fails: one sentence, with what to do and the errno's name.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::run::{Link, Rom, both, oracle, shell, shell_json};

/// Commands fail with a sentence that has all the parts.
#[track_caller]
fn says(link: Link, commands: &str, parts: &[&str]) {
    let run = shell(link, commands);
    let said = run.failed();
    assert!(said.starts_with("nxvfs: ") && said.ends_with(")\n") && said.lines().count() == 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "'{part}' is not in: {said}");
    }
}

#[test]
fn a_missing_node_and_an_unknown_file_system() {
    let rom = Rom::new();
    both(|link| {
        says(link, "mount -t romfs /dev/ram9 /rom", &["/dev/ram9", "attach DRIVER", "(ENOTBLK)"]);
        says(
            link,
            &rom.attached("mount -t ext9 /dev/ram0 /rom"),
            &["ext9", "one of hostfs", "romfs", "(ENODEV)"],
        );
        says(link, "attach nodriver /dev/x", &["nodriver", "ramdisk-xip", "(ENODEV)"]);
        says(link, "modprobe nothing", &["nothing", "(ENOENT)"]);
    });
}

#[test]
fn unknown_options_and_parameters() {
    let rom = Rom::new();
    both(|link| {
        says(link, &rom.attached("mount -t romfs -o colour=red /dev/ram0 /rom"), &["colour", "(EINVAL)"]);
        says(
            link,
            &rom.attached("mount -t romfs -o mmap=fast /dev/ram0 /rom"),
            &["'fast'", "auto, xip, ram or none"],
        );
        says(link, "attach ramdisk-xip /dev/ram0 speed=9", &["speed", "sectors", "(EINVAL)"]);
        says(link, "attach ramdisk-xip /dev/ram0 sectors=many", &["sectors", "many", "(EINVAL)"]);
        says(link, "attach ramdisk-xip /dev/ram0 image=/no/such/file", &["/no/such/file", "(ENOENT)"]);
    });
}

#[test]
fn a_vfat_image_is_no_romfs() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("fat.img");
    fs::write(&image, vec![0; 1 << 20]).unwrap();
    oracle(Command::new("/usr/sbin/mkfs.fat").arg(&image), "dosfstools");
    let commands =
        format!("attach ramdisk-xip /dev/ram0 image={}; mount -t romfs /dev/ram0 /x", image.display());
    both(|link| {
        says(link, &commands, &["mount /dev/ram0 on /x as romfs", "sector 0", "try -t vfat", "(EINVAL)"]);
        let error: Value = serde_json::from_str(&shell_json(link, &commands).failed()).unwrap();
        assert_eq!(error["error"]["errno"], "EINVAL");
        assert_eq!(error["error"]["where"], "sector 0");
        assert!(error["error"]["remedy"].as_str().unwrap().contains("vfat"));
    });
}

#[test]
fn what_is_in_use_stays_and_names_its_users() {
    let rom = Rom::new();
    both(|link| {
        says(link, &rom.mounted("cd /rom/sub; umount /rom"), &["working directory of task 1", "(EBUSY)"]);
        says(link, &rom.mounted("detach /dev/ram0"), &["mount /rom", "(EBUSY)"]);
        says(link, &rom.mounted("rmmod romfs"), &["mount /rom", "(EBUSY)"]);
        says(link, &rom.attached("rmmod ramdisk-xip"), &["device /dev/ram0", "(EBUSY)"]);
        says(link, &rom.mounted("mount -t romfs /dev/ram0 /rom"), &["mounted there already", "(EBUSY)"]);
        says(link, &rom.attached("mkrd 8"), &["/dev/ram0", "(EEXIST)"]);
    });
}

#[test]
fn files_that_are_not_there_or_not_such() {
    let rom = Rom::new();
    for (command, parts) in [
        ("ls /rom/nothing", ["ls: no such file", "'nothing'", "(ENOENT)"]),
        ("cat /rom/sub", ["cat: is a directory", "/rom/sub", "(EISDIR)"]),
        ("cd /rom/hello.txt", ["cd: ", "/rom/hello.txt", "(ENOTDIR)"]),
        ("readlink /rom/hello.txt", ["not a symbolic link", "/rom/hello.txt", "(EINVAL)"]),
        ("rm /rom/hello.txt", ["rm: ", "read-only", "(EROFS)"]),
        ("mkdir /rom/new", ["mkdir: ", "read-only", "(EROFS)"]),
        ("caps /rom/sub", ["nothing is mounted there", "/rom/sub", "(EINVAL)"]),
        ("umount /dev", ["nothing is mounted there", "/dev", "(EINVAL)"]),
        ("explain /rom/sub", ["cannot be mapped", "/rom/sub", "(ENODEV)"]),
        ("mmap /rom/hello.txt 9999", ["beyond the end", "22 bytes", "(ENXIO)"]),
        ("mmap /rom/hello.txt 0 0", ["no bytes", "/rom/hello.txt", "(EINVAL)"]),
        ("stat /rom/hello.txt/x", ["stat: ", "hello.txt", "(ENOTDIR)"]),
        ("rmmod nothing", ["nothing", "romfs", "(ENOENT)"]),
        ("insmod /etc/passwd", ["/etc/passwd", "ELF", "(ENOEXEC)"]),
        ("source /no/script", ["/no/script", "no such file", "(ENOENT)"]),
    ] {
        says(Link::Static, &rom.mounted(command), &parts);
    }
}

#[test]
fn wrong_words_are_a_failure_of_the_command() {
    for (command, parts) in [
        ("ls -Z", ["ls: unexpected argument '-Z'", "usage: ls", "(EINVAL)"]),
        ("attach", ["<DRIVER> <NODE>", "usage: attach", "(EINVAL)"]),
        ("mount -t romfs", ["mount: ", "usage: mount [-t FS", "(EINVAL)"]),
        ("mount /dev/ram0 /rom", ["-t <FS>", "usage: mount", "(EINVAL)"]),
        ("mkrd many", ["mkrd: ", "many", "(EINVAL)"]),
        ("hexdump -s 09 /x", ["hexdump: ", "09", "(EINVAL)"]),
        ("lss", ["no such command", "'lss'", "(ENOENT)"]),
        ("help lss", ["no such command", "'help'", "(ENOENT)"]),
        ("echo 'open", ["unbalanced quote", "close it", "(EINVAL)"]),
        ("ls | cat", ["no pipes", "'|'", "(EINVAL)"]),
    ] {
        says(Link::Static, command, &parts);
    }
}

#[test]
fn one_bad_name_does_not_hide_the_others() {
    let rom = Rom::new();
    for command in ["cat", "ls", "stat", "sha256sum", "explain"] {
        for link in [Link::Static, Link::Dynamic] {
            let run =
                shell(link, &rom.mounted(&format!("{command} /rom/no /rom/hello.txt; echo not reached")));
            assert_eq!(run.status, 1, "{run:?}");
            assert!(run.err.contains("/rom/no") && run.err.lines().count() == 1, "{run:?}");
            assert!(run.out.contains("hello") && !run.out.contains("not reached"), "{run:?}");
        }
    }
}
