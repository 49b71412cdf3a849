//! Whatever prefix of its writes the disk has, nothing is there before what a barrier put before it.

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE};
use nxvfs_abi::types::open::{O_DSYNC, O_RDWR};
use nxvfs_tests::Rng;

use super::recorder::{Event, Record};
use super::{SECTOR, mounted};

/// One write of the test: its sector, and how many barriers came before it.
#[derive(Clone, Copy)]
struct Op {
    sector: u64,
    epoch: usize,
}

/// What a sector holds that operation `number` wrote: nothing that another wrote.
fn content(number: u64) -> Vec<u8> {
    (number + 1).to_le_bytes().repeat(SECTOR / 8)
}

fn number(bytes: &[u8]) -> Option<usize> {
    let word = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert!(bytes.chunks(8).all(|chunk| chunk == &bytes[..8]), "a torn sector");
    word.checked_sub(1).map(|n| n as usize)
}

/// The last operation on each sector before each epoch.
fn due(ops: &[Op], epochs: usize) -> Vec<HashMap<u64, usize>> {
    let mut before = vec![HashMap::new(); epochs + 1];
    for (number, op) in ops.iter().enumerate() {
        for later in &mut before[op.epoch + 1..] {
            later.insert(op.sector, number);
        }
    }
    before
}

/// Follows the disk's record: each write must find on the disk what barriers put before it, in its last version or a
/// later one, and behind a barrier or flush of the disk's own.
fn judge(events: &[Event], ops: &[Op], epochs: usize) {
    let due = due(ops, epochs);
    // Operation on the disk now, and the one that was there when the disk last ordered its writes.
    let (mut now, mut ordered): (HashMap<u64, usize>, HashMap<u64, usize>) = Default::default();
    for event in events {
        match event {
            Event::Flush | Event::Barrier => ordered = now.clone(),
            Event::Discard { .. } => unreachable!("nothing was discarded"),
            Event::Write { sector, bytes, .. } => {
                for (at, bytes) in bytes.chunks(SECTOR).enumerate() {
                    let sector = sector + at as u64;
                    let op = number(bytes).expect("only what was written is written");
                    assert_eq!(ops[op].sector, sector);
                    assert!(now.get(&sector).is_none_or(|old| *old <= op), "an older version came later");
                    for (other, wanted) in &due[ops[op].epoch] {
                        let there = ordered.get(other);
                        assert!(
                            there.is_some_and(|there| there >= wanted),
                            "sector {sector} of epoch {} was written before sector {other}",
                            ops[op].epoch
                        );
                    }
                    now.insert(sector, op);
                }
            }
        }
    }
}

#[test]
fn no_prefix_of_the_writes_breaks_a_barrier() {
    for seed in 0..24 {
        let node = format!("/dev/order{seed}");
        let sectors = 600;
        // A cache of fewer blocks than are written, so that it must make room all the time.
        let board = mounted(&node, sectors, "cache=64K");
        let (task, record) = (board.task(), Record::of(&node));
        let fd = task.open("/whole/disk", O_RDWR, 0).unwrap();
        let through = task.open("/whole/disk", O_RDWR | O_DSYNC, 0).unwrap();
        let mut rng = Rng::new(seed);
        let (mut ops, mut epoch, mut expected) = (Vec::new(), 0, vec![0; sectors as usize * SECTOR]);
        for _ in 0..1500 {
            match rng.below(20) {
                0 => {
                    task.fsync(fd, true).unwrap();
                    epoch += 1;
                }
                1 if rng.one_in(8) => {
                    task.fsync(fd, false).unwrap();
                    assert!(record.bytes() == expected, "after a flush the disk has everything");
                }
                2..=4 => {
                    let (at, len) = (rng.below(expected.len()), rng.below(20_000));
                    let mut buf = vec![0; len.min(expected.len() - at)];
                    assert_eq!(task.pread(fd, &mut buf, at as u64).unwrap(), buf.len());
                    assert!(buf == expected[at..at + buf.len()], "seed {seed}: read at {at}");
                }
                what => {
                    let fd = if what == 5 { through } else { fd };
                    // A few places are written again and again, as the tables of a file system are.
                    let range = if rng.one_in(3) { 8 } else { sectors as usize };
                    let start = rng.below(range);
                    let count = (1 + rng.below(12)).min(sectors as usize - start);
                    let mut bytes = Vec::new();
                    for sector in start..start + count {
                        bytes.extend(content(ops.len() as u64));
                        ops.push(Op { sector: sector as u64, epoch });
                    }
                    let at = start * SECTOR;
                    task.pwrite(fd, &bytes, at as u64).unwrap();
                    expected[at..at + bytes.len()].copy_from_slice(&bytes);
                    if what == 5 {
                        assert!(
                            record.bytes()[at..at + bytes.len()] == bytes,
                            "FUA returned before it was there"
                        );
                    }
                }
            }
            let status = board.devices()[0].cache.unwrap();
            assert!(status.used_bytes <= status.limit_bytes && status.limit_bytes <= 64 << 10, "{status:?}");
        }
        drop(task);
        drop(board);
        assert!(record.bytes() == expected, "the end of the host flushes");
        judge(&record.events(), &ops, epoch + 1);
    }
}

#[test]
fn barriers_hold_for_threads_that_write_between_them() {
    const THREADS: usize = 4;
    const SECTORS: u64 = 500;
    const EPOCHS: usize = 60;
    for seed in 0..4 {
        let node = format!("/dev/phases{seed}");
        let board = mounted(&node, SECTORS, "cache=64K");
        let (task, record) = (board.task(), Record::of(&node));
        let fd = task.open("/whole/disk", O_RDWR, 0).unwrap();
        let (next, phase) = (AtomicU64::new(0), Barrier::new(THREADS));
        let mut numbered: Vec<(u64, Op)> = std::thread::scope(|scope| {
            let run = |thread: usize| {
                let (task, next, phase) = (&task, &next, &phase);
                move || {
                    let (mut rng, mut mine) = (Rng::new(seed * 100 + thread as u64), Vec::new());
                    for epoch in 0..EPOCHS {
                        for _ in 0..rng.below(30) {
                            // Sectors of all threads lie in the same blocks, and some are written in each epoch.
                            let range = if rng.one_in(3) { 4 } else { SECTORS as usize / THREADS };
                            let sector = (rng.below(range) * THREADS + thread) as u64;
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            task.pwrite(fd, &content(number), sector * SECTOR as u64).unwrap();
                            mine.push((number, Op { sector, epoch }));
                        }
                        if phase.wait().is_leader() {
                            task.fsync(fd, true).unwrap();
                        }
                        phase.wait();
                    }
                    mine
                }
            };
            let running: Vec<_> = (0..THREADS).map(|t| scope.spawn(run(t))).collect();
            running.into_iter().flat_map(|t| t.join().unwrap()).collect()
        });
        drop(task);
        drop(board);
        numbered.sort_by_key(|(number, _)| *number);
        let ops: Vec<Op> = numbered.iter().map(|(_, op)| *op).collect();
        judge(&record.events(), &ops, EPOCHS);
        let last: HashMap<u64, usize> = ops.iter().enumerate().map(|(n, op)| (op.sector, n)).collect();
        for (sector, op) in last {
            assert_eq!(number(&record.bytes()[sector as usize * SECTOR..][..SECTOR]), Some(op));
        }
    }
}

#[test]
fn threads_on_a_disk_that_fails_now_and_then_lose_nothing() {
    const THREADS: u64 = 4;
    const SECTORS: u64 = 400;
    let node = "/dev/flaky";
    let board = mounted(node, SECTORS, "cache=32K");
    let (task, record) = (board.task(), Record::of(node));
    let fd = task.open("/whole/disk", O_RDWR, 0).unwrap();
    let failures = AtomicU64::new(0);
    let each: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let run = |thread: u64| {
            let (task, record, failures) = (&task, &record, &failures);
            move || {
                let (mut rng, mut model) = (Rng::new(thread), vec![0_u8; SECTORS as usize]);
                let mut buf = vec![0; SECTOR];
                for round in 0..1500 {
                    let sector = rng.below((SECTORS / THREADS) as usize) as u64 * THREADS + thread;
                    let at = sector * SECTOR as u64;
                    let done = match rng.below(16) {
                        0 => {
                            let start = rng.below(SECTORS as usize) as u64;
                            record.refuse_writes(start..start + 9);
                            Ok(())
                        }
                        1 | 2 => {
                            record.heal();
                            Ok(())
                        }
                        3 => task.fsync(fd, rng.one_in(2)),
                        4..=7 => {
                            task.pread(fd, &mut buf, at).unwrap();
                            assert!(buf.iter().all(|b| *b == model[sector as usize]), "sector {sector}");
                            Ok(())
                        }
                        _ => {
                            let fill = 1 + (round % 250) as u8;
                            let done = task.pwrite(fd, &vec![fill; SECTOR], at);
                            if done.is_ok() {
                                model[sector as usize] = fill;
                            }
                            done.map(drop)
                        }
                    };
                    failures.fetch_add(u64::from(done.is_err()), Ordering::Relaxed);
                }
                model
            }
        };
        let running: Vec<_> = (0..THREADS).map(|t| scope.spawn(run(t))).collect();
        running.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(failures.load(Ordering::Relaxed) > 0);
    record.heal();
    // What failed since the last question is told once more.
    let _ = task.fsync(fd, false);
    task.fsync(fd, false).unwrap();
    for sector in 0..SECTORS {
        let fill = each[(sector % THREADS) as usize][sector as usize];
        let at = sector as usize * SECTOR;
        assert!(record.bytes()[at..at + SECTOR].iter().all(|b| *b == fill), "sector {sector}");
    }
}

#[test]
fn threads_that_write_their_own_sectors_find_them_whole_and_barriers_hold() {
    const THREADS: u64 = 4;
    const SECTORS: u64 = 400;
    let node = "/dev/threads";
    let board = mounted(node, SECTORS, "cache=64K");
    let (task, record) = (board.task(), Record::of(node));
    let fd = task.open("/whole/disk", O_RDWR, 0).unwrap();
    let barriers = AtomicU64::new(0);
    let each: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let run = |thread: u64| {
            let (task, barriers) = (&task, &barriers);
            move || {
                // Sectors of all threads lie in the same blocks.
                let mine: Vec<u64> = (0..SECTORS).filter(|s| s % THREADS == thread).collect();
                let (mut rng, mut model) = (Rng::new(thread), vec![0_u8; SECTORS as usize]);
                let mut buf = vec![0; SECTOR];
                for round in 0..1500 {
                    let sector = *rng.pick(&mine);
                    let at = sector * SECTOR as u64;
                    match rng.below(12) {
                        0 => {
                            barriers.fetch_add(1, Ordering::Relaxed);
                            task.fsync(fd, true).unwrap();
                        }
                        1 if rng.one_in(10) => task.fsync(fd, false).unwrap(),
                        2..=5 => {
                            task.pread(fd, &mut buf, at).unwrap();
                            assert!(buf.iter().all(|b| *b == model[sector as usize]), "thread {thread}");
                        }
                        6 if rng.one_in(4) => {
                            let hole = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE;
                            task.fallocate(fd, hole, at, SECTOR as u64).unwrap();
                            model[sector as usize] = 0;
                        }
                        _ => {
                            let fill = 1 + (round % 250) as u8;
                            task.pwrite(fd, &vec![fill; SECTOR], at).unwrap();
                            model[sector as usize] = fill;
                        }
                    }
                }
                model
            }
        };
        let running: Vec<_> = (0..THREADS).map(|t| scope.spawn(run(t))).collect();
        running.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(barriers.load(Ordering::Relaxed) > 0);
    task.fsync(fd, false).unwrap();
    for sector in 0..SECTORS {
        let fill = each[(sector % THREADS) as usize][sector as usize];
        let at = sector as usize * SECTOR;
        assert!(record.bytes()[at..at + SECTOR].iter().all(|b| *b == fill), "sector {sector}");
    }
    assert_eq!(board.devices()[0].cache.unwrap().dirty_bytes, 0);
}
