/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/ioctl.h
 *
 * ioctl commands: NuttX's numbers (`include/nuttx/fs/ioctl.h`), and the structs they carry.
 *
 * `FIOC_MMAP`, `FIOC_XIPBASE` and `BIOC_XIPBASE` are users' spellings. The host answers them from the slots
 * `map_extents` and `xip_grant`; it asks a driver by ioctl only where the driver leaves those slots empty.
 * `FIOC_MMAP` has a number of its own, because the number it had in old NuttX means "reformat" today.
 *
 * "Argument: T, filled" is a pointer to a T that the call fills; "read", one that it reads. */
#ifndef NXVFS_IOCTL_H
#define NXVFS_IOCTL_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reformat the volume. Never forwarded by accident: see the top of this file. */
#define NX_FIOC_REFORMAT 0x0301u
/* Optimise the volume; argument: bytes to recover. */
#define NX_FIOC_OPTIMIZE 0x0302u
/* Absolute path of the open file; argument: `char[4096]`, filled. */
#define NX_FIOC_FILEPATH 0x0303u
/* Check the volume's integrity. */
#define NX_FIOC_INTEGRITY 0x0304u
/* Dump the volume's state to the log. */
#define NX_FIOC_DUMP 0x0305u
/* Bytes that can be read at once; argument: `int`, filled. */
#define NX_FIONREAD 0x0306u
/* Bytes written and not yet read; argument: `int`, filled. */
#define NX_FIONWRITE 0x0307u
/* Bytes that can be written at once; argument: `int`, filled. */
#define NX_FIONSPACE 0x0308u
/* Set or clear the non-blocking mode; argument: `int`, read. */
#define NX_FIONBIO 0x030au
/* Set close-on-exec. */
#define NX_FIOCLEX 0x030bu
/* Clear close-on-exec. */
#define NX_FIONCLEX 0x030cu
/* Take or give up a record lock; argument: the system's `struct flock` of 64 bits, read. */
#define NX_FIOC_SETLK 0x0312u
/* A record lock that is in the way; argument: the system's `struct flock` of 64 bits, read and filled. */
#define NX_FIOC_GETLK 0x0313u
/* Take a record lock, and wait for it; argument: the system's `struct flock` of 64 bits, read. */
#define NX_FIOC_SETLKW 0x0314u
/* Whether close-on-exec is set; argument: `int`, filled. */
#define NX_FIOGCLEX 0x0318u
/* Address of the file's first byte in place; argument: `uintptr_t`, filled. */
#define NX_FIOC_XIPBASE 0x0315u
/* Address of the file in place, older spelling; argument: `uintptr_t`, filled. A number of our own. */
#define NX_FIOC_MMAP 0x03f0u

/* Address of the medium's first byte; argument: `void *`, filled. */
#define NX_BIOC_XIPBASE 0x0501u
/* Shape of the medium; argument: `nx_geometry` (block.h), filled. */
#define NX_BIOC_GEOMETRY 0x050cu
/* Everything written so far goes to the medium. */
#define NX_BIOC_FLUSH 0x050du
/* Where the device lies on its parent; argument: `nx_partition_info`, filled. */
#define NX_BIOC_PARTINFO 0x050eu
/* Sector size in bytes; argument: `uint32_t`, filled. */
#define NX_BIOC_BLKSSZGET 0x050fu
/* Number of sectors; argument: `uint64_t`, filled. */
#define NX_BIOC_BLKGETSIZE 0x0510u
/* Discard the whole medium's content. */
#define NX_BIOC_DISCARD 0x0511u

/* What becomes of a FIFO's bytes when its last end is closed; argument: 0 they go, 1 they stay. */
#define NX_PIPEIOC_POLICY 0x1801u
/* How many bytes a pipe must hold more than to be told ready for reading; argument: the number, 0 unless it is set. */
#define NX_PIPEIOC_POLLINTHRD 0x1802u
/* For how many bytes a pipe must have more room than to be told ready for writing; argument: the number, or 0 for what
 * a write that is not torn may need. */
#define NX_PIPEIOC_POLLOUTTHRD 0x1803u
/* Read a pipe's first bytes without taking them; argument: where to, filled. Answers how many. */
#define NX_PIPEIOC_PEEK 0x1804u
/* Set how many bytes a pipe holds; argument: the number. Answers what it became. */
#define NX_PIPEIOC_SETSIZE 0x1805u
/* How many bytes a pipe holds; no argument. Answers it. */
#define NX_PIPEIOC_GETSIZE 0x1806u

/* Answer of `NX_BIOC_PARTINFO`. */
typedef struct nx_partition_info {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* Sector size in bytes. */
    uint32_t sector_size_bytes;
    /* First sector on the parent; 0 for a whole device. */
    uint64_t start_sector;
    /* Number of sectors. */
    uint64_t sector_count;
    /* Node of the parent device, such as `/dev/ram0`; empty for a whole device. Lives as long as the
     * device. */
    nx_str parent;
} nx_partition_info;

#ifdef __cplusplus
}
#endif

#endif /* NXVFS_IOCTL_H */
