//! Replays the corpus of the fuzzed functions, and as many random cases as a few seconds bear.
//!
//! The corpus is `fuzz/corpus/FUNCTION/`: seeds for a fuzzer, and what one once found.

use std::path::PathBuf;

use nxvfs_tests::fixture::shared_c_plugin;
use nxvfs_tests::image::damage;
use nxvfs_tests::{Folder, Rng, fuzz, genromfs, repository};

const MANIFESTS: usize = 30_000;
const FILES: usize = 5_000;
const DESCRIPTORS: usize = 5_000;
const IMAGES: usize = 1_500;

/// The seeds of a function, by name.
fn corpus(function: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = repository().join("tests/fuzz/corpus").join(function);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} holds no seeds", folder.display());
    seeds
}

/// Runs each seed, and then damaged ones. A case that panics is told by its seed and number.
fn replay(seeds: &[(PathBuf, Vec<u8>)], cases: usize, run: fn(&[u8])) {
    for (path, seed) in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "{} fails: see above", path.display());
    }
    let mut rng = Rng::new(20_26);
    for case in 0..cases {
        let (path, seed) = rng.pick(seeds);
        let mut bytes = seed.clone();
        damage(&mut rng, &mut bytes);
        let outcome = std::panic::catch_unwind(|| run(&bytes));
        assert!(
            outcome.is_ok(),
            "case {case}, made of {}, fails: see above; it is {bytes:02x?}",
            path.display()
        );
    }
}

#[test]
fn manifests() {
    replay(&corpus("manifest"), MANIFESTS, fuzz::manifest);
}

#[test]
fn files() {
    let plugin = shared_c_plugin("plain.c");
    let introduction = shared_c_plugin("descriptor.c");
    let mut seeds = corpus("file");
    seeds.extend([plugin, introduction].map(|path| (path.clone(), std::fs::read(path).unwrap())));
    replay(&seeds, FILES, fuzz::file);
}

#[test]
fn descriptors() {
    let seeds = corpus("descriptor");
    replay(&seeds, 0, fuzz::descriptor);
    // The numbers are taken from the front, so random bytes reach further than damaged ones.
    let mut rng = Rng::new(7);
    for _ in 0..DESCRIPTORS {
        let len = rng.below(700);
        let mut bytes = rng.bytes(len);
        // Mostly what is right, so that the later checks are met too.
        for byte in &mut bytes {
            if !rng.one_in(40) {
                *byte %= 200;
            }
        }
        fuzz::descriptor(&bytes);
    }
}

#[test]
fn images_of_romfs() {
    let folder = Folder::new()
        .file("tree/dir/nested/file", "content")
        .file("tree/empty", "")
        .link("tree/link", "dir/nested/file")
        .hard_link("tree/second", "tree/dir/nested/file");
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let mut seeds = corpus("romfs");
    seeds.push((image.clone(), std::fs::read(image).unwrap()));
    replay(&seeds, IMAGES, fuzz::romfs);
}
