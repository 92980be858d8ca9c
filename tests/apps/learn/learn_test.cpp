// hewn learn check: how it judges every exercise, and that it tells kinds of failure apart.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <regex>
#include <thread>

#include "apps/learn/judge/wrong_answers.h"
#include "kernels/contract/isa.h"
#include "tests/apps/learn/desk.h"

namespace hewn::test {
namespace {

using cli::learn::wrong_sources;
using cli::learn::WrongSource;

/// The folders of all chapters with an exercise: "01-chain-rule".
std::vector<std::string> exercises() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(course()))
    if (fs::exists(entry.path() / "lesson.cpp")) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Whether a model trains with the function of this exercise.
bool trains(const std::string& name) {
  return contains(read_file(course() / name / "exercise.cpp"), ".in_training");
}

/// The wrong answers of an exercise; every edit must fit the solution.
std::vector<WrongSource> wrong_answers_of(const std::string& name) {
  return wrong_sources(read_file(course() / name / "wrong.txt"), read_file(course() / name / "solution.cpp"));
}

/// The compiled wrong answers that are kept beside a lesson.
std::vector<fs::path> kept_libraries(const Desk& desk, const std::string& name) {
  std::vector<fs::path> kept;
  for (const auto& entry : fs::directory_iterator(desk / ("lessons/" + name)))
    if (entry.path().extension() == ".so") kept.push_back(entry.path());
  return kept;
}

/// The lesson of chapter 1 with these lines in it.
std::string products(const std::string& body) {
  return "#include \"hewn/lesson.h\"\nLESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {\n" +
         body + "\n}\n";
}

/// The kernel of chapter 12 with these lines in it.
std::string kernel(const std::string& body) {
  return "#include \"hewn/lesson.h\"\n"
         "KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {\n" +
         body + "\n}\n";
}

}  // namespace

TEST_CASE("learn: the solution of every exercise is right") {
  const Desk desk;
  for (const std::string& name : exercises()) {
    if (!in_sample()) continue;
    INFO(name);
    const std::string solution = read_file(course() / name / "solution.cpp");
    CHECK(desk.learn({"solution", number_of(name)}).out == solution);
    const ProcessResult r = desk.check(name, solution);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 0);
    CHECK(contains(r.out, "right: all "));
  }
  const ProcessResult list = desk.learn({});
  CHECK(contains(list.out, "done"));
  CHECK(contains(list.err, "next: "));
  CHECK(contains(list.err, " learn 0\n"));  // the first_lesson that is not done
  const ProcessResult first_done = desk.learn({"check", "0", "6", "2", "12"});
  CHECK(first_done.exit_code == 0);
  CHECK(!contains(first_done.err, " learn 0\n"));
  CHECK(desk.temporary_files_are_gone());
}

TEST_CASE("learn: every wrong answer gets its own hint") {
  const Desk desk;
  for (const std::string& name : exercises()) {
    size_t checked = 0;
    for (const WrongSource& answer : wrong_answers_of(name)) {
      if (!in_sample()) continue;
      INFO(name << ": " << answer.name);
      const ProcessResult r = desk.check(name, answer.source);
      INFO(r.out << r.err);
      CHECK(r.exit_code == 5);
      CHECK(r.out.starts_with("wrong: "));
      REQUIRE(!answer.hint.empty());
      CHECK(contains(r.out, "  " + answer.hint + "\n"));
      ++checked;
    }
    if (checked > 0) CHECK(kept_libraries(desk, name).size() == 1);
  }
  CHECK(!fs::exists(desk / "lessons/progress.json"));
  CHECK(desk.temporary_files_are_gone());
}

TEST_CASE(
    "learn: wrong answers are compiled only for a wrong answer, and again if their library is damaged") {
  const Desk desk;
  const WrongSource wrong = wrong_answers_of(first_lesson).at(0);
  const auto is_hinted = [&] {
    return contains(desk.check(first_lesson, wrong.source).out, "\n  " + wrong.hint + "\n");
  };
  CHECK(desk.check(first_lesson, read_file(course() / first_lesson / "solution.cpp")).exit_code == 0);
  CHECK(kept_libraries(desk, first_lesson).empty());
  CHECK(is_hinted());
  const fs::path kept = kept_libraries(desk, first_lesson).at(0);
  const std::string bytes = read_file(kept);
  write_file(kept, "damaged");
  CHECK(is_hinted());
  CHECK(read_file(kept).size() == bytes.size());
  fs::remove(kept);
  fs::create_directory(kept);  // cannot be replaced
  CHECK(is_hinted());
}

TEST_CASE("learn: mistakes that nobody has listed are fitted") {
  const Desk desk;
  const std::string twice = R"(
  for (int i = 0; i < y.cols; ++i)
    for (int n = y.rows - 1; n >= 0; --n) {
      if (left(n) < 0) continue;
      grad.add(left(n), i, FACTOR * grad(n, i) * y(right(n), i));
      grad.add(right(n), i, FACTOR * grad(n, i) * y(left(n), i));
    })";
  const auto with = [&](const std::string& factor) {
    return desk.check(first_lesson, products(std::regex_replace(twice, std::regex("FACTOR"), factor))).out;
  };
  CHECK(contains(with("-1"), "the sign is wrong"));
  CHECK(contains(with("2"), "2 times the measured slope"));
  CHECK(contains(with("1"), "right"));
}

TEST_CASE("learn: kinds of failure are told apart") {
  const Desk desk;
  const auto says = [&](const std::string& source, const std::string& part) {
    if (!in_sample()) return;
    const ProcessResult r = desk.check(first_lesson, source);
    INFO(source);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 5);
    CHECK(contains(r.out, part));
    CHECK(desk.temporary_files_are_gone());
  };
  const std::string template_text = read_file(course() / first_lesson / "lesson.cpp");
  says(template_text, "untouched: lessons/01-chain-rule/lesson.cpp");
  says(template_text + "\n\n", "untouched");
  says(products(""), "the function writes nothing");
  says(products("  int unknown = ;"), "compile error in line 3: ");
  says(products("  grad.add(0, 0, gone);"),
       "compile error in line 3: 'gone' was not declared in this scope\n"
       "    grad.add(0, 0, gone);\n");
  says(products("  grad(0, 0) += 1;"), "y(r, c) can only be read: change it with y.set(r, c, value)");
  says(products("  grad.add(0, 0, y[0]);"), "elements are in parentheses: y(r, c)");
  says(products("  y = y;"), "arrays are not assigned: give each result a name of its own");
  says(products("  grad.add(0, 0, y.size());"), "the sizes of an array are y.rows and y.cols");
  says(products("  void elsewhere(); elsewhere();"), "compile error: undefined reference to ");
  says("int x;\n", "has no function that begins with LESSON");
  says("#include \"hewn/lesson.h\"\nLESSON(mul_backward, (Array y, Out grad)) {}\n",
       "LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {");
  says(products("  grad.add(0, 5, 1.0);"),
       "line 3: grad(0, 5) is outside: grad has 3 rows (0 to 2) and 3 columns (0 to 2)");
  says(products("  y(-1, 0);"), "line 3: y(-1, 0) is outside");
  says(products("  left(77);"), "line 3: left(77) is outside: left has 3 elements (0 to 2)");
  says(products("  y(1);"), "y has 3 rows and 3 columns; give y(row, column)");
  says(products("  grad.add(0, 0, 0.0 / (y.rows - 3));"), "grad(0, 0) is NaN");
  says(products("  grad.add(0, 0, 1.0 / (y.rows - 3));"), "grad(0, 0) is infinite");
  says(products("  *(int*)nullptr = 1;"), "crash, in the case \"one product\"");
#ifdef __x86_64__  // others do not trap
  says(products("  grad.add(0, 0, 7 / (y.rows - 3));"), "it divided a whole number by zero");
#endif
  says(products("  throw 1;"), "the function threw an exception");
  says("#include <string>\n" + products("  std::string().at(1);"),
       "the function threw an exception: basic_string");
  says(products("  __builtin_exit(0);"), "the function ended the whole program");
  // An operand begins with its name, rows and columns, which stand before the pointer to its values.
  says(products("  struct Inside { int rows, cols; hewn::lesson::Operand* operand; };\n"
                "  reinterpret_cast<Inside&>(y).operand->values[0] = 1;"),
       "y was changed, but it is an input");
  says(products("  struct Inside { int rows, cols; hewn::lesson::Operand* operand; };\n"
                "  reinterpret_cast<Inside&>(grad).operand->values[-1] = 1;"),
       "memory next to grad was overwritten");
  CHECK(!fs::exists(desk / "lessons/progress.json"));
}

TEST_CASE("learn: a rung is checked as one of the ladder, then timed beside it") {
  const Desk desk;
  const char* const rung = "10-fast";
  const std::string beginning =
      "#include \"hewn/rung.h\"\nRUNG(multiply, (const Launch& launch, const Product& m)) {\n";
  const std::string loops = R"(
  for (int64_t i = 0; i < m.M; ++i) {
    float* c = m.c + i * m.ldc;
    std::fill_n(c, m.N, 0.0f);
    for (int64_t k = 0; k < m.K; ++k)
      for (int64_t j = 0; j < m.N; ++j) c[j] += m.a[i * m.lda + k] * m.b[k * m.ldb + j];
  }
)";
  const auto says = [&](const std::string& source, const std::string& part) {
    if (!in_sample()) return;
    const ProcessResult r = desk.check(rung, source);
    INFO(source);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 5);
    CHECK(contains(r.out, part));
    CHECK(desk.temporary_files_are_gone());
  };
  says(read_file(course() / rung / "lesson.cpp"), "untouched: lessons/10-fast/lesson.cpp");
  says("#include \"hewn/rung.h\"\n", "has no function that begins with RUNG");
  says(beginning + "}\n", "your rung writes nothing");
  says(beginning + "  int unknown = ;\n}\n", "compile error in line 3: ");
  says(beginning + "  std::vector<float>().at(1);\n}\n", "the function threw an exception: vector");
  says(beginning + "  std::min(W, m.N);\n}\n", "both numbers need the same type: std::min<int64_t>(W, n)");
  says(beginning + "  *(volatile int*)nullptr = 1;\n}\n", "crash, in the case \"M = 67, N = 67, K = 67\"");
  says(beginning + loops + "  m.c[0] = 0.0f / (m.c[0] - m.c[0]);\n}\n", "row 0, column 0 of c is NaN");
  says(beginning + loops + "  m.c[3] *= 2;\n}\n", "row 0, column 3 of c is ");
  says(beginning + loops + "  const_cast<float*>(m.b)[0] = 1;\n}\n", "input b was changed");
  says(beginning + loops + "  m.c[m.M * m.ldc] = 1;\n}\n", "memory around c was overwritten");
  says(beginning + loops + "  m.c[0] *= 1 + 1e-7f * float(launch.threads);\n}\n",
       "the order of its sum depends on the number of threads");
  CHECK(!fs::exists(desk / "lessons/progress.json"));
  // How fast it is depends on the machine, and is no part of being right.
  desk.write(rung, beginning + loops + "}\n");
  const ProcessResult r = desk.learn({"check", "10"});
  INFO(r.out << r.err);
  CHECK(r.exit_code == 0);
  for (const char* part :
       {"right: all ", "timed with M = 256, N = 512, K = 512", "\nyours  ", "\ncached: ", "\ntiles: "})
    CHECK(contains(r.out, part));
  CHECK(contains(read_file(desk / "lessons/progress.json"), "10"));
}

TEST_CASE("learn: kernels fail in as many ways") {
  const Desk desk;
  const auto says = [&](const std::string& source, const std::string& part) {
    if (!in_sample()) return;
    const ProcessResult r = desk.check("12-gpu", source);
    INFO(source);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 5);
    CHECK(contains(r.out, part));
    CHECK(desk.temporary_files_are_gone());
  };
  says(kernel(""), "the function writes nothing");
  says(kernel("  c.set(0, 0, a(0, 0)"), "compile error in line 3: ");
  says(kernel("  a.set(0, threadIdx.x, 77);"), "a was changed, but it is an input");
  says(kernel("  if (threadIdx.x == 5) *(int*)nullptr = 1;"), "crash, in the case \"32 x 32 times");
  says(kernel("  for (volatile int k = 0; threadIdx.x == 5; k = 1) continue;"),
       "endless, in the case \"32 x 32 times");
  says(kernel("  if (threadIdx.x == 5) __builtin_exit(0);"), "the function ended the whole program");
  says(kernel("  if (threadIdx.x == 5) throw 1;"), "the function threw an exception");
  says(kernel("  c.set(0, 33 - threadIdx.x, 1);"),
       "line 3: thread (0, 0) of block (0, 0): c(0, 33) is outside: c has 32 rows (0 to 31) and 32 columns");
  says(
      "#include \"hewn/lesson.h\"\nLESSON(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared "
      "tb)) {}\n",
      "KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {");
  says("int x;\n", "has no function that begins with KERNEL");
}

TEST_CASE("learn: what a function prints is escaped on a terminal, and its memory is limited") {
  if (left_out()) return;
  const Desk desk;
  const std::string source =
      "#include <cstdio>\n#include <cstdlib>\n" +
      products(
          "  std::printf(\"\\033]0;title\\007 told\\n\");\n"
          "  for (int i = 0; i < 40; ++i) *(volatile char*)std::malloc(100'000'000) = 1;");
  const ProcessResult r = desk.check(first_lesson, source, {.terminal = true});
  INFO(r.out);
  CHECK(contains(r.out, "\\x1b]0;title\\x07 told"));
  CHECK(!contains(r.out, "\x1b]0;"));
#ifndef HEWN_CHECK_MEMORY  // sanitizers reserve more
  CHECK(contains(r.out, "crash, in the case"));
#endif
  CHECK(contains(desk.check(first_lesson, source).out, "\x1b]0;title\x07 told"));  // no terminal
}

TEST_CASE("learn: an endless loop is ended, with a hint if there is one") {
  if (left_out()) return;
  const Desk desk;
  const ProcessResult r = desk.check(first_lesson, products("  for (volatile int i = 0;; i = 1) continue;"));
  CHECK(r.exit_code == 5);
  CHECK(contains(r.out,
                 "endless, in the case \"one product\"\n  the function has not returned within 10 "
                 "seconds of processor time\n"));
  CHECK(contains(r.out, "walk the tape once"));
  CHECK(desk.temporary_files_are_gone());
}

// A function that sleeps takes no processor time, as one that waits for a core of a busy machine.
TEST_CASE("learn: only processor time makes a loop endless", "[slow]") {
  if (!full()) return skip("waits 12 s; HEWN_SLOW=1 runs it");
  const Desk desk;
  const std::string solution = read_file(course() / first_lesson / "solution.cpp");
  const size_t body = solution.find("{\n", solution.find("LESSON(")) + 2;
  const ProcessResult r = desk.check(
      first_lesson, "#include <unistd.h>\n" + solution.substr(0, body) +
                        "  static const int rest = sleep(12);\n  (void)rest;\n" + solution.substr(body));
  INFO(r.out << r.err);
  CHECK(r.exit_code == 0);
}

TEST_CASE("learn: without a compiler, the error names the package") {
  const Desk desk;
  desk.write(first_lesson, read_file(course() / first_lesson / "solution.cpp"));
  CHECK_FAILS(desk.learn({"check", "1"}, {.env = {{"PATH", (desk / "tmp").string()}}, .unset_env = {"CXX"}}),
              1, "apt install g++");
  CHECK_FAILS(desk.learn({"check", "1"}, {.env = {{"CXX", "no-such-compiler"}}}), 1, "no-such-compiler");
  CHECK(desk.temporary_files_are_gone());
}

TEST_CASE("learn: clang compiles lessons of every kind, too") {
  if (left_out()) return;
  if (run_program({"sh", "-c", "command -v clang++"}).exit_code != 0) return skip("clang++ is not installed");
  const Desk desk;
  const ProcessOptions with_clang{.env = {{"CXX", "clang++"}}};
  for (const char* name : {first_lesson, "10-fast"}) {
    const ProcessResult r = desk.check(name, read_file(course() / name / "solution.cpp"), with_clang);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 0);
    CHECK(contains(r.out, "right: all "));
  }
  const ProcessResult r = desk.check(first_lesson, products("  grad.add(0, 0, gone);"), with_clang);
  INFO(r.out << r.err);
  CHECK(contains(
      r.out, "compile error in line 3: use of undeclared identifier 'gone'\n    grad.add(0, 0, gone);\n"));
}

TEST_CASE("learn: Ctrl-C leaves nothing behind") {
  const Desk desk;
  desk.write(first_lesson, products("  for (volatile int i = 0;; i = 1) continue;"));
  Process process({hewn_program().string(), "learn", "check", "1"}, desk.with_places({}));
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  process.send(SIGINT);
  const ProcessResult r = process.finish();
  CHECK(r.exit_code == 130);
  CHECK(desk.temporary_files_are_gone());
  CHECK(!fs::exists(desk / "lessons/progress.json"));
}

TEST_CASE("learn: a compiler that is stopped leaves no files behind") {
  for (const std::string source : {"lesson.cpp", "wrong.cpp"}) {
    INFO(source);
    const Desk desk;
    desk.write(first_lesson, wrong_answers_of(first_lesson).at(0).source);
    const std::string compiler = (desk / "compiler").string(), mark = (desk / "compiles").string();
    write_file(compiler, "#!/bin/sh\ncase \"$*\" in *" + source + ") ;; *) exec c++ \"$@\" ;; esac\n" +
                             "mktemp -t half-done.XXXXXX\ntouch '" + mark + "'\nexec sleep 60\n");
    fs::permissions(compiler, fs::perms::owner_all);
    Process process({hewn_program().string(), "learn", "check", "1"},
                    desk.with_places({.env = {{"CXX", compiler}}}));
    for (int tries = 0; tries < 1000 && !fs::exists(mark); ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(fs::exists(mark));
    process.send(SIGINT);
    CHECK(process.finish().exit_code == 130);
    CHECK(desk.temporary_files_are_gone());
  }
}

TEST_CASE("learn: --watch checks again after a save, until the answer is right") {
  const Desk desk;
  desk.write(first_lesson, products(""));
  Process process({hewn_program().string(), "learn", "check", "1", "--watch", "--training=false"},
                  desk.with_places({}));
  REQUIRE(process.wait_for("waiting for "));
  desk.write(first_lesson, read_file(course() / first_lesson / "solution.cpp"));
  CHECK(process.wait_for("right: all "));
  const ProcessResult r = process.finish();
  CHECK(r.exit_code == 0);
  CHECK(desk.temporary_files_are_gone());
}

TEST_CASE("learn: a model trains with the function", "[slow]") {
  if (!full()) return skip("trains models; HEWN_SLOW=1 runs it");
  if (left_out()) return;
  const Desk desk;
  for (const std::string& name : exercises()) {
    if (!trains(name)) continue;
    INFO(name);
    desk.write(name, read_file(course() / name / "solution.cpp"));
    const ProcessResult r = desk.learn({"check", number_of(name), "--out_dir=run" + name});
    INFO(r.out << r.err);
    CHECK(r.exit_code == 0);
    // Rounding differs, and training amplifies differences; by how much depends on the processor.
    std::smatch steps;
    REQUIRE(std::regex_search(r.out, steps, std::regex("equal to 1e-06 for (all )?(\\d+) steps")));
    CHECK(std::stoi(steps[2]) >= 50);
    CHECK(contains(r.out, "What your model writes:"));
    const ProcessResult text = hewn({"sample", "run" + name, "--max_new_tokens=20"}, desk.with_places({}));
    CHECK(text.exit_code == 0);
  }
}

}  // namespace hewn::test
