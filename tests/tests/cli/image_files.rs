//! Files in images: looked at, copied out, put in, renamed and removed, with mtools and fsck.fat as judges; and an image
//! that stays as it was, byte for byte, when a command fails or only looks.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nxvfs_tests::genromfs_with;
use nxvfs_tests::tool::{self, blank, fsck_fat, mkfs_fat, mtype, text};
use rustix::fs::{FlockOperation, flock};

use super::run::{Rom, Run, oracle, run};

/// A folder with an empty FAT volume `fat.img` in it.
struct Place {
    dir: tempfile::TempDir,
    image: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("fat.img");
        mkfs_fat(&image, 1440, &["-F", "12"]);
        Self { dir, image }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Runs `nxvfs image COMMAND IMAGE ARGS`.
    fn image(&self, command: &[&str], args: &[&str]) -> Run {
        run(&[&["image"], command, &[text(&self.image)], args].concat())
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.image).unwrap()
    }

    /// A command that must fail, and leave the image and its folder as they were.
    #[track_caller]
    fn refused(&self, command: &[&str], args: &[&str]) -> String {
        let names = || fs::read_dir(self.dir.path()).unwrap().count();
        let before = (self.bytes(), names());
        let said = self.image(command, args).failed();
        assert!(before == (self.bytes(), names()), "{command:?} {args:?} changed something");
        said
    }

    #[track_caller]
    fn changes(&self, command: &[&str], args: &[&str]) {
        assert_eq!(self.image(command, args).ok(), "");
        assert_eq!(fsck_fat(&self.image), [""; 0], "after {command:?} {args:?}");
    }
}

#[test]
fn a_romfs_image_is_looked_into_as_the_shell_does_and_nothing_is_written_to_it() {
    let rom = Rom::new();
    let image = text(&rom.image);
    fs::set_permissions(&rom.image, fs::Permissions::from_mode(0o444)).unwrap();
    let before = (fs::read(&rom.image).unwrap(), fs::metadata(&rom.image).unwrap().mtime_nsec());
    assert!(run(&["image", "ls", image]).ok().contains("hello.txt\n"));
    assert_eq!(run(&["image", "ls", image, "sub", "hello.txt"]).ok(), "hello.txt\n\nsub:\nbig.bin\ndeep\n");
    let long = run(&["image", "ls", "-lR", image]).ok();
    assert!(long.starts_with("/:\ntotal ") && long.contains("\n/sub/deep:\n"), "{long}");
    assert!(long.contains("link -> sub/big.bin\n"), "{long}");
    assert_eq!(run(&["image", "cat", image, "/hello.txt"]).ok(), "hello from the medium\n");
    // A link of the volume leads to where it would on the board.
    assert_eq!(run(&["image", "stat", "-L", "--json", image, "/link"]).json()["size_bytes"], 80_000);
    let tree = run(&["image", "tree", image]).ok();
    assert!(tree.starts_with("/\n├── dangling -> nowhere\n├── empty\n"), "{tree}");
    assert!(tree.contains("├── sub\n│   ├── big.bin\n│   └── deep\n│       └── x\n└── sub.txt\n"), "{tree}");
    assert!(tree.ends_with("\n\n2 directories, 10 files\n"), "{tree}");
    let all = run(&["image", "--json", "tree", image]).json();
    assert_eq!(all[0]["path"], "/");
    let big = all.as_array().unwrap().iter().find(|file| file["path"] == "/sub/big.bin").unwrap();
    assert_eq!((big["type"].as_str(), big["size_bytes"].as_u64()), (Some("file"), Some(80_000)));
    let list = run(&["image", "ls", "--json", image, "/sub"]).json();
    assert_eq!((list[0]["dir"].as_str(), list[0]["name"].as_str()), (Some("/sub"), Some("big.bin")));
    assert!(run(&["image", "check", image]).ok().ends_with(": romfs, clean\n"));
    let after = (fs::read(&rom.image).unwrap(), fs::metadata(&rom.image).unwrap().mtime_nsec());
    assert!(before == after);
    fs::set_permissions(&rom.image, fs::Permissions::from_mode(0o644)).unwrap();
    for args in [&["mkdir", image, "/new"][..], &["rm", image, "/empty"], &["put", image, "Cargo.toml", "/"]]
    {
        let said = run(&[&["image"], args].concat()).failed();
        assert!(said.contains("romfs volumes cannot be changed") && said.contains("mkfs -t romfs"), "{said}");
    }
    assert!(fs::read(&rom.image).unwrap() == before.0);
}

#[test]
fn get_copies_a_whole_tree_with_links_fifos_and_executable_bits() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    fs::write(tree.join("a/b/run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(tree.join("a/b/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    // Longer than the chunks of the copy, with a hole of zeros in it.
    let content = [vec![7; 100_000], vec![0; 300_000], vec![9; 3]].concat();
    fs::write(tree.join("sparse"), &content).unwrap();
    symlink("a/b", tree.join("link")).unwrap();
    oracle(Command::new("mkfifo").arg(tree.join("fifo")), "coreutils");
    let image = dir.path().join("rom.img");
    genromfs_with(&tree, &image, &[]);
    let out = dir.path().join("out");
    run(&["image", "get", text(&image), "/", text(&out)]).ok();
    let compare = |out: &Path| {
        assert_eq!(fs::read(out.join("sparse")).unwrap(), content);
        assert!(fs::metadata(out.join("sparse")).unwrap().blocks() * 512 < 300_000, "zeros are a hole");
        assert_eq!(fs::read_link(out.join("link")).unwrap(), Path::new("a/b"));
        assert_eq!(fs::metadata(out.join("a/b/run.sh")).unwrap().mode() & 0o777, 0o755);
        assert_eq!(fs::metadata(out.join("sparse")).unwrap().mode() & 0o777, 0o644);
        assert_eq!(fs::symlink_metadata(out.join("fifo")).unwrap().mode() & 0o170_000, 0o010_000);
    };
    compare(&out);
    // Into a folder that is there, under its own name; a single file under another.
    run(&["image", "get", text(&image), "/a/b", text(&out)]).ok();
    assert_eq!(fs::read(out.join("b/run.sh")).unwrap(), b"#!/bin/sh\n");
    run(&["image", "get", text(&image), "/a/b/run.sh", text(&out.join("other"))]).ok();
    assert_eq!(fs::read(out.join("other")).unwrap(), b"#!/bin/sh\n");
    // What leads out of the folder is not followed.
    fs::remove_file(out.join("sparse")).unwrap();
    symlink(dir.path().join("victim"), out.join("sparse")).unwrap();
    let said = run(&["image", "get", text(&image), "/sparse", text(&out)]).failed();
    assert!(said.contains("a symbolic link is there already"), "{said}");
    assert!(!dir.path().join("victim").exists());
    assert!(run(&["image", "get", text(&image), "/none", text(&out)]).failed().contains("(ENOENT)"));
    assert!(run(&["image", "cat", text(&image), "/fifo"]).failed().contains("a fifo has no content"));
}

#[test]
fn put_and_get_keep_content_and_times_and_mtools_read_what_was_put() {
    let place = Place::new();
    let hello = place.file("Hello World.txt", "hello\n");
    oracle(Command::new("touch").args(["-d", "2011-12-13 14:15:16 UTC"]).arg(&hello), "coreutils");
    fs::create_dir_all(place.path("tree/Grüße/deep")).unwrap();
    let big: Vec<u8> = (0..200_000_u32).map(|n| (n * 7) as u8).collect();
    fs::write(place.path("tree/Grüße/deep/big.bin"), &big).unwrap();
    File::create(place.path("tree/hole")).unwrap().set_len(70_000).unwrap();
    place.changes(&["put"], &[text(&hello), "/"]);
    place.changes(&["put"], &[text(&place.path("tree")), "/copy"]);
    place.changes(&["put"], &[text(&hello), text(&place.path("tree/hole")), "/copy/"]);
    assert_eq!(mtype(&place.image, "Hello World.txt"), b"hello\n");
    assert_eq!(mtype(&place.image, "copy/Grüße/deep/big.bin"), big);
    assert_eq!(mtype(&place.image, "copy/hole"), vec![0; 70_000]);
    assert_eq!(mtype(&place.image, "copy/Hello World.txt"), b"hello\n");
    let listed = tool::ok("mdir", &["-i", text(&place.image), "::"], "");
    assert!(listed.contains("2011-12-13  14:15"), "{listed}");
    let out = place.path("out");
    place.image(&["get"], &["/", text(&out)]).ok();
    assert_eq!(fs::metadata(out.join("Hello World.txt")).unwrap().mtime(), 1_323_785_716);
    assert_eq!(fs::read(out.join("copy/Grüße/deep/big.bin")).unwrap(), big);
    // Over what is there: the content, not the name, is new.
    let other = place.file("other", "changed");
    place.changes(&["put"], &[text(&other), "/HELLO WORLD.TXT"]);
    assert_eq!(mtype(&place.image, "Hello World.txt"), b"changed");
}

#[test]
fn names_come_go_and_move() {
    let place = Place::new();
    place.changes(&["mkdir", "-p"], &["/a/b/c", "/d"]);
    place.changes(&["put"], &["Cargo.toml", "/a/b/one"]);
    place.changes(&["mv"], &["/a/b/one", "/d/two"]);
    place.changes(&["mv"], &["/a", "/x"]);
    let tree = place.image(&["tree"], &[]).ok();
    assert_eq!(tree, "/\n├── d\n│   └── two\n└── x\n    └── b\n        └── c\n\n4 directories, 1 file\n");
    assert!(place.refused(&["rm"], &["/x"]).contains("-r takes it"));
    assert!(place.refused(&["rm"], &["/none"]).contains("(ENOENT)"));
    assert!(place.refused(&["mkdir"], &["/d"]).contains("(EEXIST)"));
    assert!(place.refused(&["mv"], &["/none", "/y"]).contains("(ENOENT)"));
    place.changes(&["rm", "-r"], &["/x", "/d"]);
    assert_eq!(place.image(&["ls"], &[]).ok(), "");
    place.changes(&["rm", "-f"], &["/none"]);
}

#[test]
fn a_command_that_fails_leaves_the_image_as_it_was() {
    let place = Place::new();
    let small = place.file("small", "small");
    let large = place.file("large", vec![5; 3 << 20]);
    place.changes(&["put"], &[text(&small), "/here"]);
    // The first would fit, and is not there either.
    let said = place.refused(&["put"], &[text(&small), text(&large), "/"]);
    assert!(said.contains("(ENOSPC)") && said.contains("/large"), "{said}");
    let said = place.refused(&["rm"], &["/here", "/none"]);
    assert!(said.contains("/none") && !said.contains("/here"), "{said}");
    let tree = place.path("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("good"), "good").unwrap();
    fs::write(tree.join("a:b"), "bad").unwrap();
    let said = place.refused(&["put"], &[text(&tree), "/"]);
    assert!(said.contains("a:b") && said.contains("FAT has none"), "{said}");
    fs::remove_file(tree.join("a:b")).unwrap();
    fs::write(tree.join("Good"), "one name on FAT").unwrap();
    let said = place.refused(&["put"], &[text(&tree), "/"]);
    assert!(said.contains("two files get one name"), "{said}");
    fs::remove_file(tree.join("Good")).unwrap();
    symlink("good", tree.join("link")).unwrap();
    let said = place.refused(&["put"], &[text(&tree), "/"]);
    assert!(said.contains("cannot hold symbolic links") && said.contains("-L"), "{said}");
    place.changes(&["put", "-L"], &[text(&tree), "/"]);
    assert_eq!(mtype(&place.image, "tree/link"), b"good");
    fs::remove_file(tree.join("link")).unwrap();
    symlink(".", tree.join("loop")).unwrap();
    assert!(place.refused(&["put", "-L"], &[text(&tree), "/again"]).contains("contains itself"));
    assert!(place.refused(&["put"], &[text(&place.path("none")), "/"]).contains("(ENOENT)"));
    assert!(place.refused(&["put"], &[text(&small), text(&large), "/here"]).contains("not a directory"));
    assert!(place.refused(&["put"], &[text(&small), "/none/below"]).contains("(ENOENT)"));
    assert!(place.refused(&["put"], &[text(&tree), "/here"]).contains("(ENOTDIR)"));
}

#[test]
fn the_volume_is_found_in_partitions_or_named() {
    let place = Place::new();
    let disk = &place.image;
    blank(disk, 64 << 20);
    tool::ok("sfdisk", &["-q", text(disk)], "label: dos\nsize=20M,type=c\nsize=20M,type=c\nsize=10M\n");
    let none = place.refused(&["ls"], &[]);
    assert!(none.contains("1 (no known volume, 20M)") && none.contains("--part N"), "{none}");
    run(&["mkfs", "-t", "vfat", "-n", "BOOT", "-o", text(disk), "--part", "2"]).ok();
    place.image(&["put"], &["Cargo.toml", "/only"]).ok();
    assert_eq!(place.image(&["ls"], &[]).ok(), "only\n");
    let rom = Rom::new();
    let bytes = fs::read(&rom.image).unwrap();
    let mut whole = place.bytes();
    let start = 2048 * 512;
    whole[start..start + bytes.len()].copy_from_slice(&bytes);
    fs::write(disk, whole).unwrap();
    let which = place.refused(&["ls"], &[]);
    assert!(which.contains("1 (romfs '") && which.contains("2 (vfat 'BOOT', 20M)"), "{which}");
    assert_eq!(place.image(&["ls", "--part", "2"], &[]).ok(), "only\n");
    assert_eq!(place.image(&["cat", "--part=1"], &["/hello.txt"]).ok(), "hello from the medium\n");
    assert_eq!(place.image(&["ls", "--fs", "vfat"], &[]).ok(), "only\n");
    place.image(&["put", "--part", "2"], &["Cargo.toml", "/second"]).ok();
    assert_eq!(place.image(&["cat", "--part=1"], &["/hello.txt"]).ok(), "hello from the medium\n");
    let there = place.refused(&["ls", "--part", "7"], &[]);
    assert!(there.contains("no partition 7") && there.contains("found 1, 2, 3"), "{there}");
    assert!(place.refused(&["ls", "--part", "1", "--fs", "vfat"], &[]).contains("vfat"));
    assert!(place.refused(&["ls", "--fs", "nofs"], &[]).contains("nofs"));
    // By the sectors alone, as mtools see it.
    assert!(mtype(Path::new(&format!("{}@@21M", disk.display())), "second").starts_with(b"[workspace]"));
}

#[test]
fn an_image_that_somebody_uses_is_left_alone() {
    let place = Place::new();
    let held = File::open(&place.image).unwrap();
    flock(&held, FlockOperation::LockShared).unwrap();
    place.image(&["ls"], &[]).ok();
    let said = place.refused(&["mkdir"], &["/new"]);
    assert!(said.contains("another program uses the image") && said.contains("(EBUSY)"), "{said}");
    flock(&held, FlockOperation::LockExclusive).unwrap();
    assert!(place.refused(&["ls"], &[]).contains("(EBUSY)"));
}

#[test]
fn wrong_arguments_are_told_with_the_right_ones() {
    let place = Place::new();
    for wrong in [
        &["image"][..],
        &["image", "ls"],
        &["image", "nosuch", "x"],
        &["image", "get", "x", "/"],
        &["image", "put", "x", "/"],
        &["image", "map", "x"],
        &["image", "ls", "--part", "one", "x"],
    ] {
        let run = run(wrong);
        assert_eq!((run.status, &*run.out), (2, ""), "{run:?}");
        assert!(run.err.contains("--help"), "{run:?}");
    }
    for command in ["ls", "tree", "stat", "cat", "get", "put", "rm", "mkdir", "mv", "info", "map", "check"] {
        let help = run(&["image", command, "--help"]).ok();
        assert!(help.contains(&format!(" image {command} [OPTIONS] ")), "{help}");
        assert!(help.contains(&format!("\n  nxvfs image {command} ")), "an example of it: {help}");
    }
    let said = place.refused(&["cat"], &["/none"]);
    assert!(said.contains("(ENOENT)"), "{said}");
    let error = run(&["image", "ls", "--json", "/none.img"]).failed();
    let error: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!((&error["error"]["errno"], &error["error"]["where"]), (&"ENOENT".into(), &"/none.img".into()));
    fs::write(&place.image, [7; 5000]).unwrap();
    assert!(place.refused(&["ls"], &[]).contains("no file system knows"));
    fs::write(&place.image, "").unwrap();
    place.refused(&["ls"], &[]);
    place.refused(&["mkdir"], &["/x"]);
}

/// Runs the program on a terminal; answers what a person sees there.
fn on_terminal(args: &str, set: &[(&str, &str)]) -> String {
    let program = super::run::nxvfs();
    let line = format!("{} {args}", text(Path::new(program.get_program())));
    let mut command = Command::new("script");
    command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    command
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .envs(set.iter().copied());
    let output = command.stdin(std::process::Stdio::null()).output();
    let output = output.expect("script is needed: apt-get install bsdutils");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn names_have_colours_on_a_terminal_only_and_only_if_they_are_wanted() {
    let rom = Rom::new();
    let image = text(&rom.image);
    for args in [format!("image ls {image}"), format!("image ls -l {image}"), format!("image tree {image}")] {
        let told = on_terminal(&args, &[]);
        let blue = told.find("\x1b[34m").unwrap_or_else(|| panic!("{told:?}"));
        assert!(
            told[blue..].starts_with("\x1b[34msub\x1b[0m") || told[blue..].starts_with("\x1b[34m/\x1b[0m"),
            "{told:?}"
        );
        assert!(told.contains("\x1b[32mrun.sh\x1b[0m") && told.contains("\x1b[36mlink\x1b[0m"), "{told:?}");
        assert!(!told.contains("mhello.txt"), "an ordinary file has none: {told:?}");
        for set in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            assert!(!on_terminal(&args, &[set]).contains('\x1b'), "{set:?}");
        }
        assert!(!on_terminal(&format!("--json {args}"), &[]).contains('\x1b'));
        let piped = run(&args.split(' ').collect::<Vec<_>>()).ok();
        assert!(!piped.contains('\x1b'));
    }
}
