#pragma once

#include <string>
#include <string_view>

#include "model/json.h"
#include "train/inspect/trace/trace.h"

namespace hewn {

/// The members "nodes", "leaves", "memory" and "launches" of a trace (docs/formats.md).
Json trace_json(const Trace& trace);

/// Bytes in base64, as in data URLs.
std::string base64(std::string_view bytes);

}  // namespace hewn
