//! Block devices: cache, nodes, partitions, files as disks. In one binary, as each costs seconds to link.

#[path = "devices/block_cache.rs"]
mod block_cache;
#[path = "devices/block_nodes.rs"]
mod block_nodes;
#[path = "devices/loop_disk.rs"]
mod loop_disk;
#[path = "devices/loop_vfs.rs"]
mod loop_vfs;
#[path = "devices/partitions.rs"]
mod partitions;
