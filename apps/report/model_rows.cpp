#include "apps/report/model_rows.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/shell.h"
#include "apps/report/inspected.h"
#include "apps/run/input.h"
#include "apps/run/run_config.h"
#include "apps/run/text/drawn_text.h"
#include "core/error.h"
#include "model/generation/generate.h"
#include "model/weights/foreign.h"

namespace hewn::cli {
namespace {

constexpr int64_t most_read = 64;                 // tokens of the text
constexpr double most_probabilities_shown = 6e5;  // of attention, over all heads
constexpr const char* model_row_names[] = {"decoding",    "attention", "embeddings", "positions",
                                           "activations", "lens",      "gradient",   "memory"};

// The number of tokens of the text that pictures have room for.
int64_t length_of_text(const ModelConfig& config) {
  const double maps = static_cast<double>(std::max<int64_t>(1, config.n_layer * config.n_head));
  const auto room = static_cast<int64_t>(std::sqrt(most_probabilities_shown / maps));
  return std::max<int64_t>(1, std::min({most_read, config.block_size, room}));
}

// The first parameter with a value that is not finite, or "".
std::string damaged_parameter(const Model& model) {
  for (const Parameter& p : model.parameters().all()) {
    const std::vector<double> values = p.value.doubles();
    const auto bad = std::count_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
    if (bad > 0) return join(p.name, ": ", bad, " of ", values.size(), " values are not finite");
  }
  return "";
}

void choose_text(InspectedModel& model, const Settings& settings, const std::vector<int32_t>& tokens) {
  const auto most = static_cast<size_t>(length_of_text(model.config())) + 1;
  const bool fits = std::all_of(tokens.begin(), tokens.end(),
                                [&](int32_t id) { return id >= 0 && id < model.config().vocab_size; });
  if (settings.has("text")) {
    if (!model.tokenizer())
      fail(ErrorCode::input, settings.where("text"), ": ", model.run.run,
           " cannot read text: ", model.run.no_tokenizer);
    model.tokens = model.run.texts().text(settings.text("text"));
    model.of_text = "the text that was given";
    require(model.tokens.size() >= 2, settings.where("text"),
            ": the text has fewer than 2 tokens; each is predicted from those before it");
  } else if (tokens.size() >= 2 && fits) {
    model.tokens = tokens;
    model.of_text = "the beginning of the validation text";
  } else if (model.config().classifies()) {
    fail(ErrorCode::usage, "a classifier generates no text; give one with --text=TEXT");
  } else {
    GenerateOptions options{
        .max_new_tokens = static_cast<int64_t>(most) - 1, .sampling = {.temperature = 0.8}, .seed = model.seed};
    std::vector<int32_t> ends;
    model.tokens = {0};
    if (model.tokenizer()) {
      options.context.vocab_size = model.tokenizer()->vocab_size();
      model.tokens = model.run.texts().opening(), ends = model.run.texts().ends();
    }
    const std::vector<int32_t> first = model.tokens;
    generate(*model.run.model, first, options, [&](int32_t id) {
      model.tokens.push_back(id);
      return std::find(ends.begin(), ends.end(), id) == ends.end();
    });
    model.of_text = "a text that the model wrote";
  }
  if (model.tokens.size() <= most) return;
  model.tokens.resize(most);
  if (settings.has("text")) model.of_text = "the beginning of the text that was given";
}

InspectedModel open_inspected(const Settings& settings, const std::string& path) {
  ForeignModel whole = open_merged(settings, path);
  const bool own = !is_foreign_model(path);
  const Settings given = own ? read_run_config(run_of(path)) : settings;
  const auto seed =
      static_cast<uint64_t>((own && !settings.given("seed") ? given : settings).integer("seed"));
  if (whole.config.arch == "ngram")
    return {.run = open_run(settings, path), .tokens = {}, .of_text = {}, .seed = seed};
  if (whole.config.arch == "gpt")
    whole.config.attention = AttentionForm::fused;  // the same weights, the form of production
  DType dtype = DType::f32;
  if (settings.has("dtype"))
    dtype = dtype_from_name(settings.text("dtype"));
  else if (own)
    dtype = dtype_from_name(given.text("dtype"));
  check_parameter_memory(whole.config, dtype == DType::f64 ? 16 : 8);
  InspectedModel model{.run = {.run = path,
                               .checkpoint = path,
                               .device = open_device(settings),
                               .tokenizer = whole.tokenizer,
                               .no_tokenizer = whole.no_tokenizer,
                               .model = nullptr,
                               .config = Settings(*find_command("train")),
                               .text_form = whole.text_form},
                       .tokens = {},
                       .of_text = {},
                       .seed = seed};
  model.run.model = load_foreign(whole, *model.run.device, dtype, true);
  model.gpt = dynamic_cast<Gpt*>(model.run.model.get());
  return model;
}

}  // namespace

void add_no_model_rows(Row& out, const std::string& reason, const std::string& command) {
  for (const char* name : model_row_names) out[name] = missing_row(reason, command);
}

void add_model_rows(Row& out, const Settings& settings, const std::string& path,
                    const std::vector<int32_t>& tokens) try {
  InspectedModel model = open_inspected(settings, path);
  if (const std::string bad = damaged_parameter(*model.run.model); !bad.empty())
    return add_no_model_rows(out, "the weights are damaged: parameter " + bad, "");
  out["model"] = {{"arch", model.config().arch},
                  {"parameters", model.run.model->parameters().numel()},
                  {"dtype", name_of(model.run.model->parameters().product_dtype())}};
  if (model.config().classifies()) {
    const std::string call = join(program(), " classify ", shell_word(path), " 'A TEXT'");
    out["decoding"] = missing_row("a classifier writes no text; it labels texts", call);
  } else {
    out["decoding"] = row_or_reason([&] { return decoding_row(model, settings); });
    if (out["texts"].contains("missing") && model.tokenizer())
      out["texts"] = row_or_reason([&] { return sampled_texts_row(model, settings); });
  }
  out["embeddings"] = row_or_reason([&] { return embeddings_row(model); });
  out["positions"] = row_or_reason([&] { return positions_row(model); });
  if (model.run.model->counted()) {
    for (const char* name : {"attention", "activations", "lens", "gradient", "memory"})
      out[name] = missing_row("the model consists of counts; there are no layers to look into");
    return;
  }
  LensPass pass(model.config());
  double loss = 0;
  const Row failed = row_or_reason([&] {
    choose_text(model, settings, tokens);
    const std::vector<int32_t> inputs(model.tokens.begin(), model.tokens.end() - 1);
    std::vector<int32_t> targets(model.tokens.begin() + 1, model.tokens.end());
    if (model.config().classifies()) {  // any label at the end, so that there is a loss
      targets.assign(inputs.size(), ignored_target);
      targets.back() = 0;
    }
    model.run.device->pool().reset_peak();
    loss = run_pass(*model.run.model, inputs, targets, pass);
    return Row();
  });
  if (!failed.is_null()) {
    for (const char* name : {"attention", "activations", "lens", "gradient", "memory"}) out[name] = failed;
    return;
  }
  out["attention"] = row_or_reason([&] { return attention_row(model, pass); });
  out["activations"] = row_or_reason([&] { return activations_row(model, pass); });
  out["lens"] = row_or_reason([&] { return lens_row(model, pass); });
  out["gradient"] = row_or_reason([&] { return gradient_row(model, pass, loss); });
  out["memory"] = row_or_reason([&] { return memory_row(model, pass); });
} catch (const Error& error) {
  add_no_model_rows(out, error.what(), "");
}

}  // namespace hewn::cli
