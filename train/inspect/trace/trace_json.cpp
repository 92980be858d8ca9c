#include "train/inspect/trace/trace_json.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"

namespace hewn {
namespace {

// Little-endian numbers: f64 of an f64 tensor, i32 of an i32 one, else f32.
std::string encoded(const TensorSummary& s) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes;
  const auto append = [&](auto number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  for (const double v : s.values) {
    if (s.dtype == DType::f64)
      append(v);
    else if (is_float(s.dtype))
      append(static_cast<float>(v));
    else
      append(static_cast<int32_t>(v));
  }
  return base64(bytes);
}

Json shape_json(const Shape& shape) {
  Json sizes = Json::array();
  for (int i = 0; i < shape.rank(); ++i) sizes.push_back(shape[i]);
  return sizes;
}

Json summary_json(const TensorSummary& s) {
  Json json{{"mean", s.mean},   {"std", s.deviation},         {"min", s.least},          {"max", s.most},
            {"zeros", s.zeros}, {"not_finite", s.not_finite}, {"histogram", s.histogram}};
  if (!s.values.empty()) json["data"] = encoded(s);
  return json;
}

// Null if no gradient arrived, or if none exists.
Json grad_json(const std::optional<TensorSummary>& grad) {
  const bool none = !grad || (grad->partial && grad->not_finite == grad->shape.numel());
  return none ? Json() : summary_json(*grad);
}

Json input_json(const TracedInput& input) {
  static constexpr const char* writes[] = {"none", "set", "add", "give"};
  const Edge& edge = input.edge;
  Json json = Json::object();
  switch (edge.from) {
    case Edge::From::nothing: return json;
    case Edge::From::node: json["node"] = edge.node; break;
    case Edge::From::leaf: json["leaf"] = edge.name; break;
    case Edge::From::constant: json["constant"] = edge.name; break;
  }
  json["shape"] = shape_json(edge.shape);
  json["dtype"] = name_of(edge.dtype);
  if (input.constant && !input.constant->values.empty()) json["data"] = encoded(*input.constant);
  if (edge.from != Edge::From::constant) json["write"] = writes[static_cast<size_t>(input.write)];
  return json;
}

Json launches_json(const std::vector<TracedLaunch>& launches) {
  Json all = Json::array();
  for (const auto& [kernel, phase] : launches) {
    Json json{{"op", kernel.op},
              {"rung", kernel.rung},
              {"phase", name_of(phase)},
              {"ms", kernel.seconds * 1e3},
              {"gflop", kernel.cost.flops * 1e-9},
              {"mb", kernel.cost.bytes * 1e-6}};
    if (kernel.floor > 0 && kernel.seconds > 0) json["roof_percent"] = 100 * kernel.floor / kernel.seconds;
    all.push_back(std::move(json));
  }
  return all;
}

Json node_json(const TracedNode& node) {
  Json json{{"id", node.id},
            {"scope", node.scope},
            {"op", node.info->name},
            {"formula", node.info->formula},
            {"gradient", node.info->gradient},
            {"file", node.info->file},
            {"line", node.info->line}};
  json["inputs"] = json_list(node.inputs, input_json);
  json["shape"] = shape_json(node.value.shape);
  json["dtype"] = name_of(node.value.dtype);
  json["value"] = summary_json(node.value);
  json["grad"] = grad_json(node.grad);
  json["saved"] = Json::array();
  for (const TracedSaved& saved : node.saved)
    json["saved"].push_back({{"name", saved.name}, {"bytes", saved.bytes}, {"freed_by", saved.freed_by}});
  json["launches"] = launches_json(node.launches);
  if (node.inside) json["inside"] = trace_json(*node.inside);
  return json;
}

Json leaf_json(const TracedLeaf& leaf) {
  Json json{{"name", leaf.name}};
  if (leaf.value) {
    json["shape"] = shape_json(leaf.value->shape);
    json["dtype"] = name_of(leaf.value->dtype);
    json["value"] = summary_json(*leaf.value);
  }
  json["grad"] = grad_json(leaf.grad);
  const std::pair<const char*, const std::optional<TensorSummary>&> after[] = {
      {"m", leaf.m}, {"v", leaf.v}, {"updated", leaf.updated}};
  for (const auto& [name, summary] : after)
    if (summary) json[name] = summary_json(*summary);
  json["consumers"] = json_list(leaf.consumers, [](const auto& consumer) -> Json {
    return {{"node", consumer.first}, {"input", consumer.second}};
  });
  return json;
}

Json event_json(const TraceEvent& event) {
  static constexpr const char* kinds[] = {"recorded", "backward", "freed", "completed"};
  Json json{{"event", kinds[static_cast<size_t>(event.kind)]}};
  if (event.kind == TraceEvent::Kind::completed)
    json["leaf"] = event.leaf;
  else
    json["node"] = event.node;
  json["bytes"] = event.bytes;
  return json;
}

Json update_json(const TracedUpdate& update) {
  const OptimizerConfig& optimizer = update.optimizer;
  return {{"optimizer", name_of(optimizer.kind)},
          {"learning_rate", update.learning_rate},
          {"weight_decay", optimizer.weight_decay},
          {"beta1", optimizer.beta1},
          {"beta2", optimizer.beta2},
          {"eps", optimizer.eps},
          {"grad_clip", optimizer.grad_clip},
          {"grad_norm", update.grad_norm},
          {"clip_factor", update.clip_factor}};
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(bytes.size() - i, 3);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) text += k <= n ? letters[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

Json trace_json(const Trace& trace) {
  Json json;
  json["nodes"] = json_list(trace.nodes, node_json);
  json["leaves"] = json_list(trace.leaves, leaf_json);
  json["memory"] = json_list(trace.events, event_json);
  json["launches"] = launches_json(trace.launches);
  if (trace.update) json["update"] = update_json(*trace.update);
  return json;
}

}  // namespace hewn
