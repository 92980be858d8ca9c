#pragma once
// Profiles the time of training steps by kernel and by part of the model, compared with the roofline.

#include <array>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "core/scope.h"
#include "kernels/contract/contract.h"
#include "kernels/devices/moments.h"
#include "model/json.h"

namespace hewn {

/// The roofline of this machine: its arithmetic peak and bandwidths, which bound the time of any work from
/// below. Measured on a CPU; a GPU's are the vendor's figures (kernels/gpu/runtime/known.h). For an unknown
/// GPU the bound is zero.
class MachineRoof {
 public:
  /// For an unknown machine: the bound is zero.
  MachineRoof();
  /// Measures on a CPU, which takes about half a second. `dtype` is f32, f64 or bf16.
  MachineRoof(DType dtype, Executor& device);
  /// Lower bound of the time of this work, in seconds: the larger of its arithmetic at the peak and its bytes
  /// at the bandwidth of the smallest memory level that holds them.
  double seconds(const Cost& cost) const;
  /// Measures the arithmetic peak again and keeps the larger, since other load may have disturbed
  /// the first measurement.
  void measure_again(Executor& device);

 private:
  DType dtype_;
  double flops_per_s_ = 0;
  std::array<std::pair<double, double>, 4> levels_{};  // capacity in bytes, bytes per second; smallest first
};

/// Accumulates every launch of the steps it watches.
class StepProfile final : public Profiler {
 public:
  /// A line of a table. An empty name means the sum over all.
  struct Line {
    Phase phase = Phase::forward;
    std::string scope, op, rung;  ///< "h.0.attn", "matmul", "simd"
    int64_t calls = 0;
    double seconds = 0;
    double floor = 0;  ///< the roofline's lower bound, in seconds
    Cost cost;
  };

  /// A kernel that ran.
  struct Launch {
    Phase phase = Phase::forward;
    int scope = 0;                    ///< its number, see core/scope.h
    const char *op = "", *rung = "";  ///< "matmul", "simd"
    double seconds = 0;               ///< 0 until the step has ended
    double floor = 0;                 ///< the roofline's lower bound, in seconds
    Cost cost;
  };

  StepProfile(const MachineRoof& roof, Executor& device) : roof_(roof), device_(device), moments_(device) {}

  /// Runs one step and measures it until the device has finished: the kernels and the time between them.
  void watch(const std::function<void()>& step);
  void launching(const char* op, const void* args) override;
  void launched(const char* op, const char* rung, const Cost& cost) override;

  const MachineRoof& roof() const { return roof_; }
  const Executor& device() const { return device_; }
  int64_t steps() const { return steps_; }
  double step_seconds() const { return step_seconds_; }  ///< of all steps together
  /// The launches of the last step watched, or of the current one so far, in order of their beginning.
  const std::vector<Launch>& launches() const { return launches_; }
  /// The sum of all lines.
  Line total() const;
  /// One line per phase, scope, op and rung; slowest first.
  std::vector<Line> lines() const;
  /// One line per op and rung; slowest first.
  std::vector<Line> by_kernel() const;
  /// One line per part of the model and phase, with all layers together ("h.*.attn"); slowest first.
  std::vector<Line> by_part() const;

 private:
  template <class Name>
  std::vector<Line> grouped(const Name& name) const;

  MachineRoof roof_;
  Executor& device_;
  Moments moments_;
  Moments::Moment begin_ = 0;  ///< of the current launch
  std::vector<Launch> launches_;
  std::vector<std::pair<Moments::Moment, Moments::Moment>> spans_;  ///< begin and end of each launch
  std::map<std::tuple<Phase, int, std::string_view, std::string_view>, Line> lines_;
  int64_t steps_ = 0;
  double step_seconds_ = 0;
};

std::string name_of(Phase phase);

/// {"steps", "ms_per_step", "kernels_ms", "outside_kernels_percent", "kernels": [{"phase", "scope", "op",
/// "rung", "calls", "ms", "gflop", "mb", "gflops", "gbps", "roof_percent", "step_percent"}]}, all per step.
Json profile_json(const StepProfile& profile);

}  // namespace hewn
