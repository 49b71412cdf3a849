//! A block device of the operating system below the device. Runs only on request, because making one takes rights.

mod common;

use std::path::Path;

use common::{Given, content, pattern, punches};
use nxvfs_sdk::abi::block::GEOMETRY_AVAILABLE;
use nxvfs_sdk::{Errno, WRITE_FUA};

/// `NXVFS_TEST_BLOCK_DEVICE=$(losetup -f --show FILE) cargo test -p nxvfs-loop --test device -- --ignored`;
/// for a read-only one (`losetup -r`) set `NXVFS_TEST_BLOCK_DEVICE_READ_ONLY=1` too.
#[test]
#[ignore = "overwrites the block device of at least 8 KiB named by NXVFS_TEST_BLOCK_DEVICE"]
fn a_block_device_of_the_system_is_a_medium() {
    let path =
        std::env::var_os("NXVFS_TEST_BLOCK_DEVICE").expect("NXVFS_TEST_BLOCK_DEVICE names a block device");
    let all = Given::path(Path::new(&path));
    let given = Given { sizelimit: 8192, ..all };
    if std::env::var_os("NXVFS_TEST_BLOCK_DEVICE_READ_ONLY").is_some() {
        assert_eq!(given.ro(false).refusal().errno, Errno::EROFS);
        assert_eq!(given.attach().unwrap().geometry().unwrap().flags, GEOMETRY_AVAILABLE);
        return;
    }
    let disk = given.attach().unwrap();
    assert_eq!(disk.geometry().unwrap().sector_count, 16);
    assert!(!punches(&disk), "a block device never promises zeroes");
    disk.write(0, &pattern(8192), WRITE_FUA).unwrap();
    assert_eq!(content(&disk), pattern(8192));
    disk.discard(1, 3).unwrap();
    disk.discard(8, 8).unwrap();
    let after = content(&disk);
    assert_eq!((&after[..512], &after[2048..4096]), (&pattern(8192)[..512], &pattern(8192)[2048..4096]));
    let refusal = given.ro(false).refusal();
    assert_eq!(refusal.errno, Errno::EBUSY);
    assert!(!refusal.remedy.is_empty(), "{refusal}");
    assert_eq!(given.ro(true).refusal().what, "file is in use");
    disk.detach().unwrap();
    assert!(all.ro(true).attach().unwrap().geometry().unwrap().sector_count >= 16);
}
