/* Gives the functions of nxvfs.h their POSIX names. To be included before everything else:
 *
 *     gcc -include nxvfs/posix.h program.c -lnxvfs
 *
 * Names are changed in the object file only, by asm labels, not by macros: a member of a struct, a local variable or a static
 * function may be called `read` or `link`. No header of the C library is included, so that a program's own _GNU_SOURCE and its
 * kin count; types and layouts are the C library's. What has a second name with 64 keeps it, and _FILE_OFFSET_BITS=64
 * changes nothing: offsets have 64 bits in any case.
 *
 * Functions whose C declaration changes with _FILE_OFFSET_BITS are declared here with their label, because the C library
 * would give them one of its own; the first one counts. The others have #pragma redefine_extname, which waits for the
 * declaration.
 */
#ifndef NXVFS_POSIX_H
#define NXVFS_POSIX_H
#pragma GCC system_header

#if !defined(__LP64__) || !defined(__linux__)
#error "nxvfs/posix.h is for Linux with 64-bit pointers and offsets"
#endif

/* On this platform both do nothing but give functions other names. */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
/* Checked variants would call the C library directly. */
#undef _FORTIFY_SOURCE

#ifdef __cplusplus
/* Here _GNU_SOURCE is always defined, and what was decided stays so. */
#include <features.h>
#endif

#include <nxvfs/posix/aio.h>
#include <nxvfs/posix/dirent.h>
#include <nxvfs/posix/fcntl.h>
#include <nxvfs/posix/ioctl.h>
#include <nxvfs/posix/mman.h>
#include <nxvfs/posix/mount.h>
#include <nxvfs/posix/poll.h>
#include <nxvfs/posix/spawn.h>
#include <nxvfs/posix/stat.h>
#include <nxvfs/posix/statfs.h>
#include <nxvfs/posix/stdio.h>
#include <nxvfs/posix/stdlib.h>
#include <nxvfs/posix/terminal.h>
#include <nxvfs/posix/uio.h>
#include <nxvfs/posix/unistd.h>
#include <nxvfs/posix/walk.h>

#endif
