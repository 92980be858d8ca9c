#include "train/calibration/input_statistics.h"

#include <algorithm>
#include <utility>

#include "core/base/not_copied.h"
#include "core/rng.h"
#include "core/tape.h"
#include "model/generation/sampling.h"
#include "model/weights/outgoing.h"
#include "train/data/batch_tensors.h"
#include "train/eval.h"

namespace hewn {
namespace {

/// Counts what the matrices of a model read, while it lives.
class CountedInputs : NotCopied {
 public:
  CountedInputs(Model& model, bool with_products) : model_(model) {
    for (Parameter& p : model.parameters().all()) {
      InputStatistics& of_matrix = all_[p.name];
      of_matrix.with_products = with_products;
      p.inputs = &of_matrix;
    }
  }
  ~CountedInputs() {
    for (Parameter& p : model_.parameters().all()) p.inputs = nullptr;
  }

  ReadInputs means() const {
    ReadInputs means;
    for (const auto& [name, read] : all_) {
      if (read.rows == 0) continue;
      means.squares[name] = read.mean_squares();
      if (!read.products.defined()) continue;
      if (read.rows < read.products.cols()) {
        means.too_few_rows[name] = read.rows;
        continue;
      }
      std::vector<float> products = read.products.values<float>();
      for (float& p : products) p /= static_cast<float>(read.rows);
      means.products[name] = std::move(products);
    }
    return means;
  }

 private:
  Model& model_;
  std::map<std::string, InputStatistics> all_;
};

}  // namespace

ReadInputs read_inputs(Model& model, const Dataset& text, int64_t tokens, bool with_products) {
  const NoGrad none;
  const CountedInputs counted(model, with_products);
  int64_t read = 0;
  const EvalOptions options{.block_size = model.config().block_size,
                            .unpadded = !text.val.empty() && text.val[0].begins()};
  each_scored_batch(model.config(), text, options, [&](const Batch& batch) {
    if (read >= tokens) return;
    check_batch(model, batch);
    model.logits(batch_tensor(model.device(), batch, batch.tokens), {.last_only = true});
    read += batch.rows * batch.block_size;
  });
  return counted.means();
}

namespace {

constexpr int64_t most_tokens = 128;  // of a window: more windows tell more than longer ones

/// Replaces the targets by labels drawn from the model's predictions.
void draw_labels(Model& model, Batch& batch, Rng& random) {
  const NoGrad none;
  const std::vector<double> logits =
      model.logits(batch_tensor(model.device(), batch, batch.tokens)).doubles();
  const auto V = static_cast<std::ptrdiff_t>(model.config().outputs());
  auto row = logits.begin();
  for (int32_t& target : batch.targets) {
    target = draw(sampling_distribution({row, static_cast<size_t>(V)}, {}), random.uniform_double());
    row += V;
  }
}

/// Up to `most` windows of the validation data, as the model knows texts.
std::vector<Batch> windows_of(const Model& model, const Dataset& text, size_t most) {
  const int64_t T = std::min(model.config().block_size, most_tokens);
  std::vector<Batch> windows;
  if (text.val.at(0).begins()) {
    each_scored_batch(model.config(), text, {.block_size = T, .unpadded = true}, [&](const Batch& window) {
      if (windows.size() < most) windows.push_back(window);
    });
    return windows;
  }
  const BatchLoader loader(text.val_splits(), {.batch_size = 1, .block_size = T});
  windows.resize(std::min(most, static_cast<size_t>(loader.batch_count())));
  for (size_t w = 0; w < windows.size(); ++w) loader.fill(static_cast<int64_t>(w), windows[w]);
  return windows;
}

}  // namespace

ForeignModel curvature(Model& model, const Dataset& text, int64_t windows, uint64_t seed) {
  std::vector<Batch> batches = windows_of(model, text, static_cast<size_t>(windows));
  int64_t tokens = 0;
  for (const Batch& batch : batches) tokens += batch.block_size;
  const auto sums = std::make_shared<std::vector<std::vector<float>>>();
  for (const Parameter& p : model.parameters().all())
    sums->emplace_back(static_cast<size_t>(p.shape.numel()), 0.0f);
  Rng random(seed);
  for (Batch& batch : batches) {
    check_batch(model, batch);
    draw_labels(model, batch, random);
    model.parameters().clear_grads();
    Tape tape;
    // The gradient of the sum of T log probabilities: as labels are independent, the expectation of its square is the
    // sum of T expectations.
    tape.backward(model.loss(batch_tensor(model.device(), batch, batch.tokens),
                             batch_tensor(model.device(), batch, batch.targets)),
                  {}, static_cast<double>(batch.block_size));
    model.parameters().complete_grads();
    const auto share = 1 / static_cast<float>(tokens);
    for (size_t i = 0; i < sums->size(); ++i) {
      const auto* const g = static_cast<const float*>(grad_of(model.parameters().all()[i].value).data());
      std::vector<float>& sum = (*sums)[i];
      for (size_t j = 0; j < sum.size(); ++j) sum[j] += share * g[j] * g[j];
    }
  }
  std::vector<TensorEntry> entries;
  for (size_t i = 0; i < sums->size(); ++i) {
    const Parameter& p = model.parameters().all()[i];
    TensorEntry entry{.name = p.name, .data = (*sums)[i].data(), .bytes = (*sums)[i].size() * sizeof(float)};
    for (int d = 0; d < p.shape.rank(); ++d) entry.shape.push_back(p.shape[d]);
    entries.push_back(std::move(entry));
  }
  return own_model(std::make_unique<TensorList>(std::move(entries), sums), model.config(), nullptr);
}

}  // namespace hewn
