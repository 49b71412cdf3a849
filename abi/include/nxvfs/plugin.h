/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* nxvfs/plugin.h
 *
 * How a plugin introduces itself: one descriptor, reached through two doors.
 *
 * - The C door: the file exports `nx_plugin_ENTRY` of type `nx_c_entry`, where ENTRY is the manifest's
 *   `entry`. It answers the descriptor, or null to refuse the host's version.
 * - The Rust door: the file exports `nx_rust_ENTRY`, a library header of the Rust crate abi_stable, which
 *   leads to the same descriptor. Where both exist the host takes this one. A plugin in C or C++ has none.
 *
 * At the end: the manifest, by which a file says what it is without being run.
 *
 * Tags such as [blocks] are explained in nxvfs.h. */
#ifndef NXVFS_PLUGIN_H
#define NXVFS_PLUGIN_H

#include "block.h"
#include "character.h"
#include "filesystem.h"
#include "mapper.h"
#include "services.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The ABI's major version. Sides with different majors refuse each other. */
#define NX_ABI_MAJOR 1
/* The ABI's minor version. A different minor never refuses: the smaller side's tables and structs hold. */
#define NX_ABI_MINOR 0

/* First four bytes of a descriptor: `NXVP` in memory on a little-endian machine. */
#define NX_MAGIC 0x5056584eu

/* `nx_descriptor.flags`: built against a contract that is not frozen yet. */
#define NX_PLUGIN_UNFROZEN 1u
/* What every plugin puts into `nx_descriptor.flags`: the state of the contract it was built against. */
#define NX_PLUGIN_CONTRACT NX_PLUGIN_UNFROZEN
/* `nx_descriptor.flags`: a panic in this plugin ends the process; the host warns. */
#define NX_PLUGIN_PANIC_ABORTS 2u

/* `nx_driver.kind`: `nx_filesystem_ops`. */
#define NX_KIND_FILESYSTEM 1u
/* `nx_driver.kind`: `nx_block_ops`. */
#define NX_KIND_BLOCK 2u
/* `nx_driver.kind`: `nx_character_ops`. */
#define NX_KIND_CHARACTER 3u
/* `nx_driver.kind`: `nx_mapper_ops`. */
#define NX_KIND_MAPPER 4u

/* `nx_driver.flags`: calls into one instance may overlap. Without it the host takes a lock for each. */
#define NX_DRIVER_PARALLEL 1u

/* Most drivers that one plugin may have. */
#define NX_MAX_DRIVERS 64u

/* One driver of a plugin. Arrays of it carry a stride. */
typedef struct nx_driver {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_KIND_*`. */
    uint32_t kind;
    /* `NX_DRIVER_*` flags. */
    uint32_t flags;
    /* Zero. */
    uint32_t reserved;
    /* Name as users type it: 1 to 32 of `a-z 0-9 - _`. The manifest's `provides` says the same. */
    nx_str name;
    /* The table that `kind` says. Lives as long as the image. */
    const void *ops;
} nx_driver;

/* What `init` gets. */
typedef struct nx_init_args {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* Zero. */
    uint32_t flags;
    /* The host's services. */
    const nx_services *services;
    /* Every parameter of the manifest, with its value; `param_count` of them, `param_stride` bytes apart. */
    const nx_param *params;
    /* Number of parameters. */
    uint32_t param_count;
    /* Distance of two parameters in bytes. */
    uint32_t param_stride;
} nx_init_args;

/* What a plugin is. A constant of the image. */
typedef struct nx_descriptor {
    /* Size of this struct in bytes. */
    uint32_t size;
    /* `NX_MAGIC`. */
    uint32_t magic;
    /* `NX_ABI_MAJOR` that it was built against. */
    uint16_t abi_major;
    /* `NX_ABI_MINOR` that it was built against. */
    uint16_t abi_minor;
    /* `NX_PLUGIN_*` flags. */
    uint32_t flags;
    /* The plugin's name, as in the manifest. */
    nx_str name;
    /* The plugin's version, as in the manifest. */
    nx_str version;
    /* `driver_count` drivers, `driver_stride` bytes apart. */
    const nx_driver *drivers;
    /* Number of drivers: 1 to `NX_MAX_DRIVERS`. */
    uint32_t driver_count;
    /* Distance of two drivers in bytes. */
    uint32_t driver_stride;

    /* Makes the plugin ready for one host, before any other call for it; stores a pointer of the plugin's
     * own in `*module`, which every `attach`, `mount` and `probe` gets. Several hosts of a process may each
     * call it, once. Absent: the pointer is null. After a failure nothing is held.
     * [any thread] [once] [blocks] */
    int32_t (*init)(const nx_init_args *args, void **module);

    /* Ends what `init` made; no instance is left, all threads of the plugin's own are joined before it
     * returns. Absent: nothing to do. [any thread] [once] [blocks] */
    void (*exit)(void *module);

    /* The host's log level changed (`NX_LOG_*`). Absent: the plugin goes on as before.
     * [any thread] [brief] */
    void (*set_log_level)(uint32_t level);
} nx_descriptor;

/* The C door: `nx_plugin_ENTRY`. Answers a constant. [any thread] [brief] */
typedef const nx_descriptor *(*nx_c_entry)(uint16_t host_major, uint16_t host_minor);

/* Prefix of the C door's symbol. */
#define NX_C_ENTRY_PREFIX "nx_plugin_"
/* Prefix of the Rust door's symbol. */
#define NX_RUST_ENTRY_PREFIX "nx_rust_"

/* --- the manifest --------------------------------------------------------------------------------------
 *
 * What a plugin file says of itself without being run: an ELF section of NUL-terminated `key=value` strings,
 * as Linux's `.modinfo`, without pointers. Each macro below adds one; they stand at file scope, with a
 * semicolon. A key that is not known is passed over.
 *
 *   key          how often         value
 *   name         once              1 to 32 of `a-z 0-9 - _`
 *   version      once              text
 *   abi          once              `MAJOR.MINOR`; comes with NX_PLUGIN_NAME
 *   license      once              SPDX expression
 *   author       at most once      text
 *   description  once              one sentence
 *   entry        once              what follows `nx_plugin_` in the exported symbol: `A-Z a-z 0-9 _`
 *   provides     1 to 64 times     `KIND:NAME`, with KIND `filesystem`, `block`, `character` or `mapper`
 *   parm         at most 64 times  `NAME:TYPE:DEFAULT:HELP`, with TYPE `bool`, `int`, `uint`, `size`, `str`,
 *                                  `path` or `file`
 *
 * The strings survive `-Wl,--gc-sections` by the attribute `retain` (gcc 11, clang 13, binutils 2.36). With
 * older tools, do not link with that option: nothing refers to the section, and the linker would drop it. */

/* Name of the ELF section. */
#define NX_MANIFEST_SECTION ".nxmodinfo"
/* Longest manifest that a host reads, in bytes. */
#define NX_MANIFEST_MAX_BYTES 65536u

#ifdef __cplusplus
#define NX_EXTERN_C_ extern "C"
#else
#define NX_EXTERN_C_ extern
#endif
/* `retain` keeps the linker from dropping an entry, `no_reorder` keeps entries in the order of the source. */
#ifdef __has_attribute
#if __has_attribute(retain)
#define NX_RETAIN_ , retain
#endif
#if __has_attribute(no_reorder)
#define NX_IN_ORDER_ , no_reorder
#endif
#endif
#ifndef NX_RETAIN_
#define NX_RETAIN_
#endif
#ifndef NX_IN_ORDER_
#define NX_IN_ORDER_
#endif
#define NX_JOIN_RAW_(a, b) a##b
#define NX_JOIN_(a, b) NX_JOIN_RAW_(a, b)
#define NX_TEXT_RAW_(x) #x
#define NX_TEXT_(x) NX_TEXT_RAW_(x)

/* Any entry; key and value are string literals. */
#define NX_PLUGIN_INFO(key, value) \
    static const char NX_JOIN_(nx_modinfo_, __COUNTER__)[] \
        __attribute__((section(NX_MANIFEST_SECTION), aligned(1), used NX_RETAIN_ NX_IN_ORDER_)) = \
            "" key "=" value ""

/* The name, and the version of the ABI that these headers are. */
#define NX_PLUGIN_NAME(text) \
    NX_PLUGIN_INFO("name", text); \
    NX_PLUGIN_INFO("abi", NX_TEXT_(NX_ABI_MAJOR) "." NX_TEXT_(NX_ABI_MINOR))
#define NX_PLUGIN_VERSION(text) NX_PLUGIN_INFO("version", text)
#define NX_PLUGIN_LICENSE(text) NX_PLUGIN_INFO("license", text)
#define NX_PLUGIN_AUTHOR(text) NX_PLUGIN_INFO("author", text)
#define NX_PLUGIN_DESCRIPTION(text) NX_PLUGIN_INFO("description", text)
/* One driver, such as `NX_PLUGIN_PROVIDES("block:cram");`. */
#define NX_PLUGIN_PROVIDES(text) NX_PLUGIN_INFO("provides", text)
/* One parameter. A colon ends name, type and default, so that none of them can hold one; the help can. */
#define NX_PLUGIN_PARM(name, type, value, help) NX_PLUGIN_INFO("parm", name ":" type ":" value ":" help)

/* The entry, and the declaration of its function, exported whatever `-fvisibility` says. Write the function
 * after it, or as its body:
 *
 *   NX_PLUGIN_ENTRY(cram)
 *   {
 *       (void)host_minor;
 *       return host_major == NX_ABI_MAJOR ? &descriptor : NULL;
 *   }
 */
#define NX_PLUGIN_ENTRY(ident) \
    NX_PLUGIN_INFO("entry", #ident); \
    NX_EXTERN_C_ __attribute__((visibility("default"))) const nx_descriptor *nx_plugin_##ident( \
        uint16_t host_major, uint16_t host_minor)

#ifdef __cplusplus
}
#endif

#endif /* NXVFS_PLUGIN_H */
