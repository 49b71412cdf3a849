//! What NuttX's FAT does wrong (NUTTX.md §7 and §12), done right, through descriptors.

use nxvfs::Errno;
use nxvfs_abi::filesystem::RENAME_EXCHANGE;
use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::image::pattern;
use nxvfs_tests::{content, tool};

use crate::{Fat, all, everywhere, make};

const FLOPPY: (u64, &[&str]) = (1440, &["-F", "12"]);
const DISK: (u64, &[&str]) = (36_864, &["-F", "32"]);

#[test]
fn two_openings_of_a_file_see_one_length_and_one_content_at_once() {
    everywhere(|place| {
        let fat = Fat::new(place, FLOPPY.0, FLOPPY.1, "");
        let (task, other) = (fat.task(), fat.task());
        let first = make(&task, "/mnt/f", b"");
        let second = other.open("/mnt/F", O_RDWR, 0).unwrap();
        task.pwrite(first, b"abc", 100_000).unwrap();
        assert_eq!(other.fstat(second).unwrap().attr.size_bytes, 100_003);
        assert_eq!(other.stat("/mnt/f").unwrap().attr.size_bytes, 100_003);
        let mut tail = [9; 8];
        assert_eq!(other.pread(second, &mut tail, 99_995).unwrap(), 8);
        assert_eq!(tail, *b"\0\0\0\0\0abc");
        other.ftruncate(second, 10).unwrap();
        assert_eq!(all(&task, first), [0; 10]);
        assert_ne!(task.fstat(first).unwrap().attr.ino, 0);
        task.end();
        other.end();
        fat.judged();
    });
}

#[test]
fn an_unlinked_file_lives_until_it_is_closed_and_never_touches_another() {
    everywhere(|place| {
        let fat = Fat::new(place, FLOPPY.0, FLOPPY.1, "");
        let task = fat.task();
        let free = || task.statfs("/mnt").unwrap().blocks_free;
        let before = free();
        let old = make(&task, "/mnt/old", b"old file");
        task.unlink("/mnt/old").unwrap();
        let new = make(&task, "/mnt/new", b"new file contents");
        task.pwrite(old, b"CORRUPT", 0).unwrap();
        task.pwrite(old, &pattern(1, 5000), 600).unwrap();
        assert_eq!(all(&task, new), b"new file contents");
        assert_eq!(all(&task, old)[600..], pattern(1, 5000));
        task.close(old).unwrap();
        assert_eq!(all(&task, new), b"new file contents");
        task.close(new).unwrap();
        task.unlink("/mnt/new").unwrap();
        assert_eq!(free(), before, "no cluster is lost");
        task.end();
        fat.judged();
    });
}

#[test]
fn o_trunc_empties_with_each_access_mode_that_writes() {
    everywhere(|place| {
        let fat = Fat::new(place, FLOPPY.0, FLOPPY.1, "");
        let task = fat.task();
        for flags in [O_RDWR, O_WRONLY] {
            let fd = make(&task, "/mnt/f", &pattern(2, 3000));
            task.close(fd).unwrap();
            let fd = task.open("/mnt/f", flags | O_TRUNC, 0).unwrap();
            assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 0);
            task.close(fd).unwrap();
        }
        task.end();
        fat.judged();
    });
}

#[test]
fn a_file_grows_after_it_shrank_and_the_gap_is_zero() {
    everywhere(|place| {
        let fat = Fat::new(place, DISK.0, DISK.1, "");
        let task = fat.task();
        let fd = make(&task, "/mnt/f", &pattern(3, 50_000));
        task.ftruncate(fd, 1000).unwrap();
        task.ftruncate(fd, 200_000).unwrap();
        let now = all(&task, fd);
        assert!(now[..1000] == pattern(3, 50_000)[..1000] && now[1000..] == [0; 199_000]);
        task.end();
        let (image, _folder) = fat.judged();
        assert!(tool::mtype(&image, "f") == now);
    });
}

#[test]
fn a_full_disk_is_enospc_with_what_fitted_and_the_right_length() {
    everywhere(|place| {
        let fat = Fat::new(place, FLOPPY.0, FLOPPY.1, "");
        let task = fat.task();
        let fd = make(&task, "/mnt/f", b"");
        let chunk = pattern(4, 65_536);
        let mut stored = 0;
        let last = loop {
            match task.pwrite(fd, &chunk, stored) {
                Ok(len) => stored += len as u64,
                Err(e) => break e.errno(),
            }
        };
        assert_eq!(last, Errno::ENOSPC);
        assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, stored);
        assert_eq!(task.statfs("/mnt").unwrap().blocks_free, 0);
        assert_ne!(stored % 65_536, 0, "the call that filled the disk tells how much it stored");
        errno(task.mkdir("/mnt/d", 0o755), Errno::ENOSPC);
        task.end();
        let (image, _folder) = fat.judged();
        assert_eq!(tool::mtype(&image, "f").len() as u64, stored);
    });
}

#[test]
fn a_file_has_at_most_four_gib_less_one() {
    everywhere(|place| {
        let fat = Fat::new(place, FLOPPY.0, FLOPPY.1, "");
        let task = fat.task();
        let fd = make(&task, "/mnt/f", b"x");
        errno(task.pwrite(fd, b"x", u64::from(u32::MAX)), Errno::EFBIG);
        errno(task.ftruncate(fd, 1 << 32), Errno::EFBIG);
        assert_eq!(all(&task, fd), b"x");
        task.end();
        fat.judged();
    });
}

#[test]
fn names_are_found_in_any_case_by_alias_and_with_any_letters() {
    everywhere(|place| {
        let fat = Fat::new(place, DISK.0, DISK.1, "");
        let task = fat.task();
        for name in
            ["UPPER.TXT", "MiXeDCase LongName.text", "f000001.txt", "Grüße — 日本語.txt", "🦀.txt", "NUL"]
        {
            let fd = make(&task, &format!("/mnt/{name}"), name.as_bytes());
            task.close(fd).unwrap();
            for other in [name.to_lowercase(), name.to_uppercase()] {
                // ß has no upper case of one unit, so it is no other case of it.
                let other = other.replace("SS", "ß");
                assert_eq!(fat.board.read(&format!("/mnt/{other}")), name.as_bytes(), "{other}");
            }
        }
        assert_eq!(fat.board.read("/mnt/MIXEDC~1.TEX"), b"MiXeDCase LongName.text");
        for bad in ["a:b", "a*b", "a?b", "a\"b", "a<b", "a|b", "a\\b", "\u{1}"] {
            errno(task.open(format!("/mnt/{bad}"), O_RDWR | O_CREAT, 0o644), Errno::EINVAL);
        }
        let fd = make(&task, "/mnt/dots. .", b"cut");
        task.close(fd).unwrap();
        assert_eq!(fat.board.read("/mnt/dots"), b"cut");
        // Eleven characters, many of them.
        for number in 0..200 {
            let fd = make(&task, &format!("/mnt/g{number:06}.txt"), &[number as u8]);
            task.close(fd).unwrap();
        }
        for number in 0..200 {
            assert_eq!(content(&task, &format!("/mnt/g{number:06}.txt")).unwrap(), [number as u8]);
            task.unlink(format!("/mnt/g{number:06}.txt")).unwrap();
        }
        task.end();
        let (image, _folder) = fat.judged();
        // mtools do not find letters of two UTF-16 units.
        assert_eq!(tool::mtype(&image, "Grüße — 日本語.txt"), "Grüße — 日本語.txt".as_bytes());
    });
}

#[test]
fn directories_move_with_their_parent_and_never_into_themselves() {
    everywhere(|place| {
        let fat = Fat::new(place, DISK.0, DISK.1, "");
        let task = fat.task();
        for dir in ["/mnt/a", "/mnt/a/b", "/mnt/a/b/c", "/mnt/d"] {
            task.mkdir(dir, 0o755).unwrap();
        }
        for inside in ["/mnt/a/x", "/mnt/a/b/x", "/mnt/a/b/c/x"] {
            errno(task.rename("/mnt/a", inside, 0), Errno::EINVAL);
        }
        let fd = make(&task, "/mnt/file", b"1");
        task.close(fd).unwrap();
        errno(task.rename("/mnt/a/b/c", "/mnt/file", 0), Errno::ENOTDIR);
        errno(task.rename("/mnt/file", "/mnt/d", 0), Errno::EISDIR);
        errno(task.rename("/mnt/d", "/mnt/a", 0), Errno::ENOTEMPTY);
        task.rename("/mnt/a/b", "/mnt/d/b", 0).unwrap();
        let up = task.stat("/mnt/d/b/..").unwrap().attr.ino;
        assert_eq!(up, task.stat("/mnt/d").unwrap().attr.ino);
        assert!(task.stat("/mnt/d/b/c/../../b/.").is_ok());
        errno(task.rmdir("/mnt/d"), Errno::ENOTEMPTY);
        errno(task.rmdir("/mnt/file"), Errno::ENOTDIR);
        errno(task.unlink("/mnt/d"), Errno::EISDIR);
        errno(task.mkdir("/mnt/none/x", 0o755), Errno::ENOENT);
        errno(task.stat("/mnt/file/x").map(drop), Errno::ENOTDIR);
        task.end();
        // fsck.fat looks at '..' as well.
        fat.judged();
    });
}

#[test]
fn a_rename_over_a_file_is_one_step_and_frees_what_was_there() {
    everywhere(|place| {
        let fat = Fat::new(place, FLOPPY.0, FLOPPY.1, "");
        let task = fat.task();
        let before = task.statfs("/mnt").unwrap().blocks_free;
        let old = make(&task, "/mnt/target", &pattern(5, 20_000));
        let new = make(&task, "/mnt/new", b"new");
        task.rename("/mnt/new", "/mnt/target", 0).unwrap();
        assert_eq!(all(&task, old), pattern(5, 20_000), "who has it open keeps it");
        assert_eq!(fat.board.read("/mnt/target"), b"new");
        errno(task.stat("/mnt/new").map(drop), Errno::ENOENT);
        task.close(old).unwrap();
        task.close(new).unwrap();
        assert_eq!(task.statfs("/mnt").unwrap().blocks_free, before - 1);
        task.end();
        fat.judged();
    });
}

#[test]
fn what_fat_can_hold_of_modes_and_times_it_holds() {
    everywhere(|place| {
        let fat = Fat::new(place, FLOPPY.0, FLOPPY.1, "");
        let task = fat.task();
        let fd = make(&task, "/mnt/f", b"x");
        task.fchmod(fd, 0o555).unwrap();
        assert_eq!(task.stat("/mnt/f").unwrap().attr.mode & 0o222, 0);
        task.fchmod(fd, 0o755).unwrap();
        // As in Linux: permissions that it cannot hold stay as they were; but set-user-id is refused.
        task.fchmod(fd, 0o700).unwrap();
        assert_eq!(task.stat("/mnt/f").unwrap().attr.mode & 0o777, 0o755);
        errno(task.fchmod(fd, 0o4755), Errno::EPERM);
        let mut time = task.stat("/mnt/f").unwrap().attr.mtime;
        (time.seconds, time.nanoseconds) = (1_000_000_000, 0);
        task.futimens(fd, None, Some(time)).unwrap();
        assert_eq!(task.stat("/mnt/f").unwrap().attr.mtime.seconds, 1_000_000_000);
        let reserved = task.statfs("/mnt").unwrap().blocks_free;
        task.fallocate(fd, 0, 0, 100_000).unwrap();
        assert!(task.statfs("/mnt").unwrap().blocks_free < reserved - 100);
        let modes = task.stat("/mnt").unwrap().attr.mode;
        assert_eq!(modes & 0o111, 0o111, "directories can be searched");
        task.end();
        fat.judged();
    });
}

#[test]
fn a_read_only_mount_changes_no_byte() {
    everywhere(|place| {
        let fat = Fat::new(place, FLOPPY.0, FLOPPY.1, "");
        let task = fat.task();
        let fd = make(&task, "/mnt/f", b"x");
        task.close(fd).unwrap();
        task.end();
        let (image, _folder) = fat.judged();
        let before = std::fs::read(&image).unwrap();
        let board = crate::attach(place, &image).mount("/dev/disk", "/mnt", "vfat", "ro");
        let task = board.task();
        errno(task.open("/mnt/g", O_RDWR | O_CREAT, 0o644), Errno::EROFS);
        errno(task.open("/mnt/f", O_WRONLY, 0), Errno::EROFS);
        errno(task.unlink("/mnt/f"), Errno::EROFS);
        let fd = task.open("/mnt/f", O_RDONLY, 0).unwrap();
        assert_eq!(all(&task, fd), b"x");
        errno(board.try_mount("/dev/disk", "/b", "vfat", ""), Errno::EBUSY);
        task.end();
        board.end();
        assert!(std::fs::read(&image).unwrap() == before);
    });
}

#[test]
fn what_is_known_of_a_spelling_ends_with_its_file_and_outlives_changes_beside_it() {
    everywhere(|place| {
        let fat = Fat::new(place, DISK.0, DISK.1, "");
        let task = fat.task();
        let put = |path: &str, content: &[u8]| task.close(make(&task, path, content)).unwrap();
        let sizes = |stem: &str| {
            let spellings = [stem.to_owned(), stem.to_uppercase(), stem.to_lowercase()];
            spellings.map(|name| {
                task.stat(format!("/mnt/{name}")).map(|stat| stat.attr.size_bytes).map_err(|e| e.errno())
            })
        };
        put("/mnt/Some long name", b"one");
        assert_eq!(sizes("Some long name"), [Ok(3); 3]);
        put("/mnt/beside", b"");
        task.unlink("/mnt/BESIDE").unwrap();
        assert_eq!(sizes("Some long name"), [Ok(3); 3]);
        assert_eq!(sizes("beside"), [Err(Errno::ENOENT); 3]);

        task.unlink("/mnt/SOME LONG NAME").unwrap();
        assert_eq!(sizes("Some long name"), [Err(Errno::ENOENT); 3]);
        put("/mnt/some LONG name", b"three");
        assert_eq!(sizes("Some long name"), [Ok(5); 3]);

        task.rename("/mnt/SOME long NAME", "/mnt/Else", 0).unwrap();
        assert_eq!(sizes("Some long name"), [Err(Errno::ENOENT); 3]);
        assert_eq!(sizes("Else"), [Ok(5); 3]);
        put("/mnt/over", b"written");
        task.rename("/mnt/OVER", "/mnt/eLSE", 0).unwrap();
        assert_eq!(sizes("Else"), [Ok(7); 3]);
        assert_eq!(sizes("over"), [Err(Errno::ENOENT); 3]);
        put("/mnt/Other", b"");
        assert_eq!(sizes("Other"), [Ok(0); 3]);
        task.rename("/mnt/OTHER", "/mnt/ELSE", RENAME_EXCHANGE).unwrap();
        assert_eq!((sizes("Other"), sizes("Else")), ([Ok(7); 3], [Ok(0); 3]));

        task.mkdir("/mnt/Dir", 0o755).unwrap();
        assert!(sizes("Dir").iter().all(Result::is_ok));
        task.rmdir("/mnt/dIR").unwrap();
        assert_eq!(sizes("Dir"), [Err(Errno::ENOENT); 3]);
        task.end();
        fat.judged();
    });
}

#[test]
fn a_change_by_one_spelling_of_a_directory_is_seen_by_all() {
    everywhere(|place| {
        let fat = Fat::new(place, DISK.0, DISK.1, "");
        let task = fat.task();
        task.mkdir("/mnt/Dir", 0o755).unwrap();
        let there = || ["Dir/x", "DIR/x", "dir/X"].map(|name| task.stat(format!("/mnt/{name}")).is_ok());
        assert_eq!(there(), [false; 3]);
        task.close(make(&task, "/mnt/DIR/X", b"")).unwrap();
        assert_eq!(there(), [true; 3]);
        task.rename("/mnt/dIR/x", "/mnt/Dir/other", 0).unwrap();
        assert_eq!(there(), [false; 3]);
        task.rename("/mnt/DIR/OTHER", "/mnt/dir/X", 0).unwrap();
        assert_eq!(there(), [true; 3]);
        task.unlink("/mnt/Dir/X").unwrap();
        assert_eq!(there(), [false; 3]);
        task.end();
        fat.judged();
    });
}
