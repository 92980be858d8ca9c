#include "train/inspect/profile.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "kernels/gpu/runtime/known.h"
#include "kernels/gpu/runtime/runtime.h"
#include "kernels/roof/roof.h"
#include "model/json.h"

namespace hewn {
namespace {

constexpr double endless = std::numeric_limits<double>::infinity();

void add(StepProfile::Line& sum, const StepProfile::Line& line) {
  sum.calls += line.calls;
  sum.seconds += line.seconds;
  sum.floor += line.floor;
  sum.cost.flops += line.cost.flops;
  sum.cost.bytes += line.cost.bytes;
}

/// Replaces numbers: "h.3.attn" becomes "h.*.attn".
std::string without_numbers(const std::string& scope) {
  std::string text;
  for (size_t begin = 0; begin <= scope.size();) {
    const size_t end = std::min(scope.find('.', begin), scope.size());
    const std::string part = scope.substr(begin, end - begin);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    text += (begin ? "." : "") + (number ? "*" : part);
    begin = end + 1;
  }
  return text;
}

void slowest_first(std::vector<StepProfile::Line>& lines) {
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
}

}  // namespace

MachineRoof::MachineRoof() : dtype_(DType::f32), flops_per_s_(endless) { levels_.fill({0.0, endless}); }

MachineRoof::MachineRoof(DType dtype, Executor& device) : dtype_(dtype) {
  if (GpuRuntime* const gpu = device.gpu()) {
    const KnownGpu* const known = known_gpu_called(gpu->properties().name);
    flops_per_s_ = known ? known->flops(dtype) : endless;
    levels_.fill({0.0, known ? known->bytes_per_s : endless});
    return;
  }
  const Isa isa = device.isa();
  const int threads = device.threads();
  flops_per_s_ = measured_flops(dtype, isa, threads);
  // Sizes well inside the first, second and third cache level of today's processors, and well outside of all.
  constexpr size_t sets[] = {size_t{16} << 10, size_t{256} << 10, size_t{4} << 20, size_t{256} << 20};
  for (size_t i = 0; i < levels_.size(); ++i) {
    const size_t set = i < 2 ? sets[i] * static_cast<size_t>(threads) : sets[i];
    levels_[i] = {static_cast<double>(set), measured_bandwidth(set, isa, threads)};
  }
}

void MachineRoof::measure_again(Executor& device) {
  if (!device.gpu())
    flops_per_s_ = std::max(flops_per_s_, measured_flops(dtype_, device.isa(), device.threads()));
}

double MachineRoof::seconds(const Cost& cost) const {
  const auto level =
      std::find_if(levels_.begin(), levels_.end() - 1, [&](const auto& l) { return cost.bytes <= l.first; });
  return std::max(cost.flops / flops_per_s_, cost.bytes / level->second);
}

void StepProfile::watch(const std::function<void()>& step) {
  struct Attached {
    Attached(Executor& to, Profiler* profiler) : device(to) { device.profile(profiler); }
    ~Attached() { device.profile(nullptr); }
    Executor& device;
  };
  moments_.clear();
  launches_.clear();
  spans_.clear();
  const Moments::Moment begin = moments_.mark();
  {
    const Attached attached(device_, this);
    step();
  }
  const Moments::Moment end = moments_.mark();
  moments_.wait();
  for (size_t i = 0; i < launches_.size(); ++i) {
    Launch& launch = launches_[i];
    launch.seconds = moments_.between(spans_[i].first, spans_[i].second);
    Line& line = lines_[{launch.phase, launch.scope, launch.op, launch.rung}];
    ++line.calls;
    line.seconds += launch.seconds;
    line.floor += launch.floor;
    line.cost.flops += launch.cost.flops;
    line.cost.bytes += launch.cost.bytes;
  }
  step_seconds_ += moments_.between(begin, end);
  ++steps_;
}

void StepProfile::launching(const char*, const void*) { begin_ = moments_.mark(); }

void StepProfile::launched(const char* op, const char* rung, const Cost& cost) {
  spans_.emplace_back(begin_, moments_.mark());
  launches_.push_back({.phase = InPhase::current(),
                       .scope = Scope::current(),
                       .op = op,
                       .rung = rung,
                       .floor = roof_.seconds(cost),
                       .cost = cost});
}

template <class Name>
std::vector<StepProfile::Line> StepProfile::grouped(const Name& name) const {
  std::map<std::tuple<Phase, std::string, std::string, std::string>, Line> groups;
  for (const auto& [key, line] : lines_) {
    Line named = line;
    std::tie(named.phase, std::ignore, named.op, named.rung) = key;
    named.scope = Scope::path(std::get<int>(key));
    name(named);
    const auto [at, fresh] = groups.try_emplace({named.phase, named.scope, named.op, named.rung}, named);
    if (!fresh) add(at->second, named);
  }
  std::vector<Line> all;
  for (const auto& [key, line] : groups) all.push_back(line);
  slowest_first(all);
  return all;
}

StepProfile::Line StepProfile::total() const {
  Line sum;
  for (const auto& [key, line] : lines_) add(sum, line);
  return sum;
}

std::vector<StepProfile::Line> StepProfile::lines() const {
  return grouped([](Line&) {});
}

std::vector<StepProfile::Line> StepProfile::by_kernel() const {
  return grouped([](Line& line) {
    line.phase = Phase::forward;
    line.scope.clear();
  });
}

std::vector<StepProfile::Line> StepProfile::by_part() const {
  return grouped([](Line& line) {
    line.scope = without_numbers(line.scope);
    line.op.clear();
    line.rung.clear();
  });
}

std::string name_of(Phase phase) {
  switch (phase) {
    case Phase::forward: return "forward";
    case Phase::backward: return "backward";
    case Phase::update: return "update";
  }
  return "";
}

Json profile_json(const StepProfile& profile) {
  const double steps = std::max(1.0, static_cast<double>(profile.steps()));
  const double whole = profile.step_seconds();
  const double in_kernels = profile.total().seconds;
  Json kernels = Json::array();
  for (const StepProfile::Line& l : profile.lines())
    kernels.push_back({{"phase", name_of(l.phase)},
                       {"scope", l.scope},
                       {"op", l.op},
                       {"rung", l.rung},
                       {"calls", static_cast<double>(l.calls) / steps},
                       {"ms", l.seconds / steps * 1e3},
                       {"gflop", l.cost.flops / steps * 1e-9},
                       {"mb", l.cost.bytes / steps * 1e-6},
                       {"gflops", l.cost.flops / l.seconds * 1e-9},
                       {"gbps", l.cost.bytes / l.seconds * 1e-9},
                       {"roof_percent", 100 * l.floor / l.seconds},
                       {"step_percent", 100 * l.seconds / whole}});
  return {{"steps", profile.steps()},
          {"ms_per_step", whole / steps * 1e3},
          {"kernels_ms", in_kernels / steps * 1e3},
          {"outside_kernels_percent", 100 * (1 - in_kernels / whole)},
          {"kernels", kernels}};
}

}  // namespace hewn
