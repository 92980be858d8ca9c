#include "train/step/batch_on_device.h"

#include "core/error.h"
#include "train/data/batch_tensors.h"

namespace hewn {
namespace {

/// Copies values to a tensor of this name and shape that stays at its address, unless it is too small.
template <class T>
void upload_to(Tensor& place, Device& device, const std::vector<T>& values, const Shape& shape,
               const char* name) {
  if (!place.defined() || place.storage()->bytes < values.size() * sizeof(T)) {
    const MemUseScope use(MemUse::data);
    place = Tensor::empty(device, dtype_of<T>, shape);
    place.set_name(name);
  }
  place = Tensor::over(place.storage(), dtype_of<T>, shape);
  place.upload(values.data());
}

}  // namespace

void BatchOnDevice::take(const Model& model, const Batch& batch) {
  check_batch(model, batch);
  const Shape shape{batch.rows, batch.block_size};
  const auto n = static_cast<size_t>(shape.numel());
  require(batch.tokens.size() == n && batch.targets.size() == n, batch.tokens.size(), " tokens and ",
          batch.targets.size(), " targets were given for a batch of shape ", shape);
  require(batch.reference.empty() || (batch.rows % 2 == 0 && std::ssize(batch.reference) == batch.rows),
          batch.reference.size(), " reference values for ", batch.rows,
          " rows; expected one for each, in pairs");
  upload_to(tokens, model.device(), batch.tokens, shape, "tokens");
  upload_to(targets, model.device(), batch.targets, shape, "targets");
  if (batch.reference.empty())
    reference = {};
  else if (model.parameters().dtype() == DType::f64)
    upload_to(reference, model.device(), batch.reference, {batch.rows}, "reference");
  else  // what such a model computed
    upload_to(reference, model.device(), std::vector<float>(batch.reference.begin(), batch.reference.end()),
              {batch.rows}, "reference");
}

Tensor loss_of_targets(Model& model, const BatchOnDevice& batch, const ForwardOptions& options) {
  require(!batch.reference.defined(),
          "the rows are pairs of answers; give the trainer the loss of preferences");
  return model.loss(batch.tokens, batch.targets, options);
}

}  // namespace hewn
