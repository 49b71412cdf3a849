//! The workloads.

mod metadata;
mod mounts;
mod transfers;
mod views;

pub use transfers::{Shape, read_file, transfer_all, write_file};

use std::time::Duration;

use crate::images::Images;
use crate::ours::{Medium, Ours};
use crate::peers::{self, Tmpfs};
use crate::row::OURS;
use crate::{Row, Scale, Volume};

/// Operations a second.
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// Seconds for each of several.
fn each(count: usize, time: Duration) -> f64 {
    time.as_secs_f64() / count as f64
}

/// Ours and those that it is compared with, each on the same volume.
pub struct Contest {
    /// What the table calls our volume.
    pub title: &'static str,
    /// Ours.
    pub ours: Ours,
    /// The others.
    pub peers: Vec<Box<dyn Volume>>,
}

impl Contest {
    /// Each contestant in turn.
    fn each(&mut self, mut body: impl FnMut(&str, &mut dyn Volume)) {
        body(OURS, &mut self.ours);
        for peer in &mut self.peers {
            let name = peer.label().to_owned();
            body(&name, &mut **peer);
        }
    }
}

/// A tmpfs of the system with the large file in `FILES`, and an empty `DIR`.
fn tmpfs(scale: &Scale) -> Tmpfs {
    let tmpfs = Tmpfs::new();
    let content = crate::images::content(scale.file_bytes);
    for name in ["SEQ.BIN", "SEQ2.BIN"] {
        tmpfs.fill(&format!("FILES/{name}"), &content);
    }
    std::fs::create_dir(tmpfs.at("DIR")).expect("a directory");
    tmpfs
}

/// vfat in memory, beside all that there is.
fn vfat(scale: &Scale, images: &Images) -> Contest {
    let ours = Ours::mounted("vfat", "vfat", Medium::Ramdisk(&images.data));
    let mut peers: Vec<Box<dyn Volume>> = vec![Box::new(tmpfs(scale))];
    peers.extend(peers::fat(&images.data));
    Contest { title: "vfat on ramdisk-xip", ours, peers }
}

/// vfat on a file of the system through the host's cache, beside the system's tmpfs.
fn vfat_on_loop(scale: &Scale, folder: &Tmpfs, images: &Images) -> Contest {
    let copy = folder.at("loop.img");
    std::fs::copy(&images.data, &copy).expect("a copy of the image");
    let ours = Ours::mounted("vfat on loop", "vfat", Medium::Loop(&copy));
    Contest { title: "vfat on loop", ours, peers: vec![Box::new(tmpfs(scale))] }
}

/// Our tmpfs beside the system's.
fn our_tmpfs(scale: &Scale) -> Contest {
    let mut ours = Ours::mounted("tmpfs plugin", "tmpfs", Medium::Nothing);
    ours.mkdir("DIR");
    ours.mkdir("FILES");
    let content = crate::images::content(1 << 20);
    for name in ["SEQ.BIN", "SEQ2.BIN"] {
        ours.write_new(&format!("FILES/{name}"), &content, scale.file_bytes);
    }
    Contest { title: "tmpfs plugin", ours, peers: vec![Box::new(tmpfs(scale))] }
}

/// A workload group: which workloads it has, and what runs them.
type Group = (&'static [&'static str], fn(&Scale, &Images, &mut dyn FnMut(Row)));

const GROUPS: [Group; 7] = [
    (&["W1", "W2", "W3", "W8", "W9"], |scale, images, out| {
        let mut contest = vfat(scale, images);
        transfers::w1(scale, &mut contest, true, out);
        transfers::w2(scale, &mut contest, "W2", "FILES/SEQ.BIN", out);
        transfers::w8(scale, &mut contest, out);
        transfers::w9(scale, &mut contest, out);
        metadata::w3(scale, &mut contest, true, out);
    }),
    (&["W1", "W2", "W3"], |scale, _, out| {
        let mut contest = our_tmpfs(scale);
        transfers::w1(scale, &mut contest, false, out);
        transfers::w2(scale, &mut contest, "W2", "FILES/SEQ.BIN", out);
        metadata::w3(scale, &mut contest, false, out);
    }),
    (&["W1", "W2"], |scale, images, out| {
        let folder = Tmpfs::new();
        let mut contest = vfat_on_loop(scale, &folder, images);
        transfers::w1(scale, &mut contest, false, out);
        transfers::w2(scale, &mut contest, "W2", "FILES/SEQ.BIN", out);
    }),
    (&["W4", "W5"], metadata::w4_w5),
    (&["W6", "W10"], mounts::w6_w10),
    (&["W7"], transfers::w7),
    (&["map"], views::all),
];

/// Runs the workloads that were asked for, all if none was, and hands each row on when it is there.
pub fn run(scale: &Scale, images: &Images, wanted: &[String], out: &mut dyn FnMut(Row)) {
    let is_wanted =
        |id: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(id));
    for (ids, group) in GROUPS {
        if ids.iter().any(|id| is_wanted(id)) {
            group(scale, images, &mut |row| {
                if is_wanted(row.id) {
                    out(row);
                }
            });
        }
    }
}
