// A profile of training steps adds up, and knows which part of the step each launch belongs to.

#include <nlohmann/json.hpp>
#include <set>

#include "tests/support/gpu.h"
#include "tests/train/tiny.h"
#include "train/inspect/profile.h"

namespace hewn {
namespace {

/// Two steps of a tiny model on a device, watched.
struct TwoSteps {
  explicit TwoSteps(std::unique_ptr<Executor> on)
      : device(std::move(on)), profile(MachineRoof(DType::f32, *device), *device) {
    test::Random random("profile");
    const auto model = make_model(test::tiny_model(), *device);
    Trainer trainer(*model, OptimizerConfig{}, ScheduleConfig{}, 1);
    const Batch batch = test::random_batch(random, test::tiny_model(), 3);
    for (int step = 0; step < 2; ++step) profile.watch([&] { trainer.step(batch); });
  }
  std::unique_ptr<Executor> device;
  StepProfile profile;
};

int64_t calls_of(const std::vector<StepProfile::Line>& lines) {
  int64_t n = 0;
  for (const auto& line : lines) n += line.calls;
  return n;
}

}  // namespace

TEST_CASE("a profile's tables sum to its total", "[profile]") {
  const TwoSteps two(make_cpu(2));
  const StepProfile& profile = two.profile;
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

TEST_CASE("a profile distinguishes forward, backward and update", "[profile]") {
  const TwoSteps two(make_cpu(2));
  const StepProfile& profile = two.profile;
  std::set<std::string> parts;
  for (const auto& line : profile.by_part()) parts.insert(name_of(line.phase) + " " + line.scope);
  for (const char* part : {"forward embed", "forward h.*.attn", "backward h.*.attn", "forward h.*.mlp.c_fc",
                           "backward h.*.mlp.c_proj", "backward head", "update optimizer"}) {
    INFO(part);
    CHECK(parts.count(part) == 1);
  }
  for (const auto& line : profile.lines()) {
    INFO(line.op << " in " << line.scope);
    CHECK((line.op == "optimizer.update") <= (line.phase == Phase::update));
    if (line.op.ends_with(".backward")) CHECK(line.phase == Phase::backward);
  }
}

// The emulated one works when its result is asked for, long after the host has gone on.
TEST_CASE("a profile measures the GPU's time, not the host's time to launch", "[profile][gpu]") {
  auto device = test::make_test_gpu();
  if (!device) return;
  const bool emulated = device->isa() == Isa::emulated;
  const TwoSteps two(std::move(device));
  const StepProfile::Line total = two.profile.total();
  CHECK(two.profile.steps() == 2);
  CHECK(total.seconds < two.profile.step_seconds());
  if (emulated) CHECK(total.seconds > 0.5 * two.profile.step_seconds());
  for (const auto& line : two.profile.lines()) CHECK(line.seconds > 0);
}

TEST_CASE("a GPU without known figures bounds no time, and is not measured again", "[profile][gpu]") {
  const auto device = test::make_test_gpu();
  if (!device || device->isa() != Isa::emulated) return;
  MachineRoof roof(DType::f32, *device);
  for (int i = 0; i < 2; ++i) {
    CHECK(roof.seconds({.flops = 1e12, .bytes = 1e12}) == 0);
    roof.measure_again(*device);
  }
}

TEST_CASE("a profile ends with its step, even if that fails", "[profile]") {
  TwoSteps two(make_cpu(1));
  CHECK_THROWS_AS(two.profile.watch([] { fail(ErrorCode::failed, "a step"); }), Error);
  CHECK(two.device->profiler() == nullptr);
  CHECK(two.profile.steps() == 2);
}

TEST_CASE("a profile as JSON is per step", "[profile]") {
  const TwoSteps two(make_cpu(2));
  const StepProfile& profile = two.profile;
  const auto json = nlohmann::json(profile_json(profile));
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
