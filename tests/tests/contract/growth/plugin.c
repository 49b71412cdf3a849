/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* growfs in C: the twin of plugin.rs, compiled with the headers of each version of the contract.
 *
 *   -DNEXT       uses what version 1.1 added
 *   -DCARELESS   fills structs by assignment, which the headers forbid: writes beyond an older host's struct
 *   -DLIAR       its descriptor is of another major version than its manifest
 *   -DREFUSES    answers no descriptor at all */
#include <nxvfs/nxvfs.h>
#include <stdio.h>
#include <stdlib.h>

#pragma GCC diagnostic ignored "-Wunused-parameter" /* a slot need not use all it gets */

#define ROOT 1u
#define FACTS 2u
#define NAME "facts.txt"

NX_PLUGIN_NAME("growfs");
NX_PLUGIN_VERSION("0.1.0");
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_DESCRIPTION("Grows with the contract");
NX_PLUGIN_PROVIDES("filesystem:growfs");
NX_PLUGIN_PROVIDES("filesystem:growfs-two");
NX_PLUGIN_PARM("greeting", "str", "hello", "any words");
NX_PLUGIN_PARM("count", "uint", "1", "any number");

#ifdef CARELESS
#define FILL(out, value) (*(out) = (value))
#else
#define FILL(out, value) nx_fill((out), &(value), sizeof(value))
#endif

struct volume {
    char text[256];
};

static const nx_services *services;

static int32_t init(const nx_init_args *args, void **module)
{
    services = args->services;
    *module = NULL;
    return 0;
}

static nx_attr attr_of(const struct volume *volume, uint64_t node)
{
    nx_attr attr = { .size = sizeof attr, .ino = node, .nlink = 1, .block_size_bytes = 4096 };
    attr.mode = node == ROOT ? NX_S_IFDIR | 0555u : NX_S_IFREG | 0444u;
    attr.size_bytes = node == ROOT ? 0 : strlen(volume->text);
#ifdef NEXT
    attr.project_id = 4711;
#endif
    return attr;
}

static int32_t mount(void *module, const nx_ctx *ctx, const nx_mount_args *args, void **fs,
                     nx_mount_info *info, nx_attr *root)
{
    const nx_param *greeting = nx_param_find(args->params, args->param_count, args->param_stride, "greeting");
    const nx_param *count = nx_param_find(args->params, args->param_count, args->param_stride, "count");
    nx_mount_info wire = { .size = sizeof wire, .flags = NX_INFO_RDONLY | NX_INFO_IMMUTABLE, .root = ROOT };
    nx_attr attr;
    struct volume *volume = calloc(1, sizeof *volume);
    if (volume == NULL || greeting == NULL || count == NULL) {
        free(volume);
        return -NX_EINVAL;
    }
    snprintf(volume->text, sizeof volume->text, "greeting=%.*s count=%llu", (int)greeting->text.len,
             (const char *)(const void *)greeting->text.ptr, (unsigned long long)count->number);
#ifdef NEXT
    {
        /* An older host sent a shorter struct and a shorter table: what lies beyond is not there. */
        const uint64_t session = nx_has(args, nx_mount_args, session) ? args->session : 0;
        const size_t len = strlen(volume->text);
        char number[32] = "none";
        if (nx_has(services, nx_services, host_number) && services->host_number != NULL) {
            snprintf(number, sizeof number, "%llu", (unsigned long long)services->host_number());
        }
        snprintf(volume->text + len, sizeof volume->text - len, " session=%llu host_number=%s",
                 (unsigned long long)session, number);
    }
    wire.features = 5;
#endif
    attr = attr_of(volume, ROOT);
    *fs = volume;
    FILL(info, wire);
    FILL(root, attr);
    return 0;
}

static int32_t unmount(void *fs, const nx_ctx *ctx)
{
    free(fs);
    return 0;
}

static int32_t lookup(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_entry *entry, nx_attr *attr)
{
    nx_entry wire = { .size = sizeof wire, .node = FACTS, .valid_ns = UINT64_MAX, .attr_valid_ns = UINT64_MAX };
    nx_attr facts = attr_of(fs, FACTS);
    if (dir != ROOT || !nx_str_is(name, NAME)) {
        return -NX_ENOENT;
    }
#ifdef NEXT
    wire.generation = 7;
#endif
    FILL(entry, wire);
    FILL(attr, facts);
    return 0;
}

static int32_t getattr(void *fs, const nx_ctx *ctx, uint64_t node, nx_attr *attr)
{
    nx_attr facts = attr_of(fs, node);
    FILL(attr, facts);
    return 0;
}

static int32_t readdir(void *fs, const nx_ctx *ctx, uint64_t dir, uint64_t cookie, nx_emit_entry emit,
                       void *arg)
{
    nx_dir_entry entry = { .size = sizeof entry, .file_type = NX_S_IFREG, .ino = FACTS, .next_cookie = 1,
                           .name = NX_STR(NAME) };
    if (cookie == 0) {
        emit(arg, &entry);
    }
    return 0;
}

static int64_t read(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset,
                    uint8_t *buf, size_t len)
{
    const struct volume *volume = fs;
    const size_t end = strlen(volume->text);
    if (node != FACTS) {
        return -NX_EISDIR;
    }
    if (offset >= end) {
        return 0;
    }
    if (len > end - offset) {
        len = end - offset;
    }
    memcpy(buf, volume->text + offset, len);
    return (int64_t)len;
}

#ifdef NEXT
static int64_t tell_story(void *fs, const nx_ctx *ctx, uint64_t node, uint8_t *buf, size_t len)
{
    char story[64];
    size_t end;
    snprintf(story, sizeof story, "node %llu lived happily", (unsigned long long)node);
    end = strlen(story);
    if (len > end) {
        len = end;
    }
    memcpy(buf, story, len);
    return (int64_t)len;
}
#endif

static const nx_filesystem_ops ops = {
    .size = sizeof ops, .mount = mount, .unmount = unmount, .lookup = lookup, .getattr = getattr,
    .readdir = readdir, .read = read,
#ifdef NEXT
    .tell_story = tell_story,
#endif
};

static const nx_driver drivers[] = {
    { .size = sizeof(nx_driver), .kind = NX_KIND_FILESYSTEM, .name = NX_STR("growfs"), .ops = &ops,
#ifdef NEXT
      .weight = 6,
#endif
    },
    { .size = sizeof(nx_driver), .kind = NX_KIND_FILESYSTEM, .name = NX_STR("growfs-two"), .ops = &ops,
#ifdef NEXT
      .weight = 10,
#endif
    },
};

#ifdef LIAR
#define MAJOR (NX_ABI_MAJOR + 1)
#else
#define MAJOR NX_ABI_MAJOR
#endif

static const nx_descriptor descriptor = {
    .size = sizeof descriptor, .magic = NX_MAGIC, .abi_major = MAJOR, .abi_minor = NX_ABI_MINOR,
    .flags = NX_PLUGIN_UNFROZEN, .name = NX_STR("growfs"), .version = NX_STR("0.1.0"), .drivers = drivers,
    .driver_count = 2, .driver_stride = sizeof(nx_driver), .init = init,
};

NX_PLUGIN_ENTRY(growfs)
{
#ifdef REFUSES
    host_major = MAJOR + 1;
#endif
    return host_major == NX_ABI_MAJOR ? &descriptor : NULL;
}
