#pragma once
// A model's parameters as another program's tensors, for export; place.h does the reverse for import.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/devices/devices.h"
#include "model/weights/foreign.h"

namespace hewn {

/// The parameters of a model under an equivalent configuration, with another program's names.
class Outgoing {
 public:
  /// `as` may differ from the model's own configuration if the result is the same: missing biases become
  /// zeros, rotary pairs are reordered, a shorter context drops the later learned positions. Throws
  /// ErrorCode::input if the model's tensors do not fit its configuration. Model and `device`, a CPU whose threads
  /// transpose, must outlive this object.
  Outgoing(const ForeignModel& model, const ModelConfig& as, const Naming& naming, Executor& device = cpu());
  ~Outgoing();
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  /// Name and shape of each tensor, in the order of our parameters; dtype f32, no values.
  const std::vector<TensorEntry>& entries() const { return entries_; }
  /// The values of one tensor, row-major; valid until the next call. Throws ErrorCode::usage for another name.
  std::span<const float> values(std::string_view name);

  /// The parameter that contains a tensor. Throws like `values`.
  const Parameter& parameter_of(std::string_view name) const;

  /// Calls append(name, data, bytes) for each of `entries` (with these names, and dtype f32, f16 or bf16)
  /// with the values in that dtype. Throws ErrorCode::input if a value is too large for f16.
  using Append = std::function<void(const std::string& name, const void* data, size_t bytes)>;
  void write(const std::vector<TensorEntry>& entries, const Append& append);

 private:
  /// Columns of one of our parameters, possibly transposed.
  struct Slice {
    const Parameter* parameter = nullptr;
    int64_t first = 0, width = 0;
    bool transposed = false;
  };
  const Slice& slice_of(std::string_view name) const;
  std::span<const float> parameter_values(const Parameter& p);

  const ForeignModel& model_;
  Executor& device_;
  std::unique_ptr<Device> nowhere_;
  std::unique_ptr<Model> ours_, theirs_;  // without memory: names and shapes
  std::vector<TensorEntry> entries_;
  std::map<std::string, Slice, std::less<>> slices_;
  const Parameter* held_ = nullptr;     // parameter of held_values_; its slices are requested in sequence
  std::span<const float> held_values_;  // in the model's file, or converted_values_
  std::vector<float> converted_values_, slice_values_;
};

/// One of Hewn's own models, from a file of its parameters, such as a checkpoint's model.safetensors.
ForeignModel own_model(const std::string& weights, const ModelConfig& config,
                       std::shared_ptr<const Tokenizer> tokenizer);
ForeignModel own_model(std::unique_ptr<NamedTensors> weights, const ModelConfig& config,
                       std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace hewn
