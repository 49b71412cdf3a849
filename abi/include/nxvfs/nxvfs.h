/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/nxvfs.h - the contract between the nxvfs host and its plugins
 *
 * Everything that crosses from a plugin to the host or back: plain tables of function pointers, structs of
 * integers and pointers, and numbers. The same is defined in Rust in the crate nxvfs-abi; a test holds the
 * two equal in every size, offset, signature and constant.
 *
 * For C11 and C++17, without a warning under -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wcast-qual
 * -Wundef and, in C++, -Wold-style-cast. Put the folder above this one on the include path and write
 * `#include <nxvfs/nxvfs.h>`; never put this folder itself there, because its errno.h would stand in for the
 * machine's.
 *
 * The life of a plugin
 *
 *   nx_plugin_ENTRY     answers the descriptor, a constant; NULL refuses the host
 *     init              per host: gets the services, makes what the instances share
 *       attach, mount   makes an instance (a device, a mapper, a volume); every call gets its pointer
 *         ...           the calls of its table
 *       detach, unmount ends it; nothing is under way, nothing follows
 *     exit              per host: no instance is left
 *
 * Rules that every part keeps
 *
 * - Tables grow at the end. A table begins with its size in bytes. A slot that is null, or lies beyond the
 *   other side's size, or answers ENOSYS, has the default that its comment names after "Absent".
 * - Structs that may grow begin with `size`, are never embedded by value in another struct, and cross as
 *   pointers. The caller zeroes the struct and sets `size`; the callee writes at most that many bytes and
 *   sets `size` to what it filled (`nx_fill`). Of a struct or table that came, a field of a later version is
 *   there only if its size says so (`nx_has`).
 * - Arrays cross as pointer, count and stride, so that their elements may grow.
 * - Frozen structs never change: `nx_str`, `nx_timespec`, `nx_extent`.
 * - Results are integers: zero or more is a value or a count, less than zero is a negated errno. Comments
 *   write errnos as POSIX spells them (ENOENT); their numbers are those of nxvfs/errno.h (`-NX_ENOENT`).
 * - Buffers belong to the caller and are valid for the call only. Ownership never crosses: who allocated,
 *   frees.
 * - No exception crosses. A plugin in C++ catches its own (guard.hpp).
 *
 * Tags in the comments of functions
 *
 *   [any thread]   called from any thread; calls into one instance overlap only if its driver is
 *                  NX_DRIVER_PARALLEL
 *   [once]         called once for the object, before or after every other call to it
 *   [blocks]       may do I/O and take long; never waits for an event (it answers EAGAIN instead)
 *   [brief]        must return without I/O or waiting
 *   [services]     may call every service; the host never re-enters the same instance from them
 */
#ifndef NXVFS_NXVFS_H
#define NXVFS_NXVFS_H

#include "block.h"
#include "character.h"
#include "errno.h"
#include "filesystem.h"
#include "ioctl.h"
#include "mapper.h"
#include "plugin.h"
#include "services.h"
#include "types.h"

#endif /* NXVFS_NXVFS_H */
