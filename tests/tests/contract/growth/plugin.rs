//! growfs: a file system without a device, built against each version of the contract. Its one file tells what the
//! host handed over. With the feature `next` it uses what version 1.1 added.

use nxvfs_sdk::abi::filesystem::{INFO_IMMUTABLE, INFO_RDONLY};
use nxvfs_sdk::mode::{S_IFDIR, S_IFREG};
use nxvfs_sdk::{Attr, Ctx, Emit, Errno, FileSystem, Found, Mount, Result, Volume};

const ROOT: u64 = 1;
const FILE: u64 = 2;
const NAME: &[u8] = b"facts.txt";

/// A mounted volume.
pub struct GrowFs {
    text: String,
}

impl GrowFs {
    fn attr(&self, node: u64) -> Attr {
        #[allow(unused_mut, reason = "changed by later versions only")]
        let mut attr = match node {
            ROOT => Attr::new(ROOT, S_IFDIR | 0o555, 0),
            _ => Attr::new(FILE, S_IFREG | 0o444, self.text.len() as u64),
        };
        #[cfg(feature = "next")]
        {
            attr.project_id = 4711;
        }
        attr
    }
}

impl FileSystem for GrowFs {
    type File = ();

    #[cfg(feature = "next")]
    const FEATURES: u64 = 5;

    #[cfg(feature = "next")]
    fn tell_story(&self, _ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        let story = format!("node {node} lived happily");
        let len = story.len().min(buf.len());
        buf[..len].copy_from_slice(&story.as_bytes()[..len]);
        Ok(len)
    }

    fn mount(_ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        let params = mount.params();
        #[allow(unused_mut, reason = "changed by later versions only")]
        let mut text = format!("greeting={} count={}", params.str("greeting"), params.uint("count"));
        #[cfg(feature = "next")]
        {
            let number = nxvfs_sdk::host_number().map_or("none".to_owned(), |n| n.to_string());
            text += &format!(" session={} host_number={number}", mount.session());
        }
        let volume = Self { text };
        let info =
            Volume { flags: INFO_RDONLY | INFO_IMMUTABLE, ..Volume::new(ROOT, volume.attr(ROOT), 0x4752) };
        Ok((volume, info))
    }

    fn lookup(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found> {
        if dir != ROOT || name != NAME {
            return Err(Errno::ENOENT.into());
        }
        #[allow(unused_mut, reason = "changed by later versions only")]
        let mut found = Found::new(FILE, self.attr(FILE));
        #[cfg(feature = "next")]
        {
            found.generation = 7;
        }
        Ok(found)
    }

    fn getattr(&self, _ctx: &Ctx, node: u64) -> Result<Attr> {
        Ok(self.attr(node))
    }

    fn readdir(&self, _ctx: &Ctx, _dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        if cookie == 0 {
            let _ = emit.entry(NAME, FILE, S_IFREG, 1);
        }
        Ok(())
    }

    fn read(&self, _ctx: &Ctx, node: u64, _file: &(), offset: u64, buf: &mut [u8]) -> Result<usize> {
        if node != FILE {
            return Err(Errno::EISDIR.into());
        }
        let rest = self.text.as_bytes().get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }
}

// Two drivers and two parameters: the second of each is found by its stride.
nxvfs_sdk::plugin! {
    name: "growfs",
    entry: "growfs",
    drivers: [filesystem "growfs" => GrowFs; filesystem "growfs-two" => GrowFs],
    params: ["greeting": str = "hello", "any words"; "count": uint = "1", "any number"],
}
