#include "model/weights/place.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "model/weights/weights.h"

namespace hewn {
namespace {

/// Rows of one of our parameters; 1 for a vector.
int64_t rows_of(const Parameter& p) { return p.shape.rank() == 2 ? p.shape[0] : 1; }

/// The shape of a foreign tensor in rows and columns of ours.
struct Extent {
  int64_t rows = 1, cols = 0;
};

Extent extent_of(const TensorEntry& entry, bool transposed) {
  if (entry.shape.size() == 1) return {1, entry.shape[0]};
  return transposed ? Extent{entry.shape[1], entry.shape[0]} : Extent{entry.shape[0], entry.shape[1]};
}

void add_misfits(const NamedTensors& theirs, const Origin& origin, const Parameter& p, Misfits& wrong) {
  for (const Origin::Part& part : origin.parts) {
    const TensorEntry* entry = theirs.find(part.name);
    if (!entry) {
      wrong.add("missing: ", part.name);
      continue;
    }
    const bool same_rank = entry->shape.size() == static_cast<size_t>(p.shape.rank());
    const Extent extent = same_rank ? extent_of(*entry, origin.transposed) : Extent{};
    const bool enough_rows =
        extent.rows == rows_of(p) || (p.name == "transformer.wpe.weight" && extent.rows > rows_of(p));
    if (!same_rank || !enough_rows || extent.cols != part.width)
      wrong.add(part.name, " is ", Shape(entry->shape), " and does not fit ", p.name, " ", p.shape);
    else if (!is_float(entry->dtype))
      wrong.add(part.name, " is ", name_of(entry->dtype), "; expected floating-point numbers");
  }
}

/// Copies a matrix into columns `first` and after of one with `cols` columns; the source is [rows, n], or
/// transposed [n, rows]. Works in tiles because transposing accesses memory with large strides.
template <class T>
void put_columns(const std::vector<T>& from, bool transposed, int64_t rows, int64_t n, int64_t first,
                 int64_t cols, std::vector<T>& to) {
  constexpr int64_t tile = 32;
  for (int64_t r0 = 0; r0 < rows; r0 += tile)
    for (int64_t c0 = 0; c0 < n; c0 += tile)
      for (int64_t r = r0; r < std::min(r0 + tile, rows); ++r)
        for (int64_t c = c0; c < std::min(c0 + tile, n); ++c)
          to[static_cast<size_t>(r * cols + first + c)] =
              from[static_cast<size_t>(transposed ? c * rows + r : r * n + c)];
}

template <class T>
std::vector<T> assembled_values(const NamedTensors& theirs, const Origin& origin, const Parameter& p) {
  const int64_t rows = rows_of(p), cols = p.shape[p.shape.rank() - 1];
  const bool transposed = origin.transposed && p.shape.rank() == 2;
  std::vector<T> all;
  if (origin.parts.size() > 1 || transposed) all.resize(static_cast<size_t>(rows * cols));
  int64_t first = 0;
  for (const Origin::Part& part : origin.parts) {
    std::vector<T> values = values_of<T>(*theirs.find(part.name));
    if (all.empty()) {
      values.resize(static_cast<size_t>(rows * cols));
      return values;
    }
    put_columns(values, transposed, rows, part.width, first, cols, all);
    first += part.width;
  }
  return all;
}

}  // namespace

void check_fit(const NamedTensors& theirs, const Naming& naming, const Model& model) {
  Misfits wrong;
  std::set<std::string, std::less<>> used;
  for (const Parameter& p : model.parameters().all()) {
    if (p.of_adapter) continue;
    const Origin origin = naming.origin(p, model.config());
    for (const Origin::Part& part : origin.parts) used.insert(part.name);
    add_misfits(theirs, origin, p, wrong);
  }
  theirs.each([&](const TensorEntry& entry) {
    if (!used.count(entry.name) && !naming.passed_over(entry.name, model.config()))
      wrong.add("unknown: ", entry.name);
  });
  wrong.check("the tensors do not fit the configuration");
}

template <>
std::vector<float> placed_values<float>(const NamedTensors& theirs, const Naming& naming,
                                        const Parameter& ours, const ModelConfig& config) {
  return assembled_values<float>(theirs, naming.origin(ours, config), ours);
}
template <>
std::vector<double> placed_values<double>(const NamedTensors& theirs, const Naming& naming,
                                          const Parameter& ours, const ModelConfig& config) {
  return assembled_values<double>(theirs, naming.origin(ours, config), ours);
}

std::span<const float> values_in_place(const NamedTensors& theirs, const Naming& naming,
                                       const Parameter& ours, const ModelConfig& config) {
  const Origin origin = naming.origin(ours, config);
  if (origin.parts.size() > 1 || (origin.transposed && ours.shape.rank() == 2)) return {};
  const TensorEntry& entry = *theirs.find(origin.parts[0].name);
  const bool aligned = reinterpret_cast<uintptr_t>(entry.data) % alignof(float) == 0;
  if (entry.dtype != DType::f32 || entry.blocks || !aligned) return {};
  return {static_cast<const float*>(entry.data), static_cast<size_t>(ours.shape.numel())};
}

namespace {

/// Numbers of a file in host memory, as a tensor of a CPU over them.
Tensor in_place(Device& cpu, const TensorEntry& entry, std::shared_ptr<const void> owner) {
  auto numbers = Storage::borrow(cpu, const_cast<void*>(entry.data), entry.bytes, std::move(owner));
  return Tensor::over(std::move(numbers), entry.dtype, Shape(entry.shape));
}

}  // namespace

std::optional<BlockMatrix> placed_blocks(const std::shared_ptr<const NamedTensors>& theirs,
                                         const Naming& naming, const Parameter& ours,
                                         const ModelConfig& config, Device& cpu, bool bf16) {
  const Origin origin = naming.origin(ours, config);
  // [out, in] in the file: a matrix of a linear layer, ours [in, out], or a table of tokens, which is read by rows.
  // Positions are added to tokens in one operation, which reads float32.
  const bool by_outputs = ours.shape.rank() == 2 && (origin.transposed || origin.parts.size() == 1) &&
                          ours.name != "transformer.wpe.weight";
  if (!by_outputs || origin.transposed != ours.takes_adapter) return std::nullopt;
  BlockMatrix matrix{.cols = ours.shape[origin.transposed ? 0 : 1], .owner = theirs};
  for (const Origin::Part& part : origin.parts) {
    const TensorEntry& entry = *theirs->find(part.name);
    const bool aligned = reinterpret_cast<uintptr_t>(entry.data) % alignof(BFloat16) == 0;
    if (!entry.blocks && entry.dtype == DType::bf16 && aligned) {
      matrix.parts.push_back({.rows = entry.shape[0], .bf16 = in_place(cpu, entry, theirs)});
      continue;
    }
    if (!entry.blocks) return std::nullopt;
    check_blocks(entry);
    bf16 = true;
    matrix.one_scale = entry.one_scale;
    matrix.parts.push_back({*entry.blocks, entry.shape[0], entry.data});
  }
  return bf16 ? std::optional(matrix) : std::nullopt;
}

void place_parameter(const NamedTensors& theirs, const Naming& naming, Parameter& p,
                     const ModelConfig& config) {
  if (p.value.dtype() == DType::f64)
    p.value.upload(placed_values<double>(theirs, naming, p, config).data());
  else
    p.value.upload(placed_values<float>(theirs, naming, p, config).data());
}

void place(const NamedTensors& theirs, const Naming& naming, Model& model) {
  check_fit(theirs, naming, model);
  for (Parameter& p : model.parameters().all())
    if (!p.of_adapter && !p.blocks) place_parameter(theirs, naming, p, model.config());
}

}  // namespace hewn
