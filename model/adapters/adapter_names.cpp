#include "model/adapters/adapter_names.h"

#include "model/gpt.h"
#include "model/weights/huggingface/huggingface_names.h"

namespace hewn {
namespace {

void add_layers(Model& model, const Naming& naming, std::string_view left_out,
                std::map<std::string, NamedColumns>& layers) {
  const bool interleaved = model.config().rope_pairs == RotaryPairs::interleaved;
  for (Parameter& p : model.parameters().all()) {
    if (!p.takes_adapter) continue;
    const Origin origin = naming.origin(p, model.config());
    int64_t first = 0;
    for (const Origin::Part& part : origin.parts) {
      std::string name = part.name.substr(0, part.name.rfind('.'));
      if (name.starts_with(left_out)) name = name.substr(left_out.size());
      const bool rotates = name.ends_with(".q_proj") || name.ends_with(".k_proj");
      layers[name] = {&p, first, part.width, rotates && interleaved};
      first += part.width;
    }
  }
}

}  // namespace

bool has_llama_names(const ModelConfig& c) {
  return c.arch == "gpt" && c.norm == NormKind::rmsnorm && c.pos == Positions::rotary &&
         c.act == MlpActivation::swiglu;
}

std::map<std::string, NamedColumns> layers_by_name(Model& model, bool other_names) {
  const bool llama = has_llama_names(model.config());
  const Naming naming = llama ? llama_naming() : gpt2_naming();
  std::map<std::string, NamedColumns> layers;
  add_layers(model, naming, "", layers);
  if (other_names) add_layers(model, naming, llama ? "model." : "transformer.", layers);
  return layers;
}

std::map<std::string, Parameter*> whole_by_name(Model& model) {
  const Naming naming = has_llama_names(model.config()) ? llama_naming() : gpt2_naming();
  std::map<std::string, Parameter*> all;
  for (const char* name : {score_name, "transformer.wte.weight", "lm_head.weight"})
    if (Parameter* const p = model.parameters().find(name))
      all[naming.origin(*p, model.config()).parts[0].name] = p;
  return all;
}

void reorder_rotary(std::vector<double>& values, const NamedColumns& columns, const ModelConfig& config,
                    bool to_ours) {
  if (!columns.rotary) return;
  const int64_t D = config.head_size(), pairs = D / 2;
  std::vector<double> head(static_cast<size_t>(D));
  for (size_t at = 0; at + head.size() <= values.size(); at += head.size()) {
    for (int64_t i = 0; i < D; ++i) {
      const int64_t half = i % 2 * pairs + i / 2;  // where the halves have element i of the interleaved order
      head[static_cast<size_t>(to_ours ? i : half)] = values[at + static_cast<size_t>(to_ours ? half : i)];
    }
    std::copy(head.begin(), head.end(), values.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace hewn
