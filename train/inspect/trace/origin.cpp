#include "train/inspect/trace/origin.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/text.h"
#include "kernels/activation/table.h"

namespace hewn {
namespace {

using Index = std::vector<int64_t>;

// Longer sums show the first and the largest terms.
constexpr size_t most_terms = 12, first_terms = 3, largest_terms = 5;

Tensor view_at(const Tensor& t, const Index& index, const Shape& shape, const Strides& strides) {
  int64_t offset = t.offset();
  for (size_t i = 0; i < index.size(); ++i) offset += index[i] * t.strides()[i];
  return t.strided(shape, strides, offset);
}

double element(const Tensor& t, const Index& index) { return view_at(t, index, Shape{}, {}).item(); }

// The elements along a dimension; `index` says where in the others.
std::vector<double> line_of(const Tensor& t, Index index, int dim) {
  index[static_cast<size_t>(t.shape().axis(dim))] = 0;
  return view_at(t, index, {t.dim(dim)}, {t.stride(dim)}).doubles();
}

// The index of the n-th element in row-major order, and back.
Index index_of(const Shape& shape, int64_t n) {
  Index index(static_cast<size_t>(shape.rank()));
  for (int i = shape.rank(); i-- > 0; n /= shape[i]) index[static_cast<size_t>(i)] = n % shape[i];
  return index;
}
int64_t position_of(const Shape& shape, const Index& index) {
  int64_t n = 0;
  for (int i = 0; i < shape.rank(); ++i) n = n * shape[i] + index[static_cast<size_t>(i)];
  return n;
}

// Where an operand that is broadcast (aligned at the last dimension) is read for an element at `index`.
Index broadcast_index(const Tensor& operand, const Index& index) {
  Index own(index.end() - operand.rank(), index.end());
  for (int i = 0; i < operand.rank(); ++i)
    if (operand.dim(i) == 1) own[static_cast<size_t>(i)] = 0;
  return own;
}

Index with_last(Index index, int64_t last) {
  index.back() = last;
  return index;
}

std::string element_name(const std::string& tensor, const Index& index) {
  std::string text;
  for (const int64_t i : index) text += join(text.empty() ? "[" : ",", i);
  return text.empty() ? tensor : join(tensor, text, "]");
}

/// What the explanation of an operation works with.
struct Element {
  const NodeTensors& tensors;
  Index index;
  ElementOrigin& origin;

  const Tensor& input(size_t i) const { return tensors.inputs.at(i); }
  bool has_input(size_t i) const { return i < tensors.inputs.size() && tensors.inputs[i].defined(); }
  // A saved tensor; undefined if there is none.
  Tensor saved(const char* name) const {
    const auto at = tensors.saved.find(name);
    return at == tensors.saved.end() ? Tensor() : at->second;
  }
  void operand(const std::string& name, const Tensor& t, const Index& at) const {
    origin.operands.push_back({element_name(name, at), element(t, at)});
  }
  // Shows a sum of these terms; `term` makes the term with a number, for those that are shown.
  void sum(const std::string& of, const std::vector<double>& values,
           const std::function<SumTerm(size_t)>& term) const {
    std::vector<size_t> shown(values.size());
    std::iota(shown.begin(), shown.end(), size_t{0});
    if (values.size() > most_terms) {
      const auto rest = shown.begin() + first_terms;
      std::partial_sort(rest, rest + largest_terms, shown.end(), [&](size_t a, size_t b) {
        return std::abs(values[a]) != std::abs(values[b]) ? std::abs(values[a]) > std::abs(values[b]) : a < b;
      });
      shown.resize(first_terms + largest_terms);
      std::sort(shown.begin(), shown.end());
    }
    ShownSum sum{.of = of, .terms = {}};
    std::vector<bool> is_shown(values.size());
    for (const size_t k : shown) {
      is_shown[k] = true;
      sum.terms.push_back(term(k));
    }
    for (size_t k = 0; k < values.size(); ++k) {
      sum.total += values[k];
      if (!is_shown[k]) sum.rest += values[k];
    }
    sum.more = std::ssize(values) - std::ssize(shown);
    origin.sum = std::move(sum);
  }
  void sum(const std::vector<SumTerm>& terms) const {
    std::vector<double> values;
    for (const SumTerm& term : terms) values.push_back(term.value);
    sum("", values, [&](size_t k) { return terms[k]; });
  }
};

SumTerm term_of(const std::string& name, const Tensor& t, const Index& at) {
  return {element_name(name, at), {}, element(t, at)};
}

SumTerm product_term(const std::string& a, double x, const std::string& b, double y) {
  return {join(a, " ", b), {x, y}, x * y};
}

void from_same_place(const Element& e) {
  e.operand("x", e.input(0), index_of(e.input(0).shape(), position_of(e.tensors.y.shape(), e.index)));
}

void from_sum(const Element& e, double sign) {
  SumTerm b = term_of("b", e.input(1), broadcast_index(e.input(1), e.index));
  if (sign < 0) b = {"-" + b.name, {}, -b.value};
  e.sum({term_of("a", e.input(0), broadcast_index(e.input(0), e.index)), b});
}
void from_add(const Element& e) { from_sum(e, 1); }
void from_sub(const Element& e) { from_sum(e, -1); }

void from_mul(const Element& e) {
  const Index a = broadcast_index(e.input(0), e.index), b = broadcast_index(e.input(1), e.index);
  e.sum({product_term(element_name("a", a), element(e.input(0), a), element_name("b", b),
                      element(e.input(1), b))});
}

void from_two(const Element& e) {
  e.operand("a", e.input(0), broadcast_index(e.input(0), e.index));
  e.operand("b", e.input(1), broadcast_index(e.input(1), e.index));
}

void from_all(const Element& e) {
  const Tensor& x = e.input(0);
  if (e.tensors.y.numel() != 1) return;  // a sum over one dimension: its node does not say which
  const std::vector<double> values = x.doubles();
  e.sum("sum_i x_i", values, [&](size_t k) {
    return SumTerm{element_name("x", index_of(x.shape(), static_cast<int64_t>(k))), {}, values[k]};
  });
}

void from_mean(const Element& e) {
  from_all(e);
  if (e.origin.sum) e.origin.operands.push_back({"n", static_cast<double>(e.input(0).numel())});
}

void from_matmul(const Element& e) {
  const Tensor a = e.saved("a"), b = e.saved("b");
  const auto at = [&](const Tensor& t, int64_t row, int64_t column) {
    Index index(e.index.end() - t.rank(), e.index.end());
    for (int i = 0; i < t.rank() - 2; ++i)
      if (t.dim(i) == 1) index[static_cast<size_t>(i)] = 0;
    index[index.size() - 2] = row;
    index.back() = column;
    return index;
  };
  const int64_t i = e.index[e.index.size() - 2], j = e.index.back();
  const std::vector<double> row = line_of(a, at(a, i, 0), -1), column = line_of(b, at(b, 0, j), -2);
  std::vector<double> products(row.size());
  for (size_t k = 0; k < row.size(); ++k) products[k] = row[k] * column[k];
  e.sum("", products, [&](size_t k) {
    const auto n = static_cast<int64_t>(k);
    return product_term(element_name("a", at(a, i, n)), row[k], element_name("b", at(b, n, j)), column[k]);
  });
}

void from_linear(const Element& e) {
  const Tensor multiplied = e.saved("x"), weight = e.saved("weight");
  // Behind an activation, the input is z, and what is multiplied is f(z).
  const Tensor x = multiplied.defined() ? multiplied : e.saved("z").defined() ? Tensor() : e.input(0);
  if (!x.defined() || e.saved("A").defined()) return;
  const int64_t j = e.index.back();
  const std::vector<double> row = line_of(x, with_last(e.index, 0), -1);
  std::vector<SumTerm> others;
  if (e.has_input(3)) others.push_back(term_of("residual", e.input(3), e.index));
  if (e.has_input(2)) others.push_back(term_of("bias", e.input(2), {j}));

  std::vector<double> column, values;
  bool in_out = true;
  double best = std::numeric_limits<double>::infinity();
  for (const bool rows_are_inputs : {true, false}) {  // of a square weight, the layout that gives the value
    if (weight.dim(rows_are_inputs ? 0 : 1) != std::ssize(row) ||
        weight.dim(rows_are_inputs ? 1 : 0) != e.tensors.y.dim(-1))
      continue;
    const std::vector<double> w = rows_are_inputs ? line_of(weight, {0, j}, 0) : line_of(weight, {j, 0}, 1);
    std::vector<double> terms;
    for (const SumTerm& term : others) terms.push_back(term.value);
    for (size_t k = 0; k < row.size(); ++k) terms.push_back(row[k] * w[k]);
    const double off = std::abs(std::accumulate(terms.begin(), terms.end(), 0.0) - e.origin.value);
    if (!(off < best)) continue;
    best = off;
    in_out = rows_are_inputs;
    column = w;
    values = terms;
  }
  if (values.empty()) return;
  e.sum("", values, [&](size_t n) {
    if (n < others.size()) return others[n];
    const auto k = static_cast<int64_t>(n - others.size());
    return product_term(element_name("x", with_last(e.index, k)), row[n - others.size()],
                        element_name("weight", in_out ? Index{k, j} : Index{j, k}),
                        column[n - others.size()]);
  });
}

// y_i = exp(x_i - m) / sum of the same over the first `columns` of the row.
void from_row(const Element& e, int64_t columns) {
  std::vector<double> row = line_of(e.input(0), e.index, -1);
  row.resize(static_cast<size_t>(columns));
  const double most = *std::max_element(row.begin(), row.end());
  std::vector<double> exps;
  for (const double x : row) exps.push_back(std::exp(x - most));
  const auto name = [&](int64_t k) {
    return join("exp(", element_name("x", with_last(e.index, k)), " - max x)");
  };
  e.operand("x", e.input(0), e.index);
  e.origin.operands.push_back({"max x", most});
  e.origin.operands.push_back({name(e.index.back()), exps[static_cast<size_t>(e.index.back())]});
  e.sum("sum_k exp(x_k - max x)", exps, [&](size_t k) {
    return SumTerm{name(static_cast<int64_t>(k)), {}, exps[k]};
  });
}

void from_softmax(const Element& e) { from_row(e, e.input(0).dim(-1)); }

void from_causal_softmax(const Element& e) {
  const int64_t query = e.index[e.index.size() - 2], key = e.index.back();
  const int64_t columns = e.input(0).dim(-1) - e.input(0).dim(-2) + query + 1;
  if (key < columns) return from_row(e, columns);
  e.origin.note = join("query ", query, " does not attend to key ", key);
}

// y = n weight + bias
void from_normed(const Element& e, double n) {
  const Index last{e.index.back()};
  e.origin.operands.push_back({"n", n});
  std::vector<SumTerm> terms{product_term("n", n, element_name("weight", last), element(e.input(1), last))};
  if (e.has_input(2)) terms.push_back(term_of("bias", e.input(2), last));
  e.sum(terms);
}

void from_layernorm(const Element& e) {
  const int64_t row = position_of(e.tensors.y.shape(), e.index) / e.tensors.y.cols();
  const double mean = element(e.saved("stats"), {row, 0}), rstd = element(e.saved("stats"), {row, 1});
  e.operand("x", e.input(0), e.index);
  e.origin.operands.push_back({"mean x", mean});
  e.origin.operands.push_back({"1 / sqrt(var x + eps)", rstd});
  from_normed(e, (element(e.input(0), e.index) - mean) * rstd);
}

void from_rmsnorm(const Element& e) {
  const int64_t row = position_of(e.tensors.y.shape(), e.index) / e.tensors.y.cols();
  const double rstd = element(e.saved("rstd"), {row});
  e.operand("x", e.input(0), e.index);
  e.origin.operands.push_back({"1 / sqrt(mean(x^2) + eps)", rstd});
  from_normed(e, element(e.input(0), e.index) * rstd);
}

// The row of a token, and of its position if there is a table of these; a trace begins at position 0.
void from_embedding(const Element& e) {
  const bool positions = e.has_input(2);
  const Tensor& ids = e.input(positions ? 2 : 1);
  const Index place(e.index.begin(), e.index.end() - 1);
  const auto id = static_cast<int64_t>(element(ids, place));
  std::vector<SumTerm> terms{term_of("weight", e.input(0), {id, e.index.back()})};
  if (positions) terms.push_back(term_of("position", e.input(1), {place.back(), e.index.back()}));
  e.sum(terms);
}

struct Explained {
  std::string_view op;
  std::vector<std::string> inputs;
  void (*explain)(const Element&) = nullptr;  // null: nothing is a sum of a few terms
};

const std::vector<Explained>& explained_operations() {
  static const std::vector<Explained> table = [] {
    std::vector<Explained> all{
        {"add", {"a", "b"}, from_add},
        {"sub", {"a", "b"}, from_sub},
        {"mul", {"a", "b"}, from_mul},
        {"div", {"a", "b"}, from_two},
        {"pow", {"a", "b"}, from_two},
        {"sum", {"x"}, from_all},
        {"mean", {"x"}, from_mean},
        {"max", {"x"}},
        {"matmul", {"a", "b"}, from_matmul},
        {"linear", {"x", "weight", "bias", "residual", "A", "B"}, from_linear},
        {"softmax", {"x"}, from_softmax},
        {"causal_softmax", {"x"}, from_causal_softmax},
        {"layernorm", {"x", "weight", "bias"}, from_layernorm},
        {"rmsnorm", {"x", "weight"}, from_rmsnorm},
        {"embedding", {"weight", "position", "ids"}, from_embedding},
        {"linear_cross_entropy", {"x", "weight", "bias", "targets"}},
        {"cross_entropy", {"logits", "targets"}},
    };
    for (const char* op :
         {"scale", "add_scalar", "exp", "log", "sqrt", "tanh", "sigmoid", "contiguous", "reshape", "cast"})
      all.push_back({op, {"x"}, from_same_place});
    for (const ActivationRow& row : activation_table) all.push_back({row.name, {"x"}, from_same_place});
    return all;
  }();
  return table;
}

const Explained* find_explained(const TracedNode& node) {
  const auto& table = explained_operations();
  const auto at =
      std::find_if(table.begin(), table.end(), [&](const Explained& e) { return e.op == node.info->name; });
  return at == table.end() ? nullptr : &*at;
}

}  // namespace

std::string input_name(const TracedNode& node, size_t i) {
  const Explained* op = find_explained(node);
  if (op && op->op == "embedding" && node.inputs.size() == 2) return i == 0 ? "weight" : "ids";
  return op && i < op->inputs.size() ? op->inputs[i] : join("input ", i);
}

ElementOrigin origin_of(const TracedNode& node, std::span<const int64_t> index) {
  const NodeTensors& tensors = *node.tensors;
  const Index at(index.begin(), index.end());
  ElementOrigin origin{.value = element(tensors.y, at)};
  if (tensors.dy.defined()) origin.grad = element(tensors.dy, at);
  const Explained* op = find_explained(node);
  if (op && op->explain) op->explain({tensors, at, origin});
  return origin;
}

}  // namespace hewn
