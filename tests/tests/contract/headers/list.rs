//! What Rust says: every struct with its offsets and every constant with its value. The names stand here because
//! only the compiler knows the numbers; `names_are_the_same` holds the lists equal to the sources.

use std::mem::{align_of, offset_of, size_of};

use nxvfs_abi::Errno;

use super::scan;

/// A struct's layout.
pub(crate) struct Layout {
    /// Its name in C.
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) align: usize,
    /// Name, offset and size of each field.
    pub(crate) fields: Vec<(&'static str, usize, usize)>,
}

/// A constant.
pub(crate) struct Constant {
    /// Its name in C.
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// A constant's value in C.
pub(crate) enum Value {
    /// Value, size in bytes, and whether it is signed.
    Number(u64, usize, bool),
    Text(&'static str),
}

impl From<u16> for Value {
    /// C has no constants shorter than `int`.
    fn from(v: u16) -> Self {
        Self::Number(v.into(), 4, true)
    }
}

impl From<i32> for Value {
    fn from(v: i32) -> Self {
        Self::Number(u64::try_from(v).expect("an errno is positive"), 4, true)
    }
}

impl From<u32> for Value {
    fn from(v: u32) -> Self {
        Self::Number(v.into(), 4, false)
    }
}

impl From<u64> for Value {
    fn from(v: u64) -> Self {
        Self::Number(v, 8, false)
    }
}

impl From<usize> for Value {
    /// A limit; in C a plain unsigned number.
    fn from(v: usize) -> Self {
        Self::Number(v as u64, 4, false)
    }
}

impl From<&'static str> for Value {
    fn from(v: &'static str) -> Self {
        Self::Text(v)
    }
}

fn size_of_field<T, F>(_: impl Fn(&T) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! structs {
    ($($module:ident { $($name:ident { $($field:ident)* })* })*) => {
        /// Every struct that crosses.
        pub(crate) fn structs() -> Vec<Layout> {
            use nxvfs_abi::{$($module),*};
            vec![$($(Layout {
                name: scan::c_name(stringify!($name)),
                size: size_of::<$module::$name>(),
                align: align_of::<$module::$name>(),
                fields: vec![$((
                    stringify!($field),
                    offset_of!($module::$name, $field),
                    size_of_field(|v: &$module::$name| &v.$field),
                )),*],
            }),*),*]
        }
    };
}

macro_rules! constants {
    ($($($module:ident)::* { $($name:ident)* })*) => {
        /// Every constant of the contract.
        pub(crate) fn constants() -> Vec<Constant> {
            let mut all = vec![Constant { name: "NX_ERRNO_MAX".into(), value: Errno::MAX.into() }];
            all.extend(Errno::ALL.iter().map(|e| Constant { name: format!("NX_{}", e.name()), value: e.get().into() }));
            $({
                use nxvfs_abi::$($module::)*{$($name),*};
                let module = [$(stringify!($module)),*].last().copied().unwrap_or_default();
                all.extend([$(Constant { name: scan::c_constant(module, stringify!($name)), value: $name.into() }),*]);
            })*
            all
        }
    };
}

structs! {
    types {
        Str { ptr len }
        Timespec { seconds nanoseconds reserved }
        Extent { file_offset medium_offset len_bytes }
        Ctx { size flags uid gid umask reserved task deadline_ns cancel }
        Param { size kind given reserved name text number }
    }
    ioctl { PartitionInfo { size sector_size_bytes start_sector sector_count parent } }
    block {
        AttachArgs { size flags node device params param_count param_stride }
        Geometry { size flags sector_size_bytes write_unit_bytes sector_count }
        XipGrant { size flags base len_bytes memory_offset memory_fd reserved }
        BlockOps { size flags attach detach geometry read write flush barrier discard xip_grant ioctl }
    }
    character {
        CharacterOps { size flags attach detach open release read write seek ioctl poll map }
    }
    mapper {
        MapRequest { size flags file offset len_bytes file_len_bytes page_size_bytes reserved budget_bytes }
        MapPlan { size kind chunk_bytes ahead_bytes }
        MapperOps { size flags attach detach plan fill drain }
    }
    filesystem {
        MountArgs { size flags device mount source params param_count param_stride }
        MountInfo { size flags root name_max_bytes magic }
        Attr { size mode ino size_bytes blocks nlink uid gid block_size_bytes rdev atime mtime ctime btime }
        Entry { size flags node valid_ns attr_valid_ns }
        Opened { size flags handle }
        Removed { size nlink node }
        SetAttr { size valid mode uid gid reserved size_bytes atime mtime btime }
        DirEntry { size file_type ino next_cookie name }
        StatFs {
            size magic block_size_bytes name_max_bytes blocks blocks_free blocks_available files files_free volume_id
        }
        ProbeInfo { size score volume_bytes label_len reserved label }
        Finding { size severity medium_offset path text }
        FileSystemOps {
            size flags probe mount unmount remount statfs sync format check lookup forget getattr setattr readlink
            symlink link mknod mkdir unlink rmdir rename create readdir open release read write flush fsync fallocate
            seek getxattr setxattr listxattr removexattr ioctl map_extents unpin
            free_extents
        }
    }
    services {
        ErrorText { size flags what place expected found remedy }
        Services {
            size flags abi_major abi_minor log_level log clock report_error report_panic device_geometry device_read
            device_write device_flush device_barrier device_discard device_xip file_read file_write invalidate_entry
            invalidate_node wake file_len file_sync file_discard
        }
    }
    plugin {
        Driver { size kind flags reserved name ops }
        InitArgs { size flags services params param_count param_stride }
        Descriptor {
            size magic abi_major abi_minor flags name version drivers driver_count driver_stride init exit
            set_log_level
        }
    }
}

constants! {
    { ABI_MAJOR ABI_MINOR }
    grow { MAX_SIZE }
    manifest { SECTION MAX_BYTES }
    types {
        CTX_NONBLOCK CTX_SYNC PARAM_BOOL PARAM_INT PARAM_UINT PARAM_SIZE PARAM_STR PARAM_PATH
        PARAM_FILE
    }
    types::mode {
        S_IFMT S_IFSOCK S_IFLNK S_IFREG S_IFBLK S_IFDIR S_IFCHR S_IFIFO S_ISUID S_ISGID S_ISVTX
    }
    types::open {
        O_RDONLY O_WRONLY O_RDWR O_ACCMODE O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_DSYNC O_DIRECT
        O_LARGEFILE O_DIRECTORY O_NOFOLLOW O_NOATIME O_CLOEXEC O_SYNC O_PATH
    }
    ioctl {
        FIOC_REFORMAT FIOC_OPTIMIZE FIOC_FILEPATH FIOC_INTEGRITY FIOC_DUMP FIONREAD FIONWRITE FIONSPACE FIONBIO
        FIOCLEX FIONCLEX FIOC_SETLK FIOC_GETLK FIOC_SETLKW FIOGCLEX FIOC_XIPBASE FIOC_MMAP BIOC_XIPBASE BIOC_GEOMETRY
        BIOC_FLUSH BIOC_PARTINFO BIOC_BLKSSZGET BIOC_BLKGETSIZE BIOC_DISCARD PIPEIOC_POLICY PIPEIOC_POLLINTHRD
        PIPEIOC_POLLOUTTHRD PIPEIOC_PEEK PIPEIOC_SETSIZE PIPEIOC_GETSIZE
    }
    block {
        GEOMETRY_WRITABLE GEOMETRY_AVAILABLE GEOMETRY_CHANGED GEOMETRY_DISCARD_ZEROES XIP_WRITABLE XIP_MEMORY_OBJECT WRITE_FUA IO_META
    }
    character { SEEK_SET SEEK_CUR SEEK_END }
    character::event { POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL }
    mapper {
        MAP_REQUEST_WRITABLE MAP_REQUEST_LAZY_POSSIBLE MAP_REQUEST_POPULATE PLAN_EAGER PLAN_LAZY PLAN_PREFETCH
    }
    filesystem {
        MOUNT_RDONLY MOUNT_REPAIR INFO_RDONLY INFO_NAMES_FOLDED INFO_IMMUTABLE SET_MODE SET_UID SET_GID SET_SIZE
        SET_ATIME SET_MTIME SET_BTIME COOKIE_LIMIT FINDING_NOTE FINDING_REPAIRED FINDING_WARNING FINDING_ERROR
        RENAME_NOREPLACE RENAME_EXCHANGE FALLOC_KEEP_SIZE FALLOC_PUNCH_HOLE FALLOC_ZERO_RANGE SEEK_DATA SEEK_HOLE
        XATTR_CREATE XATTR_REPLACE
    }
    services { SERVICES_STATIC }
    services::level { OFF ERROR WARN INFO DEBUG TRACE }
    services::clock { REALTIME MONOTONIC REALTIME_COARSE }
    plugin {
        MAGIC PLUGIN_UNFROZEN PLUGIN_CONTRACT PLUGIN_PANIC_ABORTS KIND_FILESYSTEM KIND_BLOCK KIND_CHARACTER KIND_MAPPER
        DRIVER_PARALLEL MAX_DRIVERS C_ENTRY_PREFIX RUST_ENTRY_PREFIX
    }
}
