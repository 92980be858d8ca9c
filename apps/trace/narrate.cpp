#include "apps/trace/narrate.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/format.h"
#include "core/text.h"

namespace hewn::cli {
namespace {

constexpr int64_t most_elements = 12;

std::string inputs_text(const TracedNode& node, const NodeNames& names) {
  return list_text(node.inputs, ", ",
                   [&](const TracedInput& input) { return input_label(input.edge, names); });
}

// "sets w, adds to #0"
std::string contributions(const TracedNode& node, const NodeNames& names) {
  static constexpr const char* verbs[] = {"", "sets ", "adds to ", "passes dy on to "};
  std::string text;
  for (const TracedInput& input : node.inputs)
    if (input.write != Contribution::none)
      text += join(text.empty() ? "" : ", ", verbs[static_cast<size_t>(input.write)],
                   input_label(input.edge, names));
  return text;
}

}  // namespace

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i)
      line += " " + row[i] + std::string(i + 1 < row.size() ? widths[i] - row[i].size() + 1 : 0, ' ');
    text += line + "\n";
  }
  return text;
}

std::string node_label(int64_t node, const NodeNames& names) {
  const auto at = names.find(node);
  return at == names.end() ? join("#", node) : join("#", node, " ", at->second);
}

std::string input_label(const Edge& edge, const NodeNames& names) {
  switch (edge.from) {
    case Edge::From::node: return node_label(edge.node, names);
    case Edge::From::leaf: return edge.name.empty() ? "(leaf)" : edge.name;
    case Edge::From::constant: return edge.name.empty() ? "(constant)" : edge.name;
    case Edge::From::nothing: break;
  }
  return "-";
}

std::string tensor_text(const TensorSummary& tensor) {
  const int64_t n = tensor.shape.numel();
  if (n > most_elements || std::ssize(tensor.values) != n || n == 0)
    return join(tensor.shape, ", mean ", number_text(tensor.mean), ", std ", number_text(tensor.deviation),
                tensor.partial ? join(", none in ", tensor.not_finite) : "");
  const auto text_of = [&](double v) {
    return tensor.partial && !std::isfinite(v) ? "none" : number_text(v);
  };
  if (tensor.shape.rank() == 0) return text_of(tensor.values[0]);
  std::string text = "[";
  for (int64_t i = 0; i < n; ++i)
    text += (i == 0                      ? ""
             : i % tensor.shape[-1] == 0 ? "; "
                                         : " ") +
            text_of(tensor.values[static_cast<size_t>(i)]);
  return text + "]";
}

std::string narrated(const Trace& trace, const NodeNames& names) {
  std::vector<std::vector<std::string>> forward{{"node", "operation", "inputs", "formula", "y"}};
  std::vector<std::vector<std::string>> backward{{"node", "dy", "gradients", "effect"}};
  std::vector<std::vector<std::string>> leaves;
  for (const TracedNode& node : trace.nodes)
    forward.push_back({node_label(node.id, names), node.info->name, inputs_text(node, names),
                       node.info->formula, tensor_text(node.value)});
  std::for_each(trace.nodes.rbegin(), trace.nodes.rend(), [&](const TracedNode& node) {
    if (node.grad)
      backward.push_back({node_label(node.id, names), tensor_text(*node.grad), node.info->gradient,
                          contributions(node, names)});
  });
  for (const TracedLeaf& leaf : trace.leaves)
    leaves.push_back({leaf.name, leaf.value ? "= " + tensor_text(*leaf.value) : "",
                      "gradient " + (leaf.grad ? tensor_text(*leaf.grad) : std::string("none"))});
  return "forward: each operation records a node\n" + aligned(forward) +
         "backward: from the newest node to the oldest; dy is the gradient that has arrived\n" +
         aligned(backward) + "leaves\n" + aligned(leaves);
}

namespace {

// In quotation marks; line ends become \n.
std::string in_quotes(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n')
      result += "\\n";
    else
      result += c;
  }
  return result + "\"";
}

std::string with_gradient(const std::string& value, const std::optional<TensorSummary>& grad) {
  return join(value, grad ? "\ngradient " + tensor_text(*grad) : "");
}

}  // namespace

std::string dot_text(const Trace& trace, const NodeNames& names) {
  std::string text = "digraph trace {\n  rankdir=LR;\n";
  for (const TracedLeaf& leaf : trace.leaves)
    text += join("  ", in_quotes("leaf " + leaf.name), " [label=",
                 in_quotes(with_gradient(join(leaf.name, leaf.value ? " = " + tensor_text(*leaf.value) : ""),
                                         leaf.grad)),
                 "];\n");
  for (const TracedNode& node : trace.nodes) {
    const std::string name = join("node ", node.id);
    text += join("  ", in_quotes(name), " [shape=box, label=",
                 in_quotes(with_gradient(join(node_label(node.id, names), " ", node.info->name, "\n",
                                              node.info->formula, "\n", tensor_text(node.value)),
                                         node.grad)),
                 "];\n");
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Edge& edge = node.inputs[i].edge;
      std::string from;
      if (edge.from == Edge::From::node) from = join("node ", edge.node);
      if (edge.from == Edge::From::leaf) from = "leaf " + edge.name;
      if (edge.from == Edge::From::constant) {
        from = join("constant ", node.id, " ", i);
        text += join("  ", in_quotes(from), " [style=dashed, label=", in_quotes(input_label(edge, names)),
                     "];\n");
      }
      if (!from.empty()) text += join("  ", in_quotes(from), " -> ", in_quotes(name), ";\n");
    }
  }
  return text + "}\n";
}

}  // namespace hewn::cli
