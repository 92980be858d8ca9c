#include "model/adapters/lora.h"

#include <cmath>

#include "core/error.h"

namespace hewn {
namespace {

/// The first number of an adapter's dropout; those of the model's own dropouts have this bit clear.
constexpr uint32_t first_site = 1 << 19;

/// Whether a pattern, with * for any text, matches all of `text`.
bool matches(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// Whether a pattern matches a layer's name, or the end of it behind a dot.
bool matches_end(std::string_view pattern, std::string_view name) {
  for (;;) {
    if (matches(pattern, name)) return true;
    const size_t dot = name.find('.');
    if (dot == name.npos) return false;
    name.remove_prefix(dot + 1);
  }
}

std::vector<std::string> patterns_in(const std::string& list) {
  std::vector<std::string> patterns;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    patterns.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return patterns;
}

/// The layers that the patterns name.
std::vector<Parameter*> chosen_layers(Model& model, const std::string& list) {
  std::vector<Parameter*> layers, chosen;
  for (Parameter& p : model.parameters().all())
    if (p.takes_adapter) layers.push_back(&p);
  require(!layers.empty(), "train = lora, but arch = ", model.config().arch,
          " has no layers that take an adapter");
  if (list.empty()) return layers;
  std::vector<bool> named(layers.size());
  for (const std::string& pattern : patterns_in(list)) {
    bool any = false;
    for (size_t i = 0; i < layers.size(); ++i)
      if (matches_end(pattern, layer_name(*layers[i]))) named[i] = any = true;
    std::string known;
    for (size_t i = 0; !any && i < std::min<size_t>(layers.size(), 8); ++i)
      known += (i ? ", " : "") + layer_name(*layers[i]);
    require(any, "lora_layers: no layer matches '", pattern, "'; the layers are ", known,
            layers.size() > 8 ? " and so on" : "");
  }
  for (size_t i = 0; i < layers.size(); ++i)
    if (named[i]) chosen.push_back(layers[i]);
  return chosen;
}

}  // namespace

std::string layer_name(const Parameter& weight) { return weight.name.substr(0, weight.name.rfind('.')); }

void add_adapters(Model& model, const LoraConfig& config) {
  Parameters& parameters = model.parameters();
  uint32_t site = first_site;
  for (Parameter* weight : chosen_layers(model, config.layers)) {
    const int64_t in = weight->shape[0], out = weight->shape[1];
    // kaiming_uniform_ with a = sqrt(5): a bound of sqrt(6 / ((1 + a^2) in))
    const Init init = Init::uniform(1 / std::sqrt(static_cast<double>(in)));
    Parameter* const a = parameters.add(layer_name(*weight) + ".lora_A.weight", {config.rank, in}, init);
    Parameter* const b =
        parameters.add(layer_name(*weight) + ".lora_B.weight", {config.rank, out}, Init::zeros());
    a->of_adapter = b->of_adapter = true;
    a->only_multiplied = b->only_multiplied = weight->only_multiplied;
    weight->adapter = {.a = a,
                       .b = b,
                       .scale = config.alpha / static_cast<double>(config.rank),
                       .dropout = config.dropout,
                       .site = site++};
  }
}

std::vector<Parameter*> adapted(Model& model) {
  std::vector<Parameter*> all;
  for (Parameter& p : model.parameters().all())
    if (p.adapter) all.push_back(&p);
  return all;
}

}  // namespace hewn
