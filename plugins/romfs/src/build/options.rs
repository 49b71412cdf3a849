//! What the user asked for, checked.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use glob::{MatchOptions, Pattern};
use nxvfs_sdk::{Errno, Fail, Params, Result};

use crate::format::NAME_MAX_BYTES;

/// What every header is aligned to.
const ALIGN_MIN: u32 = 16;
/// As much as makes sense; twice of it does not fit into a volume.
const ALIGN_MAX: u32 = 1 << 30;

/// The options of a build.
pub(super) struct Options<'a> {
    /// The folder.
    pub(super) folder: &'a Path,
    /// The volume's name.
    pub(super) label: &'a str,
    /// What the content of files is aligned to.
    align: u32,
    /// What else is aligned to more.
    aligned: Vec<(u32, Pattern)>,
    excluded: Vec<Pattern>,
}

fn pattern(option: &str, text: &str) -> Result<Pattern> {
    Pattern::new(text).map_err(|e| {
        Fail::new(Errno::EINVAL, format_args!("option '{option}' has a pattern that cannot be"))
            .place(format_args!("'{text}', at character {}", e.pos + 1))
            .found(e.msg)
    })
}

fn alignment(option: &str, text: &str) -> Result<u32> {
    let number = text.trim().parse().ok();
    number.filter(|n: &u32| n.is_power_of_two() && (ALIGN_MIN..=ALIGN_MAX).contains(n)).ok_or_else(|| {
        Fail::new(Errno::EINVAL, format_args!("option '{option}' is out of range"))
            .expected(format_args!("a power of two from {ALIGN_MIN} to {ALIGN_MAX}"))
            .found(format_args!("'{text}'"))
    })
}

/// The values of an option that can be repeated: a line each.
fn lines<'a>(params: &Params<'a>, name: &str) -> impl Iterator<Item = &'a str> {
    params.str(name).lines().filter(|line| !line.is_empty())
}

impl<'a> Options<'a> {
    pub(super) fn new(params: &Params<'a>) -> Result<Self> {
        let folder = params.path("d");
        if folder.as_os_str().is_empty() {
            return Err(Fail::new(Errno::EINVAL, "a romfs volume is made of a folder")
                .expected("a folder of the operating system: option 'd'"));
        }
        let label = params.str("V");
        if label.len() > NAME_MAX_BYTES {
            return Err(Fail::new(Errno::EINVAL, "option 'V' is out of range")
                .expected(format_args!("up to {NAME_MAX_BYTES} bytes"))
                .found(label.len()));
        }
        let align = alignment("a", &params.size("a").to_string())?;
        let aligned = lines(params, "A").map(|line| {
            let (align, of) = line.split_once(',').ok_or_else(|| {
                Fail::new(Errno::EINVAL, "option 'A' is out of range")
                    .expected("ALIGN,PATTERN, such as 4096,*.bin")
                    .found(format_args!("'{line}'"))
            })?;
            Ok((alignment("A", align)?, pattern("A", of)?))
        });
        let aligned = aligned.collect::<Result<_>>()?;
        let excluded = lines(params, "x").map(|line| pattern("x", line)).collect::<Result<_>>()?;
        Ok(Self { folder, label, align, aligned, excluded })
    }

    /// Whether an entry is left out. `inside` is its path in the volume.
    pub(super) fn excludes(&self, inside: &Path) -> bool {
        self.excluded.iter().any(|pattern| matches(pattern, inside))
    }

    /// What the content of a regular file, or the header of anything else, is aligned to.
    pub(super) fn alignment(&self, inside: &Path, content: bool) -> u32 {
        let aligned = self.aligned.iter().filter(|(_, pattern)| matches(pattern, inside));
        aligned.map(|(align, _)| *align).max().unwrap_or(0).max(if content { self.align } else { ALIGN_MIN })
    }
}

/// As `fnmatch(3)` with `FNM_PATHNAME | FNM_PERIOD`: a pattern with a slash is one of the whole path, another one of the
/// last name.
fn matches(pattern: &Pattern, inside: &Path) -> bool {
    const HOW: MatchOptions = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let bytes = inside.as_os_str().as_bytes();
    let last = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let text = if pattern.as_str().contains('/') { bytes } else { &bytes[last..] };
    // Bytes that are no text match what stands for any character.
    pattern.matches_with(&String::from_utf8_lossy(text), HOW)
}
