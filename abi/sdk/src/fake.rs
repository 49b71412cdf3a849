//! A host in the test's own process: tries a driver through its real table of C functions, by `cargo test` alone.
//!
//! ```no_run
//! # use nxvfs_sdk::{FileSystem, fake};
//! # fn demo<MyFs: FileSystem>(image: &[u8]) -> Result<(), fake::Error> {
//! let device = fake::Device::new(image, 512).xip(true);
//! let volume = fake::mount::<MyFs>(&device, &[("uid", fake::Value::Uint(7))])?;
//! let file = volume.lookup(volume.root(), b"hello")?;
//! assert_eq!(volume.read(file.node)?, b"Hello, world\n");
//! # Ok(())
//! # }
//! ```
//!
//! * **Devices** are memory. They are found by token in a list of the process, so tests may run in parallel.
//! * **Files of the VFS** are memory too ([`VfsFile`]), and must outlive the device that lies on them.
//! * **Options and parameters**: give every one that the driver asks for; the manifest's defaults are not filled in.
//! * **A failure** is an [`Error`] with the errno and the parts of the driver's sentence. `ENOSYS` means what it
//!   means to a real host: the default of the slot.
//! * **A panic** of the driver, and an answer that breaks the contract (a bad name, a cookie out of range, an extent
//!   beyond the medium), is a panic of the test.
//!
//! It serves what a file system or driver may ask of its device or file, the clock, the log and its waiters; nothing is
//! cached.

mod block;
mod character;
mod device;
mod file;
mod filesystem;
mod mounted;
mod services;
mod vfs_file;
mod waiter;

use std::cell::Cell;
use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nxvfs_abi::types::{
    PARAM_BOOL, PARAM_FILE, PARAM_INT, PARAM_PATH, PARAM_SIZE, PARAM_STR, PARAM_UINT, Param, ParamIn,
};
use nxvfs_abi::{Ctx, Errno, Grow, Str};

pub use block::{Attached, XipGrant, attach};
pub use character::{Character, Opening, attach_character};
pub use device::{Device, Record};
pub use file::File;
pub use filesystem::{Finding, Probed, check, format, mount, probe, repair};
pub use mounted::{Entry, Found, Mounted};
pub use vfs_file::VfsFile;
pub use waiter::Waiter;

/// Result of what the fake host does with a driver.
pub type Result<T> = std::result::Result<T, Error>;

/// A driver's refusal: the errno, and the parts of its sentence (`error.what`, `error.place` …).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The errno.
    pub errno: Errno,
    sentence: Box<Sentence>,
}

/// The parts of a driver's sentence, each empty if the driver gave none; see [`crate::Fail`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each part is named as the method of `Fail` that gives it")]
pub struct Sentence {
    pub what: String,
    pub place: String,
    pub expected: String,
    pub found: String,
    pub remedy: String,
}

impl Error {
    fn new(errno: Errno, sentence: Sentence) -> Self {
        Self { errno, sentence: Box::new(sentence) }
    }
}

impl Deref for Error {
    type Target = Sentence;

    fn deref(&self) -> &Sentence {
        &self.sentence
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.what.is_empty() { self.errno.text() } else { &self.what })?;
        for (before, part) in [
            (": ", &self.place),
            (": found ", &self.found),
            (", expected ", &self.expected),
            ("; ", &self.remedy),
        ] {
            if !part.is_empty() {
                write!(f, "{before}{part}")?;
            }
        }
        write!(f, " ({})", self.errno.name())
    }
}

impl std::error::Error for Error {}

/// A value of an option or parameter, of the type that the manifest declares.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A `bool`.
    Bool(bool),
    /// An `int`.
    Int(i64),
    /// A `uint`.
    Uint(u64),
    /// A `size`, in bytes.
    Size(u64),
    /// A `str`.
    Str(&'a str),
    /// A `path` of the operating system.
    Path(&'a Path),
    /// A `file` of the VFS; `None` if the user gave none.
    File(Option<&'a VfsFile>),
}

impl Value<'_> {
    /// Kind, number and text, as they cross.
    fn wire(&self) -> (u32, u64, Vec<u8>) {
        match *self {
            Self::Bool(value) => (PARAM_BOOL, value.into(), if value { "1" } else { "0" }.into()),
            Self::Int(value) => (PARAM_INT, value as u64, value.to_string().into()),
            Self::Uint(value) => (PARAM_UINT, value, value.to_string().into()),
            Self::Size(value) => (PARAM_SIZE, value, value.to_string().into()),
            Self::Str(value) => (PARAM_STR, 0, value.into()),
            Self::File(None) => (PARAM_FILE, 0, Vec::new()),
            Self::File(Some(file)) => (PARAM_FILE, file.token(), b"/fake/file".into()),
            Self::Path(value) => (PARAM_PATH, 0, AsRef::<OsStr>::as_ref(value).as_bytes().into()),
        }
    }
}

/// Lends the values in the form that crosses. The texts are copied first, so that the array can borrow them.
fn with_params<R>(values: &[(&str, Value<'_>)], body: impl FnOnce(&[Param]) -> R) -> R {
    let wires: Vec<_> = values.iter().map(|(name, value)| (*name, value.wire())).collect();
    let params: Vec<Param> = wires
        .iter()
        .map(|(name, (kind, number, text))| Param {
            kind: *kind,
            given: 1,
            name: Str::new(name.as_bytes()),
            text: Str::new(text),
            number: *number,
            ..Grow::empty()
        })
        .collect();
    body(&params)
}

/// The array's address, count and stride.
fn param_fields(params: &[Param]) -> (ParamIn, u32, u32) {
    (ParamIn(params.as_ptr()), params.len() as u32, size_of::<Param>() as u32)
}

thread_local! {
    static CALLER: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

/// Makes the calls of `body`, on this thread, those of another user and group; without it they are 0.
pub fn as_caller<R>(uid: u32, gid: u32, body: impl FnOnce() -> R) -> R {
    let before = CALLER.replace((uid, gid));
    let answer = body();
    CALLER.set(before);
    answer
}

/// Who calls, without a deadline.
fn ctx() -> Ctx {
    let (uid, gid) = CALLER.get();
    Ctx { uid, gid, ..Ctx::empty() }
}

/// A mistake of the driver's that a real host would answer with EIO and a mark on the plugin.
#[track_caller]
fn demand(kept: bool, sentence: impl Display) {
    assert!(kept, "the driver breaks the contract: {sentence}");
}

/// One function of a table that the SDK made, which has them all.
macro_rules! slot {
    ($ops:expr, $name:ident) => {
        $ops.$name.expect(concat!("a table made by the SDK has the slot ", stringify!($name)))
    };
}
use slot;
