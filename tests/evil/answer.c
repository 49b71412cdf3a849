/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A file system of one file, `answer`, that holds the text ANSWER: two builds of it can be told apart. Its name is
 * NAME, and it drives the file system DRIVER. Counts in a file what init and exit do, if told to. */
#include "common.h"

#ifndef NAME
#define NAME "answer"
#endif
#ifndef DRIVER
#define DRIVER NAME
#endif
#ifndef ANSWER
#define ANSWER "forty-two"
#endif
#ifndef VERSION
#define VERSION "1.0.0"
#endif

NX_PLUGIN_NAME(NAME);
NX_PLUGIN_VERSION(VERSION);
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_DESCRIPTION("A file with one answer");
NX_PLUGIN_PROVIDES("filesystem:" DRIVER);
NX_PLUGIN_PARM("suffix", "str", "", "text after the answer");
NX_PLUGIN_PARM("times", "uint", "1", "how often the answer is repeated");
NX_PLUGIN_PARM("loud", "bool", "n", "an exclamation mark at the end");
NX_PLUGIN_PARM("shift", "int", "0", "is not used");
NX_PLUGIN_PARM("room", "size", "4K", "is not used");

static int32_t mount(void *module, const nx_ctx *ctx, const nx_mount_args *args, void **fs,
                     nx_mount_info *info, nx_attr *root)
{
    char *suffix = text_of(args->params, args->param_count, args->param_stride, "suffix");
    uint64_t times = nx_param_find(args->params, args->param_count, args->param_stride, "times")->number;
    uint64_t loud = nx_param_find(args->params, args->param_count, args->param_stride, "loud")->number;
    char *text = calloc(1, times * strlen(ANSWER) + strlen(suffix) + 2);
    while (times-- > 0) strcat(text, ANSWER);
    strcat(text, suffix);
    if (loud) strcat(text, "!");
    free(suffix);
    *fs = text;
    info->root = 1;
    root->mode = NX_S_IFDIR | 0555;
    root->ino = 1;
    return 0;
}

static int32_t unmount(void *fs, const nx_ctx *ctx) { free(fs); return 0; }

static int32_t lookup(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_entry *entry, nx_attr *attr)
{
    if (name.len != 6 || memcmp(name.ptr, "answer", 6) != 0) return -NX_ENOENT;
    entry->node = 2;
    entry->valid_ns = entry->attr_valid_ns = UINT64_MAX;
    attr->mode = NX_S_IFREG | 0444;
    attr->ino = 2;
    attr->size_bytes = strlen(fs);
    return 0;
}

static int32_t readdir(void *fs, const nx_ctx *ctx, uint64_t dir, uint64_t cookie, nx_emit_entry emit, void *arg)
{
    nx_dir_entry entry = { .size = sizeof entry, .file_type = NX_S_IFREG, .ino = 2, .next_cookie = 1,
                           .name = NX_STR("answer") };
    if (cookie == 0) emit(arg, &entry);
    return 0;
}

static int64_t get(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset, uint8_t *buf,
                   size_t len)
{
    size_t size = strlen(fs);
    if (offset >= size) return 0;
    if (len > size - offset) len = size - offset;
    memcpy(buf, (char *)fs + offset, len);
    return (int64_t)len;
}

static const nx_filesystem_ops ops = { .size = sizeof ops, .mount = mount, .unmount = unmount, .lookup = lookup,
                                       .readdir = readdir, .read = get };
static const nx_driver driver = { sizeof driver, NX_KIND_FILESYSTEM, 0, 0, NX_STR(DRIVER), &ops };
DESCRIPTOR(NAME, VERSION, &driver, 1);
NX_PLUGIN_ENTRY(answer) { return host_major == NX_ABI_MAJOR ? &descriptor : NULL; }
