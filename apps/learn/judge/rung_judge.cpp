#include "apps/learn/judge/rung_judge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include "apps/bench/measure.h"
#include "apps/bench/rung.h"
#include "apps/cli/format.h"
#include "apps/learn/judge/judged_region.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "kernels/contract/rooms.h"
#include "kernels/devices/devices.h"

namespace hewn::cli::learn {
namespace {

constexpr double wrong_from = 1e-4;  // relative to the largest element; sums in another order differ by less
constexpr double slow_seconds = 20e-3;  // per call; slower rungs are timed fewer times
constexpr int repeat = 15, repeat_slow = 3;

/// The plug-in that RUNG exports; null if the file has none.
const RungPlugin* rung_of(const SharedLibrary& lesson) {
  const auto get = lesson.symbol<const RungPlugin* (*)()>("hewn_rung");
  return get ? get() : nullptr;
}

/// The fault of a rung in a case.
struct Fault {
  RungMistake mistake;
  std::vector<double> result = {};  ///< of its output, if that is wrong
};

bool close(double a, double b, double largest) { return std::abs(a - b) <= wrong_from * largest; }

double largest_of(const std::vector<double>& values) {
  double largest = 0;
  for (const double v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

/// The output of a case, and its right content.
class Output {
 public:
  explicit Output(Case& c) : case_(c) {
    c.reset();
    before_ = c.outputs().at(0);
    c.run(0, Isa::scalar, 1);
    right_ = {c.outputs(), {}};
  }
  const std::vector<double>& before() const { return before_; }
  const std::vector<double>& right() const { return right_.values[0]; }
  std::string difference() const { return case_.difference(right_); }
  std::vector<double> now() const { return case_.outputs().at(0); }
  /// Its memory, of floats.
  std::span<uint32_t> bits() const {
    for (Operand& o : case_.operands())
      if (o.output) return {reinterpret_cast<uint32_t*>(o.data()), static_cast<size_t>(o.n)};
    return {};
  }

 private:
  Case& case_;
  std::vector<double> before_;
  Reference right_;
};

/// The first wrong element; if none is far off, the whole differs by too much.
std::string wrong_text(const RungExercise& exercise, const RungResult& result,
                       const std::string& difference) {
  const double largest = largest_of(result.right);
  for (size_t i = 0; i < result.right.size(); ++i)
    if (!close(result.after[i], result.right[i], largest))
      return join(exercise.element(result.arguments, i), " is ",
                  std::isnan(result.after[i]) ? "NaN" : number_text(result.after[i]), ", but it must be ",
                  number_text(result.right[i]));
  return difference;
}

/// Runs the rung with 1 to 4 threads, whose parts follow each other, and returns the first fault.
std::optional<Fault> fault_in(const RungExercise& exercise, const RungPlugin& rung, Case& c,
                              const Output& output) {
  std::vector<double> with_one;
  for (const int threads : {1, 2, 3, 4}) {
    c.reset();
    RegionWatch watch(output.bits());
    run_rung(rung, c, threads);
    const std::string by = join(", with ", threads, threads == 1 ? " thread" : " threads");
    if (watch.race())
      return Fault{{"race", join(exercise.element(c.arguments(), watch.race()->element),
                                 " is written by parts ", watch.race()->first, " and ", watch.race()->second,
                                 " of the same parallel_for: a race", by)}};
    if (const std::string damage = c.damage(); !damage.empty()) return Fault{{damage, damage + by}};
    std::vector<double> now = output.now();
    const RungResult result{c.arguments(), output.before(), now, output.right()};
    if (const std::string difference = output.difference(); !difference.empty()) {
      RungMistake mistake = exercise.mistake(result);
      mistake.text = join(wrong_text(exercise, result, difference), by, mistake.text.empty() ? "" : "\n  ",
                          mistake.text);
      return Fault{mistake, std::move(now)};
    }
    if (threads == 1) with_one = now;
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i] != with_one[i])
        return Fault{{"order", join(exercise.element(c.arguments(), i), " is ", number_text(now[i], 9), by,
                                    ", but ", number_text(with_one[i], 9),
                                    " with 1: the order of its sum depends on the number of threads")}};
  }
  return std::nullopt;
}

/// The same, and then with threads that run at the same time.
std::optional<Fault> first_fault(const RungExercise& exercise, const RungPlugin& rung, Case& c) {
  try {
    if (std::optional<Fault> fault = fault_in(exercise, rung, c, Output(c))) return fault;
    const std::string wrong = fault_of(rung, c);
    if (wrong.empty()) return std::nullopt;
    return Fault{{"threads", wrong + ", but only if the threads run at the same time: they share memory that "
                                     "one of them writes"}};
  } catch (const std::exception& error) {
    return Fault{{"exception", join("the function threw an exception: ", error.what())}};
  }
}

bool same_fault(const Fault& a, const Fault& b) {
  if (a.mistake.kind != b.mistake.kind) return false;
  if (!a.mistake.kind.empty()) return true;
  const double largest = largest_of(a.result);
  return std::equal(a.result.begin(), a.result.end(), b.result.begin(), b.result.end(),
                    [&](double x, double y) { return close(x, y, largest); });
}

/// The room by its name. `room_with` would create all cases of the room to find an operation.
const Room& room_of(const RungExercise& exercise) {
  for (const Room& room : rooms())
    if (exercise.room == std::string_view(room.name)) return room;
  fail(ErrorCode::failed, "there is no room ", exercise.room);
}

/// The cases of a request that the rung accepts.
Cases cases_of(const RungExercise& exercise, const RungPlugin& rung, const CaseRequest& request) {
  Cases all = room_of(exercise).cases(request);
  std::erase_if(all, [&](const auto& c) { return !accepts(rung, *c); });
  return all;
}

/// The case that is judged last, and then timed.
CaseRequest timed_case(const RungExercise& exercise) { return {.bench = true, .shape = exercise.timed}; }

/// All cases in their order, or as many of them as are needed: their numbers take longer to make than to multiply.
Cases judged_cases(const RungExercise& exercise, const RungPlugin& rung,
                   size_t needed = std::numeric_limits<size_t>::max()) {
  Cases all;
  for (const CaseRequest& request :
       {CaseRequest{.shape = exercise.first}, CaseRequest{}, timed_case(exercise)})
    if (all.size() < needed)
      for (auto& c : cases_of(exercise, rung, request)) all.push_back(std::move(c));
  return all;
}

/// The hint of the known answer whose first fault is in the same case and of the same kind; "" if none is.
std::string hint_for(const RungExercise& exercise, const KnownAnswers& known, const Fault& fault,
                     size_t in_case, const std::function<void()>& before_each) {
  Cases cases;
  for (const WrongAnswer& answer : known()) {
    before_each();
    const RungPlugin& rung = *static_cast<const RungPlugin*>(answer.entry);
    if (cases.empty()) cases = judged_cases(exercise, rung, in_case + 1);
    for (size_t i = 0; i <= in_case; ++i) {
      const std::optional<Fault> its = fault_in(exercise, rung, *cases[i], Output(*cases[i]));
      if (!its) continue;
      if (i == in_case && same_fault(fault, *its)) return answer.hint;
      if (!cases[i]->damage().empty()) cases.clear();  // it stays damaged
      break;
    }
  }
  return "";
}

double seconds_of(const RungPlugin& rung, Case& c) {
  const auto start = Clock::now();
  run_rung(rung, c, 1);
  return seconds_since(start);
}

/// A table of the times, the rivals first, and which of them the fastest other one has passed.
std::string times_text(const std::vector<Measurement>& times, size_t rivals, const Cost& cost) {
  std::vector<std::vector<std::string>> cells{{"rung", "threads", "ms", "GFLOP/s"}};
  double mine = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < times.size(); ++i) {
    const double seconds = times[i].best();
    cells.push_back({i < rivals ? times[i].who->name : "yours", std::to_string(times[i].who->threads),
                     fixed(seconds * 1e3, 3), fixed(cost.flops / seconds * 1e-9, 1)});
    if (i >= rivals) mine = std::min(mine, seconds);
  }
  std::string text = table_text(cells);
  for (size_t i = 0; i < rivals; ++i) {
    const double ratio = times[i].best() / mine;
    text += join(times[i].who->name, ratio > 1 ? ": passed; yours is " : ": not passed yet; yours is ",
                 fixed(ratio, 2), " times as fast\n");
  }
  return text;
}

std::string rung_advice(const std::string& error) {
  for (const char* name : {"min", "max"})
    if (error.find(join("no matching function for call to '", name)) != error.npos)
      return join("  both numbers need the same type: std::", name, "<int64_t>(W, n)\n");
  return "";
}

}  // namespace

Build RungJudge::build() const {
  const Isa isa = best_isa();
  const int bytes = isa >= Isa::avx512 && isa <= Isa::amx ? 64 : isa == Isa::avx2 ? 32 : 16;
  return {{"hewn/rung.h", "core/dtype.h", "core/write.h", "kernels/activation/abi.h",
           "kernels/activation/table.h", "kernels/contract/isa.h", "kernels/contract/launch.h",
           "kernels/contract/parallel.h", "kernels/contract/plugin.h", "kernels/matmul/abi.h",
           "kernels/simd/vec.h"},
          {"-std=c++20", "-O3", "-march=native", join("-DHEWN_VBYTES=", bytes),
           "-Dparallel_region=judged_region"},
          rung_advice};
}

Verdict RungJudge::judge(const SharedLibrary& lesson, const KnownAnswers& known,
                         const std::function<void(const std::string& name)>& mark) const {
  const RungPlugin* const rung = rung_of(lesson);
  if (!rung) return {false, "wrong: the file has no function that begins with RUNG(...)\n"};
  const Cases cases = judged_cases(exercise_, *rung);
  for (size_t i = 0; i < cases.size(); ++i) {
    Case& c = *cases[i];
    const std::string sizes = exercise_.sizes(c.arguments());
    mark(sizes);
    const std::optional<Fault> fault = first_fault(exercise_, *rung, c);
    if (!fault) continue;
    const std::string hint = hint_for(exercise_, known, *fault, i, [&] { mark(sizes); });
    return {false, join("wrong: in the case \"", sizes, "\"\n  ", fault->mistake.text, "\n",
                        hint.empty() ? "" : join("  ", hint, "\n"))};
  }
  return {true};
}

void RungJudge::reward(const SharedLibrary& lesson, const Sender& send, const std::string&) const {
  const RungPlugin& rung = *rung_of(lesson);
  const Cases cases = cases_of(exercise_, rung, timed_case(exercise_));
  Case& c = *cases.at(0);
  BenchPlan plan;
  plan.threads = {1};
  plan.isas = {best_isa()};
  plan.cold = false;
  plan.ladder = true;
  std::vector<Contender> list;
  for (const Contender& who : rungs_of(c, plan))
    if (std::find(exercise_.rivals.begin(), exercise_.rivals.end(), who.name) != exercise_.rivals.end())
      list.push_back(who);
  const size_t rivals = list.size();
  if (const int most = default_threads(); most > 1) plan.threads.push_back(most);
  for (Contender& who : contenders(rung, c, plan)) list.push_back(std::move(who));
  plan.repeat = seconds_of(rung, c) > slow_seconds ? repeat_slow : repeat;
  const Measured measured = make_cpu_measurer(plan)->measure(c, list);
  send('t', join("timed with ", exercise_.sizes(c.arguments()), ", in turn, the best of ", plan.repeat, ":\n",
                 times_text(measured.of, rivals, c.cost())));
}

}  // namespace hewn::cli::learn
