//! What no volume covers: files in RAM and /proc, by commands.

use super::run::{Link, shell};

#[test]
fn files_are_made_moved_and_linked_outside_all_volumes() {
    let out = shell(
        Link::Static,
        "mkdir /d; echo one > /d/f; echo two >> /d/f; mv /d/f /g; ln /g /h; ln -s h /s; echo three >> /s; cat /g; \
         rm /g /s; cat /h; rmdir /d; truncate -s 4 /h; cat /h; chmod 600 /h; cp /h /i; cmp /h /i",
    )
    .ok();
    assert_eq!(out, "one\ntwo\nthree\none\ntwo\nthree\none\n");
    let error = shell(Link::Static, "echo lost > /missing/f").failed();
    assert!(error.contains("/missing/f") && error.contains("ENOENT"), "{error}");
}

#[test]
fn proc_is_read_like_any_directory() {
    let out = shell(
        Link::Static,
        "mount -t tmpfs /tmp; cat /proc/fs/mount; cd /tmp; readlink /proc/self/cwd; ls /proc/self; cat /proc/uptime",
    )
    .ok();
    let text = out.split_once("  /tmp type tmpfs\n").unwrap_or_else(|| panic!("{out}")).1;
    assert!(text.starts_with("/tmp\ncwd\nfd\nmaps\n"), "{out}");
    let error = shell(Link::Static, "mkdir /proc/mine").failed();
    assert!(error.contains("/proc") && error.contains("EPERM"), "{error}");
}
