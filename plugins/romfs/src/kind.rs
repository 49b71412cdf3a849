//! The eight kinds of headers, and what Linux makes of each.

use nxvfs_sdk::mode;

/// What a header describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Another name of a file: `spec` is the offset of its header.
    HardLink,
    /// A directory: `spec` is the offset of its first entry's header, or zero.
    Directory,
    /// A file with content.
    RegularFile,
    /// A symbolic link: the content is its target.
    SymbolicLink,
    /// A block device: `spec` is major and minor number, 16 bits each.
    BlockDevice,
    /// A character device, likewise.
    CharacterDevice,
    /// A socket.
    Socket,
    /// A FIFO.
    Fifo,
}

impl Kind {
    /// The kind in the low three bits of a header's first word.
    pub fn of(next: u32) -> Self {
        match next & 7 {
            0 => Self::HardLink,
            1 => Self::Directory,
            2 => Self::RegularFile,
            3 => Self::SymbolicLink,
            4 => Self::BlockDevice,
            5 => Self::CharacterDevice,
            6 => Self::Socket,
            _ => Self::Fifo,
        }
    }

    /// The low three bits of a header's first word.
    pub fn bits(self) -> u32 {
        match self {
            Self::HardLink => 0,
            Self::Directory => 1,
            Self::RegularFile => 2,
            Self::SymbolicLink => 3,
            Self::BlockDevice => 4,
            Self::CharacterDevice => 5,
            Self::Socket => 6,
            Self::Fifo => 7,
        }
    }

    /// Type and permissions, as Linux tells them. The executable bit counts for directories and files only.
    pub fn mode(self, executable: bool) -> u32 {
        let x = if executable { 0o111 } else { 0 };
        match self {
            Self::HardLink => 0,
            Self::Directory => mode::S_IFDIR | 0o644 | x,
            Self::RegularFile => mode::S_IFREG | 0o644 | x,
            Self::SymbolicLink => mode::S_IFLNK | 0o777,
            Self::BlockDevice => mode::S_IFBLK | 0o600,
            Self::CharacterDevice => mode::S_IFCHR | 0o600,
            Self::Socket => mode::S_IFSOCK | 0o644,
            Self::Fifo => mode::S_IFIFO | 0o644,
        }
    }

    /// The type alone; 0 for a hard link, which has none of its own.
    pub fn file_type(self) -> u32 {
        self.mode(false) & mode::S_IFMT
    }

    /// Whether `size` bytes of content follow the header.
    pub fn has_content(self) -> bool {
        matches!(self, Self::RegularFile | Self::SymbolicLink)
    }

    /// The device number `(major << 32) | minor` of a device node; 0 for every other.
    pub fn rdev(self, spec: u32) -> u64 {
        match self {
            Self::BlockDevice | Self::CharacterDevice => {
                u64::from(spec >> 16) << 32 | u64::from(spec & 0xffff)
            }
            _ => 0,
        }
    }
}
