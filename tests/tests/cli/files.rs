//! Files that are made, copied, moved and taken away, on a volume in memory.

use std::fs;

use super::run::{Link, Rom, after_caps, both, shell, shell_json};

/// What commands print that run after a tmpfs was mounted on /tmp.
#[track_caller]
fn tmp(link: Link, commands: &str) -> String {
    after_caps(&shell(link, &format!("mount -t tmpfs /tmp; {commands}")).ok())
}

/// The sentences of commands that fail after a tmpfs was mounted on /tmp.
#[track_caller]
fn fails(link: Link, commands: &str) -> String {
    shell(link, &format!("mount -t tmpfs /tmp; {commands}")).failed()
}

#[test]
fn a_tree_is_copied_from_a_read_only_volume_as_it_is() {
    let rom = Rom::new();
    both(|link| {
        let commands = "mount -t tmpfs /tmp; cp -r /rom /tmp/copy; cd /rom; sha256sum -r . > /tmp/a; \
            cd /tmp/copy; sha256sum -r . > /tmp/b; cmp /tmp/a /tmp/b; cat /tmp/b";
        let out = after_caps(&rom.shell(link, commands));
        assert_eq!(out.lines().count(), 8, "{out}");
        let big = "dd if=/rom/link of=/tmp/big bs=3K; cmp /rom/sub/big.bin /tmp/big";
        assert_eq!(
            after_caps(&rom.shell(link, &format!("mount -t tmpfs /tmp; {big}"))),
            "80000 bytes copied\n"
        );
        let one = "mount -t tmpfs /tmp; cp /rom/link /tmp; cp -r /rom/link /tmp/l; readlink /tmp/l; \
            cmp /tmp/link /rom/sub/big.bin; mv /tmp/link /tmp/m; cp /rom/run.sh /tmp; ls -l /tmp";
        let out = after_caps(&rom.shell(link, one));
        assert!(out.starts_with("sub/big.bin\n") && out.contains("\nlrwxrwxrwx "), "{out}");
        assert!(
            out.contains("\n-rw-r--r-- 1 0 0 80000 ") && out.contains("\n-rwxr-xr-x 1 0 0    10 "),
            "{out}"
        );
    });
}

#[test]
fn what_is_moved_to_another_volume_arrives_whole_and_is_gone() {
    both(|link| {
        let out = tmp(
            link,
            "mkdir -p /tmp/d/e; echo one > /tmp/d/e/f; chmod 4750 /tmp/d/e/f; ln -s e/f /tmp/d/l; \
             mount -t tmpfs -o size=1M none /q > /tmp/caps; mv /tmp/d /q/new; ls /tmp; ls -l /q/new/e; cat /q/new/l",
        );
        assert!(out.starts_with("caps\ntotal 4\n-rwsr-x--- 1 0 0 4 ") && out.ends_with(" f\none\n"), "{out}");
        let out = tmp(
            link,
            "echo a > /tmp/a; echo b > /tmp/b; mv -n /tmp/a /tmp/b; cat /tmp/b; mv /tmp/a /tmp/b; cat /tmp/b; \
             ln /tmp/b /tmp/c; mv /tmp/b /tmp/c; mkdir /tmp/d; touch /tmp/e; mv /tmp/c /tmp/e /tmp/d; ls -R /tmp",
        );
        assert_eq!(out, "b\na\n/tmp:\nd\n\n/tmp/d:\nc\ne\n");
    });
}

#[test]
fn names_and_attributes() {
    let out = tmp(
        Link::Static,
        "touch /tmp/a; truncate -s 8K /tmp/a /tmp/b; ln /tmp/a /tmp/h; ln -s x /tmp/s; ln -s -f y /tmp/s; \
         readlink /tmp/s; chmod 600 /tmp/a; mkfifo /tmp/f; mknod /tmp/c c 5 1; ls -l /tmp; ln -f /tmp/b /tmp/h; \
         cmp /tmp/a /tmp/b",
    );
    assert!(out.starts_with("y\ntotal 0\n-rw------- 2 0 0 8192 "), "{out}");
    assert!(out.contains("\nprw-r--r-- 1 ") && out.contains("\ncrw-r--r-- 1 0 0 5, 1 "), "{out}");
    let out = shell(
        Link::Static,
        "mkdir /run; mkfifo /run/f; mknod /run/p p; ls -l /run; rm /run/f /run/p; ls /run",
    )
    .ok();
    assert_eq!(out.matches("prw-r--r-- 1 0 0 ").count(), 2, "{out}");
    assert!(out.trim_end().ends_with("p"), "nothing is left: {out}");
    let stat = tmp(Link::Static, "mkdir /tmp/d; touch /tmp/d; touch /tmp/x; stat /tmp/d");
    assert!(stat.contains("directory"), "{stat}");
    let out = tmp(
        Link::Static,
        "mkdir /tmp/d; echo 1 > /tmp/d/a; ln /tmp/d/a /tmp/d/b; du /tmp; du -sh /tmp /tmp/d/a",
    );
    assert_eq!(out, "4\t/tmp/d\n4\t/tmp\n4.0K\t/tmp\n", "a file with two names counts once");
    let gone = tmp(
        Link::Static,
        "mkdir -p /tmp/d/e/f; touch /tmp/d/x; ln -s /tmp/d /tmp/l; rm -r -f /tmp/l /tmp/none; \
        ls /tmp; rm -r /tmp/d; ls /tmp",
    );
    assert_eq!(gone, "d\n");
}

#[test]
fn dd_copies_blocks() {
    let out = tmp(
        Link::Static,
        "echo 0123456789 > /tmp/a; echo abcdefghij > /tmp/b; dd if=/tmp/a of=/tmp/b bs=2 skip=1 seek=2 count=2; \
         cat /tmp/b; echo; mkrd 8 ; dd if=/tmp/a of=/dev/ram0 bs=512 seek=1; hexdump -s 512 -n 4 /dev/ram0",
    );
    assert!(out.starts_with("4 bytes copied\nabcd2345\n11 bytes copied\n00000200  30 31 32 33 "), "{out}");
    let json = shell_json(
        Link::Static,
        "mount -t tmpfs /tmp; truncate -s 9 /tmp/a; dd if=/tmp/a of=/tmp/b; du -s /tmp",
    );
    assert!(
        json.ok()
            .ends_with("{\"path\":\"/tmp/b\",\"len_bytes\":9}\n[{\"path\":\"/tmp\",\"size_bytes\":4096}]\n")
    );
}

#[test]
fn output_goes_to_files() {
    both(|link| {
        let out = tmp(
            link,
            "echo one > /tmp/a; echo two >>/tmp/a; cat /tmp/a>'/tmp/b c'; cat '/tmp/b c'; echo -n > /tmp/a; \
             ls /tmp >> /tmp/a; cat /tmp/a; echo 'a > b'",
        );
        assert_eq!(out, "one\ntwo\na\nb c\na > b\n");
    });
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("script");
    fs::write(&script, "echo in\npwd > /tmp/pwd\necho end\n").unwrap();
    let out =
        tmp(Link::Static, &format!("source {} > /tmp/all; echo -; cat /tmp/pwd /tmp/all", script.display()));
    assert_eq!(out, "-\n/\nin\nend\n", "an inner redirection ends before the outer one");
    let run = shell_json(Link::Static, "mount -t tmpfs /tmp; pwd > /tmp/a; cat /tmp/a");
    assert!(run.ok().trim_end().ends_with(r#""text":"{\"path\":\"/\"}\n"}"#), "documents go to files, too");
}

#[test]
fn nothing_stays_open() {
    let out = tmp(
        Link::Static,
        "mkdir /tmp/d; echo a > /tmp/d/a; cp -r /tmp/d /tmp/e; dd if=/tmp/d/a of=/tmp/b; mkrd 8; cp /tmp/b /dev/ram0; \
         mv /tmp/e /tmp/f; du /tmp >> /tmp/b; rm -r /tmp/f; touch /tmp/g; umount /tmp; detach /dev/ram0",
    );
    assert_eq!(out, "2 bytes copied\n", "a descriptor would keep its volume or device");
}

#[test]
fn time_tells_how_long_it_took() {
    let out = tmp(Link::Static, "time echo a 'b  c'; time 'echo d > /tmp/d; cat /tmp/d'");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0] == "a b  c" && lines[1].is_empty() && lines[2].ends_with(" sec"), "{out}");
    assert!(lines[3] == "d" && lines[5].ends_with(" sec"), "{out}");
    let run = shell(Link::Static, "time ls /none; echo not reached");
    assert!(run.status == 1 && run.out.ends_with(" sec\n") && run.err.contains("(ENOENT)"), "{run:?}");
    assert_eq!(shell(Link::Static, "time exit 3").status, 3);
}

#[test]
fn what_does_not_fit_is_told_with_the_file_and_how_much_is_there() {
    both(|link| {
        let full = "mount -t tmpfs -o size=8K none /q; truncate -s 3M /tmp/a; ";
        for command in [
            "cp /tmp/a /q/b",
            "mv /tmp/a /q/b",
            "cat /tmp/a > /q/b",
            "dd if=/tmp/a of=/q/b",
            "cp -r /tmp /q/t",
        ] {
            let said = fails(link, &format!("{full}{command}"));
            assert!(said.contains(": /q/") && said.contains("found 8192 bytes written"), "{said}");
            assert!(said.ends_with("(ENOSPC)\n") && said.lines().count() == 1, "{said}");
        }
        let said = fails(
            link,
            "mount -t tmpfs -o nr_inodes=3 none /q; mkdir /tmp/d; touch /tmp/d/a /tmp/d/b /tmp/d/c; \
            cp -r /tmp/d /q; echo not reached",
        );
        assert_eq!(said.lines().count(), 2, "the rest is tried: {said}");
        assert!(said.contains("/q/d/b") && said.contains("/q/d/c"), "{said}");
    });
}

#[test]
fn refusals_name_what_is_wrong() {
    for (commands, parts) in [
        ("mkdir /tmp/d; cp -r /tmp/d /tmp/d/e", ["cannot go into itself", "(EINVAL)"]),
        ("mkdir /tmp/d; cp -r /tmp/d /tmp/d", ["cannot go into itself", "(EINVAL)"]),
        ("mkdir /tmp/d; mv /tmp/d /tmp/d/e", ["cannot go into itself", "(EINVAL)"]),
        ("touch /tmp/a; cp /tmp/a /tmp/a", ["the same file", "(EINVAL)"]),
        ("touch /tmp/a; ln -s a /tmp/b; cp /tmp/b /tmp/a", ["the same file", "(EINVAL)"]),
        ("touch /tmp/a; mv /tmp/a /tmp/a", ["the same file", "(EINVAL)"]),
        ("mkdir /tmp/d; cp /tmp/d /tmp/e", ["-r takes it", "(EISDIR)"]),
        ("mkdir /tmp/d; rm /tmp/d", ["-r takes it", "(EISDIR)"]),
        ("mkdir /tmp/d; touch /tmp/f; cp -r /tmp/d /tmp/f", ["cannot replace a file", "(ENOTDIR)"]),
        ("touch /tmp/a /tmp/b /tmp/c; cp /tmp/a /tmp/b /tmp/c", ["a directory for several", "(ENOTDIR)"]),
        ("touch /tmp/a; rm -r /tmp", ["umount /tmp first", "(EBUSY)"]),
        ("mkdir /tmp/d; ln -s d /tmp/l; rm -r /tmp/l/", ["/tmp/l/", "(ENOTDIR)"]),
        ("mkdir /tmp/d; ln -s d /tmp/l; mv /tmp/l/ /tmp/m", ["/tmp/l/", "(ENOTDIR)"]),
        ("rm -r -f /", ["taken away", "(EINVAL)"]),
        ("echo a > /tmp/none/b", ["redirection: ", "(ENOENT)"]),
        ("echo a > /tmp/a; cat /tmp/a >> /tmp/a", ["file that is read", "(EINVAL)"]),
        ("ls > /tmp/a > /tmp/b", ["at most one '>'", "(EINVAL)"]),
        ("ls 2> /tmp/a", ["only standard output", "(EINVAL)"]),
        ("> /tmp/a", ["no command before", "(EINVAL)"]),
        ("ls >", ["no file after", "(EINVAL)"]),
        ("touch /tmp/a; ln -f /tmp/none /tmp/a", ["'none'", "(ENOENT)"]),
        ("chmod 8 /tmp", ["octal", "(EINVAL)"]),
        ("dd if=/tmp/a", ["of= is missing", "(EINVAL)"]),
        ("dd if=/tmp of=/tmp/b", ["is a directory", "(EISDIR)"]),
        ("mknod /tmp/c c 5", ["<MINOR>", "(EINVAL)"]),
    ] {
        let said = fails(Link::Static, commands);
        assert!(said.lines().count() == 1 && parts.iter().all(|p| said.contains(p)), "{commands}: {said}");
    }
}

#[test]
fn a_folder_of_the_operating_system_is_mounted_and_changed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/a"), "from outside\n").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("out")).unwrap();
    both(|link| {
        let mount = format!("mount -t hostfs -o path={} none /host", folder.path().display());
        let out = shell(
            link,
            &format!(
                "{mount}; cat /host/sub/a; echo inside > /host/new; cp -r /host/sub /host/copy; mv /host/new /tmp.txt; \
                 cat /tmp.txt; readlink /host/out; rm -r /host/copy; mount"
            ),
        )
        .ok();
        let (_, out) = out.split_once("from outside\n").expect("the file");
        assert!(out.starts_with("inside\n/etc/hostname\nnone on /host type hostfs (rw,"), "{out}");
        assert!(!folder.path().join("new").exists() && !folder.path().join("copy").exists());
        let said = shell(link, &format!("{mount}; cat /host/out")).failed();
        assert!(said.contains("(ENOENT)"), "the link leads into the VFS: {said}");
        let said = shell(link, "mount -t hostfs none /host").failed();
        assert!(said.contains("path=/some/folder") && said.contains("(EINVAL)"), "{said}");
        let said = shell(link, &format!("{}; touch /host/x", mount.replace("-o ", "-o ro,"))).failed();
        assert!(said.contains("(EROFS)"), "{said}");
    });
}
