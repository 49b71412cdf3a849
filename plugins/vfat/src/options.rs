//! What the user asked for, checked.

use std::fmt::Display;

use nxvfs_sdk::{Ctx, Errno, Fail, Mount, Params, Result};

use crate::format::codepage::Codepage;
use crate::format::entry::{DIRECTORY, READ_ONLY};
use crate::format::shortname::Mode;

/// The options of a mount.
pub(crate) struct Options {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Permissions that files do not have.
    pub(crate) fmask: u32,
    /// Permissions that directories do not have.
    pub(crate) dmask: u32,
    pub(crate) codepage: Codepage,
    pub(crate) shortname: Mode,
    /// How far the volume's times are ahead of UTC.
    pub(crate) zone_seconds: i64,
    /// Every change is on the medium when its call returns.
    pub(crate) sync: bool,
    /// The device is told which clusters are no longer needed.
    pub(crate) discard: bool,
    /// What FAT cannot hold is ignored.
    pub(crate) quiet: bool,
    /// Go on writing after the metadata contradicted itself.
    pub(crate) go_on: bool,
    /// Whether files are mapped in place.
    pub(crate) mmap: bool,
    /// A directory may have more entries than the specification says.
    pub(crate) bigdirs: bool,
}

pub(crate) fn refused(name: &str, expected: &str, found: impl Display) -> Fail {
    Fail::new(Errno::EINVAL, format_args!("option '{name}' is out of range")).expected(expected).found(found)
}

/// A user or group; without the option the caller's.
fn owner(params: &Params<'_>, name: &str, caller: u32) -> Result<u32> {
    if !params.given(name) {
        return Ok(caller);
    }
    let given = params.uint(name);
    let id = u32::try_from(given).ok().filter(|id| *id != u32::MAX);
    id.ok_or_else(|| refused(name, "0 to 4294967294", given))
}

/// A mask of permissions; `umask` where it is not given. Octal with or without a sign for it, as mount(8) has it.
fn mask(params: &Params<'_>, name: &str) -> Result<u32> {
    let name = if params.given(name) { name } else { "umask" };
    let given = params.str(name);
    let digits = given.strip_prefix("0o").unwrap_or(given);
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    let mask = u32::from_str_radix(digits, 8).ok().filter(|mask| plain && mask & !0o777 == 0);
    mask.ok_or_else(|| refused(name, "octal digits, 0 to 777", format_args!("'{given}'")))
}

/// `UTC`, or how far local time is ahead of it: `+01:00`, `-0330`, or minutes.
fn zone(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        plain.then(|| digits.parse::<i64>().ok()).flatten()
    };
    let minutes = match rest.split_once(':') {
        Some((hours, minutes)) => number(hours)? * 60 + number(minutes).filter(|m| *m < 60)?,
        None if rest.len() == 4 => {
            number(rest.get(..2)?)? * 60 + number(rest.get(2..)?).filter(|m| *m < 60)?
        }
        None => number(rest)?,
    };
    (minutes <= 24 * 60).then_some(sign * minutes * 60)
}

/// The code page of an option.
pub(crate) fn codepage(params: &Params<'_>) -> Result<Codepage> {
    let given = params.uint("codepage");
    Codepage::of(given).ok_or_else(|| refused("codepage", "437 or 850", given))
}

impl Options {
    pub(crate) fn new(ctx: &Ctx, mount: &Mount<'_>) -> Result<Self> {
        let params = mount.params();
        let charset = params.str("iocharset");
        if !charset.eq_ignore_ascii_case("utf8") && !charset.eq_ignore_ascii_case("utf-8") {
            return Err(refused("iocharset", "utf8: names are UTF-8 everywhere", charset));
        }
        let shortname = params.str("shortname");
        let tz = params.str("tz");
        let errors = params.str("errors");
        Ok(Self {
            uid: owner(params, "uid", ctx.uid)?,
            gid: owner(params, "gid", ctx.gid)?,
            fmask: mask(params, "fmask")?,
            dmask: mask(params, "dmask")?,
            codepage: codepage(params)?,
            shortname: Mode::of(shortname)
                .ok_or_else(|| refused("shortname", "lower, win95, winnt or mixed", shortname))?,
            zone_seconds: zone(tz).ok_or_else(|| refused("tz", "UTC, +HH:MM, -HH:MM or minutes", tz))?,
            sync: params.bool("sync"),
            discard: params.bool("discard"),
            quiet: params.bool("quiet"),
            go_on: match errors {
                "remount-ro" => false,
                "continue" => true,
                _ => return Err(refused("errors", "remount-ro or continue", errors)),
            },
            mmap: params.bool("mmap"),
            bigdirs: params.bool("bigdirs"),
        })
    }

    /// The permissions of a node with such attributes.
    pub(crate) fn permissions(&self, attr: u8) -> u32 {
        if attr & DIRECTORY != 0 {
            return 0o777 & !self.dmask;
        }
        let all = if attr & READ_ONLY != 0 { 0o555 } else { 0o777 };
        all & !self.fmask
    }
}

#[cfg(test)]
mod tests {
    use super::zone;

    #[test]
    fn a_zone_is_a_name_or_a_distance() {
        assert_eq!(zone("UTC"), Some(0));
        assert_eq!((zone("+01:00"), zone("-0330"), zone("90")), (Some(3600), Some(-12_600), Some(5400)));
        for wrong in ["", "CET", "+1:60", "+25:00", "--1", "1441x", "99999", "+é1", "1é2"] {
            assert_eq!(zone(wrong), None, "{wrong}");
        }
    }
}
