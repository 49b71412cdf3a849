//! Files of FAT volumes as memory: in place where they lie in one piece, stitched where the pieces are pages, through a
//! copy where they are not; and what a mapping shows when its file is cut, replaced or removed.

use nxvfs::Task;
use nxvfs::mapping::{MapRequest, Mapping, Prot};
use nxvfs::tree::Tier;
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Link, tool};

use crate::{Fat, Place, all, everywhere, make};

const MEMORY: [Place; 2] =
    [Place { link: Link::Static, memory: true }, Place { link: Link::Dynamic, memory: true }];

fn seen(view: &Mapping, offset: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    view.read_at(offset, &mut bytes).unwrap();
    bytes
}

fn writable(task: &Task, fd: u32, len: usize) -> Mapping {
    task.map(fd, &MapRequest::shared(0, len, Prot::READ_WRITE)).unwrap()
}

/// Makes a file of so many pieces where there is no other room than holes of a piece each.
fn fragmented(task: &Task, path: &str, piece: usize, pieces: usize) -> (u32, Vec<u8>) {
    for number in 0..2 * pieces {
        let fd = make(task, &format!("/mnt/h{number}"), &vec![0xaa; piece]);
        task.close(fd).unwrap();
    }
    fill(task, 0xbb);
    for number in (0..2 * pieces).step_by(2) {
        task.unlink(format!("/mnt/h{number}")).unwrap();
    }
    let content = pattern(6, piece * pieces);
    (make(task, path, &content), content)
}

#[test]
fn a_file_written_in_one_go_is_mapped_in_place_and_a_store_is_on_the_medium() {
    for place in MEMORY {
        let fat = Fat::new(place, 65_536, &["-F", "16", "-s", "8", "-R", "8", "-f", "1"], "mmap=xip");
        let task = fat.task();
        let mut content = pattern(7, 300_000);
        let fd = make(&task, "/mnt/f", &content);
        let explained = task.explain("/mnt/f").unwrap();
        assert_eq!((explained.tier, explained.extents.len()), (Tier::Xip, 1), "{}", explained.reason);
        let reader = task.map(fd, &MapRequest::read(0, content.len())).unwrap();
        assert_eq!(reader.tier(), Tier::Xip);
        assert!(seen(&reader, 0, content.len()) == content);
        let writer = writable(&task, fd, content.len());
        writer.write_at(123_456, b"through a view").unwrap();
        content[123_456..][..14].copy_from_slice(b"through a view");
        assert!(all(&task, fd) == content && seen(&reader, 0, content.len()) == content);
        // And the other way round.
        task.pwrite(fd, b"by writing", 5).unwrap();
        content[5..15].copy_from_slice(b"by writing");
        assert!(seen(&writer, 0, 100) == content[..100]);
        drop((reader, writer));
        task.end();
        let (image, _folder) = fat.judged();
        assert!(tool::mtype(&image, "f") == content);
    }
}

#[test]
fn a_volume_of_our_mkfs_can_be_mapped_for_writing_in_place() {
    for place in MEMORY {
        let fat = Fat::new(place, 65_536, &["-F", "16"], "");
        fat.board.unmount("/mnt").unwrap();
        // Clusters of a page, so that a file has its last page for itself.
        fat.board.format("/dev/disk", "vfat", &[("s".to_owned(), Some("8".to_owned()))]).unwrap();
        fat.board.try_mount("/dev/disk", "/mnt", "vfat", "").unwrap();
        let task = fat.task();
        let fd = make(&task, "/mnt/f", &pattern(8, 100_000));
        let view = writable(&task, fd, 100_000);
        assert_eq!(view.tier(), Tier::Xip);
        view.write_at(99_990, b"at its end").unwrap();
        drop(view);
        task.end();
        let (image, _folder) = fat.judged();
        assert_eq!(tool::mtype(&image, "f")[99_990..], *b"at its end");
    }
}

#[test]
fn pieces_that_are_pages_are_stitched_and_others_are_copied_and_explain_shows_them() {
    for place in MEMORY {
        // Clusters of a page, and of an eighth of one.
        for (options, piece, tier) in [
            (&["-F", "16", "-s", "8", "-R", "8", "-f", "1"][..], 4096, Tier::Xip),
            (&["-F", "16", "-s", "1"][..], 512, Tier::Ram),
        ] {
            let fat = Fat::new(place, if piece == 512 { 16_384 } else { 65_536 }, options, "");
            let task = fat.task();
            let (fd, mut content) = fragmented(&task, "/mnt/f", piece, 16);
            let explained = task.explain("/mnt/f").unwrap();
            assert!(explained.extents.len() >= 12, "{:?}", explained.extents);
            let told: u64 = explained.extents.iter().map(|extent| extent.len_bytes).sum();
            assert!(told >= content.len() as u64);
            let view = writable(&task, fd, content.len());
            assert_eq!((view.tier(), explained.tier), (tier, tier), "{}", explained.reason);
            assert!(seen(&view, 0, content.len()) == content);
            view.write_at(piece * 5 - 3, b"across pieces").unwrap();
            content[piece * 5 - 3..][..13].copy_from_slice(b"across pieces");
            assert!(all(&task, fd) == content);
            drop(view);
            task.end();
            let (image, _folder) = fat.judged();
            assert!(tool::mtype(&image, "f") == content);
        }
    }
}

#[test]
fn what_is_stored_into_the_copy_of_a_file_on_a_disk_is_written_back() {
    for link in [Link::Static, Link::Dynamic] {
        let fat = Fat::new(Place { link, memory: false }, 16_384, &["-F", "16"], "");
        let task = fat.task();
        let mut content = pattern(9, 50_000);
        let fd = make(&task, "/mnt/f", &content);
        let view = writable(&task, fd, content.len());
        assert_eq!(view.tier(), Tier::Ram);
        view.write_at(40_000, b"written back without msync").unwrap();
        content[40_000..][..26].copy_from_slice(b"written back without msync");
        assert!(all(&task, fd) == content);
        task.close(fd).unwrap();
        drop(view);
        task.end();
        let (image, _folder) = fat.judged();
        assert!(tool::mtype(&image, "f") == content);
    }
}

/// Fills the volume with a byte, so that whatever is free gets it.
fn fill(task: &Task, byte: u8) {
    let fd = make(task, "/mnt/filler", b"");
    let mut at = 0;
    while let Ok(len) = task.pwrite(fd, &[byte; 32_768], at) {
        at += len as u64;
    }
    task.fsync(fd, false).unwrap();
    task.close(fd).unwrap();
}

#[test]
fn a_mapping_never_shows_the_bytes_of_another_file() {
    everywhere(|place| {
        for change in ["unlink", "rename over", "truncate"] {
            let fat = Fat::new(place, 65_536, &["-F", "16", "-s", "8", "-R", "8", "-f", "1"], "");
            let task = fat.task();
            let content = vec![0x11; 64 << 10];
            let fd = make(&task, "/mnt/f", &content);
            let view = task.map(fd, &MapRequest::read(0, content.len())).unwrap();
            // In place what is cut off is pinned until the view ends; a copy holds no clusters.
            assert_eq!(view.tier(), if place.memory { Tier::Xip } else { Tier::Ram });
            match change {
                "unlink" => task.unlink("/mnt/f").unwrap(),
                "rename over" => {
                    let other = make(&task, "/mnt/g", &[0x22; 100]);
                    task.close(other).unwrap();
                    task.rename("/mnt/g", "/mnt/f", 0).unwrap();
                }
                _ => task.ftruncate(fd, 4096).unwrap(),
            }
            if change != "truncate" {
                task.close(fd).unwrap();
            }
            fill(&task, 0xee);
            let mut bytes = vec![0; content.len()];
            // Pages behind a file's end may be refused; what is seen is the file's or zero.
            let whole = view.read_at(0, &mut bytes).is_ok();
            if change != "truncate" {
                assert!(whole && bytes == content, "{change} {place:?}");
            } else {
                assert!(!bytes.contains(&0xee), "{change} {place:?}");
                assert_eq!(seen(&view, 0, 4096), [0x11; 4096]);
            }
            drop(view);
            if change == "truncate" {
                task.close(fd).unwrap();
            }
            if change != "truncate" || place.memory {
                // Now others get the clusters.
                let fd = make(&task, "/mnt/after", &[0x33; 32 << 10]);
                task.close(fd).unwrap();
            }
            task.end();
            fat.judged();
        }
    });
}
