//! Random operations on a window of a file, against a vector of bytes; the bytes around the window must stay.

mod common;

use common::{Given, content, file, pattern, punches};
use nxvfs_loop::Loop;
use nxvfs_sdk::fake::Attached;
use nxvfs_sdk::{Errno, WRITE_FUA};
use proptest::prelude::*;

const SECTORS: u64 = 16;
const SECTOR: usize = 512;
const LEN: usize = SECTORS as usize * SECTOR;

#[derive(Clone, Debug)]
enum Op {
    Read { start: u64, count: u64 },
    Write { start: u64, count: u64, fill: u8, flags: u32 },
    Discard { start: u64, count: u64 },
    Flush,
}

fn op() -> impl Strategy<Value = Op> {
    // Some ranges reach beyond the end, and some far beyond it.
    let range = || (prop_oneof![8 => 0..SECTORS + 3, 1 => any::<u64>()], 0..SECTORS + 2);
    // Few writes wait for the disk: that is slow.
    let flags = prop_oneof![15 => Just(0), 1 => Just(WRITE_FUA)];
    prop_oneof![
        6 => range().prop_map(|(start, count)| Op::Read { start, count }),
        8 => (range(), any::<u8>(), flags)
            .prop_map(|((start, count), fill, flags)| Op::Write { start, count, fill, flags }),
        4 => range().prop_map(|(start, count)| Op::Discard { start, count }),
        1 => Just(Op::Flush),
    ]
}

/// The bytes of a range, or `None` outside the device.
fn range(start: u64, count: u64) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(count).filter(|end| *end <= SECTORS)?;
    Some(start as usize * SECTOR..end as usize * SECTOR)
}

/// Does one operation to the device and to the model, which must answer the same.
fn run(disk: &Attached<Loop>, model: &mut [u8], op: &Op) {
    match *op {
        Op::Read { start, count } => {
            let mut bytes = vec![0xaa; count as usize * SECTOR];
            let answer = disk.read(start, &mut bytes, 0);
            match range(start, count) {
                Some(range) => assert_eq!((answer, &bytes[..]), (Ok(count as u32), &model[range])),
                None => assert_eq!(answer.unwrap_err().errno, Errno::EINVAL),
            }
        }
        Op::Write { start, count, fill, flags } => {
            // Bytes that tell their place, so that shifted copies are seen.
            let mut bytes = pattern(count as usize * SECTOR);
            bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(fill));
            let answer = disk.write(start, &bytes, flags);
            match range(start, count) {
                Some(range) => {
                    assert_eq!(answer, Ok(count as u32));
                    model[range].copy_from_slice(&bytes);
                }
                None => assert_eq!(answer.unwrap_err().errno, Errno::EINVAL),
            }
        }
        Op::Discard { start, count } => {
            let answer = disk.discard(start, count);
            match range(start, count) {
                Some(range) => {
                    assert_eq!(answer, Ok(()));
                    if punches(disk) {
                        model[range].fill(0);
                    }
                }
                None => assert_eq!(answer.unwrap_err().errno, Errno::EINVAL),
            }
        }
        Op::Flush => disk.flush().unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_window_behaves_as_a_vector_of_bytes_and_its_surroundings_stay(
        offset in prop_oneof![Just(0), Just(512), Just(4096), 0..10_000_usize],
        behind in prop_oneof![Just(0), 0..6_000_usize],
        ragged in 0..SECTOR,
        ops in prop::collection::vec(op(), 1..50),
    ) {
        let mut model = pattern(offset + LEN + ragged + behind);
        let image = file(&model);
        let sizelimit = (LEN + ragged) as u64;
        let disk = Given { offset: offset as u64, sizelimit, ..Given::file(&image) }.attach().unwrap();
        for op in &ops {
            run(&disk, &mut model[offset..offset + LEN], op);
        }
        prop_assert_eq!(&content(&disk), &model[offset..offset + LEN]);
        disk.detach().unwrap();
        prop_assert_eq!(std::fs::read(image.path()).unwrap(), model);
    }
}
