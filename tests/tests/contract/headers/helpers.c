/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The helpers of types.h, compiled and run as C and as C++. Ends with status 1 and a line for the first that is wrong. */
#include <nxvfs/nxvfs.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static const nx_str in_static_data = NX_STR("cram");

static void strings(void)
{
    nx_str empty = nx_str_of(NULL);
    CHECK(in_static_data.len == 4 && memcmp(in_static_data.ptr, "cram", 4) == 0);
    CHECK(nx_str_is(in_static_data, "cram"));
    CHECK(!nx_str_is(in_static_data, "cra") && !nx_str_is(in_static_data, "cramp"));
    CHECK(empty.len == 0 && nx_str_is(empty, ""));
    CHECK(nx_str_of("romfs").len == 5);
}

/* Fills a struct of `room` bytes, as an older or newer host would hand it over, and looks what was touched. */
static void fill(uint32_t room, uint32_t filled)
{
    nx_geometry full, peer[2];
    unsigned char bytes[sizeof peer];
    size_t i;
    memset(&full, 0xab, sizeof full);
    memset(peer, 0x55, sizeof peer);
    peer[0].size = room;
    nx_fill(peer, &full, sizeof full);
    CHECK(peer[0].size == filled);
    memcpy(bytes, peer, sizeof bytes);
    for (i = sizeof room; i < sizeof bytes; i++) {
        CHECK(bytes[i] == (i < filled ? 0xab : 0x55));
    }
}

static void growing(void)
{
    nx_geometry geometry;
    uint32_t older = offsetof(nx_geometry, write_unit_bytes);
    fill(sizeof(nx_geometry), sizeof(nx_geometry));
    fill(older, older);                                            /* an older host: less is filled */
    fill(sizeof(nx_geometry) + 8, sizeof(nx_geometry));            /* a newer one: the rest is left alone */
    fill(NX_MAX_SIZE, sizeof(nx_geometry));
    fill(0, 0);                                                    /* no room even for the size: untouched */
    nx_fill(NULL, &geometry, sizeof geometry);
    geometry.size = older;
    CHECK(nx_has(&geometry, nx_geometry, sector_size_bytes));
    CHECK(!nx_has(&geometry, nx_geometry, write_unit_bytes));
    geometry.size = older + 1;                                     /* half a field is no field */
    CHECK(!nx_has(&geometry, nx_geometry, write_unit_bytes));
}

/* As a newer host's: every parameter is followed by something that these headers do not know. */
struct longer_param {
    nx_param param;
    uint64_t news;
};

static void params(void)
{
    struct longer_param list[2];
    const nx_param *found;
    memset(list, 0xff, sizeof list);
    list[0].param.name = nx_str_of("size");
    list[1].param.name = nx_str_of("sectors");
    list[1].param.number = 7;
    found = nx_param_find(&list[0].param, 2, sizeof list[0], "sectors");
    CHECK(found == &list[1].param && found->number == 7);
    CHECK(nx_param_find(&list[0].param, 2, sizeof list[0], "sect") == NULL);
    CHECK(nx_param_find(NULL, 0, sizeof list[0], "sectors") == NULL);
}

int main(void)
{
    strings();
    growing();
    params();
    return 0;
}
