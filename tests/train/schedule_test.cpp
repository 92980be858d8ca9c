// The learning rate by step, and what a training configuration may not be.

#include <cmath>
#include <limits>
#include <set>

#include "tests/train/tiny.h"
#include "train/config.h"

namespace hewn {

TEST_CASE("the learning rate warms up from above zero and falls to min_lr", "[schedule]") {
  ScheduleConfig s{.learning_rate = 0.5, .min_lr = 0.1, .warmup_iters = 10, .lr_decay_iters = 110};
  for (const auto kind : {ScheduleKind::cosine, ScheduleKind::linear, ScheduleKind::constant}) {
    INFO(name_of(kind));
    s.kind = kind;
    for (int64_t step = 0; step < 10; ++step) {
      CHECK(learning_rate_at(s, step) > 0);
      CHECK(learning_rate_at(s, step) < learning_rate_at(s, step + 1));
    }
    CHECK(learning_rate_at(s, 0) == Approx(0.5 / 11));
    CHECK(learning_rate_at(s, 10) == 0.5);
  }
  s.kind = ScheduleKind::cosine;
  CHECK(learning_rate_at(s, 60) == Approx(0.3));
  CHECK(learning_rate_at(s, 35) == Approx(0.1 + 0.4 * 0.5 * (1 + std::sqrt(0.5))));
  CHECK(learning_rate_at(s, 110) == 0.1);
  CHECK(learning_rate_at(s, 109) == Approx(0.1).margin(1e-4));
  CHECK(learning_rate_at(s, 1'000'000'000'000) == 0.1);
  s.kind = ScheduleKind::linear;
  CHECK(learning_rate_at(s, 60) == Approx(0.3));
  CHECK(learning_rate_at(s, 35) == Approx(0.4));
  CHECK(learning_rate_at(s, 110) == 0.1);
  s.decay_lr = false;
  CHECK(learning_rate_at(s, 1000) == 0.5);
  s.kind = ScheduleKind::constant;
  s.decay_lr = true;
  CHECK(learning_rate_at(s, 1000) == 0.5);
  s.warmup_iters = 0;
  CHECK(learning_rate_at(s, 0) == 0.5);
}

TEST_CASE("an invalid training configuration is refused", "[schedule]") {
  const TrainConfig good{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  CHECK_NOTHROW(good.check());
  const auto refused = [&](const char* name, auto change) {
    TrainConfig bad = good;
    change(bad);
    CHECK_ERROR(bad.check(), ErrorCode::usage, name);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refused("batch_size", [](TrainConfig& c) { c.batch_size = 0; });
  refused("gradient_accumulation_steps", [](TrainConfig& c) { c.gradient_accumulation_steps = -1; });
  refused("grad_shards = 3; expected a power of two that divides gradient_accumulation_steps = 6, such as 2",
          [](TrainConfig& c) { c.gradient_accumulation_steps = 6, c.grad_shards = 3; });
  refused("grad_shards = 4", [](TrainConfig& c) { c.gradient_accumulation_steps = 6, c.grad_shards = 4; });
  refused("max_iters", [](TrainConfig& c) { c.max_iters = -1; });
  refused("max_time", [&](TrainConfig& c) { c.max_time = nan; });
  refused("patience", [](TrainConfig& c) { c.patience = -1; });
  refused("eval_interval", [](TrainConfig& c) { c.eval_interval = 0; });
  refused("eval_iters", [](TrainConfig& c) { c.eval_iters = 0; });
  refused("log_interval", [](TrainConfig& c) { c.log_interval = 0; });
  refused("keep", [](TrainConfig& c) { c.keep = 0; });
  refused("learning_rate", [&](TrainConfig& c) { c.schedule.learning_rate = nan; });
  refused("learning_rate", [](TrainConfig& c) { c.schedule.learning_rate = -1e-3; });
  refused("min_lr", [](TrainConfig& c) { c.schedule.min_lr = 1; });
  refused("warmup_iters", [](TrainConfig& c) { c.schedule.warmup_iters = -1; });
  refused("lr_decay_iters", [](TrainConfig& c) { c.schedule.lr_decay_iters = c.schedule.warmup_iters; });
  refused("weight_decay", [](TrainConfig& c) { c.optimizer.weight_decay = -1; });
  refused("beta1", [](TrainConfig& c) { c.optimizer.beta1 = 1; });
  refused("beta2", [](TrainConfig& c) { c.optimizer.beta2 = 1; });
  refused("grad_clip", [&](TrainConfig& c) { c.optimizer.grad_clip = nan; });
  refused("stochastic_rounding", [](TrainConfig& c) { c.optimizer.stochastic_rounding = true; });
  refused("vocab_size", [](TrainConfig& c) { c.model.vocab_size = 0; });
}

TEST_CASE("decay, warm-up and min_lr follow max_iters and learning_rate", "[schedule]") {
  const auto derived = [](int64_t max_iters) {
    TrainConfig c;
    c.max_iters = max_iters;
    c.schedule.learning_rate = 0.5;
    for (const auto& key : training_keys)
      if (key.derive) key.derive(c);
    CHECK(c.schedule.min_lr == 0.05);
    return std::pair{c.schedule.lr_decay_iters, c.schedule.warmup_iters};
  };
  using Steps = std::pair<int64_t, int64_t>;
  CHECK(derived(400) == Steps{400, 20});
  CHECK(derived(100000) == Steps{100000, 100});
  CHECK(derived(0) == Steps{1, 0});
}

TEST_CASE("the default of a derived key follows from the defaults of the others", "[schedule]") {
  const TrainConfig fresh;
  std::set<std::string_view> names;
  const auto check = [&](const auto& keys) {
    for (const auto& key : keys) {
      INFO(key.name);
      CHECK(names.insert(key.name).second);
      CHECK(allows(key.domain, key.get(fresh)));
      TrainConfig derived;
      if (key.derive) key.derive(derived);
      CHECK(key.get(derived) == key.get(fresh));
    }
  };
  check(training_keys);
  check(watching_keys);
}

TEST_CASE("optimizers and schedules are parsed by name", "[schedule]") {
  OptimizerKind optimizer{};
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::adam, OptimizerKind::sgd}) {
    parse_name(name_of(kind), optimizer);
    CHECK(optimizer == kind);
  }
  CHECK_ERROR(parse_name("adamv", optimizer), ErrorCode::usage, "adamw, adam or sgd");
  ScheduleKind schedule{};
  CHECK_ERROR(parse_name("cosinus", schedule), ErrorCode::usage, "cosine, linear or constant");
}

}  // namespace hewn
