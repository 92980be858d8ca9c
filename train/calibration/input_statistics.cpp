#include "train/calibration/input_statistics.h"

#include "core/base/not_copied.h"
#include "core/tape.h"
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

}  // namespace hewn
