//! How modes, times, sizes and names are written.

use std::fmt::Write as _;

use nxvfs_abi::types::mode;
use serde::Serialize;

/// A path or name for a sentence.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A name for JSON: text, and the bytes in hexadecimal if the text is not all of it.
pub(super) fn lossy(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (shown(bytes), Some(hex(bytes))),
    }
}

/// `PATH/NAME`.
pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if dir.is_empty() || dir.ends_with(b"/") { b"" } else { b"/" };
    [dir, slash, name].concat()
}

/// The word for a type of file.
pub(super) fn type_word(bits: u32) -> &'static str {
    match bits & mode::S_IFMT {
        mode::S_IFREG => "file",
        mode::S_IFDIR => "directory",
        mode::S_IFLNK => "link",
        mode::S_IFBLK => "block",
        mode::S_IFCHR => "character",
        mode::S_IFIFO => "fifo",
        mode::S_IFSOCK => "socket",
        _ => "unknown",
    }
}

/// Type and permissions as `ls -l` writes them.
pub(super) fn mode_string(bits: u32) -> String {
    let kind = match bits & mode::S_IFMT {
        mode::S_IFREG => '-',
        mode::S_IFDIR => 'd',
        mode::S_IFLNK => 'l',
        mode::S_IFBLK => 'b',
        mode::S_IFCHR => 'c',
        mode::S_IFIFO => 'p',
        mode::S_IFSOCK => 's',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let rwx = bits >> shift & 7;
        text.push(if rwx & 4 != 0 { 'r' } else { '-' });
        text.push(if rwx & 2 != 0 { 'w' } else { '-' });
        text.push(match (rwx & 1 != 0, bits & special != 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        });
    }
    text
}

/// Major and minor number of a device node.
#[derive(Clone, Copy, Serialize)]
pub(super) struct DeviceNumber {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl From<u64> for DeviceNumber {
    fn from(rdev: u64) -> Self {
        Self { major: (rdev >> 32) as u32, minor: rdev as u32 }
    }
}

/// A time in UTC, `YYYY-MM-DD hh:mm:ss`; the same text as `date --utc +'%F %T'` gives.
pub(super) fn date(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil date from days since 1970, by eras of 400 years that begin on 1 March.
    let shifted = i128::from(days) + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// A number of bytes for people: at most four characters before the unit, powers of 1024, rounded up as `df -h` does.
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let power = (0..6).find(|p| u128::from(bytes) <= 1023 << (10 * p)).unwrap_or(6);
    let tenths = (u128::from(bytes) * 10).div_ceil(1 << (10 * power));
    match power {
        0 => format!("{bytes}"),
        _ if tenths < 100 => format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[power]),
        _ => format!("{}{}", tenths.div_ceil(10), UNITS[power]),
    }
}

/// A number of bytes that a user wrote: decimal, hexadecimal with `0x`, or with K, M, G or T.
pub(super) fn bytes_argument(text: &str) -> Result<u64, String> {
    use crate::base::Teach;
    use crate::plugin::manifest::ParamType;
    use crate::plugin::params::ParamValue;
    ParamValue::parse(ParamType::Size, text.as_ref()).map(|v| v.number()).map_err(|e| e.detail().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_date_command() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_827_696, "2000-02-29 12:34:56"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (-62_135_596_800, "0001-01-01 00:00:00"),
        ] {
            assert_eq!(date(seconds), text);
        }
        // A damaged volume may say anything.
        assert!(date(i64::MAX).len() > 19 && date(i64::MIN).starts_with('-'));
    }

    #[test]
    fn modes_are_those_of_ls() {
        assert_eq!(mode_string(0o100644), "-rw-r--r--");
        assert_eq!(mode_string(0o041777), "drwxrwxrwt");
        assert_eq!(mode_string(0o106744), "-rwsr-Sr--");
        assert_eq!(mode_string(0o010000), "p---------");
        assert_eq!(mode_string(0), "?---------");
    }

    #[test]
    fn human_sizes_are_those_of_df() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1025, "1.1K"),
            (10 << 10, "10K"),
            (1023 << 10, "1023K"),
            ((1023 << 10) + 1, "1.0M"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
