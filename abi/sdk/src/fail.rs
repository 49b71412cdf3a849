//! An errno with a sentence.

use std::fmt::{self, Display};

use nxvfs_abi::services::{ErrorText, ErrorTextIn};
use nxvfs_abi::{Errno, Grow, Str};

use crate::host;

/// Result of a driver's functions.
pub type Result<T> = std::result::Result<T, Fail>;

/// Why a call fails: an errno and, where it helps, what, where, expected, found and remedy. The host puts the parts
/// together into one sentence.
///
/// ```
/// use nxvfs_sdk::{Errno, Fail};
/// let fail = Fail::new(Errno::EINVAL, "no superblock")
///     .place("sector 0")
///     .expected("'-rom1fs-'")
///     .found("'EB 3C 90'")
///     .remedy("is this a vfat image? try -t vfat");
/// assert_eq!(fail.errno(), Errno::EINVAL);
/// ```
#[derive(Debug)]
pub struct Fail {
    errno: Errno,
    text: Option<Box<Text>>,
}

#[derive(Debug, Default)]
struct Text {
    what: String,
    place: String,
    expected: String,
    found: String,
    remedy: String,
}

impl Fail {
    /// A failure with a short statement of what is wrong, in lower case, without a full stop.
    pub fn new(errno: Errno, what: impl Display) -> Self {
        Self { errno, text: Some(Box::new(Text { what: what.to_string(), ..Text::default() })) }
    }

    /// The errno.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// Where it is wrong: a sector, an offset, a path.
    pub fn place(mut self, place: impl Display) -> Self {
        self.text().place = place.to_string();
        self
    }

    /// What should be there.
    pub fn expected(mut self, expected: impl Display) -> Self {
        self.text().expected = expected.to_string();
        self
    }

    /// What is there.
    pub fn found(mut self, found: impl Display) -> Self {
        self.text().found = found.to_string();
        self
    }

    /// What the user can do about it.
    pub fn remedy(mut self, remedy: impl Display) -> Self {
        self.text().remedy = remedy.to_string();
        self
    }

    fn text(&mut self) -> &mut Text {
        self.text.get_or_insert_default()
    }

    /// Hands the sentence to the host and answers the errno in the form that crosses the boundary.
    pub(crate) fn into_wire(self) -> i32 {
        if let (Some(text), Some(report)) = (&self.text, host::services().and_then(|s| s.report_error)) {
            let wire = ErrorText {
                what: Str::new(text.what.as_bytes()),
                place: Str::new(text.place.as_bytes()),
                expected: Str::new(text.expected.as_bytes()),
                found: Str::new(text.found.as_bytes()),
                remedy: Str::new(text.remedy.as_bytes()),
                ..Grow::empty()
            };
            // SAFETY: the struct and its strings live until the call returns; the host copies them.
            unsafe { report(ErrorTextIn(&wire)) };
        }
        self.errno.wire()
    }
}

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Self { errno, text: None }
    }
}

impl From<std::io::Error> for Fail {
    fn from(error: std::io::Error) -> Self {
        let errno = match (error.raw_os_error().and_then(Errno::new), error.kind()) {
            (Some(errno), _) => errno,
            (None, std::io::ErrorKind::InvalidInput) => Errno::EINVAL,
            (None, _) => Errno::EIO,
        };
        Self::new(errno, error)
    }
}

impl From<rustix::io::Errno> for Fail {
    fn from(error: rustix::io::Errno) -> Self {
        std::io::Error::from(error).into()
    }
}

impl Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(text) = &self.text else { return self.errno.fmt(f) };
        f.write_str(&text.what)?;
        for (before, part) in [
            (": ", &text.place),
            (": found ", &text.found),
            (", expected ", &text.expected),
            ("; ", &text.remedy),
        ] {
            if !part.is_empty() {
                write!(f, "{before}{part}")?;
            }
        }
        write!(f, " ({})", self.errno.name())
    }
}

impl std::error::Error for Fail {}
