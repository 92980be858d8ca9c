#include "apps/learn/check.h"

#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>

#include "apps/cli/format.h"
#include "apps/cli/options.h"
#include "apps/cli/settings.h"
#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/system/shared_library.h"
#include "apps/cli/terminal.h"
#include "apps/learn/compile.h"
#include "apps/learn/judge/array_judge.h"
#include "apps/learn/process.h"
#include "apps/learn/progress.h"
#include "apps/learn/show.h"
#include "apps/run/temporary_directory.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "core/tape.h"
#include "train/inspect/expression/expression.h"

namespace hewn::cli::learn {
namespace {

constexpr double silent_seconds = 10;  // of processor time, of a call that sends no message
constexpr size_t most_lesson_bytes = 1 << 20;
constexpr const char* lesson_library = "lesson.so";
constexpr int wrong_status = static_cast<int>(ErrorCode::numerical);

std::string without_blanks(std::string_view text) {
  std::string kept;
  for (const char c : text)
    if (!std::isspace(static_cast<unsigned char>(c))) kept += c;
  return kept;
}

std::string signal_text(int signal) {
  switch (signal) {
    case SIGSEGV:
    case SIGBUS:
      return "it used memory that is not its own, or a recursion took all memory for calls (segmentation "
             "fault)";
    case SIGFPE: return "it divided a whole number by zero";
    case SIGABRT: return "it was aborted, by an exception or by damage to memory";
    default: return join("signal ", signal, ", ", ::strsignal(signal));
  }
}

/// Text whose lines fit on a terminal, if results are printed on one.
std::string in_lines(const std::string& text) {
  if (!is_terminal(Stream::results)) return text;
  std::string result;
  for (const std::string& line : split(text, '\n')) {
    const size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const bool fits = std::ssize(line) <= terminal_width(Stream::results);
    result +=
        (fits ? line
              : line.substr(0, indent) + wrap(std::string_view(line).substr(indent),
                                              terminal_width(Stream::results), static_cast<int>(indent))) +
        "\n";
  }
  result.pop_back();  // the end of the last line is not a line
  return result;
}

/// The check of a compiled lesson, in this process and the one that runs it.
class Check {
 public:
  Check(const Chapter& chapter, const LessonJudge& judge, const CheckOptions& options)
      : chapter_(chapter), judge_(judge), options_(options) {}

  /// The lesson is the library in this directory, in which it was compiled.
  int run(const std::string& directory) {
    const Ended ended =
        run_apart([&](const Sender& send) { return judged(directory, send); },
                  [&](char kind, const std::string& text) { hear(kind, text); }, silent_seconds);
    return report(ended);
  }

 private:
  // In the other process.
  int judged(const std::string& directory, const Sender& send) const {
    const SharedLibrary library(directory + lesson_library);
    if (!library.loaded()) {
      send('t', join("wrong: the lesson cannot be loaded: ", library.problem(), "\n"));
      return wrong_status;
    }
    int64_t cases = 0;
    const KnownAnswers known = [&] { return compile_wrong_answers(chapter_, judge_.build(), directory); };
    const Verdict verdict = judge_.judge(library, known, [&](const std::string& name) {
      send('c', name);
      ++cases;
    });
    if (!verdict.right) {
      send('t', verdict.text);
      return wrong_status;
    }
    send('p', "");
    send('t', join("right: all ", cases, " cases\n", verdict.text));
    if (options_.training) judge_.reward(library, send, options_.out_dir);
    return 0;
  }

  // Here.
  void hear(char kind, const std::string& text) {
    if (kind == 'c') case_ = text;
    if (kind == 't') {
      print(in_lines(text));
      flush_results();
      told_ = true;
    }
    if (kind == 'p') {
      passed_ = true;
      update_progress([](Progress& progress, int chapter) { progress.done.insert(chapter); },
                      chapter_.number());
    }
    if (kind == 'e') error_ = text;
  }

  int report(const Ended& ended) const {
    const std::string where = passed_ ? judge_.while_rewarded() : join("in the case \"", case_, "\"");
    switch (ended.how) {
      case Ended::How::stopped: return stop_status();
      case Ended::How::signalled:
        print("crash, ", where, "\n  ", signal_text(ended.status), "\n");
        return wrong_status;
      case Ended::How::silent: {
        const std::string hint = passed_ ? "" : judge_.when_endless();
        print("endless, ", where, "\n  the function has not returned within ", silent_seconds,
              " seconds of processor time\n", hint.empty() ? "" : join("  ", hint, "\n"));
        return wrong_status;
      }
      case Ended::How::exited: break;
    }
    if (!error_.empty()) fail(ErrorCode::failed, error_);
    if (!passed_ && !told_) {
      print("wrong, ", where, "\n  the function ended the whole program; let it return\n");
      return wrong_status;
    }
    return passed_ ? ended.status : wrong_status;
  }

  const Chapter& chapter_;
  const LessonJudge& judge_;
  const CheckOptions& options_;
  std::string case_, error_;
  bool passed_ = false, told_ = false;
};

int check_once(const Chapter& chapter, const LessonJudge& judge, const CheckOptions& options) {
  const std::string path = lesson_path(chapter);
  if (!path_is_file(path))
    fail(ErrorCode::input, "there is no ", path, "; `hewn learn start ", chapter.number(), "` writes it");
  const std::string source = read_small_file(path, most_lesson_bytes);
  if (without_blanks(source) == without_blanks(course_file(chapter.file("lesson.cpp")))) {
    print("untouched: ", path,
          " is still as `hewn learn start` wrote it; write your lines where its comment says\n");
    return wrong_status;
  }
  const TemporaryDirectory temporary("learn");
  const std::string directory = temporary.path(""), copy = directory + "lesson.cpp";
  write_file_atomically(copy, source);
  const Compiled compiled =
      compile_lesson(copy, judge.build(), directory + "include", directory + lesson_library);
  if (stop_signal() != 0) return stop_status();
  if (!compiled.right) {
    print(compiled.text);
    return wrong_status;
  }
  return Check(chapter, judge, options).run(directory);
}

/// The part of a file's state that changes when it is saved, also by renaming another file.
struct FileState {
  ino_t inode = 0;
  off_t size = 0;
  timespec changed = {};
  static FileState of(const std::string& path) {
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) return {};
    return {s.st_ino, s.st_size, s.st_mtim};
  }
  bool operator==(const FileState& other) const {
    return inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
           changed.tv_nsec == other.changed.tv_nsec;
  }
};

/// Waits until the file is saved again, as a whole: it no longer changes. False if a signal asks to stop.
bool wait_for_save(const std::string& path, const FileState& judged) {
  FileState before = judged;
  while (stop_signal() == 0) {
    const FileState now = FileState::of(path);
    if (now.inode != 0 && !(now == judged) && now == before) return true;
    before = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

double right_answer(const Prediction& prediction) {
  FormulaValues values;
  Tensor asked;
  for (const std::string_view word : prediction.values) {
    const size_t equals = word.find('=');
    const std::string name(word.substr(0, equals));
    Tensor value = parse_value(word.substr(equals + 1), name);
    require_grad(value, name);
    if (name == prediction.of) asked = value;
    values.emplace(name, std::move(value));
  }
  Tape tape;
  tape.backward(evaluate_expression(prediction.formula, values));
  return grad_of(asked).doubles().at(0);
}

std::string trace_command(const Prediction& prediction) {
  std::string command = join(program(), " trace --expr=\"", prediction.formula, "\"");
  for (const char* value : prediction.values) command += join(" ", value);
  return command;
}

}  // namespace

std::string lesson_path(const Chapter& chapter) {
  return join(lessons_directory, "/", chapter.file("lesson.cpp"));
}

int check_lesson(const Chapter& chapter, const CheckOptions& options) {
  std::error_code unreadable;
  require(options.out_dir.empty() || !path_exists(options.out_dir, ErrorCode::failed) ||
              fs::is_empty(options.out_dir, unreadable),
          "out_dir: ", options.out_dir, " exists and is not empty; give a new directory");
  catch_signals();
  std::optional<ArrayJudge> of_arrays;
  if (!chapter.judge) of_arrays.emplace(*chapter.exercise);
  const LessonJudge& judge = chapter.judge ? *chapter.judge : *of_arrays;
  require(options.out_dir.empty() || judge.rewards_with_model(),
          "out_dir keeps the model trained with a correct answer, but chapter ", chapter.number(),
          " trains none");
  require(options.out_dir.empty() || options.training,
          "out_dir keeps the model trained with a correct answer, but training=false was given");
  const std::string path = lesson_path(chapter);
  while (true) {
    const FileState judged = FileState::of(path);
    const int status = check_once(chapter, judge, options);
    if (status == 0 && stop_signal() == 0) say_next_chapter();
    if (!options.watch || status == 0 || stop_signal() != 0) return status;
    flush_results();
    say("waiting for ", path, " to be saved; Ctrl-C ends");
    if (!wait_for_save(path, judged)) return stop_status();
    print("\n");
  }
}

int check_predictions(const Chapter& chapter, const std::vector<std::string>& answers) {
  const std::vector<Prediction>& predictions = *chapter.predictions;
  if (answers.empty()) {
    for (size_t i = 0; i < predictions.size(); ++i) print(i + 1, ". ", predictions[i].question, "\n");
    say_next(program(), " learn check ", chapter.number(), " ANSWER ANSWER ANSWER");
    return 0;
  }
  require(answers.size() == predictions.size(), "chapter ", chapter.number(), " has ", predictions.size(),
          " questions; give one answer for each, in order (`hewn learn check ", chapter.number(),
          "` prints them)");
  bool all_right = true;
  for (size_t i = 0; i < predictions.size(); ++i) {
    double answer = 0;
    require(parse_real(answers[i], answer), "'", answers[i],
            "' is not a number; write answers such as 4 or 0.5, separated by spaces");
    const Prediction& prediction = predictions[i];
    if (std::abs(answer - right_answer(prediction)) <= 1e-9) {
      print(i + 1, ". right: ", answers[i], "\n");
      continue;
    }
    all_right = false;
    print(i + 1, ". wrong: ", answers[i], "\n");
    for (const Prediction::Mistake& mistake : prediction.mistakes)
      if (answer == mistake.answer) print("   ", mistake.hint, "\n");
    print("   look: ", trace_command(prediction), "\n");
  }
  if (!all_right) return wrong_status;
  update_progress([](Progress& progress, int number) { progress.done.insert(number); }, chapter.number());
  say_next_chapter();
  return 0;
}

}  // namespace hewn::cli::learn
