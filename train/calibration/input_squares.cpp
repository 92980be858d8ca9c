#include "train/calibration/input_squares.h"

#include <algorithm>

#include "core/tape.h"
#include "train/eval.h"
#include "train/trainer.h"

namespace hewn {
namespace {

/// Counts what the matrices of a model read, while it lives.
class CountedInputs {
 public:
  explicit CountedInputs(Model& model) : model_(model) {
    for (Parameter& p : model.parameters().all()) p.inputs = &counts_[p.name];
  }
  ~CountedInputs() {
    for (Parameter& p : model_.parameters().all()) p.inputs = nullptr;
  }
  CountedInputs(const CountedInputs&) = delete;
  CountedInputs& operator=(const CountedInputs&) = delete;

  std::map<std::string, std::vector<float>> means() const {
    std::map<std::string, std::vector<float>> all;
    for (const auto& [name, counted] : counts_)
      if (counted.rows > 0) all[name] = counted.means();
    return all;
  }

 private:
  Model& model_;
  std::map<std::string, InputSquares> counts_;
};

}  // namespace

std::map<std::string, std::vector<float>> input_squares(Model& model, const Dataset& text, int64_t tokens) {
  const NoGrad none;
  const CountedInputs counted(model);
  int64_t read = 0;
  each_scored_batch(model.config(), text, {.block_size = model.config().block_size}, [&](const Batch& batch) {
    if (read >= tokens) return;
    check_batch(model, batch);
    model.logits(batch_tensor(model.device(), batch, batch.tokens), {.last_only = true});
    read += batch.rows * batch.block_size;
  });
  return counted.means();
}

}  // namespace hewn
