//! hello-fs: a complete read-only file system, to be copied and changed.
//!
//! It needs no block device. Its tree never changes: `/hello.txt` holds the greeting that the user
//! may give as mount option, and `/docs/readme.txt` holds a constant text. Four functions make it:
//! `mount`, `lookup`, `readdir` and `read`. Everything else (paths, `.` and `..`, descriptors,
//! permissions, caching) is the host's.

// The SDK turns safe code into the functions that the host calls: a plugin needs no unsafe code.
#![forbid(unsafe_code)]

use nxvfs_sdk::abi::filesystem::{INFO_IMMUTABLE, INFO_RDONLY};
use nxvfs_sdk::mode::{S_IFDIR, S_IFREG};
use nxvfs_sdk::{Attr, Ctx, Emit, Errno, Fail, FileSystem, Found, Mount, Result, Volume};

/// The root directory's node. Nodes are numbers of our own choice, except 0. Here a node is also
/// the inode number that users see; it need not be.
const ROOT: u64 = 1;
/// The node of `/docs`.
const DOCS: u64 = 3;
/// Tells kinds of file systems apart in `statfs`. Choose your own.
const MAGIC: u32 = 0x4845_4c4f;
const README: &str = "Files of hello-fs cannot be changed.\n";

/// What a node holds.
enum Content {
    Directory,
    Greeting,
    Text(&'static str),
}
use Content::{Directory, Greeting, Text};

/// One entry of the tree.
struct Node {
    node: u64,
    /// The directory that the entry is in.
    dir: u64,
    name: &'static str,
    content: Content,
}

/// The whole tree below the root.
const TREE: &[Node] = &[
    Node { node: 2, dir: ROOT, name: "hello.txt", content: Greeting },
    Node { node: DOCS, dir: ROOT, name: "docs", content: Directory },
    Node { node: 4, dir: DOCS, name: "readme.txt", content: Text(README) },
];

/// A mounted volume. The host makes one for each mount, and drops it after unmounting.
pub struct HelloFs {
    greeting: String,
}

impl HelloFs {
    /// The bytes of a file; `None` for a directory.
    fn bytes(&self, node: &Node) -> Option<&[u8]> {
        match node.content {
            Directory => None,
            Greeting => Some(self.greeting.as_bytes()),
            Text(text) => Some(text.as_bytes()),
        }
    }
}

impl FileSystem for HelloFs {
    // What each opening of a file remembers. We need nothing.
    type File = ();

    fn mount(_ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        // The host has checked the option's type, and has put in the default of `plugin!` below if
        // the user gave none. A file system on a block device would now call `mount.medium()`, and
        // read its superblock.
        let greeting = mount.params().str("greeting");
        if greeting.is_empty() {
            // A refusal tells the user what is wrong and what to do about it. A bare errno,
            // `Err(Errno::EINVAL.into())`, is legal too, but helps nobody.
            return Err(Fail::new(Errno::EINVAL, "greeting is empty")
                .place("option greeting")
                .expected("1 character or more")
                .remedy("leave the option away"));
        }
        log::info!("the greeting has {} bytes", greeting.len());
        // INFO_RDONLY: whoever wants to write gets EROFS from the host. INFO_IMMUTABLE: a promise
        // that nothing ever changes, so that the host may keep whatever it has read.
        let root = Attr::new(ROOT, S_IFDIR | 0o555, 0);
        let volume =
            Volume { flags: INFO_RDONLY | INFO_IMMUTABLE, ..Volume::new(ROOT, root, MAGIC) };
        Ok((Self { greeting: format!("{greeting}\n") }, volume))
    }

    fn lookup(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found> {
        // Names are bytes, as on Linux. The host has checked that `dir` is a directory.
        let mut nodes = TREE.iter();
        let node =
            nodes.find(|n| n.dir == dir && n.name.as_bytes() == name).ok_or(Errno::ENOENT)?;
        let attr = match self.bytes(node) {
            None => Attr::new(node.node, S_IFDIR | 0o555, 0),
            Some(bytes) => Attr::new(node.node, S_IFREG | 0o444, bytes.len() as u64),
        };
        // Each `Found` counts as one use of the node; `forget` tells when the host ends such uses.
        // Our nodes are always there, so we need not count.
        Ok(Found::new(node.node, attr))
    }

    fn readdir(&self, _ctx: &Ctx, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        // A cookie says where to go on: 0 at the start, later what we told with the last entry that
        // the host took. Ours is the place in `TREE` after that entry.
        for (index, node) in TREE.iter().enumerate().skip(cookie as usize) {
            let file_type = if self.bytes(node).is_none() { S_IFDIR } else { S_IFREG };
            let (name, next_cookie) = (node.name.as_bytes(), index as u64 + 1);
            if node.dir == dir && emit.entry(name, node.node, file_type, next_cookie).is_break() {
                break; // The host has enough for now.
            }
        }
        Ok(())
    }

    fn read(&self, _: &Ctx, node: u64, _: &(), offset: u64, buf: &mut [u8]) -> Result<usize> {
        let node = TREE.iter().find(|n| n.node == node).ok_or(Errno::ENOENT)?;
        let bytes = self.bytes(node).ok_or(Errno::EISDIR)?;
        // Fewer bytes than asked for tell the end of the file; 0, that the offset is not before it.
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let len = buf.len().min(bytes.len() - start);
        buf[..len].copy_from_slice(&bytes[start..start + len]);
        Ok(len)
    }
}

// Makes the plugin's manifest and its entry points.
// name:    what `lsmod` shows.
// entry:   the end of the exported symbols' names: an identifier that no other plugin uses.
// drivers: kind, the name that users give (`mount -t hellofs`), type. Calls into one volume come
//          one after another; with `, parallel` after the type they may overlap.
// params:  name, type, default as a user would write it, help.
nxvfs_sdk::plugin! {
    name: "hello-fs",
    entry: "hello_fs",
    drivers: [filesystem "hellofs" => HelloFs],
    params: ["greeting": str = "Hello from a plugin", "what /hello.txt says"],
}
