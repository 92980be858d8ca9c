#include "model/weights/gguf/quantise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/devices/devices.h"
#include "kernels/qmatmul/abi.h"
#include "model/weights/weights.h"

namespace hewn::exporting {
namespace {

int64_t columns(const TensorEntry& entry) { return entry.shape.back(); }

/// The bytes of `rows` rows in the blocks of `entry`. `importance`, if there is one, is of the columns.
std::vector<uint8_t> encoded(Executor& device, const TensorEntry& entry, const std::vector<float>& values,
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

/// The values that were written.
std::vector<float> read_back(Executor& device, TensorEntry entry, int64_t rows, const void* data) {
  entry.data = data;
  if (!entry.blocks) {
    entry.bytes = static_cast<size_t>(rows * columns(entry)) * size_of(entry.dtype);
    return values_of<float>(entry);
  }
  std::vector<int32_t> all(static_cast<size_t>(rows));
  std::iota(all.begin(), all.end(), 0);
  std::vector<float> values(static_cast<size_t>(rows * columns(entry)));
  run(device, WidenRows{.format = *entry.blocks,
                        .n = rows,
                        .cols = columns(entry),
                        .ids = all.data(),
                        .w = data,
                        .y = values.data()});
  return values;
}

/// The errors of what was written. Sums are taken by rows, then in the order of rows.
WrittenTensor compared(Executor& device, const TensorEntry& entry, const std::vector<float>& before,
                       const void* data, size_t bytes) {
  const int64_t cols = columns(entry), rows = std::ssize(before) / cols;
  const std::vector<float> after = read_back(device, entry, rows, data);
  struct RowErrors {
    double squares = 0, most = 0;
  };
  std::vector<RowErrors> errors(static_cast<size_t>(rows));
  const Launch launch{.threads = device.threads()};
  parallel_for(launch, rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      for (int64_t i = r * cols; i < (r + 1) * cols; ++i) {
        RowErrors& row = errors[static_cast<size_t>(r)];
        const double error = std::abs(static_cast<double>(before[static_cast<size_t>(i)]) -
                                      static_cast<double>(after[static_cast<size_t>(i)]));
        row.squares += error * error;
        row.most = std::max(row.most, error);
      }
  });
  WrittenTensor tensor{.name = entry.name,
                       .format = entry.type_name(),
                       .elements = rows * cols,
                       .bytes = static_cast<int64_t>(bytes)};
  for (const RowErrors& row : errors) {
    tensor.squares += row.squares;
    tensor.max_error = std::max(tensor.max_error, row.most);
  }
  return tensor;
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

void require_finite(const TensorEntry& entry, const std::vector<float>& values) {
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end())
    fail(ErrorCode::input, "tensor ", entry.name, " has the value ", *bad, " at element ",
         bad - values.begin(), ", which no quantised format can hold");
}

}  // namespace

void write_quantised(Outgoing& outgoing, const Quantisation& how, const std::vector<TensorEntry>& entries,
                     GgufWriter& writer, Exported& done) {
  const auto device = make_cpu(how.threads > 0 ? how.threads : default_threads());
  for (const TensorEntry& entry : entries) {
    const std::vector<float>& values = outgoing.values(entry.name);
    require_finite(entry, values);
    const auto append = [&](const std::string& name, const void* data, size_t bytes) {
      writer.append(name, data, bytes);
      done.tensors.push_back(compared(*device, entry, values, data, bytes));
    };
    if (entry.blocks) {
      const std::vector<uint8_t> bytes = encoded(*device, entry, values, importance_of(outgoing, how, entry));
      append(entry.name, bytes.data(), bytes.size());
    } else {
      outgoing.write({entry}, append);
    }
  }
}

}  // namespace hewn::exporting
