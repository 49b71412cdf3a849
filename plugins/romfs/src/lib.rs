//! romfs: the read-only file system of ROM images, as `genromfs` makes them and Linux's `romfs.rst` describes them.
//!
//! Everything in an image is a claim: checksums are verified, every offset is bounded before it is used, and three
//! rules make every walk end (`tree`). Reading a file is one comparison and one copy from the medium.
//!
//! | file | holds |
//! |---|---|
//! | `format`, `kind` | the bytes: headers, checksums, modes; no I/O |
//! | `flaw` | what is wrong with an image, in the parts of a sentence |
//! | `superblock` | the volume's header, and what to say when there is none |
//! | `image` | the medium, bounded by the volume's size |
//! | `node` | one inode: hard links followed, attributes |
//! | `list` | the chain of a directory's entries on the medium |
//! | `index` | the same as a hash table, made at the first lookup |
//! | `hash` | the keyed hash of both |
//! | `tree` | directories in use; the rules against cycles |
//! | `check`, `claims` | the examination of a whole image |
//! | `build` | a volume made of a folder |

#![forbid(unsafe_code)]

mod build;
mod check;
mod claims;
pub mod flaw;
pub mod format;
#[doc(hidden)]
pub mod fuzz;
mod hash;
mod image;
mod index;
mod kind;
mod list;
mod node;
mod superblock;
mod tree;

use std::ops::ControlFlow;

use nxvfs_sdk::abi::filesystem::{INFO_IMMUTABLE, INFO_RDONLY};
use nxvfs_sdk::{
    Attr, Check, Ctx, Emit, Errno, Extent, Fail, FileSystem, Found, Grow, Mount, Probe, Result, StatFs,
    Volume, open,
};

use format::Kind;
use image::Image;
use node::Node;
use superblock::Superblock;
use tree::Tree;

/// Linux's unit of a romfs volume's size.
const BLOCK_SIZE_BYTES: u32 = 1024;

/// A mounted romfs volume.
pub struct RomFs {
    image: Image,
    tree: Tree,
    volume_id: u64,
}

/// An opened file: where its content lies. Everything was checked at `open`.
#[derive(Default)]
pub struct OpenFile {
    medium_offset: u64,
    len_bytes: u64,
}

impl RomFs {
    fn node(&self, number: u64) -> Result<Node> {
        let offset = u32::try_from(number).map_err(|_| Errno::ESTALE)?;
        Ok(Node::load(&self.image, offset)?)
    }
}

impl FileSystem for RomFs {
    type File = OpenFile;

    fn probe(_ctx: &Ctx, mount: &Mount<'_>) -> Result<Option<Probe>> {
        superblock::probe(&mount.medium()?)
    }

    fn mount(_ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        let medium = mount.medium()?;
        let superblock = Superblock::read(&medium)?;
        let image = Image::new(medium, superblock.full_size_bytes);
        let root = Node::root(&image, superblock.root)?;
        log::info!(
            "'{}': {} bytes, root at byte {:#x}, {}",
            superblock.label,
            superblock.full_size_bytes,
            root.offset,
            if image.medium().is_xip() { "read in place" } else { "read through the cache" }
        );
        let volume = Volume {
            flags: INFO_RDONLY | INFO_IMMUTABLE,
            name_max_bytes: format::NAME_MAX_BYTES as u32,
            ..Volume::new(root.number(), root.attr(), format::FS_MAGIC)
        };
        let volume_id = superblock.volume_id();
        Ok((Self { tree: Tree::new(root, image.full_size_bytes()), image, volume_id }, volume))
    }

    fn remount(&self, _ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        if mount.read_only() { Ok(()) } else { Err(Errno::EROFS.into()) }
    }

    fn statfs(&self, _ctx: &Ctx) -> Result<StatFs> {
        Ok(StatFs {
            magic: format::FS_MAGIC,
            block_size_bytes: BLOCK_SIZE_BYTES,
            name_max_bytes: format::NAME_MAX_BYTES as u32,
            blocks: u64::from(self.image.full_size_bytes().div_ceil(BLOCK_SIZE_BYTES)),
            volume_id: self.volume_id,
            ..Grow::empty()
        })
    }

    fn format(_ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        build::format(mount)
    }

    fn check(_ctx: &Ctx, mount: &Mount<'_>, check: &mut Check<'_>) -> Result<()> {
        check::examine(mount.medium()?, check)
    }

    fn lookup(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found> {
        let node = self.tree.lookup(&self.image, dir, name)?;
        Ok(Found::new(node.number(), node.attr()))
    }

    fn forget(&self, node: u64, count: u64) {
        self.tree.forget(node, count);
    }

    fn getattr(&self, _ctx: &Ctx, node: u64) -> Result<Attr> {
        Ok(self.node(node)?.attr())
    }

    fn readdir(&self, _ctx: &Ctx, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        self.tree.readdir(&self.image, dir, cookie, emit)
    }

    fn readlink(&self, _ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        let node = self.node(node)?;
        if node.kind != Kind::SymbolicLink {
            return Err(Errno::EINVAL.into());
        }
        let len = node.size_bytes as usize;
        let copied = len.min(buf.len());
        self.image.medium().read_at(node.data_offset.into(), &mut buf[..copied])?;
        Ok(len)
    }

    fn open(&self, _ctx: &Ctx, node: u64, flags: u32) -> Result<OpenFile> {
        if flags & open::O_ACCMODE != open::O_RDONLY {
            return Err(Errno::EROFS.into());
        }
        let node = self.node(node)?;
        match node.kind {
            Kind::RegularFile => {
                Ok(OpenFile { medium_offset: node.data_offset.into(), len_bytes: node.size_bytes.into() })
            }
            Kind::Directory => Err(Errno::EISDIR.into()),
            _ => Err(Errno::ENXIO.into()),
        }
    }

    #[inline]
    fn read(&self, _ctx: &Ctx, _node: u64, file: &OpenFile, offset: u64, buf: &mut [u8]) -> Result<usize> {
        if offset >= file.len_bytes {
            return Ok(0);
        }
        let len = (file.len_bytes - offset).min(buf.len() as u64) as usize;
        self.image.medium().read_at(file.medium_offset + offset, &mut buf[..len])?;
        Ok(len)
    }

    fn map_extents(
        &self,
        _ctx: &Ctx,
        node: u64,
        offset: u64,
        len: u64,
        push: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<u64> {
        if len == 0 {
            return Ok(node);
        }
        let found = self.node(node)?;
        if found.kind != Kind::RegularFile {
            return Err(Fail::new(Errno::ENXIO, "only the content of regular files can be mapped"));
        }
        let size = u64::from(found.size_bytes);
        if offset >= size {
            return Err(Fail::new(Errno::EINVAL, "mapping begins at or beyond the end of the file")
                .found(format_args!("offset {offset}"))
                .expected(format_args!("below {size}")));
        }
        let extent = Extent {
            file_offset: offset,
            medium_offset: u64::from(found.data_offset) + offset,
            len_bytes: len.min(size - offset),
        };
        // One extent is all there is, so what the host answers does not matter. Nothing in the volume ever moves,
        // so a pin holds without a count.
        let _ = push(extent);
        Ok(node)
    }
}

nxvfs_sdk::plugin! {
    name: "romfs",
    entry: "romfs",
    drivers: [filesystem "romfs" => RomFs, parallel],
    params: [
        "d": path = "", "mkfs: folder of the operating system that becomes the volume";
        "V": str = "rom", "mkfs: label of the volume";
        "a": size = "16", "mkfs: the content of files begins at a multiple of this, a power of two";
        "A": str = "", "mkfs: ALIGN,PATTERN: the same for files that match, the header for all else (repeatable)";
        "x": str = "", "mkfs: leave out what matches this pattern (repeatable)";
    ],
}
