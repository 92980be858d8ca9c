#include "apps/verify/verify_merged.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "apps/run/own_rows.h"
#include "apps/run/run_config.h"
#include "apps/run/temporary_directory.h"
#include "apps/run/text/prompts.h"
#include "core/error.h"
#include "core/io/path.h"
#include "model/generation/text_ways.h"
#include "model/weights/export.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/data/batch_tensors.h"

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
    to_export.text_form = run_text_form(run_of(of), tokenizer.get());
  }
};

// The first validation rows of a fine-tuned run.
std::vector<Batch> row_windows(const AdaptedRun& run, const Task& task, int64_t block_size, size_t T) {
  std::vector<TrainingRow> rows = own_rows(run.config, task, run.to_export.texts(), block_size);
  rows.resize(std::min(rows.size(), static_cast<size_t>(most_windows)));
  std::vector<Batch> windows;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (std::vector<int32_t>* values : {&rows[i].tokens, &rows[i].targets})
      values->resize(std::min(values->size(), T));
    fill_batch(rows, {static_cast<int64_t>(i)}, windows.emplace_back());
  }
  return windows;
}

// The first windows of the run's validation text, or random tokens if it has none. `what` names them.
std::vector<Batch> windows_of(const AdaptedRun& run, std::string& what) {
  ModelConfig config = run.merged->config();
  const int64_t block_size = config.block_size;
  const int64_t T = config.block_size = std::min(block_size, most_tokens);
  const auto task = read_task(run_of(run.checkpoint));
  if (task && run.tokenizer && path_exists(run.config.text("data"))) {
    what = "rows of the run's data";
    return row_windows(run, *task, block_size, static_cast<size_t>(T));
  }
  std::vector<Batch> windows;
  if (task || !run.config.given("dataset")) {
    what = "windows of random tokens";
    for (int64_t w = 0; w < most_windows; ++w)
      windows.push_back(random_batch(1, config, static_cast<uint64_t>(w)));
    return windows;
  }
  what = "windows of the run's text";
  DataOptions options = data_options(run.config);
  options.accepted = true;
  const Dataset data = open_dataset(options, run.tokenizer);
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
  std::string what;
  const std::vector<Batch> windows = windows_of(run, what);
  print(windows.size(), " ", what, ", float32, bound ", bound, "\n");
  Differences verdict;
  verdict.add("merged", difference(*run.trained, *run.merged, windows));
  catch_signals();  // which must not leave the directory behind
  const TemporaryDirectory directory("merged");
  for (const std::string_view format : export_formats()) {
    if (stop_signal() != 0) return stop_status();
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

namespace {

constexpr int64_t longest_prompt = 500, new_tokens = 4;

std::vector<TextWay> ways_to(const ModelConfig& config, KvFormat kv) {
  std::vector<TextWay> ways{
      {"alone"}, {"in pieces of 7 tokens", 1, 7}, {"in pieces of 64 tokens", 1, 64}, {"16 at a time", 16}};
  for (TextWay& way : ways) way.context.kv = kv;
  // Other forms of attention, and rounded keys and values, are other computations.
  if (config.arch != "gpt" || (config.attention == AttentionForm::fused && kv == KvFormat::f32))
    ways.push_back({"without a cache", 1, 0, {.cache = false}});
  return ways;
}

/// The first text whose checksums differ.
std::string first_difference(const std::vector<uint64_t>& sums, const std::vector<uint64_t>& expected,
                             const std::vector<std::vector<int32_t>>& prompts) {
  const auto at = std::mismatch(sums.begin(), sums.end(), expected.begin()).first - sums.begin();
  return join("first in text ", at / new_tokens + 1, " of ", prompts.size(), ", ",
              prompts[static_cast<size_t>(at / new_tokens)].size(), " tokens long, at new token ",
              at % new_tokens + 1);
}

}  // namespace

int verify_texts(const Settings& settings, const std::vector<int>& threads) {
  const std::string path = named_run(settings);
  std::vector<std::vector<int32_t>> prompts;
  std::vector<uint64_t> expected;
  int status = 0;
  catch_signals();
  const auto stop = [] { return stop_signal() != 0; };
  for (const int n : threads) {
    const OpenRun run = open_run(settings, path, make_cpu(n));
    const ModelConfig& config = run.model->config();
    require_language_model(config, path);
    if (prompts.empty()) {
      require(config.block_size > new_tokens, path, ": block_size = ", config.block_size,
              " is too short to continue a text by ", new_tokens, " tokens");
      prompts = random_prompts(settings.integer("num_samples"),
                               std::min(longest_prompt, config.block_size - new_tokens), config.vocab_size,
                               static_cast<uint64_t>(settings.integer("seed")));
      if (run.tokenizer && run.texts().begin())
        for (std::vector<int32_t>& prompt : prompts) prompt[0] = *run.texts().begin();
    }
    for (const TextWay& way : ways_to(config, kv_of(settings))) {
      const auto sums = checksums_of_logits(*run.model, prompts, new_tokens, way, stop);
      if (stop()) return stop_status();
      const std::string what = join(way.name, ", ", n, n == 1 ? " thread" : " threads");
      if (expected.empty()) {
        expected = sums;
        print(prompts.size(), prompts.size() == 1 ? " text " : " texts ", what, ": reference\n");
      } else if (sums == expected) {
        print(what, ": same bits\n");
      } else {
        print(what, ": DIFFERENT bits, ", first_difference(sums, expected, prompts), "\n");
        status = static_cast<int>(ErrorCode::numerical);
      }
      flush_results();  // a large model takes minutes for each
    }
  }
  return status;
}

}  // namespace hewn::cli
