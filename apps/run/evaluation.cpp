#include "apps/run/evaluation.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "model/json.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"

namespace hewn::cli {

namespace {

std::string line(const std::string& name, const std::string& value, const std::string& note = "") {
  return name + std::string(16 - name.size(), ' ') + value + (note.empty() ? "" : "  " + note) + "\n";
}

/// The perplexity after, divided by that before: the value, and the ends of its interval.
struct Ratio {
  double value, low, high;
};

Ratio perplexity_ratio(const Divergence& d) {
  const double more = d.loss_after - d.loss_before;
  return {std::exp(more), std::exp(more - d.loss_margin), std::exp(more + d.loss_margin)};
}

std::string percent_more(double ratio) { return (ratio >= 1 ? "+" : "") + fixed(100 * (ratio - 1), 3) + "%"; }

}  // namespace

std::string evaluation_text(const Evaluation& e) {
  std::string out = line("loss", fixed(e.loss, 6), "nats per token");
  out += line("perplexity", fixed(e.perplexity(), 4));
  if (e.bits_per_byte) out += line("bits per byte", fixed(*e.bits_per_byte, 4));
  out += line("accuracy", fixed(100 * e.accuracy, 2) + "%", "of the tokens were the most likely prediction");
  out += line("tokens", long_count(e.tokens), "in " + long_count(e.windows) + " windows");
  if (e.floor)
    out +=
        line("lower bound", fixed(*e.floor, 6),
             "exact -log P of this text; the loss is " + fixed(100 * (e.loss / *e.floor - 1), 2) + "% above");
  return out;
}

std::string evaluation_json(const Evaluation& e, const std::string& checkpoint) {
  Json out{{"loss", e.loss}, {"perplexity", e.perplexity()}};
  if (e.bits_per_byte) out["bits_per_byte"] = *e.bits_per_byte;
  out["accuracy"] = e.accuracy;
  out["tokens"] = e.tokens;
  if (e.floor) out["floor"] = *e.floor;
  out["checkpoint"] = checkpoint;
  return json_text(out, 2) + "\n";
}

std::string divergence_text(const Divergence& d) {
  const Ratio ratio = perplexity_ratio(d);
  return line("perplexity", fixed(std::exp(d.loss_after), 4),
              "before: " + fixed(std::exp(d.loss_before), 4)) +
         line("change", percent_more(ratio.value),
              "95% interval: " + percent_more(ratio.low) + " to " + percent_more(ratio.high)) +
         line("KL divergence", number_text(d.kl_mean), "nats per token, mean") +
         line("", number_text(d.kl_p99), "99th percentile") + line("", number_text(d.kl_max), "largest") +
         line("same top", fixed(100 * d.same_top, 2) + "%",
              "of the tokens have the same likeliest prediction") +
         line("tokens", long_count(d.tokens));
}

Json divergence_record(const Divergence& d) {
  const Ratio ratio = perplexity_ratio(d);
  return {{"perplexity",
           {{"before", std::exp(d.loss_before)},
            {"after", std::exp(d.loss_after)},
            {"ratio", ratio.value},
            {"interval", {ratio.low, ratio.high}}}},
          {"kl", {{"mean", d.kl_mean}, {"p99", d.kl_p99}, {"max", d.kl_max}}},
          {"same_top", d.same_top},
          {"tokens", d.tokens}};
}

void Verdict::compare(const std::string& what, const std::string& run, const std::string& reference) {
  const std::string tensor =
      first_different_tensor(find_checkpoint(run, "last"), find_checkpoint(reference, "last"));
  print(what, tensor.empty() ? ": same bits" : ": DIFFERENT bits, first in " + tensor, "\n");
  if (!tensor.empty()) status_ = static_cast<int>(ErrorCode::numerical);
}

namespace {

using Line = StepProfile::Line;

template <class Name>
std::string profile_table(const StepProfile& profile, const std::string& head, const std::vector<Line>& lines,
                          const Name& name) {
  const double steps = static_cast<double>(std::max<int64_t>(1, profile.steps()));
  std::vector<std::vector<std::string>> rows = {
      {head, "calls", "ms", "% of step", "GFLOP/s", "GB/s", "% of roofline"}};
  for (const Line& l : lines)
    rows.push_back({name(l), fixed(static_cast<double>(l.calls) / steps, 0),
                    fixed(l.seconds / steps * 1e3, 3), fixed(100 * l.seconds / profile.step_seconds(), 1),
                    fixed(l.cost.flops / l.seconds * 1e-9, 1), fixed(l.cost.bytes / l.seconds * 1e-9, 1),
                    fixed(100 * l.floor / l.seconds, 0)});
  return table_text(rows);
}

}  // namespace

double outside_kernels_percent(const StepProfile& profile) {
  return 100 * (1 - profile.total().seconds / profile.step_seconds());
}

std::string profile_tables(const StepProfile& profile) {
  const auto kernel = [](const Line& l) { return l.op + " (" + l.rung + ")"; };
  const auto part = [](const Line& l) {
    return l.phase == Phase::update ? l.scope
                                    : (l.scope.empty() ? "model" : l.scope) + " " + name_of(l.phase);
  };
  const double steps = static_cast<double>(std::max<int64_t>(1, profile.steps()));
  return join(profile_table(profile, "kernel", profile.by_kernel(), kernel), "\n",
              profile_table(profile, "part of the step", profile.by_part(), part), "\n",
              fixed(profile.step_seconds() / steps * 1e3, 3), " ms per step, ",
              fixed(outside_kernels_percent(profile), 1), "% of it outside kernels (",
              on_gpu(profile.device().isa()) ? "copies, waiting for the host" : "tape, allocator, threads",
              ")\n");
}

}  // namespace hewn::cli
