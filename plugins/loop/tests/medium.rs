//! A device as a medium: bounds, durability, holes, cut files, commands, and two threads at once.

mod common;

use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

use common::{Given, content, file, pattern, punches};
use nxvfs_sdk::ioctl::*;
use nxvfs_sdk::{Errno, Grow, IO_META, WRITE_FUA};

#[test]
fn sectors_are_read_and_written_up_to_the_end_and_no_further() {
    let image = file(&[0; 4096 + 100]);
    let disk = Given::file(&image).attach().unwrap();
    let sectors = pattern(4096);
    for (start, count) in [(0, 8), (7, 1), (8, 0), (3, 2)] {
        let bytes = &sectors[..count as usize * 512];
        assert_eq!(disk.write(start, bytes, WRITE_FUA | IO_META).unwrap(), count);
        let mut back = vec![0; bytes.len()];
        assert_eq!(disk.read(start, &mut back, IO_META).unwrap(), count);
        assert_eq!(back, bytes);
    }
    let before = std::fs::read(image.path()).unwrap();
    for (start, count) in [(8, 1), (7, 2), (0, 9), (9, 0), (u64::MAX, 1), (u64::MAX / 512, 2), (1 << 55, 1)] {
        let mut bytes = vec![0xaa; count * 512];
        let sentence = format!(
            "sectors lie outside the loop device: sector {start}, {count} of them, expected an end of at most 8 \
             (EINVAL)"
        );
        assert_eq!(disk.read(start, &mut bytes, 0).unwrap_err().to_string(), sentence);
        assert_eq!(disk.write(start, &bytes, 0).unwrap_err().to_string(), sentence);
        assert_eq!(disk.discard(start, count as u64).unwrap_err().to_string(), sentence);
    }
    assert_eq!(disk.discard(1, u64::MAX).unwrap_err().errno, Errno::EINVAL);
    assert_eq!(std::fs::read(image.path()).unwrap(), before);
}

#[test]
fn what_was_written_is_in_the_file() {
    let image = file(&[0; 8192]);
    let disk = Given::file(&image).attach().unwrap();
    disk.write(3, &[7; 1024], 0).unwrap();
    disk.flush().unwrap();
    let mut expected = vec![0; 8192];
    expected[3 * 512..5 * 512].fill(7);
    assert_eq!(std::fs::read(image.path()).unwrap(), expected);
    disk.write(0, &[9; 512], WRITE_FUA).unwrap();
    expected[..512].fill(9);
    disk.detach().unwrap();
    assert_eq!(std::fs::read(image.path()).unwrap(), expected);
}

#[test]
fn discarded_sectors_are_a_hole_in_the_window() {
    const LEN: usize = 1 << 20;
    let bytes = pattern(LEN + 2000);
    let image = file(&bytes);
    image.as_file().sync_all().unwrap();
    let given = Given { offset: 1000, sizelimit: LEN as u64, ..Given::file(&image) };
    let disk = given.attach().unwrap();
    if !punches(&disk) {
        disk.discard(0, LEN as u64 / 512).unwrap();
        assert_eq!(std::fs::read(image.path()).unwrap(), bytes);
        return;
    }
    let before = image.as_file().metadata().unwrap();
    disk.discard(0, 0).unwrap();
    disk.discard(1, LEN as u64 / 512 - 2).unwrap();
    disk.flush().unwrap();
    let after = image.as_file().metadata().unwrap();
    assert_eq!(after.len(), before.len());
    assert!(after.blocks() + 1024 < before.blocks(), "{} to {} blocks", before.blocks(), after.blocks());
    let mut expected = bytes;
    expected[1512..1000 + LEN - 512].fill(0);
    assert_eq!(std::fs::read(image.path()).unwrap(), expected);
    assert_eq!(content(&disk), expected[1000..1000 + LEN]);
}

#[test]
fn a_read_only_device_cannot_be_changed() {
    let image = file(&pattern(4096));
    let disk = Given::file(&image).ro(true).attach().unwrap();
    for answer in [
        disk.write(0, &[1; 512], 0).map(drop),
        disk.write(u64::MAX, &[1; 512], WRITE_FUA).map(drop),
        disk.discard(0, 1),
        disk.ioctl_value(BIOC_DISCARD, 0).map(drop),
    ] {
        let refusal = answer.unwrap_err();
        assert_eq!((refusal.errno, refusal.what.as_str()), (Errno::EROFS, "loop device is read-only"));
        assert!(!refusal.place.is_empty() && !refusal.remedy.is_empty(), "{refusal}");
    }
    disk.flush().unwrap();
    assert!(!punches(&disk));
    assert_eq!(content(&disk), pattern(4096));
}

#[test]
fn a_file_that_was_cut_is_an_error_and_a_write_lengthens_it_again() {
    let image = file(&pattern(4096));
    let disk = Given::file(&image).attach().unwrap();
    image.as_file().set_len(1000).unwrap();
    let mut sector = [0; 512];
    disk.read(0, &mut sector, 0).unwrap();
    for start in [1, 2, 7] {
        let error = disk.read(start, &mut sector, 0).unwrap_err();
        assert_eq!((error.errno, error.what.as_str()), (Errno::EIO, "file ends before the medium does"));
        assert!(error.place.ends_with(&format!("from byte {} on", start * 512)), "{error}");
    }
    disk.discard(0, 8).unwrap();
    assert_eq!(image.as_file().metadata().unwrap().len(), 1000);
    disk.write(7, &[7; 512], 0).unwrap();
    assert_eq!(image.as_file().metadata().unwrap().len(), 4096);
    disk.read(7, &mut sector, 0).unwrap();
    assert_eq!(sector, [7; 512]);
}

#[test]
fn a_file_that_refuses_a_write_later_is_told_with_the_contracts_errno() {
    let sealed = rustix::fs::memfd_create("sealed", rustix::fs::MemfdFlags::ALLOW_SEALING).unwrap();
    let sealed = std::fs::File::from(sealed);
    sealed.write_all_at(&pattern(4096), 0).unwrap();
    rustix::fs::fcntl_add_seals(&sealed, rustix::fs::SealFlags::WRITE).unwrap();
    let path = format!("/proc/self/fd/{}", sealed.as_raw_fd());
    let disk = Given::path(path.as_ref()).attach().unwrap();
    let error = disk.write(1, &[1; 512], 0).unwrap_err();
    assert_eq!((error.errno, error.what.as_str()), (Errno::EROFS, "sectors cannot be written"));
    assert_eq!(error.place, format!("{path}, from byte 512 on"));
    assert_eq!(disk.discard(0, 1).unwrap_err().errno, Errno::EROFS);
    assert!(!punches(&disk));
    assert_eq!(content(&disk), pattern(4096));
}

#[test]
fn every_command_is_answered() {
    let image = file(&pattern(4096));
    for ro in [true, false] {
        let disk = Given { sector_size: 1024, ..Given::file(&image) }.ro(ro).attach().unwrap();
        let mut part = PartitionInfo::empty();
        assert_eq!(disk.ioctl_struct(BIOC_PARTINFO, &mut part).unwrap(), 0);
        assert_eq!((part.sector_size_bytes, part.start_sector, part.sector_count), (1024, 0, 4));
        assert_eq!(part.parent.len, 0);
        let mut size = [0; 4];
        disk.ioctl(BIOC_BLKSSZGET, &mut size).unwrap();
        assert_eq!(u32::from_ne_bytes(size), 1024);
        let mut count = [0; 8];
        disk.ioctl(BIOC_BLKGETSIZE, &mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 4);
        assert_eq!(disk.ioctl_value(BIOC_FLUSH, 0).unwrap(), 0);
        for command in [BIOC_PARTINFO, BIOC_BLKSSZGET, BIOC_BLKGETSIZE] {
            assert_eq!(disk.ioctl_value(command, 0).unwrap_err().errno, Errno::EFAULT);
            assert_eq!(disk.ioctl(command, &mut [0; 3]).unwrap_err().errno, Errno::EINVAL);
        }
        for command in [BIOC_XIPBASE, FIOC_REFORMAT, 0xffff_ffff] {
            assert_eq!(disk.ioctl_value(command, 0).unwrap_err().errno, Errno::ENOTTY);
        }
        assert_eq!(disk.xip().map(drop).unwrap_err().errno, Errno::ENXIO);
        assert_eq!(content(&disk), pattern(4096));
        if !ro {
            assert_eq!(disk.ioctl_value(BIOC_DISCARD, 0).unwrap(), 0);
            assert_eq!(content(&disk), if punches(&disk) { vec![0; 4096] } else { pattern(4096) });
        }
        disk.detach().unwrap();
    }
}

#[test]
fn two_threads_at_once_keep_to_their_sectors() {
    const ROUNDS: u8 = 200;
    let image = file(&[0; 24 * 512]);
    let disk = Given::file(&image).attach().unwrap();
    // Sectors 0 to 15 and 8 to 23: 8 to 15 are both threads'.
    std::thread::scope(|scope| {
        for (first, own, tag) in [(0, 0, 0x00_u8), (8, 8, 0x01)] {
            let disk = &disk;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let byte = (round << 1) | tag;
                    disk.write(first, &[byte; 16 * 512], 0).unwrap();
                    let mut back = [0; 16 * 512];
                    disk.read(first, &mut back, 0).unwrap();
                    let own = &back[own * 512..][..8 * 512];
                    assert!(own.iter().all(|b| *b == byte), "a sector of one thread only has changed");
                }
            });
        }
    });
    let last = (ROUNDS - 1) << 1;
    let all = content(&disk);
    assert!(all[..8 * 512].iter().all(|b| *b == last));
    assert!(all[8 * 512..16 * 512].iter().all(|b| *b == last || *b == last | 1));
    assert!(all[16 * 512..].iter().all(|b| *b == last | 1));
}
