#include "apps/commands/trace/model_trace.h"

#include "apps/cli/format.h"
#include "apps/commands/trace/narrate.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/checkpoint.h"

namespace hewn::cli {
namespace {

DType dtype_of(const Settings& settings, const std::string& path) {
  if (settings.has("dtype")) return dtype_from_name(settings.text("dtype"));
  if (is_foreign_model(path)) return DType::f32;
  return dtype_from_name(read_run_config(run_of(path)).text("dtype"));
}

std::vector<int32_t> tokens_of(const Settings& settings, const ForeignModel& model, const std::string& path) {
  if (!model.tokenizer) fail(ErrorCode::input, path, " cannot read text: ", model.no_tokenizer);
  require(settings.has("text"), "no text was given; add --text, such as --text=\"Once upon a time\"");
  std::vector<int32_t> tokens = model.tokenizer->encode(settings.text("text"));
  if (const auto begin = model.tokenizer->begin_token()) tokens.insert(tokens.begin(), *begin);
  const int64_t most = model.config.block_size + 1;
  require(tokens.size() >= 2, settings.where("text"), ": the text has ", tokens.size(),
          tokens.size() == 1 ? " token" : " tokens",
          "; it needs at least 2, as each token is predicted from those before it");
  require(std::ssize(tokens) <= most, settings.where("text"), ": the text has ", tokens.size(),
          " tokens; the model can be traced over at most ", most, ", its context and the token after it");
  return tokens;
}

Tensor row_of(Device& device, std::span<const int32_t> ids, const char* name) {
  const Tensor t = Tensor::from(device, ids, {1, std::ssize(ids)});
  t.set_name(name);
  return t;
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
        rows.push_back({indented(depth + parts, node.scope.substr(at, end - at)), "", "", "", ""});
      at = end + 1;
    }
    before = node.scope;
    rows.push_back({indented(depth + parts, join("#", node.id, " ", node.info->name)), node.value.shape.str(),
                    number_text(node.value.mean, 4), number_text(node.value.deviation, 4),
                    node.grad ? number_text(node.grad->deviation, 4) : "none"});
    if (node.inside) add_nodes(rows, *node.inside, depth + parts + 1);
  }
}

}  // namespace

ModelTrace trace_model(const Settings& settings) {
  const std::string path = named_run(settings);
  const ForeignModel whole = open_merged(settings, path);
  require_language_model(whole.config, path);
  require(whole.config.arch != "ngram", path, " counts n-grams: it has no gradients to trace");
  const std::vector<int32_t> ids = tokens_of(settings, whole, path);
  const auto device = open_device(settings);
  const auto model = make_model(whole.config, *device, dtype_of(settings, path));
  load_foreign(whole, *model);

  ModelTrace traced;
  for (const int32_t id : ids) traced.tokens.push_back({id, std::string(whole.tokenizer->piece(id))});
  TraceRecorder recorder(settings.integer("values"));
  {
    const std::span<const int32_t> all(ids);
    Tape tape;
    tape.observe(&recorder);
    const Tensor loss = model->loss(row_of(*device, all.first(all.size() - 1), "tokens"),
                                    row_of(*device, all.subspan(1), "targets"), {});
    traced.loss = loss.item();
    tape.backward(loss);
  }
  for (const Parameter& p : model->parameters().all())
    if (p.value.requires_grad()) recorder.note_leaf(p.name, p.value);
  traced.trace = recorder.take();
  return traced;
}

std::string tree_text(const Trace& trace) {
  std::vector<std::vector<std::string>> nodes{{"node", "shape", "mean", "std", "std of gradient"}};
  add_nodes(nodes, trace, 0);
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
