//! Images that lie: every walk ends, every refusal is a sentence, nothing panics, with and without XIP alike.

mod common;

use common::{
    DIR, FILE, Image, LINK, devices, fix_all, fix_volume, mount, sampler, sampler_with_headers, seen,
};
use nxvfs_romfs::{RomFs, fuzz};
use nxvfs_sdk::{Errno, fake};
use proptest::prelude::*;

/// Findings of an image, as text.
fn findings(image: &[u8]) -> String {
    seen(image).into_iter().filter(|line| line.starts_with("finding")).collect::<Vec<_>>().join("\n")
}

fn refused(volume: &fake::Mounted<RomFs>, path: &str) -> (Errno, String) {
    let error = volume.walk(path).err().unwrap_or_else(|| panic!("'{path}' was found"));
    assert!(!error.place.is_empty() && !error.expected.is_empty() && !error.found.is_empty(), "{error}");
    (error.errno, error.what.clone())
}

/// `.` and `..` of a root that stands in its own list, as genromfs makes it.
fn root(image: &mut Image) -> (u32, u32) {
    let root = image.add(b".", DIR, 0, b"");
    image.set(root, 4, root);
    let parent = image.add(b"..", LINK, root, b"");
    image.next(root, parent);
    (root, parent)
}

#[test]
fn a_list_in_a_circle_ends_with_a_sentence() {
    for back_to in 0..4 {
        let mut image = Image::new("circle");
        let (_, parent) = root(&mut image);
        let a = image.add(b"a", FILE, 0, b"A");
        let b = image.add(b"b", FILE, 0, b"B");
        image.chain(&[parent, a, b]);
        image.next(b, [a, b, parent, 32][back_to]);
        let image = image.finish();
        for device in devices(&image) {
            let volume = mount(&device);
            let (entries, outcome) = volume.readdir_until_failure(volume.root(), 0, usize::MAX);
            assert_eq!(entries.len(), 2, "what is there is seen once");
            let error = outcome.unwrap_err();
            assert_eq!(
                (error.errno, error.what.as_str()),
                (Errno::EUCLEAN, "list of entries runs in a circle")
            );
            assert_eq!(volume.read(volume.walk("b").unwrap().node).unwrap(), b"B");
            assert_eq!(refused(&volume, "missing").0, Errno::EUCLEAN, "whether it is there nobody knows");
        }
        assert!(findings(&image).contains("runs in a circle"), "{}", findings(&image));
    }
}

#[test]
fn a_circle_of_equal_names_ends() {
    let mut image = Image::new("");
    let (_, parent) = root(&mut image);
    let all: Vec<u32> = (0..50).map(|_| image.add(b"same", FILE, 0, b"")).collect();
    image.next(parent, all[0]);
    image.chain(&all);
    image.next(all[49], all[7]);
    let seen = seen(&image.finish()).join("\n");
    assert!(seen.contains("runs in a circle"), "{seen}");
}

#[test]
fn a_list_that_goes_backwards_is_sound() {
    let mut image = Image::new("");
    let (_, parent) = root(&mut image);
    let all: Vec<u32> =
        (0..100).map(|number| image.add(format!("{number}").as_bytes(), FILE, 0, b"")).collect();
    let backwards: Vec<u32> = all.iter().rev().copied().collect();
    image.next(parent, backwards[0]);
    image.chain(&backwards);
    let image = image.finish();
    assert_eq!(findings(&image), "");
    let device = &devices(&image)[0];
    let volume = mount(device);
    let names: Vec<_> = volume.readdir(volume.root()).unwrap().into_iter().map(|entry| entry.name).collect();
    let expected: Vec<_> = (0..100).rev().map(|number| format!("{number}").into_bytes()).collect();
    assert_eq!(names, expected);
}

#[test]
fn hard_links_in_a_circle_are_eloop() {
    let mut image = Image::new("");
    let (_, parent) = root(&mut image);
    let own = image.add(b"own", LINK, 0, b"");
    image.set(own, 4, own);
    let one = image.add(b"one", LINK, 0, b"");
    let two = image.add(b"two", LINK, one, b"");
    image.set(one, 4, two);
    let file = image.add(b"file", FILE, 0, b"content");
    image.chain(&[parent, own, one, two, file]);
    // A chain of 64 links is the longest.
    let (mut last, mut target) = (file, file);
    for number in 1..=65 {
        target = image.add(format!("chain{number}").as_bytes(), LINK, target, b"");
        image.next(last, target);
        last = target;
    }
    let image = image.finish();
    for device in devices(&image) {
        let volume = mount(&device);
        for name in ["own", "one", "two", "chain65"] {
            assert_eq!(refused(&volume, name), (Errno::ELOOP, "hard links lead to one another".to_owned()));
        }
        assert_eq!(volume.read(volume.walk("chain64").unwrap().node).unwrap(), b"content");
    }
    assert_eq!(findings(&image).lines().count(), 4, "{}", findings(&image));
}

#[test]
fn hard_links_that_lead_nowhere_or_to_a_directory_are_refused() {
    let mut image = Image::new("");
    let (root, parent) = root(&mut image);
    let dir = image.add(b"dir", DIR, 0, b"");
    let links = [0, 16, 1 << 20, u32::MAX, root, dir].map(|target| {
        let name = format!("to {target:#x}");
        image.add(name.as_bytes(), LINK, target, b"")
    });
    image.chain(&[parent, dir]);
    image.next(dir, links[0]);
    image.chain(&links);
    let image = image.finish();
    for device in devices(&image) {
        let volume = mount(&device);
        for entry in volume.readdir(volume.root()).unwrap().iter().skip(1) {
            let name = String::from_utf8(entry.name.clone()).unwrap();
            let (errno, what) = refused(&volume, &name);
            assert_eq!(errno, Errno::EUCLEAN);
            assert!(
                ["hard link leads nowhere", "hard link to a directory"].contains(&what.as_str()),
                "{what}"
            );
        }
        assert_eq!(volume.readdir(volume.walk("dir").unwrap().node).unwrap(), []);
    }
    assert_eq!(findings(&image).lines().count(), 6, "{}", findings(&image));
}

/// A root with the directories `a` and `a/b`; `change` makes one of them wrong. Answers the image.
fn tree_with(change: impl FnOnce(&mut Image, [u32; 4])) -> Vec<u8> {
    let mut image = Image::new("");
    let (root, parent) = root(&mut image);
    let a = image.add(b"a", DIR, 0, b"");
    image.chain(&[parent, a]);
    let file = image.add(b"file", FILE, 0, b"");
    let b = image.add(b"b", DIR, 0, b"");
    image.set(a, 4, file);
    image.chain(&[file, b]);
    change(&mut image, [root, a, file, b]);
    image.finish()
}

#[test]
fn directories_in_a_circle_are_refused_and_every_walk_ends() {
    type Change = fn(&mut Image, [u32; 4]);
    let changes: [(&str, Change); 5] = [
        ("a/b", |image, [_, _, _, b]| image.set(b, 4, b)),
        ("a/b", |image, [_, a, _, b]| image.set(b, 4, a)),
        ("a/b", |image, [root, _, _, b]| image.set(b, 4, root)),
        ("a/b", |image, [_, _, file, b]| image.set(b, 4, file)),
        ("a", |image, [root, a, ..]| image.set(a, 4, root)),
    ];
    for (number, (circle, change)) in changes.into_iter().enumerate() {
        let image = tree_with(change);
        let seen = seen(&image);
        let refused = ["in the tree already", "shares entries"];
        assert!(
            seen.iter().any(|line| refused.iter().any(|what| line.contains(what))),
            "{number}: {seen:#?}"
        );
        assert!(seen.iter().any(|line| line.contains("finding")), "{number}: {seen:#?}");
        // As a shell walks it: by path, and forgetting everything on the way.
        let device = &devices(&image)[1];
        let volume = mount(device);
        let name = circle.rsplit('/').next().unwrap();
        let mut dir = volume.walk(circle).unwrap().node;
        for depth in 0.. {
            assert!(depth < 3, "{number}: deeper than there are directories");
            let Ok(next) = volume.lookup(dir, name.as_bytes()).or_else(|_| volume.lookup(dir, b"a")) else {
                break;
            };
            volume.forget(dir, 1);
            dir = next.node;
        }
    }
}

#[test]
fn the_root_is_nobodys_entry() {
    let mut image = Image::new("");
    let root = image.add(b"again", DIR, 0, b"");
    image.set(root, 4, root);
    let image = image.finish();
    for device in devices(&image) {
        let volume = mount(&device);
        assert_eq!(volume.readdir(volume.root()).unwrap().len(), 1);
        assert_eq!(
            refused(&volume, "again"),
            (Errno::ELOOP, "directory that is in the tree already".to_owned())
        );
    }
    assert!(findings(&image).contains("the root directory is an entry"), "{}", findings(&image));
}

#[test]
fn lists_that_run_into_one_another_do_not_multiply() {
    // 100 directories, each with one file of its own and then the same 1000 files.
    let mut image = Image::new("");
    let (_, mut last) = root(&mut image);
    let shared: Vec<u32> =
        (0..1000).map(|number| image.add(format!("s{number}").as_bytes(), FILE, 0, b"")).collect();
    image.chain(&shared);
    for number in 0..100 {
        let own = image.add(b"own", FILE, 0, b"");
        image.next(own, shared[0]);
        let dir = image.add(format!("dir{number}").as_bytes(), DIR, own, b"");
        image.next(last, dir);
        last = dir;
    }
    let image = image.finish();
    // `fuzz::run` counts the entries.
    let seen = fuzz::run(&image, true);
    assert!(seen.iter().any(|line| line.contains("shares entries")), "the later directories are refused");
    assert!(seen.iter().any(|line| line.contains("is in two directories")), "the examination tells where");
    // Forgetting makes no room.
    let device = &devices(&image)[1];
    let volume = mount(device);
    let mut entries = 0;
    for _ in 0..2 {
        for number in 0..100 {
            let dir = volume.walk(&format!("dir{number}")).unwrap().node;
            entries += volume.readdir_until_failure(dir, 0, usize::MAX).0.len();
            volume.forget(dir, 1);
        }
    }
    assert!(entries <= 2 * (2 * image.len() / 32), "{entries} entries");
}

#[test]
fn a_deep_tree_needs_no_deep_stack() {
    let mut image = Image::new("");
    let (_, parent) = root(&mut image);
    let dirs: Vec<u32> = (0..20_000).map(|_| image.add(b"d", DIR, 0, b"")).collect();
    image.next(parent, dirs[0]);
    dirs.windows(2).for_each(|pair| image.set(pair[0], 4, pair[1]));
    let image = image.finish();
    let (left, findings) = fake::check::<RomFs>(&devices(&image)[0], &[]).unwrap();
    assert_eq!((left, findings.len()), (0, 0));
    assert_eq!(mount(&devices(&image)[1]).walk(&"d/".repeat(20_000)).unwrap().node, u64::from(dirs[19_999]));
}

#[test]
fn names_that_no_path_can_have_are_not_listed() {
    let mut image = Image::new("");
    let (_, parent) = root(&mut image);
    let all = [&b"a/b"[..], b"", b"good", b"/"].map(|name| image.add(name, FILE, 0, b""));
    image.next(parent, all[0]);
    image.chain(&all);
    let image = image.finish();
    let device = &devices(&image)[0];
    let volume = mount(device);
    let (entries, outcome) = volume.readdir_until_failure(volume.root(), 0, usize::MAX);
    assert_eq!(entries.iter().map(|entry| entry.name.as_slice()).collect::<Vec<_>>(), [b"good"]);
    assert_eq!(outcome.unwrap_err().what, "name that no path can have");
    assert_eq!(findings(&image).lines().count(), 3, "{}", findings(&image));
}

#[test]
fn content_that_leaves_the_volume_is_refused() {
    for size in [1025, u32::MAX, u32::MAX - 15, 1 << 31] {
        let mut image = Image::new("");
        let (_, parent) = root(&mut image);
        let file = image.add(b"file", FILE, 0, b"content");
        image.set(file, 8, size);
        image.next(parent, file);
        let image = image.finish();
        for device in devices(&image) {
            let volume = mount(&device);
            assert_eq!(refused(&volume, "file").1, "content reaches beyond the end of the volume");
            assert!(volume.open(u64::from(file), 0).is_err());
            assert!(volume.map_extents(u64::from(file), 0, 1).is_err());
        }
        assert!(findings(&image).contains("content reaches beyond"));
    }
}

#[test]
fn an_image_cut_anywhere_is_refused_or_sound_as_far_as_it_goes() {
    let whole = sampler();
    let size = u32::from_be_bytes(whole[8..12].try_into().unwrap()) as usize;
    for len in (0..=whole.len()).step_by(16) {
        // Cut as a download is: the size is still the old one.
        seen(&whole[..len]);
        // Cut with a size to match, so that the mount succeeds and the pointers lead out of the volume.
        let mut matched = whole[..len].to_vec();
        if (64..size).contains(&len) {
            matched[8..12].copy_from_slice(&(len as u32).to_be_bytes());
            fix_volume(&mut matched);
            let seen = seen(&matched);
            assert!(seen.iter().any(|line| line.starts_with("finding")), "cut at {len}: {seen:#?}");
        }
    }
}

#[test]
fn every_byte_flipped_is_refused_or_mounted_and_walked() {
    let (image, headers) = sampler_with_headers();
    let volume_size = u32::from_be_bytes(image[8..12].try_into().unwrap()) as usize;
    for at in 0..volume_size {
        for mask in [0x01, 0x80, 0xff] {
            let mut flipped = image.clone();
            flipped[at] ^= mask;
            let unfixed = seen(&flipped);
            // Behind the first 512 bytes only content and padding are without a checksum.
            assert!(
                at >= 512 || unfixed.iter().any(|line| line.contains("refused: ")),
                "byte {at}: {unfixed:#?}"
            );
            // With right checksums, so that the byte itself is believed.
            fix_all(&mut flipped, &headers);
            seen(&flipped);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn many_words_changed(changes in prop::collection::vec((0_usize..256, any::<u32>(), 0_u8..4), 1..6)) {
        let (mut image, headers) = sampler_with_headers();
        let size = image.len() as u32;
        for (word, value, how) in changes {
            // Pointers to headers are what hurts most.
            let value = match how {
                0 => value,
                1 => ((value % size) & !15) | (value & 15),
                2 => headers[value as usize % headers.len()] | (value >> 28),
                _ => u32::MAX - (value & 0xff),
            };
            let at = word * 4 % image.len();
            image[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        image[..8].copy_from_slice(b"-rom1fs-");
        fix_all(&mut image, &headers);
        seen(&image);
    }

    #[test]
    fn any_bytes_after_the_magic(mut image in prop::collection::vec(any::<u8>(), 64..4096)) {
        let size = image.len() as u32;
        image[..8].copy_from_slice(b"-rom1fs-");
        image[8..12].copy_from_slice(&size.to_be_bytes());
        image[16..32].fill(0);
        // A directory whose list is somewhere in the noise.
        image[35] = image[35] & 0xf0 | 1;
        if let Some(at) = image[48..].iter().position(|byte| *byte == 0).map(|at| at + 48).filter(|at| *at < 290) {
            let len = (at + 1).next_multiple_of(16).min(image.len()) - 32;
            common::fix(&mut image, 32, len);
        }
        fix_volume(&mut image);
        seen(&image);
    }
}
