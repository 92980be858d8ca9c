#include "apps/quantize/ladder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/quantize/tensors.h"
#include "apps/run/evaluation.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/temporary_directory.h"
#include "apps/run/text/drawn_text.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "model/generation/generate.h"
#include "model/json.h"
#include "model/weights/foreign.h"

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

WritingSpeed writing_speed(Model& model) {
  constexpr int64_t tokens = 32;
  constexpr int rounds = 5;
  const GenerateOptions options{.max_new_tokens = std::min(tokens, model.config().block_size - 1)};
  const auto write = [&] { generate(model, {0}, options, [](const Generated&) { return true; }); };
  write();  // warm-up
  double best = 1e30;
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    write();
    best = std::min(best, seconds_since(start));
  }
  const double per_token = best / static_cast<double>(std::max<int64_t>(options.max_new_tokens, 1));
  return {.seconds_per_token = per_token, .of_bandwidth = seconds_to_read(model) / per_token};
}

CostMeter::CostMeter(const Settings& settings, const ForeignModel& model)
    : device_(open_device("cpu", static_cast<int>(settings.integer("threads")))) {
  require(model.tokenizer != nullptr, settings.where("val"),
          ": the model cannot read text: ", model.no_tokenizer);
  require_language_model(model.config, named_run(settings));
  text_ = open_validation(settings.text("val"), model.tokenizer, model.text_form);
  if (text_.val_tokens() < 2) fail(ErrorCode::input, settings.text("val"), ": has fewer than 2 tokens");
  before_ = load_foreign(model, *device_);
}

CostMeter::Cost CostMeter::of_file(const std::string& file) {
  const auto after = open_foreign_weights(open_foreign(file), *device_);
  const int64_t window = std::min(before_->config().block_size, after->config().block_size);
  return {.lost = divergence(*before_, *after, text_, {.block_size = window, .stride = window}),
          .speed = writing_speed(*after)};
}

WritingSpeed CostMeter::speed_before() { return writing_speed(*before_); }

void add_cost(const CostMeter::Cost& cost, Json& to) {
  to.update(divergence_record(cost.lost));
  to["ms_per_token"] = cost.speed.seconds_per_token * 1e3;
  to["bandwidth_percent"] = 100 * cost.speed.of_bandwidth;
}

}  // namespace hewn::cli
