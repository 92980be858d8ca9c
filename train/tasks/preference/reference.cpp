#include "train/tasks/preference/reference.h"

#include "core/error.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/reduce/op.h"
#include "model/weights/safetensors/safetensors.h"
#include "model/weights/weights.h"

namespace hewn {
namespace {

constexpr const char *reference_format = "hewn-reference", *reference_version = "1";

/// The sides that have pairs, by the names of their tensors.
template <class Sides, class Use>
void each_side(Sides& sides, const Use& use) {
  for (const auto& [name, pairs] :
       {std::pair{"train", &sides.train}, std::pair{"val", &sides.val}, std::pair{"test", &sides.test}})
    if (!pairs->empty()) use(name, *pairs);
}

/// Identifies the answers: all tokens and targets.
std::string hash_of_answers(const PairSides& sides) {
  Checksum sum;
  const auto add = [&](const std::vector<int32_t>& values) {
    const uint64_t n = values.size();
    sum.update(&n, sizeof n);
    sum.update(values.data(), n * sizeof(int32_t));
  };
  each_side(sides, [&](std::string_view name, const std::vector<PreferencePair>& pairs) {
    sum.update(name.data(), name.size());
    for (const PreferencePair& pair : pairs)
      for (const TrainingRow* row : {&pair.chosen, &pair.rejected}) {
        add(row->tokens);
        add(row->targets);
      }
  });
  return to_hex(sum.value());
}

/// The type that the file has the values in: float32 if that changes none.
DType type_of_values(const PairSides& sides) {
  DType dtype = DType::f32;
  each_side(sides, [&](const char*, const std::vector<PreferencePair>& pairs) {
    for (const PreferencePair& pair : pairs)
      for (const double log : pair.reference)
        if (static_cast<double>(static_cast<float>(log)) != log) dtype = DType::f64;
  });
  return dtype;
}

std::string bytes_of(const std::vector<PreferencePair>& pairs, DType dtype) {
  std::string bytes;
  for (const PreferencePair& pair : pairs)
    for (const double log : pair.reference) {
      const auto single = static_cast<float>(log);
      if (dtype == DType::f64)
        bytes.append(reinterpret_cast<const char*>(&log), sizeof log);
      else
        bytes.append(reinterpret_cast<const char*>(&single), sizeof single);
    }
  return bytes;
}

std::string hash_of_values(const PairSides& sides, DType dtype) {
  Checksum sum;
  each_side(sides, [&](const char*, const std::vector<PreferencePair>& pairs) {
    const std::string bytes = bytes_of(pairs, dtype);
    sum.update(bytes.data(), bytes.size());
  });
  return to_hex(sum.value());
}

}  // namespace

void write_reference(const std::string& path, const PairSides& sides) {
  const DType dtype = type_of_values(sides);
  std::vector<TensorEntry> entries;
  each_side(sides, [&](const char* name, const std::vector<PreferencePair>& pairs) {
    entries.push_back({.name = name, .dtype = dtype, .shape = {std::ssize(pairs), 2}});
  });
  SafetensorsWriter writer(path, entries,
                           {{"format", reference_format},
                            {"version", reference_version},
                            {"answers", hash_of_answers(sides)},
                            {"values", hash_of_values(sides, dtype)}});
  each_side(sides, [&](const char* name, const std::vector<PreferencePair>& pairs) {
    const std::string bytes = bytes_of(pairs, dtype);
    writer.append(name, bytes.data(), bytes.size());
  });
  writer.finish();
}

void read_reference(const std::string& path, PairSides& sides) {
  const SafetensorsFile file(path);
  const auto text = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  if (text("format") != reference_format || text("version") != reference_version)
    fail(ErrorCode::input, path, ": does not have log probabilities of a reference model, of version ",
         reference_version);
  if (text("answers") != hash_of_answers(sides))
    fail(ErrorCode::input, path, ": belongs to other rows, or to rows with other tokens");
  DType dtype = DType::f32;
  each_side(sides, [&](const char* name, std::vector<PreferencePair>& pairs) {
    const TensorEntry& found = file.at(name);
    if ((found.dtype != DType::f32 && found.dtype != DType::f64) ||
        found.shape != std::vector<int64_t>{std::ssize(pairs), 2})
      fail(ErrorCode::input, path, ": the tensor ", name, " does not have the shape [", pairs.size(),
           ", 2] of float32 or float64");
    dtype = found.dtype;
    const std::vector<double> values = values_of<double>(found);
    for (size_t i = 0; i < values.size(); ++i) pairs[i / 2].reference[i % 2] = values[i];
  });
  if (text("values") != hash_of_values(sides, dtype))
    fail(ErrorCode::input, path, ": is damaged: the checksum of its values is wrong");
}

Tensor row_log_probabilities(Model& model, const Tensor& tokens, const Tensor& targets,
                             const ForwardOptions& options) {
  return neg(sum(model.target_losses(tokens, targets, options), 1));
}

// With the rewards r = beta (log P - log R) of both answers, sigmoid(r_chosen - r_rejected) is the softmax of [r_chosen,
// r_rejected] at the chosen answer, so -log sigmoid(m) is their cross-entropy with target 0. And -log sigmoid(-m) =
// m - log sigmoid(m), so label smoothing adds s m.
Tensor preference_loss(const Tensor& log_probabilities, const Tensor& reference,
                       const PreferenceConfig& config) {
  const Scope scope("preference");
  const int64_t pairs = log_probabilities.numel() / 2;
  require(log_probabilities.shape() == Shape{2 * pairs} && reference.shape() == Shape{2 * pairs},
          "log probabilities are ", log_probabilities.shape(), ", those of the reference ", reference.shape(),
          "; expected two for each pair");
  const Tensor change = sub(log_probabilities, as_type(reference, log_probabilities.dtype()));
  const Tensor rewards = reshape(scale(change, config.beta), {pairs, 2});
  const Tensor chosen = Tensor::zeros(rewards.device(), DType::i32, {pairs});
  const Tensor loss = cross_entropy(rewards, chosen);
  if (config.label_smoothing == 0) return loss;
  const Tensor margin = sub(contiguous(slice(rewards, 1, 0, 1)), contiguous(slice(rewards, 1, 1, 1)));
  return add(loss, scale(mean(margin), config.label_smoothing));
}

LossOf preference_loss(const PreferenceConfig& config) {
  return [config](Model& model, const BatchOnDevice& batch, const ForwardOptions& options) {
    return preference_loss(row_log_probabilities(model, batch.tokens, batch.targets, options),
                           batch.reference, config);
  };
}

}  // namespace hewn
