//! The volume's header; and, where there is none, what the medium may be instead.

use nxvfs_sdk::{Errno, Fail, Medium, Probe, Result};

use crate::format::{HEADER_MIN_BYTES, MAGIC, SUPERBLOCK_BYTES, VolumeHeader};

/// What a mount keeps of the volume's header.
pub(crate) struct Superblock {
    pub(crate) full_size_bytes: u32,
    pub(crate) checksum: u32,
    pub(crate) root: u32,
    pub(crate) label: String,
}

/// The first sectors of a medium, and how many bytes of them there are.
struct First {
    bytes: [u8; SUPERBLOCK_BYTES],
    len: usize,
}

impl First {
    fn read(medium: &Medium) -> Result<Self> {
        let mut bytes = [0; SUPERBLOCK_BYTES];
        let len = medium.len_bytes().min(SUPERBLOCK_BYTES as u64) as usize;
        medium.read_meta_at(0, &mut bytes[..len])?;
        Ok(Self { bytes, len })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn label(header: &VolumeHeader<'_>) -> String {
    String::from_utf8_lossy(header.name.unwrap_or(b"")).into_owned()
}

/// The full size does not reach beyond the medium.
fn verify_size(header: &VolumeHeader<'_>, medium: &Medium) -> Result<()> {
    if u64::from(header.full_size_bytes) <= medium.len_bytes() {
        return Ok(());
    }
    Err(Fail::new(Errno::EUCLEAN, "the image is cut short")
        .place("sector 0")
        .expected(format_args!("a medium of {} bytes or more", header.full_size_bytes))
        .found(format_args!("{} bytes", medium.len_bytes()))
        .remedy("copy the image again, in full"))
}

impl Superblock {
    /// Reads and verifies the volume's header.
    pub(crate) fn read(medium: &Medium) -> Result<Self> {
        let first = First::read(medium)?;
        let header = VolumeHeader::parse(first.bytes()).ok_or_else(|| no_superblock(first.bytes()))?;
        verify_size(&header, medium)?;
        header.verify(first.bytes()).map_err(|flaw| {
            Fail::from(flaw).place("sector 0").remedy("copy the image again; a damaged one cannot be trusted")
        })?;
        Self::of(&header)
    }

    /// As [`Self::read`], for an examination, which goes on: answers what is wrong beside it. The size is cut to the
    /// medium's.
    pub(crate) fn read_leniently(medium: &Medium) -> Result<(Self, Vec<Fail>)> {
        let first = First::read(medium)?;
        let header = VolumeHeader::parse(first.bytes()).ok_or_else(|| no_superblock(first.bytes()))?;
        let mut wrong = Vec::new();
        wrong.extend(verify_size(&header, medium).err());
        wrong.extend(header.verify(first.bytes()).err().map(Fail::from));
        let mut superblock = Self::of(&header)?;
        superblock.full_size_bytes =
            u64::from(header.full_size_bytes).min(medium.len_bytes()).try_into().unwrap_or(u32::MAX);
        Ok((superblock, wrong))
    }

    fn of(header: &VolumeHeader<'_>) -> Result<Self> {
        let least = 2 * HEADER_MIN_BYTES;
        let root = header.root().ok_or_else(|| {
            Fail::new(Errno::EUCLEAN, "the volume's name does not end").place("sector 0").expected("a NUL")
        })?;
        if header.full_size_bytes < least {
            return Err(Fail::new(Errno::EUCLEAN, "the volume has no room for a root directory")
                .place("sector 0")
                .expected(format_args!("a full size of {least} bytes or more"))
                .found(format_args!("{} bytes", header.full_size_bytes)));
        }
        let (full_size_bytes, checksum) = (header.full_size_bytes, header.checksum);
        Ok(Self { full_size_bytes, checksum, root, label: label(header) })
    }

    /// Tells volumes apart as well as the format allows.
    pub(crate) fn volume_id(&self) -> u64 {
        u64::from(self.full_size_bytes) << 32 | u64::from(self.checksum)
    }
}

/// Says whether a medium holds such a volume. A damaged one is still recognised, so that the mount can say what is
/// wrong with it, but any sound volume of another kind goes before it.
pub(crate) fn probe(medium: &Medium) -> Result<Option<Probe>> {
    let first = First::read(medium)?;
    let Some(header) = VolumeHeader::parse(first.bytes()) else { return Ok(None) };
    let sound = header.verify(first.bytes()).is_ok() && verify_size(&header, medium).is_ok();
    let score = if sound { 100 } else { 40 };
    Ok(Some(Probe { score, volume_bytes: header.full_size_bytes.into(), label: label(&header) }))
}

/// Beginnings of what people mount by mistake: where, what, and what to say.
const STRANGERS: &[(usize, &[u8], &str)] = &[
    (0, b"\x7fELF", "this is a program, not an image"),
    (0, b"\x1f\x8b", "this is a gzip archive: unpack it with gunzip first"),
    (0, b"\xfd7zXZ\0", "this is an xz archive: unpack it with unxz first"),
    (0, b"\x28\xb5\x2f\xfd", "this is a zstd archive: unpack it with unzstd first"),
    (0, b"PK\x03\x04", "this is a zip archive: unpack it first"),
    (0, b"hsqs", "this is a squashfs image: make a romfs image with genromfs"),
    (0, b"\x45\x3d\xcd\x28", "this is a cramfs image: make a romfs image with genromfs"),
    (0, b"mor-sf1-", "the bytes of each 32-bit word are swapped: swap them back"),
    (257, b"ustar", "this is a tar archive: unpack it and make an image with genromfs"),
    (510, b"\x55\xaa", "is this a disk with partitions? name one of them as the source"),
];

/// A medium without the magic: says what it begins with and what that may be.
fn no_superblock(first: &[u8]) -> Fail {
    let fail = Fail::new(Errno::EINVAL, "no superblock")
        .place("sector 0")
        .expected(format_args!("'{}'", MAGIC.escape_ascii()));
    if first.len() < MAGIC.len() {
        return fail
            .found(format_args!("a medium of {} bytes", first.len()))
            .remedy("the medium is empty: copy an image to it");
    }
    if first.iter().all(|byte| *byte == 0) {
        return fail.found("zeroes only").remedy("the medium is empty: copy an image to it");
    }
    // A FAT boot sector begins with a jump over its parameters.
    let fat = matches!(first, [0xeb, _, 0x90, ..] | [0xe9, ..]);
    if fat {
        return fail.found(quoted(&first[..3])).remedy("is this a vfat image? try -t vfat");
    }
    let known =
        STRANGERS.iter().find(|(at, what, _)| first.get(*at..).is_some_and(|rest| rest.starts_with(what)));
    match known {
        Some((_, _, remedy)) => fail.found(quoted(&first[..MAGIC.len()])).remedy(remedy),
        None => fail
            .found(quoted(&first[..MAGIC.len()]))
            .remedy("is the source right? images are made by genromfs"),
    }
}

/// Bytes as text if they are text, else in hexadecimal.
fn quoted(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        return format!("'{}'", bytes.escape_ascii());
    }
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("'{}'", hex.join(" "))
}
