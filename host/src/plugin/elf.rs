//! Finds the manifest's section in a shared object, without running or mapping the file.
//!
//! Only the header, the table of sections, their names and the section itself are read, by position: the descriptor's
//! offset stays where it is. Whatever the file claims, memory stays below 5 MiB: sections and the lengths of their
//! names are bounded. All refusals of a format are `ENOEXEC`.

use std::fs::File;
use std::io::{Cursor, Error as IoError};
use std::os::unix::fs::FileExt;

use nxvfs_abi::manifest::{MAX_BYTES, SECTION};
use object::elf as format;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, ReadCache, ReadCacheOps, ReadRef};

use super::manifest::quoted;
use crate::base::error::teach;

#[cfg(all(test, target_pointer_width = "64"))]
pub(super) mod tests;

#[cfg(target_pointer_width = "64")]
type Header = format::FileHeader64<Endianness>;
#[cfg(target_pointer_width = "32")]
type Header = format::FileHeader32<Endianness>;

/// Most sections of a file: linkers make some forty.
const MAX_SECTIONS: usize = 1024;
/// How much of a file's beginning is looked at to tell what it is.
const HEAD_BYTES: u64 = 64;

teach! {
    /// Why a file is refused before its manifest is read.
    pub enum ElfError {
        /// The operating system cannot read the file.
        Unreadable { error: String } => EIO, what: "cannot read the file", found: "{error}",
            remedy: "check the medium that it is on";
        /// Something else.
        NotElf { found: String } => ENOEXEC, what: "not a shared object", expected: "an ELF file", found: "{found}",
            remedy: "give the file that the plugin's build made, of type cdylib or by cc -shared";
        /// For machines of another word size.
        WrongClass { expected: &'static str, found: String } => ENOEXEC, what: "built for another kind of machine",
            expected: "{expected}", found: "{found}", remedy: "build the plugin for the machine that the host runs on";
        /// For machines of another byte order.
        WrongByteOrder { expected: &'static str, found: String } => ENOEXEC,
            what: "built for another kind of machine", expected: "{expected}", found: "{found}",
            remedy: "build the plugin for the machine that the host runs on";
        /// For another processor.
        WrongMachine { expected: String, found: String } => ENOEXEC, what: "built for another processor",
            expected: "{expected}", found: "{found}", remedy: "build the plugin for the machine that the host runs on";
        /// An ELF file that cannot be loaded.
        NotShared { found: String } => ENOEXEC, what: "not a shared object", expected: "an ELF file of type DYN",
            found: "{found}", remedy: "link it as a cdylib, or with cc -shared";
        /// Tables that lead nowhere.
        Damaged { reason: String } => ENOEXEC, what: "damaged ELF file", found: "{reason}",
            remedy: "build or copy it again";
        /// More sections than any linker makes.
        TooManySections { count: usize } => ENOEXEC, what: "too many sections", expected: "at most 1024",
            found: "{count}", remedy: "link it as a cdylib, or with cc -shared";
        /// An ordinary library.
        NoManifest {} => ENOEXEC, what: "not a plugin", expected: "a section .nxmodinfo", found: "none",
            remedy: "declare the plugin with the SDK's macro, and do not strip the section";
        /// A section without bytes in the file.
        EmptyManifest {} => ENOEXEC, what: "manifest empty", place: "section .nxmodinfo",
            expected: "strings key=value", found: "no byte", remedy: "do not strip the section";
        /// Two sections of the name: which of them speaks for the file cannot be told.
        TwoManifests {} => ENOEXEC, what: "manifest given twice", expected: "one section .nxmodinfo", found: "two",
            remedy: "link one plugin into one file";
        /// A section larger than a host reads.
        TooLarge { len_bytes: u64 } => ENOEXEC, what: "manifest too long", place: "section .nxmodinfo",
            expected: "at most 65536 bytes", found: "{len_bytes} bytes", remedy: "shorten the help texts";
    }
}

/// The bytes of the manifest's section of an open file.
pub fn manifest_section(file: &File) -> Result<Vec<u8>, ElfError> {
    let cache = ReadCache::new(ByPosition { file, position: 0, failure: None });
    let found = section(&cache);
    // The reader tells its user only that it failed; a failing medium must not pass for a damaged file.
    match cache.into_inner().failure {
        Some(error) => Err(ElfError::Unreadable { error: error.to_string() }),
        None => found,
    }
}

/// As [`manifest_section`], of a file's bytes in memory.
pub fn parse_bytes(bytes: &[u8]) -> Result<Vec<u8>, ElfError> {
    // Through the same reader, because it aligns what the parser casts.
    section(&ReadCache::new(Cursor::new(bytes)))
}

/// Reads a file by position and keeps what went wrong.
struct ByPosition<'a> {
    file: &'a File,
    position: u64,
    failure: Option<IoError>,
}

impl ByPosition<'_> {
    fn keep<T>(&mut self, outcome: std::io::Result<T>) -> Result<T, ()> {
        outcome.map_err(|error| self.failure = Some(error))
    }
}

impl ReadCacheOps for ByPosition<'_> {
    fn len(&mut self) -> Result<u64, ()> {
        let metadata = self.file.metadata();
        self.keep(metadata).map(|metadata| metadata.len())
    }

    fn seek(&mut self, position: u64) -> Result<u64, ()> {
        self.position = position;
        Ok(position)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, ()> {
        let outcome = self.file.read_at(into, self.position);
        let count = self.keep(outcome)?;
        self.position = self.position.saturating_add(count as u64);
        Ok(count)
    }

    fn read_exact(&mut self, into: &mut [u8]) -> Result<(), ()> {
        let outcome = self.file.read_exact_at(into, self.position);
        self.keep(outcome)
    }
}

fn section<'data, R: ReadRef<'data>>(data: R) -> Result<Vec<u8>, ElfError> {
    let unread = |()| ElfError::Damaged { reason: "a file that ends too early".to_owned() };
    let damaged = |error: object::Error| ElfError::Damaged { reason: error.to_string() };

    let len_bytes = data.len().map_err(unread)?;
    check_head(data.read_bytes_at(0, len_bytes.min(HEAD_BYTES)).map_err(unread)?)?;
    let header = Header::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    check_kind(header.e_machine(endian), header.e_type(endian))?;

    let count = header.shnum(endian, data).map_err(damaged)?;
    if count > MAX_SECTIONS {
        return Err(ElfError::TooManySections { count });
    }
    let sections = header.sections(endian, data).map_err(damaged)?;
    // A section whose name cannot be read is not ours.
    let is_ours = |s: &&_| sections.section_name(endian, s) == Ok(SECTION.as_bytes());
    let mut ours = sections.iter().filter(is_ours);
    let found = ours.next().ok_or(ElfError::NoManifest {})?;
    if ours.next().is_some() {
        return Err(ElfError::TwoManifests {});
    }
    match found.file_range(endian) {
        None | Some((_, 0)) => Err(ElfError::EmptyManifest {}),
        Some((_, len_bytes)) if len_bytes > MAX_BYTES as u64 => Err(ElfError::TooLarge { len_bytes }),
        Some((offset, len_bytes)) => {
            let bytes = data.read_bytes_at(offset, len_bytes);
            let reason = || "the section .nxmodinfo outside the file".to_owned();
            bytes.map(<[u8]>::to_vec).map_err(|()| ElfError::Damaged { reason: reason() })
        }
    }
}

/// Checks the first bytes, which are the same for all classes.
fn check_head(head: &[u8]) -> Result<(), ElfError> {
    const CLASSES: [&str; 3] = ["no class", "a 32-bit file", "a 64-bit file"];
    const ORDERS: [&str; 3] = ["no byte order", "a little-endian file", "a big-endian file"];
    if !head.starts_with(&format::ELFMAG) {
        return Err(ElfError::NotElf { found: recognise(head) });
    }
    let (Some(class), Some(order)) = (head.get(4), head.get(5)) else {
        return Err(ElfError::Damaged { reason: format!("a file of {} bytes", head.len()) });
    };
    let told = |words: [&str; 3], value: u8| match words.get(usize::from(value)) {
        Some(word) => (*word).to_owned(),
        None => format!("number {value}"),
    };
    let expected = CLASSES[if cfg!(target_pointer_width = "64") { 2 } else { 1 }];
    let found = told(CLASSES, *class);
    if found != expected {
        return Err(ElfError::WrongClass { expected, found });
    }
    let expected = ORDERS[if cfg!(target_endian = "little") { 1 } else { 2 }];
    let found = told(ORDERS, *order);
    if found != expected {
        return Err(ElfError::WrongByteOrder { expected, found });
    }
    Ok(())
}

/// Processors by ELF's number, Rust's name and everybody's name.
const MACHINES: [(u16, &str, &str); 9] = [
    (format::EM_X86_64, "x86_64", "x86-64"),
    (format::EM_AARCH64, "aarch64", "AArch64"),
    (format::EM_RISCV, if cfg!(target_pointer_width = "64") { "riscv64" } else { "riscv32" }, "RISC-V"),
    (format::EM_386, "x86", "x86"),
    (format::EM_ARM, "arm", "Arm"),
    (format::EM_PPC64, "powerpc64", "POWER"),
    (format::EM_S390, "s390x", "s390x"),
    (format::EM_LOONGARCH, "loongarch64", "LoongArch"),
    (format::EM_MIPS, "mips64", "MIPS"),
];

fn check_kind(machine: u16, kind: u16) -> Result<(), ElfError> {
    // On a processor that the table lacks the dynamic linker is left to judge.
    let own = MACHINES.iter().find(|(_, arch, _)| *arch == std::env::consts::ARCH);
    if let Some((number, _, name)) = own
        && *number != machine
    {
        let other = MACHINES.iter().find(|(number, ..)| *number == machine);
        let found = other.map_or_else(|| format!("machine {machine}"), |(.., name)| (*name).to_owned());
        return Err(ElfError::WrongMachine { expected: (*name).to_owned(), found });
    }
    let found = match kind {
        format::ET_DYN => return Ok(()),
        format::ET_REL => "an object file before linking (.o)".to_owned(),
        format::ET_EXEC => "a program".to_owned(),
        format::ET_CORE => "a core dump".to_owned(),
        other => format!("an ELF file of type {other}"),
    };
    Err(ElfError::NotShared { found })
}

/// Says what a file is that is not ELF.
fn recognise(head: &[u8]) -> String {
    const MAGICS: [(&[u8], &str); 16] = [
        (b"#!", "a script"),
        (b"!<arch>\n", "a static library or ar archive"),
        (b"!<thin>\n", "a thin ar archive"),
        (b"/* GNU ld script", "a linker script"),
        (b"\x1f\x8b", "a gzip file"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ\0", "an xz file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"-rom1fs-", "a romfs image"),
        (b"MZ", "a Windows file"),
        (b"\xcf\xfa\xed\xfe", "a macOS file"),
        (b"\xce\xfa\xed\xfe", "a macOS file"),
        (b"\xca\xfe\xba\xbe", "a macOS or Java file"),
        (b"\0asm", "a WebAssembly file"),
        (b"BC\xc0\xde", "LLVM bitcode"),
    ];
    if head.is_empty() {
        return "an empty file".to_owned();
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return format!("{name}, {}", quoted(&head[..head.len().min(24)]));
    }
    // The head may cut a character in two; that alone does not make it binary.
    let valid = std::str::from_utf8(head).map_or_else(|error| error.valid_up_to(), str::len);
    let is_text =
        valid + 3 >= head.len() && !head.iter().any(|b| b.is_ascii_control() && !b.is_ascii_whitespace());
    if is_text {
        return format!("text, {}", quoted(head));
    }
    let bytes: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("bytes {}", bytes.join(" "))
}
