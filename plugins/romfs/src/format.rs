//! The bytes of an image: headers, checksums and modes. No I/O: everything here works on a slice and cannot panic.
//!
//! All numbers are 32-bit and big-endian; every header begins at a multiple of 16. The volume's header is the magic,
//! the full size, a checksum and a name; the root's header follows. A file's header is `next` (whose low four bits
//! are the type and the executable bit), `spec`, `size`, a checksum and a name; its data follow. Names end with a
//! NUL and are padded to 16 bytes.

use crate::flaw::Flaw;
pub use crate::kind::Kind;

/// First bytes of every volume.
pub const MAGIC: &[u8; 8] = b"-rom1fs-";
/// Magic number of `statfs`, Linux's.
pub const FS_MAGIC: u32 = 0x7275;
/// How many bytes at the volume's start its checksum covers, if it has so many.
pub const SUPERBLOCK_BYTES: usize = 512;
/// Longest name. Linux's own limit is 128, which cuts names that genromfs writes.
pub const NAME_MAX_BYTES: usize = 255;
/// Where a header's name begins.
pub const NAME_OFFSET: usize = 16;
/// The shortest header: a name of up to 15 bytes.
pub const HEADER_MIN_BYTES: u32 = 32;
/// The longest header.
pub const HEADER_MAX_BYTES: usize = NAME_OFFSET + NAME_MAX_BYTES + 1;
/// The bits of an offset; the others are flags.
pub const OFFSET_MASK: u32 = !15;
/// How many hard links may lead to one another before the file.
pub const LINK_HOPS_MAX: u32 = 64;

/// The bit of a header's first word for what can be executed.
pub const EXECUTABLE: u32 = 8;

/// Sum of the big-endian words, wrapping; bytes after the last whole word do not count. A sound structure's is zero.
pub fn checksum(bytes: &[u8]) -> u32 {
    bytes.as_chunks::<4>().0.iter().fold(0, |sum, word| sum.wrapping_add(u32::from_be_bytes(*word)))
}

/// The word at `at`, or zero beyond the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_be_bytes(*word))
}

/// Bytes of a header with such a name: the name ends with at least one NUL.
pub fn header_len_bytes(name_len: usize) -> usize {
    (NAME_OFFSET + name_len + 1).next_multiple_of(16)
}

/// The name of a volume or file, without its NUL; `None` if it is too long or does not end.
fn name(bytes: &[u8]) -> Option<&[u8]> {
    let room = bytes.get(NAME_OFFSET..bytes.len().min(HEADER_MAX_BYTES))?;
    let len = room.iter().position(|byte| *byte == 0)?;
    (header_len_bytes(len) <= bytes.len()).then_some(&room[..len])
}

/// The header of a volume.
pub struct VolumeHeader<'a> {
    /// Bytes of the volume.
    pub full_size_bytes: u32,
    /// The checksum field, which makes the sum zero.
    pub checksum: u32,
    /// The name, or `None` if it does not end.
    pub name: Option<&'a [u8]>,
}

impl<'a> VolumeHeader<'a> {
    /// Reads the first bytes of a medium, [`SUPERBLOCK_BYTES`] or fewer; `None` without the magic.
    pub fn parse(first: &'a [u8]) -> Option<Self> {
        first.starts_with(MAGIC).then(|| Self {
            full_size_bytes: word(first, 8),
            checksum: word(first, 12),
            name: name(first),
        })
    }

    /// Where the root directory's header is.
    pub fn root(&self) -> Option<u32> {
        self.name.map(|name| header_len_bytes(name.len()) as u32)
    }

    /// Compares the checksum. `first` are the bytes that were parsed.
    pub fn verify(&self, first: &[u8]) -> Result<(), Flaw> {
        let covered = &first[..first.len().min(SUPERBLOCK_BYTES).min(self.full_size_bytes as usize)];
        verify(covered, self.checksum, "wrong checksum of the volume", 0)
    }
}

fn verify(covered: &[u8], stored: u32, what: &'static str, offset: u32) -> Result<(), Flaw> {
    match checksum(covered) {
        0 => Ok(()),
        sum => Err(Flaw::new(what, offset)
            .expected(format_args!("{:#010x}", stored.wrapping_sub(sum)))
            .found(format_args!("{stored:#010x}"))),
    }
}

/// The header of a file. Its checksum, name and content are not yet verified.
#[derive(Clone, Copy)]
pub struct Header<'a> {
    /// Where it stands.
    pub offset: u32,
    /// Where the next entry's header stands, or zero.
    pub next: u32,
    /// What it describes.
    pub kind: Kind,
    /// The executable bit.
    pub executable: bool,
    /// Depends on the kind.
    pub spec: u32,
    /// Bytes of content.
    pub size_bytes: u32,
    /// The name.
    pub name: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads the header at `offset`. `bytes` begin there; [`HEADER_MAX_BYTES`] are enough, there are fewer only at
    /// the end of the volume.
    pub fn parse(offset: u32, bytes: &'a [u8]) -> Result<Self, Flaw> {
        let name = name(bytes).ok_or_else(|| {
            Flaw::new("name does not end", offset)
                .expected(format_args!("a NUL within {NAME_MAX_BYTES} bytes and within the volume"))
        })?;
        let next = word(bytes, 0);
        Ok(Self {
            offset,
            next: next & OFFSET_MASK,
            kind: Kind::of(next),
            executable: next & EXECUTABLE != 0,
            spec: word(bytes, 4),
            size_bytes: word(bytes, 8),
            name,
            bytes: &bytes[..header_len_bytes(name.len())],
        })
    }

    /// Bytes of the header with its padded name.
    pub fn len_bytes(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// Where the content begins. Cannot overflow: the header lies in a volume of less than 4 GiB.
    pub fn data_offset(&self) -> u32 {
        self.offset.saturating_add(self.len_bytes())
    }

    /// Whether it is one of the names that every directory has of itself and its parent.
    pub fn is_dot(&self) -> bool {
        matches!(self.name, b"." | b"..")
    }

    /// Compares the checksum.
    pub fn verify(&self) -> Result<(), Flaw> {
        verify(self.bytes, word(self.bytes, 12), "wrong checksum of a file's header", self.offset)
    }

    /// Whether the name can be a path's component.
    pub fn verify_name(&self) -> Result<(), Flaw> {
        if !self.name.is_empty() && !self.name.contains(&b'/') {
            return Ok(());
        }
        Err(Flaw::new("name that no path can have", self.offset)
            .expected("one byte or more, none of them '/'")
            .found(format_args!("'{}'", self.name.escape_ascii())))
    }

    /// Whether the content lies within the volume.
    pub fn verify_content(&self, full_size_bytes: u32) -> Result<(), Flaw> {
        let room = full_size_bytes.saturating_sub(self.data_offset());
        if !self.kind.has_content() || self.size_bytes <= room {
            return Ok(());
        }
        Err(Flaw::new("content reaches beyond the end of the volume", self.offset)
            .expected(format_args!("up to {room} bytes"))
            .found(format_args!("{} bytes", self.size_bytes)))
    }
}

/// Whether the pointer at `from` leads to where a header can be; answers it without its flag bits.
pub fn verify_pointer(what: &'static str, from: u32, to: u32, full_size_bytes: u32) -> Result<u32, Flaw> {
    let to = to & OFFSET_MASK;
    // The volume's own header ends no earlier than the shortest header does.
    let last = full_size_bytes.saturating_sub(HEADER_MIN_BYTES);
    if (HEADER_MIN_BYTES..=last).contains(&to) {
        return Ok(to);
    }
    Err(Flaw::new(what, from)
        .expected(format_args!("{HEADER_MIN_BYTES:#x} to {last:#x}"))
        .found(format_args!("{to:#x}")))
}
