//! Options of a mount that the host keeps itself.

use std::fmt;

/// Options of a mount, with the numbers of Linux's and NuttX's `MS_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountFlags(pub u32);

impl MountFlags {
    /// Nothing may be changed.
    pub const RDONLY: u32 = 1;
    /// Set-user-id and set-group-id bits are without effect. This host runs no programs: kept and shown.
    pub const NOSUID: u32 = 2;
    /// Device nodes of the volume lead to no driver. This host opens none: kept and shown.
    pub const NODEV: u32 = 4;
    /// Nothing may be executed: `access` for execution and mappings with `PROT_EXEC` are EACCES.
    pub const NOEXEC: u32 = 8;
    /// Each write and each change of a name is on the medium when it returns.
    pub const SYNCHRONOUS: u32 = 0x10;
    /// Not a new mount: options of one that is there change.
    pub const REMOUNT: u32 = 0x20;
    /// Each change of a name is on the medium when it returns.
    pub const DIRSYNC: u32 = 0x80;
    /// Reading files leaves their access times alone.
    pub const NOATIME: u32 = 0x400;
    /// Reading sets the access time if it is not later than the last change.
    pub const RELATIME: u32 = 1 << 21;

    /// The words of `-o` that the host keeps.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(word, ..)| *word)
    }

    /// Whether one of these is set.
    pub fn has(self, flags: u32) -> bool {
        self.0 & flags != 0
    }
}

impl Default for MountFlags {
    /// `rw,nodev,relatime`.
    fn default() -> Self {
        Self(Self::NODEV | Self::RELATIME)
    }
}

/// What a word of `-o` changes: `(word, set, cleared)`.
const WORDS: &[(&str, u32, u32)] = &[
    ("ro", MountFlags::RDONLY, 0),
    ("rw", 0, MountFlags::RDONLY),
    ("nosuid", MountFlags::NOSUID, 0),
    ("suid", 0, MountFlags::NOSUID),
    ("nodev", MountFlags::NODEV, 0),
    ("dev", 0, MountFlags::NODEV),
    ("noexec", MountFlags::NOEXEC, 0),
    ("exec", 0, MountFlags::NOEXEC),
    ("sync", MountFlags::SYNCHRONOUS, 0),
    ("async", 0, MountFlags::SYNCHRONOUS),
    ("dirsync", MountFlags::DIRSYNC, 0),
    ("noatime", MountFlags::NOATIME, MountFlags::RELATIME),
    ("relatime", MountFlags::RELATIME, MountFlags::NOATIME),
    ("remount", MountFlags::REMOUNT, 0),
];

/// Flags that shall be set and cleared; the others stay as they are. The later word wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlagChange {
    /// These come.
    pub set: u32,
    /// These go.
    pub clear: u32,
}

impl FlagChange {
    /// Adds a word of `-o`; answers false if it is none of the host's.
    pub fn word(&mut self, word: &str) -> bool {
        let Some((_, set, clear)) = WORDS.iter().find(|(known, ..)| *known == word) else { return false };
        self.set = self.set & !clear | set;
        self.clear = self.clear & !set | clear;
        true
    }

    /// Changes flags.
    pub fn apply(self, flags: MountFlags) -> MountFlags {
        MountFlags((flags.0 & !self.clear | self.set) & !MountFlags::REMOUNT)
    }
}

impl fmt::Display for MountFlags {
    /// As `-o` would say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.has(Self::RDONLY) { "ro" } else { "rw" })?;
        let shown = WORDS.iter().filter(|(_, set, _)| *set != Self::RDONLY && self.has(*set));
        for (word, ..) in shown {
            write!(f, ",{word}")?;
        }
        Ok(())
    }
}
