//! The plugins that are linked statically. A binary that depends on this crate and names it once
//! (`use nxvfs_builtin as _;`) has them all; nothing else in the project names a driver.

use nxvfs_hostfs as _;
use nxvfs_loop as _;
use nxvfs_ramdisk_xip as _;
use nxvfs_rammap as _;
use nxvfs_romfs as _;
use nxvfs_tmpfs as _;
use nxvfs_vfat as _;
