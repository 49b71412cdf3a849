//! Names: made, moved, listed, refused.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Trial, alike};

fn rename(t: &mut Trial, old: &str, new: &str, flags: RenameFlags) {
    let moved = renameat_with(CWD, t.at(old), CWD, t.at(new), flags);
    t.call(&format!("rename {old} {new} {flags:?}"), moved);
}

fn plain(t: &mut Trial, old: &str, new: &str) {
    rename(t, old, new, RenameFlags::empty());
}

fn names(dir: PathBuf) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn renames_obey_posix() {
    alike(|t| {
        for dir in ["d", "d/sub", "empty", "full"] {
            fs::create_dir(t.at(dir)).unwrap();
        }
        for file in ["f", "g", "full/x"] {
            fs::write(t.at(file), file).unwrap();
        }
        fs::hard_link(t.at("f"), t.at("f2")).unwrap();
        for (old, new) in [
            ("f", "f2"),
            ("d", "f"),
            ("f", "d"),
            ("d", "d/sub/x"),
            ("d", "d"),
            ("empty", "full"),
            ("missing", "f"),
            ("f", "missing/x"),
            ("f", "g/x"),
            ("f", "g"),
            ("g", "full/g"),
            ("d", "empty"),
            ("full", "empty/sub/full"),
            ("empty/.", "x"),
            ("empty/..", "x"),
        ] {
            plain(t, old, new);
        }
        t.stat("f2");
        t.stat("empty");
        t.stat("empty/sub");
        t.note("in it", names(t.at("empty/sub/full")));
        t.note("at the top", names(t.at("")));
        let up = fs::read_link("/proc/self/cwd").is_ok()
            && t.at("empty/sub/full/..").metadata().unwrap().ino()
                == t.at("empty/sub").metadata().unwrap().ino();
        t.note(".. moved with it", up);
    });
}

#[test]
fn rename_flags_keep_and_exchange() {
    alike(|t| {
        fs::write(t.at("a"), "of a").unwrap();
        fs::write(t.at("b"), "of b").unwrap();
        fs::create_dir(t.at("d")).unwrap();
        fs::write(t.at("d/x"), "x").unwrap();
        for (old, new, flags) in [
            ("a", "b", RenameFlags::NOREPLACE),
            ("a", "c", RenameFlags::NOREPLACE),
            ("c", "d", RenameFlags::EXCHANGE),
            ("c", "missing", RenameFlags::EXCHANGE),
            ("c", "c/inside", RenameFlags::EXCHANGE),
            ("b", "d", RenameFlags::EXCHANGE | RenameFlags::NOREPLACE),
            ("b", "c/x", RenameFlags::EXCHANGE),
        ] {
            rename(t, old, new, flags);
        }
        for name in ["b", "d", "c/x"] {
            t.note(name, fs::read_to_string(t.at(name)).unwrap());
        }
        t.stat("c");
    });
}

#[test]
fn names_that_cannot_be_are_refused() {
    alike(|t| {
        fs::write(t.at("f"), "x").unwrap();
        fs::create_dir_all(t.at("d/e")).unwrap();
        let (most, more) = ("n".repeat(255), "n".repeat(256));
        t.done("255 bytes", fs::write(t.at(&most), ""));
        t.done("256 bytes", fs::write(t.at(&more), ""));
        t.done("stat of 256 bytes", fs::metadata(t.at(&more)));
        t.done("mkdir of 256 bytes", fs::create_dir(t.at(&more)));
        t.done("rename to 256 bytes", fs::rename(t.at("f"), t.at(&more)));
        t.done("path of 4,200 bytes", fs::metadata(t.at(&"d/../".repeat(840))));
        t.done("file as a directory", fs::read(t.at("f/x")));
        t.done("file with a slash", fs::read(t.at("f/")));
        t.done("mkdir of a file", fs::create_dir(t.at("f")));
        t.done("mkdir of .", fs::create_dir(t.at("d/.")));
        t.done("rmdir of a file", fs::remove_dir(t.at("f")));
        t.done("rmdir of one that is full", fs::remove_dir(t.at("d")));
        t.done("rmdir of .", fs::remove_dir(t.at("d/e/.")));
        t.done("unlink of a directory", rustix::fs::unlink(t.at("d")));
        t.done("a directory for writing", fs::File::options().write(true).open(t.at("d")));
        t.done("create_new", fs::File::create_new(t.at("new")));
        t.done("create_new again", fs::File::create_new(t.at("new")));
        t.done("truncate of a directory", fs::File::create(t.at("d")));
        t.done("read of a directory", fs::read(t.at("d")));
    });
}

#[test]
fn a_directory_of_3_000_names_is_removed_while_it_is_listed() {
    alike(|t| {
        fs::create_dir(t.at("many")).unwrap();
        for i in 0..3000 {
            fs::write(t.at(&format!("many/{i:05}-{}", "n".repeat(40))), "").unwrap();
        }
        t.note("names", names(t.at("many")).len());
        t.stat("many");
        t.done("rmdir", fs::remove_dir(t.at("many")));
        for entry in fs::read_dir(t.at("many")).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        t.note("left", names(t.at("many")));
        t.done("rmdir", fs::remove_dir(t.at("many")));
    });
}

#[test]
fn a_directory_that_is_gone_holds_nothing() {
    alike(|t| {
        fs::create_dir(t.at("d")).unwrap();
        let dir = fs::File::open(t.at("d")).unwrap();
        t.stat("d");
        t.done("rmdir", fs::remove_dir(t.at("d")));
        t.note("links", dir.metadata().unwrap().nlink());
        let inside = rustix::fs::openat(
            &dir,
            "x",
            rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY,
            rustix::fs::Mode::RWXU,
        );
        t.done("create in it", inside);
        let listed = rustix::fs::Dir::read_from(&dir).unwrap().count();
        t.note("listed", listed);
    });
}

#[test]
fn a_tree_of_forty_floors() {
    alike(|t| {
        let mut path = String::from("deep");
        for i in 0..40 {
            fs::create_dir(t.at(&path)).unwrap();
            fs::write(t.at(&format!("{path}/file")), format!("{i}")).unwrap();
            path += "/deep";
        }
        t.sh("cd deep/deep/deep; cat ../../file; pwd | sed 's/.*mnt//'; find . | wc -l");
        t.sh("mv deep/deep/deep moved; find moved | sort | md5sum; find deep | sort");
        t.sh("rm -r moved deep; ls -A");
    });
}
