//! One inode: a header that was verified, and is no hard link.

use nxvfs_sdk::{Attr, Errno};

use crate::flaw::{Fault, Flaw};
use crate::format::{HEADER_MAX_BYTES, Header, Kind, LINK_HOPS_MAX, verify_pointer};
use crate::image::Image;

/// An inode. Its number, for users and host alike, is the offset of its header: never 0, because the volume's own
/// header is there, and the same for all its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) offset: u32,
    pub(crate) kind: Kind,
    pub(crate) executable: bool,
    pub(crate) spec: u32,
    pub(crate) size_bytes: u32,
    pub(crate) data_offset: u32,
}

impl Node {
    /// What a header says, without a look at whether it may.
    pub(crate) fn unverified(header: &Header<'_>) -> Self {
        Self {
            offset: header.offset,
            kind: header.kind,
            executable: header.executable,
            spec: header.spec,
            size_bytes: header.size_bytes,
            data_offset: header.data_offset(),
        }
    }

    /// The node of a header whose checksum is right and whose content lies in the volume.
    pub(crate) fn of(header: &Header<'_>, image: &Image) -> Result<Self, Flaw> {
        header.verify()?;
        header.verify_content(image.full_size_bytes())?;
        Ok(Self::unverified(header))
    }

    /// Follows hard links from a header on; answers the node and whether there was a link. At most
    /// [`LINK_HOPS_MAX`], so links that lead to one another in a circle end here too.
    fn follow(image: &Image, offset: u32) -> Result<(Self, bool), Fault> {
        let (mut at, mut buf) = (offset, [0; HEADER_MAX_BYTES]);
        for hop in 0..=LINK_HOPS_MAX {
            let header = image.header(at, &mut buf)?;
            let node = Self::of(&header, image)?;
            if node.kind != Kind::HardLink {
                return Ok((node, hop > 0));
            }
            at = verify_pointer("hard link leads nowhere", at, node.spec, image.full_size_bytes())?;
        }
        Err(Flaw::new("hard links lead to one another", offset)
            .errno(Errno::ELOOP)
            .expected(format_args!("a file after at most {LINK_HOPS_MAX}"))
            .found("one more")
            .into())
    }

    /// The node that an entry's header means. A hard link to a directory is refused: it could lead back to where one
    /// came from, and no tool makes one but `.` and `..`, which are not looked up.
    pub(crate) fn resolve(image: &Image, offset: u32) -> Result<Self, Fault> {
        match Self::follow(image, offset)? {
            (node, true) if node.kind == Kind::Directory => {
                Err(Flaw::new("hard link to a directory", offset)
                    .expected("a link to anything else")
                    .found(format_args!("a link to the directory at byte {:#x}", node.offset))
                    .into())
            }
            (node, _) => Ok(node),
        }
    }

    /// The node that a number of ours means.
    pub(crate) fn load(image: &Image, offset: u32) -> Result<Self, Fault> {
        let offset = verify_pointer("no such inode", offset, offset, image.full_size_bytes())?;
        let mut buf = [0; HEADER_MAX_BYTES];
        Ok(Self::of(&image.header(offset, &mut buf)?, image)?)
    }

    /// The root directory: the volume's first header, or what it is a hard link to.
    pub(crate) fn root(image: &Image, offset: u32) -> Result<Self, Fault> {
        let offset = verify_pointer("no room for a root directory", 0, offset, image.full_size_bytes())?;
        let (root, _) = Self::follow(image, offset)?;
        if root.kind != Kind::Directory {
            return Err(Flaw::new("root is not a directory", root.offset)
                .expected("a directory")
                .found(format_args!("{:?}", root.kind))
                .into());
        }
        Ok(root)
    }

    pub(crate) fn number(&self) -> u64 {
        self.offset.into()
    }

    /// Attributes as Linux tells them: one name whatever the hard links, a directory as long as its header, time 0,
    /// owned by user and group 0.
    pub(crate) fn attr(&self) -> Attr {
        let size_bytes = match self.kind {
            Kind::Directory => self.data_offset.saturating_sub(self.offset),
            _ => self.size_bytes,
        };
        let rdev = self.kind.rdev(self.spec);
        Attr { rdev, ..Attr::new(self.number(), self.kind.mode(self.executable), size_bytes.into()) }
    }
}
