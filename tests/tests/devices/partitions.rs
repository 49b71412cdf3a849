//! Nodes for the entries of partition tables, against the tables that sfdisk and fdisk make and read.

use std::os::unix::fs::FileExt;
use std::path::Path;

use nxvfs::Errno;
use nxvfs::device::Scheme;
use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_RDWR};
use nxvfs_tests::check::{refused, taught};
use nxvfs_tests::tool::{self, blank, text};
use nxvfs_tests::{Board, Folder, Link, Rng, on_both_links, words};

const MIB: u64 = 1 << 20;

/// A disk that sfdisk partitioned.
#[track_caller]
fn disk(mib: u64, script: &str) -> (Folder, std::path::PathBuf) {
    let folder = Folder::new();
    let path = folder.at("disk.img");
    blank(&path, mib * MIB);
    tool::ok("sfdisk", &["-q", text(&path)], script);
    (folder, path)
}

/// Number, first sector and sectors of each partition, as sfdisk reads them; extended ones are left out.
fn told(path: &Path) -> Vec<(u32, u64, u64)> {
    let dump = tool::ok("sfdisk", &["-d", text(path)], "");
    let lines = dump.lines().filter_map(|line| line.strip_prefix(text(path))?.split_once(" : "));
    let value = |fields: &str, name: &str| {
        let field = fields.split(',').find_map(|f| f.trim().strip_prefix(name)).expect("a field");
        field.trim().to_owned()
    };
    let extended = |fields: &str| ["5", "f"].contains(&&*value(fields, "type="));
    lines
        .filter(|(_, fields)| !extended(fields))
        .map(|(number, fields)| {
            let number = number.trim().trim_start_matches('p').parse().unwrap();
            (number, value(fields, "start=").parse().unwrap(), value(fields, "size=").parse().unwrap())
        })
        .collect()
}

/// The same of the nodes.
fn nodes(board: &Board, device: &str) -> Vec<(u32, u64, u64)> {
    let parts = board.devices().into_iter().filter(|d| d.parent.as_ref().is_some_and(|(p, _)| p == device));
    let mut all: Vec<_> = parts
        .map(|d| {
            let number = d.node[device.len()..].strip_prefix('p').unwrap().parse().unwrap();
            (number, d.parent.unwrap().1, d.sector_count)
        })
        .collect();
    all.sort_unstable();
    all
}

fn looped(link: Link, path: &Path, more: &str) -> Board {
    Board::new(link).attach("loop", "/dev/loop0", &format!("file={}{more}", path.display()))
}

/// Changes a disk byte by byte.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

const FOUR: &str = "label: dos\nsize=2M\nsize=3M,type=c\nsize=1M,type=83\nsize=4M,type=7\n";
const LOGICAL: &str =
    "label: dos\n1: size=2M\n2: size=10M,type=5\n5: size=1M\n6: size=2M,type=c\n7: size=3M\n";
const GUID: &str = "label: gpt\nsize=2M,name=\"boot\"\nsize=3M,name=\"Größe\"\nstart=20000,size=1000\n";

on_both_links! {
    fn each_entry_of_a_table_is_a_node_where_sfdisk_says_it_is(link: Link) {
        for (script, count) in [(FOUR, 4), (LOGICAL, 4), (GUID, 3)] {
            let (_folder, path) = disk(32, script);
            let expected = told(&path);
            assert_eq!(expected.len(), count, "{expected:?}");
            let board = looped(link, &path, "");
            assert_eq!(nodes(&board, "/dev/loop0"), expected);
            board.end();
            // In memory, and read-only.
            let board = Board::new(link).romdisk("/dev/ram0", &path);
            assert_eq!(nodes(&board, "/dev/ram0"), expected);
            assert!(board.devices().iter().all(|d| !d.writable));
            board.end();
            let board = looped(link, &path, ",partitions=no");
            assert!(nodes(&board, "/dev/loop0").is_empty());
        }
    }
}

#[test]
fn sectors_of_4096_bytes_count_as_fdisk_counts_them() {
    for label in ["o", "g"] {
        let folder = Folder::new();
        let path = folder.at("disk.img");
        blank(&path, 64 * MIB);
        let ask = if label == "o" { "p\n" } else { "" };
        let commands = format!("{label}\nn\n{ask}1\n512\n+999\nn\n{ask}2\n2048\n+1999\nw\n");
        tool::run("fdisk", &["-b", "4096", text(&path)], &commands);
        let list = tool::ok("fdisk", &["-b", "4096", "-l", "-o", "Start,Sectors", text(&path)], "");
        let pairs = list.lines().filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        });
        let expected: Vec<(u32, u64, u64)> =
            (1..).zip(pairs).map(|(number, (start, count))| (number, start, count)).collect();
        assert_eq!(expected.len(), 2, "{list}");
        let board = looped(Link::Static, &path, ",sector_size=4096");
        assert_eq!(nodes(&board, "/dev/loop0"), expected, "{label}");
    }
}

#[test]
fn a_volume_that_takes_the_whole_device_has_no_partitions() {
    let folder = Folder::new();
    let path = folder.at("fat.img");
    for (kind, kib) in [("12", 4096), ("16", 16_384), ("32", 65_536)] {
        tool::mkfs_fat(&path, kib, &["-F", kind]);
        let board = looped(Link::Static, &path, "");
        assert!(nodes(&board, "/dev/loop0").is_empty());
        assert!(board.rescan("/dev/loop0").unwrap().is_none());
        board.mount("/dev/loop0", "/mnt", "vfat", "").end();
    }
    blank(&path, MIB);
    assert!(looped(Link::Static, &path, "").rescan("/dev/loop0").unwrap().is_none());
}

#[test]
fn entries_that_cannot_be_get_no_node_and_say_why() {
    let (_folder, path) = disk(16, FOUR);
    // The second begins in the first; the third ends behind the device; the fourth begins with the table.
    change(&path, |bytes| {
        bytes[446 + 16 + 8..][..4].copy_from_slice(&3000_u32.to_le_bytes());
        bytes[446 + 32 + 12..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
        bytes[446 + 48 + 8..][..4].copy_from_slice(&0_u32.to_le_bytes());
    });
    let board = looped(Link::Static, &path, "");
    assert_eq!(nodes(&board, "/dev/loop0"), [(1, 2048, 4096)]);
    let table = board.rescan("/dev/loop0").unwrap().unwrap();
    let why: Vec<_> = table.entries.iter().map(|e| e.refused.as_ref().map(ToString::to_string)).collect();
    assert_eq!((table.scheme, &why[0]), (Scheme::Mbr, &None));
    for (why, part) in why[1..].iter().zip(["partition 1", "does not lie", "does not lie"]) {
        assert!(why.as_ref().unwrap().contains(part), "{why:?}");
    }
}

#[test]
fn a_chain_of_logical_partitions_ends_where_it_breaks() {
    let (_folder, path) = disk(32, LOGICAL);
    let whole = std::fs::read(&path).unwrap();
    let extended = u32::from_le_bytes(whole[446 + 16 + 8..][..4].try_into().unwrap()) as usize;
    let link = extended * 512 + 446 + 16;
    for (next, part) in [(0_u32, "back"), (u32::MAX, "outside"), (3000, "no boot record")] {
        let mut bytes = whole.clone();
        bytes[link + 8..][..4].copy_from_slice(&next.to_le_bytes());
        std::fs::write(&path, bytes).unwrap();
        let board = looped(Link::Static, &path, "");
        assert_eq!(nodes(&board, "/dev/loop0").iter().map(|n| n.0).collect::<Vec<_>>(), [1, 5], "{next}");
        let table = board.rescan("/dev/loop0").unwrap().unwrap();
        let why = table.entries.last().unwrap().refused.as_ref().unwrap().to_string();
        assert!(why.contains("breaks off") && why.contains(part), "{why}");
    }
}

#[test]
fn a_chain_without_end_is_bounded() {
    // Every sector is a link to the next, with a partition of one sector.
    let folder = Folder::new();
    let path = folder.at("disk.img");
    let sectors = 4096_u32;
    let mut bytes = vec![0; sectors as usize * 512];
    for at in 0..sectors {
        let mut put = |record: usize, kind: u8, start: u32, count: u32| {
            let record = &mut bytes[at as usize * 512 + 446 + record * 16..][..16];
            record[4] = kind;
            record[8..12].copy_from_slice(&start.to_le_bytes());
            record[12..].copy_from_slice(&count.to_le_bytes());
        };
        match at {
            0 => put(0, 5, 1, sectors - 1),
            _ => {
                put(0, 0x83, 1, 1);
                put(1, 5, at + 1, 2);
            }
        }
        bytes[at as usize * 512 + 510..][..2].copy_from_slice(&[0x55, 0xaa]);
    }
    std::fs::write(&path, bytes).unwrap();
    let board = looped(Link::Static, &path, "");
    let table = board.rescan("/dev/loop0").unwrap().unwrap();
    assert_eq!(table.entries.len(), 257);
    assert_eq!(nodes(&board, "/dev/loop0").len(), 256);
}

#[test]
fn a_damaged_gpt_is_read_by_its_copy_and_two_damaged_ones_are_refused() {
    let (_folder, path) = disk(32, GUID);
    let expected = told(&path);
    let whole = std::fs::read(&path).unwrap();
    let last = whole.len() - 512;
    type Damage = fn(&mut [u8]);
    let damages: [Damage; 4] = [
        |header| header[0] ^= 1,
        |header| header[60] ^= 1,
        |header| header[80..84].copy_from_slice(&u32::MAX.to_le_bytes()),
        |header| header[84..88].copy_from_slice(&0_u32.to_le_bytes()),
    ];
    for damage in damages {
        change(&path, |bytes| damage(&mut bytes[512..1024]));
        let board = looped(Link::Static, &path, "");
        assert_eq!(nodes(&board, "/dev/loop0"), expected);
        assert_eq!(board.rescan("/dev/loop0").unwrap().unwrap().scheme, Scheme::GptBackup);
        board.end();
        change(&path, |bytes| damage(&mut bytes[last..]));
        let board = looped(Link::Static, &path, "");
        assert!(nodes(&board, "/dev/loop0").is_empty());
        taught(board.rescan("/dev/loop0"), Errno::EINVAL, &["/dev/loop0", "GPT", "at the end"]);
        board.end();
        std::fs::write(&path, &whole).unwrap();
    }
    // Entries that do not have the sum that the header tells.
    change(&path, |bytes| bytes[1024 + 40] ^= 1);
    let board = looped(Link::Static, &path, "");
    assert_eq!(nodes(&board, "/dev/loop0"), expected);
}

/// The sum of GPT headers.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[test]
fn a_gpt_with_right_sums_and_impossible_numbers_is_refused() {
    let (_folder, path) = disk(32, GUID);
    let whole = std::fs::read(&path).unwrap();
    for (at, value, len) in [
        (80, u64::from(u32::MAX), 4),
        (84, 0, 4),
        (84, 256, 4),
        (84, u64::from(u32::MAX), 4),
        (72, u64::MAX, 8),
        (72, 0, 8),
        (24, 7, 8),
    ] {
        let mut bytes = whole.clone();
        for header in [512, whole.len() - 512] {
            let header = &mut bytes[header..][..92];
            header[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
            header[16..20].fill(0);
            let sum = crc32(header);
            header[16..20].copy_from_slice(&sum.to_le_bytes());
        }
        std::fs::write(&path, bytes).unwrap();
        let board = looped(Link::Static, &path, "");
        taught(board.rescan("/dev/loop0"), Errno::EINVAL, &["/dev/loop0", "found"]);
    }
}

#[test]
fn tables_of_any_bytes_are_read_without_harm() {
    for script in [LOGICAL, GUID] {
        let (_folder, path) = disk(32, script);
        let whole = std::fs::read(&path).unwrap();
        let extended = u32::from_le_bytes(whole[446 + 16 + 8..][..4].try_into().unwrap()) as usize * 512;
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let put = |at: usize, byte: u8| file.write_all_at(&[byte], at as u64).unwrap();
        let mut rng = Rng::new(7);
        for _ in 0..200 {
            let changed = [(); 8].map(|()| {
                let places = [446, 512, 1024, extended % whole.len() + 446, whole.len() - 512];
                *rng.pick(&places) + rng.below(64)
            });
            changed.iter().for_each(|at| put(*at, rng.next_u64() as u8));
            let board = Board::new(Link::Static).romdisk("/dev/ram0", &path);
            let known = board
                .rescan("/dev/ram0")
                .ok()
                .flatten()
                .map_or(0, |table| table.entries.iter().filter(|entry| entry.refused.is_none()).count());
            assert_eq!(nodes(&board, "/dev/ram0").len(), known);
            drop(board);
            changed.iter().for_each(|at| put(*at, whole[*at]));
        }
    }
}

#[test]
fn nodes_go_with_their_device_unless_one_is_in_use() {
    let (_folder, path) = disk(32, FOUR);
    let board = looped(Link::Static, &path, "");
    let task = board.task();
    let fd = task.open("/dev/loop0p2", O_RDONLY, 0).unwrap();
    taught(board.detach("/dev/loop0"), Errno::EBUSY, &["/dev/loop0p2", "descriptor"]);
    assert_eq!(nodes(&board, "/dev/loop0").len(), 4, "a refusal changes nothing");
    task.close(fd).unwrap();
    let fd = task.open("/dev/loop0", O_RDONLY, 0).unwrap();
    taught(board.detach("/dev/loop0"), Errno::EBUSY, &["/dev/loop0", "descriptor"]);
    assert_eq!(nodes(&board, "/dev/loop0").len(), 4);
    task.close(fd).unwrap();
    board.detach("/dev/loop0").unwrap();
    assert!(board.devices().is_empty());
    refused(task.stat("/dev/loop0p1"), Errno::ENOENT, &[]);
}

#[test]
fn a_table_that_changed_is_read_anew() {
    let (folder, path) = disk(32, FOUR);
    let board = looped(Link::Static, &path, "");
    let task = board.task();
    let other = folder.at("other.img");
    blank(&other, 32 * MIB);
    tool::ok("sfdisk", &["-q", text(&other)], "label: dos\nsize=2M\nsize=4M,type=c\n");
    let table = std::fs::read(&other).unwrap()[..512].to_vec();
    let disk = task.open("/dev/loop0", O_RDWR, 0).unwrap();
    assert_eq!(task.pwrite(disk, &table, 0).unwrap(), 512);
    let first = task.open("/dev/loop0p1", O_RDONLY, 0).unwrap();
    let fourth = task.open("/dev/loop0p4", O_RDONLY, 0).unwrap();
    // The fourth would go; the first is as it was and may be in use.
    taught(board.rescan("/dev/loop0"), Errno::EBUSY, &["/dev/loop0p4", "descriptor"]);
    assert_eq!(nodes(&board, "/dev/loop0").len(), 4);
    task.close(fourth).unwrap();
    board.rescan("/dev/loop0").unwrap();
    assert_eq!(nodes(&board, "/dev/loop0"), told(&other));
    task.close(first).unwrap();
    // No table at all: none has a node.
    task.pwrite(disk, &[0; 512], 0).unwrap();
    assert!(board.rescan("/dev/loop0").unwrap().is_none());
    assert!(nodes(&board, "/dev/loop0").is_empty());
    // A node of another kind is in the way.
    board.attach_partition("/dev/loop0", "/dev/loop0p2", 0, 1).unwrap();
    task.pwrite(disk, &table, 0).unwrap();
    refused(board.rescan("/dev/loop0"), Errno::EEXIST, &["/dev/loop0p2"]);
    assert_eq!(nodes(&board, "/dev/loop0").len(), 1);
    task.close(disk).unwrap();
    taught(board.rescan("/dev/loop0p2"), Errno::EINVAL, &["/dev/loop0p2", "/dev/loop0"]);
    refused(board.rescan("/dev/null"), Errno::ENOTBLK, &["/dev/null"]);
    refused(board.attach_partition("/dev/loop0", "/dev/x", 1 << 40, 1), Errno::EINVAL, &[]);
    refused(
        board.host().attach(
            "loop",
            "/dev/loop1",
            &words(&format!("file={},ro,partitions=some", other.display())),
        ),
        Errno::EINVAL,
        &["partitions"],
    );
}

#[test]
fn volumes_on_two_partitions_are_used_at_once_and_fsck_fat_has_nothing_to_say_of_either() {
    let (folder, path) = disk(64, "label: gpt\nsize=20M\nsize=30M\n");
    for (device, driver, params) in [
        ("/dev/loop0", "loop", format!("file={}", path.display())),
        ("/dev/ram0", "ramdisk-xip", format!("image={},shared", path.display())),
    ] {
        let board = Board::new(Link::Dynamic).attach(driver, device, &params);
        for part in ["p1", "p2"] {
            let given = [("n".to_owned(), Some(format!("DISK{}", &part[1..])))];
            board.format(&format!("{device}{part}"), "vfat", &given).unwrap();
            let (source, target) = (format!("{device}{part}"), format!("/{part}"));
            board.try_mount(&source, &target, "vfat", "").unwrap();
        }
        let task = board.task();
        for round in 0..20_u8 {
            for part in ["p1", "p2"] {
                let fd = task.open(format!("/{part}/file {round}"), O_RDWR | O_CREAT, 0o644).unwrap();
                assert_eq!(task.write(fd, &vec![round; 70_000]).unwrap(), 70_000);
                task.close(fd).unwrap();
            }
        }
        taught(board.format(&format!("{device}p1"), "vfat", &[]), Errno::EBUSY, &["/p1"]);
        let parts = nodes(&board, device);
        drop(task);
        board.end();
        let bytes = std::fs::read(&path).unwrap();
        for (number, start, count) in parts {
            let cut = folder.at("cut.img");
            std::fs::write(&cut, &bytes[start as usize * 512..][..count as usize * 512]).unwrap();
            assert_eq!(tool::fsck_fat(&cut), [""; 0]);
            for round in [0, 19] {
                assert!(tool::mtype(&cut, &format!("file {round}")) == vec![round; 70_000], "{number}");
            }
        }
    }
}
