#include "apps/learn/judge/wrong_answers.h"

#include <algorithm>

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

/// Replaces the lines `old` of the source, which begins with a line break, by `now`.
void replace_lines(WrongSource& answer, const std::string& old, const std::string& now) {
  // Line breaks at both ends make sure that whole lines are found.
  const std::string text = "\n" + old;
  const size_t gap = std::min(text.find(any_lines), text.size());
  const std::string first = text.substr(0, gap + 1),
                    last = text.substr(std::min(gap + any_lines.size() - 1, text.size()));
  const size_t begin = answer.source.find(first), end = answer.source.find(last, begin + gap);
  if (old.empty() || begin == std::string::npos || end == std::string::npos ||
      answer.source.find(first, begin + 1) != std::string::npos)
    fail(ErrorCode::failed, "wrong answer '", answer.name, "': the solution must have these lines once:\n",
         old);
  answer.source.replace(begin + 1, end + last.size() - begin - 1, now);
}

}  // namespace

std::vector<WrongSource> wrong_sources(std::string_view edits, std::string_view solution) {
  std::vector<WrongSource> answers;
  std::string old, now;  // the lines of an edit
  const auto replace = [&] {
    if (!old.empty() || !now.empty()) replace_lines(answers.back(), old, now);
    old.clear(), now.clear();
  };
  for_each_line(edits, [&](std::string_view line) {
    const bool removes = line.starts_with('-'), adds = line.starts_with('+');
    if (!adds && (!removes || !now.empty())) replace();
    if (removes)
      old += join(line.substr(1), "\n");
    else if (adds)
      now += join(line.substr(1), "\n");
    else if (line.starts_with("# "))
      answers.push_back({std::string(line.substr(2)), "", join("\n", solution)});
    else if (!line.empty())
      answers.back().hint += join(answers.back().hint.empty() ? "" : " ", line);
  });
  replace();
  for (WrongSource& answer : answers) answer.source.erase(0, 1);
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
