#include "apps/trace/model_trace.h"

#include "apps/cli/format.h"
#include "apps/run/lesson/lesson.h"
#include "apps/trace/narrate.h"
#include "train/inspect/trace/kept_pass.h"

namespace hewn::cli {
namespace {

Tensor row_of(Device& device, std::span<const TracedToken> tokens, const char* name) {
  std::vector<int32_t> ids;
  for (const TracedToken& token : tokens) ids.push_back(token.id);
  const Tensor t = Tensor::from(device, ids, {1, std::ssize(ids)});
  t.set_name(name);
  return t;
}

// Measuring a CPU's takes half a second; a GPU's is looked up.
MachineRoof roof_of(const Settings& settings, const TracedModel& traced) {
  if (!settings.flag("roof") && !traced.device->gpu()) return {};
  return {traced.model->parameters().product_dtype(), *traced.device};
}

std::string ms_text(const std::vector<TracedLaunch>& launches) {
  return fixed(seconds_of(launches) * 1e3, 3);
}

// The sum over all nodes, those inside others included, and what ran for no node.
double all_seconds(const Trace& trace) {
  double sum = seconds_of(trace.launches);
  for (const TracedNode& node : trace.nodes)
    sum += seconds_of(node.launches) + (node.inside ? all_seconds(*node.inside) : 0);
  return sum;
}

// A line of the tree: two blanks for each part around it.
std::string indented(size_t depth, const std::string& text) { return std::string(2 * depth, ' ') + text; }

// The end of the part of a scope that begins at `at`: "attn", or "h.0", as a number belongs to the word before it.
size_t end_of_part(const std::string& scope, size_t at) {
  size_t end = std::min(scope.find('.', at), scope.size());
  while (end + 1 < scope.size() && scope[end + 1] >= '0' && scope[end + 1] <= '9')
    end = std::min(scope.find('.', end + 1), scope.size());
  return end;
}

void add_nodes(std::vector<std::vector<std::string>>& rows, const Trace& trace, size_t depth) {
  std::string before;  // the scope of the previous row
  for (const TracedNode& node : trace.nodes) {
    size_t parts = 0;
    for (size_t at = 0; at < node.scope.size(); ++parts) {  // a heading for each part that is entered here
      const size_t end = end_of_part(node.scope, at);
      if (!(before + ".").starts_with(node.scope.substr(0, end) + "."))
        rows.push_back({indented(depth + parts, node.scope.substr(at, end - at)), "", "", "", "", ""});
      at = end + 1;
    }
    before = node.scope;
    rows.push_back({indented(depth + parts, join("#", node.id, " ", node.info->name)), node.value.shape.str(),
                    number_text(node.value.mean, 4), number_text(node.value.deviation, 4),
                    node.grad ? number_text(node.grad->deviation, 4) : "none", ms_text(node.launches)});
    if (node.inside) add_nodes(rows, *node.inside, depth + parts + 1);
  }
}

}  // namespace

void keep_what_is_asked(const Settings& settings, TraceRecorder& recorder) {
  if (settings.has("node")) recorder.keep_tensors();
  if (settings.flag("step")) recorder.keep_sums();
}

Tensor loss_of(const TracedModel& opened) {
  const std::span<const TracedToken> all(opened.tokens);
  return opened.model->loss(row_of(*opened.device, all.first(all.size() - 1), "tokens"),
                            row_of(*opened.device, all.subspan(1), "targets"), {});
}

std::unique_ptr<Unfold> unfolded_if_asked(const Settings& settings) {
  return settings.flag("unfold") ? std::make_unique<Unfold>() : nullptr;
}

ModelTrace trace_model(const Settings& settings) {
  TracedModel opened = open_traced_model(settings);
  require(!settings.flag("unfold") || opened.model->parameters().product_dtype() != DType::bf16,
          settings.where("unfold"),
          ": simple operations compute in f32 or f64, but this model in bf16; add --dtype=f32");
  Model& model = *opened.model;
  StepProfile profile(roof_of(settings, opened), *opened.device);
  TraceRecorder recorder(settings.integer("values"), &profile);
  keep_what_is_asked(settings, recorder);
  ModelTrace traced;
  profile.watch([&] {
    const auto unfolded = unfolded_if_asked(settings);
    Tape tape;
    tape.observe(&recorder);
    const Tensor loss = loss_of(opened);
    traced.loss = loss.item();
    tape.backward(loss);
  });
  for (const Parameter& p : model.parameters().all())
    if (p.value.requires_grad()) recorder.note_leaf(p.name, p.value);
  traced.trace = recorder.take();
  if (settings.flag("update") || is_lesson(opened.name))
    take_first_update(model, traced.trace, settings.integer("values"));
  traced.tokens = opened.tokens;
  traced.opened = std::move(opened);
  return traced;
}

std::string tree_text(const Trace& trace) {
  std::vector<std::vector<std::string>> nodes{{"node", "shape", "mean", "std", "std of gradient", "ms"}};
  add_nodes(nodes, trace, 0);
  if (!trace.launches.empty())
    nodes.push_back({"kernels of no node", "", "", "", "", ms_text(trace.launches)});
  nodes.push_back({"all kernels", "", "", "", "", fixed(all_seconds(trace) * 1e3, 3)});
  std::vector<std::vector<std::string>> leaves{{"leaf", "shape", "std", "std of gradient", "used by"}};
  for (const TracedLeaf& leaf : trace.leaves) {
    std::string users;
    for (const auto& [node, input] : leaf.consumers) users += join(users.empty() ? "#" : ", #", node);
    leaves.push_back({leaf.name, leaf.value ? leaf.value->shape.str() : "",
                      leaf.value ? number_text(leaf.value->deviation, 4) : "",
                      leaf.grad ? number_text(leaf.grad->deviation, 4) : "none", users});
  }
  return table_text(nodes) + "\n" + table_text(leaves);
}

}  // namespace hewn::cli
