#include "apps/bench/roof.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "kernels/roof/caches.h"
#include "kernels/roof/roof.h"

namespace hewn::cli {
namespace {

constexpr double always = std::numeric_limits<double>::infinity();
constexpr size_t in_memory = size_t{256} << 20;  // a working set larger than any cache

// A single measurement may be disturbed, for instance while one of two cores is taken away. If a result comes
// near it, it is repeated, and the best value is kept.
template <class Measure>
double best_of(double& known, double reached, const Measure& measure) {
  if (known == 0 || reached > 0.5 * known) known = std::max(known, measure());
  return known;
}

double peak(DType dtype, Isa isa, int threads, double reached) {
  static std::map<std::tuple<DType, Isa, int>, double> known;
  return best_of(known[{dtype, isa, threads}], reached, [&] { return measured_flops(dtype, isa, threads); });
}

double functions(MathFunction function, Isa isa, int threads, double reached) {
  static std::map<std::tuple<MathFunction, Isa, int>, double> known;
  return best_of(known[{function, isa, threads}], reached,
                 [&] { return measured_functions(function, isa, threads); });
}

double stream(StreamMix mix, size_t set, Isa isa, int threads) {
  static std::map<std::tuple<StreamMix, size_t, Isa, int>, double> known;
  double& speed = known[{mix, set, isa, threads}];
  if (speed == 0) speed = PlainStream(mix, set, isa, threads).measured();
  return speed;
}

// The bytes that a kernel reads, updates in place and writes, in eighths. Its cost is the total number of
// bytes moved. The size of its outputs was written; the rest beyond the inputs was read from outputs first.
StreamMix mix_of(Case& c) {
  double inputs = 0, outputs = 0;
  for (const Operand& o : c.operands())
    (o.output ? outputs : inputs) += static_cast<double>(o.n) * static_cast<double>(size_of(o.dtype));
  const Cost cost = c.cost();
  const double moved = cost.bytes, some = c.needs().updated;
  const double written = some > 0 ? std::min(outputs, some) : std::min(outputs, moved);
  const double update = some >= 0 ? some : std::clamp(moved - inputs - written, 0.0, written);
  const double read = moved - written - update, write = written - update;
  const auto eighths = [&](double part) {
    return static_cast<int>(std::lround(8 * part / (moved - update)));
  };
  return {eighths(read), eighths(update), eighths(write)};
}

std::string level_of(size_t set, int threads) {
  for (const CacheLevel& level : cache_levels())
    if (set <= level.bytes * static_cast<size_t>(level.shared ? 1 : threads))
      return "L" + std::to_string(level.level);
  return "memory";
}

// The size of the stream's working set.
size_t set_of(Case& c, Cache cache) {
  const size_t bytes = cache == Cache::cold ? cold_set(c) : c.bytes();
  size_t set = size_t{16} << 10;
  while (set < bytes && set < in_memory) set *= 2;
  return set;
}

}  // namespace

RoofStream::RoofStream(Case& c, Isa level, int threads, Cache cache)
    : stream_(mix_of(c), set_of(c, cache), level, threads), bytes_(c.cost().bytes) {}

void RoofStream::walk(int64_t calls) {
  const auto bytes = static_cast<size_t>(bytes_ * static_cast<double>(calls));
  stream_.walk(std::min(bytes, size_t{4} << 20), false);  // wakes the threads, fills caches
  for (const bool past_caches : {false, true})
    if (!past_caches || stream_.writes()) best_ = std::max(best_, stream_.walk(bytes, past_caches));
}

bool streams(Case& c, Isa level, int threads, Cache cache) {
  const double bytes = c.cost().bytes;
  return bytes > 0 && bytes / stream(mix_of(c), set_of(c, cache), level, threads) >
                          0.5 * roof_of(c, level, threads, cache, always).seconds;
}

Roof roof_of(Case& c, Isa level, int threads, Cache cache, double took, double streamed) {
  const Cost cost = c.cost();
  const DType type = c.dtype() == DType::f64 || c.dtype() == DType::bf16 ? c.dtype() : DType::f32;
  Roof roof{cost.flops / peak(type, level, threads, cost.flops / took), std::string(name_of(type)) + " peak"};
  const auto raise = [&](double seconds, const std::string& bound) {
    if (seconds > roof.seconds) roof = {seconds, bound};
  };
  // In double precision these come from the C++ library, one at a time, and are no roof.
  if (c.dtype() != DType::f64) {
    const Needs needs = c.needs();
    if (needs.exps > 0)
      raise(needs.exps / functions(MathFunction::exp, level, threads, needs.exps / took), "exp");
    if (needs.tanhs > 0)
      raise(needs.tanhs / functions(MathFunction::tanh, level, threads, needs.tanhs / took), "tanh");
  }
  if (!(cost.bytes > 0)) return roof;
  if (streamed == 0) streamed = stream(mix_of(c), set_of(c, cache), level, threads);
  raise(cost.bytes / streamed, cache == Cache::cold ? "memory" : level_of(c.bytes(), threads));
  return roof;
}

double arithmetic_gain(Isa isa, int threads) {
  return peak(DType::f32, isa, threads, 0) / peak(DType::f32, isa, 1, 0);
}

VectorSpeeds vector_speeds(Isa isa, int threads) {
  static std::map<Isa, double> latencies;
  double& latency = latencies[isa];
  if (latency == 0) latency = measured_latency(isa);
  const double bytes = isa >= Isa::avx512 && isa <= Isa::amx ? 64 : isa == Isa::avx2 ? 32 : 16;
  const size_t set = cache_levels().front().bytes / 2 * static_cast<size_t>(threads);
  return {.multiply_adds = peak(DType::f32, isa, threads, 0) / (2 * bytes / sizeof(float)),
          .loads = stream({8, 0, 0}, set, isa, threads) / bytes,
          .stores = stream({4, 0, 4}, set, isa, threads) / (2 * bytes),
          .latency = latency};
}

BenchRow ceiling_row(BenchRow row, Isa isa, int threads, double per_second) {
  row.op = "ceiling." + row.op;
  row.isa = name_of(isa);
  row.threads = threads;
  row.best_ms = row.median_ms = 1e12 / per_second;
  row.roof_percent = 100;
  return row;
}

std::vector<BenchRow> ceilings(const BenchPlan& plan) {
  std::set<int> threads{1};
  threads.insert(plan.threads.begin(), plan.threads.end());
  const Isa isa = plan.isas.back();
  std::vector<BenchRow> rows;
  const auto add = [&](const char* what, const std::string& where, DType dtype, int n, double speed) {
    rows.push_back(
        ceiling_row({.op = what, .shape = where, .dtype = std::string(name_of(dtype)), .rung = "measured"},
                    isa, n, speed));
  };
  for (const int n : threads) {
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      const double flops = peak(dtype, isa, n, always);
      add("fma", "registers", dtype, n, flops);
      rows.back().gflops = flops * 1e-9;
    }
    for (const auto& [name, function] : {std::pair{"exp", MathFunction::exp}, {"tanh", MathFunction::tanh}})
      add(name, "L1", DType::f32, n, functions(function, isa, n, always));
    for (size_t i = 0; i <= cache_levels().size(); ++i) {
      const bool memory = i == cache_levels().size();
      const CacheLevel level = memory ? CacheLevel{} : cache_levels()[i];
      // Half of a level, which leaves room for other data.
      const size_t set = memory ? in_memory : level.bytes / 2 * static_cast<size_t>(level.shared ? 1 : n);
      const std::string name = memory ? "memory" : "L" + std::to_string(level.level);
      for (const auto& [what, mix] : {std::pair{"read", StreamMix{8, 0, 0}}, {"copy", StreamMix{4, 0, 4}}}) {
        const double speed = stream(mix, set, isa, n);
        add(what, name, DType::f32, n, speed);
        rows.back().gbps = speed * 1e-9;
      }
    }
  }
  return rows;
}

}  // namespace hewn::cli
