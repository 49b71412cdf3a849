//! What is wrong with an image, in the parts of a sentence; and the two ways in which reading one can fail.

use std::fmt::{self, Display};

use nxvfs_sdk::{Errno, Fail};

/// Something in an image that is not as the format says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// EUCLEAN, or ELOOP.
    pub errno: Errno,
    /// What is wrong, in lower case.
    pub what: &'static str,
    /// Where in the image, in bytes.
    pub medium_offset: u32,
    /// What should be there, or empty.
    pub expected: String,
    /// What is there, or empty.
    pub found: String,
}

impl Flaw {
    /// A flaw at an offset.
    pub fn new(what: &'static str, medium_offset: u32) -> Self {
        Self { errno: Errno::EUCLEAN, what, medium_offset, expected: String::new(), found: String::new() }
    }

    /// Another errno than EUCLEAN.
    pub fn errno(self, errno: Errno) -> Self {
        Self { errno, ..self }
    }

    /// What should be there.
    pub fn expected(self, expected: impl Display) -> Self {
        Self { expected: expected.to_string(), ..self }
    }

    /// What is there.
    pub fn found(self, found: impl Display) -> Self {
        Self { found: found.to_string(), ..self }
    }
}

/// The sentence of a finding, whose place is told beside it.
impl Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if !self.found.is_empty() {
            write!(f, ": found {}", self.found)?;
        }
        if !self.expected.is_empty() {
            write!(f, ", expected {}", self.expected)?;
        }
        Ok(())
    }
}

impl From<Flaw> for Fail {
    fn from(flaw: Flaw) -> Self {
        Self::new(flaw.errno, flaw.what)
            .place(format_args!("byte {:#x}", flaw.medium_offset))
            .expected(flaw.expected)
            .found(flaw.found)
            .remedy("see all that is wrong by `nxvfs image check`")
    }
}

/// Why something could not be read from an image.
pub(crate) enum Fault {
    /// The image is damaged.
    Image(Flaw),
    /// The device failed; trying again may help.
    Device(Fail),
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        Self::Image(flaw)
    }
}

impl From<Fault> for Fail {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Image(flaw) => flaw.into(),
            Fault::Device(fail) => fail,
        }
    }
}
