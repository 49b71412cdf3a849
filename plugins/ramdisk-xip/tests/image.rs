//! A disk over an image file: what each kind does to the file, and what is refused.

mod common;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use common::{Given, content, file, pattern};
use nxvfs_sdk::{Errno, WRITE_FUA};

#[test]
fn a_private_disk_is_a_copy_that_never_changes_its_image() {
    let image = file(&pattern(4096));
    let disk = Given::image(&image).attach().unwrap();
    assert_eq!(content(&disk), pattern(4096));
    disk.write(0, &[1; 512], WRITE_FUA).unwrap();
    disk.xip().unwrap().write_at(1024, &[2; 512]);
    disk.discard(7, 1).unwrap();
    disk.flush().unwrap();
    let changed = content(&disk);
    disk.detach().unwrap();
    assert_eq!(std::fs::read(image.path()).unwrap(), pattern(4096));
    // Nor does a change of the file reach the copy, not even cutting it to nothing.
    let disk = Given::image(&image).attach().unwrap();
    std::fs::write(image.path(), b"").unwrap();
    assert_eq!(content(&disk), pattern(4096));
    assert_ne!(changed, pattern(4096));
}

#[test]
fn a_read_only_disk_is_the_file_and_refuses_every_change() {
    let image = file(&pattern(4096));
    let disk = Given::ro(&image).attach().unwrap();
    assert_eq!(content(&disk), pattern(4096));
    let grant = disk.xip().unwrap();
    assert!(!grant.writable);
    let behind = std::fs::metadata(format!("/proc/self/fd/{}", grant.memory_fd)).unwrap();
    let own = image.as_file().metadata().unwrap();
    assert_eq!((behind.dev(), behind.ino()), (own.dev(), own.ino()), "mapped, not copied");
    for refusal in
        [disk.write(0, &[1; 512], 0).map(drop), disk.discard(0, 1), disk.write(99, &[1; 512], 0).map(drop)]
    {
        assert_eq!(refusal.unwrap_err().to_string(), "RAM disk is read-only; attach it without ro=y (EROFS)");
    }
    disk.flush().unwrap();
    disk.detach().unwrap();
    assert_eq!(std::fs::read(image.path()).unwrap(), pattern(4096));
}

#[test]
fn a_shared_disk_writes_back_to_its_image() {
    let image = file(&pattern(4096));
    let mut expected = pattern(4096);
    let disk = Given::shared(&image).attach().unwrap();
    assert_eq!(content(&disk), expected);
    disk.write(0, &[1; 512], WRITE_FUA).unwrap();
    expected[..512].fill(1);
    assert_eq!(std::fs::read(image.path()).unwrap(), expected, "after a write with FUA");
    disk.xip().unwrap().write_at(1030, &[2; 3]);
    expected[1030..1033].fill(2);
    disk.flush().unwrap();
    assert_eq!(std::fs::read(image.path()).unwrap(), expected, "after a store in place and a flush");
    disk.discard(7, 1).unwrap();
    expected[3584..].fill(0);
    disk.detach().unwrap();
    assert_eq!(std::fs::read(image.path()).unwrap(), expected, "after a discard and detaching");
}

#[test]
fn a_ragged_image_is_padded_with_zeroes_or_refused() {
    for len in [1, 511, 513, 4095, 4097, 5000] {
        let image = file(&pattern(len));
        for sector_size in [512, 4096, 65_536] {
            let mut expected = pattern(len);
            expected.resize(len.next_multiple_of(sector_size), 0);
            for ro in [false, true] {
                let given = Given { sector_size: sector_size as u64, ro, ..Given::image(&image) };
                assert_eq!(content(&given.attach().unwrap()), expected, "{given:?}");
            }
            let given = Given { sector_size: sector_size as u64, ..Given::shared(&image) };
            let refusal = given.refusal();
            assert_eq!(refusal.errno, Errno::EINVAL);
            assert!(
                refusal.remedy.starts_with(&format!("lengthen the file (truncate -s {} ", expected.len()))
            );
        }
        assert_eq!(std::fs::read(image.path()).unwrap(), pattern(len), "the file is as it was");
    }
}

#[test]
fn a_disk_may_be_longer_than_its_image_but_not_shorter() {
    let image = file(&pattern(1500));
    let mut expected = pattern(1500);
    expected.resize(64 * 512, 0);
    for ro in [false, true] {
        let disk = Given { sectors: 64, ro, ..Given::image(&image) }.attach().unwrap();
        assert_eq!(content(&disk), expected);
        assert_eq!(disk.xip().unwrap().writable, !ro);
        assert_eq!(disk.write(63, &[1; 512], 0).is_ok(), !ro);
    }
    for given in [Given::image(&image), Given::ro(&image), Given::shared(&image)] {
        let refusal = Given { sectors: 2, ..given }.refusal();
        assert_eq!(refusal.errno, Errno::EINVAL);
        assert_eq!(refusal.remedy, "give sectors=3, or leave it away");
    }
}

#[test]
fn one_who_writes_to_an_image_excludes_all_others() {
    let image = file(&pattern(1024));
    let (ro, shared) = (Given::ro(&image), Given::shared(&image));

    let writer = shared.attach().unwrap();
    for (given, sentence) in [
        (
            shared,
            "found a lock of another user of the file; detach the other device; only one may write to an image",
        ),
        (
            ro,
            "found a lock of another that writes to the file; detach the device that has it with shared=y, or copy the file first",
        ),
        (
            Given::image(&image),
            "found a lock of another that writes to the file; detach the device that has it with shared=y, or copy the file first",
        ),
    ] {
        let expected = format!("image is in use: {}: {sentence} (EBUSY)", image.path().display());
        assert_eq!(given.refusal().to_string(), expected);
    }
    writer.detach().unwrap();

    let readers = (ro.attach().unwrap(), ro.attach().unwrap(), Given::image(&image).attach().unwrap());
    assert_eq!(shared.refusal().errno, Errno::EBUSY);
    drop((readers.0, readers.1));
    // The private copy needs the file no more.
    shared.attach().unwrap();
    assert_eq!(content(&readers.2), pattern(1024));
}

#[test]
fn a_refusal_after_the_lock_lets_it_go() {
    let image = file(&pattern(1000));
    assert_eq!(Given::shared(&image).refusal().errno, Errno::EINVAL);
    image.as_file().set_len(1024).unwrap();
    Given::shared(&image).attach().unwrap();
}

#[test]
fn what_cannot_be_a_disk_is_refused_with_its_reason() {
    let image = file(&pattern(1024));
    let dir = tempfile::tempdir().unwrap();
    let empty = file(b"");
    let missing = dir.path().join("missing.img");
    let inside_a_file = image.path().join("x.img");
    let at = |path| Given { image: path, ..Given::default() };
    for (given, errno, what) in [
        (Given::default(), Errno::EINVAL, "size of the RAM disk is not known"),
        (Given { shared: true, ..Given::sectors(8) }, Errno::EINVAL, "nothing to write back to"),
        (Given { ro: true, ..Given::shared(&image) }, Errno::EINVAL, "parameters contradict each other"),
        (Given { sector_size: 513, ..Given::sectors(8) }, Errno::EINVAL, "no such sector size"),
        (Given { sector_size: 256, ..Given::sectors(8) }, Errno::EINVAL, "no such sector size"),
        (Given { sector_size: 131_072, ..Given::image(&image) }, Errno::EINVAL, "no such sector size"),
        (Given::sectors(u64::MAX), Errno::EINVAL, "RAM disk is longer than any medium can be"),
        (Given::sectors(1 << 54), Errno::EINVAL, "RAM disk is longer than any medium can be"),
        (Given::sectors(1 << 44), Errno::ENOMEM, "not enough memory for the RAM disk"),
        (
            Given { sectors: 1 << 44, ..Given::image(&image) },
            Errno::ENOMEM,
            "not enough memory for the RAM disk",
        ),
        (
            Given { sectors: 1 << 44, ..Given::ro(&image) },
            Errno::ENOMEM,
            "not enough memory for the RAM disk",
        ),
        (at(&missing), Errno::ENOENT, "image cannot be opened"),
        (at(&inside_a_file), Errno::ENOTDIR, "image cannot be opened"),
        (at(dir.path()), Errno::EISDIR, "image is not a regular file"),
        (at(Path::new("/dev/zero")), Errno::EINVAL, "image is not a regular file"),
        (Given::image(&empty), Errno::EINVAL, "image is empty"),
    ] {
        let refusal = given.refusal();
        assert_eq!((refusal.errno, refusal.what.as_str()), (errno, what), "{given:?}");
        for part in [&refusal.place, &refusal.found, &refusal.remedy] {
            assert!(!part.is_empty(), "a part of the sentence is missing: {refusal}");
        }
    }
}

#[test]
fn a_disk_of_zeroes_can_be_read_only() {
    let disk = Given { ro: true, ..Given::sectors(8) }.attach().unwrap();
    assert_eq!(disk.write(0, &[1; 512], 0).unwrap_err().errno, Errno::EROFS);
    assert!(!disk.xip().unwrap().writable);
    assert_eq!(content(&disk), [0; 4096]);
}
