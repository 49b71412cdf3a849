//! The manifest: what a plugin file says of itself, read from the bytes of its `.nxmodinfo` section.
//!
//! [`nxvfs_abi::manifest`] has the rules. Beyond them: empty strings are passed over, because linkers pad sections;
//! the last string may lack its NUL, because the section's end ends it too; a text has at most [`MAX_TEXT_BYTES`] and
//! nothing that would disturb the line it is printed in; the name of a parameter has 1 to 32 of `A-Z a-z 0-9 - _`. An
//! empty author counts as none. The value of an unknown key is not looked at.
//!
//! Every refusal is `ENOEXEC`: the file is no plugin, whatever the user asks of it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use nxvfs_abi::manifest::MAX_BYTES;
use nxvfs_abi::{plugin, types};

use super::params::{ParamValue, ValueError};
use crate::base::Teach;
use crate::base::error::teach;

#[cfg(test)]
mod tests;

/// Longest value of a known key, in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;
/// Most parameters of one plugin.
pub const MAX_PARAMS: usize = 64;
/// Most drivers of one plugin.
pub const MAX_DRIVERS: usize = plugin::MAX_DRIVERS as usize;
const MAX_NAME_BYTES: usize = 32;

teach! {
    /// Why a manifest is refused.
    pub enum ManifestError {
        /// The section is larger than a host reads.
        TooLong { len_bytes: usize } => ENOEXEC, what: "manifest too long", expected: "at most 65536 bytes",
            found: "{len_bytes} bytes", remedy: "shorten the help texts";
        /// A string without a key.
        NotKeyValue { entry: String } => ENOEXEC, what: "manifest entry without a key", expected: "key=value",
            found: "{entry}", remedy: "declare the plugin with the SDK's macro, which writes the manifest";
        /// A key that must be there is not.
        Missing { key: &'static str, meaning: &'static str } => ENOEXEC, what: "manifest incomplete",
            place: "key {key}", expected: "{key}={meaning}", found: "no such key",
            remedy: "add it; a Rust plugin takes version, license and description from its Cargo.toml";
        /// A key that stands once stands twice.
        Twice { key: &'static str, first: String, second: String } => ENOEXEC, what: "manifest key given twice",
            place: "key {key}", expected: "it once", found: "{first} and {second}",
            remedy: "keep one; a library that links a second plugin's code holds both manifests";
        /// A value without anything in it.
        Empty { key: &'static str, meaning: &'static str } => ENOEXEC, what: "manifest value empty",
            place: "key {key}", expected: "{key}={meaning}", found: "nothing after the =",
            remedy: "fill it in; a Rust plugin takes version, license and description from its Cargo.toml";
        /// A value longer than a host takes.
        ValueTooLong { key: &'static str, len_bytes: usize } => ENOEXEC, what: "manifest value too long",
            place: "key {key}", expected: "at most 1024 bytes", found: "{len_bytes} bytes", remedy: "shorten it";
        /// Bytes that are no text.
        NotUtf8 { key: &'static str, found: String } => ENOEXEC, what: "manifest value is not text",
            place: "key {key}", expected: "UTF-8", found: "{found}", remedy: "save the source file as UTF-8";
        /// Line breaks, escape sequences and the like.
        ControlCharacter { key: &'static str, code: u32 } => ENOEXEC, what: "manifest value is not plain text",
            place: "key {key}", expected: "one line without control characters", found: "U+{code:04X}",
            remedy: "write it on one line";
        /// A plugin's or driver's name out of the ordinary.
        BadName { key: &'static str, found: String } => ENOEXEC, what: "not a name", place: "key {key}",
            expected: "1 to 32 of a-z 0-9 - _", found: "{found}", remedy: "rename it";
        /// An ABI version that cannot be read.
        BadAbi { found: String } => ENOEXEC, what: "not an ABI version", place: "key abi",
            expected: "MAJOR.MINOR, each 0 to 65535", found: "{found}",
            remedy: "use the SDK's constant, do not write it by hand";
        /// An entry that no symbol can end with.
        BadEntry { found: String } => ENOEXEC, what: "not the end of a symbol", place: "key entry",
            expected: "one or more of A-Z a-z 0-9 _", found: "{found}",
            remedy: "write the plugin's name with _ in place of -";
        /// `provides` without its two parts.
        BadProvides { found: String } => ENOEXEC, what: "not a driver", place: "key provides",
            expected: "KIND:NAME", found: "{found}", remedy: "write for example block:ramdisk";
        /// A kind of driver that this host does not have.
        UnknownKind { found: String } => ENOEXEC, what: "unknown kind of driver", place: "key provides",
            expected: "filesystem, block, character or mapper", found: "{found}",
            remedy: "correct it, or use a newer host";
        /// One driver stands twice.
        DriverTwice { kind: Kind, name: String } => ENOEXEC, what: "driver given twice", place: "key provides",
            expected: "each KIND:NAME once", found: "{kind}:{name} again", remedy: "keep one";
        /// More drivers than a host takes.
        TooManyDrivers {} => ENOEXEC, what: "too many drivers", place: "key provides", expected: "1 to 64",
            found: "more", remedy: "make two plugins of it";
        /// `parm` without its four parts.
        BadParam { found: String } => ENOEXEC, what: "not a parameter", place: "key parm",
            expected: "NAME:TYPE:DEFAULT:HELP", found: "{found}", remedy: "write for example sectors:uint:0:how many";
        /// A parameter's name out of the ordinary.
        BadParamName { found: String } => ENOEXEC, what: "not a parameter's name", place: "key parm",
            expected: "1 to 32 of A-Z a-z 0-9 - _", found: "{found}", remedy: "rename it";
        /// A type that this host does not know.
        UnknownType { param: String, found: String } => ENOEXEC, what: "unknown type of parameter",
            place: "key parm, {param}", expected: "bool, int, uint, size, str, path or file", found: "{found}",
            remedy: "correct it, or use a newer host";
        /// A default that is no value of its type.
        BadDefault { param: String, ty: ParamType, expected: String, found: String } => ENOEXEC,
            what: "default is no value of type {ty}", place: "key parm, {param}", expected: "{expected}",
            found: "{found}", remedy: "write it as a user would; it cannot hold a colon";
        /// One parameter stands twice.
        ParamTwice { param: String } => ENOEXEC, what: "parameter declared twice", place: "key parm",
            expected: "each name once", found: "{param} again", remedy: "keep one";
        /// More parameters than a host takes.
        TooManyParams {} => ENOEXEC, what: "too many parameters", place: "key parm", expected: "at most 64",
            found: "more", remedy: "combine some";
    }
}

/// An enum whose variants have a word for users and a number in the ABI.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident: $($(#[$vmeta:meta])* $variant:ident = $word:literal, $number:path;)*) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),* }

        impl $name {
            /// All, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number in the ABI.
            pub fn abi(self) -> u32 {
                match self { $(Self::$variant => $number),* }
            }

            /// What a number of the ABI means.
            pub fn from_abi(number: u32) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.abi() == number)
            }

            /// The word for users and manifests.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

words! {
    /// What a driver is.
    Kind:
    /// A file system.
    FileSystem = "filesystem", plugin::KIND_FILESYSTEM;
    /// A block device's driver.
    Block = "block", plugin::KIND_BLOCK;
    /// A character device's driver.
    Character = "character", plugin::KIND_CHARACTER;
    /// A mapper.
    Mapper = "mapper", plugin::KIND_MAPPER;
}

impl FromStr for Kind {
    type Err = ManifestError;

    fn from_str(word: &str) -> Result<Self, ManifestError> {
        Self::from_word(word).ok_or_else(|| ManifestError::UnknownKind { found: quoted(word.as_bytes()) })
    }
}

words! {
    /// The type of a parameter.
    ParamType:
    /// Yes or no.
    Bool = "bool", types::PARAM_BOOL;
    /// A signed number of 64 bits.
    Int = "int", types::PARAM_INT;
    /// An unsigned number of 64 bits.
    Uint = "uint", types::PARAM_UINT;
    /// A number of bytes.
    Size = "size", types::PARAM_SIZE;
    /// Text.
    Str = "str", types::PARAM_STR;
    /// A path of the operating system.
    Path = "path", types::PARAM_PATH;
    /// A file of the VFS.
    File = "file", types::PARAM_FILE;
}

/// A parameter that a plugin takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamDecl {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: ParamType,
    /// Its value unless a user gives one.
    pub default: ParamValue,
    /// The default as the manifest spells it.
    pub default_text: String,
    /// What it is for.
    pub help: String,
}

/// What a plugin file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its license, an SPDX expression; not checked.
    pub license: String,
    /// Who wrote it; may be empty.
    pub author: String,
    /// What it is, in one sentence.
    pub description: String,
    /// What its entry symbols end with.
    pub entry: String,
    /// The ABI that it was built against: major, minor.
    pub abi: (u16, u16),
    /// Its drivers, in the manifest's order.
    pub provides: Vec<(Kind, String)>,
    /// Its parameters, in the manifest's order.
    pub params: Vec<ParamDecl>,
}

impl Manifest {
    /// Reads the bytes of the section.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_BYTES {
            return Err(ManifestError::TooLong { len_bytes: bytes.len() });
        }
        let mut draft = Draft::default();
        for entry in bytes.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            draft.take(entry)?;
        }
        draft.finish()
    }
}

/// Whether a text may name a plugin or a driver.
pub fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// The keys that stand once, and what they mean.
const ONCE: [(&str, &str); 7] = [
    ("name", "the plugin's name"),
    ("version", "its version"),
    ("abi", "MAJOR.MINOR"),
    ("license", "an SPDX expression"),
    ("author", "who wrote it"),
    ("description", "one sentence"),
    ("entry", "the end of its entry symbols"),
];

#[derive(Default)]
struct Draft {
    once: BTreeMap<&'static str, String>,
    provides: Vec<(Kind, String)>,
    params: Vec<ParamDecl>,
}

impl Draft {
    fn take(&mut self, entry: &[u8]) -> Result<(), ManifestError> {
        let (key, value) = match entry.iter().position(|byte| *byte == b'=') {
            None | Some(0) => return Err(ManifestError::NotKeyValue { entry: quoted(entry) }),
            Some(at) => (&entry[..at], &entry[at + 1..]),
        };
        match key {
            b"provides" => self.take_driver(text("provides", value)?),
            b"parm" => self.take_param(text("parm", value)?),
            _ => match ONCE.iter().find(|(known, _)| known.as_bytes() == key) {
                Some((key, _)) => self.take_once(key, text(key, value)?),
                None => Ok(()),
            },
        }
    }

    fn take_once(&mut self, key: &'static str, value: &str) -> Result<(), ManifestError> {
        if let Some(first) = self.once.get(key) {
            let (first, second) = (quoted(first.as_bytes()), quoted(value.as_bytes()));
            return Err(ManifestError::Twice { key, first, second });
        }
        self.once.insert(key, value.to_owned());
        Ok(())
    }

    fn take_driver(&mut self, value: &str) -> Result<(), ManifestError> {
        let parts = value.split_once(':');
        let (kind, name) =
            parts.ok_or_else(|| ManifestError::BadProvides { found: quoted(value.as_bytes()) })?;
        let driver = (kind.parse()?, name_of("provides", name)?);
        if self.provides.contains(&driver) {
            return Err(ManifestError::DriverTwice { kind: driver.0, name: driver.1 });
        }
        if self.provides.len() == MAX_DRIVERS {
            return Err(ManifestError::TooManyDrivers {});
        }
        self.provides.push(driver);
        Ok(())
    }

    fn take_param(&mut self, value: &str) -> Result<(), ManifestError> {
        let mut parts = value.splitn(4, ':');
        let (Some(name), Some(ty), Some(default), Some(help)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ManifestError::BadParam { found: quoted(value.as_bytes()) });
        };
        if !is_name(&name.to_ascii_lowercase()) {
            return Err(ManifestError::BadParamName { found: quoted(name.as_bytes()) });
        }
        let param = || name.to_owned();
        let ty = ParamType::from_word(ty)
            .ok_or_else(|| ManifestError::UnknownType { param: param(), found: quoted(ty.as_bytes()) })?;
        let bad_default = |error: ValueError| {
            let detail = error.detail();
            let (expected, found) = (detail.expected.into(), detail.found.into());
            ManifestError::BadDefault { param: param(), ty, expected, found }
        };
        let value = ParamValue::parse(ty, OsStr::new(default)).map_err(bad_default)?;
        if self.params.iter().any(|known| known.name == name) {
            return Err(ManifestError::ParamTwice { param: param() });
        }
        if self.params.len() == MAX_PARAMS {
            return Err(ManifestError::TooManyParams {});
        }
        let (default_text, help) = (default.to_owned(), help.to_owned());
        self.params.push(ParamDecl { name: param(), ty, default: value, default_text, help });
        Ok(())
    }

    fn finish(mut self) -> Result<Manifest, ManifestError> {
        let author = self.once.remove("author").unwrap_or_default();
        let mut required = |key| {
            let (key, meaning) = ONCE.into_iter().find(|(known, _)| *known == key).unwrap_or_default();
            match self.once.remove(key) {
                None => Err(ManifestError::Missing { key, meaning }),
                Some(value) if value.is_empty() => Err(ManifestError::Empty { key, meaning }),
                Some(value) => Ok(value),
            }
        };
        let name = name_of("name", &required("name")?)?;
        let (version, abi, license) = (required("version")?, required("abi")?, required("license")?);
        let abi = abi_of(&abi).ok_or_else(|| ManifestError::BadAbi { found: quoted(abi.as_bytes()) })?;
        let (description, entry) = (required("description")?, required("entry")?);
        if !entry.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(ManifestError::BadEntry { found: quoted(entry.as_bytes()) });
        }
        if self.provides.is_empty() {
            return Err(ManifestError::Missing { key: "provides", meaning: "KIND:NAME" });
        }
        let (provides, params) = (self.provides, self.params);
        Ok(Manifest { name, version, license, author, description, entry, abi, provides, params })
    }
}

fn name_of(key: &'static str, text: &str) -> Result<String, ManifestError> {
    let bad = || ManifestError::BadName { key, found: quoted(text.as_bytes()) };
    is_name(text).then(|| text.to_owned()).ok_or_else(bad)
}

/// Reads `MAJOR.MINOR`, spelled in the only way: no signs, no leading zeros.
fn abi_of(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.split_once('.')?;
    let abi: (u16, u16) = (major.parse().ok()?, minor.parse().ok()?);
    (format!("{}.{}", abi.0, abi.1) == text).then_some(abi)
}

fn text<'a>(key: &'static str, value: &'a [u8]) -> Result<&'a str, ManifestError> {
    if value.len() > MAX_TEXT_BYTES {
        return Err(ManifestError::ValueTooLong { key, len_bytes: value.len() });
    }
    let text = std::str::from_utf8(value);
    let text = text.map_err(|_| ManifestError::NotUtf8 { key, found: quoted(value) })?;
    match text.chars().find(|c| disturbs(*c)) {
        Some(c) => Err(ManifestError::ControlCharacter { key, code: c.into() }),
        None => Ok(text),
    }
}

/// Whether a character does more to a terminal than to appear: controls, line separators, and what turns the direction
/// of the text that follows.
fn disturbs(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Bytes from outside as they may stand in a sentence: in quotes, harmless and not too long.
pub(super) fn quoted(bytes: &[u8]) -> String {
    const SHOWN_CHARS: usize = 48;
    const LOOKED_AT_BYTES: usize = 4 * SHOWN_CHARS;
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(LOOKED_AT_BYTES)]);
    let mut shown = String::new();
    for c in head.chars().take(SHOWN_CHARS) {
        if disturbs(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    let cut = bytes.len() > LOOKED_AT_BYTES || head.chars().count() > SHOWN_CHARS;
    format!("`{shown}`{}", if cut { "…" } else { "" })
}
