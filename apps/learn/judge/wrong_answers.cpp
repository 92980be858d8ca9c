#include "apps/learn/judge/wrong_answers.h"

#include <algorithm>
#include <optional>

#include "core/error.h"

namespace hewn::cli::learn {
namespace {

constexpr std::string_view any_lines = "\n...\n";

template <class Use>
void for_each_line(std::string_view text, const Use& use) {
  for (size_t end; !text.empty(); text.remove_prefix(std::min(end, text.size() - 1) + 1)) {
    end = text.find('\n');
    use(text.substr(0, end));
  }
}

/// The hint and the edits of one wrong answer.
class Reader {
 public:
  Reader(std::string_view name, std::string_view solution)
      : answer_{std::string(name), {}, join("\n", solution)} {}

  void add(std::string_view line) {
    const char mark = line.empty() ? '\n' : line[0];
    if (mark == '\n' || (mark == '-' && !now_.empty())) replace();
    if (mark == '-')
      old_ += join(line.substr(1), "\n");
    else if (mark == '+')
      now_ += join(line.substr(1), "\n");
    else if (mark != '\n')
      answer_.hint += join(answer_.hint.empty() ? "" : " ", line);
  }

  WrongSource finished() {
    replace();
    require_that(edited_, "has no edit");
    answer_.source.erase(0, 1);
    return std::move(answer_);
  }

 private:
  void require_that(bool condition, std::string_view problem) const {
    if (!condition) fail(ErrorCode::failed, "wrong answer '", answer_.name, "': ", problem, "\n", old_);
  }

  // Line breaks at both ends make sure that whole lines are found.
  void replace() {
    if (old_.empty() && now_.empty()) return;
    std::string& source = answer_.source;
    const std::string old = "\n" + old_;
    const size_t gap = old.find(any_lines);
    const std::string first = old.substr(0, gap == old.npos ? gap : gap + 1);
    const size_t begin = source.find(first);
    require_that(!old_.empty() && begin != source.npos, "the solution has no such lines:");
    require_that(source.find(first, begin + 1) == source.npos, "the solution has such lines more than once:");
    size_t end = begin + first.size();
    if (gap != old.npos) {
      const std::string last = old.substr(gap + any_lines.size() - 1);
      const size_t at = source.find(last, end - 1);
      require_that(at != source.npos, "the solution has no such last line:");
      end = at + last.size();
    }
    source.replace(begin + 1, end - begin - 1, now_);
    old_.clear(), now_.clear(), edited_ = true;
  }

  WrongSource answer_;
  std::string old_, now_;  // the lines of an edit
  bool edited_ = false;
};

}  // namespace

std::vector<WrongSource> wrong_sources(std::string_view edits, std::string_view solution) {
  std::vector<WrongSource> answers;
  std::optional<Reader> reader;
  const auto finish = [&] {
    if (reader) answers.push_back(reader->finished());
  };
  for_each_line(edits, [&](std::string_view line) {
    if (line.starts_with("# ")) {
      finish();
      reader.emplace(line.substr(2), solution);
    } else if (reader) {
      reader->add(line);
    }
  });
  finish();
  return answers;
}

std::string in_one_file(std::span<const WrongSource> answers) {
  std::string headers, functions;
  for (size_t i = 0; i < answers.size(); ++i) {
    functions += join("#undef HEWN_LESSON_ENTRY\n#define HEWN_LESSON_ENTRY hewn_wrong_", i,
                      "\nnamespace wrong_", i, " {\n");
    for_each_line(answers[i].source, [&](std::string_view line) {
      (line.starts_with("#include") ? headers : functions) += join(line, "\n");
    });
    functions += "}\n";
  }
  return headers + functions;
}

}  // namespace hewn::cli::learn
