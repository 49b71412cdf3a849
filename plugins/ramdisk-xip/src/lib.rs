//! RAM disk.
#![forbid(unsafe_code)]
use nxvfs_sdk::*;
/// A RAM disk.
pub struct RamDisk { m: MemoryObject }
impl BlockDriver for RamDisk {
    fn attach(_: &Ctx, a: &Attach<'_>) -> Result<Self> { Ok(Self{ m: MemoryObject::zeroed(512 * a.params.uint("sectors") as usize)? }) }
    fn geometry(&self) -> Geometry { Geometry { sector_size_bytes: 512, sector_count: self.m.len() as u64/512, ..Grow::empty() } }
    fn read(&self, _: &Ctx, s: u64, buf: &mut [u8], _: u32) -> Result<()> { self.m.read_at(s*512, buf) }
    fn xip_grant(&self) -> Option<Grant<'_>> { Some(Grant::new(&self.m, true)) }
}
nxvfs_sdk::plugin! {
    name: "ramdisk-xip",
    entry: "ramdisk_xip",
    drivers: [block "ramdisk-xip" => RamDisk, parallel],
    params: ["sectors": uint = "0", "number of sectors"; "x": bool = "n", "help"],
}
