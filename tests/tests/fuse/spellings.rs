//! Names of FAT in other spellings, which the kernel takes for other names.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use crate::card::Card;
use crate::mounted::Mounted;
use crate::sh;

fn names(mount: &Mounted) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(mount.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn missing(mount: &Mounted, name: &str) -> bool {
    fs::metadata(mount.at(name)).is_err_and(|e| e.kind() == ErrorKind::NotFound)
}

/// Waits until a name is gone for programs. The kernel is told of it by another thread, after the answer to the request
/// that removed it: until then a name that it keeps is still found. Each look is a request or a memory access, and the
/// thread runs meanwhile, so that this ends after a few.
#[track_caller]
fn goes(mount: &Mounted, name: &str) {
    let gone = (0..1_000_000).any(|_| {
        std::thread::yield_now();
        missing(mount, name)
    });
    assert!(gone, "{name} is still there");
    assert_eq!(fs::File::open(mount.at(name)).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_file_is_found_by_every_spelling_and_is_the_same() {
    let card = Card::new(8);
    let mount = card.mount();
    fs::write(mount.at("Foo"), "foo").unwrap();
    fs::write(mount.at("A long name of a file.text"), "long").unwrap();
    fs::create_dir(mount.at("Directory")).unwrap();
    fs::write(mount.at("DIRECTORY/Inner"), "inner").unwrap();
    let number = |name: &str| fs::metadata(mount.at(name)).unwrap().ino();
    for (name, spellings) in [
        ("Foo", &["FOO", "foo", "fOO"][..]),
        ("A long name of a file.text", &["ALONGN~1.TEX", "alongn~1.tex", "a LONG name OF a file.TEXT"]),
        ("Directory/Inner", &["directory/INNER", "DIRECT~1/inner"]),
    ] {
        for spelling in spellings {
            assert_eq!(number(spelling), number(name), "{spelling}");
            assert_eq!(fs::read(mount.at(spelling)).unwrap(), fs::read(mount.at(name)).unwrap());
        }
    }
    // What is written by one is read by all.
    fs::write(mount.at("FOO"), "by another").unwrap();
    assert_eq!(fs::read_to_string(mount.at("Foo")).unwrap(), "by another");
    assert_eq!(fs::metadata(mount.at("foo")).unwrap().len(), 10);
    assert_eq!(names(&mount), ["A long name of a file.text", "Directory", "Foo"]);
    // Exclusive creation of what is there under another spelling.
    assert_eq!(fs::File::create_new(mount.at("fOo")).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::create_dir(mount.at("DIRECTORY")).unwrap_err().kind(), ErrorKind::AlreadyExists);
    // The directory of the working folder.
    assert_eq!(sh(&mount.at("dIRECTORY"), "cat INNER; ls"), "innerInner\n");
    mount.unmount();
    card.is_sound();
}

#[test]
fn a_file_that_is_removed_by_one_spelling_is_gone_by_all() {
    let card = Card::new(8);
    let mount = card.mount();
    for (made, removed) in [
        ("Foo", "FOO"),
        ("FOO", "foo"),
        ("A long name of a file.text", "ALONGN~1.TEX"),
        ("ALONGN~9.TEX", "alongn~9.tex"),
    ] {
        fs::write(mount.at(made), made).unwrap();
        fs::metadata(mount.at(removed)).unwrap();
        fs::remove_file(mount.at(removed)).unwrap();
        assert!(missing(&mount, removed));
        goes(&mount, made);
        assert!(names(&mount).is_empty());
    }
    fs::create_dir_all(mount.at("Dir/Sub")).unwrap();
    fs::remove_dir(mount.at("DIR/SUB")).unwrap();
    goes(&mount, "Dir/Sub");
    fs::remove_dir(mount.at("dir")).unwrap();
    goes(&mount, "Dir");
    // And may be made anew at once, as something else.
    fs::create_dir(mount.at("foo")).unwrap();
    assert!(fs::metadata(mount.at("FOO")).unwrap().is_dir());
    mount.unmount();
    card.is_sound();
}

#[test]
fn what_is_made_anew_after_a_removal_by_another_spelling_is_the_new_one() {
    let card = Card::new(8);
    let mount = card.mount();
    for i in 0..200 {
        fs::write(mount.at("Name"), format!("old {i}")).unwrap();
        fs::remove_file(mount.at("NAME")).unwrap();
        // By the first spelling, which the kernel may still keep: a write through it must not go to the one that is gone.
        fs::write(mount.at("Name"), format!("new {i}")).unwrap();
        assert_eq!(fs::read_to_string(mount.at("name")).unwrap(), format!("new {i}"));
        assert_eq!(fs::read_to_string(mount.at("Name")).unwrap(), format!("new {i}"));
        fs::remove_file(mount.at("Name")).unwrap();
        assert!(missing(&mount, "Name") && missing(&mount, "nAME"));
    }
    mount.unmount();
    card.is_sound();
}

#[test]
fn what_is_made_where_a_file_was_moved_from_by_another_spelling_does_not_touch_that_file() {
    let card = Card::new(8);
    let mount = card.mount();
    for i in 0..300 {
        fs::write(mount.at("Old"), format!("keep {i}")).unwrap();
        fs::rename(mount.at("OLD"), mount.at("New")).unwrap();
        // By the first spelling, which the kernel may still take for the file that was moved.
        fs::write(mount.at("Old"), format!("fresh {i}")).unwrap();
        assert_eq!(fs::read_to_string(mount.at("New")).unwrap(), format!("keep {i}"));
        assert_eq!(fs::read_to_string(mount.at("OLD")).unwrap(), format!("fresh {i}"));
        fs::rename(mount.at("new"), mount.at("OLD")).unwrap();
        assert_eq!(fs::read_to_string(mount.at("Old")).unwrap(), format!("keep {i}"));
        fs::remove_file(mount.at("old")).unwrap();
        assert_eq!(fs::File::open(mount.at("Old")).unwrap_err().kind(), ErrorKind::NotFound);
    }
    mount.unmount();
    card.is_sound();
}

#[test]
fn renames_by_other_spellings_move_the_file() {
    let card = Card::new(8);
    let mount = card.mount();
    fs::write(mount.at("Old"), "content").unwrap();
    fs::create_dir(mount.at("Dir")).unwrap();
    fs::rename(mount.at("OLD"), mount.at("New")).unwrap();
    goes(&mount, "Old");
    assert!(missing(&mount, "old"));
    assert_eq!(fs::read_to_string(mount.at("NEW")).unwrap(), "content");
    fs::rename(mount.at("new"), mount.at("DIR/Moved")).unwrap();
    goes(&mount, "New");
    assert_eq!(fs::read_to_string(mount.at("dir/moved")).unwrap(), "content");
    // Over another, by a spelling of that.
    fs::write(mount.at("Victim"), "victim").unwrap();
    fs::rename(mount.at("Dir/MOVED"), mount.at("VICTIM")).unwrap();
    goes(&mount, "Dir/Moved");
    assert_eq!(fs::read_to_string(mount.at("victim")).unwrap(), "content");
    let read = || fs::read_to_string(mount.at("Victim")).unwrap();
    assert!(
        (0..1_000_000).any(|_| read() == "content"),
        "the first spelling leads to the file that was replaced"
    );
    // To another spelling of itself: one and the same file, for which Linux does nothing and does not even ask.
    fs::rename(mount.at("victim"), mount.at("vICTIM")).unwrap();
    assert_eq!(names(&mount), ["Dir", "Victim"]);
    assert_eq!(fs::read_to_string(mount.at("Victim")).unwrap(), "content");
    // An exchange.
    fs::write(mount.at("Other"), "other").unwrap();
    let exchange = rustix::fs::RenameFlags::EXCHANGE;
    rustix::fs::renameat_with(
        rustix::fs::CWD,
        mount.at("OTHER"),
        rustix::fs::CWD,
        mount.at("VICTIM"),
        exchange,
    )
    .unwrap();
    let read = |name: &str| fs::read_to_string(mount.at(name)).unwrap();
    assert!((0..1_000_000).any(|_| read("Other") == "content" && read("Victim") == "other"));
    mount.unmount();
    card.is_sound();
}

#[test]
fn a_name_that_was_missing_is_found_once_another_spelling_is_made() {
    let card = Card::new(8);
    let mount = card.mount();
    for spelling in ["later", "LATER", "ALATER~1.TEX"] {
        assert!(missing(&mount, spelling));
    }
    fs::write(mount.at("Later"), "now").unwrap();
    fs::write(mount.at("A later name.text"), "now").unwrap();
    for spelling in ["later", "LATER", "ALATER~1.TEX"] {
        let read = fs::read_to_string(mount.at(spelling));
        assert_eq!(read.unwrap_or_else(|e| panic!("{spelling}: {e}")), "now");
    }
    fs::create_dir(mount.at("Late")).unwrap();
    assert!(missing(&mount, "LATE/X"));
    fs::write(mount.at("late/x"), "").unwrap();
    fs::metadata(mount.at("LATE/X")).unwrap();
    mount.unmount();
    card.is_sound();
}
