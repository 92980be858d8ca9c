#include "apps/trace/difference.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/trace/model_trace.h"
#include "core/error.h"
#include "model/json.h"
#include "train/inspect/divergence.h"
#include "train/inspect/trace/kept_pass.h"

namespace hewn::cli {
namespace {

/// The settings of the other trace: another type, device or run.
Settings other_settings(const Settings& settings) {
  const std::string what = settings.text("diff"), where = settings.where("diff");
  Settings other = settings;
  if (what == "f32" || what == "f64" || what == "bf16")
    other.set({"dtype", what, where});
  else if (what == "cuda" || what == "emulated")
    other.set({"device", what, where});
  else
    other.arguments = {what};
  return other;
}

double keep_pass(const Settings& settings, const TracedModel& opened, PassKeeper& keeper) {
  const auto unfolded = unfolded_if_asked(settings);
  Tape tape;
  tape.observe(&keeper);
  const Tensor loss = loss_of(opened);
  tape.backward(loss);
  for (const Parameter& p : opened.model->parameters().all())
    if (p.value.requires_grad()) keeper.note_leaf(p.name, p.value);
  return loss.item();
}

std::string distance_text(double distance) { return std::isnan(distance) ? "" : number_text(distance, 2); }

void add_rows(std::vector<std::vector<std::string>>& rows, const std::vector<KeptDistance>& distances) {
  for (const KeptDistance& d : distances)
    rows.push_back({d.place, distance_text(d.value), distance_text(d.grad)});
}

Json distances_json(const std::vector<KeptDistance>& distances) {
  Json list = Json::array();
  for (const KeptDistance& d : distances) {
    list.push_back({{"name", d.place}, {"value", d.value}});
    if (!std::isnan(d.grad)) list.back()["grad"] = d.grad;
  }
  return list;
}

/// The first node that is farther apart than rounding explains; "" if there is none.
std::string first_apart(const PassDistance& distance, double allowed) {
  for (const KeptDistance& d : distance.nodes)
    if (!(d.value <= allowed)) return d.place + ", its value";
  for (auto d = distance.nodes.rbegin(); d != distance.nodes.rend(); ++d)
    if (!std::isnan(d->grad) && !(d->grad <= allowed)) return d->place + ", its gradient";
  return distance.parted;
}

}  // namespace

void print_difference(const Settings& settings) {
  const TracedModel one = open_traced_model(settings);
  const Settings settings_of_other = other_settings(settings);
  const TracedModel other = open_traced_model(settings_of_other);
  const auto same = [](const TracedToken& a, const TracedToken& b) { return a.id == b.id; };
  require(std::equal(one.tokens.begin(), one.tokens.end(), other.tokens.begin(), other.tokens.end(), same),
          settings.where("diff"), ": the two models encode this text differently");
  PassKeeper first, second;
  const double loss = keep_pass(settings, one, first),
               other_loss = keep_pass(settings_of_other, other, second);
  const PassDistance distance = distance_of(second, first);
  const DType lower =
      std::max(one.model->parameters().product_dtype(), other.model->parameters().product_dtype(),
               [](DType a, DType b) { return node_tolerance(a) < node_tolerance(b); });
  const double allowed = node_tolerance(lower);
  const std::string found = first_apart(distance, allowed);
  if (settings.flag("json")) {
    print(json_text(Json{{"loss", loss},
                         {"other_loss", other_loss},
                         {"allowed", allowed},
                         {"first", found},
                         {"parted", distance.parted},
                         {"nodes", distances_json(distance.nodes)},
                         {"leaves", distances_json(distance.leaves)}},
                    2),
          "\n");
    return;
  }
  std::vector<std::vector<std::string>> rows{{"node", "value apart", "gradient apart"}};
  add_rows(rows, distance.nodes);
  rows.push_back({"", "", ""});
  add_rows(rows, distance.leaves);
  print(table_text(rows), "\nloss ", fixed(loss, 6), ", ", settings.text("diff"), ": ", fixed(other_loss, 6),
        "\n");
  if (!distance.parted.empty()) print("the tapes part at ", distance.parted, "\n");
  print(found.empty() ? join("all differences are below ", allowed, ", which rounding can explain")
                      : join("the first difference above ", allowed, ": ", found),
        "\n");
}

}  // namespace hewn::cli
