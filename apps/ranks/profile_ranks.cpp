#include "apps/ranks/profile_ranks.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "apps/cli/format.h"
#include "core/text.h"
#include "model/json.h"
#include "train/ranks/agreement.h"

namespace hewn::cli {
namespace {

constexpr size_t most_columns = 8;  // of ranks, each with its own

// Milliseconds per step of one kernel, or of what is no kernel, by rank.
struct Line {
  std::string name;
  std::vector<double> ms;
};

double kernels_ms(const Json& rank) {
  double sum = 0;
  for (const Json& kernel : rank.at("kernels")) sum += kernel.at("ms").get<double>();
  return sum;
}

// Of a rank's kernel, which another may lack.
double ms_of(const Json& rank, const Json& op, const Json& rung) {
  for (const Json& kernel : rank.at("kernels"))
    if (kernel.at("op") == op && kernel.at("rung") == rung) return kernel.at("ms").get<double>();
  return 0;
}

std::vector<Line> lines_of(const Json& ranks) {
  const auto by_rank = [&](std::string name, const std::function<double(const Json&)>& ms) {
    Line line{std::move(name), {}};
    for (const Json& rank : ranks) line.ms.push_back(ms(rank));
    return line;
  };
  const auto waited = [](const Json& rank) { return rank.at("waited_ms").get<double>(); };
  const auto whole = [](const Json& rank) { return rank.at("ms_per_step").get<double>(); };
  std::vector<Line> lines;
  for (const Json& some : ranks)  // those of rank 0 first, which may lack some
    for (const Json& kernel : some.at("kernels")) {
      const Json &op = kernel.at("op"), &rung = kernel.at("rung");
      const std::string name = join(op.get<std::string>(), " (", rung.get<std::string>(), ")");
      if (std::none_of(lines.begin(), lines.end(), [&](const Line& line) { return line.name == name; }))
        lines.push_back(by_rank(name, [&](const Json& rank) { return ms_of(rank, op, rung); }));
    }
  lines.push_back(by_rank("waiting for other ranks", waited));
  lines.push_back(by_rank("everything else", [&](const Json& rank) {
    return std::max(0.0, whole(rank) - kernels_ms(rank) - waited(rank));
  }));
  lines.push_back(by_rank("step", whole));
  return lines;
}

}  // namespace

Json gather_profiles(Ranks& ranks, const StepProfile& profile, const Traffic& traffic) {
  const auto steps = static_cast<double>(profile.steps());
  Json kernels = Json::array();
  for (const StepProfile::Line& line : profile.by_kernel())
    kernels.push_back({{"op", line.op}, {"rung", line.rung}, {"ms", line.seconds / steps * 1e3}});
  const Json mine{{"host", name_of_host()},
                  {"ms_per_step", profile.step_seconds() / steps * 1e3},
                  {"waited_ms", traffic.seconds_waited / steps * 1e3},
                  {"bytes_sent", traffic.bytes_sent / profile.steps()},
                  {"kernels", kernels}};
  return json_list(ranks.gather(json_text(mine)),
                   [](const std::string& theirs) { return Json::parse(theirs); });
}

std::string rank_profile_table(const Json& ranks) {
  const bool each = ranks.size() <= most_columns;
  std::vector<std::vector<std::string>> rows{{"ms per step"}};
  if (each)
    for (size_t rank = 0; rank < ranks.size(); ++rank) rows[0].push_back(join("rank ", rank));
  else
    rows[0].insert(rows[0].end(), {"fastest", "median", "slowest"});
  for (Line& line : lines_of(ranks)) {
    std::vector<std::string>& row = rows.emplace_back(1, line.name);
    if (!each) {
      std::sort(line.ms.begin(), line.ms.end());
      line.ms = {line.ms.front(), line.ms[line.ms.size() / 2], line.ms.back()};
    }
    for (const double ms : line.ms) row.push_back(fixed(ms, 3));
  }
  return table_text(rows);
}

}  // namespace hewn::cli
