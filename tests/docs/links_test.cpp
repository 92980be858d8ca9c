// What the pages say exists: files they link to or name, headings, rungs, and the programs and output they quote.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <regex>
#include <set>
#include <utility>

#include "kernels/contract/rooms.h"
#include "tests/docs/pages.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

namespace fs = std::filesystem;
using namespace hewn::test;

namespace {

/// A heading as the part of a link behind '#': small letters, no punctuation, dashes for blanks.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading) {
    if (c == ' ' || c == '-')
      anchor += '-';
    else if (std::isalnum(static_cast<unsigned char>(c)) || c == '_')
      anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return anchor;
}

bool has_heading(const Page& p, const std::string& anchor) {
  for (const std::string& heading : matches(p.prose, "(?:^|\n)#+ ([^\n]+)"))
    if (anchor_of(heading) == anchor) return true;
  return false;
}

/// Whether a path from the root exists, as far as it goes without a placeholder (NAME, OP, *).
bool exists(const std::string& path) {
  static const std::regex placeholder("[*<{…]|(^|[^A-Za-z])[A-Z]{2,}([^A-Za-z]|$)");
  fs::path known;
  for (const fs::path& part : fs::path(path)) {
    if (std::regex_search(part.string(), placeholder)) return true;
    known /= part;
    if (!part.empty() && !fs::exists(source_dir() / known)) return false;
  }
  return true;
}

std::vector<std::string> broken_links(const Page& p) {
  std::vector<std::string> broken;
  for (const std::string& link : matches(p.prose, "\\]\\(([^)]+)\\)")) {
    if (link.find("://") != link.npos) continue;
    const size_t hash = link.find('#');
    const std::string file = link.substr(0, hash);
    const fs::path target = (fs::path(p.path).parent_path() / file).lexically_normal();
    const bool there = file.empty() || fs::exists(source_dir() / target);
    if (!there ||
        (hash != link.npos && !has_heading(file.empty() ? p : page(target.string()), link.substr(hash + 1))))
      broken.push_back(link);
  }
  return broken;
}

/// Paths in `code` that begin with a folder of the house, and scripts and configurations in code blocks.
std::vector<std::string> missing_files(const Page& p) {
  std::vector<std::string> paths =
      matches(p.blocks, "(?:^|[\\s=])((?:scripts|configs|docs)/[A-Za-z0-9_./-]*[A-Za-z0-9_])");
  for (const std::string& code : matches(p.prose, "`([^`\n]+)`"))
    for (std::string& path : matches(
             code,
             "(?:^|[\\s=])((?:core|kernels|model|train|apps|tests|docs|scripts|configs|cmake)/[^\\s,;:()]*)"))
      paths.push_back(std::move(path));
  std::erase_if(paths, exists);
  return paths;
}

}  // namespace

TEST_CASE("docs: links and files named in pages exist") {
  REQUIRE(pages().size() >= 6);
  for (const std::string& path : pages()) {
    INFO(path);
    CHECK(broken_links(page(path)) == std::vector<std::string>{});
    CHECK(missing_files(page(path)) == std::vector<std::string>{});
  }
}

TEST_CASE("docs: the checks detect violations") {
  const Page wrong =
      page("docs/x.md",
           "# A heading: here\n[a](gone.md) [b](architecture.md) [c](#a-heading-here) [d](#no)\n"
           "`core/gone.h`, `core/tape.h`, `kernels/OP/op.cpp`, `train --out=out`\n"
           "```\nscripts/gone.sh and core/not-looked-at\n```\n");
  CHECK(broken_links(wrong) == std::vector<std::string>{"gone.md", "#no"});
  CHECK(missing_files(wrong) == std::vector<std::string>{"scripts/gone.sh", "core/gone.h"});
}

TEST_CASE("docs: kernels.md lists the rungs of every operation, and no others") {
  std::vector<std::string> rows;
  std::set<std::string> seen;
  for (const hewn::Room& room : hewn::rooms()) {
    std::string folder = "`kernels/" + std::string(room.name) + "`";
    for (const auto& c : room.cases({.width = 1})) {
      if (!seen.insert(c->op()).second) continue;
      std::string row = "| " + std::exchange(folder, "") + " | `" + c->op() + "` | ";
      for (size_t i = 0; i < c->rungs(); ++i)
        row += (i == 0 ? "`" : ", `") + std::string(c->rung_name(i)) + "`";
      if (c->why_no_gpu()) row += std::string("; no GPU rung: ") + c->why_no_gpu();
      rows.push_back(row + " |");
    }
  }
  const auto table = matches(read_file(source_dir() / "docs/kernels.md"),
                             "<!-- begin rungs -->\n\\|.*\n\\|.*\n((?:\\|.*\n)*)<!-- end rungs -->");
  REQUIRE(table.size() == 1);
  INFO("`scripts/figures.py rungs` writes the table again");
  CHECK(matches(table[0], "(\\|.*\\|)\n") == rows);
}

TEST_CASE("docs: README.md quotes the example") {
  const std::string example = read_file(source_dir() / "examples/train_gpt.cpp");
  CHECK(page("README.md").blocks.find(example) != std::string::npos);
}

// The best times and the memory of a step: of Hewn and of PyTorch, eager or compiled, whichever is faster.
TEST_CASE("docs: README.md states the figures of performance/training.md") {
  const std::string measured = read_file(source_dir() / "docs/performance/training.md"),
                    readme = page("README.md").prose;
  struct Row {
    const char *in_readme, *in_table;
  };
  for (const auto& [in_readme, in_table] :
       {Row{"character GPT of 0.8 million", "baby-gpt-cpu, f32, 2 threads"},
        Row{"GPT-2 124M, 4 x 64", "gpt2, f32, 2 threads"},
        Row{"same step with `--dtype=bf16`", "gpt2, bf16, 2 threads"}}) {
    INFO(in_readme);
    const size_t at = readme.find(in_readme), table = measured.find(std::string("\n") + in_table);
    REQUIRE(at != readme.npos);
    REQUIRE(table != measured.npos);
    const std::string row = readme.substr(at, readme.find('\n', at) - at),
                      block = measured.substr(table, measured.find("\n```", table) - table);
    const std::vector<std::string> stated = matches(row, "([\\d.]+) (?:ms|MB)");
    REQUIRE(stated.size() == 4);
    size_t next = 0;
    for (const char* name : {"Hewn", "PyTorch"}) {
      double best = 1e9, megabytes = 0;
      const std::regex line(std::string("\n") + name + "[^\n]*? +([\\d.]+) +[\\d.]+ +(\\d+) ");
      for (auto it = std::sregex_iterator(block.begin(), block.end(), line); it != std::sregex_iterator();
           ++it)
        if (const double ms = std::stod((*it)[1]); ms < best) best = ms, megabytes = std::stod((*it)[2]);
      CHECK(std::abs(std::stod(stated[next]) / best - 1) < 0.005);
      CHECK(std::stod(stated[next + 1]) == megabytes);
      next += 2;
    }
  }
}

TEST_CASE("docs: performance.md and its picture say what the tables of performance/ say") {
  const auto result = run_program({(source_dir() / "scripts/ratios.py").string(), "--check"});
  if (result.exit_code == 127) return skip("python3 is not installed");
  INFO(result.err);
  CHECK(result.exit_code == 0);
}

TEST_CASE("docs: backprop.md quotes what the example prints") {
  const fs::path program = build_dir() / "examples/example_backprop";
  if (!fs::exists(program)) return skip("the examples are not built");
  const auto result = run_program({program.string()});
  CHECK(result.exit_code == 0);
  CHECK(page("docs/backprop.md").blocks.find(result.out) != std::string::npos);
}
