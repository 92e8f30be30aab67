// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

namespace moliere {

/// "0.1.0".
std::string_view version();
/// Commit that was built, with "-dirty" where files had changed; "unknown" outside a checkout.
std::string_view commit();

}  // namespace moliere
