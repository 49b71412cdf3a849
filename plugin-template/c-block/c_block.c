/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* c-block: a RAM disk as a block driver in C. Copy this folder, rename, and change what your medium does. */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <nxvfs/nxvfs.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-parameter" /* a slot need not use all it gets */
#define SECTOR 512u

/* What the file says of itself without being run; `modinfo` prints it. */
NX_PLUGIN_NAME("c-block");
NX_PLUGIN_VERSION("0.1.0");
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_DESCRIPTION("A RAM disk, written in C to be copied");
NX_PLUGIN_PROVIDES("block:c-block");
NX_PLUGIN_PARM("sectors", "uint", "128", "number of sectors of 512 bytes");
NX_PLUGIN_PARM("image", "path", "", "file whose bytes the disk begins with; empty for zeroes");

struct disk {         /* one per attached device */
    uint8_t *base;    /* the medium */
    uint64_t sectors; /* its length */
    int fd;           /* the memory object behind it, through which the host maps it for users */
};

/* One table serves all hosts of the process. Nothing else of a host may sit in a static variable, because
 * there may be several: store in `*module` what you need per host; every attach gets it. */
static const nx_services *services;

static int32_t init(const nx_init_args *args, void **module)
{ services = args->services; *module = NULL; return 0; }

/* Tells the user why the call is about to fail, and answers the errno in the form that crosses. */
static int32_t fail(int32_t number, const char *what, const char *place, const char *expected,
                    const char *found, const char *remedy)
{
    nx_error_text text = { .size = sizeof text, .what = nx_str_of(what), .place = nx_str_of(place),
        .expected = nx_str_of(expected), .found = nx_str_of(found), .remedy = nx_str_of(remedy) };
    services->report_error(&text);
    return -number;
}

/* Copies the file to the start of the disk. Errnos that cross are the ABI's, not those of <errno.h>. */
static int32_t load(const struct disk *disk, const char *path)
{
    size_t room = disk->sectors * SECTOR, done = 0;
    ssize_t got = -1;
    int result = 0, fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (got = read(fd, disk->base + done, room - done)) > 0) done += (size_t)got;
    if (got == 0) got = read(fd, &(char){ 0 }, 1); /* is there a byte beyond the last that fits? */
    if (got > 0)
        result = fail(NX_EFBIG, "the image does not fit", path, "a file no longer than the disk",
                      "a longer one", "attach with a larger sectors=");
    if (got < 0)
        result = fail(errno == ENOENT ? NX_ENOENT : NX_EIO, "cannot read the image", path, "a readable file",
                      strerror(errno), "name an existing file as image=");
    if (fd >= 0) close(fd);
    return result;
}

static int32_t detach(void *dev, const nx_ctx *ctx)
{
    struct disk *disk = dev;
    if (disk->base != MAP_FAILED) munmap(disk->base, disk->sectors * SECTOR);
    if (disk->fd >= 0) close(disk->fd);
    free(disk);
    return 0;
}

static int32_t attach(void *module, const nx_ctx *ctx, const nx_attach_args *args, void **dev)
{
    /* Every parameter of the manifest is there, with its default if the user gave none. */
    const nx_param *sectors = nx_param_find(args->params, args->param_count, args->param_stride, "sectors");
    const nx_param *image = nx_param_find(args->params, args->param_count, args->param_stride, "image");
    if (sectors->number < 1 || sectors->number > UINT32_MAX) /* so that no size in bytes overflows */
        return fail(NX_EINVAL, "no disk can be that long", "sectors=", "1 to 4294967295",
                    sectors->number < 1 ? "0" : "more", "leave it out for 128 sectors");
    struct disk *disk = malloc(sizeof *disk);
    if (disk == NULL) return -NX_ENOMEM;
    *disk = (struct disk){ MAP_FAILED, sectors->number, memfd_create("c-block", MFD_CLOEXEC) };
    int32_t result = 0;
    if (disk->fd >= 0 && ftruncate(disk->fd, (off_t)(disk->sectors * SECTOR)) == 0)
        disk->base = mmap(NULL, disk->sectors * SECTOR, PROT_READ | PROT_WRITE, MAP_SHARED, disk->fd, 0);
    if (disk->base == MAP_FAILED)
        result = fail(NX_ENOMEM, "no memory for the disk", "sectors=", "that many times 512 bytes",
                      strerror(errno), "attach with a smaller sectors=");
    else if (image->text.len > 0) {
        char *path = strndup((const char *)image->text.ptr, image->text.len); /* it comes without a NUL */
        result = path != NULL ? load(disk, path) : -NX_ENOMEM;
        free(path);
    }
    if (result == 0) *dev = disk;
    else detach(disk, ctx); /* after a failure nothing is held */
    return result;
}

static int32_t geometry(void *dev, const nx_ctx *ctx, nx_geometry *out)
{
    nx_geometry shape = { .size = sizeof shape, .flags = NX_GEOMETRY_WRITABLE | NX_GEOMETRY_AVAILABLE,
        .sector_size_bytes = SECTOR, .sector_count = ((struct disk *)dev)->sectors };
    nx_fill(out, &shape, sizeof shape); /* as much as the host's version has room for */
    return 0;
}

/* Reads with `into`, writes with `from`. A request that reaches beyond the medium is refused, whole. */
static int64_t copy(struct disk *disk, uint64_t start, uint32_t count, uint8_t *into, const uint8_t *from)
{
    if (start > disk->sectors || count > disk->sectors - start) return -NX_EINVAL; /* no sum can overflow */
    if (into != NULL) memcpy(into, disk->base + start * SECTOR, (size_t)count * SECTOR);
    if (from != NULL) memcpy(disk->base + start * SECTOR, from, (size_t)count * SECTOR);
    return count;
}

static int64_t get(void *dev, const nx_ctx *ctx, uint64_t start, uint32_t count, uint8_t *buf, uint32_t flags)
{ return copy(dev, start, count, buf, NULL); }
static int64_t put(void *dev, const nx_ctx *ctx, uint64_t start, uint32_t count, const uint8_t *buf,
                   uint32_t flags)
{ return copy(dev, start, count, NULL, buf); }

/* Memory is the medium: nothing waits to be written. An empty slot would mean the same. */
static int32_t flush(void *dev, const nx_ctx *ctx) { return 0; }
/* Commands of your own go here. The host answers the known ones itself (nxvfs/ioctl.h). */
static int64_t control(void *dev, const nx_ctx *ctx, uint32_t command, uintptr_t arg, size_t arg_size)
{ return -NX_ENOTTY; }

/* Lets users map the disk itself, without a copy. Leave it out for a medium that is not memory. */
static int32_t xip_grant(void *dev, const nx_ctx *ctx, nx_xip_grant *out)
{
    const struct disk *disk = dev;
    nx_xip_grant grant = { .size = sizeof grant, .flags = NX_XIP_WRITABLE | NX_XIP_MEMORY_OBJECT,
        .base = disk->base, .len_bytes = disk->sectors * SECTOR, .memory_fd = disk->fd };
    nx_fill(out, &grant, sizeof grant);
    return 0;
}

/* Slots that are not named are null: their comments in nxvfs/block.h tell what the host does then. */
static const nx_block_ops ops = { .size = sizeof ops, .attach = attach, .detach = detach, .ioctl = control,
    .geometry = geometry, .read = get, .write = put, .flush = flush, .xip_grant = xip_grant };
/* Flags 0: serial, one call at a time into a disk. NX_DRIVER_PARALLEL would ask for locks of your own. */
static const nx_driver driver = { sizeof driver, NX_KIND_BLOCK, 0, 0, NX_STR("c-block"), &ops };
static const nx_descriptor descriptor = { .size = sizeof descriptor, .magic = NX_MAGIC,
    .abi_major = NX_ABI_MAJOR, .abi_minor = NX_ABI_MINOR, .flags = NX_PLUGIN_CONTRACT,
    .name = NX_STR("c-block"), .version = NX_STR("0.1.0"), .drivers = &driver, .driver_count = 1,
    .driver_stride = sizeof driver, .init = init };

/* Makes the one exported symbol, nx_plugin_c_block. Null refuses a host of another major version. */
NX_PLUGIN_ENTRY(c_block) { return host_major == NX_ABI_MAJOR ? &descriptor : NULL; }
