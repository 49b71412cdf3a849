//! Names that nobody can foretell, and files and directories of such names.

use nxvfs_abi::types::{mode, open};

use super::Task;
use crate::base::{Errno, Result};
use crate::device::randomize;

/// Where temporary files are, unless it is said otherwise. C `P_tmpdir`.
pub const TEMPORARY: &[u8] = b"/tmp";
/// What the end of a template must be.
const PLACE: &[u8; 6] = b"XXXXXX";
/// Names that are tried before it is given up; by chance not even a second one is needed. C `TMP_MAX` says how many
/// there must be.
const TRIES: usize = 1000;
/// Bytes of a prefix that count. POSIX `tempnam`.
const PREFIX_MOST_BYTES: usize = 5;

/// Overwrites a place with random letters and digits.
fn fill(place: &mut [u8]) -> Result<()> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    /// The largest multiple of their number that a byte holds: what is above it would favour some.
    const FAIR: u8 = (256 / LETTERS.len() * LETTERS.len()) as u8;
    for out in place {
        let mut byte = [u8::MAX];
        while byte[0] >= FAIR {
            randomize(&mut byte)?;
        }
        *out = LETTERS[usize::from(byte[0]) % LETTERS.len()];
    }
    Ok(())
}

/// Tries names until one is not taken. Errors: EINVAL the template does not end in `XXXXXX`, before `suffix` bytes more;
/// EEXIST; and what the attempt fails with.
fn with_names<R>(
    template: &[u8],
    suffix: usize,
    mut attempt: impl FnMut(&[u8]) -> Result<R>,
) -> Result<(R, Vec<u8>)> {
    let end = template.len().checked_sub(suffix).ok_or(Errno::EINVAL)?;
    let start = end.checked_sub(PLACE.len()).ok_or(Errno::EINVAL)?;
    if &template[start..end] != PLACE {
        return Err(Errno::EINVAL.into());
    }
    let mut name = template.to_vec();
    for _ in 0..TRIES {
        fill(&mut name[start..end])?;
        match attempt(&name) {
            Err(e) if e.errno() == Errno::EEXIST => {}
            done => return Ok((done?, name)),
        }
    }
    Err(Errno::EEXIST.into())
}

impl Task {
    /// Makes a file, mode 0600, and opens it for reading and writing; answers its name, too: the template with its last
    /// six bytes, `XXXXXX`, replaced at random. POSIX `mkstemp`. Errors: EINVAL the template; EEXIST; and those of
    /// [`Task::open`].
    pub fn mkstemp(&self, template: impl AsRef<[u8]>) -> Result<(u32, Vec<u8>)> {
        self.mkstemp_with(template, 0, 0)
    }

    /// As [`Task::mkstemp`], with `suffix` bytes after `XXXXXX`, and more open flags. POSIX `mkostemp`, glibc `mkostemps`.
    pub fn mkstemp_with(
        &self,
        template: impl AsRef<[u8]>,
        suffix: usize,
        flags: u32,
    ) -> Result<(u32, Vec<u8>)> {
        let flags = flags & !open::O_ACCMODE | open::O_RDWR | open::O_CREAT | open::O_EXCL;
        with_names(template.as_ref(), suffix, |name| self.open(name, flags, 0o600))
    }

    /// Makes a directory, mode 0700, and answers its name. POSIX `mkdtemp`. Errors: EINVAL the template; EEXIST; and those
    /// of [`Task::mkdir`].
    pub fn mkdtemp(&self, template: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        with_names(template.as_ref(), 0, |name| self.mkdir(name, 0o700)).map(|((), name)| name)
    }

    /// A name that nothing had a moment ago; another may take it before it is used. SUSv2 `mktemp`; better is
    /// [`Task::mkstemp`]. Errors: EINVAL the template; EEXIST; and those of `stat` other than ENOENT.
    pub fn mktemp(&self, template: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        with_names(template.as_ref(), 0, |name| self.is_free(name)).map(|((), name)| name)
    }

    fn is_free(&self, name: &[u8]) -> Result<()> {
        match self.lstat(name) {
            Ok(_) => Err(Errno::EEXIST.into()),
            Err(e) if e.errno() == Errno::ENOENT => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// A name in [`TEMPORARY`], as [`Task::mktemp`]. C `tmpnam`.
    pub fn tmpnam(&self) -> Result<Vec<u8>> {
        self.mktemp([TEMPORARY, b"/file", PLACE].concat())
    }

    /// A name in a directory, or if it is none in [`TEMPORARY`], which begins with up to five bytes of a prefix; as
    /// [`Task::mktemp`]. POSIX `tempnam`. Errors also: ENOENT neither is a directory.
    pub fn tempnam(&self, dir: Option<&[u8]>, prefix: &[u8]) -> Result<Vec<u8>> {
        let is_directory =
            |dir: &&[u8]| self.stat(dir).is_ok_and(|stat| stat.attr.file_type() == mode::S_IFDIR);
        let dir = dir.into_iter().chain([TEMPORARY]).find(is_directory).ok_or(Errno::ENOENT)?;
        let prefix = &prefix[..prefix.len().min(PREFIX_MOST_BYTES)];
        self.mktemp([dir, b"/", prefix, PLACE].concat())
    }
}
