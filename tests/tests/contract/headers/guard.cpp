// SPDX-License-Identifier: MIT OR Apache-2.0
// guard.hpp: answers pass, exceptions become -NX_EIO. Ends with status 1 and a line if it is not so.
#include <nxvfs/guard.hpp>

#include <cstdint>
#include <cstdio>
#include <stdexcept>

static int64_t answer(int what) noexcept
{
    return nxvfs::guard([&]() -> int64_t {
        switch (what) {
        case 0: return INT64_C(1) << 40;
        case 1: throw std::runtime_error("of the standard library");
        default: throw what;
        }
    });
}

int main()
{
    bool reached = false;
    nxvfs::guard([&] { reached = true; throw 1; });
    auto body = [] { return 0; };
    static_assert(noexcept(nxvfs::guard(body)), "nothing leaves");
    if (answer(0) != INT64_C(1) << 40 || answer(1) != -NX_EIO || answer(2) != -NX_EIO || !reached ||
        nxvfs::guard(body) != 0) {
        std::fprintf(stderr, "an answer was changed, or an exception was not\n");
        return 1;
    }
    return 0;
}
