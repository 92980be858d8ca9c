#include "apps/trace/one_value.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "model/json.h"
#include "train/inspect/trace/origin.h"

namespace hewn::cli {
namespace {

// The part of the model and the operation: "h.0.attn.softmax".
std::string place_of_node(const TracedNode& node) {
  return node.scope.empty() ? node.info->name : join(node.scope, ".", node.info->name);
}

const TracedNode& numbered(const Settings& settings, const Trace& trace, const std::string& number) {
  int64_t id = -1;
  require(parse_integer(number, id) && id >= 0 && id < std::ssize(trace.nodes), settings.where("node"),
          ": there is no node #", number, "; the nodes are #0 to #", trace.nodes.size() - 1);
  return trace.nodes[static_cast<size_t>(id)];
}

const TracedNode& find_node(const Settings& settings, const Trace& trace, const NodeNames& names,
                            const std::string& wanted) {
  if (wanted.starts_with('#')) return numbered(settings, trace, wanted.substr(1));
  std::vector<std::string> known;
  std::vector<const TracedNode*> found;
  for (const TracedNode& node : trace.nodes) {
    const auto named = names.find(node.id);
    for (const std::string& name : {place_of_node(node), named == names.end() ? "" : named->second}) {
      known.push_back(name);
      if (name == wanted) found.push_back(&node);
    }
  }
  require(!found.empty(), settings.where("node"), ": there is no node '", wanted, "'",
          did_you_mean(wanted, known), "\n`hewn trace` without --node lists all nodes.");
  std::string numbers;
  for (const TracedNode* node : found) numbers += join(numbers.empty() ? "#" : ", #", node->id);
  require(found.size() == 1, settings.where("node"), ": '", wanted, "' names ", found.size(), " nodes, ",
          numbers, "; give one of these numbers");
  return *found[0];
}

std::string term_numbers(const SumTerm& term) {
  return list_text(term.factors, " * ", [](double factor) { return number_text(factor); });
}

std::string sum_text(const ShownSum& sum) {
  std::vector<std::vector<std::string>> rows{{sum.of.empty() ? "sum" : sum.of, "", ""}};
  for (const SumTerm& term : sum.terms)
    rows.push_back({"  " + term.name, term_numbers(term), number_text(term.value)});
  if (sum.more > 0) rows.push_back({join("  ", sum.more, " more"), "", number_text(sum.rest)});
  rows.push_back({"  total", "", number_text(sum.total)});
  return table_text(rows);
}

std::string origin_text(const Trace& trace, const TracedNode& node, const NodeNames& names,
                        const std::vector<int64_t>& index, const ElementOrigin& origin) {
  std::string text = join(node_label(node.id, names), " ", place_of_node(node), ", ", node.value.shape, "\n");
  std::vector<std::vector<std::string>> rows{{"y" + index_text(index), number_text(origin.value)},
                                             {"gradient", origin.grad ? number_text(*origin.grad) : "none"}};
  text += table_text(rows) + join("\n", node.info->formula, "\n");
  rows.clear();
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Edge& edge = node.inputs[i].edge;
    if (edge.from == Edge::From::nothing) continue;
    const bool is_node = edge.from == Edge::From::node;
    rows.push_back({"  " + input_name(node, i),
                    join(input_label(edge, names),
                         is_node ? " " + place_of_node(trace.nodes.at(static_cast<size_t>(edge.node))) : "",
                         ", ", edge.shape)});
  }
  for (const NamedNumber& operand : origin.operands)
    rows.push_back({"  " + operand.name, number_text(operand.value)});
  if (!origin.note.empty()) rows.push_back({"  " + origin.note, ""});
  text += aligned(rows);
  return origin.sum ? text + "\n" + sum_text(*origin.sum) : text;
}

Json origin_json(const TracedNode& node, const NodeNames& names, const std::vector<int64_t>& index,
                 const ElementOrigin& origin) {
  Json json{{"format", "hewn-trace-value"}, {"version", 1}, {"node", node.id}};
  if (const auto at = names.find(node.id); at != names.end()) json["name"] = at->second;
  json["scope"] = node.scope;
  json["op"] = node.info->name;
  json["formula"] = node.info->formula;
  json["index"] = index;
  json["value"] = origin.value;
  json["grad"] = origin.grad ? Json(*origin.grad) : Json();
  json["operands"] = json_list(origin.operands, [](const NamedNumber& n) -> Json {
    return {{"name", n.name}, {"value", n.value}};
  });
  if (!origin.note.empty()) json["note"] = origin.note;
  if (!origin.sum) return json;
  Json terms = Json::array();
  for (const SumTerm& term : origin.sum->terms)
    terms.push_back({{"name", term.name}, {"factors", term.factors}, {"value", term.value}});
  json["sum"] = {{"of", origin.sum->of},
                 {"terms", terms},
                 {"more", origin.sum->more},
                 {"rest", origin.sum->rest},
                 {"total", origin.sum->total}};
  return json;
}

}  // namespace

void print_one_value(const Settings& settings, const Trace& trace, const NodeNames& names) {
  const NamedElement wanted = named_element(settings, "node",
                                            "an element of a node; give it as NODE[2,5] or #12[2,5], or "
                                            "without brackets if the node has one element");
  const TracedNode& node = find_node(settings, trace, names, wanted.name);
  const std::vector<int64_t> index =
      checked_index(settings, "node", join("#", node.id), node.value.shape, wanted.index);
  ElementOrigin origin = origin_of(node, index);
  if (node.grad && node.grad->partial && !std::isfinite(*origin.grad)) origin.grad.reset();
  if (settings.flag("json"))
    print(json_text(origin_json(node, names, index, origin), 2), "\n");
  else
    print(origin_text(trace, node, names, index, origin));
}

NamedElement named_element(const Settings& settings, std::string_view key, std::string_view expected) {
  const std::string text = settings.text(key);
  const size_t bracket = text.find('[');
  NamedElement wanted{.name = text.substr(0, bracket)};
  const auto expect = [&](bool holds) {
    require(holds, settings.where(key), ": '", text, "' is not ", expected);
  };
  expect(!wanted.name.empty());
  if (bracket == text.npos) return wanted;
  expect(text.ends_with(']'));
  const std::string inside = text.substr(bracket + 1, text.size() - bracket - 2);
  if (inside.empty()) return wanted;
  for (const std::string& word : split(inside, ',')) {
    int64_t i = 0;
    expect(parse_integer(word, i));
    wanted.index.push_back(i);
  }
  return wanted;
}

std::vector<int64_t> checked_index(const Settings& settings, std::string_view key, const std::string& name,
                                   const Shape& shape, std::vector<int64_t> index) {
  while (std::ssize(index) < shape.rank() &&
         shape[static_cast<int>(shape.rank() - std::ssize(index) - 1)] == 1)
    index.insert(index.begin(), 0);
  bool fits = std::ssize(index) == shape.rank();
  for (size_t i = 0; fits && i < index.size(); ++i)
    fits = index[i] >= 0 && index[i] < shape[static_cast<int>(i)];
  require(fits, settings.where(key), ": '", settings.text(key), "' is not an element of ", name,
          ", whose shape is ", shape, "; ",
          shape.rank() == 0 ? "leave out the index" : "give the place in each dimension, counted from 0");
  return index;
}

std::string index_text(const std::vector<int64_t>& index) {
  std::string text;
  for (const int64_t i : index) text += join(text.empty() ? "[" : ",", i);
  return text.empty() ? "" : text + "]";
}

}  // namespace hewn::cli
