#pragma once
// SHA-256 (FIPS 180-4), which identifies script and style in a page's policy.

#include <string>
#include <string_view>

namespace hewn::cli {

/// The 32 bytes of the sum.
std::string sha256(std::string_view text);

}  // namespace hewn::cli
