#include "apps/trace/dot.h"

#include "core/text.h"

namespace hewn::cli {
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
