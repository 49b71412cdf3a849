//! `ls` shows what was put into the image.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use super::run::{Link, Rom, both, shell_bytes};

/// Everything of `ls -lR` that romfs keeps: type and x bits, size, target, by path.
fn walk(dir: &Path, prefix: &[u8], found: &mut BTreeMap<Vec<u8>, String>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = [prefix, b"/", entry.file_name().as_bytes()].concat();
        let meta = entry.path().symlink_metadata().unwrap();
        let kind = meta.file_type();
        assert!(!kind.is_fifo());
        let told = if kind.is_dir() {
            "d".to_owned()
        } else if kind.is_symlink() {
            format!("l {}", fs::read_link(entry.path()).unwrap().display())
        } else {
            let x = if meta.permissions().mode() & 0o111 != 0 { "x" } else { "-" };
            format!("- {x} {}", meta.len())
        };
        found.insert(path.clone(), told);
        if kind.is_dir() {
            walk(&entry.path(), &path, found);
        }
    }
}

/// The same from the text of `ls -lR`.
fn parse(listing: &[u8]) -> BTreeMap<Vec<u8>, String> {
    let (mut found, mut dir) = (BTreeMap::new(), Vec::new());
    for line in listing.split(|b| *b == b'\n') {
        if let Some(header) = line.strip_suffix(b":").filter(|_| line.starts_with(b"/rom")) {
            dir = header.to_vec();
            continue;
        }
        if line.is_empty() || line.starts_with(b"total ") {
            continue;
        }
        let text = String::from_utf8_lossy(line).into_owned();
        let mut words = text.split_whitespace();
        let mode = words.next().unwrap().to_owned();
        let size = words.nth(3).unwrap().to_owned();
        let time = words.nth(1).unwrap();
        // The name may hold anything: it begins after the time.
        let at = line.windows(time.len()).position(|w| w == time.as_bytes()).unwrap() + time.len() + 1;
        let (name, target) = match line[at..].windows(4).position(|w| w == b" -> ") {
            Some(arrow) => (&line[at..at + arrow], &line[at + arrow + 4..]),
            None => (&line[at..], &b""[..]),
        };
        let told = match &mode[..1] {
            "d" => "d".to_owned(),
            "l" => format!("l {}", String::from_utf8_lossy(target)),
            _ => format!("- {} {size}", &mode[3..4]),
        };
        found.insert([&dir, &b"/"[..], name].concat(), told);
    }
    found
}

#[test]
fn ls_lists_the_tree_that_was_put_in() {
    let rom = Rom::new();
    let mut expected = BTreeMap::new();
    walk(&rom.tree, b"/rom", &mut expected);
    both(|link| {
        let run = shell_bytes(link, &[], rom.mounted("ls -laR /rom").as_bytes());
        assert_eq!(run.status, 0, "{run:?}");
        let listing = run.bytes.splitn(5, |b| *b == b'\n').nth(4).unwrap().to_vec();
        let mut found = parse(&listing);
        found.retain(|path, _| !path.ends_with(b"/.") && !path.ends_with(b"/.."));
        assert_eq!(found, expected);
    });
}

#[test]
fn ls_sorts_by_bytes_and_groups_directories() {
    let rom = Rom::new();
    let out = rom.shell(Link::Static, "ls -R /rom/sub; ls /rom/sub.txt /rom/sub /rom/hello.txt");
    assert_eq!(
        out,
        "/rom/sub:\nbig.bin\ndeep\n\n/rom/sub/deep:\nx\n/rom/sub.txt\n/rom/hello.txt\n\n/rom/sub:\nbig.bin\ndeep\n"
    );
    let names = rom.shell(Link::Static, "ls -a /rom");
    let expected =
        ".|..|dangling|empty|hello.txt|it's a \"name\"; yes|link|raw-\u{fffd}.bin|run.sh|sub|sub.txt|";
    assert_eq!(names.replace('\n', "|"), expected);
}

#[test]
fn ls_shows_a_link_or_what_it_leads_to() {
    let rom = Rom::new();
    let out = rom.shell(Link::Static, "ls /rom/link; ls -l /rom/dangling; ls -l /dev");
    assert!(out.starts_with("/rom/link\nlrwxrwxrwx "), "{out}");
    assert!(out.contains(" /rom/dangling -> nowhere\n") && out.contains("\nbrw-rw---- 1 0 0 0, "), "{out}");
}
