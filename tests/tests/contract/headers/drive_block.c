/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Loads the c-block template as a host would, and uses it: drive_block PLUGIN.so EXISTING_IMAGE MISSING_IMAGE.
 * The image has 700 bytes, each of them the low byte of its offset. Ends with status 1 and a line for the first
 * answer that is wrong. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <nxvfs/nxvfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static int reports; /* how many complete error texts came */

static void report_error(const nx_error_text *text)
{
    CHECK(text->size == sizeof *text && text->flags == 0);
    CHECK(text->what.len && text->place.len && text->expected.len && text->found.len && text->remedy.len);
    reports++;
}

static const nx_services services = { .size = sizeof services, .abi_major = NX_ABI_MAJOR,
                                      .abi_minor = NX_ABI_MINOR, .report_error = report_error };
static const nx_ctx ctx = { .size = sizeof ctx };

static int32_t attach(const nx_block_ops *ops, void *module, uint64_t sectors, const char *image, void **dev)
{
    nx_param params[] = {
        { .size = sizeof params[0], .kind = NX_PARAM_PATH, .name = NX_STR("image"), .text = nx_str_of(image) },
        { .size = sizeof params[0], .kind = NX_PARAM_UINT, .name = NX_STR("sectors"), .number = sectors },
    };
    nx_attach_args args = { .size = sizeof args, .node = NX_STR("/dev/c0"), .device = 1, .params = params,
                            .param_count = 2, .param_stride = sizeof params[0] };
    return ops->attach(module, &ctx, &args, dev);
}

static void refuse(const nx_block_ops *ops, void *module, uint64_t sectors, const char *image, int32_t number)
{
    void *dev = NULL;
    int before = reports;
    CHECK(attach(ops, module, sectors, image, &dev) == -number);
    CHECK(reports == before + 1 && dev == NULL);
}

static void use(const nx_block_ops *ops, void *dev)
{
    static uint8_t out[1024], in[1024];
    nx_geometry shape = { .size = sizeof shape }, older = { .size = 16, .sector_count = 99 };
    nx_xip_grant grant = { .size = sizeof grant };
    uint8_t *view;

    CHECK(ops->geometry(dev, &ctx, &shape) == 0 && shape.size == sizeof shape);
    CHECK(shape.sector_size_bytes == 512 && shape.sector_count == 8);
    CHECK(shape.flags == (NX_GEOMETRY_WRITABLE | NX_GEOMETRY_AVAILABLE));
    CHECK(ops->geometry(dev, &ctx, &older) == 0 && older.size == 16 && older.sector_count == 99);

    memset(out, 0xc3, sizeof out);
    CHECK(ops->write(dev, &ctx, 6, 2, out, NX_WRITE_FUA) == 2);
    CHECK(ops->read(dev, &ctx, 6, 2, in, NX_IO_META) == 2 && memcmp(in, out, sizeof in) == 0);
    CHECK(ops->read(dev, &ctx, 7, 2, in, 0) == -NX_EINVAL);
    CHECK(ops->read(dev, &ctx, 8, 1, in, 0) == -NX_EINVAL);
    CHECK(ops->write(dev, &ctx, UINT64_MAX, 2, out, 0) == -NX_EINVAL);
    CHECK(ops->write(dev, &ctx, 1, UINT32_MAX, out, 0) == -NX_EINVAL);
    CHECK(ops->flush(dev, &ctx) == 0);
    CHECK(ops->ioctl(dev, &ctx, 0x7777, 0, 0) == -NX_ENOTTY);

    CHECK(ops->xip_grant(dev, &ctx, &grant) == 0 && grant.size == sizeof grant);
    CHECK(grant.flags == (NX_XIP_WRITABLE | NX_XIP_MEMORY_OBJECT) && grant.len_bytes == 4096 && grant.base[4095] == 0xc3);
    view = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, grant.memory_fd, (off_t)grant.memory_offset);
    CHECK(view != MAP_FAILED);
    view[0] = 0x99; /* one memory: what a view changes, the driver reads */
    CHECK(ops->read(dev, &ctx, 0, 1, in, 0) == 1 && in[0] == 0x99);
    CHECK(munmap(view, 4096) == 0);
}

int main(int argc, char **argv)
{
    void *image, *module = NULL, *dev = NULL, *address;
    nx_c_entry entry;
    const nx_descriptor *descriptor;
    const nx_block_ops *ops;
    nx_init_args args = { .size = sizeof args, .services = &services };
    static uint8_t bytes[1024];
    int fd_before, fd_after;
    size_t i;

    CHECK(argc == 4);
    image = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(image != NULL);
    address = dlsym(image, NX_C_ENTRY_PREFIX "c_block");
    CHECK(address != NULL);
    memcpy(&entry, &address, sizeof entry); /* C has no cast from an object's address to a function's */
    CHECK(entry(NX_ABI_MAJOR + 1, 0) == NULL);
    descriptor = entry(NX_ABI_MAJOR, 99);
    CHECK(descriptor != NULL && descriptor->size == sizeof *descriptor && descriptor->magic == NX_MAGIC);
    CHECK(descriptor->abi_major == NX_ABI_MAJOR && descriptor->abi_minor == NX_ABI_MINOR);
    CHECK(nx_str_is(descriptor->name, "c-block") && descriptor->driver_count == 1);
    CHECK(descriptor->drivers->kind == NX_KIND_BLOCK && descriptor->drivers->flags == 0);
    ops = descriptor->drivers->ops;
    CHECK(ops->size == sizeof *ops);

    CHECK(descriptor->init(&args, &module) == 0);
    fd_before = dup(0);
    close(fd_before);
    refuse(ops, module, 0, "", NX_EINVAL);
    refuse(ops, module, UINT64_MAX, "", NX_EINVAL);
    refuse(ops, module, 8, argv[3], NX_ENOENT);
    refuse(ops, module, 1, argv[2], NX_EFBIG);
    refuse(ops, module, 1, "/", NX_EIO);

    CHECK(attach(ops, module, 8, "", &dev) == 0);
    use(ops, dev);
    CHECK(ops->detach(dev, &ctx) == 0);

    CHECK(attach(ops, module, 2, argv[2], &dev) == 0);
    CHECK(ops->read(dev, &ctx, 0, 2, bytes, 0) == 2);
    for (i = 0; i < sizeof bytes; i++) {
        CHECK(bytes[i] == (i < 700 ? i & 0xff : 0));
    }
    CHECK(ops->detach(dev, &ctx) == 0);
    fd_after = dup(0);
    CHECK(fd_after == fd_before); /* nothing is held: the lowest free descriptor is the one of before */
    if (descriptor->exit != NULL) {
        descriptor->exit(module);
    }
    CHECK(dlclose(image) == 0);
    return 0;
}
