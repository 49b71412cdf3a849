//! The program that answers is killed in the middle of writes.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use nxvfs_tests::image::pattern;
use nxvfs_tests::tool;
use rustix::process::Signal;

use crate::card::Card;

/// What fsck.fat may say: the list in docs/vfat.md, less what only renames of directories bring.
const PROMISED: [&str; 20] = [
    "Dirty bit is set",
    "65:01/00",
    "Not automatically fixing this",
    "Automatically removing dirty bit",
    "FATs differ",
    "Using first FAT",
    "Free cluster summary wrong",
    "Auto-correcting",
    "Reclaimed",
    "Reclaiming",
    "File size is",
    "Truncating file to",
    "Orphaned long file name part",
    "Auto-deleting",
    "Leaving filesystem unchanged",
    "There are differences between boot sector and its backup",
    "This is mostly harmless",
    // The two names of a rename in flight.
    "share clusters",
    "Truncating second",
    "and",
];

fn file_name(writer: u64, turn: u64) -> String {
    format!("dir {writer}/file {turn}.data")
}

fn file_content(writer: u64, turn: u64) -> Vec<u8> {
    pattern(writer << 32 | turn, 1000 + (turn as usize * 7919) % 40_000)
}

/// Writes files with fsync, renames every third, removes every fourth a while later; tells of each that is safe.
fn write(root: &Path, writer: u64, safe: &mpsc::Sender<(u64, u64)>) -> std::io::Result<()> {
    for turn in 0.. {
        let path = root.join(file_name(writer, turn));
        let made = if turn % 3 == 0 { path.with_extension("part") } else { path.clone() };
        let mut file = File::create(&made)?;
        file.write_all(&file_content(writer, turn))?;
        if turn % 3 == 0 {
            fs::rename(&made, &path)?;
        }
        file.sync_all()?;
        // The name, too.
        File::open(root.join(format!("dir {writer}")))?.sync_all()?;
        let _ = safe.send((writer, turn));
        // Written, and not waited for.
        fs::write(root.join(format!("dir {writer}/lazy {turn}")), pattern(turn, 5000))?;
        if turn > 8 {
            fs::remove_file(root.join(format!("dir {writer}/lazy {}", turn - 8)))?;
        }
    }
    Ok(())
}

#[test]
fn files_whose_fsync_returned_are_whole_and_the_volume_keeps_its_promise() {
    const WRITERS: u64 = 3;
    for kill_after in [20, 77] {
        let card = Card::new(64);
        let mut mount = card.mount();
        for writer in 0..WRITERS {
            fs::create_dir(mount.at(&format!("dir {writer}"))).unwrap();
        }
        let (sender, safe) = mpsc::channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (root, sender) = (mount.path().to_owned(), sender.clone());
                thread::spawn(move || write(&root, writer, &sender).unwrap_err())
            })
            .collect();
        drop(sender);
        let mut acknowledged: Vec<_> = safe.iter().take(kill_after).collect();
        mount.signal(Signal::KILL);
        mount.status();
        // The others are refused, and none hangs.
        for writer in writers {
            writer.join().expect("a writer ends with an error");
        }
        acknowledged.extend(safe.iter());
        let _ = rustix::mount::unmount(mount.path(), rustix::mount::UnmountFlags::DETACH);
        drop(mount);

        let broken: Vec<_> = tool::fsck_fat(&card.image)
            .into_iter()
            // A path introduces what is said of it.
            .filter(|line| {
                !line.starts_with('/') && !PROMISED.iter().any(|start| line.trim().starts_with(start))
            })
            .collect();
        assert_eq!(broken, [""; 0]);
        for (writer, turn) in &acknowledged {
            let found = tool::mtype(&card.image, &file_name(*writer, *turn));
            assert!(found == file_content(*writer, *turn), "{} is not whole", file_name(*writer, *turn));
        }
        // It mounts, tells that it was not ended, and is the same for us.
        let mut mount = card.mount();
        for (writer, turn) in &acknowledged {
            assert!(fs::read(mount.at(&file_name(*writer, *turn))).unwrap() == file_content(*writer, *turn));
        }
        fs::write(mount.at("again"), "it is written").unwrap();
        rustix::mount::unmount(mount.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
        assert!(mount.status().success());
        assert!(mount.said().contains("the volume was not unmounted properly"), "{}", mount.said());
        let (_, said) = tool::run("fsck.fat", &["-a", tool::text(&card.image)], "");
        assert_eq!(tool::fsck_fat(&card.image), [""; 0], "{said}");
        assert_eq!(tool::mtype(&card.image, "again"), b"it is written");
    }
}
