//! Boards: what a host is brought up with, told by a file.

use std::path::Path;

use nxvfs::Errno;
use nxvfs::task::Board as BoardFile;
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Folder, Link, genromfs};

fn parse(text: &str) -> nxvfs::Result<BoardFile> {
    BoardFile::parse(Path::new("b.toml"), text)
}

/// Refused with EINVAL, and a sentence that says where.
#[track_caller]
fn wrong(text: &str, place: &str, words: &[&str]) {
    let e = parse(text).unwrap_err();
    let said = e.to_string();
    assert_eq!(e.errno(), Errno::EINVAL, "{said}");
    assert!(said.contains(&format!("b.toml:{place}:")), "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn what_a_board_tells_comes_up_in_its_order() {
    let folder = Folder::new().file("tree/file", "from the board").file("tree/dir/below", "");
    let rom = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let text = format!(
        r#"
[[plugin]]
name = "romfs"

[[device]]
driver = "ramdisk-xip"
node = "/dev/rom0"
params = {{ image = "{}", ro = true }}

[[mount]]
source = "/dev/rom0"
target = "/rom"
type = "romfs"
options = "ro,mmap=xip"

[[mount]]
target = "/rom/dir"
type = "tmpfs"

[[device]]
driver = "ramdisk-xip"
node = "/dev/ram1"
params = {{ sectors = 64 }}
"#,
        rom.display()
    );
    let file = folder.file("board.toml", &text);
    let board = Board::new(Link::Static);
    board.host().bring_up(&BoardFile::read(&file.at("board.toml")).unwrap()).unwrap();
    assert_eq!(board.read("/rom/file"), b"from the board");
    errno(board.task().stat("/rom/dir/below").map(|_| ()), Errno::ENOENT);
    assert_eq!(board.devices().iter().find(|d| &*d.node == "/dev/ram1").unwrap().sector_count, 64);
}

#[test]
fn an_empty_board_is_an_empty_host() {
    let board = Board::new(Link::Static);
    board.host().bring_up(&parse("# nothing\n").unwrap()).unwrap();
    assert!(board.devices().is_empty());
}

#[test]
fn what_is_no_board_is_told_with_its_line() {
    wrong("\n\n[[device]\n", "3", &["TOML"]);
    wrong("[[device]]\ndriver = \"x\"\n", "1", &["node"]);
    wrong("[[mount]]\ntarget = \"/x\"\ntype = \"tmpfs\"\nflags = 3\n", "4", &["flags"]);
    wrong("[[mount]]\ntarget = 7\ntype = \"tmpfs\"\n", "2", &["string"]);
    wrong("devices = 1\n", "1", &["devices"]);
    errno(BoardFile::read(Path::new("/not/there")).map(drop), Errno::ENOENT);
    errno(BoardFile::read(Path::new("/")).map(drop), Errno::EISDIR);
    let folder = Folder::new().file("long.toml", "#".repeat(2 << 20));
    errno(BoardFile::read(&folder.at("long.toml")).map(drop), Errno::EFBIG);
}

#[test]
fn every_failure_is_told_and_the_rest_comes_up() {
    let board = Board::new(Link::Static);
    let told = "[[mount]]\ntarget = \"/x\"\ntype = \"nothing\"\n[[device]]\ndriver = \"ramdisk-xip\"\nnode = \
                \"/dev/ram0\"\nparams = { sectors = -1 }\n[[plugin]]\nname = \"no-such\"\n[[mount]]\ntarget = \
                \"/tmp\"\ntype = \"tmpfs\"\n";
    let e = board.host().bring_up(&parse(told).unwrap()).unwrap_err();
    assert_eq!(e.errno(), Errno::ENODEV);
    let said = e.to_string();
    for (line, word) in [(1, "nothing"), (4, "sectors"), (8, "no-such")] {
        let line = said.lines().find(|l| l.contains(&format!("b.toml:{line}:")));
        assert!(line.is_some_and(|line| line.contains(word)), "{word}: {said}");
    }
    assert_eq!(said.lines().count(), 3);
    board.host().unmount("/tmp").unwrap();
}

#[test]
fn all_that_is_wrong_with_the_form_is_told_and_nothing_comes_up() {
    let told = "[[plugin]]\n[[plugin]]\nname = \"a\"\nfile = \"b\"\n[[device]]\nnodes = \"/dev/x\"\n[[mount]]\n\
                target = 7\ntype = \"tmpfs\"\noptions = { size = 1.5 }\n[tmp]\npath = \"/tmp\"\n[[links]]\n";
    let e = parse(told).unwrap_err();
    let said = e.to_string();
    let faults = [
        (1, "name and file"),
        (2, "both"),
        (5, "driver"),
        (5, "node"),
        (6, "did you mean node"),
        (8, "string"),
        (10, "options.size"),
        (11, "[[tmp]]"),
        (13, "did you mean link"),
    ];
    for (line, word) in faults {
        let place = format!("b.toml:{line}:");
        assert!(said.lines().any(|l| l.contains(&place) && l.contains(word)), "{line}, {word}: {said}");
    }
    assert_eq!((e.errno(), said.lines().count()), (Errno::EINVAL, faults.len()), "{said}");
    for (text, line) in [
        ("[[partition]]\ndevice = \"/dev/a\"\nnode = \"/dev/b\"\n", 1),
        ("[[tmp]]\npath = \"/tmp\"\ntype = \"folder\"\nsize = \"1M\"\n", 1),
        ("[[tmp]]\npath = \"tmp\"\n", 1),
        ("[[tmp]]\npath = \"/tmp\"\nmode = 0o77777\n", 1),
        ("[[tmp]]\npath = \"/tmp\"\nmode = -1\n", 3),
        ("[[device]]\ndriver = \"x\"\nnode = \"/\"\n", 1),
        ("[[link]]\npath = \"/a/..\"\ntarget = \"b\"\n", 1),
        ("device = [7]\n", 1),
        ("[[mount]]\ntarget = \"/x\"\ntype = \"x\"\noptions = [1]\n", 4),
        (
            "[[device]]\ndriver = \"x\"\nnode = \"/x\"\nparams = { a = 99999999999999999999999999999999999999999 }\n",
            4,
        ),
    ] {
        wrong(text, &line.to_string(), &[]);
    }
    let both = parse("[[device]\n\n[[mount\n").unwrap_err().to_string();
    assert!(both.contains("b.toml:1:") && both.contains("b.toml:3:"), "{both}");
}

#[test]
fn partitions_folders_links_and_plugins_with_parameters() {
    let text = r#"
[[plugin]]
name = "tmpfs"
params = { size = "1M" }

[[device]]
driver = "ramdisk-xip"
node = "/dev/disk"
params = { sectors = 64, partitions = false, cache = "4K" }

[[partition]]
device = "/dev/disk"
node = "/dev/disk-data"
start_sector = 8
sectors = 16

[[tmp]]
path = "/a/b/tmp"
type = "folder"
mode = 0o755

[[mount]]
target = "/a/b/tmp"
type = "tmpfs"
options = { ro = true, mode = 0o700 }

[[tmp]]
path = "/tmp"
size = "64K"

[[tmp]]
path = "/tmp/below/folder"
type = "folder"

[[link]]
path = "/etc/here"
target = "../tmp"
"#;
    let board = Board::new(Link::Static);
    board.host().bring_up(&parse(text).unwrap()).unwrap();
    let part = board.devices().into_iter().find(|d| &*d.node == "/dev/disk-data").unwrap();
    assert_eq!(part.sector_count, 16);
    let size_bytes = |path: &str| board.task().statfs(path).unwrap().blocks * 4096;
    assert_eq!(board.task().stat("/a/b/tmp").unwrap().attr.mode & 0o7777, 0o700);
    errno(board.task().mkdir("/a/b/tmp/x", 0o755), Errno::EROFS);
    assert_eq!(size_bytes("/a/b/tmp"), 1 << 20, "the plugin's own parameter is the default");
    assert_eq!(size_bytes("/etc/here"), 64 << 10, "the link leads to the other volume");
    assert_eq!(board.task().stat("/etc/here").unwrap().attr.mode & 0o7777, 0o1777);
    assert_eq!(board.task().stat("/tmp/below/folder").unwrap().attr.mode & 0o7777, 0o1777);

    let wants_a_table = "[[partition]]\ndevice = \"/dev/disk\"\n";
    errno(board.host().bring_up(&parse(wants_a_table).unwrap()), Errno::ENXIO);
    errno(
        board.host().bring_up(&parse("[[plugin]]\nname = \"tmpfs\"\nparams = { size = \"2M\" }\n").unwrap()),
        Errno::EBUSY,
    );
}
