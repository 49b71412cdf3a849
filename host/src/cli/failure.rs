//! How a command ends without success, and how that is told.

use std::io::{self, Write};

use serde::Serialize;

use super::sink::Unwritable;
use crate::base::{Detail, Errno, Error};

pub(super) use super::refusal::ShellError;

/// How a command ends without success.
#[derive(Debug)]
pub(super) enum Failure {
    /// With an error that is still to be told.
    Error(Error),
    /// With errors that were told already, or with an answer that is no error (`cmp`).
    Said,
    /// The reader of standard output has gone: the program ends quietly.
    Pipe,
    /// As a program did that the shell ran, with this status: nothing is told.
    Ended(u8),
    /// By `exit`.
    Exit(u8),
}

/// How a command ends.
pub(super) type Done = Result<(), Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Error(errno.into())
    }
}

impl From<ShellError> for Failure {
    fn from(refusal: ShellError) -> Self {
        Self::Error(refusal.into())
    }
}

/// Failures to write the output; those of other files become an [`Error`] with its sentence first.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            _ if error.get_ref().is_some_and(|inner| inner.is::<Unwritable>()) => Self::Said,
            io::ErrorKind::BrokenPipe => Self::Pipe,
            _ => Self::Error(Error::from(error).doing("write the output")),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

#[derive(Serialize)]
struct Document<'a> {
    error: Parts<'a>,
}

#[derive(Serialize)]
struct Parts<'a> {
    errno: &'a str,
    what: &'a str,
    #[serde(rename = "where")]
    place: &'a str,
    expected: &'a str,
    found: &'a str,
    remedy: &'a str,
}

/// The sentence of wrong arguments: clap's message, its paragraphs put into one line.
pub(super) fn usage(command: &str, error: &clap::Error) -> ShellError {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(&first).to_owned();
    let (mut hints, mut usage) = (Vec::new(), format!("'{command} --help' tells more"));
    for paragraph in paragraphs {
        match (paragraph.strip_prefix("tip: "), paragraph.strip_prefix("Usage: ")) {
            (Some(tip), _) => hints.push(tip.to_owned()),
            (_, Some(line)) => usage = format!("usage: {line}"),
            _ => {}
        }
    }
    hints.push(usage);
    ShellError::Usage { command: command.to_owned(), message, usage: hints.join("; ") }
}

/// Tells an error on standard error: a sentence after `at` (a line of a script), or a JSON document.
pub(super) fn tell(error: &Error, at: &str, json: bool) {
    let mut text = if json {
        let detail = error.detail();
        let Detail { what, place, expected, found, remedy } = &*detail;
        let errno = error.errno().name();
        serde_json::to_string(&Document { error: Parts { errno, what, place, expected, found, remedy } })
            .unwrap_or_default()
    } else {
        format!("nxvfs: {at}{error}")
    };
    text.push('\n');
    // If nobody listens there is nobody to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Puts a command in front of an error, and the path in it unless a place is there.
pub(super) fn about(command: &str, path: &[u8]) -> impl FnOnce(Error) -> Error {
    move |error| at(path)(error).doing(command)
}

/// Puts a path in an error unless a place is there.
pub(super) fn at(path: &[u8]) -> impl FnOnce(Error) -> Error {
    move |error| {
        let mut detail = error.detail().into_owned();
        if detail.place.is_empty() {
            detail.place = super::text::shown(path).into();
        }
        Error::new(error.errno(), detail)
    }
}

/// The error of a write that ended early: which file, and how much of it is there.
pub(super) fn wrote_only(error: &Error, path: &[u8], bytes: u64) -> Error {
    let mut detail = error.detail().into_owned();
    detail.what = format!("write: {}", detail.what).into();
    detail.place = super::text::shown(path).into();
    detail.found = format!("{bytes} bytes written before that").into();
    Error::new(error.errno(), detail)
}
