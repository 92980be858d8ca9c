// hewn bench kernels: every room's cases at the sizes of real models, each result checked, then timed.

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/format.h"
#include "apps/suggest.h"
#include "apps/terminal.h"
#include "core/error.h"
#include "kernels/devices.h"
#include "kernels/roof/roof.h"
#include "kernels/rooms.h"

namespace hewn::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double least_seconds = 1e-3;  // a repetition calls often enough to take this long

struct Plan {
  std::vector<int> threads;
  std::vector<Isa> isas;
  int64_t repeat = 5;
  bool ladder = false;
};

/// One way of doing a case.
struct Contender {
  size_t rung = 0;
  Isa isa = Isa::scalar;
  int threads = 1;
  int64_t calls = 1;              ///< per repetition
  std::vector<double> seconds{};  ///< per call, one entry per repetition
};

struct Row {
  std::string op, shape, dtype, isa, rung;
  int threads = 1;
  double best_ms = 0, median_ms = 0, gflops = 0, gbps = 0, roof_percent = 0;
};

int64_t number_in(const Settings& settings, const char* key, const std::string& text) {
  int64_t n = 0;
  require(parse_integer(text, n) && n >= 1 && n <= 1024, settings.where(key), ": '", text,
          "' is not a number of threads; give one or several, as in 1,2");
  return n;
}

Plan plan_of(const Settings& settings) {
  Plan plan{
      .threads = {}, .isas = {}, .repeat = settings.integer("repeat"), .ladder = settings.flag("ladder")};
  if (!settings.has("threads"))
    plan.threads = {default_threads()};
  else
    for (const std::string& text : split(settings.text("threads"), ','))
      plan.threads.push_back(static_cast<int>(number_in(settings, "threads", text)));
  if (!settings.has("isa"))
    plan.isas = {best_isa()};
  else
    for (const std::string& name : split(settings.text("isa"), ',')) {
      const auto* found = std::find_if(compiled_isas.begin(), compiled_isas.end(),
                                       [&](Isa isa) { return name_of(isa) == name; });
      require(found != compiled_isas.end() || name == "scalar", settings.where("isa"),
              ": this build has no code for '", name, "'");
      const Isa isa = name == "scalar" ? Isa::scalar : *found;
      require(supported(isa), settings.where("isa"), ": this processor cannot run ", name);
      plan.isas.push_back(isa);
    }
  return plan;
}

// Whether `--op` asks for this operation: by room ("softmax") or by name ("softmax.forward").
bool wanted(const std::vector<std::string>& ops, std::string_view room, std::string_view op) {
  return ops.empty() || std::any_of(ops.begin(), ops.end(),
                                    [&](const std::string& name) { return name == room || name == op; });
}

// The variant a rung runs on a processor of this level: its own, or a lower one.
bool runs_on(const Case& c, size_t rung, Isa isa, Isa& variant) {
  for (int i = static_cast<int>(isa); i >= 0; --i) {
    variant = static_cast<Isa>(i);
    if (c.has(rung, variant)) return true;
  }
  return false;
}

std::vector<Contender> contenders(const Case& c, const Plan& plan) {
  std::vector<Contender> list;
  for (const int threads : plan.threads)
    for (const Isa isa : plan.isas) {
      std::vector<Contender> here;
      for (size_t rung = 0; rung < c.rungs(); ++rung) {
        Isa variant = isa;
        if (!c.why_not(rung) && runs_on(c, rung, isa, variant)) here.push_back({rung, variant, threads});
      }
      if (!plan.ladder && here.size() > 1) here.erase(here.begin(), here.end() - 1);
      list.insert(list.end(), here.begin(), here.end());
    }
  return list;
}

void check(Case& c, const Contender& who, const std::vector<std::vector<double>>& reference) {
  c.reset();
  c.run(who.rung, who.isa, who.threads);
  std::string wrong = c.difference(reference);
  if (wrong.empty()) wrong = c.damage();
  if (!wrong.empty())
    fail(ErrorCode::numerical, c.op(), " ", c.shape(), " ", name_of(c.dtype()), ", rung ",
         c.rung_name(who.rung), " on ", name_of(who.isa), ", ", who.threads, " threads: ", wrong);
}

double seconds_per_call(Case& c, const Contender& who) {
  const auto start = Clock::now();
  for (int64_t i = 0; i < who.calls; ++i) c.run(who.rung, who.isa, who.threads);
  const std::chrono::duration<double> took = Clock::now() - start;
  return took.count() / static_cast<double>(who.calls);
}

// Interleaved: all contenders in turn, again and again, so that a disturbance hits none alone.
void time_all(Case& c, std::vector<Contender>& list, int64_t repeat) {
  for (Contender& who : list) {
    const double once = seconds_per_call(c, who);
    who.calls = std::clamp<int64_t>(static_cast<int64_t>(least_seconds / std::max(once, 1e-9)), 1, 100'000);
  }
  for (int64_t r = 0; r < repeat; ++r)
    for (Contender& who : list) who.seconds.push_back(seconds_per_call(c, who));
}

// The least time the machine's roofs allow: arithmetic at its peak, or bytes at the speed of a set of that
// size.
double floor_seconds(const Case& c, const Contender& who, Isa isa) {
  static std::map<std::tuple<DType, Isa, int>, double> flops;
  static std::map<std::tuple<size_t, Isa, int>, double> bandwidth;
  const Cost cost = c.cost();
  double& peak = flops[{c.dtype(), isa, who.threads}];
  if (peak == 0) peak = measured_flops(c.dtype(), isa, who.threads);
  size_t set = 1;
  while (static_cast<double>(set) < cost.bytes) set *= 2;
  double& speed = bandwidth[{set, isa, who.threads}];
  if (speed == 0) speed = measured_bandwidth(set, isa, who.threads);
  return std::max(cost.flops / peak, cost.bytes / speed);
}

std::vector<Row> bench(Case& c, const Plan& plan) {
  c.reset();
  c.run(0, Isa::scalar, *std::max_element(plan.threads.begin(), plan.threads.end()));
  const auto reference = c.outputs();
  std::vector<Contender> list = contenders(c, plan);
  for (const Contender& who : list) check(c, who, reference);
  time_all(c, list, plan.repeat);
  std::vector<Row> rows;
  for (Contender& who : list) {
    check(c, who, reference);
    std::sort(who.seconds.begin(), who.seconds.end());
    const double best = who.seconds.front(), median = who.seconds[who.seconds.size() / 2];
    const Cost cost = c.cost();
    const double floor = floor_seconds(c, who, plan.isas.back());
    rows.push_back({c.op(), c.shape(), std::string(name_of(c.dtype())), std::string(name_of(who.isa)),
                    c.rung_name(who.rung), who.threads, best * 1e3, median * 1e3, cost.flops / best * 1e-9,
                    cost.bytes / best * 1e-9, 100 * floor / best});
  }
  return rows;
}

void print_csv(const std::vector<Row>& rows) {
  print("op,shape,dtype,threads,isa,rung,best_ms,median_ms,gflops,gbps,roof_percent\n");
  for (const Row& r : rows)
    print(r.op, ",", r.shape, ",", r.dtype, ",", r.threads, ",", r.isa, ",", r.rung, ",", r.best_ms, ",",
          r.median_ms, ",", r.gflops, ",", r.gbps, ",", r.roof_percent, "\n");
}

void print_json(const std::vector<Row>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Row& r : rows)
    list.push_back({{"op", r.op},
                    {"shape", r.shape},
                    {"dtype", r.dtype},
                    {"threads", r.threads},
                    {"isa", r.isa},
                    {"rung", r.rung},
                    {"best_ms", r.best_ms},
                    {"median_ms", r.median_ms},
                    {"gflops", r.gflops},
                    {"gbps", r.gbps},
                    {"roof_percent", r.roof_percent}});
  print(list.dump(2), "\n");
}

void print_table(const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> cells = {{"op", "shape", "dtype", "threads", "isa", "rung", "best ms",
                                                  "median ms", "GFLOP/s", "GB/s", "roof %"}};
  for (const Row& r : rows)
    cells.push_back({r.op, r.shape, r.dtype, std::to_string(r.threads), r.isa, r.rung, fixed(r.best_ms, 4),
                     fixed(r.median_ms, 4), fixed(r.gflops, 2), fixed(r.gbps, 2), fixed(r.roof_percent, 1)});
  print(table_text(cells));
}

}  // namespace

int run_bench_kernels(const Settings& settings) {
  require(settings.arguments.empty(), "bench kernels takes no argument '",
          settings.arguments.empty() ? "" : settings.arguments[0], "'; choose with --op, --shape, --isa");
  const Plan plan = plan_of(settings);
  const std::vector<std::string> ops =
      settings.has("op") ? split(settings.text("op"), ',') : std::vector<std::string>{};
  require(ops.size() == 1 || !settings.has("shape"),
          "--shape needs one --op, since shapes are written differently");
  const CaseRequest request{
      .dtype = dtype_from_name(settings.text("dtype")), .bench = true, .shape = settings.text("shape")};
  std::vector<Row> rows;
  std::vector<std::string> known;
  for (const Room& room : rooms()) {
    known.emplace_back(room.name);
    const bool near = ops.empty() || std::any_of(ops.begin(), ops.end(), [&](const std::string& op) {
                        return split(op, '.')[0] == room.name || op == room.name;
                      });
    if (!near) continue;
    for (const auto& c : room.cases(request)) {
      if (!wanted(ops, room.name, c->op())) continue;
      detail("timing ", c->op(), " ", c->shape());
      for (Row& row : bench(*c, plan)) rows.push_back(std::move(row));
    }
  }
  require(!rows.empty(), "no kernels called '", settings.text("op"), "' for ", settings.text("dtype"),
          did_you_mean(settings.text("op"), known), "; `hewn info` lists them all");
  if (settings.flag("json"))
    print_json(rows);
  else if (settings.flag("csv"))
    print_csv(rows);
  else
    print_table(rows);
  return 0;
}

}  // namespace hewn::cli
