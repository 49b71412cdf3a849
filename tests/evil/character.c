/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two character devices that tell one lie, which the parameter `lie` names; without it, they are honest.
 *
 * evil-channel: what is written comes out again, put there by another thread, which wakes under the device's lock.
 * evil-register: 16 bytes with a position, and a page of memory to map. */
#include "common.h"
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

NX_PLUGIN_NAME("evil-character");
NX_PLUGIN_VERSION("1.0.0");
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_DESCRIPTION("Character devices that lie");
NX_PLUGIN_PROVIDES("character:evil-channel");
NX_PLUGIN_PROVIDES("character:evil-register");
NX_PLUGIN_PARM("lie", "str", "", "the lie");

#define COUNT_OPEN 0x2001u
#define ROOM 64u
#define WAITERS 4u

struct device {
    char *lie;
    pthread_mutex_t lock;
    pthread_t courier;
    bool has_courier;
    uint8_t bytes[ROOM], carried[ROOM];
    size_t len, carried_len;
    uint64_t waiters[WAITERS];
    uint32_t open;
    uint8_t *page;
    int fd;
};

static bool lies(const void *dev, const char *lie) { return strcmp(((const struct device *)dev)->lie, lie) == 0; }

static int32_t attach(void *module, const nx_ctx *ctx, const nx_attach_args *args, void **dev)
{
    struct device *device = calloc(1, sizeof *device);
    device->lie = text_of(args->params, args->param_count, args->param_stride, "lie");
    pthread_mutex_init(&device->lock, NULL);
    device->fd = memfd_create("evil-character", MFD_CLOEXEC);
    if (ftruncate(device->fd, 4096) != 0) abort();
    device->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, 0);
    memset(device->page, 'p', 4096);
    *dev = device;
    return 0;
}

static void join(struct device *device)
{
    if (device->has_courier) pthread_join(device->courier, NULL);
    device->has_courier = false;
}

static int32_t detach(void *dev, const nx_ctx *ctx)
{
    struct device *device = dev;
    int32_t result = lies(device, "detach-fails") ? -NX_EIO : 0;
    join(device);
    munmap(device->page, 4096);
    close(device->fd);
    free(device->lie);
    free(device);
    return result;
}

static int32_t open_it(void *dev, const nx_ctx *ctx, uint32_t flags, uint64_t *handle)
{
    struct device *device = dev;
    if (lies(dev, "open-garbage")) return -99999;
    pthread_mutex_lock(&device->lock);
    *handle = ++device->open;
    pthread_mutex_unlock(&device->lock);
    return 0;
}

static int32_t release(void *dev, const nx_ctx *ctx, uint64_t handle)
{
    struct device *device = dev;
    pthread_mutex_lock(&device->lock);
    device->open--;
    pthread_mutex_unlock(&device->lock);
    return 0;
}

static int64_t get(void *dev, const nx_ctx *ctx, uint64_t handle, uint64_t offset, uint8_t *buf, size_t len)
{
    struct device *device = dev;
    if (lies(dev, "read-more")) return (int64_t)len + 1;
    if (lies(dev, "read-garbage")) return -99999;
    pthread_mutex_lock(&device->lock);
    size_t done = device->len < len ? device->len : len;
    memcpy(buf, device->bytes, done);
    memmove(device->bytes, device->bytes + done, device->len - done);
    device->len -= done;
    pthread_mutex_unlock(&device->lock);
    return done == 0 && len > 0 ? -NX_EAGAIN : (int64_t)done;
}

static void *carry(void *dev)
{
    struct device *device = dev;
    pthread_mutex_lock(&device->lock);
    memcpy(device->bytes + device->len, device->carried, device->carried_len);
    device->len += device->carried_len;
    for (unsigned i = 0; i < WAITERS; i++) {
        if (device->waiters[i] != 0) services->wake(device->waiters[i], NX_POLLIN);
        if (lies(dev, "wakes-twice")) services->wake(device->waiters[i], NX_POLLIN);
        device->waiters[i] = 0;
    }
    if (lies(dev, "wakes-strangers")) {
        services->wake(0, ~0u);
        services->wake(~0ull, ~0u);
        services->wake(1ull << 32 | 12345, ~0u);
    }
    pthread_mutex_unlock(&device->lock);
    return NULL;
}

static int64_t put(void *dev, const nx_ctx *ctx, uint64_t handle, uint64_t offset, const uint8_t *buf, size_t len)
{
    struct device *device = dev;
    if (lies(dev, "write-more")) return (int64_t)len + 1;
    join(device);
    pthread_mutex_lock(&device->lock);
    size_t room = ROOM - device->len, done = room < len ? room : len;
    memcpy(device->carried, buf, done);
    device->carried_len = done;
    pthread_mutex_unlock(&device->lock);
    if (done == 0 && len > 0) return -NX_EAGAIN;
    if (pthread_create(&device->courier, NULL, carry, device) != 0) return -NX_EAGAIN;
    device->has_courier = true;
    return (int64_t)done;
}

static int64_t control(void *dev, const nx_ctx *ctx, uint64_t handle, uint32_t command, uintptr_t arg, size_t size)
{
    struct device *device = dev;
    if (command == NX_FIOC_OPTIMIZE) return size == 0 ? (int64_t)arg + 1 : -NX_EINVAL;
    if (command != COUNT_OPEN) return -NX_ENOTTY;
    if (size < 4) return -NX_EINVAL;
    memcpy((void *)arg, &device->open, 4);
    return 7;
}

static int64_t look(void *dev, const nx_ctx *ctx, uint64_t handle, uint64_t waiter)
{
    struct device *device = dev;
    int64_t events = NX_POLLOUT;
    if (lies(dev, "poll-bits") && waiter != 0) return 0x8000;
    if (lies(dev, "poll-nval") && waiter != 0) return NX_POLLNVAL;
    if (lies(dev, "poll-wide") && waiter != 0) return 0x100000001ll;
    pthread_mutex_lock(&device->lock);
    if (waiter != 0) {
        unsigned at = 0;
        while (at < WAITERS && device->waiters[at] != 0 && device->waiters[at] != waiter) at++;
        if (at < WAITERS) device->waiters[at] = waiter;
        else events = -NX_EBUSY;
    }
    if (device->len > 0) events |= NX_POLLIN;
    pthread_mutex_unlock(&device->lock);
    return events;
}

static int64_t get_at(void *dev, const nx_ctx *ctx, uint64_t handle, uint64_t offset, uint8_t *buf, size_t len)
{
    struct device *device = dev;
    size_t done = offset >= 16 ? 0 : len < 16 - offset ? len : 16 - offset;
    memcpy(buf, device->bytes + (done ? offset : 0), done);
    return (int64_t)done;
}

static int64_t put_at(void *dev, const nx_ctx *ctx, uint64_t handle, uint64_t offset, const uint8_t *buf, size_t len)
{
    struct device *device = dev;
    if (offset >= 16) return -NX_ENOSPC;
    size_t done = len < 16 - offset ? len : 16 - offset;
    memcpy(device->bytes + offset, buf, done);
    return (int64_t)done;
}

static int64_t move(void *dev, const nx_ctx *ctx, uint64_t handle, int64_t offset, uint32_t whence)
{
    if (whence == NX_SEEK_END) offset += 16;
    return offset < 0 || offset > 16 ? -NX_EINVAL : offset;
}

static int32_t map(void *dev, const nx_ctx *ctx, uint64_t handle, nx_xip_grant *out)
{
    struct device *device = dev;
    nx_xip_grant grant = { .size = sizeof grant, .flags = NX_XIP_WRITABLE | NX_XIP_MEMORY_OBJECT,
                           .base = device->page, .len_bytes = 4096, .memory_fd = device->fd };
    if (lies(dev, "map-null")) grant.base = NULL;
    if (lies(dev, "map-empty")) grant.len_bytes = 0;
    if (lies(dev, "map-short")) grant.len_bytes = 1 << 20;
    if (lies(dev, "map-wraps")) grant.len_bytes = ~0ull;
    nx_fill(out, &grant, sizeof grant);
    return 0;
}

static const nx_character_ops channel_ops = { .size = sizeof channel_ops, .attach = attach, .detach = detach,
    .open = open_it, .release = release, .read = get, .write = put, .ioctl = control, .poll = look };
static const nx_character_ops register_ops = { .size = sizeof register_ops, .attach = attach, .detach = detach,
    .read = get_at, .write = put_at, .seek = move, .map = map };
static const nx_driver drivers[] = {
    { sizeof drivers[0], NX_KIND_CHARACTER, 0, 0, NX_STR("evil-channel"), &channel_ops },
    { sizeof drivers[0], NX_KIND_CHARACTER, 0, 0, NX_STR("evil-register"), &register_ops },
};
DESCRIPTOR("evil-character", "1.0.0", drivers, 2);
NX_PLUGIN_ENTRY(evil_character) { return host_major == NX_ABI_MAJOR ? &descriptor : NULL; }
