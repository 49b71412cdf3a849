//! What the shell itself refuses, each with its sentence.

use crate::base::error::teach;

teach! {
    /// What the shell itself refuses.
    #[allow(unreachable_pub, reason = "the macro makes public enums; this module is private")]
    pub enum ShellError {
        /// A program that did not end by itself.
        Killed { path: String, signal: i32 } => EINTR, what: "ended by a signal", place: "{path}", found: "signal {signal}";
        /// A quote without its partner.
        Unbalanced { quote: String } => EINVAL, what: "unbalanced quote", found: "{quote} without its partner",
            remedy: "close it, or write \\{quote} for the character itself";
        /// A backslash with nothing after it.
        Backslash {} => EINVAL, what: "a backslash at the end of the input", expected: "a character after it";
        /// Pipes and the like.
        Operator { operator: String } => EINVAL, what: "this shell has no pipes, input from files or background",
            found: "'{operator}' outside quotes", remedy: "quote it if it belongs to a name, or pipe the whole program";
        /// More than one `>`, or something after it.
        Redirections { found: String } => EINVAL, what: "a command has at most one '>' or '>>', at its end",
            found: "{found}", remedy: "quote what belongs to a name";
        /// A `>` with nothing after it.
        NoTarget {} => EINVAL, what: "no file after '>'", expected: "COMMAND > FILE or COMMAND >> FILE";
        /// A `>` with nothing before it.
        NoOutput {} => EINVAL, what: "no command before '>'", remedy: "'truncate -s 0 FILE' makes an empty file";
        /// A descriptor before `>`.
        Redirected { number: String } => EINVAL, what: "only standard output can be redirected",
            found: "'{number}>'", remedy: "put a space before '>' if the number is a word";
        /// A file that is read and written at once.
        OwnOutput { path: String } => EINVAL, what: "the output goes to the file that is read", place: "{path}";
        /// Several files for one name.
        NoDirectory { path: String } => ENOTDIR, what: "not a directory", place: "{path}",
            expected: "a directory for several files";
        /// A directory where files are meant.
        NotRecursive { path: String } => EISDIR, what: "is a directory", place: "{path}",
            remedy: "-r takes it with what is in it";
        /// A directory as a part of itself.
        IntoItself { from: String, to: String } => EINVAL, what: "a directory cannot go into itself",
            place: "{from}", found: "the destination {to} inside it";
        /// A file over itself.
        SameFile { from: String, to: String } => EINVAL, what: "both are the same file", place: "{from} and {to}";
        /// A directory over a file.
        OverFile { path: String } => ENOTDIR, what: "a directory cannot replace a file", place: "{path}";
        /// A file over a directory.
        OverDirectory { path: String } => EISDIR, what: "a file cannot replace a directory", place: "{path}";
        /// `.`, `..` and `/` have no name that could be taken away.
        NoName { path: String } => EINVAL, what: "not a name that can be taken away", place: "'{path}'",
            expected: "a path that does not end in '.', '..' or '/' alone";
        /// Volumes in what is to be removed.
        MountedBelow { path: String, mount: String } => EBUSY, what: "a volume is mounted there", place: "{path}",
            found: "the mount point {mount}", remedy: "umount {mount} first; nothing was removed";
        /// The command line of one command.
        Usage { command: String, message: String, usage: String } => EINVAL, what: "{command}: {message}",
            remedy: "{usage}";
        /// Scripts that run scripts.
        Nested { path: String } => ELOOP, what: "scripts run each other without end", place: "{path}",
            expected: "at most 16 inside each other";
        /// A directory that is no longer listed in order.
        LargeDirectory { path: String, max: usize } => EOVERFLOW, what: "directory too large to be sorted",
            place: "{path}", expected: "at most {max} entries", remedy: "the first {max} are used";
        /// A directory that lies inside itself.
        Cycle { path: String } => ELOOP, what: "a directory that contains itself is not listed again",
            place: "{path}", remedy: "check the volume; it is damaged";
        /// Content that does not fit into a document.
        LargeDocument { path: String, max_bytes: u64 } => EFBIG, what: "too long for a JSON document",
            place: "{path}", expected: "at most {max_bytes} bytes", remedy: "leave --json out";
        /// Not what readlink needs.
        NotLink { path: String } => EINVAL, what: "not a symbolic link", place: "{path}";
        /// A device of another driver.
        NotLoop { node: String, driver: String } => EINVAL, what: "not a loop device", place: "{node}",
            found: "driver {driver}", remedy: "'detach {node}' ends any device";
        /// An image that is there, where one is to be made.
        ImageThere { path: String } => EEXIST, what: "the image is there already", place: "{path}",
            remedy: "leave --size out to make the file system in it, or remove it";
        /// An image that is not there, and no size to make it.
        NoImage { path: String } => ENOENT, what: "no such image", place: "{path}", remedy: "--size makes it";
        /// No partition of that number.
        NoPartition { path: String, number: u32, known: String } => ENOENT, what: "no partition {number}",
            place: "{path}", found: "{known}";
        /// No such command.
        NoCommand { name: String } => ENOENT, what: "no such command", place: "'{name}'",
            remedy: "'help' lists the commands";
    }
}
