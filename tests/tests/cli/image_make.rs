//! Images that are made of a folder: romfs as genromfs makes it, and FAT volumes that are filled while they are made.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use nxvfs_tests::genromfs_with;
use nxvfs_tests::tool::{self, fsck_fat, text};

use super::run::{Run, oracle, run};

/// A folder with all that romfs can hold and this user can make.
fn everything(root: &Path) {
    fs::create_dir_all(root.join("sub/deep/deeper")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::write(root.join("hello.txt"), "hello\n").unwrap();
    fs::write(root.join("sub/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("sub/run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(root.join("sub/big.bin"), (0..100_000_u32).map(|n| n as u8).collect::<Vec<_>>()).unwrap();
    fs::write(root.join("sub/.hidden.bin"), "hidden").unwrap();
    fs::write(root.join(".first"), "a name before the dots of a directory").unwrap();
    fs::write(root.join("sub/deep/0"), "").unwrap();
    fs::hard_link(root.join("hello.txt"), root.join("sub/again")).unwrap();
    fs::hard_link(root.join("hello.txt"), root.join("0-first")).unwrap();
    symlink("sub/big.bin", root.join("link")).unwrap();
    symlink("nowhere", root.join("sub/dangling")).unwrap();
    oracle(Command::new("mkfifo").arg(root.join("fifo")), "coreutils");
    drop(UnixListener::bind(root.join("socket")).unwrap());
    fs::write(root.join("@tty1,c,4,1"), "").unwrap();
    fs::write(root.join("@disk,b,8,0"), "").unwrap();
}

struct Place {
    dir: tempfile::TempDir,
    tree: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).unwrap();
        everything(&tree);
        Self { dir, tree }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a romfs image of the tree.
    fn romfs(&self, name: &str, options: &[&str]) -> PathBuf {
        let image = self.path(name);
        run(&[&["mkfs", "-t", "romfs", "-o", text(&image)], options, &[text(&self.tree)]].concat()).ok();
        image
    }
}

/// All files of an image with their attributes, without what only says where they lie.
fn content(image: &Path) -> Vec<serde_json::Value> {
    let all = run(&["image", "tree", "--json", text(image)]).json();
    let mut all = all.as_array().unwrap().clone();
    for file in &mut all {
        let file = file.as_object_mut().unwrap();
        for place in ["ino", "device"] {
            file.remove(place);
        }
        if file["type"] == "directory" {
            file.remove("size_bytes");
            file.remove("blocks");
        }
    }
    all
}

fn same_files(ours: &Path, theirs: &Path, dir: &Path) {
    assert_eq!(content(ours), content(theirs));
    let [a, b] = ["ours", "theirs"].map(|name| dir.join(name));
    for (image, out) in [(ours, &a), (theirs, &b)] {
        let _ = fs::remove_dir_all(out);
        fs::create_dir(out).unwrap();
        for name in ["hello.txt", "sub", ".first", "0-first", "link", "empty"] {
            run(&["image", "get", text(image), &format!("/{name}"), text(out)]).ok();
        }
    }
    oracle(Command::new("diff").args(["-r", "--no-dereference"]).args([&a, &b]), "diffutils");
}

#[test]
fn a_romfs_image_has_the_files_of_genromfs_own_and_is_clean() {
    let place = Place::new();
    let theirs = genromfs_with(&place.tree, &place.path("theirs.img"), &["-V", "label"]);
    let ours = place.romfs("ours.img", &["-V", "label"]);
    same_files(&ours, &theirs, place.dir.path());
    assert_eq!(fs::metadata(&ours).unwrap().len() % 1024, 0);
    assert_eq!(fs::metadata(&ours).unwrap().len(), fs::metadata(&theirs).unwrap().len());
    assert!(run(&["image", "check", text(&ours)]).ok().ends_with(": romfs, clean\n"));
    let info = run(&["image", "info", "--json", text(&ours)]).json();
    assert_eq!((&info["label"], &info["fragmented_files"]), (&"label".into(), &0.into()));
    assert_eq!(info["mappable_bytes"], info["content_bytes"]);
    // Where the order is no question, the bytes are the same.
    let one = place.path("one");
    fs::create_dir(&one).unwrap();
    fs::write(one.join("file"), [7; 777]).unwrap();
    let aligned =
        [&[][..], &["-a", "4096"], &["-A", "512,/file"], &["-A", "64,f*", "-a", "32"], &["-A", "2048,/.."]];
    for options in aligned {
        let theirs = genromfs_with(&one, &place.path("one.theirs"), &[&["-V", "x"], options].concat());
        let ours = place.path("one.ours");
        let args = [&["mkfs", "-t", "romfs", "-V", "x", "-o", text(&ours)], options, &["--from", text(&one)]];
        run(&args.concat()).ok();
        assert!(fs::read(&ours).unwrap() == fs::read(&theirs).unwrap(), "{options:?}");
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes_wherever_and_whenever_it_is_made() {
    let place = Place::new();
    let first = fs::read(place.romfs("first.img", &[])).unwrap();
    assert!(fs::read(place.romfs("first.img", &[])).unwrap() == first, "over an image that is there");
    // Another folder, made in another order, at another time.
    let copy = place.path("copy");
    let tar = Command::new("sh")
        .arg("-c")
        .arg("mkdir \"$1\" && cd \"$0\" && find . ! -type s | sort -r | tar cf - --no-recursion -T - | tar xf - -C \"$1\"")
        .args([&place.tree, &copy])
        .output()
        .unwrap();
    assert!(tar.status.success(), "{tar:?}");
    drop(UnixListener::bind(copy.join("socket")).unwrap());
    oracle(
        Command::new("find").arg(&copy).args(["-exec", "touch", "-h", "-d", "2001-02-03", "{}", "+"]),
        "findutils",
    );
    let second = place.path("second.img");
    run(&["mkfs", "-t", "romfs", "-o", text(&second), "--from", text(&copy)]).ok();
    assert!(fs::read(second).unwrap() == first);
}

#[test]
fn files_are_aligned_and_left_out_by_pattern() {
    let place = Place::new();
    let image = place.romfs(
        "rom.img",
        &["-A", "4096,*.bin", "-A", "64,/sub/run", "-a", "32", "-x", "link", "-x", "/sub/d*"],
    );
    assert!(run(&["image", "check", text(&image)]).ok().contains("clean"));
    let commands = format!(
        "attach ramdisk-xip /dev/rom image={} ro; mount -t romfs /dev/rom /rom; \
         explain /rom/sub/big.bin /rom/sub/run /rom/hello.txt /rom/sub/.hidden.bin",
        image.display()
    );
    let run_it: Run = super::run::shell_json(super::run::Link::Static, &commands);
    let out = run_it.ok();
    let explained: serde_json::Value = serde_json::from_str(out.lines().nth(1).unwrap()).unwrap();
    let at = |n: usize| explained[n]["extents"][0]["medium_offset"].as_u64().unwrap();
    assert_eq!((at(0) % 4096, at(1) % 64, at(2) % 32), (0, 0, 0));
    assert_ne!(at(3) % 4096, 0, "a star does not stand for a dot at the beginning");
    let tree = run(&["image", "tree", text(&image)]).ok();
    assert!(!tree.contains("link") && !tree.contains("deep") && !tree.contains("dangling"), "{tree}");
    assert!(tree.contains("big.bin"), "{tree}");
}

#[test]
fn a_romfs_volume_goes_into_a_partition_or_an_image_of_some_size() {
    let place = Place::new();
    let disk = place.path("disk.img");
    tool::blank(&disk, 8 << 20);
    tool::ok("sfdisk", &["-q", text(&disk)], "label: dos\nsize=1M\nsize=20K\n");
    let make = |args: &[&str]| {
        run(&[&["mkfs", "-t", "romfs", "-o", text(&disk)], args, &[text(&place.tree)]].concat())
    };
    make(&["--part", "1"]).ok();
    assert!(run(&["image", "check", text(&disk)]).ok().contains("partition 1: romfs, clean"));
    let before = fs::read(&disk).unwrap();
    let said = make(&["--part", "2"]).failed();
    assert!(said.contains("does not fit") && said.contains("(ENOSPC)"), "{said}");
    assert!(fs::read(&disk).unwrap() == before);
    fs::remove_file(&disk).unwrap();
    make(&["--size", "1M"]).ok();
    assert_eq!(fs::metadata(&disk).unwrap().len(), 1 << 20);
    assert!(make(&["--size", "1M"]).failed().contains("(EEXIST)"));
    fs::remove_file(&disk).unwrap();
    for (wrong, word) in [
        (&["--size", "20K"][..], "does not fit"),
        (&["-a", "24"], "power of two"),
        (&["-A", "4096"], "ALIGN,PATTERN"),
        (&["-A", "4096,[a"], "pattern"),
        (&["-x", "[a"], "pattern"),
        (&["-V", &"long ".repeat(60)], "255"),
    ] {
        assert!(make(wrong).failed().contains(word), "{wrong:?}");
        assert_eq!(fs::read_dir(place.dir.path()).unwrap().count(), 1, "nothing but the tree");
    }
    let none = run(&["mkfs", "-t", "romfs", "-o", text(&disk), "--from", "/none"]).failed();
    assert!(none.contains("/none") && none.contains("(ENOENT)"), "{none}");
    fs::write(place.tree.join("@tty1,c,4,70000"), "").unwrap();
    assert!(make(&[]).failed().contains("device number"));
    fs::remove_file(place.tree.join("@tty1,c,4,70000")).unwrap();
    fs::write(place.tree.join("tty1"), "").unwrap();
    assert!(make(&[]).failed().contains("two entries get one name"));
}

#[test]
fn a_fat_volume_is_filled_while_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    fs::create_dir_all(tree.join("Ordner mit Umlauten äöü/b")).unwrap();
    fs::write(tree.join("Ordner mit Umlauten äöü/b/größe.txt"), "größe\n").unwrap();
    fs::write(tree.join("boot.bin"), vec![3; 300_000]).unwrap();
    oracle(
        Command::new("touch").args(["-d", "2020-02-02 02:02:02 UTC"]).arg(tree.join("boot.bin")),
        "coreutils",
    );
    let image = dir.path().join("card.img");
    let make = |args: &[&str]| {
        run(&[&["mkfs", "-t", "vfat", "-o", text(&image), "--from", text(&tree)], args].concat())
    };
    make(&["--size", "4M", "-n", "CARD", "-F", "12"]).ok();
    assert_eq!(fsck_fat(&image), [""; 0]);
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    tool::ok("mcopy", &["-s", "-n", "-m", "-i", text(&image), "::*", text(&out)], "");
    oracle(Command::new("diff").arg("-r").args([&tree, &out]), "diffutils");
    assert!(tool::ok("mdir", &["-i", text(&image), "::boot.bin"], "").contains("2020-02-02   2:02"));
    fs::remove_file(&image).unwrap();
    for (name, word) in [("a:b", "FAT has none"), ("BOOT.BIN", "two files get one name")] {
        fs::write(tree.join(name), "").unwrap();
        assert!(make(&["--size", "4M"]).failed().contains(word));
        assert!(!image.exists());
        fs::remove_file(tree.join(name)).unwrap();
    }
    assert!(make(&["--size", "256K"]).failed().contains("(ENOSPC)"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");
    assert!(make(&[]).failed().contains("--size makes it"));
    let wrong = |from: &str, to: &str| {
        run(&["mkfs", "-t", "vfat", "--size", "1M", "-o", to, "--from", from]).failed()
    };
    assert!(wrong(text(&tree.join("boot.bin")), text(&image)).contains("not a folder"));
    assert!(wrong("/none", text(&image)).contains("(ENOENT)"));
    assert!(wrong(text(&tree), "/none/x.img").contains("(ENOENT)"));
    symlink("boot.bin", tree.join("link")).unwrap();
    let said = make(&["--size", "4M"]).failed();
    assert!(said.starts_with("nxvfs: mkfs: ") && said.contains("-L puts what links lead to"), "{said}");
    fs::remove_file(tree.join("link")).unwrap();
    // Into a partition, or not at all.
    tool::blank(&image, 8 << 20);
    tool::ok("sfdisk", &["-q", text(&image)], "label: gpt\nsize=4M\nsize=1M\n");
    let before = fs::read(&image).unwrap();
    fs::write(tree.join("more"), vec![1; 1 << 20]).unwrap();
    assert!(make(&["--part", "2"]).failed().contains("(ENOSPC)"));
    assert!(fs::read(&image).unwrap() == before);
    make(&["--part", "1"]).ok();
    assert!(run(&["image", "ls", text(&image)]).ok().contains("boot.bin\nmore\n"));
    assert!(run(&["image", "check", text(&image)]).ok().contains("clean"));
}
