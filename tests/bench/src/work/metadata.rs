//! W3, W4, W5: names.

use super::{Contest, rate};
use crate::images::{Images, big_paths, fill_tree, leaf_paths};
use crate::measure::cpu;
use crate::memory::offsets;
use crate::ours::{Medium, Ours};
use crate::peers::{self, Tmpfs};
use crate::row::OURS;
use crate::{Goal, Row, Scale, Unit, Volume};

/// Bytes of each file that W3 makes.
const CONTENT: [u8; 1024] = [0x5a; 1024];

/// Makes files with 1 KiB in them, asks for their attributes, and takes them away.
pub(super) fn w3(scale: &Scale, contest: &mut Contest, goals: bool, out: &mut dyn FnMut(Row)) {
    let title = contest.title;
    let goal = |least| if goals { Goal::AtLeast(least) } else { Goal::None };
    let row = |what: &str, long, least| {
        let names = if long { "38 characters" } else { "8.3" };
        Row::new(
            "W3",
            format!("{what}, {} files, {names}, {title}", scale.files),
            Unit::Operations,
            goal(least),
        )
    };
    let slow = scale.slow.min(scale.files);
    let tenth = scale.files / 10;
    let mut growth = Row::new(
        "W3",
        format!("create: the last {tenth} of {} to the first, 8.3, {title}", scale.files),
        Unit::Times,
        if goals { Goal::AtMost(1.5) } else { Goal::None },
    );
    let mut short_times = [0.0; 3];
    for long in [false, true] {
        let mut rows = [
            row("create + write 1 KiB + close", long, 500e3),
            row("stat", long, 3e6),
            row("unlink", long, 700e3),
        ];
        rows.iter_mut().for_each(|row| {
            row.slow = (slow < scale.files && contest.peers.iter().any(|peer| peer.slow())).then_some(slow);
        });
        let paths: Vec<String> = (0..scale.files)
            .map(|n| {
                if long {
                    format!("DIR/a name of thirty-eight char {n:06}.txt")
                } else {
                    format!("DIR/F{n:06}.TXT")
                }
            })
            .collect();
        for round in 0..scale.rounds {
            contest.each(|name, volume| {
                if volume.slow() && round > 0 || long && !volume.long_names() {
                    return;
                }
                let paths = volume.paths(if volume.slow() { &paths[..slow] } else { &paths });
                let tenth = paths.len() / 10;
                let first = cpu(|| volume.create(&paths[..tenth], &CONTENT));
                let middle = cpu(|| volume.create(&paths[tenth..paths.len() - tenth], &CONTENT));
                let last = cpu(|| volume.create(&paths[paths.len() - tenth..], &CONTENT));
                rows[0].rounds.add(name, rate(paths.len(), first + middle + last));
                if !long && !volume.slow() {
                    growth.rounds.add(name, last.as_secs_f64() / first.as_secs_f64());
                }
                let time = cpu(|| assert_eq!(volume.stat(&paths), (paths.len() * CONTENT.len()) as u64));
                rows[1].rounds.add(name, rate(paths.len(), time));
                rows[2].rounds.add(name, rate(paths.len(), cpu(|| volume.unlink(&paths))));
            });
        }
        for (row, short) in rows.into_iter().zip(&mut short_times) {
            let seconds = 1.0 / row.rounds.median(OURS).expect("ours");
            let what = row.what.split(',').next().expect("a word").to_owned();
            out(row);
            if !long {
                *short = seconds;
                continue;
            }
            let goal = if goals { Goal::AtMost(1.5) } else { Goal::None };
            let what = format!("{what}: 38 characters to 8.3, {title}");
            let mut ratio = Row::new("W3", what, Unit::Times, goal);
            ratio.rounds.add(OURS, seconds / *short);
            out(ratio);
        }
    }
    out(growth);
}

/// Attributes by paths, in a big directory and deep down; and all names of the big directory.
pub(super) fn w4_w5(scale: &Scale, images: &Images, out: &mut dyn FnMut(Row)) {
    let tmpfs = Tmpfs::new();
    fill_tree(scale, &mut |dir| std::fs::create_dir(tmpfs.at(dir)).expect("a directory"), &mut |file| {
        std::fs::write(tmpfs.at(file), "").expect("a file")
    });
    let ours = Ours::mounted("vfat", "vfat", Medium::Ramdisk(&images.tree));
    let mut peers: Vec<Box<dyn Volume>> = vec![Box::new(tmpfs)];
    peers.extend(peers::fat(&images.tree));
    let mut contest = Contest { title: "vfat on ramdisk-xip", ours, peers };

    let first = |paths: Vec<String>, count: usize, seed| -> Vec<String> {
        offsets(seed, count, paths.len() as u64, 1).iter().map(|at| paths[*at as usize].clone()).collect()
    };
    let big = first(big_paths(scale.files), scale.files, 3);
    let deep = first(leaf_paths(), scale.files, 5);
    let slow = scale.slow.min(scale.files);
    for (what, paths, least) in [("the big directory", big, 3e6), ("depth 6", deep, 2.5e6)] {
        let long = what == "the big directory";
        let what = format!("stat in {what}, {}", contest.title);
        let mut row = Row::new("W4", what, Unit::Operations, Goal::AtLeast(least));
        row.slow = (slow < paths.len()).then_some(slow);
        for round in 0..=scale.rounds {
            contest.each(|name, volume| {
                if volume.slow() && round > 1 || long && !volume.long_names() {
                    return;
                }
                let paths = volume.paths(if volume.slow() { &paths[..slow] } else { &paths });
                let time = cpu(|| volume.stat(&paths));
                // The first round fills the caches of all that have some.
                if round > 0 {
                    row.rounds.add(name, rate(paths.len(), time));
                }
            });
        }
        out(row);
    }

    let what = format!("list {} long names, {}", scale.files, contest.title);
    let mut row = Row::new("W5", what, Unit::Operations, Goal::AtLeast(20e6));
    for round in 0..=scale.rounds {
        contest.each(|name, volume| {
            let time = cpu(|| assert_eq!(volume.list("BIG"), scale.files, "{name}"));
            if round > 0 {
                row.rounds.add(name, rate(scale.files, time));
            }
        });
    }
    out(row);
}
