#pragma once
// The computation of one element of a node's value, in numbers.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "train/inspect/trace/trace.h"

namespace hewn {

/// A number in a formula: "x[0,2]", "mean x".
struct NamedNumber {
  std::string name;
  double value = 0;
};

/// A term of a sum; a product has its factors: "a[0,1] b[1,2]".
struct SumTerm {
  std::string name;
  std::vector<double> factors;  ///< empty: not a product
  double value = 0;
};

/// A sum; if long, only the first and the largest terms.
struct ShownSum {
  std::string of;              ///< "sum_k exp(x_k - max x)"; empty: the value itself
  std::vector<SumTerm> terms;  ///< in order
  int64_t more = 0;            ///< terms that are not shown
  double rest = 0;             ///< their sum
  double total = 0;            ///< of all terms, in double precision
};

struct ElementOrigin {
  double value = 0;
  std::optional<double> grad = {};         ///< none if no gradient arrived
  std::vector<NamedNumber> operands = {};  ///< inputs of the formula besides the terms of the sum
  std::optional<ShownSum> sum = {};        ///< none if the operation is not a sum
  std::string note = {};  ///< a remark: "query 0 does not attend to key 1"
};

/// The name of input i in the formula of the node's operation: "weight"; "input 2" if it has none.
std::string input_name(const TracedNode& node, size_t i);

/// The origin of the element at `index` of the node's value; the recorder must have kept tensors. Operations
/// that are neither a sum of products nor a function of a few numbers have no operands and no sum.
ElementOrigin origin_of(const TracedNode& node, std::span<const int64_t> index);

}  // namespace hewn
