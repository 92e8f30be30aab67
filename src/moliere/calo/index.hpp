// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>

namespace moliere::calo {

/// Rows and columns are counted with a sign; vectors are indexed without one.
inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace moliere::calo
