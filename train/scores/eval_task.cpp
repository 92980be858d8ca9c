#include "train/scores/eval_task.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/scores/core_yaml.h"
#include "train/scores/texts/words.h"
#include "train/tables/table.h"

namespace hewn {
namespace {

/// A layout of rows: the keys of its contexts, its continuations and the right answer ("" if it has none).
struct Layout {
  EvalKind kind;
  std::string_view name, contexts, continuations, gold;
};
constexpr Layout layouts[] = {
    {EvalKind::multiple_choice, "multiple_choice", "query", "choices", "gold"},
    {EvalKind::schema, "schema", "context_options", "continuation", "gold"},
    {EvalKind::continuation, "language_modeling", "context", "continuation", ""},
};

const Layout& layout_of(EvalKind kind) {
  return *std::find_if(std::begin(layouts), std::end(layouts),
                       [kind](const Layout& layout) { return layout.kind == kind; });
}

/// "the keys `query`, `choices`, `gold` (multiple_choice)"
std::string expected_of(const Layout& layout) {
  return join("the keys `", layout.contexts, "`, `", layout.continuations,
              layout.gold.empty() ? "" : join("`, `", layout.gold), "` (", layout.name, ")");
}

const Layout& recognized(const Table& table) {
  for (const Layout& layout : layouts)
    if (table.find_column(layout.contexts)) return layout;
  fail(ErrorCode::input, table.where(0), ": this row does not belong to a known kind of task; expected ",
       list_text(layouts, ", or ", expected_of));
}

/// Reads the rows of a table that has one of the layouts.
class RowReader {
 public:
  RowReader(const Table& table, const Layout& layout)
      : table_(table),
        layout_(layout),
        contexts_(column(layout.contexts)),
        continuations_(column(layout.continuations)),
        gold_(layout.gold.empty() ? -1 : column(layout.gold)),
        lines_(table.row_lines()) {}

  EvalRow row(int64_t i) const {
    EvalRow row{.contexts = texts(i, contexts_, layout_.kind == EvalKind::schema),
                .continuations = texts(i, continuations_, layout_.kind == EvalKind::multiple_choice),
                .gold = 0,
                .where = join(table_.name(), ", line ", lines_[static_cast<size_t>(i)])};
    for (const std::string& text : row.continuations)
      if (trimmed(text).empty())
        bad(i, continuations_, "an empty text; expected at least one character to be predicted");
    if (gold_ >= 0) row.gold = gold(i, row.choices());
    return row;
  }

 private:
  template <class... Parts>
  [[noreturn]] void bad(int64_t row, int64_t column, const Parts&... parts) const {
    fail(ErrorCode::input, table_.where(row, column), ": ", parts...);
  }

  int64_t column(std::string_view key) const {
    if (const auto found = table_.find_column(key)) return *found;
    fail(ErrorCode::input, table_.where(0), ": `", key, "` is missing; expected ", expected_of(layout_));
  }

  void expect(int64_t row, int64_t column, ValueType wanted) const {
    const ValueType type = table_.type(row, column);
    if (type == ValueType::missing)
      bad(row, column, "this value is missing; expected ", expected_of(layout_));
    if (type != wanted) bad(row, column, described(type), "; expected ", described(wanted));
  }

  /// The text of a value, or the texts of a list.
  std::vector<std::string> texts(int64_t row, int64_t column, bool several) const {
    expect(row, column, several ? ValueType::list : ValueType::text);
    if (!several) return {std::string(table_.text(row, column))};
    std::vector<std::string> list;
    for (const auto& item : parse_json(table_.json(row, column))) {
      if (!item.is_string()) bad(row, column, "a list with ", item.type_name(), "; expected texts only");
      list.push_back(item.get<std::string>());
    }
    if (list.size() < 2)
      bad(row, column, "a list of ", list.size(), "; expected two texts or more to choose from");
    return list;
  }

  size_t gold(int64_t row, size_t choices) const {
    if (table_.type(row, gold_) == ValueType::missing) expect(row, gold_, ValueType::number);
    const std::string_view text = table_.text(row, gold_);
    size_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (error != std::errc() || end != text.data() + text.size() || index >= choices)
      bad(row, gold_, text, "; expected 0 to ", choices - 1, ", the index of the right choice");
    return index;
  }

  const Table& table_;
  const Layout& layout_;
  int64_t contexts_, continuations_, gold_;
  std::vector<int64_t> lines_;  // of the rows
};

double chance_of(const EvalTask& task) {
  double sum = 0;
  for (const EvalRow& row : task.rows) sum += 1 / static_cast<double>(row.choices());
  return task.kind == EvalKind::continuation ? 0 : sum / static_cast<double>(task.rows.size());
}

EvalTask task_of(const Table& table, std::optional<EvalKind> kind = std::nullopt) {
  EvalTask task{.name = fs::path(table.name()).stem().string(), .file = table.name()};
  const Layout& layout = kind ? layout_of(*kind) : recognized(table);
  const RowReader reader(table, layout);
  for (int64_t i = 0; i < table.rows(); ++i) task.rows.push_back(reader.row(i));
  task.kind = layout.kind;
  task.chance = chance_of(task);
  return task;
}

/// Finds the rows of a task, which the benchmark keeps in the folder eval_data beside its list.
std::string rows_of(const fs::path& list, const ListedTask& task) {
  const fs::path beside = list.parent_path() / task.file,
                 inside = list.parent_path() / "eval_data" / task.file;
  if (path_exists(inside)) return inside.string();
  if (path_exists(beside)) return beside.string();
  fail(ErrorCode::input, list.string(), ":", task.line, ": dataset_uri of task ", task.name,
       " names a missing file; expected ", inside.string(), " or ", beside.string());
}

/// The chance of each task in eval_meta_data.csv, which the benchmark has beside its list, as a fraction.
std::map<std::string, double, std::less<>> listed_chances(const fs::path& list) {
  std::map<std::string, double, std::less<>> chances;
  const fs::path path = list.parent_path() / "eval_meta_data.csv";
  if (!path_exists(path)) return chances;
  const Table table = open_table(path.string(), {.columns = {"Eval Task", "Random baseline"}});
  const auto name = table.find_column("Eval Task"), chance = table.find_column("Random baseline");
  if (!name || !chance)
    fail(ErrorCode::input, path.string(), ": expected the columns \"Eval Task\" and \"Random baseline\"");
  for (int64_t i = 0; i < table.rows(); ++i) {
    const std::string_view text = table.text(i, *chance);
    double percent = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
    if (error != std::errc() || end != text.data() + text.size() || !(percent >= 0 && percent < 100))
      fail(ErrorCode::input, table.where(i, *chance), ": \"", text, "\"; expected a percentage below 100");
    chances[std::string(table.text(i, *name))] = percent / 100;
  }
  return chances;
}

std::vector<EvalTask> read_list(const fs::path& path) {
  constexpr size_t most = size_t{1} << 20;
  const auto chances = listed_chances(path);
  std::vector<EvalTask> tasks;
  for (const ListedTask& listed : tasks_of_yaml(read_small_file(path.string(), most), path.string())) {
    const std::string rows = rows_of(path, listed);
    EvalTask task = task_of(open_table(rows), listed.kind);
    task.name = listed.name;
    task.shots = listed.shots;
    task.delimiter = listed.delimiter;
    task.trims_contexts = true;
    if (const auto known = chances.find(listed.name); known != chances.end()) task.chance = known->second;
    tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace

std::string_view name_of(EvalKind kind) { return layout_of(kind).name; }

EvalTask eval_task_of(std::string_view text, const std::string& source) {
  return task_of(Table(source, std::string(text)));
}

std::vector<EvalTask> read_eval_tasks(const std::string& path) {
  const fs::path given(path);
  if (!path_is_directory(given)) {
    const std::string kind = given.extension().string();
    if (kind == ".yaml" || kind == ".yml") return read_list(given);
    std::vector<EvalTask> one;
    one.push_back(task_of(open_table(path)));
    return one;
  }
  if (path_exists(given / "core.yaml")) return read_list(given / "core.yaml");
  std::vector<fs::path> files;
  for (const fs::path& entry : entries_of(given))
    if (entry.extension() == ".jsonl") files.push_back(entry);
  if (files.empty()) fail(ErrorCode::input, path, ": has neither core.yaml nor files *.jsonl");
  std::vector<EvalTask> tasks;
  for (const fs::path& file : files) tasks.push_back(task_of(open_table(file.string())));
  return tasks;
}

}  // namespace hewn
