#pragma once
// hewn quantize --ladder: a comparison of all formats.

#include "apps/cli/settings.h"
#include "model/weights/export.h"

namespace hewn::cli {

/// Writes the model in each format to a temporary directory, measures it on the text of the key val, and prints a table
/// or JSON. `options` as for a single format. Throws like `export_model` and CostMeter.
void print_format_ladder(const Settings& settings, const ForeignModel& model, ExportOptions options);

}  // namespace hewn::cli
