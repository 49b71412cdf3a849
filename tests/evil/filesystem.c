/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A file system that tells one lie, which the option `lie` names; without it, it is honest. Its tree: `file` (node 2,
 * 8192 bytes of 'x'), `link` (node 3), `dir` (node 4, empty). On a device, `file` lies at byte 4096 of it. */
#include "common.h"

#define SIZE 8192u

NX_PLUGIN_NAME("evil-fs");
NX_PLUGIN_VERSION("1.0.0");
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_DESCRIPTION("A file system that lies");
NX_PLUGIN_PROVIDES("filesystem:evil-fs");
NX_PLUGIN_PARM("lie", "str", "", "the lie");

static bool lies(const void *fs, const char *lie) { return strcmp(fs, lie) == 0; }

static int32_t mount(void *module, const nx_ctx *ctx, const nx_mount_args *args, void **fs,
                     nx_mount_info *info, nx_attr *root)
{
    char *lie = text_of(args->params, args->param_count, args->param_stride, "lie");
    *fs = lie;
    info->root = lies(lie, "root-zero") ? 0 : 1;
    root->mode = (lies(lie, "root-file") ? NX_S_IFREG : NX_S_IFDIR) | 0755;
    root->ino = 1;
    int32_t result = 0;
    if (lies(lie, "mount-garbage")) result = -99999;
    if (lies(lie, "mount-positive")) result = 7;
    if (lies(lie, "mount-text")) {
        nx_error_text text = { .size = sizeof text, .what = NX_STR("the moon is in the wrong phase"),
            .place = NX_STR("sector 7"), .expected = NX_STR("full"), .found = NX_STR("new"),
            .remedy = NX_STR("wait two weeks") };
        services->report_error(&text);
        result = -NX_EUCLEAN;
    }
    if (lies(lie, "mount-wild-text")) {
        nx_error_text text = { .size = sizeof text, .what = { NULL, 99 }, .place = NX_STR("bytes \xff\xfe") };
        services->report_error(&text);
        services->report_error(NULL);
        result = -NX_EUCLEAN;
    }
    if (result < 0) free(lie);
    return result;
}

static int32_t unmount(void *fs, const nx_ctx *ctx)
{
    int32_t result = lies(fs, "unmount-fails") ? -NX_EIO : 0;
    free(fs);
    return result;
}

static int32_t lookup(void *fs, const nx_ctx *ctx, uint64_t dir, nx_str name, nx_entry *entry, nx_attr *attr)
{
    static const struct { const char *name; uint32_t mode; uint64_t size; } nodes[] = {
        { "file", NX_S_IFREG | 0644, SIZE }, { "link", NX_S_IFLNK | 0777, 4 }, { "dir", NX_S_IFDIR | 0755, 0 } };
    if (lies(fs, "lookup-garbage")) return -99999;
    for (unsigned i = 0; i < 3; i++) {
        if (dir != 1 || name.len != strlen(nodes[i].name) || memcmp(name.ptr, nodes[i].name, name.len) != 0) continue;
        entry->node = lies(fs, "lookup-node-0") ? 0 : i + 2;
        entry->valid_ns = entry->attr_valid_ns = UINT64_MAX;
        if (lies(fs, "type-changes")) entry->attr_valid_ns = 0;
        attr->mode = lies(fs, "lookup-mode-0") || lies(fs, "lookup-node-0") ? 0 : nodes[i].mode;
        attr->ino = i + 2;
        attr->size_bytes = lies(fs, "lookup-size") ? UINT64_MAX : nodes[i].size;
        return 0;
    }
    return -NX_ENOENT;
}

static int32_t getattr(void *fs, const nx_ctx *ctx, uint64_t node, nx_attr *attr)
{
    attr->mode = (lies(fs, "type-changes") ? NX_S_IFIFO : NX_S_IFREG) | 0644;
    attr->ino = node;
    attr->size_bytes = SIZE;
    return 0;
}

static int64_t readlink(void *fs, const nx_ctx *ctx, uint64_t node, uint8_t *buf, size_t len)
{
    if (lies(fs, "link-long")) return (int64_t)len + 1;
    if (lies(fs, "link-garbage")) return -99999;
    if (lies(fs, "link-empty")) return 0;
    memcpy(buf, lies(fs, "link-nul") ? "fi\0e" : "file", 4);
    return 4;
}

static int32_t readdir(void *fs, const nx_ctx *ctx, uint64_t dir, uint64_t cookie, nx_emit_entry emit, void *arg)
{
    static const nx_str honest[] = { NX_STR("file"), NX_STR("link"), NX_STR("dir") };
    static uint8_t long_name[300];
    memset(long_name, 'n', sizeof long_name);
    nx_dir_entry entry = { .size = sizeof entry, .ino = 2, .next_cookie = 1, .name = NX_STR("bad") };
    bool bad = true;
    if (dir != 1) return 0;
    if (lies(fs, "readdir-garbage")) return -99999;
    if (lies(fs, "name-slash")) entry.name = (nx_str)NX_STR("a/b");
    else if (lies(fs, "name-empty")) entry.name = (nx_str)NX_STR("");
    else if (lies(fs, "name-null")) entry.name = (nx_str){ NULL, 5 };
    else if (lies(fs, "name-long")) entry.name = (nx_str){ long_name, sizeof long_name };
    else if (lies(fs, "name-nul")) entry.name = (nx_str){ (const uint8_t *)"a\0b", 3 };
    else if (lies(fs, "cookie-zero")) entry.next_cookie = 0;
    else if (lies(fs, "cookie-high")) entry.next_cookie = NX_COOKIE_LIMIT;
    else if (lies(fs, "entry-size")) entry.size = 8;
    else bad = false;
    if (bad) { emit(arg, &entry); return 0; }
    if (lies(fs, "entry-null")) { emit(arg, NULL); return 0; }
    /* The same entry again and again, with a cookie that leads back to it. */
    if (lies(fs, "endless")) { while (emit(arg, &entry) == 0) {} return 0; }
    /* Goes on although the host wants no more. */
    if (lies(fs, "ignore-stop")) {
        for (uint64_t i = cookie; i < 2000; i++) {
            entry.next_cookie = i + 1;
            entry.ino = i + 10;
            emit(arg, &entry);
        }
        return 0;
    }
    for (uint64_t i = cookie; i < 3; i++) {
        static const uint32_t types[] = { NX_S_IFREG, NX_S_IFLNK, NX_S_IFDIR };
        entry.name = honest[i];
        entry.next_cookie = i + 1;
        entry.ino = i + 2;
        entry.file_type = types[i];
        if (emit(arg, &entry) != 0) break;
    }
    return 0;
}

static int32_t open(void *fs, const nx_ctx *ctx, uint64_t node, uint32_t flags, nx_opened *opened)
{
    if (lies(fs, "open-garbage")) return INT32_MIN;
    opened->handle = 77;
    return 0;
}

static int64_t get(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t handle, uint64_t offset, uint8_t *buf,
                   size_t len)
{
    if (lies(fs, "read-more")) return (int64_t)len + 1;
    if (lies(fs, "read-most")) return INT64_MAX;
    if (lies(fs, "read-garbage")) return -99999;
    if (lies(fs, "read-least")) return INT64_MIN;
    if (offset >= SIZE) return 0;
    if (len > SIZE - offset) len = SIZE - offset;
    memset(buf, 'x', len);
    return (int64_t)len;
}

static int64_t map_extents(void *fs, const nx_ctx *ctx, uint64_t node, uint64_t offset, uint64_t len,
                           nx_extent *extents, uint32_t capacity, uint32_t stride, uint64_t *pin)
{
    if (len == 0) return 0;
    *pin = 5;
    extents[0] = (nx_extent){ offset, 4096 + offset, len };
    if (lies(fs, "extents-more")) return (int64_t)capacity + 1;
    if (lies(fs, "extents-garbage")) return -99999;
    if (lies(fs, "extents-none")) return 0;
    if (lies(fs, "extent-beyond")) extents[0].medium_offset = UINT64_C(1) << 40;
    if (lies(fs, "extent-wraps")) extents[0].medium_offset = UINT64_MAX - 100;
    if (lies(fs, "extent-empty")) extents[0].len_bytes = 0;
    if (lies(fs, "extent-longer")) extents[0].len_bytes = len + 1;
    if (lies(fs, "extent-endless")) extents[0].len_bytes = UINT64_MAX;
    if (lies(fs, "extent-elsewhere")) extents[0].file_offset = offset + 1;
    if (lies(fs, "extents-gap") || lies(fs, "extents-overlap") || lies(fs, "extents-apart")) {
        uint64_t half = len / 2;
        uint64_t second = offset + half + (lies(fs, "extents-gap") ? 8 : 0) - (lies(fs, "extents-overlap") ? 8 : 0);
        extents[0].len_bytes = half;
        extents[1] = (nx_extent){ second, 4096 + second + (lies(fs, "extents-apart") ? 4096 : 0),
                                    lies(fs, "extents-apart") ? len - half : 8 };
        return 2;
    }
    return 1;
}

static int64_t free_extents(void *fs, const nx_ctx *ctx, uint64_t offset, nx_extent *extents, uint32_t capacity,
                            uint32_t stride)
{
    extents[0] = (nx_extent){ 0, offset + 512, 512 };
    if (lies(fs, "free-more")) return (int64_t)capacity + 1;
    if (lies(fs, "free-beyond")) extents[0].medium_offset = UINT64_C(1) << 40;
    if (lies(fs, "free-wraps")) extents[0].medium_offset = UINT64_MAX - 100;
    if (lies(fs, "free-empty")) extents[0].len_bytes = 0;
    if (lies(fs, "free-back") && offset > 0) extents[0].medium_offset = 0;
    if (lies(fs, "free-of-file")) extents[0].file_offset = 1;
    return 1;
}

static const nx_filesystem_ops ops = { .size = sizeof ops, .mount = mount, .unmount = unmount, .lookup = lookup,
    .getattr = getattr, .readlink = readlink, .readdir = readdir, .open = open, .read = get,
    .map_extents = map_extents, .free_extents = free_extents };
static const nx_driver driver = { sizeof driver, NX_KIND_FILESYSTEM, 0, 0, NX_STR("evil-fs"), &ops };
DESCRIPTOR("evil-fs", "1.0.0", &driver, 1);
NX_PLUGIN_ENTRY(evil_fs) { return host_major == NX_ABI_MAJOR ? &descriptor : NULL; }
