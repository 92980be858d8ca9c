#include "apps/trace/traced_model.h"

#include <algorithm>
#include <filesystem>

#include "apps/cli/format.h"
#include "apps/cli/line_editor.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/lesson/lesson.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/text/prompts.h"
#include "core/error.h"
#include "core/io/path.h"
#include "core/text.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/checkpoint.h"
#include "train/plan.h"

namespace hewn::cli {
namespace {

constexpr int64_t byte_values = 256;

std::string text_of(const Settings& settings, const std::string& path) {
  if (!settings.has("prompt") && is_lesson(path)) return std::string(lesson_text);
  require(settings.has("prompt"), "no text was given; add --prompt, such as --prompt=\"Once upon a time\"");
  return settings.text("prompt");
}

std::vector<TracedToken> encoded(const TextEncoder& texts, const std::string& text) {
  std::vector<TracedToken> tokens;
  for (const int32_t id : texts.text(text)) tokens.push_back({id, std::string(texts.tokenizer().piece(id))});
  return tokens;
}

// Each byte is a token, modulo the vocabulary's size.
std::vector<TracedToken> bytes_of(const std::string& text, int64_t vocab_size) {
  std::vector<TracedToken> tokens;
  for (const char c : text)
    tokens.push_back({static_cast<int32_t>(static_cast<unsigned char>(c) % vocab_size), std::string(1, c)});
  return tokens;
}

DType dtype_of(const Settings& settings, const std::string& path) {
  if (settings.has("dtype")) return dtype_from_name(settings.text("dtype"));
  if (is_foreign_model(path)) return DType::f32;
  return dtype_from_name(read_run_config(run_of(path)).text("dtype"));
}

TracedModel open_trained(const Settings& settings) {
  const std::string path = named_run(settings), key = given_model_key(settings);
  require(key.empty() || !settings.where(key).starts_with("--"), settings.where(key),
          " describes a model, but ", path,
          " already is one; leave it out, or trace a model with random weights without giving a run");
  const ForeignModel whole = open_merged(settings, path);
  require_language_model(whole.config, path);
  require(whole.config.arch != "ngram", path, " counts n-grams: it has no gradients to trace");
  if (!whole.tokenizer) fail(ErrorCode::input, path, " cannot read text: ", whole.no_tokenizer);
  TracedModel opened{.name = path,
                     .device = nullptr,
                     .model = nullptr,
                     .tokens = encoded(whole.texts(), text_of(settings, path))};
  check_row_of_text(settings, opened.tokens.size(), whole.config);
  opened.device = open_device(settings);
  opened.model = load_foreign(whole, *opened.device, dtype_of(settings, path), true);
  return opened;
}

// The tokenizer with which `hewn train` would begin; null if that is learned from data.
std::shared_ptr<const Tokenizer> configured_tokenizer(const Settings& settings) {
  const std::string named = settings.text("tokenizer"), dataset = settings.text("dataset");
  const auto kinds = tokenizer_kinds();
  const bool is_kind = std::find(kinds.begin(), kinds.end(), named) != kinds.end();
  if (named == "byte") return train_tokenizer("byte", "any");
  if (!named.empty() && !is_kind) return open_tokenizer(named);
  if (named.empty() && path_exists(fs::path(dataset) / "tokenizer.json")) return open_tokenizer(dataset);
  return nullptr;
}

TracedModel make_untrained(const Settings& settings) {
  const auto tokenizer = configured_tokenizer(settings);
  const int64_t given = settings.has("vocab_size") ? settings.integer("vocab_size") : 0;
  const int64_t vocab_size = tokenizer   ? std::max<int64_t>(given, tokenizer->vocab_size())
                             : given > 0 ? given
                                         : byte_values;
  const ModelConfig config = model_config(settings, {.vocab_size = vocab_size});
  require(config.arch != "ngram", settings.where("arch"), ": n-grams have no gradients to trace");
  const std::string text = text_of(settings, "");
  TracedModel made{.name = "a model with random weights",
                   .device = nullptr,
                   .model = nullptr,
                   .tokens = tokenizer ? encoded(TextEncoder(*tokenizer), text) : bytes_of(text, vocab_size)};
  check_row_of_text(settings, made.tokens.size(), config);
  const DType dtype = settings.has("dtype") ? dtype_from_name(settings.text("dtype")) : DType::f32;
  check_parameter_memory(config, dtype == DType::f64 ? 16 : 8);
  made.device = open_device(settings);
  made.model = make_model(config, *made.device, dtype, static_cast<uint64_t>(settings.integer("seed")));
  say("note: the weights are random, since no run was given",
      tokenizer ? ""
                : join("; the tokens are the bytes of the text",
                       vocab_size < byte_values ? join(" modulo ", vocab_size) : "",
                       ", since the tokenizer would be learned from data"));
  return made;
}

}  // namespace

std::string given_model_key(const Settings& settings) {
  const auto given = [&](std::string_view key) {
    return settings.given(key) && !settings.where(key).starts_with("HEWN_");
  };
  for (const auto& key : model_keys)
    if (!key.from_data && given(key.name)) return std::string(key.name);
  for (const char* key : {"vocab_size", "tokenizer", "dataset"})
    if (given(key)) return key;
  return "";
}

bool names_run(const Settings& settings) {
  return !settings.arguments.empty() || settings.where("out_dir") == "--out_dir" ||
         (settings.given("out_dir") && path_exists(settings.text("out_dir") + "/config.toml"));
}

TracedModel open_traced_model(const Settings& settings) {
  return names_run(settings) || given_model_key(settings).empty() ? open_trained(settings)
                                                                  : make_untrained(settings);
}

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
