//! The examination: every finding names the path, the place, what is expected and what is found.

mod common;

use common::{DIR, FIFO, FILE, Image, LINK, devices, fix_volume, seen};
use nxvfs_romfs::RomFs;
use nxvfs_sdk::abi::filesystem::{FINDING_ERROR, FINDING_WARNING};
use nxvfs_sdk::fake;

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let mut image = Image::new("wrong");
    let root = image.add(b".", DIR, 0, b"");
    image.set(root, 4, root);
    let up = image.add(b"..", LINK, root + 16, b"");
    let dir = image.add(b"dir", DIR, 0, b"");
    let nowhere = image.add(b"nowhere", LINK, 0x10_0000, b"");
    let fifo = image.add(b"fifo", FIFO, 7, b"");
    image.chain(&[root, up, dir, nowhere, fifo]);
    let long = image.add(b"long", FILE, 0, b"");
    image.set(long, 8, 70_000);
    let twice = image.add(b"twice", FILE, 0, b"first");
    let again = image.add(b"twice", FILE, 0, b"second");
    let over = image.add(b"over", FILE, 0, b"");
    let under = image.add(b"under", FILE, 0, b"");
    image.set(over, 8, 20);
    let flipped = image.add(b"flipped", FILE, 0, b"content");
    image.set(dir, 4, long);
    image.chain(&[long, twice, again, over, under, flipped]);
    let mut bytes = image.finish();
    bytes[flipped as usize + 8] ^= 0x40;
    fix_volume(&mut bytes);

    for device in devices(&bytes) {
        let (left, findings) = fake::check::<RomFs>(&device, &[]).unwrap();
        let told: Vec<_> = findings
            .iter()
            .map(|finding| (finding.severity, finding.path.as_str(), finding.medium_offset as u32))
            .collect();
        let expected = [
            (FINDING_WARNING, "/..", up),
            (FINDING_ERROR, "/nowhere", nowhere),
            (FINDING_WARNING, "/fifo", fifo),
            (FINDING_ERROR, "/dir/long", long),
            (FINDING_WARNING, "/dir/twice", again),
            // The content of `over` lies on the header of `under`, which ends the list: what follows is in doubt.
            (FINDING_ERROR, "/dir", under),
        ];
        assert_eq!(told, expected, "{findings:#?}");
        assert_eq!(left, 6);
        for finding in &findings {
            assert!(finding.text.contains("expected"), "{}", finding.text);
        }
        assert!(findings[1].text.contains("found 0x100000"), "{}", findings[1].text);
        assert!(findings[3].text.contains("found 70000 bytes"), "{}", findings[3].text);
        assert_eq!(device.writes(), 0);
    }
}

#[test]
fn damage_behind_the_checksum_of_the_volume_is_found() {
    let mut image = Image::new("");
    let root = image.add(b".", DIR, 0, b"");
    image.set(root, 4, root);
    let padding = image.add(b"padding", FILE, 0, &[0; 1000]);
    let victim = image.add(b"victim", FILE, 0, b"content");
    image.chain(&[root, padding, victim]);
    let mut bytes = image.finish();
    bytes[victim as usize + 12] ^= 1;
    let (left, findings) = fake::check::<RomFs>(&devices(&bytes)[0], &[]).unwrap();
    assert_eq!(
        (left, findings[0].path.as_str(), findings[0].medium_offset),
        (1, "/victim", u64::from(victim))
    );
    assert!(
        findings[0].text.starts_with("wrong checksum of a file's header: found 0x"),
        "{}",
        findings[0].text
    );
}

#[test]
fn a_wrong_volume_checksum_does_not_end_the_examination() {
    let mut bytes = common::sampler();
    let at = bytes.windows(6).position(|window| window == b"socket").unwrap();
    bytes[at + 20] ^= 1;
    let (left, findings) = fake::check::<RomFs>(&devices(&bytes)[0], &[]).unwrap();
    assert!(left >= 2 && findings[0].text.contains("wrong checksum of the volume"), "{findings:#?}");
}

#[test]
fn a_damaged_root_is_the_only_finding() {
    let mut image = Image::new("");
    image.add(b"not a directory", FILE, 0, b"");
    let (left, findings) = fake::check::<RomFs>(&devices(&image.finish())[0], &[]).unwrap();
    assert_eq!((left, findings[0].path.as_str()), (1, "/"));
}

#[test]
fn the_longest_name_is_255_bytes() {
    for (len, sound) in [(255, true), (256, false), (300, false)] {
        let mut image = Image::new("");
        let root = image.add(b".", DIR, 0, b"");
        image.set(root, 4, root);
        let file = image.add(&vec![b'n'; len], FILE, 0, b"content");
        image.next(root, file);
        let seen = seen(&image.finish()).join("\n");
        assert_eq!(!seen.contains("name does not end"), sound, "{len}: {seen}");
        assert_eq!(!seen.contains("finding"), sound, "{len}: {seen}");
    }
}
