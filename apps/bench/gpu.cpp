#include "apps/bench/gpu.h"

#include <algorithm>
#include <utility>

#include "apps/bench/ceilings.h"
#include "apps/bench/roof.h"
#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "kernels/devices/moments.h"
#include "kernels/gpu/runtime/known.h"
#include "kernels/gpu/runtime/runtime.h"
#include "kernels/matmul/abi.h"

namespace hewn::cli {
namespace {

constexpr double recorded_seconds = 2e-3;  // total of the calls in a recording
constexpr double longest_lead = 0.05;      // in seconds; longer recordings need no run-up
constexpr int64_t most_calls = 1024;       // in a recording
constexpr size_t most_copies = 1024;       // of a case's operands

/// The allowed difference by norm: sums are long here and their order differs, and tensor cores truncate
/// instead of rounding.
double allowed_difference(DType dtype) {
  return dtype == DType::bf16 ? 3e-3 : dtype == DType::f32 ? 1e-5 : 0;
}

/// Copies of a case's operands on the GPU, used in rotation: enough for the second-level cache to have
/// evicted one before it is used again.
class Rotation {
 public:
  /// `there`: a case of this many bytes on the device; the other copies are made from it.
  Rotation(Case& there, size_t bytes, Executor& device) : turns_{&there} {
    const size_t l2 = device.gpu()->properties().l2_bytes, one = std::max<size_t>(bytes, 1);
    const size_t copies = std::min(4 * l2 / one + 1, most_copies);
    while (turns_.size() < copies) turns_.push_back(twins_.emplace_back(there.twin()).get());
    cache_ = copies * one >= 2 * l2 ? Cache::cold : Cache::warm;
  }
  Case& next() {
    at_ = at_ + 1 == turns_.size() ? 0 : at_ + 1;
    return *turns_[at_];
  }
  int64_t copies() const { return static_cast<int64_t>(turns_.size()); }
  /// Warm if even this many copies of the operands fit in the cache.
  Cache cache() const { return cache_; }

 private:
  std::vector<std::unique_ptr<Case>> twins_;
  std::vector<Case*> turns_;
  size_t at_ = 0;
  Cache cache_ = Cache::cold;
};

/// Seconds of the GPU's work from the beginning of this call to its end.
template <class Work>
double timed(Moments& moments, const Work& work) {
  moments.clear();
  const Moments::Moment begin = moments.mark();
  work();
  const Moments::Moment end = moments.mark();
  moments.wait();
  return moments.between(begin, end);
}

/// Calls of a contender, recorded as a graph, so that the GPU is timed and not the host that launches.
class Recording {
 public:
  Recording(Executor& device, Moments& moments, Rotation& operands, const Contender& who)
      : gpu_(*device.gpu()), moments_(moments) {
    who.run(operands.next());  // loads its code, allocates its scratch
    const double once = timed(moments, [&] { who.run(operands.next()); });
    calls_ = std::clamp(static_cast<int64_t>(recorded_seconds / std::max(once, 1e-9)),
                        std::min(operands.copies(), most_calls), most_calls);
    gpu_.begin_capture();
    for (int64_t i = 0; i < calls_; ++i) who.run(operands.next());
    graph_ = gpu_.end_capture();
    run_up_ = once * static_cast<double>(calls_) < longest_lead;
  }
  ~Recording() {
    if (graph_) gpu_.drop_graph(graph_);
  }
  Recording(Recording&& other) noexcept
      : gpu_(other.gpu_),
        moments_(other.moments_),
        graph_(std::exchange(other.graph_, nullptr)),
        calls_(other.calls_),
        run_up_(other.run_up_) {}
  Recording& operator=(Recording&&) = delete;

  /// Seconds per call.
  double seconds() {
    if (run_up_) gpu_.replay(graph_);  // keeps the GPU busy until the timed replay
    return timed(moments_, [&] { gpu_.replay(graph_); }) / static_cast<double>(calls_);
  }

 private:
  GpuRuntime& gpu_;
  Moments& moments_;
  GpuRuntime::Graph graph_ = nullptr;
  int64_t calls_ = 1;
  bool run_up_ = false;
};

class GpuMeasurer final : public Measurer {
 public:
  GpuMeasurer(BenchPlan& plan, const Peers& peers)
      : plan_(plan), peers_(peers), device_(open_device(plan.device, 0)), moments_(*device_) {
    plan.threads = {device_->threads()};
    const std::string& gpu = device_->gpu()->properties().name;
    kept_ = plan.ceilings.empty() ? GpuCeilings{.gpu = gpu} : read_ceilings(plan.ceilings, gpu);
  }

  std::vector<BenchRow> ceilings() override;
  Measured measure(Case& c, const std::vector<Contender>& list) override;
  Roof roof(Case& c, const Measurement& m) override;
  void tell_conditions(const std::vector<BenchRow>&) const override;

 private:
  bool emulated() const { return device_->isa() == Isa::emulated; }
  const KnownGpu* known() const { return known_gpu_called(device_->gpu()->properties().name); }
  enum class When : uint8_t { before, after };  // timing
  /// Runs the contender on `there`, the case's copy on the device, and compares the outputs; after timing, checks that
  /// the inputs are unchanged too.
  void check(Case& c, Case& there, const Contender& who, const Reference& reference, When when);
  /// Bytes per second, read and written.
  double copy_speed();
  /// A large product in this dtype, by our preferred rung and by the libraries.
  const GpuProducts& products(DType dtype);
  bool libraries_multiply(DType dtype) const;
  /// The case of a product of this size.
  static std::unique_ptr<Case> product(DType dtype, int64_t n);
  void keep() const {
    if (!plan_.ceilings.empty()) write_ceilings(plan_.ceilings, kept_);
  }
  /// The peak with which arithmetic is compared: the fastest of those products if libraries take part;
  /// otherwise the figure of the GPU's maker, if known; otherwise our own.
  GpuPeak peak(DType dtype);
  BenchRow ceiling(const char* what, const std::string& where, const std::string& dtype,
                   const std::string& by, double per_second) const;

  const BenchPlan& plan_;
  const Peers& peers_;
  std::unique_ptr<Executor> device_;
  Moments moments_;
  GpuCeilings kept_;
};

void GpuMeasurer::check(Case& c, Case& there, const Contender& who, const Reference& reference, When when) {
  c.reset();
  there.refresh_outputs();
  who.run(there);
  when == When::after ? there.fetch() : there.fetch_outputs();
  std::string wrong = c.difference(reference, std::max(who.tolerance, allowed_difference(c.dtype())));
  if (wrong.empty()) wrong = c.damage();
  if (!wrong.empty())
    fail(ErrorCode::numerical, c.op(), " ", c.shape(), " ", name_of(c.dtype()), ", rung ", who.name, " on ",
         device_->name(), ", ", when == When::after ? "after" : "before", " timing: ", wrong);
}

Measured GpuMeasurer::measure(Case& c, const std::vector<Contender>& list) {
  const Reference reference = c.reference(default_threads());
  const auto there = c.on(*device_);
  for (const Contender& who : list) check(c, *there, who, reference, When::before);
  c.reset();
  there->refresh_outputs();
  Measured result;
  {
    Rotation operands(*there, c.bytes(), *device_);
    std::vector<Recording> recordings;
    for (const Contender& who : list) {
      result.of.push_back({.who = &who, .cache = operands.cache()});
      recordings.emplace_back(*device_, moments_, operands, who);
    }
    for (int64_t r = 0; r < plan_.repeat; ++r)
      for (size_t i = 0; i < list.size(); ++i) result.of[i].seconds.push_back(recordings[i].seconds());
  }
  for (Measurement& m : result.of) std::sort(m.seconds.begin(), m.seconds.end());
  for (const Contender& who : list) check(c, *there, who, reference, When::after);
  return result;
}

double GpuMeasurer::copy_speed() {
  double& best = kept_.copy_speed;
  if (best > 0) return best;
  GpuRuntime& gpu = *device_->gpu();
  const size_t bytes =
      emulated() ? size_t{1} << 20 : std::max(size_t{256} << 20, 8 * gpu.properties().l2_bytes);
  const auto from = Storage::allocate(*device_, bytes), to = Storage::allocate(*device_, bytes);
  device_->fill(from->data, 1, bytes);
  const auto copies = [&] {
    for (int i = 0; i < 4; ++i) device_->copy(to->data, from->data, bytes);
  };
  for (int64_t r = 0; r < std::max<int64_t>(plan_.repeat, 3); ++r) {
    copies();                                                 // keeps the GPU busy until the timed copies
    const double moved = 4 * 2 * static_cast<double>(bytes);  // read and written
    best = std::max(best, moved / timed(moments_, copies));
  }
  keep();
  return best;
}

BenchRow GpuMeasurer::ceiling(const char* what, const std::string& where, const std::string& dtype,
                              const std::string& by, double per_second) const {
  return ceiling_row({.op = what, .shape = where, .dtype = dtype, .rung = by}, device_->isa(),
                     device_->threads(), per_second);
}

std::unique_ptr<Case> GpuMeasurer::product(DType dtype, int64_t n) {
  Matmul m{};
  m.dtype = dtype;
  m.M = m.N = m.K = m.lda = m.ldb = m.ldc = n;
  return room_with("matmul")->like("matmul", &m).make({.bench = true});
}

bool GpuMeasurer::libraries_multiply(DType dtype) const {
  const std::vector<Contender> libraries = peers_.contenders(*product(dtype, 16), plan_);
  return std::any_of(libraries.begin(), libraries.end(),
                     [](const Contender& who) { return who.tolerance == 0; });
}

const GpuProducts& GpuMeasurer::products(DType dtype) {
  GpuProducts& found = kept_.products[dtype];
  if (!found.peaks.empty() && (found.of_libraries || !libraries_multiply(dtype))) return found;
  found = {};
  const auto c = product(dtype, emulated()             ? 16
                                : dtype == DType::bf16 ? 8192
                                : dtype == DType::f32  ? 4096
                                                       : 2048);
  BenchPlan preferred = plan_;
  preferred.ladder = false;
  std::vector<Contender> list = rungs_of(*c, preferred);
  for (Contender& who : peers_.contenders(*c, preferred))
    if (who.tolerance == 0) list.push_back(std::move(who));
  found.of_libraries = list.back().peer;
  found.shape = c->shape();
  for (const Measurement& best : measure(*c, list).of)
    found.peaks.push_back({c->cost().flops / best.best(), best.who->name});
  keep();
  return found;
}

GpuPeak GpuMeasurer::peak(DType dtype) {
  const bool beside_libraries = !plan_.compare.empty() && products(dtype).of_libraries;
  if (!beside_libraries && known()) return {known()->flops(dtype), "stated"};
  const auto& peaks = products(dtype).peaks;
  return *std::max_element(peaks.begin(), peaks.end(),
                           [](const GpuPeak& a, const GpuPeak& b) { return a.flops < b.flops; });
}

std::vector<BenchRow> GpuMeasurer::ceilings() {
  const DType dtype = plan_.request.dtype;
  const std::string type(name_of(dtype));
  std::vector<BenchRow> rows;
  const auto bytes = [&](const std::string& by, double speed) {
    rows.push_back(ceiling("copy", "memory", "", by, speed));
    rows.back().gbps = speed * 1e-9;
  };
  const auto flops = [&](const std::string& where, const std::string& by, double speed) {
    rows.push_back(ceiling("matmul", where, type, by, speed));
    rows.back().gflops = speed * 1e-9;
  };
  bytes("measured", copy_speed());
  for (const GpuPeak& peak : products(dtype).peaks) flops(products(dtype).shape, peak.by, peak.flops);
  if (known()) {
    bytes("stated", known()->bytes_per_s);
    flops("data sheet", "stated", known()->flops(dtype));
  }
  return rows;
}

Roof GpuMeasurer::roof(Case& c, const Measurement&) {
  const Cost cost = c.cost();
  const DType type = c.dtype() == DType::f64 || c.dtype() == DType::bf16 ? c.dtype() : DType::f32;
  const GpuPeak most = peak(type);
  const Roof arithmetic{cost.flops / most.flops, join(name_of(type), " by ", most.by)};
  const Roof memory{cost.bytes / copy_speed(), "memory"};
  return memory.seconds > arithmetic.seconds ? memory : arithmetic;
}

void GpuMeasurer::tell_conditions(const std::vector<BenchRow>&) const {
  if (emulated())
    return say(
        "The GPU was emulated on the host: results were checked, but the times say nothing about a real "
        "GPU.");
  say("Times were measured on the GPU, over back-to-back calls; operands were in memory, not in its "
      "second-level cache of ",
      bytes_text(static_cast<double>(device_->gpu()->properties().l2_bytes)), ", unless marked warm.");
}

}  // namespace

std::unique_ptr<Measurer> make_gpu_measurer(BenchPlan& plan, const Peers& peers) {
  return std::make_unique<GpuMeasurer>(plan, peers);
}

}  // namespace hewn::cli
