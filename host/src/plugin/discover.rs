//! Finds plugins: every `.so` file on the search path whose manifest section says so, whatever its name.
//!
//! Nothing is run, and little is read: names, ELF headers, the section. Results are in the order of the path, and by
//! file name within a directory, so that two runs agree. Whether a file may be loaded ([`super::rules`]) is asked when
//! it is loaded.
//!
//! What is listed besides plugins: a file with a manifest that is refused, always; a file that breaks before its
//! manifest is found, only in directories that the user named, because `/usr/bin` is no business of ours; an ordinary
//! library, only if its name begins with `libnxvfs_`, because then somebody forgot the macro.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::elf::{self, ElfError};
use super::manifest::{Kind, Manifest};
use super::rules::{self, shown};
use crate::base::error::teach;
use crate::base::{Error, Result};

#[cfg(all(test, target_pointer_width = "64"))]
mod tests;

/// Most `.so` files of one directory that are looked at: the first by name.
pub const MAX_FILES_PER_DIR: usize = 4096;
/// The host itself as a library. With static plugins in it, it holds their manifests, and is no plugin for all that.
const HOST_LIBRARY: &str = "libnxvfs.so";
/// How the files of our plugins' packages begin.
const OWN_PREFIX: &str = "libnxvfs_";

teach! {
    /// Why a directory of plugins is refused, or a part of it.
    pub enum DirError {
        /// Does not exist.
        Missing { dir: String } => ENOENT, what: "no such plugin directory", place: "{dir}",
            remedy: "correct --plugin-dir";
        /// Something else than a directory.
        NotDirectory { dir: String } => ENOTDIR, what: "not a plugin directory", place: "{dir}",
            expected: "a directory", found: "something else",
            remedy: "name the directory that holds the plugin; insmod takes a single file";
        /// More files than are looked at.
        TooMany { dir: String } => E2BIG, what: "too many files in a plugin directory", place: "{dir}",
            expected: "at most 4096 .so files", found: "more", remedy: "move the plugins to a directory of their own";
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Given,
    Environment,
    Default,
}

/// Where plugins are looked for, in order.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    dirs: Vec<(PathBuf, Origin)>,
}

impl SearchPath {
    /// The directories that were given, then those of `$NXVFS_PLUGIN_PATH` (with colons between; empty ones are passed
    /// over, they do not mean the current directory), then `deps` in the executable's own and
    /// that one, then `lib/nxvfs` beside its folder, where an installation has them (`bin/nxvfs`, `lib/nxvfs`). `deps` is
    /// where a build leaves what it has just made; beside the executable may lie older files.
    pub fn new(given: Vec<PathBuf>, env: Option<OsString>, beside: Option<PathBuf>) -> Self {
        let env: Vec<PathBuf> = env.iter().flat_map(std::env::split_paths).collect();
        let env = env.into_iter().filter(|dir| !dir.as_os_str().is_empty());
        let beside = beside.into_iter().flat_map(|dir| {
            let installed = dir.with_file_name("lib").join("nxvfs");
            [dir.join("deps"), dir, installed]
        });
        let dirs = (given.into_iter().map(|dir| (dir, Origin::Given)))
            .chain(env.map(|dir| (dir, Origin::Environment)))
            .chain(beside.map(|dir| (dir, Origin::Default)))
            .collect();
        Self { dirs }
    }

    /// The directories, first to last.
    pub fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.dirs.iter().map(|(dir, _)| dir.as_path())
    }
}

/// A file (or a directory that cannot be searched) and what became of it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its path.
    pub path: PathBuf,
    /// Its manifest, or why it has none that can be used.
    pub outcome: Result<Manifest>,
    /// The file earlier on the path that has the same plugin name and wins.
    pub shadowed_by: Option<PathBuf>,
}

/// Reads the manifest of one file, whatever its name ends with.
pub fn inspect(path: &Path) -> Result<Manifest> {
    let file = rules::open(path)?;
    let section = elf::manifest_section(&file).map_err(|error| at(path, error))?;
    Manifest::parse(&section).map_err(|error| at(path, error))
}

/// Looks at every file of the path. The same file met again, by a link or another path, is listed once.
pub fn scan(path: &SearchPath) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut seen = BTreeSet::new();
    let mut winners: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (dir, origin) in &path.dirs {
        let (names, trouble) = list(dir, *origin);
        let refused = |error| Candidate { path: dir.clone(), outcome: Err(error), shadowed_by: None };
        candidates.extend(trouble.map(refused));
        for name in names {
            let path = dir.join(&name);
            let own = name.as_encoded_bytes().starts_with(OWN_PREFIX.as_bytes());
            let outcome = match look(&path, &mut seen) {
                Look::Again => continue,
                Look::Ordinary(_) if !own => continue,
                Look::Broken(_) if !own && *origin == Origin::Default => continue,
                Look::Ordinary(error) | Look::Broken(error) => Err(error),
                Look::Plugin(outcome) => outcome,
            };
            let mut shadowed_by = None;
            if let Ok(manifest) = &outcome {
                match winners.get(&manifest.name) {
                    Some(winner) => shadowed_by = Some(winner.clone()),
                    None => drop(winners.insert(manifest.name.clone(), path.clone())),
                }
            }
            candidates.push(Candidate { path, outcome, shadowed_by });
        }
    }
    candidates
}

/// The plugin of a name: the first on the path. If there is none, a refused file that is named like it, so that its
/// reason is told.
pub fn find(path: &SearchPath, name: &str) -> Option<Candidate> {
    let candidates = scan(path);
    let named = |c: &&Candidate| c.outcome.as_ref().is_ok_and(|manifest| manifest.name == name);
    candidates.iter().find(named).or_else(|| refused_like(&candidates, name)).cloned()
}

/// The plugin that has a driver: the first on the path that is not shadowed. If there is none but a refused file is
/// named like the driver, its refusal is the answer.
pub fn find_provider(path: &SearchPath, kind: Kind, driver: &str) -> Result<Option<Candidate>> {
    let candidates = scan(path);
    let provides = |c: &&Candidate| {
        let has = |m: &Manifest| m.provides.iter().any(|(k, name)| *k == kind && name == driver);
        c.shadowed_by.is_none() && c.outcome.as_ref().is_ok_and(has)
    };
    if let Some(found) = candidates.iter().find(provides) {
        return Ok(Some(found.clone()));
    }
    match refused_like(&candidates, driver).map(|candidate| &candidate.outcome) {
        Some(Err(error)) => Err(error.clone()),
        _ => Ok(None),
    }
}

fn refused_like<'a>(candidates: &'a [Candidate], name: &str) -> Option<&'a Candidate> {
    let name = name.replace('-', "_");
    let fits = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
        [OWN_PREFIX, "lib", ""].iter().any(|prefix| stem.strip_prefix(prefix) == Some(&name))
    };
    let is_file = |path: &Path| path.extension() == Some(OsStr::new("so"));
    candidates.iter().find(|c| c.outcome.is_err() && is_file(&c.path) && fits(&c.path))
}

enum Look {
    /// Met before.
    Again,
    /// A sound library without a manifest.
    Ordinary(Error),
    /// Failed before a manifest was found.
    Broken(Error),
    /// Has a manifest, good or bad.
    Plugin(Result<Manifest>),
}

fn look(path: &Path, seen: &mut BTreeSet<(u64, u64)>) -> Look {
    let opened = rules::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = match opened {
        Ok(opened) => opened,
        Err(error) => return Look::Broken(error),
    };
    if !seen.insert((metadata.dev(), metadata.ino())) {
        return Look::Again;
    }
    match elf::manifest_section(&file) {
        Ok(section) => Look::Plugin(Manifest::parse(&section).map_err(|error| at(path, error))),
        Err(error @ ElfError::NoManifest {}) => Look::Ordinary(at(path, error)),
        Err(error @ (ElfError::EmptyManifest {} | ElfError::TwoManifests {} | ElfError::TooLarge { .. })) => {
            Look::Plugin(Err(at(path, error)))
        }
        Err(error) => Look::Broken(at(path, error)),
    }
}

fn at(path: &Path, error: impl Into<Error>) -> Error {
    error.into().doing(shown(path))
}

/// The `.so` files of a directory by name, and what was wrong with it.
fn list(dir: &Path, origin: Origin) -> (BTreeSet<OsString>, Option<Error>) {
    let mut names = BTreeSet::new();
    let mut trouble = None;
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => return (names, dir_error(dir, origin, error)),
    };
    for entry in entries {
        let name = match entry {
            Ok(entry) => entry.file_name(),
            Err(error) => {
                trouble = dir_error(dir, origin, error);
                break;
            }
        };
        if Path::new(&name).extension() == Some(OsStr::new("so")) && name != HOST_LIBRARY {
            names.insert(name);
        }
        // The last by name goes, not the last met: the order of a directory is anybody's guess.
        if names.len() > MAX_FILES_PER_DIR {
            names.pop_last();
            trouble = Some(DirError::TooMany { dir: shown(dir) }.into());
        }
    }
    (names, trouble)
}

/// A directory that was given must be there; one of the environment may be missing, as in `$PATH`; the executable's
/// own need not even be readable.
fn dir_error(dir: &Path, origin: Origin, error: std::io::Error) -> Option<Error> {
    let dir = shown(dir);
    match (origin, error.kind()) {
        (Origin::Default, _) | (Origin::Environment, ErrorKind::NotFound) => None,
        (_, ErrorKind::NotFound) => Some(DirError::Missing { dir }.into()),
        (_, ErrorKind::NotADirectory) => Some(DirError::NotDirectory { dir }.into()),
        _ => Some(Error::from(error).doing(format_args!("read the plugin directory {dir}"))),
    }
}
