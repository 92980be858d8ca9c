#include "apps/learn/judge/training.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "apps/cli/format.h"
#include "apps/run/run_config.h"
#include "apps/run/text/drawn_text.h"
#include "apps/run/train_setup.h"
#include "apps/train/training.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "kernels/contract/unfold.h"
#include "train/checkpoint/checkpoint.h"
#include "train/inspect/gradcheck/loss_probe.h"

namespace hewn::cli::learn {
namespace {

constexpr int64_t steps = 300, shown_every = 100;
constexpr double equal_losses = 1e-6;
constexpr int64_t shown_lines = 3, most_characters = 600;

/// Replaces the contributions of nodes of one operation. Gradients are float64 in memory that the host can write.
class Replacer final : public TapeObserver {
 public:
  explicit Replacer(const Replaced& replaced) : replaced_(replaced) {}
  /// The number of nodes replaced so far.
  int64_t nodes() const { return nodes_; }

  void recorded(const Node& node, const Tensor& y) override {
    if (node.id == 0) {  // a new tape; leaves may keep the gradients of the one before
      seen_.clear();
      std::erase_if(so_far_, [](const auto& of) { return of.first.starts_with('#'); });
    }
    seen_[node.id].edges = Tape::current()->edges(static_cast<size_t>(node.id));
    if (is_replaced(node)) seen_[node.id].output = y.detached();
  }
  void reads(const Node& node, std::span<const Tensor> inputs) override {
    if (!is_replaced(node)) return;
    for (const Tensor& input : inputs)
      seen_[node.id].inputs.push_back(input.defined() ? input.detached() : Tensor());
  }
  void before_backward(const Node& node, const Tensor& dy) override {
    contributions_.clear();
    if (!is_replaced(node)) return;
    const Seen& seen = seen_.at(node.id);
    NodeAt at(node, seen.inputs, seen.output, dy);
    replaced_.backward(at);
    contributions_ = at.contributions();
    nodes_ += !contributions_.empty();
  }
  void after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) override {
    if (how == Contribution::none || !grad.defined()) return;
    std::vector<double>& so_far = so_far_[tensor_key(seen_.at(node.id).edges[input])];
    const auto mine = contributions_.find(input);
    if (mine == contributions_.end()) {
      so_far = grad.doubles();
      return;
    }
    std::vector<double> sum = mine->second.values;
    require(std::ssize(sum) == grad.numel(), replaced_.op, ": ", sum.size(), " elements for a gradient of ",
            grad.numel());
    if (how == Contribution::add)
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += so_far[i];
    std::copy(sum.begin(), sum.end(), grad.ptr<double>());
    so_far = std::move(sum);
  }

 private:
  struct Seen {
    std::vector<Edge> edges;
    std::vector<Tensor> inputs;
    Tensor output;
  };
  bool is_replaced(const Node& node) const { return node.info().name == std::string_view(replaced_.op); }

  const Replaced& replaced_;
  std::map<int64_t, Seen> seen_;
  std::map<std::string, std::vector<double>> so_far_;  // gradients of tensors
  std::map<size_t, Matrix> contributions_;
  int64_t nodes_ = 0;
};

/// Updates parameters with a function instead of the engine's AdamW.
class Updater {
 public:
  Updater(const std::function<void(UpdateAt& at)>& update, const OptimizerConfig& config)
      : update_(update), config_(config) {}
  /// The number of updates so far.
  int64_t updates() const { return updates_; }

  /// The loss before the update. The engine makes its step, which is then replaced: its gradients are still there.
  double step(Trainer& trainer, const Batch& batch) {
    const std::vector<hewn::Parameter*>& parameters = trainer.model().parameters().slab().members;
    const std::vector<Optimizer::Moment> moments =
        trainer.optimizer().moments();  // m and v of each parameter
    std::vector<UpdateAt> due;
    for (size_t i = 0; i < parameters.size(); ++i)
      due.push_back({.g = {},
                     .w = list_of(parameters[i]->value),
                     .m = list_of(moments[2 * i].value()),
                     .v = list_of(moments[2 * i + 1].value()),
                     .learning_rate = 0,
                     .beta1 = config_.beta1,
                     .beta2 = config_.beta2,
                     .eps = config_.eps,
                     .weight_decay = parameters[i]->decayed() ? config_.weight_decay : 0,
                     .step = 0});
    const StepResult result = trainer.step(batch);
    const double clip = std::min(1.0, config_.grad_clip / (result.grad_norm + 1e-6));
    for (size_t i = 0; i < parameters.size(); ++i) {
      UpdateAt& at = due[i];
      at.g = list_of(grad_of(parameters[i]->value));
      for (double& g : at.g.values) g *= clip;
      at.learning_rate = result.learning_rate;
      at.step = static_cast<int>(result.step + 1);
      update_(at);
      put(at.w, parameters[i]->value);
      put(at.m, moments[2 * i].value());
      put(at.v, moments[2 * i + 1].value());
      ++updates_;
    }
    trainer.model().parameters().updated();
    return result.loss;
  }

 private:
  static Matrix list_of(const Tensor& t) { return {1, static_cast<int>(t.numel()), t.doubles()}; }
  static void put(const Matrix& list, const Tensor& t) {
    std::copy(list.values.begin(), list.values.end(), t.ptr<double>());
  }

  const std::function<void(UpdateAt& at)>& update_;
  const OptimizerConfig config_;
  int64_t updates_ = 0;
};

/// A training run of the model.
class Trained {
 public:
  using Declare = std::function<std::unique_ptr<Model>(const ModelConfig& config)>;
  Trained(const TrainSetup& setup, Executor& device, const Declare& declare = declare_model)
      : model_(allocated(declare(setup.config.model), setup, device)),
        trainer_(*model_, setup.config.optimizer, setup.config.schedule, setup.config.seed) {}
  Model& model() { return *model_; }
  Trainer& trainer() { return trainer_; }
  /// The loss before the update.
  double step(const Batch& batch, TapeObserver* observer) {
    trainer_.observe(observer);
    return trainer_.step(batch).loss;
  }

 private:
  static std::unique_ptr<Model> allocated(std::unique_ptr<Model> model, const TrainSetup& setup,
                                          Executor& device) {
    model->parameters().allocate(device, setup.config.dtype, setup.config.seed);
    return model;
  }

  std::unique_ptr<Model> model_;
  Trainer trainer_;
};

Settings settings_with(const std::vector<std::pair<std::string, std::string>>& keys) {
  Settings settings(*find_command("train"));
  const auto set = [&](const std::string& key, const std::string& value) {
    settings.set({key, value, "a lesson"});
  };
  for (const auto& [key, value] :
       {std::pair("n_layer", "1"), std::pair("n_head", "2"), std::pair("n_embd", "32"),
        std::pair("mlp_width", "64"), std::pair("batch_size", "2"), std::pair("learning_rate", "0.01"),
        std::pair("warmup_iters", "10"), std::pair("dtype", "f64"), std::pair("bias", "true"),
        std::pair("tie", "false"), std::pair("threads", "1")})
    set(key, value);
  set("max_iters", std::to_string(steps));
  for (const auto& [key, value] : keys) set(key, value);
  return settings;
}

/// The first lines that the model writes, without empty ones.
std::string text_of(Model& model, const TextEncoder& texts) {
  std::string shown;
  int64_t lines = 0;
  for (const std::string& line : split(drawn_text(model, texts, most_characters, 1, 0.7), '\n'))
    if (!line.empty() && lines++ < shown_lines) shown += join("  ", line, "\n");
  return shown;
}

void keep_run(const std::string& path, const Settings& settings, const TrainSetup& setup, Trainer& trainer) {
  const RunDirectory run(path, RunDirectory::Open::fresh);
  Settings kept = settings;
  kept.set({"out_dir", run.path(), "--out_dir"});
  write_run_files(run, kept, setup.data->hash, setup.texts());
  RunState state;
  state.step = trainer.steps_done();
  state.seed = setup.config.seed;
  state.data_hash = setup.data->hash;
  state.tokenizer_hash = from_hex(setup.data->tokenizer->hash());
  save_checkpoint(run.path(), state, trainer);
}

/// Trains the model with the engine and with the student's function, and reports both. `what` is what the function
/// replaces, `your_step` a step with it, `calls` how often it ran.
void compare(const Training& training, const Settings& settings, const TrainSetup& setup, Executor& device,
             const std::string& what,
             const std::function<double(Trained& yours, const Batch& batch)>& your_step,
             const std::function<int64_t()>& calls, const Trained::Declare& declare = declare_model) {
  const Sender& send = training.send;
  const auto start = Clock::now();
  Trained engine(setup, device), yours(setup, device, declare);
  send('t', join("A model with ", long_count(yours.model().parameters().numel()),
                 " weights now trains twice on the built-in tales: with the program's ", what,
                 ", and with yours.\n"));
  Batch batch;
  int64_t first_apart = -1;
  std::vector<std::vector<std::string>> rows{{"step", "program's loss", "your loss"}};
  double engine_loss = 0, your_loss = 0;
  for (int64_t step = 0; step < steps; ++step) {
    setup.loader.fill(step, batch);
    engine_loss = engine.step(batch, nullptr);
    your_loss = your_step(yours, batch);
    if (first_apart < 0 && !(std::abs(engine_loss - your_loss) <= equal_losses)) first_apart = step;
    if ((step + 1) % shown_every == 0 || step == 0)
      rows.push_back({std::to_string(step + 1), fixed(engine_loss, 6), fixed(your_loss, 6)});
    send(' ', "");
  }
  const double seconds = seconds_since(start);
  const std::string equal = first_apart < 0
                                ? join("all ", steps, " steps")
                                : join(first_apart, " steps; rounding differs, and training amplifies it");
  send('t',
       join(table_text(rows), "The losses are equal to ", equal_losses, " for ", equal,
            ".\nYour function ran ", long_count(calls()), " times; both trainings took ", fixed(seconds, 1),
            " seconds.\nAfter ", steps, " steps it has only begun to spell. What your model writes:\n",
            text_of(yours.model(), *setup.texts())));
  if (training.keep.empty()) return;
  keep_run(training.keep, settings, setup, yours.trainer());
  send('t', join("The run is kept in ", training.keep, ".\n"));
}

}  // namespace

void Training::run(const Replaced& replaced, bool unfold,
                   const std::vector<std::pair<std::string, std::string>>& keys) const {
  Settings settings = settings_with(keys);
  const TrainSetup setup = set_up_training(settings);
  std::optional<Unfold> unfolded;
  if (unfold) unfolded.emplace();
  const auto device = open_device("cpu", 1);
  Replacer replacer(replaced);  // keeps tensors of the device
  compare(
      *this, settings, setup, *device, join("backward pass of ", replaced.op),
      [&](Trained& yours, const Batch& batch) { return yours.step(batch, &replacer); },
      [&] { return replacer.nodes(); });
}

void Training::run(const std::function<std::unique_ptr<Model>(const ModelConfig& config)>& declare,
                   const std::function<int64_t()>& calls,
                   const std::vector<std::pair<std::string, std::string>>& keys) const {
  Settings settings = settings_with(keys);
  const TrainSetup setup = set_up_training(settings);
  const auto device = open_device("cpu", 1);
  compare(
      *this, settings, setup, *device, "two passes",
      [&](Trained& yours, const Batch& batch) { return yours.step(batch, nullptr); }, calls, declare);
}

void Training::run(const std::function<void(UpdateAt& at)>& update) const {
  Settings settings = settings_with({});
  const TrainSetup setup = set_up_training(settings);
  const auto device = open_device("cpu", 1);
  Updater updater(update, setup.config.optimizer);
  compare(
      *this, settings, setup, *device, "AdamW",
      [&](Trained& yours, const Batch& batch) { return updater.step(yours.trainer(), batch); },
      [&] { return updater.updates(); });
}

}  // namespace hewn::cli::learn
