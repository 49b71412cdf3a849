/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/filesystem.h
 *
 * File systems: a volume of inodes. The host walks paths, caches names, follows links and checks
 * permissions; a file system answers questions about single nodes.
 *
 * - `node` is a number of the file system's choice, opaque to the host, never 0. It is not `nx_attr.ino`.
 * - Counting. Each successful `lookup`, `create`, `mkdir`, `mknod`, `symlink` and `link` adds one to the
 *   count of the node it answers. `forget(node, n)` takes n away. The root has a count of one from `mount` to
 *   `unmount`, which forgets everything. `readdir` adds none. The content of a node without names lives until
 *   its count is zero and nothing pins it.
 * - Names are the bytes of one path component: 1 to `name_max_bytes` of them, never `.` or `..`, no `/`, no
 *   NUL. The host answers `.` and `..` itself.
 * - Permissions, the type of a node (a directory where one is needed) and a volume's being read-only are
 *   checked by the host before the call; a file system may check again.
 * - Special nodes: reading, writing and opening a FIFO, socket or device node never reaches the file system.
 *
 * Only `mount`, `lookup`, `readdir` and `read` are required. That is a read-only file system.
 *
 * Tags such as [blocks] are explained in nxvfs.h. */
#ifndef NXVFS_FILESYSTEM_H
#define NXVFS_FILESYSTEM_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the user gave when a volume is mounted, probed, formatted or checked. */
typedef struct nx_mount_args {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_MOUNT_*` flags. */
    uint32_t flags;
    /* Token of the block device, for the services; 0 if the mount has none. */
    uint64_t device;
    /* Token of the mount, for `invalidate_*`; 0 for probe, format and check. */
    uint64_t mount;
    /* What the user named as source, such as `/dev/ram0`; text. */
    nx_str source;
    /* Every option of the manifest, with its value; `param_count` of them, `param_stride` bytes apart. */
    const nx_param *params;
    /* Number of options. */
    uint32_t param_count;
    /* Distance of two options in bytes. */
    uint32_t param_stride;
} nx_mount_args;

/* `nx_mount_args.flags`: nothing may be changed. */
#define NX_MOUNT_RDONLY 1u

/* `nx_mount_args.flags` of `check`: repair what can be repaired safely. */
#define NX_MOUNT_REPAIR 0x100u

/* What a file system tells of itself when mounted. */
typedef struct nx_mount_info {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_INFO_*` flags. */
    uint32_t flags;
    /* The root directory's node. */
    uint64_t root;
    /* Longest name in bytes; 0 for 255. */
    uint32_t name_max_bytes;
    /* Magic number, as in `statfs`. */
    uint32_t magic;
} nx_mount_info;

/* `nx_mount_info.flags`: the volume cannot be changed, whatever was asked. */
#define NX_INFO_RDONLY 1u
/* `nx_mount_info.flags`: different spellings may name the same entry. The host then trusts a cached name,
 * and the absence of one above all, only as long as it has changed nothing in the directory. */
#define NX_INFO_NAMES_FOLDED 2u
/* `nx_mount_info.flags`: the content of the volume never changes while it is mounted. */
#define NX_INFO_IMMUTABLE 4u

/* Attributes of a node. */
typedef struct nx_attr {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* File type and permission bits (`NX_S_IF*`, `NX_S_IS*`). */
    uint32_t mode;
    /* Number of the inode as users see it: stable, the same for all its names, equal to what readdir
     * tells. */
    uint64_t ino;
    /* Length in bytes; of a symbolic link, of its target. */
    uint64_t size_bytes;
    /* Space used on the medium, in units of 512 bytes. */
    uint64_t blocks;
    /* Number of names. */
    uint32_t nlink;
    /* Owner. */
    uint32_t uid;
    /* Group. */
    uint32_t gid;
    /* Best size of a transfer in bytes. */
    uint32_t block_size_bytes;
    /* Device number of a device node: `(major << 32) | minor`. */
    uint64_t rdev;
    /* Last access. */
    nx_timespec atime;
    /* Last change of the content. */
    nx_timespec mtime;
    /* Last change of the content or the attributes. */
    nx_timespec ctime;
    /* Birth; zero if not known. */
    nx_timespec btime;
} nx_attr;

/* Answer of `lookup` and of what makes a node. */
typedef struct nx_entry {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;
    /* The node; its count went up by one. 0 from `lookup` means: no such name, and the host may remember
     * that for `valid_ns` (as ENOENT does with a validity of zero). */
    uint64_t node;
    /* How long the name may be trusted, in nanoseconds; `UINT64_MAX` until the host changes it. */
    uint64_t valid_ns;
    /* How long the attributes may be trusted, likewise. */
    uint64_t attr_valid_ns;
} nx_entry;

/* Answer of `open` and `create`. */
typedef struct nx_opened {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;
    /* The file system's own number of this opening; passed back until `release`. */
    uint64_t handle;
} nx_opened;

/* Answer of `unlink`, `rmdir` and `rename`: the node that lost a name. */
typedef struct nx_removed {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* How many names it has left. */
    uint32_t nlink;
    /* The node, or 0 if nothing was displaced. Its count does not change. */
    uint64_t node;
} nx_removed;

/* What `setattr` shall change. */
typedef struct nx_set_attr {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_SET_*`: which of the fields hold. */
    uint32_t valid;
    /* Permission bits. */
    uint32_t mode;
    /* Owner. */
    uint32_t uid;
    /* Group. */
    uint32_t gid;
    /* Zero. */
    uint32_t reserved;
    /* Length in bytes. */
    uint64_t size_bytes;
    /* Last access. */
    nx_timespec atime;
    /* Last change of the content. */
    nx_timespec mtime;
    /* Birth. */
    nx_timespec btime;
} nx_set_attr;

/* `nx_set_attr.valid`: `mode`. */
#define NX_SET_MODE 1u
/* `nx_set_attr.valid`: `uid`. */
#define NX_SET_UID 2u
/* `nx_set_attr.valid`: `gid`. */
#define NX_SET_GID 4u
/* `nx_set_attr.valid`: `size_bytes`. */
#define NX_SET_SIZE 8u
/* `nx_set_attr.valid`: `atime`. */
#define NX_SET_ATIME 0x10u
/* `nx_set_attr.valid`: `mtime`. */
#define NX_SET_MTIME 0x20u
/* `nx_set_attr.valid`: `btime`. */
#define NX_SET_BTIME 0x40u

/* One entry of a directory, as `readdir` emits it. */
typedef struct nx_dir_entry {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* File type (`NX_S_IFMT` bits of the mode); 0 if not known. */
    uint32_t file_type;
    /* The inode's number, equal to `nx_attr.ino`. */
    uint64_t ino;
    /* Where to go on after this entry: not 0, below 2^62. */
    uint64_t next_cookie;
    /* The name; valid during the call of `emit`. */
    nx_str name;
} nx_dir_entry;

/* First cookie that a file system must not use. */
#define NX_COOKIE_LIMIT (UINT64_C(1) << 62)

/* The host's function that takes an entry. It never calls a plugin. Non-zero means: stop, and do not count
 * this entry as taken. */
typedef int32_t (*nx_emit_entry)(void *arg, const nx_dir_entry *entry);

/* Sizes of a volume. */
typedef struct nx_stat_fs {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* Magic number of the file system. */
    uint32_t magic;
    /* Bytes of a block. */
    uint32_t block_size_bytes;
    /* Longest name in bytes. */
    uint32_t name_max_bytes;
    /* Blocks of the volume. */
    uint64_t blocks;
    /* Free blocks. */
    uint64_t blocks_free;
    /* Free blocks for ordinary users. */
    uint64_t blocks_available;
    /* Inodes; 0 if not limited. */
    uint64_t files;
    /* Free inodes. */
    uint64_t files_free;
    /* Number that tells volumes apart. */
    uint64_t volume_id;
} nx_stat_fs;

/* What `probe` found. */
typedef struct nx_probe_info {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* How sure it is: 0 not this file system, 1 to 100 it may be. */
    uint32_t score;
    /* Bytes of the volume; 0 if not known. */
    uint64_t volume_bytes;
    /* Bytes of the label that were filled. */
    uint32_t label_len;
    /* Zero. */
    uint32_t reserved;
    /* The volume's label, UTF-8. */
    uint8_t label[64];
} nx_probe_info;

/* One finding of `check`. */
typedef struct nx_finding {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_FINDING_*`. */
    uint32_t severity;
    /* Where on the medium, in bytes; `UINT64_MAX` if nowhere in particular. */
    uint64_t medium_offset;
    /* Path of the file within the volume, or empty; text. */
    nx_str path;
    /* What is wrong: what, where, expected, found; text. */
    nx_str text;
} nx_finding;

/* `nx_finding.severity`: worth knowing, nothing is wrong. */
#define NX_FINDING_NOTE 0u
/* `nx_finding.severity`: wrong, and repaired in this run. */
#define NX_FINDING_REPAIRED 1u
/* `nx_finding.severity`: wrong, no data in danger. */
#define NX_FINDING_WARNING 2u
/* `nx_finding.severity`: data are lost or in danger. */
#define NX_FINDING_ERROR 3u

/* The host's function that takes a finding. Non-zero means: stop. */
typedef int32_t (*nx_emit_finding)(void *arg, const nx_finding *finding);

/* Flag of `rename`: EEXIST if the new name exists. */
#define NX_RENAME_NOREPLACE 1u
/* Flag of `rename`: both names exist and are swapped. */
#define NX_RENAME_EXCHANGE 2u

/* Mode of `fallocate`: the file's length does not change. */
#define NX_FALLOC_KEEP_SIZE 1u
/* Mode of `fallocate`: the range becomes a hole; with `NX_FALLOC_KEEP_SIZE` only. */
#define NX_FALLOC_PUNCH_HOLE 2u
/* Mode of `fallocate`: the range reads as zeroes and stays allocated. */
#define NX_FALLOC_ZERO_RANGE 0x10u

/* `whence` of `seek`: first data at or after the offset. */
#define NX_SEEK_DATA 3u
/* `whence` of `seek`: first hole at or after the offset; the end of the file is one. */
#define NX_SEEK_HOLE 4u

/* Flag of `setxattr`: EEXIST if the attribute exists. */
#define NX_XATTR_CREATE 1u
/* Flag of `setxattr`: ENODATA if it does not. */
#define NX_XATTR_REPLACE 2u

/* A file system's table. Calls for one volume may overlap only if the driver is declared parallel.
 *
 * `fs` is what `mount` stored. Errors not named below follow POSIX for the call of the same name. */
typedef struct nx_filesystem_ops {
    /* Size of this table in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;

    /* --- volumes ----------------------------------------------------------------------------------- */

    /* Says whether the device holds such a file system; reads a few sectors at most. Absent: never found by
     * probing. [any thread] [blocks] [services] */
    int32_t (*probe)(void *module, const nx_ctx *ctx, const nx_mount_args *args, nx_probe_info *out);

    /* Required. Mounts a volume: stores a pointer of its own in `*fs`, fills `info` and the root's `attr`.
     * After a failure nothing is held and the device is as it was. Errors: EINVAL no such file system there,
     * EIO, EUCLEAN a damaged one, ENODEV a device is needed. [any thread] [once] [blocks] [services] */
    int32_t (*mount)(void *module, const nx_ctx *ctx, const nx_mount_args *args, void **fs,
                     nx_mount_info *info, nx_attr *root);

    /* Ends a volume: everything is on the device, all nodes are forgotten, memory is freed. No call is
     * under way and none follows, even after a failure, which is reported. Absent: nothing to do.
     * [any thread] [once] [blocks] [services] */
    int32_t (*unmount)(void *fs, const nx_ctx *ctx);

    /* Changes flags and options of a mounted volume. Absent: ENOTSUP. [any thread] [blocks] [services] */
    int32_t (*remount)(void *fs, const nx_ctx *ctx, const nx_mount_args *args);

    /* Fills sizes. Absent: the host tells the device's size, nothing free.
     * [any thread] [blocks] [services] */
    int32_t (*statfs)(void *fs, const nx_ctx *ctx, nx_stat_fs *out);

    /* Everything written is on the medium when this returns. Absent: the device's flush.
     * [any thread] [blocks] [services] */
    int32_t (*sync)(void *fs, const nx_ctx *ctx);

    /* Makes an empty file system on the device, with the options of `args`. Absent: ENOTSUP.
     * [any thread] [blocks] [services] */
    int32_t (*format)(void *module, const nx_ctx *ctx, const nx_mount_args *args);

    /* Examines an unmounted volume and emits what it finds; with `NX_MOUNT_REPAIR` repairs the safe cases.
     * Answers the number of errors and warnings left. Absent: ENOTSUP. [any thread] [blocks] [services] */
    int64_t (*check)(void *module, const nx_ctx *ctx, const nx_mount_args *args, nx_emit_finding emit,
                     void *arg);

    /* --- names and nodes --------------------------------------------------------------------------- */

    /* Required. Finds a name in a directory; the node's count goes up by one. Errors: ENOENT.
     * [any thread] [blocks] [services] */
    int32_t (*lookup)(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_entry *entry, nx_attr *attr);

    /* Takes `count` away from a node's count; at zero the number may be given to another. Absent: nothing
     * to do. [any thread] [brief] */
    void (*forget)(void *fs, uint64_t node, uint64_t count);

    /* Fills attributes. Absent: those of the last answer stand. [any thread] [blocks] [services] */
    int32_t (*getattr)(void *fs, const nx_ctx *ctx, uint64_t node, nx_attr *attr);

    /* Changes attributes, all or none, and fills the new ones. Absent: EROFS.
     * [any thread] [blocks] [services] */
    int32_t (*setattr)(void *fs, const nx_ctx *ctx, uint64_t node, const nx_set_attr *set, nx_attr *attr);

    /* Copies a link's target into `buf` and answers its length, which may be more than `len` (then the copy
     * is cut). Absent: EINVAL. [any thread] [blocks] [services] */
    int64_t (*readlink)(void *fs, const nx_ctx *ctx, uint64_t node, uint8_t *buf, size_t len);

    /* Makes a symbolic link. Absent: EROFS. [any thread] [blocks] [services] */
    int32_t (*symlink)(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_str target, nx_entry *entry,
                       nx_attr *attr);

    /* Gives a node one more name. Absent: EROFS. Errors: EMLINK, EPERM. [any thread] [blocks] [services] */
    int32_t (*link)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t dir, nx_str name, nx_entry *entry,
                    nx_attr *attr);

    /* Makes a FIFO, socket or device node (or an empty file). Absent: EROFS.
     * [any thread] [blocks] [services] */
    int32_t (*mknod)(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, uint32_t mode, uint64_t rdev,
                     nx_entry *entry, nx_attr *attr);

    /* Makes a directory. Absent: EROFS. [any thread] [blocks] [services] */
    int32_t (*mkdir)(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, uint32_t mode, nx_entry *entry,
                     nx_attr *attr);

    /* Takes a name that is no directory's away. Absent: EROFS. [any thread] [blocks] [services] */
    int32_t (*unlink)(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_removed *out);

    /* Takes an empty directory away. Absent: EROFS. Errors: ENOTEMPTY. [any thread] [blocks] [services] */
    int32_t (*rmdir)(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_removed *out);

    /* Renames, replacing what has the new name unless `flags` say otherwise (`NX_RENAME_NOREPLACE`,
     * `NX_RENAME_EXCHANGE`); `out` tells what was displaced. The host has refused a move into the node's
     * own subtree. Absent: EROFS. [any thread] [blocks] [services] */
    int32_t (*rename)(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, uint64_t new_dir,
                      nx_str new_name, uint32_t flags, nx_removed *out);

    /* Makes a regular file and opens it. Absent: EROFS. [any thread] [blocks] [services] */
    int32_t (*create)(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, uint32_t mode, uint32_t flags,
                      nx_entry *entry, nx_attr *attr, nx_opened *opened);

    /* Required. Emits the entries of a directory from `cookie` on (0: from the start), without `.` and
     * `..`, until `emit` answers non-zero or there are no more. An entry that is there throughout is
     * emitted exactly once. Answers 0. [any thread] [blocks] [services] */
    int32_t (*readdir)(void *fs, const nx_ctx *ctx, uint64_t dir, uint64_t cookie, nx_emit_entry emit,
                       void *arg);

    /* --- content ----------------------------------------------------------------------------------- */

    /* Opens a regular file; `flags` are open flags without `NX_O_CREAT`, `NX_O_EXCL` and `NX_O_TRUNC`.
     * Absent: handle 0, always. [any thread] [blocks] [services] */
    int32_t (*open)(void *fs, const nx_ctx *ctx, uint64_t node, uint32_t flags, nx_opened *opened);

    /* Ends an opening; no call with the handle is under way and none follows. Absent: nothing to do.
     * [any thread] [once] [blocks] [services] */
    int32_t (*release)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle);

    /* Required. Reads up to `len` bytes at `offset`; answers how many, fewer only at the end of the file, 0
     * beyond it. [any thread] [blocks] [services] */
    int64_t (*read)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset,
                    uint8_t *buf, size_t len);

    /* Writes up to `len` bytes at `offset` (with `NX_O_APPEND` in `flags`: at the end, whatever `offset`
     * says); answers how many, fewer only if the next byte would fail. Absent: EROFS. Errors: ENOSPC,
     * EFBIG. [any thread] [blocks] [services] */
    int64_t (*write)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset,
                     const uint8_t *buf, size_t len, uint32_t flags);

    /* One descriptor of the opening was closed: reports a late error, if any. Absent: nothing to do.
     * [any thread] [blocks] [services] */
    int32_t (*flush)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle);

    /* The node's content, and with `data_only` 0 all its attributes, are on the medium when this returns.
     * Also for directories, with handle 0. Absent: `sync`. [any thread] [blocks] [services] */
    int32_t (*fsync)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint32_t data_only);

    /* Reserves, zeroes or frees space by `NX_FALLOC_*` mode. Absent: ENOTSUP.
     * [any thread] [blocks] [services] */
    int32_t (*fallocate)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint32_t mode,
                         uint64_t offset, uint64_t len);

    /* Finds data or a hole (`NX_SEEK_DATA`, `NX_SEEK_HOLE`); answers the offset. Absent: all is data.
     * Errors: ENXIO beyond the end. [any thread] [blocks] [services] */
    int64_t (*seek)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset,
                    uint32_t whence);

    /* --- extended attributes ----------------------------------------------------------------------- */

    /* Copies a value and answers its length; with `len` 0 only the length. Absent: ENOTSUP. Errors:
     * ENODATA, ERANGE. [any thread] [blocks] [services] */
    int64_t (*getxattr)(void *fs, const nx_ctx *ctx, uint64_t node, nx_str name, uint8_t *buf, size_t len);

    /* Sets a value; `flags`: `NX_XATTR_CREATE`, `NX_XATTR_REPLACE`. Absent: ENOTSUP.
     * [any thread] [blocks] [services] */
    int32_t (*setxattr)(void *fs, const nx_ctx *ctx, uint64_t node, nx_str name, nx_str value,
                        uint32_t flags);

    /* Copies all names, each ended by a NUL, and answers the length; with `len` 0 only the length. Absent:
     * none. [any thread] [blocks] [services] */
    int64_t (*listxattr)(void *fs, const nx_ctx *ctx, uint64_t node, uint8_t *buf, size_t len);

    /* Takes an attribute away. Absent: ENOTSUP. Errors: ENODATA. [any thread] [blocks] [services] */
    int32_t (*removexattr)(void *fs, const nx_ctx *ctx, uint64_t node, nx_str name);

    /* --- the rest ---------------------------------------------------------------------------------- */

    /* Any command for an open file or directory (`handle` 0). Argument as in `nx_block_ops.ioctl`. Absent:
     * ENOTTY. [any thread] [blocks] [services] */
    int64_t (*ioctl)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint32_t command,
                     uintptr_t arg, size_t arg_size);

    /* Tells where on the medium the content from `offset` lies, in order and without gaps, for at most
     * `len` bytes and `capacity` extents (`stride` bytes apart), and pins what it told: until `unpin(*pin)`
     * those bytes of the medium hold this file's content or nothing. Answers the number of extents; they
     * may cover less than was asked, then the host asks again for the rest. 0 extents: nothing is pinned.
     *
     * With `len` 0 the host asks whether mapping is offered at all: answer 0. Absent: the host asks by
     * ioctl `NX_FIOC_MMAP`; if that fails too, files are not mapped in place. Errors: EINVAL beyond the end,
     * ENXIO not stored as plain bytes. [any thread] [blocks] [services] */
    int64_t (*map_extents)(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t offset, uint64_t len,
                           nx_extent *extents, uint32_t capacity, uint32_t stride, uint64_t *pin);

    /* Lets go what `map_extents` pinned. Absent: pins need no release. [any thread] [brief] */
    void (*unpin)(void *fs, uint64_t node, uint64_t pin);

    /* Tells which parts of the medium are free, in order and apart, from the medium's byte `offset` on: at
     * most `capacity` extents (`stride` bytes apart), with a `file_offset` of 0. Answers the number of
     * extents; with as many as there was room for, the host asks again behind the last. It is a picture of
     * this moment: nothing is pinned. Absent: not known. [any thread] [blocks] [services] */
    int64_t (*free_extents)(void *fs, const nx_ctx *ctx, uint64_t offset, nx_extent *extents,
                            uint32_t capacity, uint32_t stride);
} nx_filesystem_ops;

#ifdef __cplusplus
}
#endif

#endif /* NXVFS_FILESYSTEM_H */
