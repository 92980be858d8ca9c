// hewn learn: a course on backpropagation, with exercises that are judged.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "apps/cli/format.h"
#include "apps/cli/options.h"
#include "apps/cli/settings.h"
#include "apps/cli/shell.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/learn/check.h"
#include "apps/learn/progress.h"
#include "apps/learn/show.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"

namespace hewn::cli {
namespace learn {
namespace {

const Chapter& chapter_of(const std::string& word) {
  int64_t number = -1;
  const Chapter* chapter = parse_integer(word, number) ? find_chapter(number) : nullptr;
  require(chapter, "'", word, "' is not a chapter; they are numbered ", chapters().front().number(), " to ",
          chapters().back().number());
  return *chapter;
}

const Chapter& chapter_with_lesson(const std::string& word) {
  const Chapter& chapter = chapter_of(word);
  require(chapter.has_lesson(), "chapter ", chapter.number(), " has no exercise; `hewn learn check ",
          chapter.number(), "` prints its questions");
  return chapter;
}

int start(const Chapter& chapter) {
  const std::string path = lesson_path(chapter);
  make_directories(directory_of(path));
  Descriptor file(retried(::open, path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.is_open() && errno == EEXIST)
    fail(ErrorCode::failed, path, " already exists and was not changed; move it away to start over");
  if (!file.is_open()) fail_at(ErrorCode::failed, path, "cannot be written", errno);
  const std::string_view text = course_file(chapter.file("lesson.cpp"));
  if (const int problem = write_fully(file.get(), text.data(), text.size())) {
    retried(::unlink, path.c_str());
    fail_at(ErrorCode::failed, path, "cannot be written", problem);
  }
  print("wrote ", path, "\n");
  say_next("edit it, then ", program(), " learn check ", chapter.number());
  return 0;
}

int hint(const Chapter& chapter) {
  const std::vector<std::string> all = hints(chapter);
  const auto shown = [&] {
    const Progress progress = read_progress();
    const auto at = progress.hints.find(chapter.number());
    return at == progress.hints.end() ? size_t{0} : static_cast<size_t>(std::max(0, at->second));
  }();
  const size_t next = std::min(shown, all.size() - 1);
  print(wrap(join("hint ", next + 1, " of ", all.size(), ": ", all[next]),
             std::max(40, terminal_width(Stream::results)), 0),
        "\n");
  flush_results();
  if (shown < all.size())
    update_progress([](Progress& p, int number) { ++p.hints[number]; }, chapter.number());
  if (next + 1 == all.size())
    say("that was the last hint; `", program(), " learn solution ", chapter.number(), "` shows a solution");
  return 0;
}

int write_page(const Settings& settings) {
  require(settings.arguments.empty(), settings.where("out"), ": out writes all chapters, so leave out '",
          settings.arguments.empty() ? "" : settings.arguments[0], "'");
  const std::string path = settings.text("out");
  const FileSum written = write_file_atomically(path, whole_course_page());
  print("wrote ", path, ", ", bytes_text(static_cast<double>(written.size)), "\n");
  return 0;
}

/// Options that only the check of a lesson uses are errors elsewhere; their environment variables are ignored.
void require_no_check_options(const Settings& settings) {
  for (const char* name : {"watch", "training", "out_dir"})
    require(!settings.given(name) || !settings.where(name).starts_with("--"), settings.where(name), ": ",
            name, " applies only to `hewn learn check CHAPTER` for a chapter with an exercise");
}

int check(const Settings& settings, const std::vector<std::string>& words) {
  const Chapter& chapter = chapter_of(words[1]);
  if (chapter.predictions) {
    require_no_check_options(settings);
    return check_predictions(chapter, {words.begin() + 2, words.end()});
  }
  require(words.size() == 2, "'", words.size() == 2 ? "" : words[2], "' is unexpected: chapter ",
          chapter.number(), " takes no answers; `hewn learn check ", chapter.number(), "` judges ",
          lesson_path(chapter));
  return check_lesson(chapter, {.watch = settings.flag("watch"),
                                .training = settings.flag("training"),
                                .out_dir = settings.has("out_dir") ? settings.text("out_dir") : ""});
}

int run(const Settings& settings) {
  const std::vector<std::string>& words = settings.arguments;
  if (words.empty() || words[0] != "check") require_no_check_options(settings);
  if (settings.has("out")) return write_page(settings);
  if (words.empty()) {
    print(chapter_list());
    say_next_chapter();
    return 0;
  }
  int64_t number = 0;
  if (parse_integer(words[0], number)) {
    require(words.size() == 1, "give one chapter to read, or `hewn learn check ", words[0], "` to check it");
    print(chapter_text(chapter_of(words[0]), std::min(100, terminal_width(Stream::results))));
    return 0;
  }
  const std::vector<std::string> verbs{"start", "check", "hint", "solution"};
  require(std::find(verbs.begin(), verbs.end(), words[0]) != verbs.end(), "'", words[0],
          "' is neither a chapter nor one of start, check, hint and solution", did_you_mean(words[0], verbs));
  require(words.size() > 1, "give the number of a chapter: `hewn learn ", words[0], " 1`");
  if (words[0] == "check") return check(settings, words);
  require(words.size() == 2, "`hewn learn ", words[0], "` takes the number of one chapter");
  const Chapter& chapter = chapter_with_lesson(words[1]);
  if (words[0] == "start") return start(chapter);
  if (words[0] == "hint") return hint(chapter);
  print(course_file(chapter.file("solution.cpp")));
  return 0;
}

}  // namespace
}  // namespace learn

int run_learn(const Settings& settings) { return learn::run(settings); }

}  // namespace hewn::cli
