/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the fixtures share. */
#ifndef COMMON_H
#define COMMON_H
#define _GNU_SOURCE
#include <nxvfs/nxvfs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const nx_services *services;

static inline int32_t init(const nx_init_args *args, void **module)
{
    services = args->services;
    *module = NULL;
    return 0;
}

/* The text of a parameter, for free(). */
static inline char *text_of(const nx_param *params, uint32_t count, uint32_t stride, const char *name)
{
    const nx_param *param = nx_param_find(params, count, stride, name);
    return strndup((const char *)param->text.ptr, param->text.len);
}

#define DESCRIPTOR(the_name, the_version, the_drivers, the_count) \
    static const nx_descriptor descriptor = { .size = sizeof descriptor, .magic = NX_MAGIC, \
        .abi_major = NX_ABI_MAJOR, .abi_minor = NX_ABI_MINOR, .flags = NX_PLUGIN_UNFROZEN, \
        .name = NX_STR(the_name), .version = NX_STR(the_version), .drivers = the_drivers, \
        .driver_count = the_count, .driver_stride = sizeof(nx_driver), .init = init }

#endif
