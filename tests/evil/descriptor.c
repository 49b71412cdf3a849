/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A plugin with one thing wrong about how it introduces itself: the macro that is defined says what. */
#include "common.h"

NX_PLUGIN_NAME("introduction");
NX_PLUGIN_VERSION("1.0.0");
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_DESCRIPTION("Introduces itself wrongly");
NX_PLUGIN_PROVIDES("filesystem:introduction");

static int32_t mount(void *module, const nx_ctx *ctx, const nx_mount_args *args, void **fs, nx_mount_info *info,
                     nx_attr *root) { return -NX_EIO; }
static int32_t lookup(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_entry *entry, nx_attr *attr)
{ return -NX_ENOENT; }
static int32_t readdir(void *fs, const nx_ctx *ctx, uint64_t dir, uint64_t cookie, nx_emit_entry emit, void *arg)
{ return 0; }
static int64_t get(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset, uint8_t *buf,
                   size_t len) { return 0; }

static const nx_filesystem_ops ops = {
    .size =
#if defined TABLE_SIZE_0
        0,
#elif defined TABLE_HUGE
        70000,
#elif defined TABLE_CUT /* ends before `read`: that slot is not there */
        offsetof(nx_filesystem_ops, read),
#else
        sizeof ops,
#endif
    .mount = mount, .lookup = lookup, .readdir = readdir,
#ifndef SLOT_NULL
    .read = get,
#endif
};

#ifdef TABLE_NULL
#define TABLE NULL
#else
#define TABLE &ops
#endif
#ifdef KIND_99
#define KIND 99
#else
#define KIND NX_KIND_FILESYSTEM
#endif
#ifdef DRIVER_SIZE
#define SIZE_OF_DRIVER 8
#else
#define SIZE_OF_DRIVER sizeof(nx_driver)
#endif
#ifdef OTHER_DRIVER
#define DRIVER_NAME NX_STR("something-else")
#elif defined NAME_NULL
#define DRIVER_NAME { NULL, 4 }
#elif defined NAME_HUGE
#define DRIVER_NAME { (const uint8_t *)"x", SIZE_MAX }
#elif defined NAME_BINARY
#define DRIVER_NAME NX_STR("\xff\xfe")
#else
#define DRIVER_NAME NX_STR("introduction")
#endif
#define DRIVER { SIZE_OF_DRIVER, KIND, 0, 0, DRIVER_NAME, TABLE }
static const nx_driver drivers[] = { DRIVER, DRIVER, DRIVER };

#if defined INIT_FAILS || defined INIT_GARBAGE
static int32_t failing(const nx_init_args *args, void **module)
{
#ifdef INIT_GARBAGE
    return -99999;
#endif
    nx_error_text text = { .size = sizeof text, .what = NX_STR("the coffee is cold"), .place = NX_STR("cup 3"),
        .expected = NX_STR("60 degrees or more"), .found = NX_STR("20 degrees"), .remedy = NX_STR("make new coffee") };
    args->services->report_error(&text);
    return -NX_EAGAIN;
}
#define INIT failing
#else
#define INIT init
#endif

static const nx_descriptor descriptor = {
#if defined SIZE_0
    .size = 0,
#elif defined SIZE_HUGE
    .size = UINT32_MAX,
#else
    .size = sizeof descriptor,
#endif
#ifdef BAD_MAGIC
    .magic = 0xdeadbeef,
#else
    .magic = NX_MAGIC,
#endif
#ifdef WRONG_MAJOR
    .abi_major = NX_ABI_MAJOR + 1,
#else
    .abi_major = NX_ABI_MAJOR,
#endif
#ifdef OTHER_MINOR
    .abi_minor = NX_ABI_MINOR + 1,
#else
    .abi_minor = NX_ABI_MINOR,
#endif
    .flags = NX_PLUGIN_UNFROZEN,
#ifdef OTHER_NAME
    .name = NX_STR("somebody-else"),
#else
    .name = NX_STR("introduction"),
#endif
#ifdef OTHER_VERSION
    .version = NX_STR("2.0.0"),
#else
    .version = NX_STR("1.0.0"),
#endif
    .drivers = drivers,
#if defined COUNT_0
    .driver_count = 0,
#elif defined COUNT_65
    .driver_count = 65,
#elif defined DRIVER_TWICE || defined STRIDE_ODD
    .driver_count = 2,
#else
    .driver_count = 1,
#endif
#if defined STRIDE_0
    .driver_stride = 0,
#elif defined STRIDE_ODD
    .driver_stride = sizeof(nx_driver) + 1,
#elif defined STRIDE_HUGE
    .driver_stride = UINT32_MAX,
#else
    .driver_stride = sizeof(nx_driver),
#endif
    .init = INIT,
};

#ifdef NO_SYMBOL
NX_PLUGIN_INFO("entry", "not_there");
__attribute__((visibility("default"))) const nx_descriptor *some_other_symbol(void) { return &descriptor; }
#else
NX_PLUGIN_ENTRY(introduction)
{
#if defined REFUSES
    return NULL;
#elif defined STRAY
    nx_descriptor *copy = malloc(sizeof *copy);
    memcpy(copy, &descriptor, sizeof *copy);
    return copy;
#elif defined MISALIGNED
    return (const nx_descriptor *)((const char *)&descriptor + 1);
#else
    return &descriptor;
#endif
}
#endif
