// SPDX-License-Identifier: MIT OR Apache-2.0
// nxvfs/guard.hpp - no exception crosses the boundary. Write each slot of a C++ plugin as
//
//   int64_t read(void *dev, ...) noexcept { return nxvfs::guard([&]() -> int64_t { ... }); }
//
// What the body answers is answered; an exception becomes -NX_EIO. A body without an answer swallows it.
#ifndef NXVFS_GUARD_HPP
#define NXVFS_GUARD_HPP

#include <type_traits>
#include <utility>

#include "errno.h"

namespace nxvfs {

template <class Body>
auto guard(Body &&body) noexcept -> decltype(std::forward<Body>(body)())
{
    using Answer = decltype(std::forward<Body>(body)());
    constexpr bool silent = std::is_void<Answer>::value;
    static_assert(silent || (std::is_integral<Answer>::value && std::is_signed<Answer>::value),
                  "a slot answers nothing or a signed integer");
    try {
        return std::forward<Body>(body)();
    } catch (...) {
        if constexpr (!silent) {
            return -NX_EIO;
        }
    }
}

} // namespace nxvfs

#endif // NXVFS_GUARD_HPP
