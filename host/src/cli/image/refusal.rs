//! What commands on images refuse, each with its sentence.

use crate::base::error::teach;
use crate::cli::failure::Failure;

impl From<ImageError> for Failure {
    fn from(refusal: ImageError) -> Self {
        Self::Error(refusal.into())
    }
}

teach! {
    /// What commands on images refuse.
    #[allow(unreachable_pub, reason = "the macro makes public enums; this module is private")]
    pub enum ImageError {
        /// An image that is there, where one is to be made.
        There { path: String } => EEXIST, what: "the image is there already", place: "{path}",
            remedy: "leave --size out to make the file system in it, or remove it";
        /// An image that is not there, and no size to make it.
        Missing { path: String } => ENOENT, what: "no such image", place: "{path}", remedy: "--size makes it";
        /// No partition of that number.
        NoPartition { path: String, number: u32, known: String } => ENOENT, what: "no partition {number}",
            place: "{path}", found: "{known}";
        /// Partitions of which several, or none, may be meant.
        Which { path: String, parts: String } => EINVAL, what: "which partition is meant?", place: "{path}",
            found: "{parts}", remedy: "name one of them: --part N";
        /// Volumes that are made as a whole.
        NeverWritable { path: String, fs: String } => EROFS, what: "{fs} volumes cannot be changed", place: "{path}",
            remedy: "'image get' the files, change them, and make it anew: nxvfs mkfs -t {fs}";
        /// Not a file that can be changed as a whole.
        NotRegular { path: String } => EINVAL, what: "not a regular file", place: "{path}",
            expected: "an image in a file, which can be changed in one step", remedy: "copy it to a file first";
        /// Somebody else has it.
        InUse { path: String, how: &'static str } => EBUSY, what: "another program uses the image", place: "{path}",
            found: "its lock ({how})", remedy: "end that program, or wait for it";
        /// A journal that belongs to another state.
        ForeignJournal { path: String, journal: String } => EUCLEAN,
            what: "a change of the image was interrupted, and somebody changed the image since", place: "{path}",
            found: "{journal}", remedy: "remove the journal if the image is as you want it";
        /// A journal that is no journal.
        BadJournal { journal: String, found: String } => EUCLEAN, what: "not a journal of an image",
            place: "{journal}", found: "{found}", remedy: "remove it if you know that it is not needed";
        /// A change that is decided but not yet in the image.
        Pending { path: String, journal: String } => EBUSY, what: "a change of the image was interrupted",
            place: "{path}", found: "{journal}", remedy: "'nxvfs image check --repair {path}' completes it";
        /// The change is safe in the journal, and that is all.
        NotApplied { path: String, journal: String, why: String } => EIO,
            what: "the change is complete, but not all of it reached the image: {why}", place: "{path}",
            found: "{journal}", remedy: "the next command that changes the image, or 'image check --repair', goes on";
        /// Where a file was to be opened.
        OverLink { path: String } => ELOOP, what: "a symbolic link is there already", place: "{path}",
            remedy: "remove it, or choose another place";
        /// What is there is of another kind.
        OverOther { path: String, there: &'static str, kind: &'static str } => EEXIST,
            what: "a {there} is there already", place: "{path}", expected: "a {kind} or nothing";
        /// Several things for one name.
        NoDirectory { path: String } => ENOTDIR, what: "not a directory", place: "{path}",
            expected: "a directory, as several things shall go there, or the path ends in a slash";
        /// A file where a folder is needed.
        NotFolder { path: String } => ENOTDIR, what: "not a folder", place: "{path}",
            expected: "a folder whose files the volume gets";
        /// Two names of the host that the volume cannot tell apart.
        SameName { path: String } => EEXIST, what: "two files get one name on the volume", place: "{path}",
            found: "another file of the same command there", remedy: "rename one: upper and lower case may be one here";
        /// Links that the volume cannot hold.
        NoLinks { path: String, target: String } => ENOTSUP, what: "the volume cannot hold symbolic links",
            place: "{path}", found: "a link to {target}", remedy: "-L puts what links lead to";
        /// Special nodes that the volume cannot hold.
        NoSpecial { path: String, kind: &'static str } => ENOTSUP, what: "the volume cannot hold a {kind} node",
            place: "{path}", remedy: "leave it out of the folder";
        /// Device nodes that this user cannot make.
        NotRoot { path: String, kind: &'static str } => EPERM, what: "only root can make a {kind} node", place: "{path}",
            remedy: "get the other files one by one, or be root";
        /// Reading would never end.
        WouldWait { path: String, kind: &'static str } => EINVAL, what: "a {kind} has no content", place: "{path}",
            expected: "a regular file";
        /// A directory that lies in what goes into it.
        Loop { path: String } => ELOOP, what: "a folder that contains itself by a link is not followed", place: "{path}",
            remedy: "leave -L out";
        /// A picture over the image.
        OwnImage { path: String } => EINVAL, what: "the picture would replace the image", place: "{path}",
            remedy: "-o names another file, such as map.svg";
        /// A folder that is needed.
        NeedsFolder { fs: String } => EINVAL, what: "{fs} is made of a folder", expected: "a folder: --from DIR";
    }
}
