//! Plugins that introduce themselves wrongly.

use nxvfs::Errno;
use nxvfs_tests::Folder;
use nxvfs_tests::check::{refused, taught};
use nxvfs_tests::fixture::c_plugin;

use super::harness::{board, status};

/// A wrong introduction: the fixture's macro, the errno, and parts of the sentence.
const WRONG: &[(&str, Errno, &[&str])] = &[
    ("WRONG_MAJOR", Errno::ELIBBAD, &["another ABI", "found 2.0", "expected 1.x"]),
    ("REFUSES", Errno::ELIBBAD, &["refuses this host", "NULL"]),
    ("NO_SYMBOL", Errno::ELIBBAD, &["no entry symbol", "nx_plugin_not_there", "neither"]),
    ("OTHER_NAME", Errno::ELIBBAD, &["disagree", "name", "somebody-else", "introduction"]),
    ("OTHER_VERSION", Errno::ELIBBAD, &["disagree", "version", "2.0.0", "1.0.0"]),
    ("OTHER_MINOR", Errno::ELIBBAD, &["disagree", "abi", "found 1.1", "expected 1.0"]),
    ("OTHER_DRIVER", Errno::ELIBBAD, &["disagree", "drivers", "something-else"]),
    (
        "INIT_FAILS",
        Errno::EAGAIN,
        &["the coffee is cold", "cup 3", "20 degrees", "60 degrees", "make new coffee"],
    ),
    ("BAD_MAGIC", Errno::ELIBBAD, &["no plugin descriptor", "0xdeadbeef"]),
    ("SIZE_0", Errno::ELIBBAD, &["descriptor", "size"]),
    ("SIZE_HUGE", Errno::ELIBBAD, &["descriptor", "size"]),
    ("MISALIGNED", Errno::ELIBBAD, &["descriptor", "address"]),
    ("STRAY", Errno::ELIBBAD, &["outside its own image"]),
    ("COUNT_0", Errno::ELIBBAD, &["driver_count", "found 0"]),
    ("COUNT_65", Errno::ELIBBAD, &["driver_count", "found 65"]),
    ("STRIDE_0", Errno::ELIBBAD, &["driver_stride", "found 0"]),
    ("STRIDE_HUGE", Errno::ELIBBAD, &["driver_stride", "4294967295"]),
    ("STRIDE_ODD", Errno::ELIBBAD, &["driver 1", "size"]),
    ("DRIVER_SIZE", Errno::ELIBBAD, &["driver 0", "size"]),
    ("DRIVER_TWICE", Errno::ELIBBAD, &["driver 1", "introduction twice"]),
    ("KIND_99", Errno::ELIBBAD, &["driver 0", "kind 99"]),
    ("TABLE_NULL", Errno::ELIBBAD, &["introduction", "table"]),
    ("TABLE_SIZE_0", Errno::ELIBBAD, &["introduction", "table"]),
    ("TABLE_HUGE", Errno::ELIBBAD, &["introduction", "table"]),
    ("TABLE_CUT", Errno::ELIBBAD, &["introduction"]),
    ("SLOT_NULL", Errno::ELIBBAD, &["introduction", "read", "null"]),
    ("NAME_NULL", Errno::ELIBBAD, &["driver 0", "null"]),
    ("NAME_HUGE", Errno::ELIBBAD, &["driver 0", "bytes of text"]),
    ("NAME_BINARY", Errno::ELIBBAD, &["driver 0", "UTF-8"]),
];

#[test]
fn a_wrong_introduction_is_refused_and_the_reason_is_listed() {
    let folder = Folder::new();
    let board = board();
    let before = board.plugins().list().len();
    let path = folder.at("introduction.so");
    for (case, errno, parts) in WRONG {
        c_plugin("descriptor.c", &path, &[&format!("-D{case}")]);
        let refusal = taught(board.plugins().insmod(&path, &[], false), *errno, parts);
        let listed = status(&board, "introduction");
        assert_eq!(listed.state, "refused", "{case}");
        assert_eq!(listed.reason, refusal.to_string(), "{case}");
        assert!(listed.reason.contains(&path.display().to_string()), "{case}: {}", listed.reason);
        // The same file again: one line in the list, not two.
        assert_eq!(board.plugins().list().len(), before + 1, "{case}");
    }
    // Without the mistake it is a plugin.
    c_plugin("descriptor.c", &path, &[]);
    board.plugins().insmod(&path, &[], false).unwrap();
    assert_eq!(status(&board, "introduction").state, "live");
    board.plugins().rmmod("introduction").unwrap();
}

#[test]
fn an_errno_that_is_none_is_eio() {
    let folder = Folder::new();
    let board = board();
    let path = c_plugin("descriptor.c", &folder.at("introduction.so"), &["-DINIT_GARBAGE"]);
    refused(board.plugins().insmod(&path, &[], false), Errno::EIO, &["introduction.so"]);
}

#[test]
fn a_file_that_is_no_plugin_is_refused() {
    let folder = Folder::new().file("text.so", "int main(void)\n").file("empty.so", "");
    let board = board();
    let plain = c_plugin("plain.c", &folder.at("plain.so"), &[]);
    taught(board.plugins().insmod(&plain, &[], false), Errno::ENOEXEC, &["plain.so", ".nxmodinfo"]);
    let text = folder.at("text.so");
    taught(board.plugins().insmod(&text, &[], false), Errno::ENOEXEC, &["text.so", "ELF", "int main"]);
    taught(board.plugins().insmod(&folder.at("empty.so"), &[], false), Errno::ENOEXEC, &["an empty file"]);
    for name in ["plain.so", "text.so", "empty.so"] {
        assert_eq!(status(&board, name).state, "refused");
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused_wherever_it_is_cut() {
    let folder = Folder::new();
    let board = board();
    let whole = std::fs::read(c_plugin("descriptor.c", &folder.at("whole.so"), &[])).unwrap();
    let path = folder.at("cut.so");
    // Whatever its manifest's place, the table of sections ends the file: no prefix can be read.
    let lengths = (1..64).chain((64..whole.len()).step_by(197)).chain([whole.len() - 1]);
    for len in lengths {
        std::fs::write(&path, &whole[..len]).unwrap();
        let refusal = taught(board.plugins().insmod(&path, &[], false), Errno::ENOEXEC, &["cut.so"]);
        assert!(!refusal.detail().found.is_empty(), "{len} bytes: {refusal}");
    }
}
