// hewn gradcheck: compares a model's gradients with slopes of its loss.

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/gradcheck/break.h"
#include "apps/gradcheck/subject.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "model/json.h"
#include "train/inspect/divergence.h"
#include "train/inspect/gradcheck/gradient_check.h"

namespace hewn::cli {
namespace {

/// By how much the gradient of each parameter differs by norm, in the order of declaration.
std::vector<double> distances(const Parameters& from, const Parameters& exact) {
  std::vector<double> result;
  auto other = from.all().begin();
  for (const Parameter& p : exact.all()) {
    const Parameter& q = *other++;
    if (!p.trains) continue;
    result.push_back(distance_by_norm(grad_of(q.value).doubles(), grad_of(p.value).doubles()));
  }
  return result;
}

/// A model in lower precision or on another device, whose values the model in f64 takes over.
struct Other {
  std::unique_ptr<Executor> device;
  std::unique_ptr<Model> model;
};

std::optional<Other> other_of(const Settings& settings, const Subject& subject, Model& exact) {
  if (!settings.given("vs")) return std::nullopt;
  const std::string vs = settings.text("vs");
  const bool precision = vs == "f32" || vs == "bf16";
  Other other{.device = open_device(precision ? "cpu" : vs, static_cast<int>(settings.integer("threads"))),
              .model = nullptr};
  other.model = subject.make(*other.device, precision ? dtype_from_name(vs) : DType::f32,
                             static_cast<uint64_t>(settings.integer("seed")));
  auto from = other.model->parameters().all().begin();
  for (Parameter& p : exact.parameters().all()) p.value.upload((from++)->value.doubles().data());
  return other;
}

std::string check_summary(const GradientCheck& check, const LossProbe& probe, const Settings& settings) {
  int64_t entries = 0, all = 0;
  int64_t unseen = 0;
  for (const CheckedTensor& t : check.tensors) {
    entries += t.entries, all += t.shape.numel();
    unseen += t.entries == 0;
  }
  std::string text = join(
      "loss ", fixed(check.loss, 4), " nats per token over ", probe.targets(), " targets; ", long_count(all),
      " parameters in float64\n", "all together, in a random direction: ",
      check.kink.empty() ? join("error ", number_text(check.direction, 2)) : join("a kink, ", check.kink),
      "\n", long_count(entries), " of ", long_count(all), " entries were looked at, with ",
      long_count(check.evaluations), " losses\n");
  if (unseen > 0)
    text += join(unseen, " of ", check.tensors.size(), " parameters had no entry looked at within ",
                 settings.text("seconds"), " s; see --seconds\n");
  return text;
}

void print_check(const GradientCheck& check, const LossProbe& probe, const Settings& settings,
                 const std::vector<double>& vs) {
  std::vector<std::vector<std::string>> rows{{"parameter", "shape", "direction", "entries", "error",
                                              "beyond rounding", "worst entry", "tape", "measured", ""}};
  if (!vs.empty()) rows[0].push_back(settings.text("vs"));
  for (size_t i = 0; i < check.tensors.size(); ++i) {
    const CheckedTensor& t = check.tensors[i];
    const bool seen = t.entries > 0;
    rows.push_back({t.name, t.shape.str(), std::isnan(t.direction) ? "" : number_text(t.direction, 2),
                    long_count(t.entries), seen ? number_text(t.error(), 2) : "",
                    seen ? number_text(t.excess(), 2) : "", seen ? index_text(t.worst.index, t.shape) : "",
                    seen ? number_text(t.worst.tape, 8) : "", seen ? number_text(t.worst.measured, 8) : "",
                    t.wrong() ? "WRONG" : "right"});
    if (!vs.empty()) rows.back().push_back(number_text(vs[i], 2));
  }
  print_table(rows, settings.flag("wide") ? std::nullopt : known_width(Stream::results),
              {"entries", "worst entry", "beyond rounding", "measured", "tape", "shape", "direction"});
  print("\n", check_summary(check, probe, settings));
  for (const CheckedTensor& t : check.tensors)
    if (!t.kink.empty())
      print(t.name, " is at a kink of the loss, where there is no gradient: ", t.kink, "\n");
  if (!check.right() && check.places.empty())
    print(
        "\nWRONG, but each batch alone is right: look at what accumulates the gradients of several "
        "batches\n");
  for (const WrongPlace& place : check.places)
    print("\nWRONG: the gradient of ", place.tensor, ", while those of all later nodes are right\n",
          "  look at the backward pass of ", place.users, "\n",
          place.mistake.empty() ? "" : join("  ", place.mistake, "\n"));
}

Json check_json(const GradientCheck& check, const std::vector<double>& vs) {
  Json json{{"loss", check.loss},           {"right", check.right()},
            {"direction", check.direction}, {"evaluations", check.evaluations},
            {"parameters", Json::array()},  {"places", Json::array()}};
  for (size_t i = 0; i < check.tensors.size(); ++i) {
    const CheckedTensor& t = check.tensors[i];
    Json item{{"name", t.name}, {"shape", Json::array()}, {"right", !t.wrong()}, {"entries", t.entries}};
    for (int d = 0; d < t.shape.rank(); ++d) item["shape"].push_back(t.shape[d]);
    if (!std::isnan(t.direction)) item["direction"] = t.direction;
    if (t.entries > 0) {
      item["error"] = t.error();
      item["beyond_rounding"] = t.excess();
      item["worst"] = {{"index", t.worst.index}, {"tape", t.worst.tape}, {"measured", t.worst.measured}};
    }
    if (!t.kink.empty()) item["kink"] = t.kink;
    if (!vs.empty()) item["vs"] = vs[i];
    json["parameters"].push_back(std::move(item));
  }
  for (const WrongPlace& place : check.places)
    json["places"].push_back({{"tensor", place.tensor}, {"nodes", place.users}, {"mistake", place.mistake}});
  return json;
}

}  // namespace

int run_gradcheck(const Settings& settings) {
  const Subject subject = subject_of(settings);
  const std::vector<Batch> batches = batches_of(settings, subject);
  if (settings.given("break")) return run_breaks(settings, subject, batches);
  const auto device = open_device("cpu", static_cast<int>(settings.integer("threads")));
  const auto seed = static_cast<uint64_t>(settings.integer("seed"));
  const bool recompute = settings.flag("recompute");
  const auto model = subject.make(*device, DType::f64, seed);
  const std::optional<Other> other = other_of(settings, subject, *model);
  LossProbe probe(*model, batches, seed, recompute);
  std::vector<double> vs;
  if (other) {
    probe.backward();
    LossProbe(*other->model, batches, seed, recompute).backward();
    vs = distances(other->model->parameters(), model->parameters());
  }
  say("measuring slopes for at most ", settings.text("seconds"), " s (--seconds)");
  const GradientCheck check = check_gradients(
      probe, {.seconds = settings.real("seconds"), .max_entries = settings.integer("entries"), .seed = seed});
  if (settings.flag("json"))
    print(json_text(check_json(check, vs), 2), "\n");
  else
    print_check(check, probe, settings, vs);
  return check.right() ? 0 : static_cast<int>(ErrorCode::numerical);
}

}  // namespace hewn::cli
