/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/block.h
 *
 * Block drivers: a medium of equal sectors.
 *
 * Tags such as [blocks] are explained in nxvfs.h. */
#ifndef NXVFS_BLOCK_H
#define NXVFS_BLOCK_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the user gave when a device was attached. Used by block and character drivers. */
typedef struct nx_attach_args {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;
    /* Node that is being made, such as `/dev/ram0`; text. */
    nx_str node;
    /* Token of the device, for the services. */
    uint64_t device;
    /* Every parameter of the manifest, with its value; `param_count` of them, `param_stride` bytes apart. */
    const nx_param *params;
    /* Number of parameters. */
    uint32_t param_count;
    /* Distance of two parameters in bytes. */
    uint32_t param_stride;
} nx_attach_args;

/* Shape of a medium. */
typedef struct nx_geometry {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_GEOMETRY_*` flags. */
    uint32_t flags;
    /* Bytes of a sector: a power of two, 512 to 65,536. */
    uint32_t sector_size_bytes;
    /* Bytes of the medium's own unit of writing, a multiple of the sector; 0 if it has none. */
    uint32_t write_unit_bytes;
    /* Number of sectors; the product with the sector size stays below 2^63. */
    uint64_t sector_count;
} nx_geometry;

/* `nx_geometry.flags`: sectors can be written. */
#define NX_GEOMETRY_WRITABLE 1u
/* `nx_geometry.flags`: there is a medium in the drive. */
#define NX_GEOMETRY_AVAILABLE 2u
/* `nx_geometry.flags`: the medium was changed since the last call. */
#define NX_GEOMETRY_CHANGED 4u
/* `nx_geometry.flags`: discarded sectors read as zeroes. */
#define NX_GEOMETRY_DISCARD_ZEROES 8u

/* Right to use the medium as memory. */
typedef struct nx_xip_grant {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_XIP_*` flags. */
    uint32_t flags;
    /* Address of the medium's first byte, aligned to 64 bytes or better; valid until `detach`. */
    uint8_t *base;
    /* Bytes that may be used from there; covers the geometry. */
    uint64_t len_bytes;
    /* Where in the memory object the medium's first byte lies; a multiple of the page size. */
    uint64_t memory_offset;
    /* With `NX_XIP_MEMORY_OBJECT`: descriptor of the memory object (a memfd or a file) behind `base`. The
     * host duplicates it; the driver keeps its own. Views of their own need it; without it only addresses
     * inside the grant can be handed out. */
    int32_t memory_fd;
    /* Zero. */
    uint32_t reserved;
} nx_xip_grant;

/* `nx_xip_grant.flags`: stores through the memory reach the medium. */
#define NX_XIP_WRITABLE 1u
/* `nx_xip_grant.flags`: `memory_fd` and `memory_offset` hold. A flag, because 0 is a descriptor too. */
#define NX_XIP_MEMORY_OBJECT 2u

/* Flag of `write`: the data are on the medium, not in a volatile cache, when the call returns. */
#define NX_WRITE_FUA 1u

/* Flag of `read` and `write`: the sectors hold a file system's own structures. */
#define NX_IO_META 2u

/* A block driver's table. Calls may overlap only if the driver is declared parallel. */
typedef struct nx_block_ops {
    /* Size of this table in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;

    /* Required. Makes a device and stores a pointer of the driver's in `*dev`. Answers 0. After a failure
     * nothing is held. [any thread] [once] [blocks] [services] */
    int32_t (*attach)(void *module, const nx_ctx *ctx, const nx_attach_args *args, void **dev);

    /* Required. Ends a device that nobody uses: everything written is on the medium, memory is freed. A
     * failure is reported, and the device is gone nevertheless. [any thread] [once] [blocks] [services] */
    int32_t (*detach)(void *dev, const nx_ctx *ctx);

    /* Required. Fills the shape. [any thread] [brief] */
    int32_t (*geometry)(void *dev, const nx_ctx *ctx, nx_geometry *out);

    /* Required. Reads `sector_count` sectors into `buf` (of that many sectors' bytes). Answers
     * `sector_count`; fewer mean that the medium failed on the way. After a failure `buf` is undefined.
     * `flags`: `NX_IO_META`. Errors: EIO; EINVAL if any of the sectors lies outside the medium, and then
     * none is read. [any thread] [blocks] [services] */
    int64_t (*read)(void *dev, const nx_ctx *ctx, uint64_t start_sector, uint32_t sector_count, uint8_t *buf,
                    uint32_t flags);

    /* Writes sectors, as `read`. `flags`: `NX_WRITE_FUA`, `NX_IO_META`. Each sector is written whole or not
     * at all; after a failure each holds its old or its new content. Absent: EROFS. Errors: EROFS, EIO,
     * ENOSPC, EINVAL outside the medium. [any thread] [blocks] [services] */
    int64_t (*write)(void *dev, const nx_ctx *ctx, uint64_t start_sector, uint32_t sector_count,
                     const uint8_t *buf, uint32_t flags);

    /* All writes that were answered are on the medium when this returns. Absent: nothing to do.
     * [any thread] [blocks] [services] */
    int32_t (*flush)(void *dev, const nx_ctx *ctx);

    /* No write after this call reaches the medium before all writes answered before it. Absent: `flush`.
     * [any thread] [blocks] [services] */
    int32_t (*barrier)(void *dev, const nx_ctx *ctx);

    /* The content of the sectors is no longer needed. Absent: nothing happens.
     * [any thread] [blocks] [services] */
    int32_t (*discard)(void *dev, const nx_ctx *ctx, uint64_t start_sector, uint64_t sector_count);

    /* Grants the medium as memory, until `detach`. Absent: the host asks by ioctl `NX_BIOC_XIPBASE`, whose
     * address is taken as read-only and as long as the geometry; if that fails too, there is no XIP.
     * [any thread] [brief] */
    int32_t (*xip_grant)(void *dev, const nx_ctx *ctx, nx_xip_grant *out);

    /* Any command. `arg` is a value, or the address of `arg_size` bytes; `arg_size` 0 with an unknown command
     * means opaque. Absent: ENOTTY. [any thread] [blocks]
     * [services] */
    int64_t (*ioctl)(void *dev, const nx_ctx *ctx, uint32_t command, uintptr_t arg, size_t arg_size);
} nx_block_ops;

#ifdef __cplusplus
}
#endif

#endif /* NXVFS_BLOCK_H */
