#include "apps/trace/steps.h"

#include <algorithm>

#include "apps/cli/terminal.h"
#include "apps/cli/line_editor.h"
#include "core/text.h"

namespace hewn::cli {
namespace {

// What a node did to the gradient of an input.
std::string contribution_text(Contribution how) {
  switch (how) {
    case Contribution::none: break;
    case Contribution::set: return "set";
    case Contribution::add: return "added";
    case Contribution::give: return "dy is passed on";
  }
  return "";
}

bool same_variable(const Edge& a, const Edge& b) {
  return a.from == b.from && a.node == b.node && a.name == b.name;
}

std::string step_text(const TracedNode& node, const NodeNames& names) {
  std::vector<std::vector<std::string>> rows{{"dy", tensor_text(*node.grad)}};
  for (auto input = node.inputs.begin(); input != node.inputs.end(); ++input) {
    if (!input->grad_so_far) continue;
    // What it is so far is known after the whole node only: an input that occurs twice has it in its last row.
    const bool again = std::any_of(input + 1, node.inputs.end(), [&](const TracedInput& later) {
      return same_variable(later.edge, input->edge);
    });
    rows.push_back(
        {"gradient of " + input_label(input->edge, names),
         contribution_text(input->write) + (again ? "" : "; now " + tensor_text(*input->grad_so_far))});
  }
  const std::string place = node.scope.empty() ? "" : node.scope + " ";
  return join(node_label(node.id, names), "  ", place, node.info->name, "  ", node.info->formula, "\n  ",
              node.info->gradient, "\n", aligned(rows));
}

std::string leaves_text(const Trace& trace) {
  std::vector<std::vector<std::string>> rows;
  for (const TracedLeaf& leaf : trace.leaves)
    rows.push_back({leaf.name, leaf.grad ? tensor_text(*leaf.grad) : "none"});
  return "the gradients of the leaves\n" + aligned(rows);
}

}  // namespace

std::vector<std::string> backward_steps(const Trace& trace, const NodeNames& names) {
  std::vector<std::string> steps;
  std::for_each(trace.nodes.rbegin(), trace.nodes.rend(), [&](const TracedNode& node) {
    if (node.grad) steps.push_back(step_text(node, names));
  });
  steps.push_back(leaves_text(trace));
  return steps;
}

void print_backward_steps(const Trace& trace, const NodeNames& names) {
  const std::vector<std::string> steps = backward_steps(trace, names);
  LineEditor keyboard;
  const bool waits = keyboard.is_interactive() && is_terminal(Stream::results);
  for (size_t i = 0; i < steps.size(); ++i) {
    print(steps[i], i + 1 < steps.size() ? "\n" : "");
    if (!waits || i + 1 == steps.size()) continue;
    flush_results();
    const auto line = keyboard.read(join(i + 1, " of ", steps.size(), "; Enter: next, q: end "));
    if (!line || *line == "q") return;
  }
}

}  // namespace hewn::cli
