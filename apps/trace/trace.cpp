// hewn trace: shows what a forward and backward pass computes, node by node.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/run/open_run.h"
#include "apps/trace/difference.h"
#include "apps/trace/model_trace.h"
#include "apps/trace/narrate.h"
#include "apps/trace/one_value.h"
#include "apps/trace/page/trace_page.h"
#include "apps/trace/traced_model.h"
#include "apps/trace/watched_weight.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "kernels/devices/devices.h"
#include "model/json.h"
#include "train/inspect/expression/expression.h"
#include "train/inspect/trace/trace.h"
#include "train/inspect/trace/trace_json.h"

namespace hewn::cli {
namespace {

constexpr size_t most_page_bytes = 16'000'000;  // of data: what browsers open without delay

bool wants_page(const Settings& settings) { return settings.flag("page") || settings.has("out"); }

// The page of --page and --out.
void write_page(const Settings& settings, const std::string& title, const Json& json,
                const std::string& beside) {
  const std::string data = json_text(json);
  const std::string path = settings.has("out") ? settings.text("out") : page_beside(beside, "trace.html");
  require(data.size() <= most_page_bytes, path, ": the page would hold ", data.size(),
          " bytes of data, more than ", most_page_bytes,
          "; keep the elements of smaller tensors only, with a ", "lower --values (now ",
          settings.integer("values"), ")");
  const FileSum written = write_file_atomically(path, trace_page(title, data));
  print("wrote ", path, ", ", bytes_text(static_cast<double>(written.size)), "\n");
}

/// A traced formula.
struct TracedFormula {
  Trace trace;
  NodeNames names;
  TensorSummary result;
  std::vector<std::pair<int64_t, std::string>> kinks;  // nodes without a finite derivative by this input
};

// NAME=VALUE arguments as leaves.
FormulaValues leaves_of(const std::vector<std::string>& arguments) {
  FormulaValues leaves;
  for (const std::string& word : arguments) {
    const size_t equals = word.find('=');
    require(equals != word.npos && equals > 0, "'", word,
            "' is neither an option nor a value; give values as NAME=VALUE, such as w=0.5 or W='[1 2; 3 4]'");
    const std::string name = word.substr(0, equals);
    require(!leaves.contains(name), "'", name, "' is given twice");
    Tensor value = parse_value(std::string_view(word).substr(equals + 1), name);
    require_grad(value, name);
    leaves.emplace(name, std::move(value));
  }
  return leaves;
}

// Marks the gradients that are not finite, and finds the nodes that made them so.
void mark_kinks(TracedFormula& traced) {
  std::set<std::string> marked;
  const auto mark = [](std::optional<TensorSummary>& grad) {
    return grad && (grad->partial = grad->not_finite > 0);
  };
  std::for_each(traced.trace.nodes.rbegin(), traced.trace.nodes.rend(), [&](TracedNode& node) {
    const bool arrived = mark(node.grad);
    for (TracedInput& input : node.inputs)
      if (const std::string by = input_label(input.edge, traced.names);
          mark(input.grad_so_far) && marked.insert(by).second && !arrived)
        traced.kinks.emplace_back(node.id, by);
  });
  for (TracedLeaf& leaf : traced.trace.leaves) mark(leaf.grad);
}

TracedFormula trace_formula(const Settings& settings, const std::string& formula,
                            const FormulaValues& leaves) {
  const int64_t most_values = settings.integer("values");
  StepProfile profile({}, cpu());
  TraceRecorder recorder(most_values, &profile);
  keep_what_is_asked(settings, recorder);
  recorder.keep_sums();
  TracedFormula traced;
  profile.watch([&] {
    FormulaValues values = leaves;
    const auto unfolded = unfolded_if_asked(settings);
    Tape tape;
    tape.observe(&recorder);
    const Tensor result = evaluate_expression(formula, values);
    require(result.requires_grad(),
            "the result of --expr depends on none of the given values, so there are no gradients");
    require(result.variable()->tape == &tape, "the result of --expr is ", result.variable()->name,
            " itself; give a formula that computes something");
    traced.result = summarise(result, most_values);
    for (const auto& [name, value] : values)
      if (value.requires_grad() && value.variable()->tape == &tape)
        traced.names[value.variable()->node] = name;
    const std::vector<double> ones(static_cast<size_t>(result.numel()), 1);
    tape.backward(result, Tensor::from(cpu(), ones, result.shape()));
  });
  for (const auto& [name, leaf] : leaves) recorder.note_leaf(name, leaf);
  traced.trace = recorder.take();
  mark_kinks(traced);
  return traced;
}

Json formula_json(const std::string& formula, const TracedFormula& traced) {
  Json json{{"format", "hewn-trace"}, {"version", 1}, {"expr", formula}};
  if (traced.result.shape.numel() == 1) json["loss"] = traced.result.mean;
  json.update(trace_json(traced.trace));
  for (const auto& [node, name] : traced.names) json["nodes"][static_cast<size_t>(node)]["name"] = name;
  for (const auto& [node, by] : traced.kinks) json["kinks"].push_back({{"node", node}, {"by", by}});
  return json;
}

Json model_json(const ModelTrace& traced) {
  Json json{{"format", "hewn-trace"}, {"version", 1}, {"loss", traced.loss}};
  json["tokens"] = json_list(traced.tokens, [](const TracedToken& token) -> Json {
    return {{"id", token.id}, {"text", token.text}};
  });
  json.update(trace_json(traced.trace));
  return json;
}

int run_model_trace(const Settings& settings) {
  if (settings.has("watch")) {
    print_watched_weight(settings);
    return 0;
  }
  if (settings.has("diff")) {
    print_difference(settings);
    return 0;
  }
  const ModelTrace traced = trace_model(settings);
  if (settings.has("node")) {
    print_one_value(settings, traced.trace, {});
  } else if (settings.flag("step")) {
    print_backward_steps(traced.trace, {});
  } else if (settings.flag("json")) {
    print(json_text(model_json(traced), 2), "\n");
  } else if (wants_page(settings)) {
    write_page(settings, "Trace of " + traced.opened.name, model_json(traced), traced.opened.name);
  } else if (settings.flag("dot")) {
    print(dot_text(traced.trace, {}));
  } else {
    print(tree_text(traced.trace), "\nloss ", fixed(traced.loss, 4), " nats per token over ",
          traced.tokens.size() - 1, " tokens\n");
  }
  return 0;
}

// Throws usage for two of the options that say what to print or write.
void check_output(const Settings& settings) {
  // A value, a difference and a watched weight can be printed as JSON.
  std::string first;
  for (const char* what : {"diff", "node", "watch"}) {
    if (!settings.has(what)) continue;
    require(first.empty(), first, " and ", what, " are different outputs; give one of them");
    first = what;
  }
  for (const char* format : {"json", "dot", "step"}) {
    if (!settings.flag(format) || (!first.empty() && std::string_view(format) == "json")) continue;
    require(first.empty(), first, " and ", format, " are different output formats; give one of them");
    first = format;
  }
  const char* page = settings.has("out") ? "out" : "page";
  require(!wants_page(settings) || first.empty(), settings.where(page), ": ", page, " writes a page, and ",
          first, " prints another format; give one of them");
}

}  // namespace

int run_trace(const Settings& settings) {
  check_output(settings);
  if (!settings.has("expr")) {
    for (const std::string& word : settings.arguments)
      require(word.find('=') == word.npos || word_is_path(word), "'", word,
              "' is not a run; if it is a value for a formula, add --expr=FORMULA; if it is the formula, put "
              "--expr= before it");
    return run_model_trace(settings);
  }
  for (const std::string& key :
       {std::string("prompt"), std::string("dtype"), std::string("adapter"), std::string("diff"),
        std::string("roof"), std::string("update"), std::string("watch"), given_model_key(settings)})
    require(key.empty() || !settings.given(key), settings.where(key), ": ", key,
            " belongs to the trace of a model, not to expr");
  const std::string formula = settings.text("expr");
  const TracedFormula traced = trace_formula(settings, formula, leaves_of(settings.arguments));
  for (const auto& [node, by] : traced.kinks) {
    const OpInfo& op = *traced.trace.nodes[static_cast<size_t>(node)].info;
    say("note: ", node_label(node, traced.names), " ", op.name, " has no finite derivative by ", by,
        " here; ", op.gradient);
  }
  if (settings.has("node")) {
    print_one_value(settings, traced.trace, traced.names);
  } else if (settings.flag("step")) {
    print_backward_steps(traced.trace, traced.names);
  } else if (settings.flag("json")) {
    print(json_text(formula_json(formula, traced), 2), "\n");
  } else if (wants_page(settings)) {
    write_page(settings, "Trace of a formula", formula_json(formula, traced), "");
  } else if (settings.flag("dot")) {
    print(dot_text(traced.trace, traced.names));
  } else {
    print(narrated(traced.trace, traced.names));
    if (traced.result.shape.numel() > 1)
      say("note: the result has ", traced.result.shape.numel(),
          " elements; the gradients are those of their sum");
  }
  return 0;
}

}  // namespace hewn::cli
