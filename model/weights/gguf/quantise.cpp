#include "model/weights/gguf/quantise.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <span>

#include "core/dtype.h"
#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/qmatmul/abi.h"
#include "model/weights/gguf/error_feedback.h"
#include "model/weights/gguf/gguf_model.h"
#include "model/weights/gguf/importance.h"
#include "model/weights/weights.h"

namespace hewn::exporting {
namespace {

int64_t columns(const TensorEntry& entry) { return entry.shape.back(); }

/// The bytes of a matrix in the blocks of `entry`. `importance`, if there is one, is of the columns.
std::vector<uint8_t> encoded(Executor& device, const TensorEntry& entry, std::span<const float> values,
                             const float* importance) {
  const BlockFormat& format = format_of(*entry.blocks);
  const int64_t cols = columns(entry), rows = std::ssize(values) / cols;
  std::vector<uint8_t> bytes(static_cast<size_t>(rows * (cols / format.elements) * format.bytes));
  run(device, EncodeBlocks{.format = format.type,
                           .rows = rows,
                           .cols = cols,
                           .x = values.data(),
                           .importance = importance,
                           .blocks = bytes.data()});
  return bytes;
}

constexpr float most_half = 65504;

/// A row in q8_0 with one scale: its largest element becomes 127.
void encode_row(const float* row, int64_t cols, uint8_t* block) {
  const BlockFormat& format = format_of(BlockType::q8_0);
  float most = 0;
  for (int64_t i = 0; i < cols; ++i) most = std::max(most, std::abs(row[i]));
  const Float16 stored(std::min(most / 127, most_half));
  const auto scale = static_cast<float>(stored);
  for (int64_t k = 0; k < cols; k += format.elements, block += format.bytes) {
    std::memcpy(block + format.scale_at, &stored.bits, sizeof stored.bits);
    int8_t q[quantised_block];
    for (int64_t i = 0; i < quantised_block; ++i)
      q[i] = static_cast<int8_t>(scale > 0 ? std::clamp(std::nearbyint(row[k + i] / scale), -127.0f, 127.0f)
                                           : 0);
    set_numbers(format.type, q, block);
  }
}

/// The bytes of a matrix of such rows.
std::vector<uint8_t> encoded_by_row(Executor& device, const TensorEntry& entry,
                                    std::span<const float> values) {
  const BlockFormat& format = format_of(BlockType::q8_0);
  const int64_t cols = columns(entry), rows = std::ssize(values) / cols,
                row_bytes = cols / format.elements * format.bytes;
  std::vector<uint8_t> bytes(static_cast<size_t>(rows * row_bytes));
  parallel_for({.threads = device.threads()}, rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      encode_row(values.data() + r * cols, cols, bytes.data() + r * row_bytes);
  });
  return bytes;
}

/// The values that were written, in pieces of a row.
class Written {
 public:
  Written(TensorEntry entry, const void* data, size_t bytes)
      : format_(entry.blocks ? &format_of(*entry.blocks) : nullptr),
        blocks_(static_cast<const uint8_t*>(data)),
        piece_(format_ ? format_->elements : columns(entry)) {
    entry.data = data, entry.bytes = bytes;
    if (!format_) plain_ = values_of<float>(entry);
  }

  /// The elements of a piece.
  int64_t size() const { return piece_; }
  /// Piece i of the tensor; `buffer` has `most_block_elements`.
  const float* piece(int64_t i, float* buffer) const {
    if (!format_) return plain_.data() + i * piece_;
    OpenBlock open;
    format_->open(blocks_ + i * format_->bytes, open);
    widen_block(*format_, open, buffer);
    return buffer;
  }

 private:
  const BlockFormat* format_;  // null: plain_
  const uint8_t* blocks_;
  int64_t piece_;
  std::vector<float> plain_;
};

/// Errors of some weights.
struct Errors {
  double squares = 0, most = 0, divergence = 0;

  /// Adds those of n weights, in eight lanes so that sums need not wait for each other. `curvature` may be null.
  void add(const float* before, const float* after, const float* curvature, int64_t n) {
    constexpr int64_t lanes = 8;
    double square[lanes] = {}, largest[lanes] = {};
    const auto one = [&](int64_t i, int64_t lane) {
      const double error = std::abs(static_cast<double>(before[i]) - static_cast<double>(after[i]));
      square[lane] += error * error;
      largest[lane] = std::max(largest[lane], error);
    };
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
      for (int64_t lane = 0; lane < lanes; ++lane) one(i + lane, lane);
    for (; i < n; ++i) one(i, 0);
    for (int64_t lane = 0; lane < lanes; ++lane)
      squares += square[lane], most = std::max(most, largest[lane]);
    for (i = 0; curvature && i < n; ++i) {
      const double error = static_cast<double>(before[i]) - static_cast<double>(after[i]);
      divergence += static_cast<double>(curvature[i]) / 2 * error * error;
    }
  }
};

/// The errors of what was written. Sums are taken by rows, then in the order of rows. `curvature` has a number for each
/// weight, or none.
WrittenTensor compared(Executor& device, const TensorEntry& entry, std::span<const float> before,
                       std::span<const float> curvature, const void* data, size_t bytes) {
  const int64_t cols = columns(entry), rows = std::ssize(before) / cols;
  const Written after(entry, data, bytes);
  const int64_t n = after.size(), pieces = cols / n;
  std::vector<Errors> errors(static_cast<size_t>(rows));
  parallel_for({.threads = device.threads()}, rows, [&](int64_t begin, int64_t end, int) {
    float buffer[most_block_elements];
    for (int64_t r = begin; r < end; ++r) {
      Errors row;
      for (int64_t p = r * pieces; p < (r + 1) * pieces; ++p)
        row.add(before.data() + p * n, after.piece(p, buffer),
                curvature.empty() ? nullptr : curvature.data() + p * n, n);
      errors[static_cast<size_t>(r)] = row;
    }
  });
  WrittenTensor tensor{.name = entry.name,
                       .format = entry.type_name(),
                       .elements = rows * cols,
                       .bytes = static_cast<int64_t>(bytes)};
  for (const Errors& row : errors) {
    tensor.squares += row.squares;
    tensor.max_error = std::max(tensor.max_error, row.most);
    tensor.divergence += row.divergence;
  }
  return tensor;
}

/// Refuses a tensor with a value that its block cannot come near: off by more than the distance of two neighbours, and by
/// more than any scale in half precision. The scale that it needs is larger.
void require_scales(const TensorEntry& entry, std::span<const float> values, const uint8_t* blocks) {
  const BlockFormat& format = format_of(*entry.blocks);
  OpenBlock open;
  float after[most_block_elements];
  for (auto value = values.begin(); value != values.end(); blocks += format.bytes) {
    format.open(blocks, open);
    widen_block(format, open, after);
    for (int i = 0; i < format.elements; ++i, ++value)
      if (!(std::abs(*value - after[i]) <= std::max(most_half, std::abs(open.scale[i / format.group]))))
        fail(ErrorCode::input, "tensor ", entry.name, " contains ", *value, ", which ", format.name,
             " cannot represent: a scale is in half precision, at most ", most_half,
             "; add --keep=", entry.name, " to write the tensor as bf16");
  }
}

/// How much each input column of a tensor counts; null: all alike.
const float* importance_of(const Outgoing& outgoing, const Quantisation& how, const TensorEntry& entry) {
  auto found = how.importance.find(entry.name);
  if (found == how.importance.end()) found = how.importance.find(outgoing.parameter_of(entry.name).name);
  if (found == how.importance.end()) return nullptr;
  if (std::ssize(found->second) != columns(entry))
    fail(ErrorCode::input, "the importance of ", entry.name, " has ", found->second.size(),
         " columns; expected ", columns(entry));
  return found->second.data();
}

/// The error feedback for the matrices that have one. Tensors of one parameter, which follow each other, share it.
class Feedbacks {
 public:
  Feedbacks(Executor& device, const Quantisation& how) : device_(device), how_(how) {}

  /// Null: none.
  const ErrorFeedback* of(const Outgoing& outgoing, const TensorEntry& entry) {
    const Parameter& parameter = outgoing.parameter_of(entry.name);
    const auto found = how_.products.find(parameter.name);
    if (!entry.blocks || found == how_.products.end()) return nullptr;
    if (parameter_ != &parameter) held_.emplace(device_, found->second);
    parameter_ = &parameter;
    return &*held_;
  }

 private:
  Executor& device_;
  const Quantisation& how_;
  const Parameter* parameter_ = nullptr;
  std::optional<ErrorFeedback> held_;
};

/// Of the matrices in blocks that should have error feedback, those that have none; nothing if there are none.
std::optional<std::string> note_without_feedback(const Outgoing& outgoing, const Quantisation& how,
                                                 const std::vector<TensorEntry>& entries) {
  std::vector<std::string> names;
  for (const TensorEntry& entry : entries) {
    const auto found = how.too_few_rows.find(outgoing.parameter_of(entry.name).name);
    if (entry.blocks && found != how.too_few_rows.end())
      names.push_back(join(entry.name, " (", found->second, " of ", columns(entry), ")"));
  }
  if (names.empty()) return std::nullopt;
  return join("second_order does not apply to ", names.size(), names.size() == 1 ? " matrix" : " matrices",
              ", which have fewer input rows in the text than columns: ", first_names(names),
              "; give more text, or more calibrate_tokens");
}

using Use = std::function<void(const void* data, size_t bytes)>;

/// Calls use(data, bytes) with a tensor in its format.
void stored(Executor& device, Outgoing& outgoing, const Quantisation& how, const TensorEntry& entry,
            const Use& use, const ErrorFeedback* feedback = nullptr) {
  if (entry.blocks) {
    const std::span<const float> values = outgoing.values(entry.name);
    const std::vector<uint8_t> bytes =
        entry.one_scale ? encoded_by_row(device, entry, values)
        : feedback      ? feedback->encode(device, *entry.blocks, values)
                        : encoded(device, entry, values, importance_of(outgoing, how, entry));
    return use(bytes.data(), bytes.size());
  }
  outgoing.write({entry}, [&](const std::string&, const void* data, size_t bytes) { use(data, bytes); });
}

/// The bytes of a tensor in its format.
int64_t bytes_of(const TensorEntry& entry) {
  if (!entry.blocks) return entry.elements() * static_cast<int64_t>(size_of(entry.dtype));
  return entry.elements() / format_of(*entry.blocks).elements * format_of(*entry.blocks).bytes;
}

/// What a matrix costs in each of its possible formats.
std::vector<FormatCost> costs_of(Executor& device, Outgoing& outgoing, const Quantisation& how,
                                 const std::vector<TensorEntry>& possible, std::span<const float> curvature) {
  std::vector<FormatCost> costs;
  for (const TensorEntry& entry : possible)
    stored(device, outgoing, how, entry, [&](const void* data, size_t bytes) {
      costs.push_back(
          {static_cast<int64_t>(bytes),
           compared(device, entry, outgoing.values(entry.name), curvature, data, bytes).divergence});
    });
  return costs;
}

int64_t least_bytes(const std::vector<FormatCost>& costs) {
  return std::min_element(costs.begin(), costs.end(), [](auto& a, auto& b) { return a.bytes < b.bytes; })
      ->bytes;
}

void require_finite(Executor& device, const TensorEntry& entry, std::span<const float> values) {
  std::atomic<bool> finite = true;
  parallel_for({.threads = device.threads()}, std::ssize(values), [&](int64_t begin, int64_t end, int) {
    int bad = 0;
    for (const float v : std::span(values.begin() + begin, values.begin() + end))
      bad |= !(std::abs(v) <= std::numeric_limits<float>::max());
    if (bad) finite = false;
  });
  if (finite) return;
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  fail(ErrorCode::input, "tensor ", entry.name, " has the value ", *bad, " at element ", bad - values.begin(),
       ", which no quantised format can represent");
}

}  // namespace

std::string choose_for_bits(Executor& device, Outgoing& outgoing, const Quantisation& how,
                            const ModelConfig& as, std::vector<TensorEntry>& entries) {
  Outgoing curvature(*how.curvature, as, gguf_naming(), device);
  std::vector<std::vector<TensorEntry>> possible;
  std::vector<std::vector<FormatCost>> costs;
  int64_t fixed = 0, elements = 0;
  for (const TensorEntry& entry : entries) {
    elements += entry.elements();
    possible.push_back(is_chosen(how.choices, entry) ? std::vector<TensorEntry>() : possible_formats(entry));
    if (possible.back().empty()) {
      fixed += bytes_of(entry);
      continue;
    }
    require_finite(device, entry, outgoing.values(entry.name));
    costs.push_back(costs_of(device, outgoing, how, possible.back(), curvature.values(entry.name)));
  }
  const auto bits_of = [&](int64_t bytes) {
    return 8 * static_cast<double>(bytes) / static_cast<double>(elements);
  };
  const auto most = static_cast<int64_t>(how.target_bits * static_cast<double>(elements) / 8) - fixed;
  const std::vector<size_t> chosen = allocate_bits(costs, most);
  if (chosen.empty()) {
    int64_t least = fixed;
    for (const auto& matrix : costs) least += least_bytes(matrix);
    fail(ErrorCode::usage, "target_bits = ", how.target_bits, ": the smallest formats take ", bits_of(least),
         " bits per weight, including tensors that stay float32; give more");
  }
  int64_t bytes = fixed;
  double divergence = 0;
  size_t matrix = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (possible[i].empty()) continue;
    const FormatCost& cost = costs[matrix][chosen[matrix]];
    bytes += cost.bytes, divergence += cost.divergence;
    entries[i] = possible[i][chosen[matrix++]];
  }
  return join("formats for ", how.target_bits, " bits per weight: ", bits_of(bytes),
              ", with a predicted divergence of ", divergence, " nats per token");
}

void write_quantised(Executor& device, Outgoing& outgoing, const Quantisation& how,
                     const std::vector<TensorEntry>& entries, GgufWriter& writer, Exported& done) {
  Feedbacks feedbacks(device, how);
  if (const auto note = note_without_feedback(outgoing, how, entries)) done.notes.push_back(*note);
  for (const TensorEntry& entry : entries) {
    const std::span<const float> values = outgoing.values(entry.name);
    require_finite(device, entry, values);
    const Use append = [&](const void* data, size_t bytes) {
      done.tensors.push_back(compared(device, entry, values, {}, data, bytes));
      if (entry.blocks && !(done.tensors.back().squares <= most_half * most_half))
        require_scales(entry, values, static_cast<const uint8_t*>(data));
      writer.append(entry.name, data, bytes);
    };
    stored(device, outgoing, how, entry, append, feedbacks.of(outgoing, entry));
  }
}

}  // namespace hewn::exporting
