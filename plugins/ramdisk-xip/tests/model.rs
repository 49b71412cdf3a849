//! Random operations on every kind of disk, against a vector of bytes.

mod common;

use common::{Given, content, file, pattern};
use nxvfs_ramdisk_xip::RamDisk;
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
    Store { offset: usize, fill: u8 },
    Discard { start: u64, count: u64 },
    Flush,
}

fn op() -> impl Strategy<Value = Op> {
    // Some ranges reach beyond the end, and some far beyond it.
    let range = || (prop_oneof![8 => 0..SECTORS + 3, 1 => any::<u64>()], 0..SECTORS + 2);
    prop_oneof![
        3 => range().prop_map(|(start, count)| Op::Read { start, count }),
        4 => (range(), any::<u8>(), prop_oneof![Just(0), Just(WRITE_FUA)])
            .prop_map(|((start, count), fill, flags)| Op::Write { start, count, fill, flags }),
        2 => (0..LEN - 100, any::<u8>()).prop_map(|(offset, fill)| Op::Store { offset, fill }),
        2 => range().prop_map(|(start, count)| Op::Discard { start, count }),
        1 => Just(Op::Flush),
    ]
}

/// The bytes of a range, or `None` outside the disk.
fn range(start: u64, count: u64) -> Option<std::ops::Range<usize>> {
    let end = start.checked_add(count).filter(|end| *end <= SECTORS)?;
    Some(start as usize * SECTOR..end as usize * SECTOR)
}

/// Bytes that tell their place, so that shifted copies are seen.
fn filled(len: usize, fill: u8) -> Vec<u8> {
    pattern(len).into_iter().map(|byte| byte.wrapping_add(fill)).collect()
}

/// Does one operation to the disk and to the model, which must answer the same.
fn run(disk: &Attached<RamDisk>, model: &mut [u8], op: &Op) {
    // A change of a read-only disk is EROFS wherever it would go.
    let writable = disk.xip().unwrap().writable;
    let refused = |inside: bool| match (writable, inside) {
        (false, _) => Some(Errno::EROFS),
        (true, false) => Some(Errno::EINVAL),
        (true, true) => None,
    };
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
            let bytes = filled(count as usize * SECTOR, fill);
            let answer = disk.write(start, &bytes, flags);
            let range = range(start, count);
            assert_eq!(answer.as_ref().err().map(|e| e.errno), refused(range.is_some()));
            if let (Ok(written), Some(range)) = (answer, range) {
                assert_eq!(u64::from(written), count);
                model[range].copy_from_slice(&bytes);
            }
        }
        Op::Store { offset, fill } if writable => {
            let bytes = filled(100, fill);
            disk.xip().unwrap().write_at(offset as u64, &bytes);
            model[offset..offset + 100].copy_from_slice(&bytes);
        }
        Op::Store { .. } => {}
        Op::Discard { start, count } => {
            let answer = disk.discard(start, count);
            let range = range(start, count);
            assert_eq!(answer.as_ref().err().map(|e| e.errno), refused(range.is_some()));
            if let (Ok(()), Some(range)) = (answer, range) {
                model[range].fill(0);
            }
        }
        Op::Flush => disk.flush().unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_disk_behaves_as_a_vector_of_bytes(ops in prop::collection::vec(op(), 1..60)) {
        let image = file(&pattern(LEN));
        for given in [Given::sectors(SECTORS), Given::image(&image), Given::ro(&image), Given::shared(&image)] {
            let mut model = if given.image.as_os_str().is_empty() { vec![0; LEN] } else { pattern(LEN) };
            let disk = given.attach().unwrap();
            for op in &ops {
                run(&disk, &mut model, op);
            }
            prop_assert_eq!(&content(&disk), &model);
            disk.detach().unwrap();
            let in_file = std::fs::read(image.path()).unwrap();
            // The shared disk comes last, so before it the file is as it was.
            prop_assert_eq!(in_file, if given.shared { model } else { pattern(LEN) });
        }
    }
}
