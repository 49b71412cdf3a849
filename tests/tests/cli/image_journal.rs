//! A program that is killed while it changes an image: before the change is decided, and in the middle of bringing it to
//! the image. The system kills it when it writes beyond a limit, so where it dies is no matter of chance.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nxvfs_tests::tool::{fsck_fat, mkfs_fat, mtype, text};

use super::run::{nxvfs, run};

const NEW: &[u8] = b"the new content";

struct Place {
    _dir: tempfile::TempDir,
    image: PathBuf,
    journal: PathBuf,
    new: PathBuf,
}

/// A volume with tables at its beginning and its free space behind 10 MiB.
fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("card.img");
    mkfs_fat(&image, 16 << 10, &["-F", "16", "-s", "4"]);
    let filler = dir.path().join("filler");
    fs::write(&filler, vec![0x55; 10 << 20]).unwrap();
    run(&["image", "put", text(&image), text(&filler), "/filler"]).ok();
    let new = dir.path().join("new");
    fs::write(&new, NEW).unwrap();
    let journal = dir.path().join("card.img.nxvfs-journal");
    assert!(!journal.exists(), "a command that succeeded leaves nothing");
    Place { _dir: dir, image, journal, new }
}

impl Place {
    /// Puts the new file, and is killed by the first write behind `limit` in any file.
    fn killed(&self, limit: u64) {
        let program = nxvfs();
        let mut command = Command::new("prlimit");
        command.arg(format!("--fsize={limit}")).arg("--core=0").arg(program.get_program());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.args(["image", "put", text(&self.image), text(&self.new), "/new"]);
        let status = command.output().expect("prlimit is needed: apt-get install util-linux").status;
        let signal = rustix::process::Signal::XFSZ.as_raw();
        assert!(status.signal() == Some(signal) || status.code() == Some(128 + signal), "{status:?}");
    }

    fn image(&self, args: &[&str]) -> super::run::Run {
        run(&[&["image", args[0], text(&self.image)], &args[1..]].concat())
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn killed_before_the_change_is_decided_the_image_is_as_it_was() {
    let place = place();
    let before = bytes(&place.image);
    place.killed(6000);
    assert!(place.journal.exists() && bytes(&place.image) == before);
    assert_eq!(place.image(&["ls"]).ok(), "filler\n");
    assert!(place.journal.exists(), "who only reads removes nothing");
    place.image(&["put", text(&place.new), "/later"]).ok();
    assert!(!place.journal.exists());
    assert_eq!(place.image(&["ls"]).ok(), "filler\nlater\n");
    assert_eq!(fsck_fat(&place.image), [""; 0]);
}

#[test]
fn killed_while_the_change_reaches_the_image_it_is_seen_in_full_and_completed_by_the_next_change() {
    let place = place();
    let before = bytes(&place.image);
    // The tables are written, the content is not.
    place.killed(5 << 20);
    let torn = bytes(&place.image);
    assert!(torn != before);
    assert_eq!(mtype(&place.image, "new"), vec![0; NEW.len()], "others see half a change");
    assert_eq!(place.image(&["ls"]).ok(), "filler\nnew\n");
    assert_eq!(place.image(&["cat", "/new"]).ok().as_bytes(), NEW);
    assert!(place.image(&["check"]).ok().contains("clean"));
    let said = place.image(&["info"]).failed();
    assert!(said.contains("interrupted") && said.contains("check --repair"), "{said}");
    assert!(bytes(&place.image) == torn, "who only reads writes nothing");
    assert!(place.image(&["mkdir", "/more"]).err.contains("completes a change"));
    assert!(!place.journal.exists());
    assert_eq!(mtype(&place.image, "new"), NEW);
    assert_eq!(place.image(&["ls"]).ok(), "filler\nmore\nnew\n");
    assert_eq!(fsck_fat(&place.image), [""; 0]);
}

#[test]
fn a_repair_completes_the_change_though_nothing_is_wrong_then() {
    let place = place();
    place.killed(5 << 20);
    assert!(place.image(&["check", "--repair"]).out.contains("clean"));
    assert!(!place.journal.exists());
    assert_eq!(mtype(&place.image, "new"), NEW);
    assert_eq!(fsck_fat(&place.image), [""; 0]);
}

#[test]
fn a_change_of_another_state_of_the_image_is_refused_and_a_new_image_forgets_it() {
    let place = place();
    let before = bytes(&place.image);
    place.killed(5 << 20);
    let journal = bytes(&place.journal);
    // Somebody copied another image to this name: its table of allocation is neither the old nor the new one.
    let mut other = before.clone();
    other[2048..64 << 10].fill(0x33);
    fs::write(&place.image, &other).unwrap();
    for args in [&["ls"][..], &["mkdir", "/x"], &["check"]] {
        let said = place.image(args).err;
        assert!(said.contains("somebody changed the image since") && said.contains("(EUCLEAN)"), "{said}");
    }
    assert!(bytes(&place.image) == other && bytes(&place.journal) == journal);
    // The old one is as good as the half-changed one.
    fs::write(&place.image, &before).unwrap();
    assert_eq!(place.image(&["cat", "/new"]).ok().as_bytes(), NEW);
    fs::write(&place.image, &before[..before.len() - 512]).unwrap();
    assert!(place.image(&["ls"]).failed().contains("somebody changed"));
    fs::remove_file(&place.image).unwrap();
    run(&["mkfs", "-t", "vfat", "-o", text(&place.image), "--size", "16M"]).ok();
    assert!(!place.journal.exists());
    assert_eq!(place.image(&["ls"]).ok(), "");
}

#[test]
fn what_is_no_journal_is_refused_and_left_alone() {
    let place = place();
    fs::write(&place.journal, "someone's notes").unwrap();
    for args in [&["ls"][..], &["mkdir", "/x"]] {
        assert!(place.image(args).failed().contains("not a journal of an image"));
    }
    assert_eq!(bytes(&place.journal), b"someone's notes");
    // Every byte of a decided journal that is wrong is noticed, or it is as if it were not decided.
    fs::remove_file(&place.journal).unwrap();
    place.killed(5 << 20);
    let (journal, torn) = (bytes(&place.journal), bytes(&place.image));
    for at in (0..104).chain((journal.len() - 100..journal.len()).step_by(7)) {
        let mut wrong = journal.clone();
        wrong[at] ^= 0x40;
        fs::write(&place.journal, wrong).unwrap();
        let ran = place.image(&["ls"]);
        assert!(ran.status == 1 || ran.out.starts_with("filler\n"), "byte {at}: {ran:?}");
    }
    assert!(bytes(&place.image) == torn);
}
