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
    wrong("\n\n[[device]\n", "3", &[]);
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
    let told = "[[mount]]\ntarget = \"/x\"\ntype = \"nothing\"\n[[plugin]]\n[[device]]\ndriver = \"ramdisk-xip\"\nnode = \
                \"/dev/ram0\"\nparams = { sectors = 1.5 }\n[[plugin]]\nname = \"no-such\"\n[[mount]]\ntarget = \
                \"/tmp\"\ntype = \"tmpfs\"\n";
    let e = board.host().bring_up(&parse(told).unwrap()).unwrap_err();
    assert_eq!(e.errno(), Errno::ENODEV);
    let said = e.to_string();
    for (line, word) in [(1, "nothing"), (4, "name and file"), (5, "float"), (9, "no-such")] {
        let line = said.lines().find(|l| l.contains(&format!("b.toml:{line}:")));
        assert!(line.is_some_and(|line| line.contains(word)), "{word}: {said}");
    }
    assert_eq!(said.lines().count(), 4);
    board.host().unmount("/tmp").unwrap();
}
