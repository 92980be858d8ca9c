#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "train/inspect/trace/trace.h"

namespace hewn {

/// The members "nodes", "leaves", "memory" and "launches" of a trace (docs/formats.md).
nlohmann::ordered_json trace_json(const Trace& trace);

/// Bytes in base64, as in data URLs.
std::string base64(std::string_view bytes);

}  // namespace hewn
