#include "apps/commands/gradcheck/break.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "train/inspect/gradcheck/deliberate.h"
#include "train/inspect/gradcheck/gradient_check.h"
#include "train/trainer.h"

namespace hewn::cli {
namespace {

using Json = nlohmann::ordered_json;

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

/// What became of a mistake.
struct Noticed {
  BreakOrder order;
  int64_t changes = 0;  ///< gradients changed in one pass; 0: the model has no place for it
  GradientCheck check;
  double loss = 0;  ///< after training with it
};

class Breaker {
 public:
  Breaker(const Settings& settings, const Subject& subject, const std::vector<Batch>& batches)
      : subject_(subject),
        batches_(batches),
        device_(open_device("cpu", static_cast<int>(settings.integer("threads")))),
        seed_(static_cast<uint64_t>(settings.integer("seed"))),
        entries_(settings.integer("entries")) {}

  Noticed outcome_of(const BreakOrder& order, double seconds) const {
    Noticed outcome{.order = order, .changes = 0, .check = {}};
    const auto model = make();
    LossProbe probe(*model, batches_, seed_, false);
    MistakeMaker maker(*order.mistake, order.scope, probe.targets());
    for (int pass = 0; pass < 2; ++pass) {  // the second may still hold the gradients of the first
      const int64_t before = maker.changes();
      probe.backward(&maker);
      outcome.changes = maker.changes() - before;
    }
    if (outcome.changes == 0) return outcome;
    outcome.check =
        check_gradients(probe, {.seconds = seconds, .max_entries = entries_, .seed = seed_, .edits = &maker});
    MistakeMaker again(*order.mistake, order.scope, probe.targets());
    outcome.loss = trained(&again);
    return outcome;
  }

  /// The loss after training on the batches, in which `maker` makes a mistake.
  double trained(MistakeMaker* maker) const {
    const auto model = make();
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
  std::unique_ptr<Model> make() const { return subject_.make(*device_, DType::f64, seed_); }

  const Subject& subject_;
  const std::vector<Batch>& batches_;
  std::unique_ptr<Executor> device_;
  uint64_t seed_;
  int64_t entries_;
};

std::string order_text(const BreakOrder& order) {
  return order.mistake->name + (order.scope.empty() ? "" : "@" + order.scope);
}

int64_t wrong_tensors(const GradientCheck& check) {
  int64_t n = 0;
  for (const CheckedTensor& t : check.tensors) n += t.wrong;
  return n;
}

void print_breaks(const std::vector<Noticed>& outcomes, double right) {
  std::vector<std::vector<std::string>> rows{
      {"mistake", "error of all", "wrong parameters", join("loss after ", training_steps, " steps")}};
  rows.push_back({"none", "", "", fixed(right, 4)});
  for (const Noticed& o : outcomes) {
    if (o.changes == 0) continue;
    rows.push_back({order_text(o.order), number_text(o.check.direction, 2),
                    join(wrong_tensors(o.check), " of ", o.check.tensors.size()),
                    std::isnan(o.loss) ? "not finite" : fixed(o.loss, 4)});
  }
  print(table_text(rows));
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
      item["direction"] = o.check.direction;
      item["wrong_parameters"] = wrong_tensors(o.check);
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
          ": vs compares right gradients; leave out vs or break");
  require(!settings.flag("recompute"), settings.where("recompute"),
          ": mistakes are made on the tape of all nodes; leave out recompute");
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
    print(breaks_json(outcomes, right).dump(2), "\n");
  else
    print_breaks(outcomes, right);
  return noticed ? 0 : static_cast<int>(ErrorCode::numerical);
}

}  // namespace hewn::cli
