#include "apps/trace/watched_weight.h"

#include <nlohmann/json.hpp>

#include "apps/cli/config_file.h"
#include "apps/cli/format.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/lesson/lesson.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/train_setup.h"
#include "apps/trace/one_value.h"
#include "apps/trace/traced_model.h"
#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/step/trainer.h"

namespace hewn::cli {
namespace {

/// The element before and after a step.
struct WatchedStep {
  StepResult result;
  double value = 0, grad = 0, m = 0, v = 0, next = 0;
};

/// The settings of `train` with which the weights are trained further, or a model begins.
Settings training_settings(const Settings& settings) {
  Settings train(*find_command("train"));
  const auto pass_on = [&](bool also_model) {
    for (const Option* option : options_of(train.command())) {
      const std::string name(option->name);
      const bool ours = name == "dtype" || name == "device" || name == "threads" || also_model;
      if (ours && option->is_key() && settings.takes(name) && settings.given(name))
        train.set({name, settings.text(name), settings.where(name)});
    }
  };
  if (!names_run(settings) && !(given_model_key(settings).empty() && settings.config.empty())) {
    pass_on(true);
    if (!settings.config.empty()) train.fill(read_config(settings.config));
    return train;
  }
  const std::string path = named_run(settings);
  pass_on(false);
  if (is_lesson(path)) {
    train.set({"max_iters", std::to_string(settings.integer("iters")), settings.where("iters")});
  } else {
    require(
        !is_foreign_model(path), settings.where("watch"), ": ", path,
        " is a model without training data; name a run of hewn train, a CONFIG.toml or the lesson model");
    const std::string run = run_of(path);
    require(training_command(run).name == "train", settings.where("watch"), ": ", run,
            " was fine-tuned; only runs of hewn train can be watched");
    std::vector<Assignment> keys = read_sealed_config(run + "/config.toml");
    // The weights bring their vocabulary.
    std::erase_if(keys, [](const Assignment& a) { return a.key == "init_from" || a.key == "vocab_size"; });
    train.fill(keys);
  }
  train.set({"init_from", path, settings.where("watch")});
  return train;
}

// The lesson model's windows are shorter than a tale: they may begin anywhere in the text.
std::shared_ptr<const Dataset> open_without_documents(const DataOptions& options,
                                                      std::shared_ptr<const Tokenizer> tokenizer) {
  Dataset data = open_dataset(options, std::move(tokenizer));
  for (auto* splits : {&data.train, &data.val})
    for (Split& split : *splits) {
      split.separator.reset();
      split.find_documents();
    }
  return std::make_shared<const Dataset>(std::move(data));
}

const Parameter& watched_parameter(const Settings& settings, const Parameters& parameters,
                                   const std::string& name) {
  std::vector<std::string> known;
  for (const Parameter& p : parameters.all()) {
    known.push_back(p.name);
    if (p.name != name) continue;
    require(p.trains, settings.where("watch"), ": ", name, " is not trained in this run");
    return p;
  }
  fail(ErrorCode::usage, settings.where("watch"), ": there is no parameter '", name, "'",
       did_you_mean(name, known), "\n`hewn trace` without --watch lists all parameters.");
}

double element_of(const Tensor& t, int64_t at) { return t.viewed({t.numel()}).sliced(0, at, 1).item(); }

// An optimizer without a second moment has none of it.
double moment_of(const Optimizer& optimizer, const std::string& name, int64_t at) {
  for (const Optimizer::Moment& moment : optimizer.moments())
    if (moment.name == name) return element_of(moment.value(), at);
  return 0;
}

WatchedStep watched_step(Trainer& trainer, const TrainSetup& setup, const Parameter& p, int64_t at) {
  std::vector<Batch> batches(static_cast<size_t>(setup.config.gradient_accumulation_steps));
  for (size_t m = 0; m < batches.size(); ++m)
    setup.loader.fill(trainer.steps_done() * std::ssize(batches) + static_cast<int64_t>(m), batches[m]);
  WatchedStep step{.result = {}, .value = element_of(p.value, at)};
  step.result = trainer.step(batches);
  step.grad = element_of(grad_of(p.value), at);
  step.m = moment_of(trainer.optimizer(), "m." + p.name, at);
  step.v = moment_of(trainer.optimizer(), "v." + p.name, at);
  step.next = element_of(p.value, at);
  return step;
}

Json json_of(const std::string& name, const std::vector<int64_t>& index, const TrainConfig& config,
             const std::vector<WatchedStep>& steps) {
  Json list = Json::array();
  for (const WatchedStep& s : steps)
    list.push_back({{"step", s.result.step},
                    {"loss", s.result.loss},
                    {"learning_rate", s.result.learning_rate},
                    {"grad_norm", s.result.grad_norm},
                    {"value", s.value},
                    {"grad", s.grad},
                    {"m", s.m},
                    {"v", s.v},
                    {"next", s.next}});
  return {{"format", "hewn-trace-watch"},
          {"version", 1},
          {"parameter", name},
          {"index", index},
          {"optimizer", name_of(config.optimizer.kind)},
          {"grad_clip", config.optimizer.grad_clip},
          {"steps", list}};
}

std::string table_of(const std::vector<WatchedStep>& steps) {
  std::vector<std::vector<std::string>> rows{
      {"step", "loss", "value", "gradient", "moment m", "moment v", "update"}};
  for (const WatchedStep& s : steps)
    rows.push_back({std::to_string(s.result.step), fixed(s.result.loss, 4), number_text(s.value),
                    number_text(s.grad), number_text(s.m), number_text(s.v), number_text(s.next - s.value)});
  return table_text(rows);
}

}  // namespace

void print_watched_weight(const Settings& settings) {
  const NamedElement wanted = named_element(
      settings, "watch",
      "an element of a parameter; give it as transformer.h.0.mlp.c_fc.weight[3,7], or [3] for a vector");
  Settings train = training_settings(settings);
  const bool lesson = is_lesson(train.text("init_from"));
  TrainSetup setup = set_up_training(train, lesson ? open_without_documents : open_new_dataset);
  TrainConfig& config = setup.config;
  if (!setup.start.checkpoint.empty())
    config.training.first_new = checkpoint_state(setup.start.checkpoint).first_new_token;
  require(config.model.arch != "ngram", settings.where("watch"), ": n-grams are counted, not trained");
  const auto device = open_device(train);
  check_memory(config, *device);
  const auto model = make_model(config.model, config.training, *device, config.dtype, config.seed);
  const Parameter& p = watched_parameter(settings, model->parameters(), wanted.name);
  const std::vector<int64_t> index = checked_index(settings, "watch", p.name, p.shape, wanted.index);
  int64_t at = 0;
  for (size_t i = 0; i < index.size(); ++i) at = at * p.shape[static_cast<int>(i)] + index[i];

  Trainer trainer(*model, config.optimizer, config.schedule, config.seed);
  trainer.graphs().use(false);
  if (!setup.start.checkpoint.empty() && path_exists(setup.start.checkpoint + "/optimizer.safetensors"))
    load_checkpoint(setup.start.checkpoint, trainer, setup.start.moved_base);
  else
    setup.start.load_weights(*model);
  std::vector<WatchedStep> steps;
  for (int64_t i = 0; i < settings.integer("iters"); ++i) {
    steps.push_back(watched_step(trainer, setup, p, at));
    if (!steps.back().result.finite)
      fail(ErrorCode::failed, "step ", steps.back().result.step, " is not finite, so it changed nothing");
  }
  if (settings.flag("json"))
    print(json_text(json_of(p.name, index, config, steps), 2), "\n");
  else
    print(p.name, index_text(index), ", ", name_of(config.optimizer.kind),
          "; the gradient is that before clipping\n", table_of(steps));
}

}  // namespace hewn::cli
