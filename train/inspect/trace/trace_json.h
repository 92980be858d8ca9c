#pragma once

#include <nlohmann/json_fwd.hpp>

#include "train/inspect/trace/trace.h"

namespace hewn {

/// The members "nodes", "leaves", "memory" and "launches" of a trace (docs/formats.md).
nlohmann::ordered_json trace_json(const Trace& trace);

}  // namespace hewn
