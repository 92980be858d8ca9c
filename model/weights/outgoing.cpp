#include "model/weights/outgoing.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "kernels/copy/abi.h"
#include "model/weights/huggingface/huggingface_names.h"
#include "model/weights/safetensors/safetensors.h"

namespace hewn {
namespace {

/// Reorders the rotary pairs of one head: elements i and i + D/2 become 2i and 2i + 1, or the reverse.
void reorder_pairs(const float* from, int64_t head_size, RotaryPairs to, float* out) {
  const int64_t pairs = head_size / 2;
  for (int64_t i = 0; i < pairs; ++i) {
    const bool interleave = to == RotaryPairs::interleaved;
    out[interleave ? 2 * i : i] = from[interleave ? i : 2 * i];
    out[interleave ? 2 * i + 1 : i + pairs] = from[interleave ? i + pairs : 2 * i + 1];
  }
}

/// Reorders the columns of queries and keys in a projection (or its bias).
void reorder_projection(std::vector<float>& values, const ModelConfig& to) {
  const int64_t D = to.head_size(), cols = to.qkv_size(), heads = to.n_head + to.kv_heads();
  const int64_t rows = static_cast<int64_t>(values.size()) / cols;
  std::vector<float> head(static_cast<size_t>(D));
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t h = 0; h < heads; ++h) {
      float* at = values.data() + row * cols + h * D;
      reorder_pairs(at, D, to.rope_pairs, head.data());
      std::copy(head.begin(), head.end(), at);
    }
  }
}

/// Copies columns first to first + width of a matrix [rows, cols]; if `transposed`, to [width, rows].
void slice_columns(Executor& device, std::span<const float> from, int64_t cols, int64_t first, int64_t width,
                   bool transposed, std::vector<float>& to) {
  const int64_t rows = std::ssize(from) / cols;
  to.resize(static_cast<size_t>(rows * width));
  run(device, Copy{.from = DType::f32,
                   .to = DType::f32,
                   .rank = 2,
                   .shape = {rows, width},
                   .x_stride = {cols, 1},
                   .y_stride = {transposed ? 1 : width, transposed ? rows : 1},
                   .x = from.data() + first,
                   .y = to.data(),
                   .to_y = Write::set});
}

/// Whether a finite value becomes infinite in a 16-bit type.
bool overflows(float value, float narrow) { return std::isfinite(value) && !std::isfinite(narrow); }

template <class To>
std::vector<To> narrowed_values(std::span<const float> values, const TensorEntry& entry) {
  std::vector<To> all;
  all.reserve(values.size());
  for (const float value : values) {
    const To narrow(value);
    if (overflows(value, static_cast<float>(narrow)))
      fail(ErrorCode::input, "tensor ", entry.name, " contains ", value, ", which ", name_of(entry.dtype),
           " cannot represent; write f32", entry.dtype == DType::f16 ? " or bf16" : "");
    all.push_back(narrow);
  }
  return all;
}

}  // namespace

Outgoing::Outgoing(const ForeignModel& model, const ModelConfig& as, const Naming& naming, Executor& device)
    : model_(model),
      device_(device),
      nowhere_(make_meta(1, best_isa())),
      ours_(make_model(model.config, *nowhere_, DType::f32, 1, false)),
      theirs_(make_model(as, *nowhere_, DType::f32, 1, false)) {
  check_fit(*model.tensors, model.naming, *ours_);
  for (const Parameter& p : theirs_->parameters().all()) {
    const bool matrix = p.shape.rank() == 2;
    const Origin origin = naming.origin(p, as);
    int64_t first = 0;
    for (const Origin::Part& part : origin.parts) {
      const bool transposed = matrix && origin.transposed;
      TensorEntry entry{.name = part.name, .shape = {part.width}};
      if (matrix) entry.shape.insert(transposed ? entry.shape.end() : entry.shape.begin(), p.shape[0]);
      slices_[entry.name] = {&p, first, part.width, transposed};
      entries_.push_back(std::move(entry));
      first += part.width;
    }
  }
}

Outgoing::~Outgoing() = default;

std::span<const float> Outgoing::parameter_values(const Parameter& p) {
  if (held_ == &p) return held_values_;
  held_ = nullptr;
  const ModelConfig& as = theirs_->config();
  const bool reorders =
      as.rope_pairs != model_.config.rope_pairs && p.name.find(".attn.c_attn.") != p.name.npos;
  const bool exists = ours_->parameters().find(p.name) != nullptr;
  held_values_ = {};
  if (exists && !reorders) held_values_ = values_in_place(*model_.tensors, model_.naming, p, model_.config);
  if (held_values_.empty()) {
    if (exists)
      converted_values_ = placed_values<float>(*model_.tensors, model_.naming, p, model_.config);
    else
      converted_values_.assign(static_cast<size_t>(p.shape.numel()), 0.0f);
    if (exists && reorders) reorder_projection(converted_values_, as);
    held_values_ = converted_values_;
  }
  held_ = &p;
  return held_values_;
}

const Outgoing::Slice& Outgoing::slice_of(std::string_view name) const {
  const auto found = slices_.find(name);
  require(found != slices_.end(), "there is no tensor ", name, " to write");
  return found->second;
}

const Parameter& Outgoing::parameter_of(std::string_view name) const { return *slice_of(name).parameter; }

std::span<const float> Outgoing::values(std::string_view name) {
  const Slice& slice = slice_of(name);
  const std::span<const float> all = parameter_values(*slice.parameter);
  const int64_t cols = slice.parameter->shape[slice.parameter->shape.rank() - 1];
  if (slice.width == cols && !slice.transposed) return all;
  slice_columns(device_, all, cols, slice.first, slice.width, slice.transposed, slice_values_);
  return slice_values_;
}

void Outgoing::write(const std::vector<TensorEntry>& entries, const Append& append) {
  const auto hand_on = [&](const TensorEntry& entry, const auto& values) {
    append(entry.name, values.data(), values.size() * sizeof values[0]);
  };
  for (const TensorEntry& entry : entries) {
    const std::span<const float> wide = values(entry.name);
    switch (entry.dtype) {
      case DType::f32: hand_on(entry, wide); break;
      case DType::f16: hand_on(entry, narrowed_values<Float16>(wide, entry)); break;
      case DType::bf16: hand_on(entry, narrowed_values<BFloat16>(wide, entry)); break;
      default:
        fail(ErrorCode::usage, "dtype ", name_of(entry.dtype),
             " cannot be written; expected f32, f16 or bf16");
    }
  }
}

ForeignModel own_model(const std::string& weights, const ModelConfig& config,
                       std::shared_ptr<const Tokenizer> tokenizer) {
  return own_model(std::make_unique<SafetensorsFile>(weights), config, std::move(tokenizer));
}

ForeignModel own_model(std::unique_ptr<NamedTensors> weights, const ModelConfig& config,
                       std::shared_ptr<const Tokenizer> tokenizer) {
  return {.format = "Hewn",
          .config = config,
          .tensors = std::move(weights),
          .naming = gpt2_naming(),
          .tokenizer = std::move(tokenizer),
          .no_tokenizer = "the run was trained on token ids without a tokenizer"};
}

}  // namespace hewn
