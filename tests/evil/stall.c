/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A file system whose `read` of byte 1 of `file` does not return until somebody lets it go, and that writes down what is
 * asked of it. Options: `log`, a file that gets a line for each call of interest; `entered`, a FIFO that is opened when
 * the read has begun; `leave`, a FIFO whose opening by the other side lets it go. On a device what is written to
 * `file` goes to the device. The driver `stall` is serial, `stall-parallel` is not; both know no `remount`;
 * `stall-remount` does, and refuses to become read-only if `log` ends in "stubborn". */
#include "common.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

NX_PLUGIN_NAME("stall-fs");
NX_PLUGIN_VERSION("1.0.0");
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_DESCRIPTION("A file system whose calls do not return");
NX_PLUGIN_PROVIDES("filesystem:stall");
NX_PLUGIN_PROVIDES("filesystem:stall-parallel");
NX_PLUGIN_PROVIDES("filesystem:stall-remount");
NX_PLUGIN_PARM("log", "path", "", "what is written down");
NX_PLUGIN_PARM("entered", "path", "", "opened when a read has begun");
NX_PLUGIN_PARM("leave", "path", "", "lets it go");

struct volume {
    char *log, *entered, *leave;
    uint64_t device;
    uint32_t mode;
};

static void note(const struct volume *volume, const char *line)
{
    FILE *log = volume->log[0] ? fopen(volume->log, "a") : NULL;
    if (log == NULL) return;
    fprintf(log, "%s\n", line);
    fclose(log);
}

static int32_t mount(void *module, const nx_ctx *ctx, const nx_mount_args *args, void **fs,
                     nx_mount_info *info, nx_attr *root)
{
    struct volume *volume = calloc(1, sizeof *volume);
    volume->log = text_of(args->params, args->param_count, args->param_stride, "log");
    volume->entered = text_of(args->params, args->param_count, args->param_stride, "entered");
    volume->leave = text_of(args->params, args->param_count, args->param_stride, "leave");
    volume->device = args->device;
    volume->mode = NX_S_IFREG | 0666;
    *fs = volume;
    info->root = 1;
    root->mode = NX_S_IFDIR | 0777;
    root->ino = 1;
    return 0;
}

static int32_t unmount(void *fs, const nx_ctx *ctx)
{
    struct volume *volume = fs;
    note(volume, "unmount");
    free(volume->log);
    free(volume->entered);
    free(volume->leave);
    free(volume);
    return 0;
}

static int32_t remount(void *fs, const nx_ctx *ctx, const nx_mount_args *args)
{
    const struct volume *volume = fs;
    size_t len = strlen(volume->log);
    bool read_only = args->flags & NX_MOUNT_RDONLY;
    note(volume, read_only ? "remount ro" : "remount rw");
    if (read_only && len > 8 && strcmp(volume->log + len - 8, "stubborn") == 0) return -NX_EIO;
    return 0;
}

static int32_t sync_all(void *fs, const nx_ctx *ctx)
{
    note(fs, "sync");
    return 0;
}

static int32_t sync_file(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint32_t data_only)
{
    note(fs, node == 1 ? "fsync dir" : data_only ? "fdatasync" : "fsync");
    return 0;
}

static void fill(const struct volume *volume, nx_attr *attr)
{
    attr->mode = volume->mode;
    attr->ino = 2;
    attr->nlink = 1;
    attr->size_bytes = 4096;
}

static int32_t lookup(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_entry *entry, nx_attr *attr)
{
    if (dir != 1 || name.len != 4 || memcmp(name.ptr, "file", 4) != 0) return -NX_ENOENT;
    entry->node = 2;
    entry->valid_ns = entry->attr_valid_ns = UINT64_MAX;
    fill(fs, attr);
    return 0;
}

static int32_t setattr(void *fs, const nx_ctx *ctx, uint64_t node, const nx_set_attr *set, nx_attr *attr)
{
    struct volume *volume = fs;
    if (set->valid & NX_SET_MODE) volume->mode = NX_S_IFREG | set->mode;
    fill(volume, attr);
    return 0;
}

static int32_t readdir(void *fs, const nx_ctx *ctx, uint64_t dir, uint64_t cookie, nx_emit_entry emit, void *arg)
{
    nx_dir_entry entry = { .size = sizeof entry, .ino = 2, .next_cookie = 1, .name = NX_STR("file") };
    if (cookie == 0) emit(arg, &entry);
    return 0;
}

static int32_t unlink_file(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_removed *out)
{
    note(fs, "unlink");
    return 0;
}

static int64_t get(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset, uint8_t *buf,
                   size_t len)
{
    struct volume *volume = fs;
    if (offset == 1) {
        close(open(volume->entered, O_WRONLY));
        close(open(volume->leave, O_RDONLY));
        note(volume, "left");
    }
    memset(buf, 'x', len);
    return (int64_t)len;
}

static int64_t put(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset,
                   const uint8_t *buf, size_t len, uint32_t flags)
{
    struct volume *volume = fs;
    note(volume, ctx->flags & NX_CTX_SYNC ? "write through" : "write");
    return volume->device != 0 ? services->device_write(volume->device, offset, buf, len, 0) : (int64_t)len;
}

#define OPS .size = sizeof(nx_filesystem_ops), .mount = mount, .unmount = unmount, .sync = sync_all, \
    .lookup = lookup, .setattr = setattr, .unlink = unlink_file, .readdir = readdir, .read = get, .write = put, \
    .fsync = sync_file
static const nx_filesystem_ops ops = { OPS };
static const nx_filesystem_ops ops_remount = { OPS, .remount = remount };
static const nx_driver drivers[] = {
    { sizeof(nx_driver), NX_KIND_FILESYSTEM, 0, 0, NX_STR("stall"), &ops },
    { sizeof(nx_driver), NX_KIND_FILESYSTEM, NX_DRIVER_PARALLEL, 0, NX_STR("stall-parallel"), &ops },
    { sizeof(nx_driver), NX_KIND_FILESYSTEM, 0, 0, NX_STR("stall-remount"), &ops_remount },
};
DESCRIPTOR("stall-fs", "1.0.0", drivers, 3);
NX_PLUGIN_ENTRY(stall_fs) { return host_major == NX_ABI_MAJOR ? &descriptor : NULL; }
