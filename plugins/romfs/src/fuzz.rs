//! One image, any bytes: everything that a host could ask of it. For fuzzing and for the tests.

use std::collections::VecDeque;

use nxvfs_sdk::{fake, mode};

use crate::RomFs;

/// Mounts, walks, reads and examines an image through the fake host, and answers what was seen, a line for each
/// thing. Panics only if the driver is wrong: if it panics itself, breaks the contract, or lets a walk grow beyond
/// what the image can hold.
pub fn run(image: &[u8], xip: bool) -> Vec<String> {
    let device = fake::Device::new(image, 512).xip(xip);
    let mut seen = Vec::new();
    seen.push(format!("probe: {:?}", fake::probe::<RomFs>(&device, &[])));
    match fake::mount::<RomFs>(&device, &[]) {
        Ok(volume) => walk(&volume, device.len_bytes() as usize, &mut seen),
        Err(refusal) => seen.push(format!("refused: {refusal}")),
    }
    match fake::check::<RomFs>(&device, &[]) {
        Ok((left, findings)) => {
            assert!(left <= findings.len() as u64, "{left} errors left of {} findings", findings.len());
            seen.extend(findings.iter().map(|finding| format!("finding: {finding:?}")));
        }
        Err(refusal) => seen.push(format!("not examined: {refusal}")),
    }
    seen
}

fn walk(volume: &fake::Mounted<RomFs>, medium_len: usize, seen: &mut Vec<String>) {
    // What contents overlap in a hostile image is not read for ever: so much in all.
    let mut read_left = 4 * medium_len;
    // Rule 3 of `tree`.
    let mut entries_left = 2 * medium_len / 32;
    let mut dirs = VecDeque::from([(volume.root(), String::new())]);
    while let Some((dir, path)) = dirs.pop_front() {
        let (entries, outcome) = volume.readdir_until_failure(dir, 0, usize::MAX);
        if let Err(refusal) = outcome {
            seen.push(format!("{path}/: {refusal}"));
        }
        entries_left =
            entries_left.checked_sub(entries.len()).expect("no more entries than the image has room for");
        for entry in entries {
            let path = format!("{path}/{}", entry.name.escape_ascii());
            match volume.lookup(dir, &entry.name) {
                Err(refusal) => seen.push(format!("{path}: {refusal}")),
                Ok(found) => {
                    assert_eq!(found.attr.ino, entry.ino, "{path}: readdir and lookup tell the same inode");
                    assert_eq!(found.attr.file_type(), entry.file_type, "{path}: and the same type");
                    let what = node(volume, &found, &mut read_left);
                    seen.push(format!("{path}: {what}"));
                    if found.attr.file_type() == mode::S_IFDIR {
                        dirs.push_back((found.node, path));
                    }
                }
            }
        }
    }
}

/// Attributes and content of one node.
fn node(volume: &fake::Mounted<RomFs>, found: &fake::Found, read_left: &mut usize) -> String {
    let attr = found.attr;
    let again = volume.getattr(found.node).expect("a node that was found has attributes");
    assert_eq!((again.mode, again.size_bytes, again.ino), (attr.mode, attr.size_bytes, attr.ino));
    let content = match attr.file_type() {
        mode::S_IFREG if attr.size_bytes <= *read_left as u64 => {
            volume.read(found.node).expect("content in range")
        }
        mode::S_IFLNK if attr.size_bytes <= *read_left as u64 => {
            volume.readlink(found.node).expect("a target")
        }
        _ => Vec::new(),
    };
    *read_left -= content.len();
    if attr.file_type() == mode::S_IFREG && attr.size_bytes > 0 {
        let (extents, pin) = volume.map_extents(found.node, 0, u64::MAX).expect("content in one piece");
        assert_eq!(extents.iter().map(|extent| extent.len_bytes).sum::<u64>(), attr.size_bytes);
        volume.unpin(found.node, pin);
    }
    let sum = content.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!(
        "ino {:#x} mode {:o} size {} rdev {:#x} sum {sum:#x}",
        attr.ino, attr.mode, attr.size_bytes, attr.rdev
    )
}
