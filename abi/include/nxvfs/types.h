/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/types.h
 *
 * Small types that every table uses, the numbers of modes and open flags, and a few helpers for strings,
 * parameters and structs that may grow. */
#ifndef NXVFS_TYPES_H
#define NXVFS_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The least sizes that version 1.0 states for its tables are those of 64-bit pointers. */
#if UINTPTR_MAX != UINT64_MAX
#error "version 1 of the nxvfs ABI is for 64-bit machines"
#endif

/* Names that end in an underscore belong to these headers; do not use them. */
#ifdef __cplusplus
#define NX_CAST_(type, value) static_cast<type>(value)
#else
#define NX_CAST_(type, value) ((type)(value))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A borrowed byte string: UTF-8 where a comment says text, any bytes but NUL where it says name. Frozen. */
typedef struct nx_str {
    /* First byte; may be null only if `len` is zero. */
    const uint8_t *ptr;
    /* Length in bytes, without any terminator. */
    size_t len;
} nx_str;

/* Seconds and nanoseconds since 1970-01-01 UTC. Frozen. */
typedef struct nx_timespec {
    /* Whole seconds; negative before 1970. */
    int64_t seconds;
    /* 0 to 999,999,999. */
    uint32_t nanoseconds;
    /* Zero. */
    uint32_t reserved;
} nx_timespec;

/* One contiguous piece of a file on its medium. Frozen. */
typedef struct nx_extent {
    /* Where in the file the piece begins, in bytes. */
    uint64_t file_offset;
    /* Where on the medium it begins, in bytes from the medium's first. */
    uint64_t medium_offset;
    /* How long it is, in bytes; never zero. */
    uint64_t len_bytes;
} nx_extent;

/* Who calls, and under what limits. Every call of an instance carries one; it is valid for the call only. */
typedef struct nx_ctx {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_CTX_*` flags. */
    uint32_t flags;
    /* Effective user of the caller. */
    uint32_t uid;
    /* Effective group of the caller. */
    uint32_t gid;
    /* The caller's file mode mask. Already applied to every mode argument; here for information. */
    uint32_t umask;
    /* Zero. */
    uint32_t reserved;
    /* Number of the calling task; 0 for the host itself. */
    uint64_t task;
    /* Monotonic time in nanoseconds after which the host gives the call up; 0 for no deadline. */
    uint64_t deadline_ns;
    /* Token of the call for cancellation; 0 for none. */
    uint64_t cancel;
} nx_ctx;

/* `nx_ctx.flags`: answer EAGAIN rather than take long. */
#define NX_CTX_NONBLOCK 1u
/* `nx_ctx.flags`: the effect must be on the medium when the call returns. */
#define NX_CTX_SYNC 2u

/* One named, typed value given to a plugin, a device or a mount. Arrays of it carry a stride. */
typedef struct nx_param {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_PARAM_*`: which of the values below holds. */
    uint32_t kind;
    /* 1 if the user gave it, 0 if it is the manifest's default. */
    uint32_t given;
    /* Zero. */
    uint32_t reserved;
    /* Name as in the manifest. */
    nx_str name;
    /* The value as text, whatever its kind; UTF-8 (a path: any bytes). */
    nx_str text;
    /* The value of a bool (0 or 1), int, uint or size (two's complement for an int); the token of a file. */
    uint64_t number;
} nx_param;

/* `nx_param.kind`: 0 or 1. */
#define NX_PARAM_BOOL 1u
/* `nx_param.kind`: a signed number. */
#define NX_PARAM_INT 2u
/* `nx_param.kind`: an unsigned number. */
#define NX_PARAM_UINT 3u
/* `nx_param.kind`: a number of bytes; users may write `64K`, `16M`, `2G`. */
#define NX_PARAM_SIZE 4u
/* `nx_param.kind`: text. */
#define NX_PARAM_STR 5u
/* `nx_param.kind`: a path of the operating system. */
#define NX_PARAM_PATH 6u
/* `nx_param.kind`: a file of the VFS, for a block device that lies on it. The host opens it for reading and
 * writing, or for reading where it cannot be written or a bool parameter `ro` is true, and keeps it open, and its
 * volume mounted, until `detach` returns. `text` is the path, `number` the file's token for the services; 0 if no
 * path was given. */
#define NX_PARAM_FILE 7u

/* File type and permission bits, with Linux's values. */

/* Mask of the file type. */
#define NX_S_IFMT 0170000u
/* Socket. */
#define NX_S_IFSOCK 0140000u
/* Symbolic link. */
#define NX_S_IFLNK 0120000u
/* Regular file. */
#define NX_S_IFREG 0100000u
/* Block device. */
#define NX_S_IFBLK 0060000u
/* Directory. */
#define NX_S_IFDIR 0040000u
/* Character device. */
#define NX_S_IFCHR 0020000u
/* FIFO. */
#define NX_S_IFIFO 0010000u
/* Set user id on execution. */
#define NX_S_ISUID 04000u
/* Set group id on execution; on a directory, new entries take its group. */
#define NX_S_ISGID 02000u
/* In a directory, only an entry's owner removes it. */
#define NX_S_ISVTX 01000u

/* Open flags, with Linux's generic values. */

/* Read only. */
#define NX_O_RDONLY 0u
/* Write only. */
#define NX_O_WRONLY 1u
/* Read and write. */
#define NX_O_RDWR 2u
/* Mask of the access mode. */
#define NX_O_ACCMODE 3u
/* Create if missing. */
#define NX_O_CREAT 0100u
/* With `NX_O_CREAT`: fail if it exists. */
#define NX_O_EXCL 0200u
/* Does not become the controlling terminal; accepted, without effect. */
#define NX_O_NOCTTY 0400u
/* Cut to length zero. */
#define NX_O_TRUNC 01000u
/* Each write goes to the end. */
#define NX_O_APPEND 02000u
/* Never wait. */
#define NX_O_NONBLOCK 04000u
/* Each write is on the medium when it returns, data and what is needed to read it. */
#define NX_O_DSYNC 010000u
/* Bypass caches where possible. */
#define NX_O_DIRECT 040000u
/* Large files; accepted, always on. */
#define NX_O_LARGEFILE 0100000u
/* Fail unless it is a directory. */
#define NX_O_DIRECTORY 0200000u
/* Fail if the last component is a symbolic link. */
#define NX_O_NOFOLLOW 0400000u
/* Leave the access time alone. */
#define NX_O_NOATIME 01000000u
/* Closed on execution of a program. */
#define NX_O_CLOEXEC 02000000u
/* As `NX_O_DSYNC`, and all other metadata. */
#define NX_O_SYNC 04010000u
/* Names the file only: neither read nor written. */
#define NX_O_PATH 010000000u

/* --- helpers ------------------------------------------------------------------------------------------- */

/* Initialiser of an `nx_str` from a string literal, without its NUL: `nx_str name = NX_STR("cram");`, in
 * static data too. As an expression: `(nx_str)NX_STR("cram")` in C, `nx_str NX_STR("cram")` in C++, or
 * `nx_str_of("cram")` in both. */
#define NX_STR(literal) \
    { NX_CAST_(const uint8_t *, NX_CAST_(const void *, "" literal "")), sizeof("" literal "") - 1 }

/* Borrows a NUL-terminated string; null gives the empty one. Valid as long as `text` is. */
static inline nx_str nx_str_of(const char *text)
{
    nx_str s = { NULL, 0 };
    if (text != NULL) {
        s.ptr = NX_CAST_(const uint8_t *, NX_CAST_(const void *, text));
        s.len = strlen(text);
    }
    return s;
}

/* Whether a string has exactly the bytes of a NUL-terminated one. */
static inline int nx_str_is(nx_str s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || memcmp(s.ptr, text, s.len) == 0);
}

/* Largest size that a peer may state for one struct or table. More is taken for garbage. */
#define NX_MAX_SIZE 65536u

/* Whether `field` lies within the size that the peer stated: look before you use a field or slot that came
 * after version 1.0. Of a slot that is there, check also that it is not null. */
#define nx_has(ptr, type, field) ((ptr)->size >= offsetof(type, field) + sizeof((ptr)->field))

/* Fills the caller's struct `dst` with as much of `src` (of `src_size` bytes) as the caller's version has
 * room for, and sets its `size` to what was filled: `nx_fill(out, &geometry, sizeof geometry)`. This is how
 * every `out` of the tables is filled; a plain assignment would write beyond the end of an older host's
 * struct. A null `dst` is left alone. */
static inline void nx_fill(void *dst, const void *src, size_t src_size)
{
    uint32_t size;
    if (dst == NULL) {
        return;
    }
    memcpy(&size, dst, sizeof size);
    if (size > src_size) {
        size = NX_CAST_(uint32_t, src_size);
    }
    if (size < sizeof size) {
        return;
    }
    memcpy(dst, src, size);
    memcpy(dst, &size, sizeof size);
}

/* The parameter of that name, or null: `nx_param_find(args->params, args->param_count, args->param_stride,
 * "sectors")`. Every parameter of the manifest is in the array, whether the user gave it or not. */
static inline const nx_param *nx_param_find(const nx_param *params, uint32_t count, uint32_t stride,
                                            const char *name)
{
    const unsigned char *at = NX_CAST_(const unsigned char *, NX_CAST_(const void *, params));
    uint32_t i;
    for (i = 0; i < count; i++, at += stride) {
        const nx_param *param = NX_CAST_(const nx_param *, NX_CAST_(const void *, at));
        if (nx_str_is(param->name, name)) {
            return param;
        }
    }
    return NULL;
}

#ifdef __cplusplus
}
#endif

#endif /* NXVFS_TYPES_H */
