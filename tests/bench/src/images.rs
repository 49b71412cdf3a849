//! The volumes, made once for each scale and kept in the target folder. `mkfs.fat` and `genromfs` make them, our own writes
//! fill them.

use std::path::{Path, PathBuf};
use std::process::Command;

use nxvfs_abi::types::open::{O_APPEND, O_CREAT, O_RDWR, O_WRONLY};

use crate::ours::{Medium, Ours};
use crate::{Scale, Volume};

/// Bytes of a cluster of the volumes with files.
pub const CLUSTER_BYTES: usize = 2048;
/// Directories on the way to each leaf of the tree.
const DEPTH: usize = 5;
/// Directories in each directory above the leaves, and files in each leaf.
const FAN: usize = 4;

/// The images of a scale.
pub struct Images {
    /// FAT32, 2 KiB clusters: directory `DIR`, empty, and in directory `FILES` the large files `SEQ.BIN` and `SEQ2.BIN`, in
    /// one piece each, and `FRAG.BIN`, whose clusters lie in random order, no two of them neighbours.
    pub data: PathBuf,
    /// FAT32: `BIG`, with long names, and directories nested five deep with four files in each leaf.
    pub tree: PathBuf,
    /// FAT32, 4 KiB clusters, large and empty, whose number of free clusters is not known.
    pub unknown: PathBuf,
    /// FAT32, as `unknown`, with a valid number.
    pub empty: PathBuf,
    /// romfs: the large file `SEQ.BIN`.
    pub romfs: PathBuf,
    /// romfs: as many files as `BIG` has.
    pub romfs_many: PathBuf,
}

impl Images {
    /// Makes what is not there yet.
    pub fn new(scale: &Scale) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/images").join(scale.name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let kept = |name: &str, make: &dyn Fn(&Path)| {
            let path = folder.join(name);
            if !path.exists() {
                // Put into its place when it is whole.
                let begun = folder.join(format!("{name}.begun"));
                let _ = std::fs::remove_file(&begun);
                make(&begun);
                std::fs::rename(&begun, &path).expect("an image");
            }
            path
        };
        Self {
            data: kept("data.img", &|path| data(scale, path)),
            tree: kept("tree.img", &|path| tree(scale, path)),
            unknown: kept("unknown.img", &|path| {
                mkfs(path, scale.empty_mib, 8);
                forget_free(path);
            }),
            empty: kept("empty.img", &|path| mkfs(path, scale.empty_mib, 8)),
            romfs: kept("seq.romfs", &|path| {
                let content = content(scale.file_bytes);
                romfs(path, &mut |folder| std::fs::write(folder.join("SEQ.BIN"), &content).expect("a file"));
            }),
            romfs_many: kept("many.romfs", &|path| {
                romfs(path, &mut |folder| {
                    for number in 0..scale.files {
                        std::fs::write(folder.join(long_name(number)), [0x5a; 100]).expect("a file");
                    }
                });
            }),
        }
    }
}

/// A name of 46 characters.
pub fn long_name(number: usize) -> String {
    format!("a rather long name of an ordinary file {number:06}.t")
}

/// Paths of the files in the leaves.
pub fn leaf_paths() -> Vec<String> {
    let mut dirs = vec![String::new()];
    for _ in 0..DEPTH {
        dirs = dirs.iter().flat_map(|dir| (0..FAN).map(move |n| format!("{dir}D{n}/"))).collect();
    }
    dirs.iter().flat_map(|dir| (0..FAN).map(move |n| format!("{dir}F{n}"))).collect()
}

/// Paths of the files in the big directory.
pub fn big_paths(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("BIG/{}", long_name(number))).collect()
}

/// Bytes that no file system could shorten.
pub fn content(len_bytes: u64) -> Vec<u8> {
    crate::memory::offsets(1, len_bytes as usize / 8, u64::MAX, 1)
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| {
        panic!(
            "{command:?}: {e}; the benches need dosfstools and genromfs (apt-get install dosfstools genromfs)"
        )
    });
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn mkfs(path: &Path, mib: u64, sectors_of_cluster: u32) {
    let file = std::fs::File::create(path).expect("an image");
    file.set_len(mib << 20).expect("an image");
    let sectors = sectors_of_cluster.to_string();
    run(Command::new("mkfs.fat").args(["-F", "32", "-S", "512", "-s", &sectors]).arg(path));
}

/// Sets the number of free clusters to unknown.
fn forget_free(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("an image");
    file.write_all_at(&[0xff; 4], 512 + 488).expect("an image");
}

fn data(scale: &Scale, path: &Path) {
    mkfs(path, scale.data_mib, (CLUSTER_BYTES / 512) as u32);
    let mut ours = Ours::mounted("vfat", "vfat", Medium::Loop(path));
    ours.mkdir("DIR");
    ours.mkdir("FILES");
    let content = content(1 << 20);
    ours.write_new("FILES/SEQ.BIN", &content, scale.file_bytes);
    ours.write_new("FILES/SEQ2.BIN", &content, scale.file_bytes);
    // One cluster of each by turns; closed each time, so that nothing is set aside for the next write.
    for _ in 0..scale.file_bytes as usize / CLUSTER_BYTES {
        for name in ["FILES/FRAG.BIN", "FILES/BETWEEN.BIN"] {
            let fd = ours.open(name, O_WRONLY | O_CREAT | O_APPEND);
            let cluster = &content[..CLUSTER_BYTES];
            assert_eq!(ours.task().write(fd, cluster).expect("a write"), CLUSTER_BYTES);
            ours.task().close(fd).expect("a close");
        }
    }
    ours.unlink(&[Ours::at("FILES/BETWEEN.BIN")]);
    let explained = ours.task().explain(Ours::at("FILES/FRAG.BIN")).expect("where the file lies");
    // Of very many pieces only the first are told.
    let scattered = explained.extents.iter().all(|piece| piece.len_bytes == CLUSTER_BYTES as u64);
    assert!(scattered && explained.extents.len() > 1000, "FRAG.BIN has neighbours");
    ours.unmount();
    shuffle(path, explained.extents[0].medium_offset);
}

/// Puts the clusters of a file, all of which hold the same, into a random order behind the first one, which begins there.
fn shuffle(path: &Path, first_offset: u64) {
    let mut image = std::fs::read(path).expect("an image");
    let number =
        |at: usize, len: usize| (0..len).rev().fold(0, |n, i| n << 8 | u64::from(image[at + i])) as usize;
    let (start, copies, len) = (number(14, 2) * 512, number(16, 1), number(36, 4) * 512);
    let first = (first_offset as usize - start - copies * len) / CLUSTER_BYTES + 2;
    let mut chain = vec![first];
    loop {
        match number(start + chain[chain.len() - 1] * 4, 4) & 0x0fff_ffff {
            end if end >= 0x0fff_fff8 => break,
            next => chain.push(next),
        }
    }
    let swaps = crate::memory::offsets(5, chain.len(), u64::MAX, 1);
    for at in (2..chain.len()).rev() {
        chain.swap(at, 1 + (swaps[at] % at as u64) as usize);
    }
    for (at, cluster) in chain.iter().enumerate() {
        let next = chain.get(at + 1).map_or(0x0fff_ffff, |next| *next as u32);
        for copy in 0..copies {
            let entry = start + copy * len + cluster * 4;
            image[entry..entry + 4].copy_from_slice(&next.to_le_bytes());
        }
    }
    std::fs::write(path, image).expect("an image");
    run(Command::new("fsck.fat").arg("-n").arg(path));
}

fn tree(scale: &Scale, path: &Path) {
    mkfs(path, 256, (CLUSTER_BYTES / 512) as u32);
    let ours = Ours::mounted("vfat", "vfat", Medium::Loop(path));
    fill_tree(scale, &mut |dir| ours.mkdir(dir), &mut |file| {
        let fd = ours.open(file, O_RDWR | O_CREAT);
        ours.task().close(fd).expect("a close");
    });
    ours.unmount();
}

/// Makes the tree: by directories and files, which come after their directories.
pub fn fill_tree(scale: &Scale, mkdir: &mut dyn FnMut(&str), make: &mut dyn FnMut(&str)) {
    mkdir("BIG");
    big_paths(scale.files).iter().for_each(|path| make(path));
    let mut made = std::collections::HashSet::new();
    for path in leaf_paths() {
        for (at, _) in path.match_indices('/') {
            if made.insert(path[..at].to_owned()) {
                mkdir(&path[..at]);
            }
        }
        make(&path);
    }
}

fn romfs(path: &Path, fill: &mut dyn FnMut(&Path)) {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path());
    // Files begin at pages, so that they can be mapped in place.
    run(Command::new("genromfs")
        .args(["-a", "4096", "-V", "bench", "-d"])
        .arg(folder.path())
        .arg("-f")
        .arg(path));
}
