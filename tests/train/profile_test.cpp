// A profile of training steps adds up, and knows which part of the step each launch belongs to.

#include <nlohmann/json.hpp>
#include <set>

#include "tests/train/tiny.h"
#include "train/profile.h"

namespace hewn {
namespace {

StepProfile profile_of_two_steps() {
  test::Random random("profile");
  const auto device = make_cpu(2);
  const auto model = make_model(test::tiny_model(), *device);
  Trainer trainer(*model, OptimizerConfig{}, ScheduleConfig{}, 1);
  const Batch batch = test::random_batch(random, test::tiny_model(), 3);
  StepProfile profile(MachineRoof(DType::f32, *device));
  device->profile(&profile);
  for (int step = 0; step < 2; ++step) {
    const auto start = std::chrono::steady_clock::now();
    trainer.step(batch);
    profile.add_step(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  device->profile(nullptr);
  return profile;
}

int64_t calls_of(const std::vector<StepProfile::Line>& lines) {
  int64_t n = 0;
  for (const auto& line : lines) n += line.calls;
  return n;
}

}  // namespace

TEST_CASE("a profile's tables sum to its total", "[profile]") {
  const StepProfile profile = profile_of_two_steps();
  const StepProfile::Line total = profile.total();
  CHECK(profile.steps() == 2);
  CHECK(total.calls > 0);
  for (const auto& lines : {profile.lines(), profile.by_kernel(), profile.by_part()}) {
    CHECK(calls_of(lines) == total.calls);
    double seconds = 0, flops = 0;
    for (const auto& line : lines) {
      seconds += line.seconds;
      flops += line.cost.flops;
      CHECK(line.floor > 0);
    }
    CHECK(std::abs(seconds - total.seconds) <= 1e-9 * total.seconds);
    CHECK(std::abs(flops - total.cost.flops) <= 1e-9 * total.cost.flops);
  }
  CHECK(total.seconds < profile.step_seconds());
}

TEST_CASE("a profile tells forward, backward and update apart", "[profile]") {
  const StepProfile profile = profile_of_two_steps();
  std::set<std::string> parts;
  for (const auto& line : profile.by_part()) parts.insert(name_of(line.phase) + " " + line.scope);
  for (const char* part : {"forward embed", "forward h.*.attn", "backward h.*.attn", "forward h.*.mlp",
                           "backward h.*.mlp", "backward head", "update optimizer"}) {
    INFO(part);
    CHECK(parts.count(part) == 1);
  }
  for (const auto& line : profile.lines()) {
    INFO(line.op << " in " << line.scope);
    CHECK((line.op == "optimizer.update") <= (line.phase == Phase::update));
    if (line.op.ends_with(".backward")) CHECK(line.phase == Phase::backward);
  }
}

TEST_CASE("a profile as JSON is per step", "[profile]") {
  const StepProfile profile = profile_of_two_steps();
  const auto json = nlohmann::json::parse(profile_json(profile));
  CHECK(json["steps"] == 2);
  double calls = 0, share = 0;
  for (const auto& line : json["kernels"]) {
    calls += line["calls"].get<double>();
    share += line["step_percent"].get<double>();
    CHECK(line["roof_percent"].get<double>() > 0);
  }
  CHECK(calls == static_cast<double>(profile.total().calls) / 2);
  CHECK(std::abs(share + json["outside_kernels_percent"].get<double>() - 100) < 1e-6);
}

}  // namespace hewn
