#include "apps/quantize/ladder.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/quantize/cost.h"
#include "apps/quantize/tensors.h"
#include "apps/run/temporary_directory.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

struct FormatRow {
  std::string format;
  TensorTotal all;
  uint64_t bytes = 0;  // of the file
  CostMeter::Cost cost;
};

FormatRow measured(const Mixture& mixture, const ForeignModel& model, ExportOptions options,
                   CostMeter& meter) {
  const TemporaryDirectory directory("quantize");
  const std::string file = directory.path("model.gguf");
  options.quantise->mixture = mixture.name;
  const Exported done = export_model(model, "gguf", file, options);
  FormatRow row{
      .format = std::string(mixture.name), .all = total_of(done.tensors), .bytes = done.bytes, .cost = {}};
  row.cost = meter.of_file(file);
  return row;
}

Json as_json(const std::vector<FormatRow>& rows, const WritingSpeed& before) {
  Json out = Json::array();
  for (const FormatRow& row : rows) {
    Json one{{"format", row.format},
             {"bits_per_weight", row.all.bits()},
             {"bytes", row.bytes},
             {"rmse", row.all.rmse()}};
    add_cost(row.cost, one);
    out.push_back(std::move(one));
  }
  return {
      {"before",
       {{"ms_per_token", before.seconds_per_token * 1e3}, {"bandwidth_percent", 100 * before.of_bandwidth}}},
      {"formats", out}};
}

std::vector<std::string> speed_cells(const WritingSpeed& speed) {
  return {fixed(speed.seconds_per_token * 1e3, 3), fixed(100 * speed.of_bandwidth, 0) + "%"};
}

std::string as_table(const std::vector<FormatRow>& rows, const WritingSpeed& before) {
  std::vector<std::vector<std::string>> cells = {{"format", "bits", "size", "perplexity", "change", "KL",
                                                  "KL p99", "same top", "ms/token", "of memory"}};
  const FormatRow& any = rows.front();
  cells.push_back({"f32", "32.00", bytes_text(static_cast<double>(any.all.elements) * sizeof(float)),
                   fixed(std::exp(any.cost.lost.loss_before), 4), "", "", "", ""});
  for (const std::string& cell : speed_cells(before)) cells.back().push_back(cell);
  for (const FormatRow& row : rows) {
    const Divergence& d = row.cost.lost;
    const double change = 100 * (std::exp(d.loss_after - d.loss_before) - 1);
    cells.push_back({row.format, fixed(row.all.bits(), 2), bytes_text(static_cast<double>(row.bytes)),
                     fixed(std::exp(d.loss_after), 4), (change >= 0 ? "+" : "") + fixed(change, 3) + "%",
                     number_text(d.kl_mean, 3), number_text(d.kl_p99, 3), fixed(100 * d.same_top, 2) + "%"});
    for (const std::string& cell : speed_cells(row.cost.speed)) cells.back().push_back(cell);
  }
  return table_text(cells);
}

}  // namespace

void print_format_ladder(const Settings& settings, const ForeignModel& model, ExportOptions options) {
  CostMeter meter(settings, model);
  std::vector<FormatRow> rows;
  for (const Mixture& mixture : mixtures()) {
    if (!mixture.is_smaller()) continue;
    detail("writing ", mixture.name);
    rows.push_back(measured(mixture, model, options, meter));
  }
  const WritingSpeed before = meter.speed_before();
  if (settings.flag("json"))
    print(json_text(as_json(rows, before), 2), "\n");
  else
    print(as_table(rows, before));
}

}  // namespace hewn::cli
