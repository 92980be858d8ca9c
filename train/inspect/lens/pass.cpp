#include "train/inspect/lens/pass.h"

#include <charconv>
#include <string_view>

#include "kernels/activation/op.h"

namespace hewn {
namespace {

// The block that a scope belongs to: 3 of "h.3.mlp.c_fc"; -1: none.
int64_t block_of(std::string_view scope) {
  int64_t block = -1;
  if (scope.starts_with("h.")) std::from_chars(scope.data() + 2, scope.data() + scope.size(), block);
  return block;
}

// The first F of 2 F columns.
std::vector<double> first_half(const Tensor& t) {
  const std::vector<double> all = t.doubles();
  const auto F = static_cast<size_t>(t.cols() / 2);
  std::vector<double> half;
  for (size_t r = 0; r < static_cast<size_t>(t.rows()); ++r)
    half.insert(half.end(), all.begin() + static_cast<std::ptrdiff_t>(2 * r * F),
                all.begin() + static_cast<std::ptrdiff_t>((2 * r + 1) * F));
  return half;
}

}  // namespace

LensPass::LensPass(const ModelConfig& config) : config_(config) {
  if (config.arch == "gpt") {
    stream_.resize(static_cast<size_t>(config.n_layer) + 1);
    units_.resize(static_cast<size_t>(config.n_layer));
  }
}

void LensPass::recorded(const Node& node, const Tensor& y) {
  device_ = &y.device();
  memory_.push_back({.backward = false, .bytes = device_->pool().stats().live});
  if (stream_.empty()) return;
  const std::string_view scope = Scope::path(node.scope), op = node.info().name;
  const int64_t block = block_of(scope);
  if (op == "causal_attention_packed" && block == std::ssize(attention_))
    attention_.push_back(attention_maps(node, config_));
  const bool wide = y.rank() == 3 && y.dim(2) == config_.n_embd;
  if (wide && scope == "embed") stream_[0] = y.detached();
  if (block < 0 || block >= std::ssize(units_)) return;
  if (wide) stream_[static_cast<size_t>(block) + 1] = y.detached();  // the last one of the block remains
  MlpUnits& units = units_[static_cast<size_t>(block)];
  if (config_.act.gated) {
    if (op == "linear" && scope.ends_with(".mlp.c_fc")) units.before = first_half(y);
    if (op == "swiglu") units.after = y.doubles(), units.F = y.cols();
  } else if (op == "linear" && scope.ends_with(".mlp.c_fc")) {
    const NoGrad none;
    units.before = y.doubles(), units.F = y.cols();
    units.after = activation(config_.act.curve, y.detached()).doubles();
  }
}

void LensPass::freed(int64_t) {
  if (device_) memory_.push_back({.backward = true, .bytes = device_->pool().stats().live});
}

double run_pass(Model& model, const std::vector<int32_t>& tokens, const std::vector<int32_t>& targets,
                LensPass& pass) {
  const Shape shape{1, std::ssize(tokens)};
  Tape tape;
  tape.observe(&pass);
  const Tensor loss =
      model.loss(Tensor::from(model.device(), tokens, shape), Tensor::from(model.device(), targets, shape));
  const double value = loss.item();
  tape.backward(loss);
  return value;
}

}  // namespace hewn
