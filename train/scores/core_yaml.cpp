// A whole YAML reader would be an optional library, and the benchmark unreadable without it. These lists use a handful
// of its forms, which this reader accepts; it reports everything else instead of guessing.

#include "train/scores/core_yaml.h"

#include <charconv>
#include <map>
#include <optional>

#include "core/error.h"

namespace hewn {
namespace {

std::string_view without_blanks(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

/// A value, and the line that it is on.
struct Entry {
  std::string value;
  int64_t line = 0;
};
using Entries = std::map<std::string, Entry, std::less<>>;

class ListReader {
 public:
  ListReader(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  std::vector<ListedTask> read() {
    std::vector<ListedTask> tasks;
    bool listed = false;  // whether `icl_tasks:` has been read
    std::optional<Entries> task;
    int64_t begun = 0;
    const auto finish = [&] {
      if (task) tasks.push_back(task_of(*task, begun));
      task.reset();
    };
    while (next_line()) {
      std::string_view rest = without_blanks(line_);
      if (rest.empty() || rest[0] == '#' || rest == "---") continue;
      if (!listed) {
        if (without_comment(rest) != "icl_tasks:") bad("expected `icl_tasks:`");
        listed = true;
        continue;
      }
      if (rest == "-" || rest.starts_with("- ")) {
        finish();
        task.emplace();
        begun = number_;
        rest = without_blanks(rest.substr(1));
        if (rest.empty() || rest[0] == '#') continue;
      }
      if (!task) bad("expected a task, which begins with `-`");
      add(*task, rest);
    }
    finish();
    if (tasks.empty()) bad("the list has no tasks; expected `icl_tasks:` and a task per `-`");
    return tasks;
  }

 private:
  template <class... Parts>
  [[noreturn]] void bad_at(int64_t line, const Parts&... parts) const {
    fail(ErrorCode::input, source_, ":", line, ": ", parts...);
  }
  template <class... Parts>
  [[noreturn]] void bad(const Parts&... parts) const {
    bad_at(number_, parts...);
  }

  bool next_line() {
    if (text_.empty()) return false;
    const size_t end = text_.find('\n');
    line_ = text_.substr(0, end);
    text_.remove_prefix(end == text_.npos ? text_.size() : end + 1);
    ++number_;
    return true;
  }

  static std::string_view without_comment(std::string_view text) {
    const size_t hash = text.find(" #");
    return without_blanks(text.substr(0, hash));
  }

  void add(Entries& task, std::string_view line) const {
    const size_t colon = line.find(':');
    if (colon == line.npos || colon == 0 || (colon + 1 < line.size() && line[colon + 1] != ' '))
      bad("expected `key: value`");
    const std::string key(without_blanks(line.substr(0, colon)));
    if (!task.emplace(key, Entry{value_of(without_blanks(line.substr(colon + 1)), key), number_}).second)
      bad("`", key, "` occurs twice in a task");
  }

  std::string value_of(std::string_view written, const std::string& key) const {
    if (written.starts_with('"') || written.starts_with('\'')) return quoted(written, key);
    const std::string_view plain = without_comment(written);
    if (plain.starts_with('[')) {
      if (!plain.ends_with(']') || plain.find(',') != plain.npos)
        bad("`", key, "` is ", plain, "; expected one number in brackets");
      return std::string(without_blanks(plain.substr(1, plain.size() - 2)));
    }
    if (plain.find_first_of("{}&*|>%@`") == 0) bad("`", key, "` has a value in a form that is not supported");
    return std::string(plain);
  }

  std::string quoted(std::string_view written, const std::string& key) const {
    const char mark = written[0];
    std::string out;
    for (size_t i = 1; i < written.size(); ++i) {
      if (written[i] == mark) {
        if (mark == '\'' && i + 1 < written.size() && written[i + 1] == mark) {
          out += written[i++];
          continue;
        }
        const std::string_view after = without_blanks(written.substr(i + 1));
        if (!after.empty() && after[0] != '#') bad("`", key, "` has text after its closing quotation mark");
        return out;
      }
      if (mark == '"' && written[i] == '\\') {
        if (++i == written.size()) break;
        constexpr std::string_view letters = "nt\"\\/ ", meanings = "\n\t\"\\/ ";
        const size_t known = letters.find(written[i]);
        if (known == letters.npos) bad("`", key, "` has the unknown escape \\", written[i]);
        out += meanings[known];
        continue;
      }
      out += written[i];
    }
    bad("`", key, "` has no closing quotation mark");
  }

  const Entry& entry(const Entries& task, std::string_view key, int64_t begun) const {
    const auto found = task.find(key);
    if (found == task.end() || found->second.value.empty()) bad_at(begun, "this task has no `", key, "`");
    return found->second;
  }

  ListedTask task_of(const Entries& entries, int64_t begun) const {
    ListedTask task{.name = entry(entries, "label", begun).value,
                    .file = entry(entries, "dataset_uri", begun).value,
                    .kind = kind_of(entry(entries, "icl_task_type", begun)),
                    .shots = number_of(entry(entries, "num_fewshot", begun)),
                    .line = begun};
    if (const auto given = entries.find("continuation_delimiter"); given != entries.end())
      task.delimiter = given->second.value;
    return task;
  }

  EvalKind kind_of(const Entry& given) const {
    for (const EvalKind kind : {EvalKind::multiple_choice, EvalKind::schema, EvalKind::continuation})
      if (given.value == name_of(kind)) return kind;
    bad_at(given.line, "icl_task_type is ", given.value,
           "; expected multiple_choice, schema or language_modeling");
  }

  int64_t number_of(const Entry& given) const {
    constexpr int64_t most = 1000;
    int64_t number = -1;
    const char* const end = given.value.data() + given.value.size();
    const auto [stop, error] = std::from_chars(given.value.data(), end, number);
    if (error != std::errc() || stop != end || number < 0 || number > most)
      bad_at(given.line, "num_fewshot is ", given.value, "; expected 0 to ", most);
    return number;
  }

  std::string_view text_, line_;
  const std::string& source_;
  int64_t number_ = 0;
};

}  // namespace

std::vector<ListedTask> tasks_of_yaml(std::string_view text, const std::string& source) {
  return ListReader(text, source).read();
}

}  // namespace hewn
