#pragma once
// Shared by `export` and `quantize`.

#include <string>

#include "apps/cli/make.h"
#include "apps/cli/settings.h"
#include "model/weights/export.h"

namespace hewn::cli {

/// Context, activation and replacement from the settings, and the chat template of the run at `path`.
ExportOptions export_options(const Settings& settings, const std::string& path, const ForeignModel& model);

/// Options that both have: "block_size act force".
namespace keys {
Section exported(std::string_view names);
}

}  // namespace hewn::cli
