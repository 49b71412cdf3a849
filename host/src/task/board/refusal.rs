//! Why a board cannot be.

use crate::base::error::teach;

teach! {
    /// Why a board cannot be.
    pub enum BoardError {
        /// Longer than any board.
        TooLong {} => EFBIG, what: "too long for a board", expected: "at most 1 MiB";
        /// No TOML at all.
        NotToml { why: String } => EINVAL, what: "not TOML", found: "{why}", remedy: "docs/board.md shows a board";
        /// A table that boards do not have.
        NoSection { found: String, known: String, hint: String } => EINVAL, what: "a board has no such table",
            expected: "one of {known}", found: "{found}", remedy: "{hint}";
        /// `[device]` or `device = …` where entries belong.
        NotEntries { section: &'static str, found: String } => EINVAL, what: "not entries of a board",
            place: "{section}", expected: "[[{section}]] before each one", found: "{found}";
        /// A key that an entry does not have.
        NoKey { section: &'static str, found: String, known: String, hint: String } => EINVAL,
            what: "no such key in [[{section}]]", expected: "one of {known}", found: "{found}", remedy: "{hint}";
        /// A key that must be there.
        NoValue { section: &'static str, key: &'static str } => EINVAL, what: "a key is missing",
            place: "[[{section}]]", expected: "{key} = …";
        /// A value of another type.
        WrongType { key: String, expected: &'static str, found: String } => EINVAL, what: "not such a value",
            place: "{key}", expected: "{expected}", found: "{found}";
        /// Keys of which one stands.
        OneOf { section: &'static str, keys: &'static str, found: &'static str } => EINVAL, what: "one key too few or too many",
            place: "[[{section}]]", expected: "one of {keys}", found: "{found}";
        /// Keys that stand together.
        Together { section: &'static str, keys: &'static str } => EINVAL, what: "keys that belong together",
            place: "[[{section}]]", expected: "all of {keys}, or none", found: "some of them";
        /// A size where there is no volume.
        FolderSize {} => EINVAL, what: "a folder of the host's own tree has no size", place: "size",
            remedy: "leave it out, or write type = \"tmpfs\"";
        /// Not a path of the tree.
        NotAbsolute { key: &'static str, found: String } => EINVAL, what: "not a path of the VFS", place: "{key}",
            expected: "one that begins with / and goes on", found: "'{found}'";
        /// A name that something has already.
        Taken { path: String, line: usize } => EEXIST, what: "the name is taken", place: "{path}",
            found: "it in line {line} already", remedy: "choose another name";
        /// A mount point that a volume is mounted on.
        Covered { path: String, line: usize } => EBUSY, what: "a volume is mounted there already", place: "{path}",
            found: "it in line {line}", remedy: "choose another target";
        /// A device that the board does not make.
        NoDevice { node: String, hint: String } => ENOTBLK, what: "no entry before makes this device", place: "{node}",
            remedy: "{hint}";
        /// A file of the operating system that is not there.
        NoFile { param: String, path: String, why: String } => ENOENT, what: "no such file of the operating system",
            place: "{param}", found: "'{path}': {why}",
            remedy: "relative paths begin at the working directory of the program";
        /// A table of partitions that is wanted.
        NoTable { node: String } => ENXIO, what: "no table of partitions on the device", place: "{node}",
            remedy: "give node, start_sector and sectors";
    }
}
