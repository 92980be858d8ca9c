#include "apps/bench/ladder/walk.h"

#include <algorithm>
#include <optional>

#include "apps/bench/ladder/limits.h"
#include "apps/bench/ladder/source.h"
#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/cli/line_editor.h"

namespace hewn::cli {
namespace {

constexpr size_t most_changes = 24;           // lines of a diff that are printed
constexpr double same_speed = 0.95;           // a rung less than this times as fast is slower
constexpr double faster_with_threads = 1.25;  // at least, if a rung makes use of several threads

/// Reads guesses until the input ends.
class Guesses {
 public:
  explicit Guesses(const Tell& tell) : tell_(tell) {}

  /// The answer to the question; empty if there is none.
  std::optional<double> ask(const std::string& question) {
    if (ended_) return {};
    tell_(question + "\n");
    for (;;) {
      const std::optional<std::string> line = editor_.read("> ");
      ended_ = !line;
      if (!line || line->empty()) return {};
      double guess = 0;
      if (parse_real(*line, guess) && guess > 0) return guess;
      tell_(join("'", line->substr(0, 40),
                 "' is not a positive number, such as 1.5; an empty line skips it\n"));
    }
  }

 private:
  const Tell& tell_;
  LineEditor editor_;
  bool ended_ = false;
};

/// A rung that has been timed.
struct Timed {
  Contender who;
  RungTime time;
  std::vector<Share> shares;
  RungSource source;
};

/// The times of a rung, of the previous one beside it, and of the rung on one thread.
struct Beside {
  Measured all;
  const Measurement& rung() const { return all.of[0]; }
  /// By name and threads; null if it was not timed.
  const Measurement* other(const std::string& name, int threads) const {
    for (size_t i = 1; i < all.of.size(); ++i)
      if (all.of[i].who->name == name && all.of[i].who->threads == threads) return &all.of[i];
    return nullptr;
  }
};

size_t index_of(const Case& c, const std::string& rung) {
  for (size_t i = 0; i < c.rungs(); ++i)
    if (rung == c.rung_name(i)) return i;
  return 0;
}

Contender not_sampled(Contender who) {
  who.sampled = false;
  return who;
}

/// A product of the same kind as this one, whose operands take 21 KiB together.
std::unique_ptr<Case> small_product(const Case& c) {
  constexpr const char* sizes = "8x128x32";
  const std::string kind = c.shape().substr(std::min(c.shape().find(' '), c.shape().size()));
  for (auto& small : room_with("matmul")->cases({.dtype = c.dtype(), .bench = true, .shape = sizes}))
    if (small->shape() == sizes + kind) return std::move(small);
  return nullptr;
}

class LadderWalk {
 public:
  LadderWalk(Case& c, const BenchPlan& plan, Measurer& measurer, const Tell& tell)
      : case_(c), plan_(plan), measurer_(measurer), tell_(tell), width_(terminal_width(Stream::results)) {}

  /// Introduces a rung, asks, times it and explains its time.
  BenchRow rung(const Contender& who, const Contender* on_one_thread, const std::string& number,
                Guesses& guesses, const MakeRow& row_of) {
    const size_t index = index_of(case_, who.name);
    const RungSource source = source_of(case_, index);
    tell_(join("\n", number, ": ", bold(Stream::results, who.name), source.file.empty() ? "" : ", ",
               source.place(), "\n"));
    paragraph(case_.rung_idea(index));
    if (previous_) changes(source);
    std::optional<double> guess;
    if (previous_)
      guess = guesses.ask(join("How many times as fast as ", previous_->who.name, " will it be?"));
    std::vector<Contender> list{who};
    if (previous_) list.push_back(previous_->who);
    if (on_one_thread) list.push_back(*on_one_thread);
    for (size_t i = 1; i < list.size(); ++i) list[i] = not_sampled(list[i]);
    const Beside beside{measurer_.measure(case_, list)};
    BenchRow row = row_of(beside.all, beside.rung());
    row.guess = guess.value_or(0);
    Timed now{who, time_of(beside), {}, source};
    now.time.near_speed = now.time.threads * near_speed(on_one_thread ? *on_one_thread : who);
    now.shares = shares_of(
        now.time, plan_.device == "cpu" ? vector_speeds(who.level, now.time.threads) : VectorSpeeds{});
    const Measurement* const before = previous_ ? beside.other(previous_->who.name, who.threads) : nullptr;
    if (before) row.times_previous = before->best() / row_seconds(beside);
    explain(now, row);
    previous_ = now;
    return row;
  }

 private:
  static double row_seconds(const Beside& beside) { return beside.rung().best(); }

  void paragraph(const std::string& text) const { tell_("  " + wrap(text, width_, 2) + "\n"); }

  void changes(const RungSource& source) const {
    const std::vector<std::string> lines = changed_lines(previous_->source.code, source.code);
    if (source.code.empty() || previous_->source.code.empty()) return;
    for (size_t i = 0; i < std::min(lines.size(), most_changes); ++i) tell_("    " + lines[i] + "\n");
    if (lines.size() > most_changes)
      tell_(join("    … and ", lines.size() - most_changes, " more changed lines\n"));
  }

  RungTime time_of(const Beside& beside) const {
    const Measurement& m = beside.rung();
    const Measurement* const single = m.who->threads > 1 ? beside.other(m.who->name, 1) : nullptr;
    const Shares& shares = beside.all.shares;
    RungTime time{.seconds = m.best(),
                  .flops = case_.cost().flops,
                  .threads = m.who->threads,
                  .disturbed_percent = std::max(0.0, shares.others) + std::max(0.0, shares.stolen)};
    if (single && single->best() < faster_with_threads * m.best()) time.threads = 1;
    Measurement on_its_threads = m;
    Contender who = *m.who;
    who.threads = time.threads;
    on_its_threads.who = &who;
    if (time.threads != m.who->threads) on_its_threads.streamed = 0;
    time.roof = measurer_.roof(case_, on_its_threads);
    // Only a matrix product does all of its arithmetic in one loop, and nothing else there.
    if (case_.op() == std::string_view("matmul")) time.loop = loop_figures(m.hot_loop.instructions);
    return time;
  }

  void explain(const Timed& now, BenchRow& row) const {
    row.waits_for = wait_text(now.time, now.shares);
    std::string text;
    if (row.times_previous > 0)
      text = join(fixed(row.times_previous, 2), " times as fast as ", previous_->who.name, ": ");
    text += join(fixed(now.time.seconds * 1e3, 3), " ms");
    if (now.time.flops > 0)
      text += join(", ", fixed(now.time.flops / now.time.seconds * 1e-9, 1), " GFLOP/s");
    text += join(", ", fixed(row.roof_percent, 0), "% of the roofline");
    if (now.time.loop) {
      row.loads_per_multiply_add = now.time.loop->loads / static_cast<double>(now.time.loop->multiply_adds);
      text += join("; ", fixed(row.loads_per_multiply_add, 2), " loads and ",
                   fixed(now.time.loop->stores / static_cast<double>(now.time.loop->multiply_adds), 2),
                   " stores per multiply-add of ",
                   number_text(now.time.loop->elements / now.time.loop->multiply_adds), " numbers");
    }
    if (now.time.threads < now.who.threads) text += join("; on one of the ", now.who.threads, " threads");
    paragraph(text);
    paragraph(row.waits_for);
    if (row.times_previous <= 0 || row.times_previous > same_speed) return;
    const std::string why =
        why_slower(now.time, now.shares, previous_->time, previous_->shares, previous_->who.name);
    if (!why.empty()) paragraph(why);
  }

  /// FLOP/s, on one thread, of a rung of matmul on operands that fit in the first-level cache together; 0 for other operations.
  double near_speed(const Contender& who) {
    if (plan_.device != "cpu" || case_.op() != std::string_view("matmul")) return 0;
    if (!near_) near_ = small_product(case_);
    if (!near_ || near_->why_not(index_of(*near_, who.name))) return 0;
    const std::vector<Contender> list{not_sampled(who)};
    return near_->cost().flops / measurer_.measure(*near_, list).of[0].best();
  }

  Case& case_;
  const BenchPlan& plan_;
  Measurer& measurer_;
  const Tell& tell_;
  int width_;
  std::unique_ptr<Case> near_;
  std::optional<Timed> previous_;
};

std::string guesses_table(const std::vector<BenchRow>& rows) {
  std::vector<std::vector<std::string>> cells{{"rung", "guess", "measured", "off by"}};
  for (const BenchRow& row : rows)
    if (row.times_previous > 0)
      cells.push_back(
          {row.rung, row.guess > 0 ? "x " + number_text(row.guess, 3) : "",
           "x " + fixed(row.times_previous, 2),
           row.guess > 0 ? fixed(std::max(row.guess / row.times_previous, row.times_previous / row.guess), 2)
                         : ""});
  return table_text(cells);
}

}  // namespace

std::vector<BenchRow> walk_ladder(Case& c, const BenchPlan& plan, Measurer& measurer, const Tell& tell,
                                  const MakeRow& row_of) {
  BenchPlan one = plan;
  one.threads = {1};
  const std::vector<Contender> rungs = rungs_of(c, plan);
  const std::vector<Contender> alone =
      plan.threads.front() > 1 && plan.device == "cpu" ? rungs_of(c, one) : std::vector<Contender>{};
  tell(join("The ladder of ", c.op(), " at ", c.shape(), " ", name_of(c.dtype()), ": ", rungs.size(),
            " rungs\n"));
  LadderWalk walk(c, plan, measurer, tell);
  Guesses guesses(tell);
  std::vector<BenchRow> rows;
  for (size_t i = 0; i < rungs.size(); ++i) {
    rows.push_back(walk.rung(rungs[i], alone.empty() ? nullptr : &alone[i], join(i + 1, " of ", rungs.size()),
                             guesses, row_of));
    rows.back().times_first = rows.front().best_ms / rows.back().best_ms;
  }
  tell("\nTimes as fast as the previous rung:\n" + guesses_table(rows) + "\n");
  return rows;
}

}  // namespace hewn::cli
