// hewn sweep: trains a run for every combination of a grid and every seed, and ranks them.

#include <filesystem>
#include <optional>

#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/sweep/report.h"
#include "apps/sweep/runs.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "train/checkpoint/layout.h"

namespace hewn::cli {
namespace {

// By default, a sweep of the configuration that a run keeps is in the run's directory.
std::string directory_of(const Settings& settings) {
  const fs::path config = settings.config, run = config.parent_path();
  const bool of_run = config.filename() == configuration_file && path_exists(run / checkpoints_directory);
  const bool chosen = settings.given("out_dir") && !settings.where("out_dir").starts_with(settings.config);
  std::string directory = of_run && !chosen ? (run / "sweep").string() : settings.text("out_dir");
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
}

// Refuses a directory that holds something else.
void require_sweep_or_nothing(const std::string& directory) {
  if (path_exists(definition_file(directory))) return;
  if (!path_exists(directory)) return;
  require(path_is_directory(directory), "out_dir ", directory, " is a file, not a directory");
  for (const auto& entry : entries_of(directory)) {
    const std::string name = entry.filename().string();
    require(name == ".lock" || is_temporary(name), "out_dir ", directory,
            " is not empty and holds no sweep; choose another --out_dir");
  }
}

// The results in an order that does not depend on which run ended first.
std::vector<SweepResult> in_order(const std::vector<SweepResult>& results,
                                  const std::vector<SweepRun>& runs) {
  std::vector<SweepResult> ordered;
  for (const SweepRun& run : runs)
    for (const SweepResult& r : results)
      if (r.name == run.name) ordered.push_back(r);
  return ordered;
}

int conclude_sweep(const Settings& settings, const std::string& directory, const SweepDefinition& sweep,
                   const SweepOutcome& outcome, const std::vector<SweepResult>& results, size_t runs) {
  const std::vector<RankedCombination> ranking = rank(results);
  if (!results.empty()) {
    const std::string page = directory + "/report.html";
    write_file_atomically(page, sweep_page(directory, ranking, results, outcome));
    say("charts  ", page);
  }
  print(settings.flag("json") ? sweep_json(ranking, results, outcome)
                              : ranking_text(ranking, outcome, sweep.seeds, settings.flag("md")));
  flush_results();
  const std::string again = join(program(), " sweep ", shell_word("--out_dir=" + directory));
  if (outcome.stopped) {
    say("stopped with ", results.size(), " of ", runs, " runs finished");
    say("continue with: ", again);
    return stop_status();
  }
  if (outcome.failed.empty()) return 0;
  say(outcome.failed.size(), " of ", runs, " runs failed; their messages are in ", directory, "/logs");
  say("try them again with: ", again);
  return static_cast<int>(ErrorCode::failed);
}

}  // namespace

int run_sweep(const Settings& settings) {
  require(settings.arguments.empty(), "'", settings.arguments.empty() ? "" : settings.arguments[0],
          "' is neither a CONFIG.toml nor a key; give a key with its values as --grid=n_layer=2,4");
  const std::string directory = directory_of(settings);
  require_storable({"out_dir", directory, settings.where("out_dir")});
  require_sweep_or_nothing(directory);
  const bool dry_run = settings.flag("dry_run");
  SweepDefinition sweep = define_sweep(settings, directory);
  require(!sweep.grid.empty() || sweep.seeds > 1,
          "nothing varies; give a key with several values, such as --grid=n_layer=2,4, or --seeds=N");
  std::optional<SweepLock> lock;
  if (!dry_run) {
    catch_signals();
    lock.emplace(directory);
    remove_temporary_files(directory);
    sweep = define_sweep(settings, directory);  // another call may have extended it meanwhile
  }
  const std::string results_path = results_file(directory);
  std::vector<SweepResult> results = read_results(complete_lines(results_path), results_path);
  const SweepPlan plan = plan_sweep(runs_of(sweep, directory, results), sweep, results, settings);
  if (dry_run) {
    print(settings.flag("json") ? plan_json(plan, sweep) : plan_text(plan, sweep));
    return 0;
  }
  say(plan_text(plan, sweep));
  write_file_atomically(definition_file(directory), sweep.to_json());
  LineFile file(results_path);
  const SweepOutcome outcome =
      work_through(plan, sweep, directory, settings.flag("final_eval"), file, results);
  return conclude_sweep(settings, directory, sweep, outcome, in_order(results, plan.runs), plan.runs.size());
}

}  // namespace hewn::cli
