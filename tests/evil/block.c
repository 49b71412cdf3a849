/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A disk of 64 KiB of 'd' that tells one lie, which the parameter `lie` names; without it, it is honest. */
#include "common.h"
#include <sys/mman.h>
#include <unistd.h>

#define SECTORS 128u
#define BYTES (SECTORS * 512u)

NX_PLUGIN_NAME("evil-block");
NX_PLUGIN_VERSION("1.0.0");
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_DESCRIPTION("A disk that lies");
NX_PLUGIN_PROVIDES("block:evil-block");
NX_PLUGIN_PARM("lie", "str", "", "the lie");

struct disk { char *lie; uint8_t *base; int fd; };

static bool lies(const void *dev, const char *lie) { return strcmp(((const struct disk *)dev)->lie, lie) == 0; }

static int32_t detach(void *dev, const nx_ctx *ctx)
{
    struct disk *disk = dev;
    int32_t result = lies(disk, "detach-fails") ? -NX_EIO : 0;
    munmap(disk->base, BYTES);
    close(disk->fd);
    free(disk->lie);
    free(disk);
    return result;
}

static int32_t attach(void *module, const nx_ctx *ctx, const nx_attach_args *args, void **dev)
{
    struct disk *disk = malloc(sizeof *disk);
    disk->lie = text_of(args->params, args->param_count, args->param_stride, "lie");
    disk->fd = memfd_create("evil-block", MFD_CLOEXEC);
    if (ftruncate(disk->fd, BYTES) != 0) abort();
    disk->base = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, disk->fd, 0);
    memset(disk->base, 'd', BYTES);
    if (lies(disk, "object-short") && ftruncate(disk->fd, BYTES / 2) != 0) abort();
    if (lies(disk, "attach-garbage")) { detach(disk, ctx); return -99999; }
    *dev = disk;
    return 0;
}

static int32_t geometry(void *dev, const nx_ctx *ctx, nx_geometry *out)
{
    nx_geometry shape = { .size = sizeof shape, .flags = NX_GEOMETRY_WRITABLE | NX_GEOMETRY_AVAILABLE,
                          .sector_size_bytes = 512, .sector_count = SECTORS };
    if (lies(dev, "geometry-garbage")) return -99999;
    if (lies(dev, "geometry-unfilled")) return 0;
    if (lies(dev, "sector-500")) shape.sector_size_bytes = 500;
    if (lies(dev, "sector-256")) shape.sector_size_bytes = 256;
    if (lies(dev, "sector-131072")) shape.sector_size_bytes = 131072;
    if (lies(dev, "count-2-63")) shape.sector_count = UINT64_C(1) << 63;
    if (lies(dev, "count-wraps")) shape.sector_count = (UINT64_MAX >> 9) + 2;
    if (lies(dev, "no-medium")) shape.flags &= ~NX_GEOMETRY_AVAILABLE;
    nx_fill(out, &shape, sizeof shape);
    return 0;
}

static int64_t get(void *dev, const nx_ctx *ctx, uint64_t start, uint32_t count, uint8_t *buf, uint32_t flags)
{
    if (lies(dev, "read-more")) return (int64_t)count + 1;
    if (lies(dev, "read-fewer")) return (int64_t)count - 1;
    if (lies(dev, "read-garbage")) return -99999;
    memcpy(buf, ((struct disk *)dev)->base + start * 512, (size_t)count * 512);
    return count;
}

static int64_t put(void *dev, const nx_ctx *ctx, uint64_t start, uint32_t count, const uint8_t *buf, uint32_t flags)
{
    if (lies(dev, "write-more")) return (int64_t)count + 1;
    memcpy(((struct disk *)dev)->base + start * 512, buf, (size_t)count * 512);
    return count;
}

static int32_t xip_grant(void *dev, const nx_ctx *ctx, nx_xip_grant *out)
{
    const struct disk *disk = dev;
    nx_xip_grant grant = { .size = sizeof grant, .flags = NX_XIP_WRITABLE | NX_XIP_MEMORY_OBJECT,
                           .base = disk->base, .len_bytes = BYTES, .memory_fd = disk->fd };
    if (lies(dev, "no-grant") || lies(dev, "by-ioctl") || lies(dev, "by-ioctl-null")) return -NX_ENOSYS;
    if (lies(dev, "grant-refused")) return -NX_ENXIO;
    if (lies(dev, "grant-garbage")) return -99999;
    if (lies(dev, "grant-null")) grant.base = NULL;
    if (lies(dev, "grant-odd")) grant.base += 8;
    if (lies(dev, "grant-short")) grant.len_bytes = BYTES - 1;
    if (lies(dev, "grant-wraps")) { grant.base = (uint8_t *)(UINTPTR_MAX - 63); }
    if (lies(dev, "object-closed")) grant.memory_fd = 9999;
    if (lies(dev, "object-offset")) grant.memory_offset = 512;
    if (lies(dev, "object-beyond")) grant.memory_offset = 4096;
    if (lies(dev, "object-wraps")) grant.memory_offset = UINT64_MAX - 4095;
    if (lies(dev, "object-negative")) grant.memory_fd = -1;
    if (lies(dev, "object-none")) grant.flags = NX_XIP_WRITABLE;
    nx_fill(out, &grant, sizeof grant);
    return 0;
}

static int64_t control(void *dev, const nx_ctx *ctx, uint32_t command, uintptr_t arg, size_t arg_size)
{
    if (command != NX_BIOC_XIPBASE) return -NX_ENOTTY;
    if (lies(dev, "by-ioctl")) { memcpy((void *)arg, &((struct disk *)dev)->base, sizeof(void *)); return 0; }
    if (lies(dev, "by-ioctl-null")) return 0;
    return -NX_ENOTTY;
}

static const nx_block_ops ops = { .size = sizeof ops, .attach = attach, .detach = detach, .geometry = geometry,
    .read = get, .write = put, .xip_grant = xip_grant, .ioctl = control };
static const nx_driver driver = { sizeof driver, NX_KIND_BLOCK, 0, 0, NX_STR("evil-block"), &ops };
DESCRIPTOR("evil-block", "1.0.0", &driver, 1);
NX_PLUGIN_ENTRY(evil_block) { return host_major == NX_ABI_MAJOR ? &descriptor : NULL; }
