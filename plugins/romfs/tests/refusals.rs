//! Refusals teach: what, where, found, expected, and what to do.

mod common;

use common::{DIR, FILE, Image, devices, fix_volume, sampler};
use nxvfs_romfs::RomFs;
use nxvfs_sdk::{Errno, fake};

fn refusal(image: &[u8]) -> fake::Error {
    let [plain, in_place] = devices(image).map(|device| fake::mount::<RomFs>(&device, &[]).err().unwrap());
    assert_eq!(plain, in_place);
    plain
}

#[test]
fn a_boot_sector_of_fat_is_recognised() {
    let mut sector = vec![0; 512];
    sector[..11].copy_from_slice(b"\xeb\x3c\x90mkfs.fat");
    sector[510..].copy_from_slice(b"\x55\xaa");
    let error = refusal(&sector);
    assert_eq!(error.errno, Errno::EINVAL);
    assert_eq!((error.what.as_str(), error.place.as_str()), ("no superblock", "sector 0"));
    assert_eq!((error.found.as_str(), error.expected.as_str()), ("'EB 3C 90'", "'-rom1fs-'"));
    assert_eq!(error.remedy, "is this a vfat image? try -t vfat");
    sector[0] = 0xe9;
    assert_eq!(refusal(&sector).remedy, "is this a vfat image? try -t vfat");
}

#[test]
fn other_strangers_are_recognised() {
    let cases: [(&[u8], usize, &str, &str); 8] = [
        (b"", 512, "zeroes only", "empty"),
        (b"", 0, "a medium of 0 bytes", "empty"),
        (b"\x7fELF\x02\x01\x01\0", 512, "'7F 45 4C 46 02 01 01 00'", "program"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0", 512, "'1F 8B 08 00 00 00 00 00'", "gunzip"),
        (b"hsqs\x01\0\0\0", 512, "'68 73 71 73 01 00 00 00'", "squashfs"),
        (b"mor-sf1-", 512, "'mor-sf1-'", "swapped"),
        (b"Hello, world", 512, "'Hello, w'", "genromfs"),
        (b"-rom2fs-", 512, "'-rom2fs-'", "genromfs"),
    ];
    for (begin, len, found, remedy) in cases {
        let mut image = begin.to_vec();
        image.resize(len, 0);
        let error = refusal(&image);
        assert_eq!((error.errno, error.found.as_str()), (Errno::EINVAL, found));
        assert!(error.remedy.contains(remedy), "{}", error.remedy);
        assert_eq!(fake::probe::<RomFs>(&devices(&image)[0], &[]).unwrap(), None);
        assert_eq!(fake::check::<RomFs>(&devices(&image)[0], &[]).unwrap_err(), error);
    }
    assert_eq!(fake::mount::<RomFs>(None, &[]).err().unwrap().errno, Errno::ENODEV);
}

#[test]
fn a_cut_image_is_told_by_its_numbers() {
    let mut image = sampler();
    image.resize(512, 0);
    let error = refusal(&image);
    assert_eq!((error.errno, error.what.as_str()), (Errno::EUCLEAN, "the image is cut short"));
    let size = u32::from_be_bytes(image[8..12].try_into().unwrap());
    assert_eq!(error.found, "512 bytes");
    assert!(error.expected.contains(&size.to_string()), "{error}");
    let probed = fake::probe::<RomFs>(&devices(&image)[0], &[]).unwrap().unwrap();
    assert_eq!((probed.score, probed.volume_bytes), (40, size.into()), "it was a romfs image once");
    let (left, findings) = fake::check::<RomFs>(&devices(&image)[0], &[]).unwrap();
    assert!(left > 0 && findings[0].text.contains("cut short"), "{findings:?}");
}

#[test]
fn a_wrong_checksum_is_told_with_the_right_one() {
    let sound = sampler();
    let mut image = sound.clone();
    image[12..16].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
    let error = refusal(&image);
    assert_eq!((error.errno, error.what.as_str()), (Errno::EUCLEAN, "wrong checksum of the volume"));
    let right = u32::from_be_bytes(sound[12..16].try_into().unwrap());
    assert_eq!((error.found.as_str(), error.expected.clone()), ("0xdeadbeef", format!("{right:#010x}")));
}

#[test]
fn a_root_that_cannot_be_is_refused() {
    let mut no_name = sampler();
    no_name[16..512].fill(b'x');
    fix_volume(&mut no_name);
    assert_eq!(refusal(&no_name).what, "the volume's name does not end");

    let mut tiny = sampler();
    tiny[8..12].copy_from_slice(&48_u32.to_be_bytes());
    fix_volume(&mut tiny);
    assert_eq!(refusal(&tiny).what, "the volume has no room for a root directory");

    let mut image = Image::new("");
    image.add(b"file", FILE, 0, b"content");
    let error = refusal(&image.finish());
    assert_eq!((error.errno, error.what.as_str()), (Errno::EUCLEAN, "root is not a directory"));

    let mut image = Image::new("");
    let root = image.add(b".", DIR, 0, b"");
    let mut bytes = image.finish();
    bytes[root as usize + 16] = b'!';
    fix_volume(&mut bytes);
    let error = refusal(&bytes);
    assert_eq!(
        (error.what.as_str(), error.place.as_str()),
        ("wrong checksum of a file's header", "byte 0x20")
    );
}

#[test]
fn a_damaged_header_is_refused_when_it_is_looked_up_and_not_before() {
    let mut bytes = sampler();
    let at = bytes.windows(7).position(|window| window == b"program").unwrap();
    // The size, one bit: the name is as it was, the checksum is not.
    bytes[at - 8 + 3] ^= 1;
    fix_volume(&mut bytes);
    for device in devices(&bytes) {
        let volume = common::mount(&device);
        assert_eq!(volume.readdir(volume.root()).unwrap().len(), 9, "all others can be seen");
        assert_eq!(volume.read(volume.walk("file").unwrap().node).unwrap(), b"Hello, world\n");
        let error = volume.walk("program").err().unwrap();
        assert_eq!((error.errno, error.what.as_str()), (Errno::EUCLEAN, "wrong checksum of a file's header"));
        assert_eq!(error.place, format!("byte {:#x}", at - 16));
        assert!(!error.expected.is_empty() && !error.found.is_empty());
        let (left, findings) = fake::check::<RomFs>(&device, &[]).unwrap();
        assert_eq!((left, findings[0].path.as_str()), (1, "/program"), "{findings:?}");
        assert_eq!(findings[0].medium_offset, at as u64 - 16);
    }
}
