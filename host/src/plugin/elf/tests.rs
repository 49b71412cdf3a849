//! Shared objects made by hand, whole and broken.

use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::base::{Errno, Teach};

const HEADER_BYTES: usize = 64;
const SECTION_BYTES: usize = 64;

fn own_machine() -> u16 {
    let own = MACHINES.iter().find(|(_, arch, _)| *arch == std::env::consts::ARCH);
    own.map_or(0, |(number, ..)| *number)
}

/// A shared object with sections of the given names and contents, and nothing else.
pub(in crate::plugin) fn shared_object(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut body = Vec::new();
    let mut headers = vec![0; SECTION_BYTES];
    let mut header = |name_offset: usize, kind: u32, offset: usize, len: usize| {
        let mut header = [0; SECTION_BYTES];
        header[0..4].copy_from_slice(&u32::try_from(name_offset).unwrap().to_ne_bytes());
        header[4..8].copy_from_slice(&kind.to_ne_bytes());
        header[24..32].copy_from_slice(&(offset as u64).to_ne_bytes());
        header[32..40].copy_from_slice(&(len as u64).to_ne_bytes());
        headers.extend(header);
    };
    for (name, content) in sections {
        header(names.len(), format::SHT_PROGBITS, HEADER_BYTES + body.len(), content.len());
        names.extend([name.as_bytes(), b"\0"].concat());
        body.extend_from_slice(content);
    }
    let name_offset = names.len();
    names.extend(b".shstrtab\0");
    header(name_offset, format::SHT_STRTAB, HEADER_BYTES + body.len(), names.len());
    body.extend(names);
    body.resize(body.len().next_multiple_of(8), 0);

    let order = if cfg!(target_endian = "little") { 1 } else { 2 };
    let mut file = b"\x7fELF\x02\0\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file[5] = order;
    file.extend(format::ET_DYN.to_ne_bytes());
    file.extend(own_machine().to_ne_bytes());
    file.extend(1_u32.to_ne_bytes());
    file.extend([0; 16]);
    file.extend(((HEADER_BYTES + body.len()) as u64).to_ne_bytes());
    file.extend([0; 4]);
    for half in [64, 0, 0, SECTION_BYTES, sections.len() + 2, sections.len() + 1] {
        file.extend(u16::try_from(half).unwrap().to_ne_bytes());
    }
    [file, body, headers].concat()
}

/// A folder that vanishes.
pub(in crate::plugin) struct Folder(pub(in crate::plugin) std::path::PathBuf);

impl Folder {
    pub(in crate::plugin) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nxvfs-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const MANIFEST: &[u8] = b"name=x\0";

fn good() -> Vec<u8> {
    shared_object(&[(".text", b"\x90\x90\x90"), (SECTION, MANIFEST), (".nxmodinfo2", b"no")])
}

fn patched(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = good();
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
    file
}

fn refusal(bytes: &[u8]) -> ElfError {
    let error = parse_bytes(bytes).expect_err("refused");
    assert_eq!(error.errno(), Errno::ENOEXEC);
    let detail = error.detail();
    assert!(![&detail.what, &detail.found, &detail.remedy].iter().any(|part| part.is_empty()), "{error}");
    error
}

macro_rules! refuses {
    ($bytes:expr, $pattern:pat) => {
        let error = refusal($bytes);
        assert!(matches!(error, $pattern), "{error:?}");
    };
}

#[test]
fn whole() {
    assert_eq!(parse_bytes(&good()).unwrap(), MANIFEST);
    let largest = vec![b'x'; MAX_BYTES];
    assert_eq!(parse_bytes(&shared_object(&[(SECTION, &largest)])).unwrap(), largest);
}

#[test]
fn from_a_file_without_moving_it() {
    let folder = Folder::new("elf");
    let path = folder.0.join("a.so");
    std::fs::write(&path, good()).unwrap();
    let mut file = File::options().read(true).write(true).open(&path).unwrap();
    Seek::seek(&mut file, SeekFrom::Start(3)).unwrap();
    assert_eq!(manifest_section(&file).unwrap(), MANIFEST);
    assert_eq!(file.stream_position().unwrap(), 3);

    file.set_len(100).unwrap();
    assert!(matches!(manifest_section(&file), Err(ElfError::Damaged { .. })));
    file.set_len(0).unwrap();
    assert!(matches!(manifest_section(&file), Err(ElfError::NotElf { .. })));
    file.write_all(b"x").unwrap();

    // Any descriptor that cannot be read will do for a medium that fails.
    let write_only = File::options().write(true).open(&path).unwrap();
    let error = manifest_section(&write_only).unwrap_err();
    assert!(matches!(error, ElfError::Unreadable { .. }), "{error}");
    assert_eq!(error.errno(), Errno::EIO);
}

#[test]
fn huge_claims_cost_nothing() {
    // A sparse file of a terabyte that claims to consist of section headers.
    let folder = Folder::new("sparse");
    let path = folder.0.join("a.so");
    let mut bytes = good();
    bytes[60..62].fill(0);
    let table = usize::try_from(u64::from_ne_bytes(bytes[40..48].try_into().unwrap())).unwrap();
    bytes[table + 32..table + 40].copy_from_slice(&(1_u64 << 34).to_ne_bytes());
    std::fs::write(&path, bytes).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    if file.set_len(1 << 40).is_ok() {
        assert!(matches!(manifest_section(&file), Err(ElfError::TooManySections { .. })));
    }
}

#[test]
fn other_files() {
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"#!/bin/sh\n", "script"),
        (b"!<arch>\n", "ar archive"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"-rom1fs-", "romfs"),
        (b"MZ\x90", "Windows"),
        (b"\xcf\xfa\xed\xfe\x07", "macOS"),
        (b"/* GNU ld script\n", "linker script"),
        (b"hello\tworld\n", "text, `hello\\tworld\\n`"),
        ("grüße".as_bytes(), "text"),
        (b"abc\xc3", "text"),
        (b"\x01\x02\xff", "bytes 01 02 ff"),
        (b"\x7fEL", "bytes 7f 45 4c"),
    ] {
        let error = refusal(bytes);
        assert!(matches!(&error, ElfError::NotElf { found } if found.contains(word)), "{error}");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
}

#[test]
fn other_machines() {
    refuses!(&patched(4, &[1]), ElfError::WrongClass { .. });
    refuses!(&patched(4, &[7]), ElfError::WrongClass { .. });
    let other_order = if cfg!(target_endian = "little") { 2 } else { 1 };
    refuses!(&patched(5, &[other_order]), ElfError::WrongByteOrder { .. });
    refuses!(&patched(5, &[0]), ElfError::WrongByteOrder { .. });
    if own_machine() != 0 {
        let other = if own_machine() == format::EM_AARCH64 { format::EM_X86_64 } else { format::EM_AARCH64 };
        refuses!(&patched(18, &other.to_ne_bytes()), ElfError::WrongMachine { .. });
        let error = refusal(&patched(18, &9999_u16.to_ne_bytes()));
        assert!(error.to_string().contains("machine 9999"), "{error}");
    }
}

#[test]
fn other_types() {
    for (kind, word) in [(0_u16, "type 0"), (1, ".o"), (2, "program"), (4, "core"), (0xfe00, "type 65024")] {
        let error = refusal(&patched(16, &kind.to_ne_bytes()));
        assert!(matches!(&error, ElfError::NotShared { found } if found.contains(word)), "{error}");
    }
}

#[test]
fn damage() {
    let whole = good();
    // Cut anywhere: refused, never answered with another manifest.
    for len in 0..whole.len() {
        refusal(&whole[..len]);
    }
    refuses!(&whole[..5], ElfError::Damaged { .. });
    refuses!(&whole[..40], ElfError::Damaged { .. });
    // The table of sections far outside, its entries of a wrong size, the names' section out of range.
    refuses!(&patched(40, &u64::MAX.to_ne_bytes()), ElfError::Damaged { .. });
    refuses!(&patched(58, &40_u16.to_ne_bytes()), ElfError::Damaged { .. });
    refuses!(&patched(62, &99_u16.to_ne_bytes()), ElfError::Damaged { .. });
    refuses!(&patched(62, &0_u16.to_ne_bytes()), ElfError::Damaged { .. });
    refuses!(&patched(60, &5000_u16.to_ne_bytes()), ElfError::TooManySections { count: 5000 });
}

/// Changes a word of the header of our section, the third of the table.
fn patched_section(field: usize, bytes: &[u8]) -> Vec<u8> {
    let table = usize::try_from(u64::from_ne_bytes(good()[40..48].try_into().unwrap())).unwrap();
    patched(table + 2 * SECTION_BYTES + field, bytes)
}

#[test]
fn the_section() {
    refuses!(&shared_object(&[(".text", b"x")]), ElfError::NoManifest {});
    refuses!(&shared_object(&[]), ElfError::NoManifest {});
    refuses!(&patched(40, &0_u64.to_ne_bytes()), ElfError::NoManifest {});
    refuses!(&patched_section(0, &u32::MAX.to_ne_bytes()), ElfError::NoManifest {});
    refuses!(&shared_object(&[(SECTION, b"")]), ElfError::EmptyManifest {});
    refuses!(&patched_section(4, &format::SHT_NOBITS.to_ne_bytes()), ElfError::EmptyManifest {});
    refuses!(&shared_object(&[(SECTION, b"a"), (SECTION, b"b")]), ElfError::TwoManifests {});
    let too_large = vec![b'x'; MAX_BYTES + 1];
    refuses!(&shared_object(&[(SECTION, &too_large)]), ElfError::TooLarge { len_bytes: 65537 });
    refuses!(&patched_section(32, &u64::MAX.to_ne_bytes()), ElfError::TooLarge { .. });
    refuses!(&patched_section(24, &u64::MAX.to_ne_bytes()), ElfError::Damaged { .. });
    refuses!(&patched_section(24, &100_000_u64.to_ne_bytes()), ElfError::Damaged { .. });
}

#[test]
fn any_bytes() {
    let mut state = 2_u64;
    let mut below = |limit: usize| {
        // splitmix64: the same numbers in each run.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    };
    let (mut good_ones, mut bad_ones) = (0, 0);
    for case in 0..20_000 {
        let mut input = good();
        if case % 4 == 0 {
            input = (0..below(300)).map(|_| below(256).to_le_bytes()[0]).collect();
            input.splice(0..0, *b"\x7fELF\x02\x01\x01");
        } else {
            for _ in 0..=below(4) {
                let at = below(input.len());
                input[at] = below(256).to_le_bytes()[0];
            }
            input.truncate(if case % 4 == 1 { below(input.len() + 1) } else { input.len() });
        }
        match parse_bytes(&input) {
            Ok(section) => {
                good_ones += 1;
                assert!(section.len() <= input.len());
            }
            Err(error) => {
                bad_ones += 1;
                assert!(error.to_string().len() < 1024);
            }
        }
    }
    assert!(good_ones > 1000 && bad_ones > 5000, "{good_ones} {bad_ones}");
}
