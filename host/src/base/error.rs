//! Errors that teach: an errno, and what, where, expected, found and remedy.
//!
//! Each floor has an enum of its refusals, made with the macro `teach!`; all of them turn into [`Error`], which the floors
//! above hand on and add their own "while doing" to. An [`Error`] without detail is a bare errno: cheap, for paths
//! where nobody reads a sentence.

use std::borrow::Cow;
use std::fmt;

use nxvfs_abi::Errno;

/// Result of the host's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The five parts of a sentence. Empty parts are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// What was being done and what is wrong with it.
    pub what: Cow<'static, str>,
    /// Where: a path, a sector, a line.
    pub place: Cow<'static, str>,
    /// What should be there.
    pub expected: Cow<'static, str>,
    /// What is there.
    pub found: Cow<'static, str>,
    /// What to do about it.
    pub remedy: Cow<'static, str>,
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        for (lead, part) in [("", &self.what), ("", &self.place)] {
            if !part.is_empty() {
                write!(f, "{before}{lead}{part}")?;
                before = ": ";
            }
        }
        if !self.found.is_empty() {
            write!(f, "{before}found {}", self.found)?;
            before = ", ";
        }
        if !self.expected.is_empty() {
            write!(f, "{before}expected {}", self.expected)?;
            before = ": ";
        }
        if !self.remedy.is_empty() {
            write!(f, "{}{}", if before.is_empty() { "" } else { "; " }, self.remedy)?;
        }
        Ok(())
    }
}

/// A refusal of one floor.
pub trait Teach: std::error::Error {
    /// The errno that programs see.
    fn errno(&self) -> Errno;
    /// The sentence that people see.
    fn detail(&self) -> Detail;
}

/// Any failure of the host: an errno, and a sentence where there is one.
#[derive(Clone, thiserror::Error)]
pub struct Error {
    errno: Errno,
    detail: Option<Box<Detail>>,
}

impl Error {
    /// A failure with its sentence.
    pub fn new(errno: Errno, detail: Detail) -> Self {
        Self { errno, detail: Some(Box::new(detail)) }
    }

    /// The errno.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// The sentence's parts; the errno's own text if there is no sentence.
    pub fn detail(&self) -> Cow<'_, Detail> {
        match &self.detail {
            Some(detail) => Cow::Borrowed(detail),
            None => Cow::Owned(Detail { what: self.errno.text().into(), ..Detail::default() }),
        }
    }

    /// Puts what was being done in front of the sentence: `mount /dev/ram0 on /rom as romfs: no superblock: …`.
    #[must_use]
    pub fn doing(mut self, action: impl fmt::Display) -> Self {
        let detail = self.sentence();
        detail.what = format!("{action}: {}", detail.what).into();
        self
    }

    fn sentence(&mut self) -> &mut Detail {
        let errno = self.errno;
        self.detail.get_or_insert_with(|| Box::new(Detail { what: errno.text().into(), ..Detail::default() }))
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self { errno, detail: None }
    }
}

impl<T: Teach> From<T> for Error {
    fn from(refusal: T) -> Self {
        Self::new(refusal.errno(), refusal.detail())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let errno = error.raw_os_error().and_then(Errno::new).unwrap_or(Errno::EIO);
        Self::new(errno, Detail { what: error.to_string().into(), ..Detail::default() })
    }
}

impl From<rustix::io::Errno> for Error {
    fn from(error: rustix::io::Errno) -> Self {
        std::io::Error::from(error).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{detail} ({})", self.errno.name()),
            None => write!(f, "{} ({})", self.errno.text(), self.errno.name()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Defines a floor's refusals. Each part of a sentence is a format string that may name the variant's fields.
///
/// ```text
/// teach! {
///     /// Why a device is refused.
///     pub enum DeviceError {
///         /// The node's name is taken.
///         Taken { node: String } => EEXIST, what: "the node exists already", place: "{node}",
///             remedy: "detach it first, or choose another name";
///     }
/// }
/// ```
macro_rules! teach {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[$vmeta:meta])*
                $variant:ident { $($field:ident: $ty:ty),* $(,)? } => $errno:ident
                    $(, what: $what:literal)? $(, place: $place:literal)? $(, expected: $expected:literal)?
                    $(, found: $found:literal)? $(, remedy: $remedy:literal)?;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, thiserror::Error)]
        #[error("{} ({})", $crate::base::Teach::detail(self), $crate::base::Teach::errno(self).name())]
        #[allow(unreachable_pub, reason = "not every floor hands its refusals out by type")]
        pub enum $name {
            $(
                $(#[$vmeta])*
                #[allow(missing_docs, reason = "the fields are named in the sentence")]
                $variant { $($field: $ty),* },
            )*
        }

        impl $crate::base::Teach for $name {
            fn errno(&self) -> $crate::base::Errno {
                match self { $(Self::$variant { .. } => $crate::base::Errno::$errno,)* }
            }

            #[allow(unused_variables, reason = "a sentence need not name every field")]
            #[allow(clippy::needless_update, reason = "a sentence may have all its parts")]
            fn detail(&self) -> $crate::base::Detail {
                match self {
                    $(Self::$variant { $($field),* } => $crate::base::Detail {
                        $(what: format!($what).into(),)?
                        $(place: format!($place).into(),)?
                        $(expected: format!($expected).into(),)?
                        $(found: format!($found).into(),)?
                        $(remedy: format!($remedy).into(),)?
                        ..$crate::base::Detail::default()
                    },)*
                }
            }
        }
    };
}
pub(crate) use teach;
