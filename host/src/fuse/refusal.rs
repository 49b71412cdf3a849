//! Why a folder does not become a mount.

use crate::base::error::teach;

teach! {
    /// Why a folder does not become a mount.
    pub enum FuseError {
        /// No FUSE.
        NoKernel { found: String } => ENODEV, what: "this kernel offers no FUSE", place: "/dev/fuse", found: "{found}",
            remedy: "load it (modprobe fuse), and in a container pass /dev/fuse on; 'nxvfs image' needs none";
        /// The helper that lets ordinary users mount.
        NoHelper { helper: &'static str } => EPERM, what: "only root may mount without a helper", place: "{helper}",
            found: "no such program", remedy: "install it (Debian: fuse3), or be root";
        /// Not a directory.
        NoDirectory { path: String, found: String } => ENOTDIR, what: "the mount point must be a folder", place: "{path}",
            found: "{found}";
        /// Already mounted.
        Mounted { path: String } => EBUSY, what: "something is mounted there already", place: "{path}",
            remedy: "unmount it (fusermount3 -u, or umount), or choose another folder";
        /// Nothing to unmount.
        NotMounted { path: String } => EINVAL, what: "no volume is mounted there by FUSE", place: "{path}",
            remedy: "'mount -t fuse' lists what is, 'mount -t fuse.vfat' and so on what ordinary users mounted";
        /// The device of FUSE may not be opened.
        Closed { found: String } => EACCES, what: "FUSE is not for everybody here", place: "/dev/fuse", found: "{found}",
            remedy: "chmod 666 /dev/fuse as root, as is usual, or be root";
        /// Of the helper or the kernel.
        Refused { path: String, found: String } => EPERM, what: "the mount was refused", place: "{path}", found: "{found}";
        /// A word of `-o`.
        Option { word: &'static str, found: String, expected: &'static str } => EINVAL, what: "mount option {word}",
            expected: "{expected}", found: "'{found}'";
    }
}
