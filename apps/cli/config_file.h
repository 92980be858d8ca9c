#pragma once
// CONFIG.toml: flat keys, one per option.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// The assignments of a TOML file in file order, each located as "path:line:column". Throws input for a file
/// that cannot be read or is not TOML, usage for tables, arrays and dates, which no key accepts. Only a file `given` by
/// the user may be a pipe.
std::vector<Assignment> read_config(const std::string& path, bool given = false);

/// A run's configuration with a last line that seals it: the checksum of the lines above, as a comment.
std::string sealed(const std::string& toml);

/// Whether a text is sealed, and unchanged since.
enum class Seal : uint8_t { none, intact, broken };
Seal seal_of(std::string_view text);

/// Like `read_config`, for the configuration of a run. Also throws input if the file has changed since it was
/// sealed. Earlier versions wrote no seal.
std::vector<Assignment> read_sealed_config(const std::string& path);

}  // namespace hewn::cli
