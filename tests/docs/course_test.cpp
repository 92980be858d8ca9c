// The rules of the course's prose: docs/course/README.md states them.

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <sstream>

#include "tests/docs/pages.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"

namespace fs = std::filesystem;
using namespace hewn::test;

namespace {

struct Chapter {
  int number = 0;
  std::string name;  ///< "01-chain-rule"
  Page page;
};

std::vector<Chapter> chapters() {
  std::vector<Chapter> all;
  for (const auto& entry : fs::directory_iterator(source_dir() / "docs/course")) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".md" && std::regex_match(name, std::regex("\\d\\d-.*")))
      all.push_back({std::stoi(name), name, page("docs/course/" + name + ".md")});
  }
  std::sort(all.begin(), all.end(), [](const Chapter& a, const Chapter& b) { return a.number < b.number; });
  return all;
}

/// Paragraphs, headings and items, each as one line, without the title; code in marks is the word `code`.
std::vector<std::string> texts(const std::string& prose) {
  std::vector<std::string> all{""};
  std::istringstream lines(prose);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const bool item = std::regex_search(line, std::regex("^(\\* |\\d+\\. |#+ |\\|)"));
    if (line.empty() || item) all.emplace_back();
    if (!line.empty()) all.back() += std::regex_replace(line, std::regex("^(\\* |\\d+\\. |#+ )"), "") + " ";
  }
  for (std::string& text : all) {
    text = std::regex_replace(text, std::regex("`[^`]*`"), "code");
    text = std::regex_replace(text, std::regex("\\]\\([^)]*\\)"), "]");
  }
  std::erase(all, "");
  return all;
}

std::vector<std::string> long_sentences(const std::string& prose) {
  std::vector<std::string> found;
  for (const std::string& text : texts(prose)) {
    static const std::regex end("[.!?][)\\]*\"]*( |$)");
    for (auto at = std::sregex_token_iterator(text.begin(), text.end(), end, -1);
         at != std::sregex_token_iterator(); ++at) {
      std::istringstream words(*at);
      int count = 0;
      for (std::string word; words >> word;) ++count;
      if (count > 30) found.push_back(*at);
    }
  }
  return found;
}

std::vector<std::string> bare_letters(const std::string& prose) {
  std::vector<std::string> found;
  for (const std::string& text : texts(prose))
    for (std::string& letter : matches(text, "(?:^|[^A-Za-z0-9_'])([B-HJ-Zb-z])(?![A-Za-z0-9_+'])"))
      found.push_back(letter + " in: " + text);
  return found;
}

struct Term {
  std::string text;
  int chapter = 0;
  std::string forms;  ///< as alternatives of a regular expression
};

std::vector<Term> terms(const std::string& glossary) {
  std::vector<Term> all;
  static const std::regex entry("\\* \\*\\*([^*]+)\\*\\* \\((\\d+)((?:, [^,)]+)*)\\): ");
  for (auto at = std::sregex_iterator(glossary.begin(), glossary.end(), entry); at != std::sregex_iterator();
       ++at) {
    std::string forms = (*at)[1].str() + "s?";
    for (const std::string& form : matches((*at)[3], ", ([^,]+)")) forms += "|" + form;
    all.push_back({(*at)[1], std::stoi((*at)[2]), forms});
  }
  return all;
}

/// Terms that occur before they are explained.
std::vector<std::string> early_terms(const Chapter& chapter, const std::vector<Term>& all) {
  std::vector<std::string> early;
  std::string prose;
  for (const std::string& text : texts(chapter.page.prose)) prose += text + "\n";
  for (const Term& term : all) {
    const std::regex use("(\\*\\*)?\\b(" + term.forms + ")\\b(\\*\\*)?", std::regex::icase);
    std::smatch first;
    const bool used = std::regex_search(prose, first, use);
    if (used && chapter.number < term.chapter)
      early.push_back(term.text + " is explained in a later chapter");
    if (chapter.number != term.chapter) continue;
    if (!used)
      early.push_back(term.text + " is not explained");
    else if (!first[1].matched || !first[3].matched)
      early.push_back(term.text + " occurs before its explanation, which is in bold");
  }
  return early;
}

/// The lines of a function with a body in a file; 0 if there is none. Where several have the name, the longest.
int lines_of_function(const std::string& file, const std::string& name) {
  std::vector<std::string> lines;
  std::istringstream in(read_file(source_dir() / file));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  int longest = 0;
  const std::regex definition("^( *)[A-Za-z_][^=;]*\\b" + name + "\\(.*");
  for (size_t i = 0; i < lines.size(); ++i) {
    std::smatch m;
    if (!std::regex_match(lines[i], m, definition)) continue;
    size_t open = i;
    while (open < lines.size() && lines[open].find_first_of("{;") == std::string::npos) ++open;
    if (open == lines.size() || lines[open].find('{') == std::string::npos || lines[open].ends_with(";"))
      continue;
    size_t end = open;
    while (end < lines.size() && lines[end] != m[1].str() + "}") ++end;
    if (lines[open].ends_with("}")) end = open;
    if (end < lines.size()) longest = std::max(longest, static_cast<int>(end - i + 1));
  }
  return longest;
}

/// "file: function: number of lines" for each, and the sum.
struct Reading {
  int lines = 0;
  std::vector<std::string> missing;
};
Reading reading(const std::string& prose) {
  Reading all;
  const size_t at = prose.rfind("\n## Now read\n");
  if (at == prose.npos) return {0, {"the section \"Now read\" at the end"}};
  const std::string section = prose.substr(at);
  if (std::count(section.begin(), section.end(), '#') > 2)
    all.missing.emplace_back("\"Now read\" as the last section");
  for (const std::string& item : matches(section, "\\n\\* ([^\n]*)")) {
    const std::vector<std::string> names = matches(item, "`([^`]+)`");
    for (size_t i = 1; i < names.size(); ++i) {
      const bool there = fs::is_regular_file(source_dir() / names[0]);
      const int lines = there ? lines_of_function(names[0], names[i]) : 0;
      if (lines == 0) all.missing.push_back(names[0] + ": " + names[i]);
      all.lines += lines;
    }
  }
  return all;
}

}  // namespace

TEST_CASE("course: every chapter begins with a question, a picture and what C++ it needs") {
  const std::string table = read_file(source_dir() / "apps/learn/chapters.cpp");
  int number = 0;
  REQUIRE(!chapters().empty());
  for (const Chapter& chapter : chapters()) {
    INFO(chapter.name);
    CHECK(chapter.number == number++);  // no number is left out
    CHECK(table.find("\"" + chapter.name + "\"") != table.npos);
    const std::string picture = chapter.name + "/picture.svg";
    const std::regex beginning(
        "# " + std::to_string(chapter.number) +
        "\\. [^\n]+ \\(\\d+ minutes\\)\n\n[^\n]+(\n[^\n]+)?\\?\n\n!\\[([^\\]]|\n)+\\]\\(" + picture +
        "\\)\n\nYou need [^\n]*C\\+\\+");
    CHECK(std::regex_search(chapter.page.prose, beginning, std::regex_constants::match_continuous));
    const std::string svg = read_file(source_dir() / "docs/course" / picture);
    for (const char* part : {"class=\"picture\"", "currentColor", "viewBox="})
      CHECK(svg.find(part) != svg.npos);
    for (const char* part : {"<script", "<image", "href="}) CHECK(svg.find(part) == svg.npos);
  }
}

TEST_CASE("course: sentences are short, and names of one letter are in code marks") {
  for (const Chapter& chapter : chapters()) {
    INFO(chapter.name);
    CHECK(long_sentences(chapter.page.prose) == std::vector<std::string>{});
    CHECK(bare_letters(chapter.page.prose) == std::vector<std::string>{});
  }
}

TEST_CASE("course: no term is used before its explanation") {
  const std::vector<Term> all = terms(read_file(source_dir() / "docs/course/glossary.md"));
  REQUIRE(all.size() > 10);
  for (const Chapter& chapter : chapters()) {
    INFO(chapter.name);
    CHECK(early_terms(chapter, all) == std::vector<std::string>{});
  }
}

TEST_CASE("course: chapters name 20 to 60 lines of real code to read") {
  for (const Chapter& chapter : chapters()) {
    INFO(chapter.name);
    const Reading found = reading(chapter.page.prose);
    CHECK(found.missing == std::vector<std::string>{});
    CHECK(found.lines >= 20);
    CHECK(found.lines <= 60);
  }
}

TEST_CASE("course: exercises are short and have three hints") {
  for (const Chapter& chapter : chapters()) {
    const fs::path folder = source_dir() / "docs/course" / chapter.name;
    if (!fs::exists(folder / "lesson.cpp")) continue;
    INFO(chapter.name);
    for (const char* file : {"lesson.cpp", "solution.cpp"}) {
      const std::string text = read_file(folder / file);
      CHECK(std::count(text.begin(), text.end(), '\n') <= 40);
      CHECK(text.find("#include \"hewn/") != text.npos);
      CHECK(text.find("template") == text.npos);
    }
    const std::string hints = read_file(folder / "hints.md");
    CHECK(matches(hints, "\n(\\d\\. )").size() == 3);
    CHECK(long_sentences(hints) == std::vector<std::string>{});
    CHECK(bare_letters(hints) == std::vector<std::string>{});
    CHECK(matches("\n" + read_file(folder / "wrong.txt"), "\n# ([a-z_]+)\n[^-+#\n]").size() >= 3);
  }
}

TEST_CASE("course: the checks detect violations") {
  std::string words;
  for (int i = 0; i < 31; ++i) words += "word ";
  CHECK(long_sentences("# T\n\n" + words + ". Short.\n").size() == 1);
  CHECK(long_sentences("# T\n\nFifteen words? " + words.substr(0, 5 * 29) + "`a b c`.\n").empty());
  CHECK(bare_letters("# T\n\nThe value x is `y`, a C++ thing of the tape's.\n").size() == 1);
  const std::vector<Term> all = terms("* **matrix** (2, matrices): a table.\n* **slope** (0): a number.\n");
  REQUIRE(all.size() == 2);
  const auto early = [&](int number, const std::string& text) {
    return early_terms({number, "", page("x.md", "# T\n\n" + text + "\n")}, all).size();
  };
  CHECK(early(0, "A **slope** and `matrix`.") == 0);
  CHECK(early(0, "Slopes, then a **slope**.") == 1);
  CHECK(early(1, "Slopes and matrices.") == 1);
  CHECK(early(2, "**Matrices** are tables.") == 0);
  CHECK(early(2, "Nothing.") == 1);
  CHECK(lines_of_function("core/tape.cpp", "Tape::run") == 11);
  CHECK(lines_of_function("core/tape.cpp", "Tape::gone") == 0);
  CHECK(reading("# T\n\n## Now read\n\n* `core/tape.cpp`: `Tape::run`, `Tape::gone`\n").missing.size() == 1);
  CHECK(reading("# T\n").missing.size() == 1);
}
