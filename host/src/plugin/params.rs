//! Parameters: typed values that users give to a plugin, a device or a mount, checked against the manifest.
//!
//! A value is written as text and read by its declared type. Numbers are decimal, `0x` hexadecimal or `0o` octal; a
//! leading zero alone is refused, because half of the world reads it as octal and the other half does not. Every
//! refusal is `EINVAL`: the plugin is fine, the request is not.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use super::manifest::{ParamDecl, ParamType, quoted};
use crate::base::error::teach;

#[cfg(test)]
mod tests;

teach! {
    /// Why a text is not a value of its type.
    pub enum ValueError {
        /// Not a truth value.
        NotBool { found: String } => EINVAL, what: "not a bool",
            expected: "y, yes, true, on, 1, n, no, false, off or 0", found: "{found}";
        /// Not a whole number.
        NotNumber { ty: ParamType, found: String } => EINVAL, what: "not a number of type {ty}",
            expected: "decimal digits, or 0x and hexadecimal ones", found: "{found}";
        /// Neither clearly decimal nor clearly octal.
        LeadingZero { found: String } => EINVAL, what: "a number with a leading zero",
            expected: "decimal digits without it, or 0o before octal ones", found: "{found}";
        /// Not a number of bytes.
        NotSize { found: String } => EINVAL, what: "not a size",
            expected: "a number of bytes, or one with K, M, G or T (powers of 1024)", found: "{found}";
        /// A number that its type cannot hold.
        OutOfRange { ty: ParamType, range: &'static str, found: String } => EINVAL,
            what: "outside the range of type {ty}", expected: "{range}", found: "{found}";
        /// Bytes that are no text.
        NotUtf8 { ty: ParamType, found: String } => EINVAL, what: "not a value of type {ty}",
            expected: "text in UTF-8", found: "{found}";
        /// A byte that ends strings in C.
        HasNul { found: String } => EINVAL, what: "a value with a zero byte in it",
            expected: "text without zero bytes", found: "{found}";
    }
}

teach! {
    /// Why parameters are refused.
    pub enum ParamError {
        /// No parameter has this name.
        Unknown { name: String, known: String, hint: String } => EINVAL, what: "unknown parameter",
            expected: "{known}", found: "{name}", remedy: "{hint}";
        /// One name stands twice.
        Twice { name: String, second: String } => EINVAL, what: "parameter given twice", place: "{name}",
            expected: "each name once", found: "a second value, {second}", remedy: "leave one of them out";
        /// Only a bool may stand without a value.
        NoValue { name: String, ty: ParamType, help: String } => EINVAL, what: "parameter without a value",
            place: "{name}", expected: "{name}=VALUE of type {ty}", found: "the name alone",
            remedy: "{name} is: {help}";
        /// The value is not one of the parameter's type.
        WrongValue { name: String, ty: ParamType, why: String, expected: String, found: String, help: String }
            => EINVAL, what: "parameter has a wrong value: {why}", place: "{name}", expected: "{expected}",
            found: "{found}", remedy: "{name} ({ty}) is: {help}";
    }
}

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    /// Yes or no.
    Bool(bool),
    /// A signed number.
    Int(i64),
    /// An unsigned number.
    Uint(u64),
    /// A number of bytes.
    Size(u64),
    /// Text.
    Str(String),
    /// A path of the operating system: any bytes but zero.
    Path(OsString),
    /// A path of the VFS, likewise. What it leads to is opened when a device is attached.
    File(OsString),
}

impl ParamValue {
    /// Reads a value of a type.
    pub fn parse(ty: ParamType, text: &OsStr) -> Result<Self, ValueError> {
        let found = || quoted(text.as_bytes());
        if text.as_bytes().contains(&0) {
            return Err(ValueError::HasNul { found: found() });
        }
        if ty == ParamType::Path {
            return Ok(Self::Path(text.to_owned()));
        }
        if ty == ParamType::File {
            return Ok(Self::File(text.to_owned()));
        }
        let text = text.to_str().ok_or_else(|| ValueError::NotUtf8 { ty, found: found() })?;
        let explain = |fault| match fault {
            Fault::Syntax if ty == ParamType::Size => ValueError::NotSize { found: found() },
            Fault::Syntax => ValueError::NotNumber { ty, found: found() },
            Fault::LeadingZero => ValueError::LeadingZero { found: found() },
            Fault::Range => {
                let range =
                    if ty == ParamType::Int { "-2^63 to 2^63 - 1" } else { "0 to 2^64 - 1, suffix included" };
                ValueError::OutOfRange { ty, range, found: found() }
            }
        };
        match ty {
            ParamType::Bool => {
                boolean(text).map(Self::Bool).ok_or_else(|| ValueError::NotBool { found: found() })
            }
            ParamType::Int => signed(text).map(Self::Int).map_err(explain),
            ParamType::Uint => unsigned(text).map(Self::Uint).map_err(explain),
            ParamType::Size => size_bytes(text).map(Self::Size).map_err(explain),
            ParamType::Str | ParamType::Path | ParamType::File => Ok(Self::Str(text.to_owned())),
        }
    }

    /// The value's type.
    pub fn ty(&self) -> ParamType {
        match self {
            Self::Bool(_) => ParamType::Bool,
            Self::Int(_) => ParamType::Int,
            Self::Uint(_) => ParamType::Uint,
            Self::Size(_) => ParamType::Size,
            Self::Str(_) => ParamType::Str,
            Self::Path(_) => ParamType::Path,
            Self::File(_) => ParamType::File,
        }
    }

    /// The value as plugins get it in `nx_param.number`: zero for text and paths; a file's token comes
    /// when it is opened.
    pub fn number(&self) -> u64 {
        match self {
            Self::Bool(value) => u64::from(*value),
            Self::Int(value) => value.cast_unsigned(),
            Self::Uint(value) | Self::Size(value) => *value,
            Self::Str(_) | Self::Path(_) | Self::File(_) => 0,
        }
    }

    /// The value as plugins get it in `nx_param.text`: `y` or `n`, decimal digits, or the text itself. Reads back as
    /// the same value.
    pub fn text(&self) -> Cow<'_, OsStr> {
        match self {
            Self::Bool(value) => Cow::Borrowed(OsStr::new(if *value { "y" } else { "n" })),
            Self::Int(value) => Cow::Owned(value.to_string().into()),
            Self::Uint(value) | Self::Size(value) => Cow::Owned(value.to_string().into()),
            Self::Str(text) => Cow::Borrowed(OsStr::new(text)),
            Self::Path(path) | Self::File(path) => Cow::Borrowed(path),
        }
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().display().fmt(f)
    }
}

enum Fault {
    Syntax,
    LeadingZero,
    Range,
}

fn boolean(text: &str) -> Option<bool> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(&["y", "yes", "true", "on", "1"]) {
        return Some(true);
    }
    is_one_of(&["n", "no", "false", "off", "0"]).then_some(false)
}

fn unsigned(text: &str) -> Result<u64, Fault> {
    let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => (digits, 16),
        (_, Some(digits)) => (digits, 8),
        _ if text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) => {
            return Err(Fault::LeadingZero);
        }
        _ => (text, 10),
    };
    // The standard parser would also take a sign.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(Fault::Syntax);
    }
    u64::from_str_radix(digits, radix).map_err(|_| Fault::Range)
}

fn signed(text: &str) -> Result<i64, Fault> {
    match text.strip_prefix('-') {
        Some(magnitude) => 0_i64.checked_sub_unsigned(unsigned(magnitude)?).ok_or(Fault::Range),
        None => i64::try_from(unsigned(text.strip_prefix('+').unwrap_or(text))?).map_err(|_| Fault::Range),
    }
}

fn size_bytes(text: &str) -> Result<u64, Fault> {
    let head = text.strip_suffix("iB");
    let units = [(['K', 'k'], 10), (['M', 'm'], 20), (['G', 'g'], 30), (['T', 't'], 40)];
    for (letters, shift) in units {
        if let Some(digits) = head.unwrap_or(text).strip_suffix(letters) {
            return unsigned(digits)?.checked_mul(1 << shift).ok_or(Fault::Range);
        }
    }
    if head.is_some() { Err(Fault::Syntax) } else { unsigned(text) }
}

/// Splits what follows `-o`: `name=value` and bare names, with commas between. Empty pieces are passed over, as
/// mount(8) does. A value cannot hold a comma.
pub fn parse_assignments(text: &str) -> Vec<(String, Option<String>)> {
    parse_words(text.split(',').filter(|piece| !piece.is_empty()))
}

/// Splits words of a command line: `name=value`, or a bare name.
pub fn parse_words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Vec<(String, Option<String>)> {
    let split = |word: &str| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.to_owned(), None),
    };
    words.into_iter().map(|word| split(word.as_ref())).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    value: ParamValue,
    given: bool,
}

/// Every parameter of a plugin with its value, in the manifest's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParamSet {
    entries: Vec<Entry>,
}

impl ParamSet {
    /// Gives each declared parameter its value: what was `given` now, else what `defaults` holds (given earlier, when
    /// the plugin was loaded), else the manifest's default.
    pub fn resolve(
        decls: &[ParamDecl],
        defaults: &BTreeMap<String, String>,
        given: &[(String, Option<String>)],
    ) -> Result<Self, ParamError> {
        let entry = |d: &ParamDecl| Entry { name: d.name.clone(), value: d.default.clone(), given: false };
        let mut set = Self { entries: decls.iter().map(entry).collect() };
        for (name, text) in defaults {
            set.give(decls, name, Some(text))?;
        }
        let mut seen = BTreeSet::new();
        for (name, text) in given {
            if !seen.insert(name) {
                let second = quoted(text.as_deref().unwrap_or_default().as_bytes());
                return Err(ParamError::Twice { name: name.clone(), second });
            }
            set.give(decls, name, text.as_deref())?;
        }
        Ok(set)
    }

    fn give(&mut self, decls: &[ParamDecl], name: &str, text: Option<&str>) -> Result<(), ParamError> {
        let declared = decls.iter().zip(&mut self.entries).find(|(decl, _)| decl.name == name);
        let (decl, entry) = declared.ok_or_else(|| unknown(decls, name))?;
        let help = if decl.help.is_empty() { "not documented" } else { &decl.help };
        let (name, ty, help) = (decl.name.clone(), decl.ty, help.to_owned());
        entry.value = match text {
            Some(text) => ParamValue::parse(ty, OsStr::new(text)).map_err(|error| {
                let detail = crate::base::Teach::detail(&error);
                let (why, expected, found) =
                    (detail.what.into(), detail.expected.into(), detail.found.into());
                ParamError::WrongValue { name, ty, why, expected, found, help }
            })?,
            None if ty == ParamType::Bool => ParamValue::Bool(true),
            None => return Err(ParamError::NoValue { name, ty, help }),
        };
        entry.given = true;
        Ok(())
    }

    /// Name, value, and whether a user gave it (now or when the plugin was loaded) rather than the manifest.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &ParamValue, bool)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), &entry.value, entry.given))
    }

    /// The value of one parameter.
    pub fn get(&self, name: &str) -> Option<&ParamValue> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }
}

fn unknown(decls: &[ParamDecl], name: &str) -> ParamError {
    let names: Vec<&str> = decls.iter().map(|decl| decl.name.as_str()).collect();
    let (known, hint) = match names.as_slice() {
        [] => ("no parameter at all".to_owned(), "leave it out".to_owned()),
        _ => {
            let hint = did_you_mean(&names, name).unwrap_or_else(|| "modinfo explains each".to_owned());
            (format!("one of {}", names.join(", ")), hint)
        }
    };
    ParamError::Unknown { name: quoted(name.as_bytes()), known, hint }
}

/// A question for who mistyped a known name; `None` if none is near.
pub fn did_you_mean<S: AsRef<str>>(known: &[S], name: &str) -> Option<String> {
    let names: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let close = closest(&names, name);
    (!close.is_empty()).then(|| format!("did you mean {}?", close.join(" or ")))
}

/// Up to three known names that a slip of the fingers turns into `name`, or that it begins, the closest first.
fn closest<'a>(known: &[&'a str], name: &str) -> Vec<&'a str> {
    const LONGEST_BYTES: usize = 64;
    const BEGINNING_BYTES: usize = 3;
    if name.len() > LONGEST_BYTES {
        return Vec::new();
    }
    let slips = |other: &str| distance(&name.to_lowercase(), &other.to_lowercase());
    let near = |other: &str| {
        let slips = slips(other);
        let begun = name.len() >= BEGINNING_BYTES && other.starts_with(name);
        (begun || slips <= 1 + other.len() / 4 && slips < other.len()).then_some(slips)
    };
    let mut close: Vec<_> = known.iter().filter_map(|other| Some((near(other)?, *other))).collect();
    close.sort_unstable();
    close.into_iter().take(3).map(|(_, other)| other).collect()
}

/// Fewest insertions, deletions and replacements of bytes that turn one into the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.bytes().enumerate() {
            let replaced = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
