/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A plugin with each macro of the manifest, compiled as C and as C++. It does nothing but introduce itself. */
#include <nxvfs/nxvfs.h>

NX_PLUGIN_NAME("probe");
NX_PLUGIN_VERSION("1.2.3");
NX_PLUGIN_LICENSE("MIT OR Apache-2.0");
NX_PLUGIN_AUTHOR("A. N. Author");
NX_PLUGIN_DESCRIPTION("A probe: nothing more");
NX_PLUGIN_PROVIDES("block:probe");
NX_PLUGIN_PROVIDES("filesystem:probe");
NX_PLUGIN_PARM("label", "str", "", "a text: any");
NX_PLUGIN_PARM("size", "size", "64K", "how much"); NX_PLUGIN_INFO("x-own", "a=b"); /* two on a line */

static const nx_block_ops block = { sizeof(nx_block_ops), 0,    NULL, NULL, NULL, NULL,
                                    NULL,                 NULL, NULL, NULL, NULL, NULL };
static const nx_driver drivers[] = {
    { sizeof(nx_driver), NX_KIND_BLOCK, NX_DRIVER_PARALLEL, 0, NX_STR("probe"), &block },
};
static const nx_descriptor descriptor = {
    sizeof(nx_descriptor), NX_MAGIC, NX_ABI_MAJOR,      NX_ABI_MINOR, NX_PLUGIN_UNFROZEN, NX_STR("probe"),
    NX_STR("1.2.3"),       drivers,  1,                 sizeof(nx_driver), NULL,          NULL,
    NULL,
};

NX_PLUGIN_ENTRY(probe);

const nx_descriptor *nx_plugin_probe(uint16_t host_major, uint16_t host_minor)
{
    (void)host_minor;
    return host_major == NX_ABI_MAJOR ? &descriptor : NULL;
}
