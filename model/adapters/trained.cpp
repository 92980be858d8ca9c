#include "model/adapters/trained.h"

#include <charconv>

#include "core/error.h"
#include "model/gpt.h"

namespace hewn {
namespace {

constexpr std::string_view last_blocks = "last:";

/// The K of "last:K"; 0 for another text.
int64_t blocks_in(std::string_view what) {
  if (!what.starts_with(last_blocks)) return 0;
  what.remove_prefix(last_blocks.size());
  int64_t blocks = 0;
  const auto [end, error] = std::from_chars(what.data(), what.data() + what.size(), blocks);
  return error == std::errc() && end == what.data() + what.size() && blocks > 0 ? blocks : 0;
}

/// The module with the output head's parameters: "lm_head."; "" if the model has none of its own.
std::string own_head(Parameters& parameters) {
  if (parameters.find(score_name)) return "score.";
  return parameters.find("lm_head.weight") ? "lm_head." : "";
}

/// The index of a block's parameter, "transformer.h.3.attn.c_attn.weight"; -1 for others.
int64_t block_of(std::string_view name) {
  constexpr std::string_view block = "transformer.h.";
  int64_t index = -1;
  if (name.starts_with(block)) std::from_chars(name.data() + block.size(), name.data() + name.size(), index);
  return index;
}

void train_only(Parameters& parameters, const std::function<bool(const Parameter&)>& chosen) {
  for (Parameter& p : parameters.all()) p.trains = chosen(p);
}

void choose_head(Model& model) {
  Parameters& parameters = model.parameters();
  std::string head = own_head(parameters);
  if (head.empty()) head = "transformer.wte.";
  require(parameters.find(head + "weight"), "train = head, but arch = ", model.config().arch,
          " has no output head; give train = all");
  train_only(parameters, [&](const Parameter& p) { return p.name.starts_with(head); });
}

void choose_last(Model& model, int64_t blocks) {
  Parameters& parameters = model.parameters();
  int64_t all = 0;
  for (const Parameter& p : parameters.all()) all = std::max(all, block_of(p.name) + 1);
  require(blocks <= all, "train = last:", blocks, ", but the model has ", all,
          " blocks; give last:1 to last:", all, ", head or all");
  const std::string head = own_head(parameters);
  train_only(parameters, [&](const Parameter& p) {
    return block_of(p.name) >= all - blocks || p.name.starts_with("transformer.ln_f.") ||
           (!head.empty() && p.name.starts_with(head));
  });
}

void choose_adapters(Model& model, const LoraConfig& config) {
  add_adapters(model, config);
  train_only(model.parameters(), [](const Parameter& p) { return p.of_adapter || p.name == score_name; });
}

/// Declares the rows of new tokens in tables that do not train.
void add_new_rows(Parameters& parameters, int64_t first) {
  for (const char* name : {"transformer.wte.weight", "wte.weight", "lm_head.weight"}) {
    Parameter* const table = parameters.find(name);
    if (!table || table->trains || first >= table->shape[0]) continue;
    Parameter* const rows = parameters.add(join(table->name, ".new_rows"),
                                           {table->shape[0] - first, table->shape[1]}, table->init);
    rows->of_adapter = true;
    table->new_rows = {.first = first, .values = rows};
  }
}

}  // namespace

void WhatTrains::check() const {
  require(what == "all" || what == "head" || what == "lora" || blocks_in(what) > 0, "train = ", what,
          " is not one of all, head, lora or last:K, with K the number of blocks to train");
}

void choose_trained(Model& model, const WhatTrains& training) {
  training.check();
  const int64_t blocks = blocks_in(training.what);
  if (training.what == "head") choose_head(model);
  if (training.adapts()) choose_adapters(model, training.lora);
  if (blocks > 0) choose_last(model, blocks);
  if (training.first_new > 0) add_new_rows(model.parameters(), training.first_new);
}

std::unique_ptr<Model> make_model(const ModelConfig& config, const WhatTrains& training, Device& device,
                                  DType dtype, uint64_t seed) {
  std::unique_ptr<Model> model = declare_model(config);
  choose_trained(*model, training);
  model->parameters().allocate(device, dtype, seed);
  return model;
}

}  // namespace hewn
