/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/character.h
 *
 * Character drivers: a stream, a register, a console.
 *
 * A driver never waits for an event: it answers EAGAIN, and the host sleeps on the driver's waiters. That
 * gives non-blocking mode, time-outs, cancellation and revocation without a line in the driver.
 *
 * Tags such as [blocks] are explained in nxvfs.h. */
#ifndef NXVFS_CHARACTER_H
#define NXVFS_CHARACTER_H

#include "block.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Events of `poll` and `wake`, with the values of `poll.h`. */

/* There is something to read. */
#define NX_POLLIN 0x01u
/* There is urgent data. */
#define NX_POLLPRI 0x02u
/* Something can be written. */
#define NX_POLLOUT 0x04u
/* An error; always reported. */
#define NX_POLLERR 0x08u
/* The other side is gone; always reported. */
#define NX_POLLHUP 0x10u
/* No such descriptor; made by the host only. */
#define NX_POLLNVAL 0x20u

/* `whence` of `seek`: from the start. */
#define NX_SEEK_SET 0u
/* `whence` of `seek`: from the position. */
#define NX_SEEK_CUR 1u
/* `whence` of `seek`: from the end. */
#define NX_SEEK_END 2u

/* A character driver's table. Calls may overlap only if the driver is declared parallel. */
typedef struct nx_character_ops {
    /* Size of this table in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;

    /* Required. Makes a device, as `nx_block_ops.attach`. [any thread] [once] [blocks] [services] */
    int32_t (*attach)(void *module, const nx_ctx *ctx, const nx_attach_args *args, void **dev);

    /* Required. Ends a device that nobody uses; forgets all waiters. [any thread] [once] [blocks] */
    int32_t (*detach)(void *dev, const nx_ctx *ctx);

    /* Opens the device; a number of its own goes to `*handle`. Absent: handle 0, always.
     * [any thread] [blocks] */
    int32_t (*open)(void *dev, const nx_ctx *ctx, uint32_t flags, uint64_t *handle);

    /* Ends an opening. Absent: nothing to do. [any thread] [once] [blocks] */
    int32_t (*release)(void *dev, const nx_ctx *ctx, uint64_t handle);

    /* Reads up to `len` bytes; 0 is the end. `offset` is the descriptor's position, for drivers that have
     * one. Absent: EINVAL. Errors: EAGAIN nothing there now. [any thread] [brief] */
    int64_t (*read)(void *dev, const nx_ctx *ctx, uint64_t handle, uint64_t offset, uint8_t *buf, size_t len);

    /* Writes up to `len` bytes. Absent: EINVAL. Errors: EAGAIN no room now. [any thread] [brief] */
    int64_t (*write)(void *dev, const nx_ctx *ctx, uint64_t handle, uint64_t offset, const uint8_t *buf,
                     size_t len);

    /* Moves a position of the driver's own by `NX_SEEK_*`; answers the new one. Absent: ESPIPE. [any thread] [brief] */
    int64_t (*seek)(void *dev, const nx_ctx *ctx, uint64_t handle, int64_t offset, uint32_t whence);

    /* Any command, as `nx_block_ops.ioctl`. Absent: ENOTTY. [any thread] [blocks] */
    int64_t (*ioctl)(void *dev, const nx_ctx *ctx, uint64_t handle, uint32_t command, uintptr_t arg,
                     size_t arg_size);

    /* Remembers `waiter` first, then answers the events that are true now. When one comes, the driver calls
     * the service `wake(waiter, events)`, from any thread, and forgets the waiter; a late wake is harmless.
     * An opening has one waiter, which may come again before it was woken: it is remembered once. Waiter 0:
     * only answer. Absent: always readable and writable. [any thread] [brief] */
    int64_t (*poll)(void *dev, const nx_ctx *ctx, uint64_t handle, uint64_t waiter);

    /* Grants memory to map, as `nx_block_ops.xip_grant`. Absent: ENODEV. [any thread] [brief] */
    int32_t (*map)(void *dev, const nx_ctx *ctx, uint64_t handle, nx_xip_grant *out);
} nx_character_ops;

#ifdef __cplusplus
}
#endif

#endif /* NXVFS_CHARACTER_H */
