#pragma once
// Files of PyTorch's torch.save since version 1.6: a zip archive of a pickle, NAME/data.pkl, and the values of
// each storage, NAME/data/KEY. The pickle is read as data (model/weights/torch/pickle.h); none of it is executed.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/io/file.h"
#include "model/named_tensors.h"
#include "model/weights/torch/pickle.h"

namespace hewn {

/// A memory-mapped file. Pointers and values live as long as this object.
class TorchFile final : public NamedTensors {
 public:
  /// Checks the structure, and that every tensor is row-major and contiguous within its storage; strided
  /// views (such as transposed ones) are refused by name. Throws ErrorCode::input naming file and tensor.
  explicit TorchFile(const std::string& path);

  /// The tensors of the state dict: the saved dict itself, or its entry "model" (as in nanoGPT),
  /// "model_state_dict" or "state_dict". In its order, without tensors of unsupported types (bool, int16).
  const TensorEntry* find(std::string_view name) const override { return tensors_->find(name); }
  void each(const std::function<void(const TensorEntry&)>& use) const override { tensors_->each(use); }
  /// The saved value.
  PickleValue root() const { return pickle_->root(); }

 private:
  MappedFile file_;
  std::unique_ptr<Pickle> pickle_;
  std::unique_ptr<TensorList> tensors_;
};

}  // namespace hewn
