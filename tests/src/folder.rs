//! Trees of files of the operating system, in folders that vanish.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A temporary folder that is filled by a chain of calls. Paths are relative to it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// The folder's own path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in the folder; the directories on the way are made.
    pub fn at(&self, path: &str) -> PathBuf {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("directories");
        path
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.at(path), content).expect("a file");
        self
    }

    /// Adds an empty directory.
    #[must_use]
    pub fn dir(self, path: &str) -> Self {
        std::fs::create_dir_all(self.at(path)).expect("a directory");
        self
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        symlink(target, self.at(path)).expect("a symbolic link");
        self
    }

    /// Adds a second name of a file.
    #[must_use]
    pub fn hard_link(self, path: &str, old: &str) -> Self {
        std::fs::hard_link(self.at(old), self.at(path)).expect("a hard link");
        self
    }

    /// Sets the permission bits of something.
    #[must_use]
    pub fn mode(self, path: &str, mode: u32) -> Self {
        std::fs::set_permissions(self.at(path), std::fs::Permissions::from_mode(mode)).expect("a mode");
        self
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}
