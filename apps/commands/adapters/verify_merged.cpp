#include "apps/commands/adapters/verify_merged.h"

#include <cmath>
#include <filesystem>

#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/temporary_directory.h"
#include "core/error.h"
#include "model/weights/export.h"
#include "train/trainer.h"

namespace hewn::cli {
namespace {

// The models compute the same in another order, and merged weights are rounded once more: with float32, differences of
// log probabilities stay below this.
constexpr double bound = 1e-4;

constexpr int64_t most_windows = 8, most_tokens = 256;  // of a window

/// An adapted run in float32: as it was trained, with its adapter beside the weights, and merged.
struct AdaptedRun {
  std::string checkpoint;
  Settings config;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<Executor> device = make_cpu(default_threads());
  std::unique_ptr<Model> trained, merged;
  ForeignModel to_export;

  AdaptedRun(const std::string& of, const std::string& base)
      : checkpoint(of),
        config(read_run_config(run_of(of))),
        tokenizer(run_tokenizer(run_of(of), checkpoint_state(of).tokenizer_hash)),
        to_export(checkpoint_model(of, base)) {
    const TrainConfig training = train_config(config, checkpoint_config(of));
    trained = make_model(training.model, training.training, *device, DType::f32, training.seed);
    load_trunk(base_model(of, base), *trained);
    load_adapter(of, *trained);
    merged = load_foreign(to_export, *device);
    to_export.tokenizer = tokenizer;
  }
};

// The first windows of the run's validation text, or random tokens if it has none.
std::vector<Batch> windows_of(const AdaptedRun& run, bool& random) {
  ModelConfig config = run.merged->config();
  const int64_t T = config.block_size = std::min(config.block_size, most_tokens);
  std::vector<Batch> windows;
  random = !run.config.given("dataset");
  if (random) {
    for (int64_t w = 0; w < most_windows; ++w)
      windows.push_back(random_batch(1, config, static_cast<uint64_t>(w)));
    return windows;
  }
  const Dataset data = open_dataset(data_options(run.config), run.tokenizer);
  const BatchLoader loader(data.val.empty() ? data.train_splits() : data.val_splits(),
                           {.batch_size = 1, .block_size = T});
  for (int64_t w = 0; w < std::min(most_windows, loader.batch_count()); ++w)
    loader.fill(w, windows.emplace_back());
  return windows;
}

/// Log probabilities of all tokens, or of a classifier's labels, behind every token: [T, V].
std::vector<double> log_probabilities(Model& model, const Batch& window) {
  const NoGrad none;
  std::vector<double> z = model.logits(batch_tensor(model.device(), window, window.tokens)).doubles();
  const auto V = static_cast<size_t>(model.config().outputs());
  for (size_t at = 0; at < z.size(); at += V) {
    const auto row = z.begin() + static_cast<std::ptrdiff_t>(at), end = row + static_cast<std::ptrdiff_t>(V);
    const double most = *std::max_element(row, end);
    double sum = 0;
    for (auto x = row; x != end; ++x) sum += std::exp(*x - most);
    for (auto x = row; x != end; ++x) *x -= most + std::log(sum);
  }
  return z;
}

/// The largest difference between log probabilities of two models; NaN counts as infinite.
double difference(Model& one, Model& other, const std::vector<Batch>& windows) {
  double largest = 0;
  for (const Batch& window : windows) {
    const std::vector<double> a = log_probabilities(one, window), b = log_probabilities(other, window);
    for (size_t i = 0; i < a.size(); ++i) {
      const double apart = std::abs(a[i] - b[i]);
      largest = std::isnan(apart) ? HUGE_VAL : std::max(largest, apart);
    }
  }
  return largest;
}

/// Prints one line per comparison; records whether all stay within the bound.
class Differences {
 public:
  void add(const std::string& what, double apart) {
    const bool within = apart <= bound;
    print(what, ": log probabilities differ by at most ", apart,
          within ? "\n" : join(", more than ", bound, "\n"));
    if (!within) status_ = static_cast<int>(ErrorCode::numerical);
  }
  int status() const { return status_; }

 private:
  int status_ = 0;
};

}  // namespace

int verify_merged(const Settings& settings) {
  const std::string path = named_run(settings), checkpoint = find_checkpoint(path);
  require(is_adapted(checkpoint), path, " has no adapter: it was not trained with train = lora");
  const AdaptedRun run(checkpoint, moved_base(settings));
  bool random = false;
  const std::vector<Batch> windows = windows_of(run, random);
  print(windows.size(), random ? " windows of random tokens" : " windows of the run's text",
        ", float32, bound ", bound, "\n");
  Differences verdict;
  verdict.add("merged", difference(*run.trained, *run.merged, windows));
  const TemporaryDirectory directory("merged");
  for (const std::string_view format : export_formats()) {
    const std::string file = directory.path(join("model.", format == "llama2c" ? "bin" : format));
    try {
      export_model(run.to_export, format, file);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::usage) throw;
      print(format, ": cannot express this model\n");
      continue;
    }
    const auto reopened = load_foreign(open_foreign(file), *run.device);
    verdict.add(std::string(format), difference(*run.trained, *reopened, windows));
  }
  return verdict.status();
}

}  // namespace hewn::cli
