/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/services.h
 *
 * Services: what a plugin may ask of the host. One table for all plugins of a process; objects are named by
 * tokens (index and generation), so that a stale token is answered with EBADF, never with harm.
 *
 * Tags such as [blocks] are explained in nxvfs.h. */
#ifndef NXVFS_SERVICES_H
#define NXVFS_SERVICES_H

#include "block.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Levels of `log`, and what is pushed to `set_log_level`. */

/* Nothing. */
#define NX_LOG_OFF 0u
/* Something failed. */
#define NX_LOG_ERROR 1u
/* Something is not as it should be. */
#define NX_LOG_WARN 2u
/* Worth telling. */
#define NX_LOG_INFO 3u
/* For who looks for a mistake. */
#define NX_LOG_DEBUG 4u
/* Each step. */
#define NX_LOG_TRACE 5u

/* Which clock `clock` reads. */

/* Time of day. */
#define NX_CLOCK_REALTIME 0u
/* Never goes back. */
#define NX_CLOCK_MONOTONIC 1u
/* Time of day, a few milliseconds coarse and a few nanoseconds cheap: for time stamps. */
#define NX_CLOCK_REALTIME_COARSE 5u

/* Why a call fails, beyond its errno. All strings are text, may be empty, and are copied. */
typedef struct nx_error_text {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;
    /* What is wrong: `no superblock`. */
    nx_str what;
    /* Where: `sector 0`. */
    nx_str place;
    /* What should be there: `'-rom1fs-'`. */
    nx_str expected;
    /* What is there: `begins 'EB 3C 90'`. */
    nx_str found;
    /* What to do: `is this a vfat image? try -t vfat`. */
    nx_str remedy;
} nx_error_text;

/* The host's table. It lives as long as the process.
 *
 * Every function may be called from any thread during any call that is tagged [services]; `report_error`
 * and `report_panic` during every call, from its own thread; `log`, `clock`
 * and `wake` from any thread at any time between `init` and the end of `exit`. */
typedef struct nx_services {
    /* Size of this table in bytes. */
    uint32_t size;
    /* `NX_SERVICES_*` flags. */
    uint32_t flags;
    /* The host's ABI major. */
    uint16_t abi_major;
    /* The host's ABI minor. */
    uint16_t abi_minor;
    /* The log level at `init` (`NX_LOG_*`). */
    uint32_t log_level;

    /* Writes a line to the host's log; `target` without the leading `plugin::`. `line` 0: not known.
     * [brief] */
    void (*log)(uint32_t level, nx_str target, nx_str message, nx_str file, uint32_t line);

    /* Reads a clock (`NX_CLOCK_*`). Answers 0 or EINVAL. [brief] */
    int32_t (*clock)(uint32_t which, nx_timespec *out);

    /* Says why the call that runs on this thread is about to fail. The last one counts; dropped if the call
     * succeeds. [brief] */
    void (*report_error)(const nx_error_text *text);

    /* Says that the call that runs on this thread panicked (in C++: threw): the instance is taken out of
     * service (EIO until it ends), because its state may be torn. [brief] */
    void (*report_panic)(nx_str message);

    /* Fills the shape of a block device. Errors: EBADF, and the driver's. [brief] */
    int32_t (*device_geometry)(uint64_t device, nx_geometry *out);

    /* Reads `len` bytes at any `offset` of a block device, through the host's cache if it has one. Answers
     * `len`, or an error; EINVAL outside the medium. `flags`: `NX_IO_META`. [blocks] */
    int64_t (*device_read)(uint64_t device, uint64_t offset, uint8_t *buf, size_t len, uint32_t flags);

    /* Writes, likewise. `flags` also `NX_WRITE_FUA`. Errors also EROFS. [blocks] */
    int64_t (*device_write)(uint64_t device, uint64_t offset, const uint8_t *buf, size_t len, uint32_t flags);

    /* All writes so far are on the medium when this returns. [blocks] */
    int32_t (*device_flush)(uint64_t device);

    /* No later write reaches the medium before all earlier ones. [blocks] */
    int32_t (*device_barrier)(uint64_t device);

    /* The bytes are no longer needed; cut to whole sectors. [blocks] */
    int32_t (*device_discard)(uint64_t device, uint64_t offset, uint64_t len);

    /* Fills the grant, if the medium can be used as memory and the mount may do so: valid until the mount
     * ends. Errors: ENXIO. [brief] */
    int32_t (*device_xip)(uint64_t device, nx_xip_grant *out);

    /* Reads from a file of the VFS (mappers; drivers over a file). Answers the number of bytes, 0 at the
     * end. [blocks] */
    int64_t (*file_read)(uint64_t file, uint64_t offset, uint8_t *buf, size_t len);

    /* Writes to a file of the VFS; never makes it longer for a mapper. With `len` 0 it only tells whether the
     * file may be written: 0 or EROFS. [blocks] */
    int64_t (*file_write)(uint64_t file, uint64_t offset, const uint8_t *buf, size_t len);

    /* A name of a directory changed beneath the host: it is forgotten before the next lookup, later than
     * this call. [brief] */
    int32_t (*invalidate_entry)(uint64_t mount, uint64_t dir, nx_str name);

    /* Attributes of a node, and its content from `offset` for `len` bytes (0: all), changed beneath the
     * host. [brief] */
    int32_t (*invalidate_node)(uint64_t mount, uint64_t node, uint64_t offset, uint64_t len);

    /* The events came for which `poll` left this waiter. Only marks; may be called under any lock. [brief] */
    int32_t (*wake)(uint64_t waiter, uint32_t events);

    /* Answers the length of a file of the VFS in bytes; a block device's is that of its medium. [blocks] */
    int64_t (*file_len)(uint64_t file);

    /* Everything written to the file so far is on its medium when this returns, and with `data_only` 0 its
     * attributes too. [blocks] */
    int32_t (*file_sync)(uint64_t file, uint32_t data_only);

    /* The bytes are no longer needed: they become a hole, which reads as zeroes; the length stays. Errors:
     * ENOTSUP the file cannot have holes, and nothing happened; EROFS. [blocks] */
    int32_t (*file_discard)(uint64_t file, uint64_t offset, uint64_t len);
} nx_services;

/* `nx_services.flags`: the plugin is linked into the host's own image and shares its logger. */
#define NX_SERVICES_STATIC 1u

#ifdef __cplusplus
}
#endif

#endif /* NXVFS_SERVICES_H */
