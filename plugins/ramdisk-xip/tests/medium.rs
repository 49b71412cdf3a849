//! A disk as a medium: shape, bounds, the grant, the commands, and two threads at once.

mod common;

use std::os::unix::fs::FileExt;

use common::{Given, content, file, pattern};
use nxvfs_sdk::abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_DISCARD_ZEROES, GEOMETRY_WRITABLE};
use nxvfs_sdk::ioctl::*;
use nxvfs_sdk::{Errno, Geometry, Grow, IO_META, WRITE_FUA};

#[test]
fn a_new_disk_is_zeroed_and_has_the_shape_that_was_asked_for() {
    for (sectors, sector_size) in [(1, 512), (2048, 512), (3, 4096), (5, 65_536)] {
        let disk = Given { sector_size, ..Given::sectors(sectors) }.attach().unwrap();
        let geometry = disk.geometry().unwrap();
        assert_eq!(geometry.sector_count, sectors);
        assert_eq!(u64::from(geometry.sector_size_bytes), sector_size);
        assert_eq!(geometry.flags, GEOMETRY_AVAILABLE | GEOMETRY_WRITABLE | GEOMETRY_DISCARD_ZEROES);
        assert_eq!(geometry.write_unit_bytes, 0);
        assert!(content(&disk).iter().all(|byte| *byte == 0));
        disk.detach().unwrap();
    }
}

#[test]
fn sectors_are_read_and_written_up_to_the_end_and_no_further() {
    let disk = Given::sectors(8).attach().unwrap();
    let sectors = pattern(4096);
    for (start, count) in [(0, 8), (7, 1), (8, 0), (3, 2)] {
        let bytes = &sectors[..count as usize * 512];
        assert_eq!(disk.write(start, bytes, WRITE_FUA | IO_META).unwrap(), count);
        let mut back = vec![0; bytes.len()];
        assert_eq!(disk.read(start, &mut back, IO_META).unwrap(), count);
        assert_eq!(back, bytes);
    }
    let before = content(&disk);
    for (start, count) in [(8, 1), (7, 2), (0, 9), (9, 0), (u64::MAX, 1), (u64::MAX / 512, 2), (1 << 55, 1)] {
        let mut bytes = vec![0xaa; count * 512];
        let sentence = format!(
            "sectors lie outside the RAM disk: sector {start}, {count} of them, expected an end of at most 8 (EINVAL)"
        );
        assert_eq!(disk.read(start, &mut bytes, 0).unwrap_err().to_string(), sentence);
        assert_eq!(disk.write(start, &bytes, 0).unwrap_err().to_string(), sentence);
        assert_eq!(disk.discard(start, count as u64).unwrap_err().to_string(), sentence);
    }
    assert_eq!(disk.discard(1, u64::MAX).unwrap_err().errno, Errno::EINVAL);
    assert_eq!(content(&disk), before);
}

#[test]
fn discarded_sectors_are_zero_and_their_neighbours_stay() {
    let disk = Given::sectors(8).attach().unwrap();
    disk.write(0, &pattern(4096), 0).unwrap();
    disk.discard(2, 3).unwrap();
    disk.discard(8, 0).unwrap();
    let mut expected = pattern(4096);
    expected[1024..2560].fill(0);
    assert_eq!(content(&disk), expected);
}

#[test]
fn the_grant_is_the_medium_and_so_is_the_object_behind_it() {
    let disk = Given::sectors(9).attach().unwrap();
    disk.write(0, &pattern(9 * 512), 0).unwrap();
    let grant = disk.xip().unwrap();
    assert!(grant.writable);
    assert_eq!((grant.len_bytes, grant.memory_offset), (9 * 512, 0));
    assert!(grant.base.addr().is_multiple_of(4096));
    let mut bytes = vec![0; 512];
    grant.read_at(8 * 512, &mut bytes);
    assert_eq!(bytes, pattern(9 * 512)[8 * 512..]);
    grant.write_at(5 * 512, &[7; 512]);
    disk.read(5, &mut bytes, 0).unwrap();
    assert_eq!(bytes, [7; 512]);
    // Whoever maps the object sees the same bytes as who reads it.
    let object = std::fs::File::open(format!("/proc/self/fd/{}", grant.memory_fd)).unwrap();
    let mut bytes = vec![0; 9 * 512];
    object.read_exact_at(&mut bytes, grant.memory_offset).unwrap();
    assert_eq!(bytes, content(&disk));
}

#[test]
fn every_command_is_answered() {
    let image = file(&pattern(4096));
    let private = Given { sector_size: 1024, ..Given::image(&image) };
    for given in [private, Given { ro: true, ..private }, Given { shared: true, ..private }] {
        let disk = given.attach().unwrap();
        let mut geometry = Geometry::empty();
        assert_eq!(disk.ioctl_struct(BIOC_GEOMETRY, &mut geometry).unwrap(), 0);
        assert_eq!((geometry.sector_count, geometry.sector_size_bytes), (4, 1024));
        assert_eq!(geometry.flags & GEOMETRY_WRITABLE != 0, !given.ro);
        assert_eq!(geometry.flags & GEOMETRY_DISCARD_ZEROES != 0, !given.ro);

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
        let mut address = [0; size_of::<usize>()];
        disk.ioctl(BIOC_XIPBASE, &mut address).unwrap();
        assert_eq!(usize::from_ne_bytes(address), disk.xip().unwrap().base.addr());

        assert_eq!(disk.ioctl_value(BIOC_FLUSH, 0).unwrap(), 0);
        disk.flush().unwrap();
        assert_eq!(disk.ioctl_value(FIOC_REFORMAT, 0).unwrap_err().errno, Errno::ENOTTY);
        assert_eq!(disk.ioctl_value(0xffff_ffff, 0).unwrap_err().errno, Errno::ENOTTY);
        assert_eq!(content(&disk), pattern(4096));
        match disk.ioctl_value(BIOC_DISCARD, 0) {
            Ok(answer) => assert_eq!((answer, given.ro, content(&disk)), (0, false, vec![0; 4096])),
            Err(error) => {
                assert_eq!((error.errno, given.ro, content(&disk)), (Errno::EROFS, true, pattern(4096)))
            }
        }
        disk.detach().unwrap();
    }
}

#[test]
fn an_argument_without_room_is_refused() {
    let disk = Given::sectors(8).attach().unwrap();
    for command in [BIOC_GEOMETRY, BIOC_PARTINFO, BIOC_BLKSSZGET, BIOC_BLKGETSIZE, BIOC_XIPBASE] {
        assert_eq!(
            disk.ioctl_value(command, 0).unwrap_err().errno,
            Errno::EFAULT,
            "{command:#x} without memory"
        );
        assert_eq!(
            disk.ioctl(command, &mut [0; 3]).unwrap_err().errno,
            Errno::EINVAL,
            "{command:#x} with 3 bytes"
        );
    }
}

#[test]
fn two_threads_at_once_keep_to_their_sectors_and_mix_bytes_only_where_they_overlap() {
    const ROUNDS: u8 = 200;
    let disk = Given::sectors(24).attach().unwrap();
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
