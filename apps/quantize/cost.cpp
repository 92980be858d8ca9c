#include "apps/quantize/cost.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/run/evaluation.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/text/memory_bound.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "model/generation/generate.h"
#include "model/json.h"
#include "model/weights/foreign.h"

namespace hewn::cli {

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
