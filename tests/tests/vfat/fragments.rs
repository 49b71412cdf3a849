//! Random reads of a file in 32,768 pieces, counted in what the disk is asked for.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use nxvfs::Task;
use nxvfs_abi::types::open::O_RDONLY;
use nxvfs_tests::{Board, Folder, Link, Rng, tool};

const PIECES: u32 = 32_768;
const CLUSTER_BYTES: u64 = 4096;

fn u16_at(bytes: &[u8], at: usize) -> u64 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]]).into()
}

fn u32_at(bytes: &[u8], at: usize) -> u64 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()).into()
}

/// Reads 4 KiB at random places; answers how many blocks the disk was asked for.
fn blocks(board: &Board, task: &Task, path: &str, places: &[u32], expect: impl Fn(u32) -> u32) -> u64 {
    let fetched = || {
        let status = board.devices().into_iter().find(|d| d.node == "/dev/loop0").unwrap().cache.unwrap();
        status.misses + status.read_ahead
    };
    let fd = task.open(path, O_RDONLY, 0).unwrap();
    let before = fetched();
    for place in places {
        let mut buf = [0; 4096];
        let offset = u64::from(*place) * CLUSTER_BYTES;
        assert_eq!(task.pread(fd, &mut buf, offset).unwrap(), 4096);
        assert_eq!(u32_at(&buf, 0), u64::from(expect(*place)), "{path} at {offset}");
    }
    task.close(fd).unwrap();
    fetched() - before
}

#[test]
fn a_random_read_of_a_file_in_32768_pieces_asks_the_disk_for_at_most_three_times_as_much() {
    let folder = Folder::new();
    let image = folder.at("fat.img");
    tool::mkfs_fat(&image, 300 << 10, &["-F", "32", "-s", "8", "-f", "1"]);
    let disk = OpenOptions::new().read(true).write(true).open(&image).unwrap();
    let mut boot = [0; 512];
    disk.read_exact_at(&mut boot, 0).unwrap();
    let fat_at = u16_at(&boot, 14) * 512;
    let data_at = fat_at + u32_at(&boot, 36) * 512;
    // The straight file has clusters 3 on, the other one the same number behind it, in random order.
    let mut order: Vec<u32> = (0..PIECES).map(|piece| 3 + PIECES + piece).collect();
    let mut rng = Rng::new(3);
    for at in (1..order.len()).rev() {
        order.swap(at, rng.below(at + 1));
    }
    let straight: Vec<u32> = (3..3 + PIECES).collect();
    let mut fat = vec![0_u8; (3 + 2 * PIECES as usize) * 4];
    let mut put = |cluster: u32, next: u32| {
        fat[cluster as usize * 4..][..4].copy_from_slice(&next.to_le_bytes());
    };
    put(0, 0x0fff_fff8);
    put(1, 0x0fff_ffff);
    put(2, 0x0fff_ffff);
    let mut slots = [0_u8; 64];
    for (slot, (name, chain)) in [(b"STRAIGHT   ", &straight), (b"RANDOM     ", &order)].iter().enumerate() {
        for pair in chain.windows(2) {
            put(pair[0], pair[1]);
        }
        put(*chain.last().unwrap(), 0x0fff_ffff);
        let slot = &mut slots[slot * 32..][..32];
        slot[..11].copy_from_slice(*name);
        slot[11] = 0x20;
        slot[20..22].copy_from_slice(&((chain[0] >> 16) as u16).to_le_bytes());
        slot[26..28].copy_from_slice(&(chain[0] as u16).to_le_bytes());
        slot[28..].copy_from_slice(&(PIECES * CLUSTER_BYTES as u32).to_le_bytes());
    }
    disk.write_all_at(&fat, fat_at).unwrap();
    disk.write_all_at(&slots, data_at).unwrap();
    let places: Vec<u32> = (0..2000).map(|_| rng.below(PIECES as usize) as u32).collect();
    for place in &places {
        for cluster in [straight[*place as usize], order[*place as usize]] {
            let at = data_at + u64::from(cluster - 2) * CLUSTER_BYTES;
            disk.write_all_at(&cluster.to_le_bytes(), at).unwrap();
        }
    }
    let board = Board::new(Link::Dynamic)
        .attach("loop", "/dev/loop0", &format!("file={},ro,cache=4M", image.display()))
        .mount("/dev/loop0", "/mnt", "vfat", "ro");
    let task = board.task();
    let straight = blocks(&board, &task, "/mnt/STRAIGHT", &places, |place| straight[place as usize]);
    let random = blocks(&board, &task, "/mnt/RANDOM", &places, |place| order[place as usize]);
    assert!(straight >= 1000, "the reads are random, so that most ask the disk: {straight}");
    assert!(random <= 3 * straight, "{random} blocks, and {straight} of a file in one piece");
    assert_eq!(task.explain("/mnt/STRAIGHT").unwrap().extents.len(), 1);
}
