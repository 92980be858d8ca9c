#include "apps/run/train_setup.h"

#include <algorithm>
#include <cmath>

#include "apps/run/ranks/start.h"
#include "apps/run/run_config.h"
#include "train/loop.h"

namespace hewn::cli {
namespace {

// The number of steps in `epochs` passes over the training windows.
int64_t steps_of(double epochs, const BatchLoader& loader, int64_t micro_steps) {
  const double steps = epochs * static_cast<double>(loader.batch_count()) / static_cast<double>(micro_steps);
  return std::max<int64_t>(1, std::llround(steps));
}

BatchLoader loader_of(const Settings& settings, const Dataset& data, const TrainConfig& config) {
  const int64_t stride = settings.integer("stride");
  return training_loader(data, config, stride, stride > 0 || settings.real("epochs") > 0);
}

// Throws if the validation data is too short, before anything is written.
void check_validation(const Dataset& data, const TrainConfig& config) {
  if (data.val.empty()) return;
  BatchLoader(data.val_splits(), {.batch_size = config.batch_size, .block_size = config.model.block_size});
}

}  // namespace

std::shared_ptr<const Dataset> open_new_dataset(const DataOptions& options,
                                                std::shared_ptr<const Tokenizer> tokenizer) {
  return std::make_shared<const Dataset>(open_dataset(options, std::move(tokenizer)));
}

std::optional<TextEncoder> TrainSetup::texts() const {
  if (!data->tokenizer) return std::nullopt;
  if (data->text_form && start.text_form)
    return TextEncoder(*data->tokenizer, learned_form(*start.text_form, *data->text_form));
  const bool keeps = start.text_form && !start.text_form->own_windows;
  return TextEncoder(*data->tokenizer, keeps ? start.text_form : data->text_form);
}

TrainSetup set_up_training(Settings& settings, const DatasetOpener& open, Ranks* ranks) {
  TrainStart start;
  if (!ranks || ranks->rank() == 0) {
    start = begin_training(settings);
    make_paths_absolute(settings);
  }
  if (ranks) share_start(settings, start, *ranks);
  DataOptions options = data_options(settings);
  options.unknown = start.unknown(settings);
  options.accepted = start.resumed;
  const std::shared_ptr<const Dataset> data = open(options, start.tokenizer);
  check_same_data(start, data->hash);
  start.take(data->tokenizer);

  // An imported model may have room for more tokens than its tokenizer has.
  const ModelConfig architecture =
      model_config(settings, {std::max(start.vocab_size(), data->vocab_size), data->longest_document()});
  TrainConfig config = train_config(settings, architecture);
  if (const double epochs = settings.real("epochs"); epochs > 0) {
    const int64_t steps =
        steps_of(epochs, loader_of(settings, *data, config), config.gradient_accumulation_steps);
    if (!settings.given("max_iters") || steps < config.max_iters)
      settings.set({"max_iters", std::to_string(steps), settings.where("epochs")});
    config = train_config(settings, architecture);
  }
  config.training.first_new = start.state.first_new_token;
  note_resolved(settings, config);
  BatchLoader loader = loader_of(settings, *data, config);
  check_validation(*data, config);
  return {std::move(start), data, config, std::move(loader)};
}

}  // namespace hewn::cli
