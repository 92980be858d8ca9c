#include "apps/report/rows.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/cli/config_file.h"
#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/run/files/metrics.h"
#include "apps/run/open_run.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/line_file.h"
#include "core/io/path.h"
#include "model/json.h"
#include "model/tokenizer/utf8.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

constexpr size_t most_points = 1000;                 // of a curve
constexpr size_t most_texts = 8;                     // kept samples that are shown
constexpr size_t most_text_bytes = 2000;             // of one of them
constexpr size_t most_json_bytes = size_t{1} << 22;  // of a small file of a run
constexpr size_t most_kernels = 40;                  // lines of a profile

// A number; null, as in JSON, unless it is finite.
Row number_or_null(double x) { return std::isfinite(x) ? Row(x) : Row(nullptr); }

// Every k-th index of n, and the last one: at most `most_points`.
std::vector<size_t> thinned(size_t n) {
  const size_t every = std::max<size_t>(1, (n + most_points - 1) / most_points);
  std::vector<size_t> kept;
  for (size_t i = 0; i < n; i += every) kept.push_back(i);
  if (n > 0 && kept.back() != n - 1) kept.push_back(n - 1);
  return kept;
}

// {"steps", "values", "lines"}: `lines` in the file, of which the arrays have at most `most_points`.
Row series_row(const Series& series) {
  Row out{{"steps", Row::array()}, {"values", Row::array()}, {"lines", series.steps.size()}};
  for (const size_t i : thinned(series.steps.size())) {
    out["steps"].push_back(series.steps[i]);
    out["values"].push_back(series.values[i]);
  }
  return out;
}

Row part_series_row(const PartSeries& series) {
  Row out{{"parts", series.parts},
          {"steps", Row::array()},
          {"values", Row::array()},
          {"lines", series.steps.size()}};
  for (const size_t i : thinned(series.steps.size())) {
    out["steps"].push_back(series.steps[i]);
    out["values"].push_back(json_list(series.values[i], number_or_null));
  }
  return out;
}

std::string metrics_of(const std::string& run) { return run + "/metrics.jsonl"; }

Row no_metrics(const std::string& run) {
  return missing_row(path_exists(metrics_of(run)) ? "metrics.jsonl has no complete line yet"
                                                  : "the run has no metrics.jsonl: it was not trained here");
}

// The keys of a run's config.toml, whatever they are.
std::vector<Assignment> keys_of(const std::string& run) {
  const std::string path = run + "/config.toml";
  return path_exists(path) ? read_config(path) : std::vector<Assignment>();
}

std::string key_of(const std::string& run, std::string_view name) {
  for (const Assignment& key : keys_of(run))
    if (key.key == name) return key.value;
  return "";
}

Row json_file(const std::string& path) { return read_json(path, most_json_bytes); }

// The command that repeats the training of a run, with this key and value added; "" if there is none: the run was not
// trained here, or its training does not have the key.
std::string again(const std::string& run, const std::string& suffix, std::string_view key = "",
                  const std::string& more = "") {
  if (!path_exists(metrics_of(run)) || !path_exists(run + "/config.toml")) return "";
  const Command& command = training_command(run);
  const bool steps = key_of(run, "arch") != "ngram";  // which has neither gradients nor a step to profile
  if (!key.empty() && (!find_option(command, key) || !steps)) return "";
  const std::string from = started_from(run);
  return join(program(), " ", command.name, " ", shell_word(run + "/config.toml"),
              from.empty() ? "" : " " + shell_word("--init_from=" + from), key.empty() ? "" : " --", key,
              more, " ", shell_word("--out_dir=" + run + suffix));
}

// The beginning of a text, cut between characters.
std::string beginning(const std::string& text) {
  if (text.size() <= most_text_bytes) return text;
  size_t end = most_text_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

}  // namespace

Row missing_row(const std::string& reason, const std::string& command) {
  Row row{{"missing", reason}};
  if (!command.empty()) row["command"] = command;
  return row;
}

Row row_or_reason(const std::function<Row()>& make) {
  try {
    return make();
  } catch (const Error& error) {
    return missing_row(error.what());
  } catch (const Row::exception&) {
    return missing_row("a file of the run holds JSON of another form than expected");
  }
}

Row losses_row(const std::string& run, const ReferenceLosses& losses) {
  const Metrics metrics = read_metrics(metrics_of(run));
  if (metrics.numbers.empty()) return no_metrics(run);
  Row out = Row::object();
  for (const auto& [name, series] : metrics.numbers)
    if (name == "loss" || name.starts_with("val_")) out["series"][name] = series_row(series);
  if (!out.contains("series")) return no_metrics(run);
  if (losses.floor) out["floor"] = *losses.floor;
  if (losses.bigram) out["bigram"] = *losses.bigram;
  if (losses.uniform) out["uniform"] = *losses.uniform, out["of_uniform"] = losses.of_uniform;
  out["notes"] = losses.notes;
  if (metrics.unreadable > 0)
    out["notes"].push_back(
        join(metrics.unreadable, " of ", metrics.lines, " lines of metrics.jsonl could not be read"));
  if (metrics.not_finite > 0)
    out["notes"].push_back(
        join(metrics.not_finite, " numbers were not finite (NaN or infinite) and are missing"));
  return out;
}

Row schedule_row(const std::string& run) {
  const Metrics metrics = read_metrics(metrics_of(run));
  if (metrics.of("learning_rate").steps.empty()) return no_metrics(run);
  Row out = Row::object();
  for (const char* name : {"learning_rate", "grad_norm", "tokens_per_s"})
    out[name] = series_row(metrics.of(name));
  double clip = 0;
  if (parse_real(key_of(run, "grad_clip"), clip) && clip > 0) {
    Series factors = metrics.of("grad_norm");
    for (double& norm : factors.values) norm = norm > clip ? clip / norm : 1;
    out["grad_clip"] = clip;
    out["clip_factor"] = series_row(factors);
  }
  return out;
}

Row depth_row(const std::string& run) {
  const Metrics metrics = read_metrics(metrics_of(run));
  Row out = Row::object();
  for (const char* name : {"grad_norms", "update_ratios"})
    if (const auto at = metrics.parts.find(name); at != metrics.parts.end())
      out[name] = part_series_row(at->second);
  if (!out.empty()) return out;
  return missing_row("the run did not log gradients and updates by depth; they are logged at each validation",
                     again(run, "-depth", "log_grad_norms", " --log_update_ratios"));
}

Row kept_texts_row(const std::string& run) {
  std::vector<fs::path> paths;
  if (path_exists(run + "/samples"))
    for (const fs::path& entry : entries_of(run + "/samples")) {
      const std::string name = entry.filename().string();
      if (name.starts_with("step-") && name.ends_with(".txt")) paths.push_back(entry);
    }
  if (paths.empty())
    return missing_row("the run kept no samples", again(run, "-samples", "sample_interval", "=100"));
  std::sort(paths.begin(), paths.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string(), y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  Row out{{"texts", Row::array()}, {"kept", paths.size()}};
  const size_t shown = std::min(paths.size(), most_texts);
  for (size_t i = 0; i < shown; ++i) {  // evenly, with the first and the last one
    const fs::path& path = paths[shown == 1 ? 0 : i * (paths.size() - 1) / (shown - 1)];
    const std::string name = path.stem().string();
    int64_t step = 0;
    parse_integer(name.substr(name.find('-') + 1), step);
    out["texts"].push_back(
        {{"step", step}, {"text", beginning(read_small_file(path.string(), most_json_bytes))}});
  }
  return out;
}

Row profile_row(const std::string& run) {
  const std::string path = run + "/profile.json";
  if (!path_exists(path))
    return missing_row("the run has no profile.json", again(run, "-profile", "profile", " --max_iters=20"));
  Row out = json_file(path);
  Row& kernels = out.at("kernels");
  const size_t all = kernels.size();
  double seconds = 0;
  for (size_t i = most_kernels; i < all; ++i) seconds += kernels[i].value("ms", 0.0);
  if (all > most_kernels) {
    kernels.erase(kernels.begin() + most_kernels, kernels.end());
    out["left_out"] = {{"kernels", all - most_kernels}, {"ms", seconds}};
  }
  return out;
}

Row about_row(const std::string& run) {
  Row out{{"config", Row::object()}};
  for (const Assignment& key : keys_of(run)) out["config"][key.key] = key.value;
  if (path_exists(run + "/env.json")) out["environment"] = json_file(run + "/env.json");
  if (out["config"].empty() && !out.contains("environment"))
    return missing_row("there is no config.toml and no env.json");
  if (const std::string command = again(run, "-again"); !command.empty()) out["command"] = command;
  return out;
}

Row results_row(const std::string& run) {
  Row out = Row::object();
  for (const char* name : {"task", "evaluation"})
    if (const std::string path = run + "/" + name + ".json"; path_exists(path)) out[name] = json_file(path);
  if (const std::string path = run + "/scores.jsonl"; path_exists(path)) {
    Row scores = Row::array();
    int64_t without = 0;
    for (const std::string& line : complete_lines(path)) {
      const Row entry = Row::parse(line, nullptr, false);
      const bool scored = entry.is_object() && entry.contains("score") && entry["score"].is_number();
      if (scored)
        scores.push_back(entry["score"]);
      else
        ++without;
    }
    out["scores"] = {{"scores", scores}, {"without", without}};
  }
  if (!out.empty()) return out;
  const std::string arch = key_of(run, "arch"),
                    command = join(program(), " finetune classify ", shell_word("--init_from=" + run),
                                   " --data=TABLE ", shell_word("--out_dir=" + run + "-labels"));
  return missing_row(
      "the run is not fine-tuned and was not judged; these rows are task.json, evaluation.json and "
      "scores.jsonl",
      arch.empty() || arch == "gpt" ? command : "");
}

}  // namespace hewn::cli
