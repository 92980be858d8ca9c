#include "apps/sweep/runs.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <limits>
#include <set>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

#include "apps/cli/settings.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/run/train_start.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"

namespace hewn::cli {
namespace {

constexpr size_t most_definition_bytes = size_t{1} << 24;

const Command& train_command() { return *find_command("train"); }

// Whether a run of a sweep may have a value of its own for this option of `train`.
bool is_sweep_key(const Option& option) {
  return option.is_key() && (!option.once || option.name == "init_from") && option.name != "out_dir" &&
         option.name != "threads";
}

// File names in a value are made absolute, so that the sweep can go on from another directory.
std::string absolute_value(const std::string& key, const std::string& value) {
  if (key == "init_from") return path_exists(value) ? absolute_path(value) : value;
  if (key != "dataset" && key != "val" && key != "tokenizer") return value;
  Settings one(train_command());
  one.set({key, value, key});
  make_paths_absolute(one);
  return one.text(key);
}

void refuse_resume(const std::string& where, const std::string& key, const std::string& value) {
  require(key != "init_from" || value != "resume", where,
          ": a sweep resumes its own runs; give scratch, or a run or model to start from");
}

// Checks each value of a key and writes it as `Settings` does, so that equal values are equal texts.
GridKey checked_grid_key(const std::string& text) {
  GridKey grid = parse_grid_key(text);
  const std::string where = "grid " + text;
  for (std::string& value : grid.values) {
    Settings one(train_command());
    one.set({grid.key, value, where});
    const Option& option = *find_option(train_command(), grid.key);
    require(is_sweep_key(option), where, ": the runs of a sweep cannot differ in ", grid.key,
            option.name == "threads" ? "; --threads and --at_once divide the threads among them" : "");
    refuse_resume(where, grid.key, value);
    value = absolute_value(grid.key, one.text(grid.key));
    require_storable({grid.key, value, "grid"});
  }
  return grid;
}

bool is_in(const std::vector<GridKey>& grid, std::string_view key) {
  return std::any_of(grid.begin(), grid.end(), [&](const GridKey& g) { return g.key == key; });
}

// The keys of `train` that the settings give, except those of the grid.
std::vector<Assignment> given_base(const Settings& settings, const std::vector<GridKey>& grid) {
  std::vector<Assignment> base;
  for (const Option* option : options_of(train_command())) {
    const std::string key(option->name);
    if (!is_sweep_key(*option) || !settings.given(key) || is_in(grid, key)) continue;
    refuse_resume(settings.where(key), key, settings.text(key));
    base.push_back({key, absolute_value(key, settings.text(key)), settings.where(key)});
    require_storable(base.back());
  }
  return base;
}

// Refuses a given key with another value than the sweep has.
void refuse_other_base(const std::vector<Assignment>& given, const SweepDefinition& stored,
                       const std::string& directory) {
  Settings old(train_command());
  for (const auto& [key, value] : stored.base) old.set({key, value, definition_file(directory)});
  for (const Assignment& a : given) {
    const std::string was = old.text(a.key);
    require(a.value == was, a.where, ": ", a.key, " = ", a.value, ", but the sweep in ", directory, " has ",
            was.empty() ? "no value" : was, "; leave it out, or choose another --out_dir");
  }
}

}  // namespace

Settings SweepRun::settings() const {
  Settings all(train_command());
  for (const Assignment& key : keys) all.set(key);
  return all;
}

SweepDefinition define_sweep(const Settings& settings, const std::string& directory) {
  SweepDefinition sweep;
  for (const std::string& text : settings.list("grid")) sweep.grid.push_back(checked_grid_key(text));
  sweep.seeds = settings.integer("seeds");
  const std::string file = definition_file(directory);
  const bool goes_on = path_exists(file);
  if (goes_on) {
    const SweepDefinition stored =
        SweepDefinition::from_json(read_small_file(file, most_definition_bytes), file);
    check_grid(sweep.grid, sweep.seeds);
    sweep.grid = settings.given("grid") ? extended_grid(stored.grid, sweep.grid, directory) : stored.grid;
    refuse_other_base(given_base(settings, sweep.grid), stored, directory);
    if (!settings.given("seeds")) sweep.seeds = stored.seeds;
    require(sweep.seeds >= stored.seeds, settings.where("seeds"), ": seeds = ", sweep.seeds,
            ", but the sweep in ", directory, " has ", stored.seeds, "; give at least as many");
    sweep.base = stored.base;
  } else {
    for (Assignment& a : given_base(settings, sweep.grid))
      sweep.base.emplace_back(std::move(a.key), std::move(a.value));
  }
  check_grid(sweep.grid, sweep.seeds);
  require(sweep.seeds == 1 || !is_in(sweep.grid, "seed"), settings.where("seeds"),
          ": the grid already lists seeds; leave seeds out");
  return sweep;
}

std::vector<SweepRun> runs_of(const SweepDefinition& sweep, const std::string& directory,
                              const std::vector<SweepResult>& results) {
  std::set<std::string> finished;
  for (const SweepResult& r : results) finished.insert(r.name);
  std::vector<Assignment> base;
  for (const auto& [key, value] : sweep.base) base.push_back({key, value, definition_file(directory)});
  std::vector<SweepRun> runs;
  for (const auto& values : combinations(sweep.grid))
    for (int64_t i = 0; i < sweep.seeds; ++i) {
      SweepRun run;
      run.values = values;
      run.keys = base;
      for (size_t k = 0; k < values.size(); ++k)
        run.keys.push_back({sweep.grid[k].key, values[k], "grid " + sweep.grid[k].key + "=" + values[k]});
      const int64_t seed = run.settings().integer("seed") + i;
      if (i > 0) run.keys.push_back({"seed", std::to_string(seed), "seeds"});
      run.seed = static_cast<uint64_t>(seed);
      run.name = sweep_run_name(sweep.grid, values, run.seed);
      run.directory = directory + "/runs/" + run.name;
      run.finished = finished.contains(run.name);
      runs.push_back(std::move(run));
    }
  return runs;
}

std::vector<SweepResult> read_results(const std::vector<std::string>& lines, const std::string& path) {
  std::vector<SweepResult> results;
  std::set<std::string> names;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Doing reading("reading ", path, ", line ", i + 1);
    SweepResult r = sweep_result_from_json(lines[i]);
    if (names.insert(r.name).second) results.push_back(std::move(r));
  }
  return results;
}

namespace {

constexpr std::chrono::minutes longest_wait{10};

// The process that wrote its number into the lock file, if it still runs; otherwise 0.
pid_t running_holder(const std::string& file) {
  int64_t number = 0;
  std::string text = read_small_file(file, 64);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (!parse_integer(text, number) || number <= 0 || number > std::numeric_limits<pid_t>::max()) return 0;
  const auto pid = static_cast<pid_t>(number);
  return ::kill(pid, 0) == 0 || errno == EPERM ? pid : 0;
}

}  // namespace

SweepLock::SweepLock(const std::string& directory) {
  make_directories(directory);
  const std::string file = directory + "/.lock";
  lock_ = Descriptor(retried(::open, file.c_str(), O_RDWR | O_CREAT, 0666));  // inherited by the runs
  if (!lock_.is_open()) fail_at(ErrorCode::failed, file, "cannot be opened", errno);
  const auto start = Clock::now();
  for (bool said = false; retried(::flock, lock_.get(), LOCK_EX | LOCK_NB) != 0;) {
    if (errno != EWOULDBLOCK) fail_at(ErrorCode::failed, file, "cannot be locked", errno);
    const auto waited = Clock::now() - start;
    if (const pid_t holder = running_holder(file))
      fail(ErrorCode::failed, "the sweep in ", directory, " is in use by process ", holder,
           "; wait for it to end, or choose another --out_dir");
    if (waited > longest_wait || stop_signal() != 0)
      fail(ErrorCode::failed, "runs of an earlier sweep in ", directory,
           " are still training; end them or wait, then start the sweep again");
    if (waited > std::chrono::seconds(1) && !said) {
      say("wait    for the runs of an earlier sweep in ", directory, " to save and end");
      said = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  const int problem =
      retried(::ftruncate, lock_.get(), 0) != 0 ? errno : write_fully(lock_.get(), text.data(), text.size());
  if (problem) fail_at(ErrorCode::failed, file, "cannot be written", problem);
}

}  // namespace hewn::cli
