//! Nodes of all types, their links and their owners.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::{UnixListener, UnixStream};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, makedev, mknodat, utimensat};

use super::alike;

#[test]
fn hard_links_share_a_node() {
    alike(|t| {
        fs::write(t.at("a"), "shared").unwrap();
        t.done("link", fs::hard_link(t.at("a"), t.at("b")));
        t.stat("a");
        t.note("same", t.at("a").metadata().unwrap().ino() == t.at("b").metadata().unwrap().ino());
        fs::create_dir(t.at("d")).unwrap();
        t.done("link of a directory", fs::hard_link(t.at("d"), t.at("e")));
        t.done("link over a name", fs::hard_link(t.at("a"), t.at("b")));
        fs::File::options().append(true).open(t.at("b")).unwrap().write_all(b" more").unwrap();
        t.note("by the other name", fs::read_to_string(t.at("a")).unwrap());
        t.done("unlink", fs::remove_file(t.at("a")));
        t.stat("b");
        symlink("b", t.at("s")).unwrap();
        t.done("link of a link", fs::hard_link(t.at("s"), t.at("s2")));
        t.stat("s");
        t.stat("s2");
    });
}

#[test]
fn symbolic_links_are_kept_and_followed() {
    alike(|t| {
        fs::write(t.at("file"), "here").unwrap();
        symlink("file", t.at("short")).unwrap();
        symlink("missing", t.at("dangling")).unwrap();
        symlink("loop2", t.at("loop")).unwrap();
        symlink("loop", t.at("loop2")).unwrap();
        let long = "x/".repeat(2000);
        t.done("a long one", symlink(&long, t.at("long")));
        for name in ["short", "dangling", "loop", "long"] {
            t.stat(name);
            let led = fs::read_link(t.at(name)).unwrap();
            t.note(name, led.as_os_str().len());
            t.done(name, fs::read(t.at(name)));
        }
        t.done("made through a dangling one", fs::write(t.at("dangling"), "made"));
        t.stat("missing");
        t.done("owner of the link", lchown(t.at("short"), Some(7), Some(8)));
        t.stat("short");
        t.stat("file");
        for i in 0..45 {
            symlink(format!("chain{i}"), t.at(&format!("chain{}", i + 1))).unwrap();
        }
        fs::write(t.at("chain0"), "end").unwrap();
        t.done("40 links", fs::read(t.at("chain40")));
        t.done("41 links", fs::read(t.at("chain41")));
        t.done("an empty target", symlink("", t.at("empty")));
    });
}

#[test]
fn special_nodes_are_made_and_work() {
    alike(|t| {
        let mode = Mode::from_raw_mode(0o644);
        let node = |path: &std::path::Path, kind, major, minor| {
            mknodat(CWD, path, kind, mode, makedev(major, minor))
        };
        let null = node(&t.at("null"), FileType::CharacterDevice, 1, 3);
        t.call("null", null);
        let large = node(&t.at("large"), FileType::BlockDevice, 0xfff, 0xf_ffff);
        t.call("large numbers", large);
        let file = node(&t.at("file"), FileType::RegularFile, 0, 0);
        t.call("a file", file);
        let fifo = node(&t.at("fifo"), FileType::Fifo, 0, 0);
        t.call("a FIFO", fifo);
        for name in ["null", "large", "file", "fifo"] {
            t.stat(name);
        }
        t.done("write to null", fs::write(t.at("null"), "gone"));
        t.note("null", fs::read(t.at("null")).unwrap());
        t.note("kind", t.at("null").metadata().unwrap().file_type().is_char_device());
        let path = t.at("fifo");
        let writer = std::thread::spawn(move || fs::write(path, "through"));
        t.note("FIFO", fs::read_to_string(t.at("fifo")).unwrap());
        writer.join().unwrap().unwrap();
        let listener = UnixListener::bind(t.at("sock")).unwrap();
        t.stat("sock");
        let mut client = UnixStream::connect(t.at("sock")).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"hello").unwrap();
        let mut got = [0; 5];
        server.read_exact(&mut got).unwrap();
        t.note("socket", got);
        t.done("open of a socket", fs::File::open(t.at("sock")));
        t.done("two of a name", UnixListener::bind(t.at("sock")));
        t.done("unlink", fs::remove_file(t.at("sock")));
        t.done("connect", UnixStream::connect(t.at("sock")));
    });
}

#[test]
fn modes_and_owners_follow_the_rules_of_set_id_and_sticky() {
    alike(|t| {
        let chmod = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        fs::create_dir(t.at("sticky")).unwrap();
        chmod(t.at("sticky"), 0o1777).unwrap();
        chown(t.at("sticky"), Some(5), Some(6)).unwrap();
        t.stat("sticky");
        fs::write(t.at("sticky/of-root"), "x").unwrap();
        t.nobody("rm -f sticky/of-root; echo mine > sticky/mine; mv sticky/mine sticky/still; stat -c '%u %g %a' sticky/still");
        t.nobody("mv sticky/of-root sticky/other");
        fs::create_dir(t.at("setgid")).unwrap();
        chown(t.at("setgid"), None, Some(77)).unwrap();
        chmod(t.at("setgid"), 0o2777).unwrap();
        fs::create_dir(t.at("setgid/dir")).unwrap();
        fs::write(t.at("setgid/file"), "").unwrap();
        t.stat("setgid/dir");
        t.stat("setgid/file");
        t.nobody("mkdir setgid/theirs; touch setgid/file2; stat -c '%A %u %g' setgid/theirs setgid/file2");
        // Who writes to a set-id file takes the bits away, unless it is root; so does a change of its owner.
        fs::write(t.at("tool"), "x").unwrap();
        chmod(t.at("tool"), 0o6777).unwrap();
        t.sh("echo y >> tool");
        t.stat("tool");
        t.nobody("echo z >> tool");
        t.stat("tool");
        chmod(t.at("tool"), 0o6755).unwrap();
        chown(t.at("tool"), Some(3), None).unwrap();
        t.stat("tool");
        chmod(t.at("tool"), 0o2745).unwrap();
        chown(t.at("tool"), Some(4), Some(4)).unwrap();
        t.stat("tool");
        chmod(t.at("tool"), 0o6777).unwrap();
        t.nobody("truncate -s 1 tool");
        t.stat("tool");
        // A group that is not theirs.
        chown(t.at("tool"), Some(65534), Some(4)).unwrap();
        t.nobody("chmod 2755 tool; chown 0 tool; chgrp 4 tool; chgrp 65534 tool; chmod 2755 tool");
        t.stat("tool");
        t.sh("(umask 077; mkdir u; touch u/f; mkfifo u/p); stat -c '%A' u u/f u/p");
        t.nobody("(umask 0; mkdir sticky/u0; touch sticky/u0/f); stat -c '%A' sticky/u0 sticky/u0/f");
    });
}

#[test]
fn times_are_kept_to_the_nanosecond() {
    alike(|t| {
        fs::write(t.at("f"), "x").unwrap();
        symlink("f", t.at("l")).unwrap();
        let at = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        for (access, modified) in [
            (at(1_234_567_890, 123_456_789), at(-1, 999_999_995)),
            (at(0, 0), at(-1_000_000_000, 1)),
            (at(0, 1), at(5_000_000_000, 999_999_999)),
        ] {
            let times = Timestamps { last_access: access, last_modification: modified };
            let (file, link) = (
                utimensat(CWD, t.at("f"), &times, AtFlags::empty()),
                utimensat(CWD, t.at("l"), &times, AtFlags::SYMLINK_NOFOLLOW),
            );
            t.call("utimensat", file);
            t.call("of the link", link);
            for name in ["f", "l"] {
                let m = t.at(name).symlink_metadata().unwrap();
                t.note(name, (m.atime(), m.atime_nsec(), m.mtime(), m.mtime_nsec()));
            }
        }
        // A change of content is a change of its time, and what a program set stays until then.
        let before = t.at("f").metadata().unwrap();
        fs::read(t.at("f")).unwrap();
        t.note("read", before.mtime() == t.at("f").metadata().unwrap().mtime());
        fs::File::options().append(true).open(t.at("f")).unwrap().write_all(b"y").unwrap();
        let after = t.at("f").metadata().unwrap();
        t.note("written", (before.mtime() == after.mtime(), after.ctime() >= before.ctime()));
        let mut kept = fs::File::options().append(true).open(t.at("f")).unwrap();
        kept.write_all(b"z").unwrap();
        let times = Timestamps { last_access: at(7, 7), last_modification: at(8, 8) };
        utimensat(CWD, t.at("f"), &times, AtFlags::empty()).unwrap();
        kept.sync_all().unwrap();
        drop(kept);
        let m = t.at("f").metadata().unwrap();
        t.note("set while written data linger", (m.atime(), m.atime_nsec(), m.mtime(), m.mtime_nsec()));
        t.nobody("touch f");
    });
}
