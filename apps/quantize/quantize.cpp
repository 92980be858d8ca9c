// hewn quantize: writes a model with weights in blocks.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/convert/exporting.h"
#include "apps/quantize/ladder.h"
#include "apps/quantize/tensors.h"
#include "apps/run/evaluation.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "model/json.h"
#include "model/weights/gguf/importance.h"
#include "train/calibration/input_statistics.h"

namespace hewn::cli {
namespace {

// The formats chosen for some tensors: those of --tensor, then those of --keep.
std::vector<ChosenFormat> choices_of(const Settings& settings) {
  std::vector<ChosenFormat> choices;
  for (const std::string& word : settings.list("tensor")) {
    const size_t equals = word.rfind('=');
    require(equals != word.npos && equals > 0, settings.where("tensor"), ": '", word,
            "' is not PATTERN=FORMAT, such as *ffn_down*=q6_k");
    choices.push_back({word.substr(0, equals), word.substr(equals + 1)});
  }
  for (const std::string& pattern : settings.list("keep")) choices.push_back({pattern, "bf16"});
  return choices;
}

// The text of --calibrate, and the model that reads it.
class Calibration {
 public:
  Calibration(const Settings& settings, const ForeignModel& model)
      : settings_(settings),
        model_(model),
        device_(open_device("cpu", static_cast<int>(settings.integer("threads")))) {
    const std::string text = settings.text("calibrate");
    require(model.tokenizer != nullptr, settings.where("calibrate"),
            ": the model cannot read text: ", model.no_tokenizer);
    require_language_model(model.config, named_run(settings));
    data_ = open_validation(text, model.tokenizer, model.text_form);
    if (!data_.val[0].begins() && data_.val_tokens() <= model.config.block_size)
      fail(ErrorCode::input, text, ": has ", data_.val_tokens(), " tokens, fewer than the ",
           model.config.block_size + 1, " of a whole window; give a longer text");
  }

  ReadInputs inputs() const {
    return read_inputs(*load_foreign(model_, *device_), data_, settings_.integer("calibrate_tokens"),
                       settings_.flag("second_order"));
  }
  std::shared_ptr<const ForeignModel> curvature() const {
    constexpr int64_t windows = 64;  // more change the choice little
    const auto trained = load_foreign(model_, *device_, DType::f32, true);
    return std::make_shared<ForeignModel>(hewn::curvature(*trained, data_, windows, 1));
  }

 private:
  const Settings& settings_;
  const ForeignModel& model_;
  std::unique_ptr<Executor> device_;
  Dataset data_;
};

// Nothing without a text.
std::optional<Calibration> calibration_of(const Settings& settings, const ForeignModel& model) {
  if (!settings.given("calibrate") || looks_like_importance(settings.text("calibrate"))) return std::nullopt;
  return std::make_optional<Calibration>(settings, model);
}

// What the matrices of the model read from the text, or the importance matrix that --calibrate names; nothing without it.
ReadInputs inputs_of(const Settings& settings, const std::optional<Calibration>& calibration) {
  if (calibration) return calibration->inputs();
  return settings.given("calibrate") ? ReadInputs{.squares = read_importance(settings.text("calibrate"))}
                                     : ReadInputs();
}

Json as_json(const Settings& settings, const Exported& done) {
  const TensorTotal all = total_of(done.tensors);
  Json tensors = Json::array();
  for (const WrittenTensor& t : done.tensors) {
    TensorTotal one;
    one.add(t);
    tensors.push_back({{"name", t.name},
                       {"format", t.format},
                       {"elements", t.elements},
                       {"bytes", t.bytes},
                       {"rmse", one.rmse()},
                       {"max_error", t.max_error}});
  }
  const double target = settings.real("target_bits");
  Json json{{"format", target > 0 ? "mixed" : settings.text("format")}};
  if (target > 0) json["target_bits"] = target;
  json.update({{"file", settings.text("out")},
               {"bits_per_weight", all.bits()},
               {"bytes", done.bytes},
               {"tensors", tensors},
               {"notes", done.notes}});
  return json;
}

std::vector<std::string> row_of(const std::string& name, const TensorTotal& t) {
  return {name,
          long_count(t.tensors),
          long_count(t.elements),
          bytes_text(static_cast<double>(t.bytes)),
          fixed(t.bits(), 2),
          number_text(t.rmse(), 3),
          number_text(t.max_error, 3)};
}

// A line per format, in the order of their first tensors.
void print_formats(const std::vector<WrittenTensor>& tensors) {
  std::vector<std::vector<std::string>> rows = {
      {"format", "tensors", "weights", "size", "bits", "rmse", "max error"}};
  std::vector<std::string_view> seen;
  for (const WrittenTensor& t : tensors) {
    if (std::find(seen.begin(), seen.end(), t.format) != seen.end()) continue;
    seen.push_back(t.format);
    rows.push_back(row_of(std::string(t.format), total_of(tensors, t.format)));
  }
  rows.push_back(row_of("all", total_of(tensors)));
  print(table_text(rows));
}

void print_tensors(const std::vector<WrittenTensor>& tensors) {
  std::vector<std::vector<std::string>> rows = {{"tensor", "format", "weights", "size", "rmse", "max error"}};
  for (const WrittenTensor& t : tensors) {
    TensorTotal one;
    one.add(t);
    rows.push_back({t.name, std::string(t.format), long_count(t.elements),
                    bytes_text(static_cast<double>(t.bytes)), number_text(one.rmse(), 3),
                    number_text(t.max_error, 3)});
  }
  print(table_text(rows), "\n");
}

}  // namespace

int run_quantize(const Settings& settings) {
  const bool ladder = settings.flag("ladder"), for_bits = settings.real("target_bits") > 0;
  require(ladder || for_bits || settings.has("format"),
          "no format was given; add --format=NAME, such as --format=q4_k_m, or --target_bits=N");
  require(!for_bits || !(ladder || settings.given("format")), settings.where("target_bits"),
          ": chooses the formats; leave it out, or leave out format and ladder");
  require(!ladder || settings.given("val"), "--ladder compares the formats on a text; add --val=FILE");
  require(ladder || settings.has("out"), "no output path was given; add --out=FILE.gguf");
  for (const char* key : {"calibrate", "second_order"})
    require(ladder || settings.text("format") != dynamic_q8 || !settings.given(key), settings.where(key),
            ": does not apply to ", dynamic_q8, ", which has one scale per row");
  const std::string path = named_run(settings), out = settings.text("out");
  const ForeignModel model = open_merged(settings, path);
  ExportOptions options = export_options(settings, path, model);
  const std::optional<Calibration> calibration = calibration_of(settings, model);
  require(calibration || !settings.flag("second_order"), settings.where("second_order"),
          ": requires a text; add --calibrate=FILE (not an importance matrix)");
  ReadInputs inputs = inputs_of(settings, calibration);
  options.quantise = Quantisation{.mixture = for_bits ? "q4_k_m" : settings.text("format"),
                                  .choices = choices_of(settings),
                                  .importance = std::move(inputs.squares),
                                  .products = std::move(inputs.products),
                                  .too_few_rows = std::move(inputs.too_few_rows),
                                  .threads = static_cast<int>(settings.integer("threads"))};
  if (for_bits) {
    require(calibration.has_value(), settings.where("target_bits"),
            ": requires a text; add --calibrate=FILE");
    options.quantise->target_bits = settings.real("target_bits");
    options.quantise->curvature = calibration->curvature();
  }
  if (ladder) {
    print_format_ladder(settings, model, options);
    return 0;
  }
  std::optional<CostMeter> meter;  // opens the text before anything is written
  if (settings.given("val")) meter.emplace(settings, model);
  const Exported done = export_model(model, "gguf", out, options);
  std::optional<CostMeter::Cost> cost;
  if (meter) cost = meter->of_file(out);
  if (settings.flag("json")) {
    Json json = as_json(settings, done);
    if (cost) add_cost(*cost, json);
    print(json_text(json, 2), "\n");
    return 0;
  }
  for (const std::string& note : done.notes) say(note);
  if (is_verbose()) print_tensors(done.tensors);
  print_formats(done.tensors);
  if (cost)
    print(divergence_text(cost->lost), fixed(cost->speed.seconds_per_token * 1e3, 3), " ms per token, ",
          fixed(100 * cost->speed.of_bandwidth, 0), "% of the speed of memory\n");
  print("wrote ", out, ", ", bytes_text(static_cast<double>(done.bytes)), "\n");
  if (model.tokenizer) say_next(program(), " sample ", shell_word(out));
  return 0;
}

}  // namespace hewn::cli
