// hewn report: a page of pictures of runs.

#include "apps/report/report.h"

#include <algorithm>
#include <filesystem>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "apps/page/page.h"
#include "apps/page/svg.h"
#include "apps/report/model_rows.h"
#include "apps/report/page/figures.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/line_file.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/checkpoint/layout.h"

// Created by CMake from the style and scripts in page/: see apps/CMakeLists.txt.
extern "C" const char hewn_report_css[], hewn_report_css_end[];
extern "C" const char hewn_report_js[], hewn_report_js_end[];

namespace hewn::cli {
namespace {

constexpr size_t most_reported = 32;  // runs on a page

bool looks_like_run(const std::string& path) {
  const fs::path run(path);
  for (const char* name : {configuration_file, "metrics.jsonl", checkpoints_directory, "env.json"})
    if (path_exists(run / name)) return true;
  return false;
}

// The runs of a sweep, in the order of its results, then those without a result.
std::vector<ReportedRun> runs_of_sweep(const std::string& sweep) {
  std::vector<ReportedRun> runs;
  const std::string prefix = sweep + "/runs/";
  for (const std::string& line : complete_lines(sweep + "/results.jsonl")) {
    const Row result = Row::parse(line, nullptr, false);
    if (!result.is_object() || !result.contains("run") || !result["run"].is_string()) continue;
    const auto name = result["run"].get<std::string>();
    if (looks_like_run(prefix + name)) runs.push_back({.path = prefix + name, .name = name, .sweep = result});
  }
  const std::vector<ReportedRun> finished = runs;
  std::error_code ignored;
  for (const auto& entry : entries_of(prefix, ignored)) {
    const std::string name = entry.filename().string();
    const bool known = std::any_of(finished.begin(), finished.end(),
                                   [&](const ReportedRun& run) { return run.name == name; });
    if (!known && looks_like_run(prefix + name)) runs.push_back({.path = prefix + name, .name = name});
  }
  if (runs.empty())
    fail(ErrorCode::input, sweep, ": the sweep has no runs yet; `", program(), " sweep ",
         shell_word("--out_dir=" + sweep), "` continues it");
  return runs;
}

void add_reported(std::vector<ReportedRun>& runs, std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (!path_exists(path))
    fail(ErrorCode::input, path, ": no such run; name the directory of a run, of a sweep, or a model file");
  if (path_exists(path + "/sweep.json")) {
    for (ReportedRun& run : runs_of_sweep(path)) runs.push_back(std::move(run));
    return;
  }
  const bool checkpoint = path_exists(path + "/state.json");
  if (!is_foreign_model(path) && !checkpoint && !looks_like_run(path))
    fail(ErrorCode::input, path,
         " is not a run: it has neither config.toml nor metrics.jsonl nor checkpoints; name the directory "
         "that `",
         program(), " train` wrote, a sweep, or a model file");
  runs.push_back({.path = path, .name = path});
}

// The run that is reported if none is named.
std::string default_run() { return std::string(find_option(*find_command("train"), "out_dir")->initial); }

std::vector<ReportedRun> named_runs(const Settings& settings) {
  std::vector<ReportedRun> runs;
  if (settings.arguments.empty()) {
    const std::string made = default_run();
    require(looks_like_run(made), "no run was given; use `", program(), " report RUN...`; ./", made,
            ", where `hewn train` writes by default, is not a run");
    add_reported(runs, made);
  }
  for (const std::string& path : settings.arguments) add_reported(runs, path);
  if (runs.size() > most_reported) {
    say("note: the report shows the first ", most_reported, " of ", runs.size(),
        " runs; name fewer to choose others");
    runs.resize(most_reported);
  }
  return runs;
}

Row run_json(ReportedRun& run) {
  const std::string directory = run_of(run.path);
  if (!run.losses) run.losses = is_foreign_model(run.path) ? ReferenceLosses{} : reference_losses(directory);
  Row out{{"name", run.name}};
  out["losses"] = row_or_reason([&] { return losses_row(directory, *run.losses); });
  out["schedule"] = row_or_reason([&] { return schedule_row(directory); });
  out["depth"] = row_or_reason([&] { return depth_row(directory); });
  out["texts"] = row_or_reason([&] { return kept_texts_row(directory); });
  out["profile"] = row_or_reason([&] { return profile_row(directory); });
  out["results"] = row_or_reason([&] { return results_row(directory); });
  if (!run.sweep.is_null()) {
    if (out["results"].contains("missing")) out["results"] = Row::object();
    out["results"]["sweep"] = run.sweep;
  }
  out["about"] = row_or_reason([&] { return about_row(directory); });
  return out;
}

std::string title_of(const std::vector<ReportedRun>& runs) {
  return runs.size() == 1 ? "Report of " + runs[0].name
                          : join("Report of ", runs[0].name, " and ", runs.size() - 1, " more");
}

}  // namespace

Row report_json(const Settings& settings, std::vector<ReportedRun>& runs, bool inspects) {
  Row report{
      {"format", "hewn-report"}, {"version", 1}, {"program", version_number()}, {"runs", Row::array()}};
  for (ReportedRun& run : runs) {
    Row out = run_json(run);
    if (!inspects)
      add_no_model_rows(out, "this report does not look into the model",
                        join(program(), " report ", shell_word(run.path)));
    else if (&run == &runs[0])
      add_model_rows(out, settings, run.path, run.losses->text);
    else
      add_no_model_rows(out, "a report looks into the model of its first run",
                        join(program(), " report ", shell_word(run.path)));
    report["runs"].push_back(std::move(out));
  }
  return report;
}

uint64_t write_report(const std::string& path, const std::string& title, const Row& report) {
  std::string drawings;
  for (const Figure& figure : report_figures(report))
    if (*figure.picture)
      drawings += svg_in_page(figure.svg, join(" data-picture='", figure.picture, "' data-run='",
                                               figure.of_all ? "" : std::to_string(figure.run), "'"));
  const std::string text = page({.title = title,
                                 .style = {hewn_report_css, hewn_report_css_end},
                                 .script = {hewn_report_js, hewn_report_js_end},
                                 .body = join("<template id='drawings'>\n", drawings, "</template>\n")},
                                json_text(report));
  return write_file_atomically(path, text).size;
}

KeptReport::KeptReport(const Settings& training, const std::string& run)
    : settings_(*find_command("report")), runs_{{.path = run, .name = run}} {
  for (const char* key : {"device", "threads"})
    if (training.takes(key) && training.given(key))
      settings_.set({key, training.text(key), training.where(key)});
}

void KeptReport::write(bool inspects) {
  write_report(path(), title_of(runs_), report_json(settings_, runs_, inspects));
}

namespace {

// Those of the first run, and of all.
void write_figures(const std::string& directory, const Row& report) {
  make_directories(directory);
  size_t written = 0;
  for (const Figure& figure : report_figures(report))
    if (figure.run == 0) {
      write_file_atomically(directory + "/" + figure.name + ".svg", svg_file(figure.svg));
      ++written;
    }
  say("wrote ", written, " figures into ", directory);
}

std::string page_path(const Settings& settings) {
  if (settings.has("out")) return settings.text("out");
  if (settings.arguments.size() > 1) return "report.html";
  const std::string named = settings.arguments.empty() ? default_run() : settings.arguments[0];
  // SWEEP/report.html is what the sweep writes itself.
  return page_beside(named, path_exists(named + "/sweep.json") ? "runs.html" : "report.html");
}

}  // namespace

int run_report(const Settings& settings) {
  const bool json = settings.flag("json");
  require(!json || !settings.given("out"), settings.where("out"),
          ": out writes a page, and json prints its data; give one of them");
  std::vector<ReportedRun> runs = named_runs(settings);
  const Row report = report_json(settings, runs, settings.flag("inspect"));
  if (settings.has("figures")) write_figures(settings.text("figures"), report);
  if (json) {
    print(json_text(report, 1), "\n");
    return 0;
  }
  const std::string path = page_path(settings);
  const uint64_t bytes = write_report(path, title_of(runs), report);
  print("wrote ", path, ", ", bytes_text(static_cast<double>(bytes)), "\n");
  return 0;
}

}  // namespace hewn::cli
