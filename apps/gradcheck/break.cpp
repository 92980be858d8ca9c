#include "apps/gradcheck/break.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/cli/format.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "kernels/contract/unfold.h"
#include "kernels/devices/devices.h"
#include "model/json.h"
#include "train/inspect/divergence.h"
#include "train/inspect/gradcheck/deliberate.h"
#include "train/inspect/gradcheck/gradient_check.h"
#include "train/step/trainer.h"

namespace hewn::cli {
namespace {

constexpr int64_t training_steps = 100;

/// A mistake and where to make it.
struct BreakOrder {
  const Mistake* mistake;
  std::string scope;
};

std::vector<BreakOrder> orders_of(const Settings& settings) {
  std::vector<std::string> names{"all"};
  for (const Mistake& m : mistakes()) names.emplace_back(m.name);
  std::vector<BreakOrder> orders;
  for (const std::string& word : split(settings.text("break"), ',')) {
    const size_t at = word.find('@');
    const std::string name = word.substr(0, at), scope = at == word.npos ? "" : word.substr(at + 1);
    if (name == "all") {
      for (const Mistake& m : mistakes()) orders.push_back({&m, scope});
      continue;
    }
    const Mistake* mistake = find_mistake(name);
    require(mistake, settings.where("break"), ": there is no mistake '", name, "'", did_you_mean(name, names),
            "\nSee `hewn gradcheck --help`.");
    orders.push_back({mistake, scope});
  }
  return orders;
}

/// Gradients that differ by more than this by norm are not the same up to rounding.
constexpr double more_than_rounding = 1e-9;

/// What became of a mistake.
struct Noticed {
  BreakOrder order;
  int64_t changes = 0;    ///< gradients changed in one pass; 0: the model has no place for it
  int64_t misshapen = 0;  ///< of these, how many have another shape than their tensor
  GradientCheck check{};
  /// By how much, by norm, the gradients differ from those of the composed form, and from those that other rungs compute,
  /// when the mistake is made there too.
  double from_composed = 0, from_rungs = 0;
  double loss = 0;  ///< after training with it
};

class Breaker {
 public:
  Breaker(const Settings& settings, const Subject& subject, const std::vector<Batch>& batches)
      : subject_(subject),
        batches_(batches),
        device_(open_device("cpu", static_cast<int>(settings.integer("threads")))),
        plain_(make_cpu(device_->threads(), Isa::scalar)),
        seed_(static_cast<uint64_t>(settings.integer("seed"))),
        entries_(settings.integer("entries")) {}

  Noticed outcome_of(const BreakOrder& order, double seconds) const {
    Noticed outcome{.order = order};
    const auto model = make(*device_);
    LossProbe probe(*model, batches_, seed_, false);
    MistakeMaker maker(*order.mistake, order.scope, probe.targets());
    for (int pass = 0; pass < 2; ++pass) {  // the second may still hold the gradients of the first
      const int64_t before = maker.changes(), misshapen = maker.misshapen();
      probe.backward(&maker);
      outcome.changes = maker.changes() - before;
      outcome.misshapen = maker.misshapen() - misshapen;
    }
    if (outcome.changes == 0) return outcome;
    const std::vector<double> grads = all_grads(*model);
    {
      const Unfold composed;
      outcome.from_composed = distance_by_norm(grads, grads_with(order, *device_));
    }
    outcome.from_rungs = distance_by_norm(grads, grads_with(order, *plain_));
    outcome.check =
        check_gradients(probe, {.seconds = seconds, .max_entries = entries_, .seed = seed_, .edits = &maker});
    MistakeMaker again(*order.mistake, order.scope, probe.targets());
    outcome.loss = trained(&again);
    return outcome;
  }

  /// The loss after training on the batches, in which `maker` makes a mistake.
  double trained(MistakeMaker* maker) const {
    const auto model = make(*device_);
    Trainer trainer(*model, OptimizerConfig{}, {.learning_rate = 3e-3, .warmup_iters = 0}, seed_);
    trainer.observe(maker);
    for (int64_t step = 0; step < training_steps; ++step) {
      const StepResult result = trainer.step(batches_);
      if (!result.finite) return std::nan("");
    }
    trainer.observe(nullptr);
    return LossProbe(*model, batches_, seed_, false).loss();
  }

 private:
  std::unique_ptr<Model> make(Device& device) const { return subject_.make(device, DType::f64, seed_); }

  /// The gradients of all parameters that train, one after the other.
  static std::vector<double> all_grads(const Model& model) {
    std::vector<double> all;
    for (const Parameter& p : model.parameters().all()) {
      if (!p.trains) continue;
      const std::vector<double> grad = grad_of(p.value).doubles();
      all.insert(all.end(), grad.begin(), grad.end());
    }
    return all;
  }

  /// The same of a second pass on this device, in which the mistake is made too.
  std::vector<double> grads_with(const BreakOrder& order, Device& device) const {
    const auto model = make(device);
    LossProbe probe(*model, batches_, seed_, false);
    MistakeMaker maker(*order.mistake, order.scope, probe.targets());
    for (int pass = 0; pass < 2; ++pass) probe.backward(&maker);
    return all_grads(*model);
  }

  const Subject& subject_;
  const std::vector<Batch>& batches_;
  std::unique_ptr<Executor> device_;
  std::unique_ptr<Executor> plain_;  ///< runs the rungs without vectors
  uint64_t seed_;
  int64_t entries_;
};

std::string order_text(const BreakOrder& order) {
  return order.mistake->name + (order.scope.empty() ? "" : "@" + order.scope);
}

/// How many parameters are wrong by `how`.
int64_t wrong_tensors(const GradientCheck& check, bool CheckedTensor::*how) {
  return std::count_if(check.tensors.begin(), check.tensors.end(),
                       [&](const CheckedTensor& t) { return t.*how; });
}

/// Whether a direction shows the mistake: one through all parameters, or that of one of them.
bool seen_by_direction(const GradientCheck& check) {
  return check.wrong_direction || wrong_tensors(check, &CheckedTensor::wrong_direction) > 0;
}

std::string yes_or_no(bool noticed) { return noticed ? "yes" : "no"; }

void print_breaks(const std::vector<Noticed>& outcomes, double right, std::optional<int> width) {
  std::vector<std::vector<std::string>> rows{
      {"mistake", "shapes", "by entry", "by direction", "error of all", "composed", "rungs", "loss"}};
  rows.push_back({"none", "", "", "", "", "", "", fixed(right, 4)});
  for (const Noticed& o : outcomes) {
    if (o.changes == 0) continue;
    rows.push_back(
        {order_text(o.order), o.misshapen > 0 ? join(o.misshapen, " of ", o.changes) : "no",
         join(wrong_tensors(o.check, &CheckedTensor::wrong_entries), " of ", o.check.tensors.size()),
         yes_or_no(seen_by_direction(o.check)), number_text(o.check.direction, 2),
         yes_or_no(!(o.from_composed <= more_than_rounding)),
         yes_or_no(!(o.from_rungs <= more_than_rounding)),
         std::isnan(o.loss) ? "not finite" : fixed(o.loss, 4)});
  }
  print("Who notices the mistake:\n");
  print_table(rows, width, {"error of all"});
  const auto explain = [&](const std::string& text) { print(wrap(text, width.value_or(100), 2), "\n"); };
  explain("shapes: the wrong gradients whose shape is not that of their tensor");
  explain("by entry: the parameters of which an entry of the gradient differs from its measured slope");
  explain("by direction: whether a slope along a random direction differs");
  explain("composed: whether the gradients differ from those of the model composed of simple operations");
  explain("rungs: whether they differ from those that the kernels without vectors compute");
  explain(join("loss: after ", training_steps, " steps of training"));
  for (const Noticed& o : outcomes) {
    print("\n", order_text(o.order), ": ", o.order.mistake->summary, "\n");
    if (o.changes == 0) {
      print("  no place for it in this model", *o.order.mistake->needs ? "; it needs " : "",
            o.order.mistake->needs, "\n");
      continue;
    }
    if (o.check.right()) print("  NOT NOTICED\n");
    for (const WrongPlace& place : o.check.places)
      print("  wrong: the gradient of ", place.tensor, "\n  made by ", place.users, "\n",
            place.mistake.empty() ? "" : join("  ", place.mistake, "\n"));
  }
}

Json breaks_json(const std::vector<Noticed>& outcomes, double right) {
  Json json{{"steps", training_steps}, {"loss", right}, {"mistakes", Json::array()}};
  for (const Noticed& o : outcomes) {
    Json item{{"mistake", o.order.mistake->name}, {"scope", o.order.scope}, {"changes", o.changes}};
    if (o.changes > 0) {
      item["noticed"] = !o.check.right();
      item["misshapen"] = o.misshapen;
      item["wrong_by_entry"] = wrong_tensors(o.check, &CheckedTensor::wrong_entries);
      item["wrong_by_direction"] = seen_by_direction(o.check);
      item["direction"] = o.check.direction;
      item["from_composed"] = o.from_composed;
      item["from_rungs"] = o.from_rungs;
      item["loss"] = o.loss;
      item["places"] = Json::array();
      for (const WrongPlace& place : o.check.places)
        item["places"].push_back(
            {{"tensor", place.tensor}, {"nodes", place.users}, {"mistake", place.mistake}});
    }
    json["mistakes"].push_back(std::move(item));
  }
  return json;
}

}  // namespace

int run_breaks(const Settings& settings, const Subject& subject, const std::vector<Batch>& batches) {
  require(!settings.given("vs"), settings.where("vs"),
          ": vs compares correct gradients; leave out vs or break");
  require(!settings.flag("recompute"), settings.where("recompute"),
          ": mistakes are made on a tape with all nodes; leave out recompute");
  const std::vector<BreakOrder> orders = orders_of(settings);
  const Breaker breaker(settings, subject, batches);
  const double right = breaker.trained(nullptr);
  std::vector<Noticed> outcomes;
  bool noticed = true;
  for (const BreakOrder& order : orders) {
    outcomes.push_back(
        breaker.outcome_of(order, settings.real("seconds") / static_cast<double>(orders.size())));
    noticed = noticed && (outcomes.back().changes == 0 || !outcomes.back().check.right());
  }
  if (settings.flag("json"))
    print(json_text(breaks_json(outcomes, right), 2), "\n");
  else
    print_breaks(outcomes, right, settings.flag("wide") ? std::nullopt : known_width(Stream::results));
  return noticed ? 0 : static_cast<int>(ErrorCode::numerical);
}

}  // namespace hewn::cli
