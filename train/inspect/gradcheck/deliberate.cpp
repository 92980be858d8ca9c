#include "train/inspect/gradcheck/deliberate.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/error.h"
#include "train/inspect/gradcheck/loss_probe.h"

namespace hewn {
namespace {

/// Calls f(first, end) for each row of n elements.
template <class F>
void each_row(size_t n, size_t columns, F f) {
  for (size_t first = 0; first + columns <= n; first += columns) f(first, first + columns);
}

double dot(const std::vector<double>& a, const std::vector<double>& b, size_t first, size_t end) {
  double sum = 0;
  for (size_t i = first; i < end; ++i) sum += a[i] * b[i];
  return sum;
}

void no_add(MistakeMaker& at) {
  if (at.how() == Contribution::add) at.replace(at.contribution());
}

void one_of_tied(MistakeMaker& at) {
  if (at.of_leaf() && at.shared() && at.is("embedding", at.input())) at.replace(at.before());
}

// p = exp(s - lse) is not 0 for masked keys if the mask is forgotten in the backward pass.
void no_mask(MistakeMaker& at) {
  if (!at.is("causal_softmax", 0)) return;
  const std::vector<double> s = at.value_of(0);
  std::vector<double> dx = at.contribution();
  if (s.empty()) return;
  each_row(dx.size(), at.columns(), [&](size_t first, size_t end) {
    const std::vector<double>& y = at.output();
    const auto largest = static_cast<size_t>(
        std::max_element(y.begin() + static_cast<int64_t>(first), y.begin() + static_cast<int64_t>(end)) -
        y.begin());
    const double lse = s[largest] - std::log(y[largest]), delta = dot(at.dy(), y, first, end);
    for (size_t i = first; i < end; ++i)
      if (y[i] == 0) dx[i] = std::exp(s[i] - lse) * (at.dy()[i] - delta);
  });
  at.contribute(dx);
}

void no_scale(MistakeMaker& at) {
  if (at.is("scale", 0)) at.contribute(at.dy());
}

void softmax_no_dot(MistakeMaker& at) {
  if (!at.is("causal_softmax", 0) && !at.is("softmax", 0)) return;
  std::vector<double> dx = at.output();
  for (size_t i = 0; i < dx.size(); ++i) dx[i] *= at.dy()[i];
  at.contribute(dx);
}

// dx = rstd g instead of rstd (g - mean g - n mean(g n)).
void norm_no_means(MistakeMaker& at) {
  if (!at.is("layernorm", 0)) return;
  const std::vector<double> weight = at.saved("weight"), stats = at.saved("stats");
  std::vector<double> dx = at.dy();
  each_row(dx.size(), at.columns(), [&](size_t first, size_t end) {
    const double rstd = stats[first / at.columns() * 2 + 1];
    for (size_t i = first; i < end; ++i) dx[i] *= weight[i - first] * rstd;
  });
  at.contribute(dx);
}

void transposed_dw(MistakeMaker& at) {
  if (!at.is("linear", 1) || at.input_shape().rank() != 2) return;
  const auto rows = static_cast<size_t>(at.input_shape()[0]),
             columns = static_cast<size_t>(at.input_shape()[1]);
  const std::vector<double> dw = at.contribution();
  std::vector<double> transposed(dw.size());
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j) transposed[j * rows + i] = dw[i * columns + j];
  at.contribute(transposed, {at.input_shape()[1], at.input_shape()[0]});
}

void bias_one_row(MistakeMaker& at) {
  if (at.is("linear", 2)) at.contribute({at.dy().end() - static_cast<int64_t>(at.columns()), at.dy().end()});
}

void sum_for_mean(MistakeMaker& at) {
  if (!std::string_view(at.node().info().name).ends_with("cross_entropy")) return;
  std::vector<double> g = at.contribution();
  for (double& x : g) x *= static_cast<double>(at.targets());
  at.contribute(g);
}

// The derivative of the other GELU: of x Phi(x) for the tanh approximation.
void wrong_gelu(MistakeMaker& at) {
  if (!at.is("linear", 0)) return;
  const std::vector<double> z = at.saved("z");
  std::vector<double> dz = at.contribution();
  if (z.empty()) return;
  for (size_t i = 0; i < dz.size(); ++i) {
    const double x = z[i], u = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x), t = std::tanh(u);
    const double approximate =
        0.5 * (1 + t) + 0.5 * x * (1 - t * t) * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
    const double exact =
        0.5 * (1 + std::erf(x / std::sqrt(2.0))) + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
    if (approximate != 0) dz[i] *= exact / approximate;
  }
  at.contribute(dz);
}

// The mask of another step: here, this step's mask of the element before.
void stale_mask(MistakeMaker& at) {
  if (!at.is("dropout", 0)) return;
  const std::vector<double> dx = at.contribution();
  double scale = 0;
  for (size_t i = 0; i < dx.size() && scale == 0; ++i)
    if (dx[i] != 0) scale = dx[i] / at.dy()[i];
  std::vector<double> wrong(at.dy());
  for (size_t i = 0; i < wrong.size(); ++i) wrong[i] *= dx[(i + 1) % dx.size()] != 0 ? scale : 0;
  at.contribute(wrong);
}

void not_cleared(MistakeMaker& at) {
  if (!at.of_leaf() || at.how() != Contribution::set || at.previous().empty()) return;
  std::vector<double> sum = at.contribution();
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += at.previous()[i];
  at.contribute(sum);
}

constexpr Mistake all_mistakes[] = {
    {"no-add", "a second contribution to a gradient replaces the first", "", no_add},
    {"one-of-tied", "the embedding's part of a tied weight's gradient is forgotten", "tied embeddings",
     one_of_tied},
    {"no-mask", "attention's causal mask is forgotten in the backward pass", "attention=batched", no_mask},
    {"no-scale", "the factor 1/sqrt(D) of attention is forgotten", "attention=batched", no_scale},
    {"softmax-no-dot", "softmax's gradient is y dy, without the sum over the row", "attention=batched",
     softmax_no_dot},
    {"norm-no-means", "layernorm's mean and variance are taken for constants", "norm=layernorm",
     norm_no_means},
    {"transposed-dW", "the gradient of a matrix is stored transposed", "", transposed_dw},
    {"bias-one-row", "the gradient of a bias is that of the last row alone", "bias=true", bias_one_row},
    {"sum-for-mean", "the loss is a mean, its gradient that of the sum", "", sum_for_mean},
    {"wrong-gelu", "the derivative is that of the exact GELU, the value its approximation", "act=gelu",
     wrong_gelu},
    {"stale-mask", "dropout's backward pass has another mask", "dropout > 0", stale_mask},
    {"not-cleared", "gradients of the step before are not cleared", "", not_cleared},
};

}  // namespace

std::span<const Mistake> mistakes() { return all_mistakes; }

const Mistake* find_mistake(const std::string& name) {
  for (const Mistake& m : all_mistakes)
    if (name == m.name) return &m;
  return nullptr;
}

MistakeMaker::MistakeMaker(const Mistake& mistake, std::string scope, int64_t targets)
    : mistake_(mistake), scope_(std::move(scope)), targets_(targets) {}

void MistakeMaker::recorded(const Node& node, const Tensor& y) {
  if (node.id == 0) {  // a new tape; leaves may keep the gradients of the one before
    edges_.clear(), outputs_.clear();
    std::erase_if(so_far_, [](const auto& of) { return of.first.starts_with('#'); });
  }
  edges_[node.id] = Tape::current()->edges(static_cast<size_t>(node.id));
  outputs_[node.id] = y.detached();
}

void MistakeMaker::before_backward(const Node& node, const Tensor& dy) {
  dy_ = dy.doubles();
  columns_ = static_cast<size_t>(std::max<int64_t>(1, dy.cols()));
  output_ = outputs_.at(node.id).doubles();
}

bool MistakeMaker::in_scope(const Node& node) const {
  return scope_.empty() || (Scope::path(node.scope) + ".").starts_with(scope_ + ".");
}

void MistakeMaker::after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) {
  if (how == Contribution::none || !grad.defined()) return;
  node_ = &node, input_ = input, grad_ = &grad, how_ = how;
  std::vector<double>& so_far = so_far_[tensor_key(edge())];
  after_ = grad.doubles();
  before_ = how == Contribution::add ? so_far : std::vector<double>(after_.size(), 0.0);
  if (in_scope(node)) mistake_.change(*this);
  so_far_[tensor_key(edge())] = after_;
}

void MistakeMaker::completed(const Variable& leaf) { previous_[leaf.name] = leaf.grad.doubles(); }

bool MistakeMaker::is(const char* op, size_t input) const {
  return input_ == input && std::string_view(node_->info().name) == op;
}

bool MistakeMaker::shared() const {
  return std::any_of(edges_.begin(), edges_.end(), [&](const auto& other) {
    return other.first != node_->id &&
           std::any_of(other.second.begin(), other.second.end(),
                       [&](const Edge& e) { return tensor_key(e) == tensor_key(edge()); });
  });
}

const std::vector<double>& MistakeMaker::output() const { return output_; }

std::vector<double> MistakeMaker::value_of(size_t i) const {
  const Edge& from = edges_.at(node_->id)[i];
  return from.from == Edge::From::node ? outputs_.at(from.node).doubles() : std::vector<double>();
}

std::vector<double> MistakeMaker::saved(const std::string& name) const {
  for (const SavedField& field : node_->saved())
    if (name == field.name && field.value->defined()) return field.value->peek().doubles();
  return {};
}

std::vector<double> MistakeMaker::contribution() const {
  std::vector<double> c(after_);
  for (size_t i = 0; i < c.size(); ++i) c[i] -= before_[i];
  return c;
}

const std::vector<double>& MistakeMaker::previous() const {
  const auto at = previous_.find(edge().name);
  return at == previous_.end() ? none_ : at->second;
}

void MistakeMaker::contribute(const std::vector<double>& changed) {
  require(changed.size() == after_.size(), "mistake ", mistake_.name, ": ", changed.size(),
          " elements for a gradient of ", after_.size());
  std::vector<double> sum(changed);
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += before_[i];
  replace(sum);
}

void MistakeMaker::contribute(const std::vector<double>& changed, const Shape& shape) {
  misshapen_ += shape != input_shape();
  contribute(changed);
}

void MistakeMaker::replace(const std::vector<double>& changed) {
  ++changes_;
  after_ = changed;
  std::copy(changed.begin(), changed.end(), grad_->ptr<double>());
}

}  // namespace hewn
