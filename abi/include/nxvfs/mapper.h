/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/mapper.h
 *
 * Mappers: the policy of mapping a file through RAM. A mapper decides when and in what order pages are
 * filled and moves the bytes; memory, views, sharing and faults are the host's.
 *
 * Tags such as [blocks] are explained in nxvfs.h. */
#ifndef NXVFS_MAPPER_H
#define NXVFS_MAPPER_H

#include "block.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What shall be mapped. */
typedef struct nx_map_request {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_MAP_REQUEST_*` flags. */
    uint32_t flags;
    /* Token of the file, for `file_read` and `file_write`. */
    uint64_t file;
    /* First byte of the range in the file. */
    uint64_t offset;
    /* Bytes of the range. */
    uint64_t len_bytes;
    /* Length of the file. */
    uint64_t file_len_bytes;
    /* Bytes of a page. */
    uint32_t page_size_bytes;
    /* Zero. */
    uint32_t reserved;
    /* Bytes of memory that the host has left for mappings. */
    uint64_t budget_bytes;
} nx_map_request;

/* `nx_map_request.flags`: stores will be written back. */
#define NX_MAP_REQUEST_WRITABLE 1u
/* `nx_map_request.flags`: the host can fill single pages when they are touched. */
#define NX_MAP_REQUEST_LAZY_POSSIBLE 2u
/* `nx_map_request.flags`: the user asked for the pages at once. */
#define NX_MAP_REQUEST_POPULATE 4u

/* What the mapper decided. */
typedef struct nx_map_plan {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_PLAN_*`. */
    uint32_t kind;
    /* Bytes to fill at a time, a multiple of the page; 0 for one page. */
    uint64_t chunk_bytes;
    /* Bytes to fill ahead of a touched page (`NX_PLAN_PREFETCH`). */
    uint64_t ahead_bytes;
} nx_map_plan;

/* `nx_map_plan.kind`: fill the whole range before the map is answered. */
#define NX_PLAN_EAGER 1u
/* `nx_map_plan.kind`: fill a page when it is touched. */
#define NX_PLAN_LAZY 2u
/* `nx_map_plan.kind`: as lazy, and fill ahead. */
#define NX_PLAN_PREFETCH 3u

/* A mapper's table. */
typedef struct nx_mapper_ops {
    /* Size of this table in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;

    /* Makes an instance; `args.node` is empty. Absent: the instance is null. [any thread] [once] [brief] */
    int32_t (*attach)(void *module, const nx_ctx *ctx, const nx_attach_args *args, void **mapper);

    /* Ends an instance that maps nothing. Absent: nothing to do. [any thread] [once] [brief] */
    int32_t (*detach)(void *mapper, const nx_ctx *ctx);

    /* Required. Decides. Refuses with an error: ENODEV cannot be mapped, ENOMEM over budget.
     * [any thread] [brief] */
    int32_t (*plan)(void *mapper, const nx_ctx *ctx, const nx_map_request *request, nx_map_plan *plan);

    /* Required. Brings `len` bytes of the file from `offset` into `buf`, zeroes beyond the end; answers how
     * many are the file's. [any thread] [blocks] [services] */
    int64_t (*fill)(void *mapper, const nx_ctx *ctx, uint64_t file, uint64_t offset, uint8_t *buf,
                    size_t len);

    /* Brings `len` bytes back into the file; answers how many were written. Absent: shared mappings are
     * read-only. [any thread] [blocks] [services] */
    int64_t (*drain)(void *mapper, const nx_ctx *ctx, uint64_t file, uint64_t offset, const uint8_t *buf,
                     size_t len);
} nx_mapper_ops;

#ifdef __cplusplus
}
#endif

#endif /* NXVFS_MAPPER_H */
