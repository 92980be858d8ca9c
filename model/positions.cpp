#include "model/positions.h"

#include <cmath>

#include "kernels/embedding/op.h"
#include "model/cache.h"
#include "model/layers.h"

namespace hewn {
namespace {

// [length, width]: column 2i of row t is scale sin(t / 10000^(2i / width)), column 2i + 1 the cosine.
std::vector<double> sinusoids(int64_t length, int64_t width, double scale) {
  std::vector<double> table;
  table.reserve(static_cast<size_t>(length * width));
  for (int64_t t = 0; t < length; ++t) {
    for (int64_t i = 0; i < width; ++i) {
      const double even = static_cast<double>(i - i % 2);
      const double angle = static_cast<double>(t) / std::pow(10000.0, even / static_cast<double>(width));
      table.push_back(scale * (i % 2 == 0 ? std::sin(angle) : std::cos(angle)));
    }
  }
  return table;
}

}  // namespace

PositionTable::PositionTable(Parameters& parameters, const ModelConfig& config, int64_t width)
    : parameters_(parameters),
      kind_(config.pos),
      scale_(config.pos_scale),
      length_(config.block_size),
      width_(width) {
  if (kind_ == Positions::learned)
    wpe_ = parameters.add("transformer.wpe.weight", {length_, width_}, Init::normal(initial_deviation));
}

const Tensor& PositionTable::rows() {
  if (wpe_) return wpe_->value;
  if (!sinusoids_.defined()) {
    const std::vector<double> table = sinusoids(length_, width_, scale_);
    const std::vector<float> floats(table.begin(), table.end());
    const Shape shape{length_, width_};
    const MemUseScope use(MemUse::parameter);
    Device& device = parameters_.device();
    sinusoids_ = parameters_.dtype() == DType::f64 ? Tensor::from(device, table, shape)
                                                   : Tensor::from(device, floats, shape);
    sinusoids_.set_name("sinusoids");
  }
  return sinusoids_;
}

Tensor PositionTable::rows_of(const Tensor& tokens, const ForwardOptions& options, DType result) {
  return embedding(rows(), positions_of(tokens, options), result);
}

Tensor PositionTable::positions_of(const Tensor& tokens, const ForwardOptions& options) {
  if (options.positions.defined()) return options.positions;
  // Positions of training batches are kept: a captured step reads them at the same address and copies nothing.
  Tensor* const kept =
      !options.cached() && Tape::current() ? &positions_[{tokens.dim(0), tokens.dim(1)}] : nullptr;
  if (kept && kept->defined()) return *kept;
  const auto T = static_cast<size_t>(tokens.dim(1));
  std::vector<int32_t> at(static_cast<size_t>(tokens.numel()));
  for (size_t i = 0; i < at.size(); ++i) {
    const Cache* cache = options.caches.empty() ? options.cache : options.caches[i / T];
    at[i] = static_cast<int32_t>((cache ? cache->length() : 0) + static_cast<int64_t>(i % T));
  }
  const Tensor positions = Tensor::from(tokens.device(), at, tokens.shape());
  positions.set_name("positions");
  if (kept) *kept = positions;
  return positions;
}

}  // namespace hewn
