// hewn classify: labels texts with a classifier.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "core/error.h"
#include "core/io/file_kind.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/tables/table.h"
#include "train/tasks/classifier.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

constexpr size_t most_input_bytes = size_t{1} << 30;

/// The texts to label, and the table that they come from, if any.
struct Texts {
  std::unique_ptr<Table> table;
  std::unique_ptr<std::string> lines;  // what the texts refer to, without a table
  std::vector<std::string_view> texts;
};

/// What the model says about a text.
struct Labelling {
  size_t label = 0;
  std::vector<double> probabilities;
};

/// A classifier with its labels.
class OpenClassifier {
 public:
  OpenClassifier(OpenRun& run, std::vector<std::string> labels, int64_t max_length)
      : run_(run), labels_(std::move(labels)), max_length_(max_length), reader_(run.texts(), max_length) {}

  const std::vector<std::string>& labels() const { return labels_; }

  /// Labels texts in order, `batch_size` at a time.
  void classify(const Texts& texts, size_t batch_size,
                const std::function<void(size_t i, const Labelling&)>& use) {
    for (size_t first = 0; first < texts.texts.size(); first += batch_size) {
      const size_t end = std::min(first + batch_size, texts.texts.size());
      std::vector<std::vector<int32_t>> tokens;
      for (size_t i = first; i < end; ++i) {
        TextReader::Text text = read(texts, i);
        cut_ += text.cut;
        tokens.push_back(std::move(text.tokens));
      }
      auto results = label_log_probabilities(*run_.model, tokens);
      for (size_t i = first; i < end; ++i) {
        Labelling found{0, std::move(results[i - first])};
        for (double& value : found.probabilities) {
          value = std::exp(value);
          if (std::isnan(value)) fail(ErrorCode::numerical, "the model's probabilities are not finite");
        }
        found.label = static_cast<size_t>(likeliest(found.probabilities));
        use(i, found);
      }
    }
    if (cut_ > 0)
      say("note: ", long_count(cut_), cut_ == 1 ? " text has" : " texts have", " more than ", max_length_,
          " tokens: only the last ", max_length_, " were read");
  }

 private:
  TextReader::Text read(const Texts& texts, size_t i) const {
    try {
      return reader_.read(texts.texts[i]);
    } catch (const Error& error) {
      const std::string where =
          texts.table ? texts.table->where(static_cast<int64_t>(i)) : join("text ", i + 1);
      fail(error.code(), where, ": ", error.what());
    }
  }

  OpenRun& run_;
  std::vector<std::string> labels_;
  int64_t max_length_, cut_ = 0;
  TextReader reader_;
};

/// The labels of a model that is no run: as the model names them, else their numbers.
std::vector<std::string> numbered_labels(const OpenRun& run) {
  std::vector<std::string> labels = run.labels;
  for (int64_t i = std::ssize(labels); i < run.model->config().n_labels; ++i)
    labels.push_back(std::to_string(i));
  return labels;
}

OpenClassifier open_classifier(OpenRun& run, const std::optional<Task>& task) {
  const ModelConfig& config = run.model->config();
  require(config.classifies(), run.run, " is a language model, not a classifier; train one with `", program(),
          " finetune classify ", shell_word("--init_from=" + run.run), " --data=TABLE ",
          shell_word("--out_dir=" + run.run + "-labels"), "`");
  require(run.tokenizer != nullptr, run.run, " cannot read text: ", run.no_tokenizer);
  if (!task) return {run, numbered_labels(run), config.block_size};
  if (std::ssize(task->labels) != config.n_labels)
    fail(ErrorCode::input, run.run, "/task.json: has ", task->labels.size(), " labels, but the model ",
         config.n_labels, "; restore the run's original file");
  return {run, task->labels, task->longest_row(config.block_size)};
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string column_name(const Settings& settings, const std::optional<Task>& task) {
  if (settings.has("text")) return settings.text("text");
  if (task)
    if (const auto at = task->columns.find("text"); at != task->columns.end()) return at->second;
  return "text";
}

bool has_name_of_table(const fs::path& path) {
  const std::string end = path.extension().string();
  return end == ".csv" || end == ".tsv" || end == ".json" || end == ".jsonl";
}

/// Whether a file is read as a table: if its name says so, or an option that only tables have is given.
bool is_table(const Settings& settings, const fs::path& path) {
  return settings.has("text") || settings.flag("csv") || has_name_of_table(path);
}

Texts read_texts(const Settings& settings, const std::optional<Task>& task,
                 const std::vector<std::string>& given) {
  Texts result;
  const bool input = given.empty() || (given.size() == 1 && given[0] == "-");
  const bool file = given.size() == 1 && !input && word_is_file(given[0]);
  require(input || file || !settings.flag("csv"), settings.where("csv"),
          ": --csv adds columns to a table; give a file with a table");
  if (!input && !file) {
    if (given.size() == 1 && has_name_of_table(given[0])) fail(ErrorCode::input, given[0], ": no such file");
    for (const std::string& text : given) result.texts.push_back(text);
    return result;
  }
  std::string content =
      input ? read_standard_input(most_input_bytes) : std::string(MappedFile(given[0]).text());
  if (!is_table(settings, file ? given[0] : "")) {
    if (file) refuse_foreign_kind(given[0], content);
    result.lines = std::make_unique<std::string>(std::move(content));
    result.texts = lines_of(*result.lines);
    return result;
  }
  const std::string column = column_name(settings, task);
  result.table = std::make_unique<Table>(file ? given[0] : "standard input", std::move(content),
                                         TableOptions{.columns = {column}});
  const int64_t at = result.table->column(column);
  for (int64_t row = 0; row < result.table->rows(); ++row)
    result.texts.push_back(result.table->text(row, at));
  return result;
}

void print_json(std::string_view text, const std::vector<std::string>& labels, const Labelling& found) {
  Json probabilities = Json::object();
  for (size_t k = 0; k < labels.size(); ++k) probabilities[labels[k]] = found.probabilities[k];
  print(json_text(Json{{"text", text}, {"label", labels[found.label]}, {"probabilities", probabilities}}),
        "\n");
}

// "spam  spam 0.9987  ham 0.0013": the label, then all labels from the most to the least likely.
void print_line(const std::vector<std::string>& labels, const Labelling& found) {
  std::vector<size_t> order(labels.size());
  for (size_t k = 0; k < order.size(); ++k) order[k] = k;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return found.probabilities[a] > found.probabilities[b]; });
  std::string line = labels[found.label];
  for (const size_t k : order) line += join("\t", labels[k], " ", fixed(found.probabilities[k], 4));
  print(line, "\n");
}

/// The names of the columns that --csv adds.
std::vector<std::string> added_columns(const Table& table, const std::vector<std::string>& labels) {
  std::vector<std::string> names{"predicted"};
  for (const std::string& label : labels) names.push_back("p(" + label + ")");
  for (const std::string& name : names)
    if (std::find(table.columns().begin(), table.columns().end(), name) != table.columns().end())
      fail(ErrorCode::input, table.name(), ": already has a column ", name,
           ", which --csv would add; rename it or remove it");
  return names;
}

}  // namespace

int run_classify(const Settings& given) {
  const bool json = given.flag("json"), csv = given.flag("csv");
  require(!(json && csv), "json and csv are different output formats; give one of them");
  Settings settings = given;
  std::vector<std::string> rest;
  if (!settings.given("out_dir") && !settings.arguments.empty()) {
    rest.assign(settings.arguments.begin() + 1, settings.arguments.end());
    settings.arguments.resize(1);
  } else {
    rest = std::exchange(settings.arguments, {});
  }
  OpenRun run = open_run(settings);
  const std::optional<Task> task = read_task(run.run);
  OpenClassifier classifier = open_classifier(run, task);
  const Texts texts = read_texts(settings, task, rest);
  std::optional<TableWriter> writer;
  if (csv) writer.emplace(*texts.table, added_columns(*texts.table, classifier.labels()));
  classifier.classify(texts, static_cast<size_t>(settings.integer("batch_size")),
                      [&](size_t i, const Labelling& found) {
                        if (json) return print_json(texts.texts[i], classifier.labels(), found);
                        if (!csv) return print_line(classifier.labels(), found);
                        std::vector<std::string> values{classifier.labels()[found.label]};
                        for (const double p : found.probabilities) values.push_back(fixed(p, 6));
                        print(writer->row(values));
                      });
  if (csv) print(writer->rest());
  return 0;
}

}  // namespace hewn::cli
