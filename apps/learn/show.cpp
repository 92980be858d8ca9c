#include "apps/learn/show.h"

#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/options.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/learn/page/course_page.h"
#include "apps/learn/progress.h"
#include "apps/page/markdown.h"
#include "core/io/path.h"
#include "core/text.h"
#include "model/json.h"

namespace hewn::cli::learn {
namespace {

std::string state_of(const Chapter& chapter, const Progress& progress) {
  if (progress.done.contains(chapter.number())) return "done";
  return path_exists(join(lessons_directory, "/", chapter.file("lesson.cpp"))) ? "begun" : "";
}

std::string indented(const std::string& text) {
  std::string result;
  for (const std::string& line : split(text, '\n'))
    if (!line.empty() || !result.empty()) result += line.empty() ? "\n" : "    " + line + "\n";
  while (result.ends_with("\n\n")) result.pop_back();
  return result;
}

std::string table_lines(const MarkdownBlock& block) {
  std::vector<size_t> widths;
  for (const auto& row : block.rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], plain_markdown(row[i]).size());
  }
  std::string text;
  for (const auto& row : block.rows) {
    std::string line = "  ";
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string cell = plain_markdown(row[i]);
      line += cell + std::string(i + 1 < row.size() ? widths[i] - cell.size() + 2 : 0, ' ');
    }
    text += line + "\n";
  }
  return text;
}

std::string block_text(const MarkdownBlock& block, int width) {
  using Kind = MarkdownBlock::Kind;
  switch (block.kind) {
    case Kind::heading: return bold(Stream::results, plain_markdown(block.text)) + "\n";
    case Kind::paragraph: return wrap(plain_markdown(block.text), width, 0) + "\n";
    case Kind::picture: return wrap(join("[Picture: ", plain_markdown(block.text), "]"), width, 0) + "\n";
    case Kind::code: return indented(block.text);
    case Kind::table: return table_lines(block);
    case Kind::bullets:
    case Kind::numbers: break;
  }
  std::string text;
  for (size_t i = 0; i < block.items.size(); ++i) {
    const std::string mark = block.kind == Kind::bullets ? "* " : join(i + 1, ". ");
    text += wrap(mark + plain_markdown(block.items[i]), width, static_cast<int>(mark.size())) + "\n";
  }
  return text;
}

/// "02-matrices.md" leads to that chapter of the page; other files are not part of it.
std::string link_in_page(const std::string& target) {
  if (target.find("://") != target.npos) return target;
  const std::string name = target.substr(0, target.find(".md"));
  if (name == "glossary") return "#glossary";
  for (const Chapter& chapter : chapters())
    if (name == chapter.name) return "#" + name;
  return "";
}

Json part_of_page(const std::string& id, const std::string& title, std::string_view markdown) {
  const MarkdownLinks links{.link = link_in_page, .picture = [](const std::string& file) {
                              return std::string(course_file(file));
                            }};
  return {{"id", id}, {"title", title}, {"html", markdown_html(parse_markdown(markdown), links)}};
}

}  // namespace

std::string chapter_list() {
  const Progress progress = read_progress();
  std::string text = bold(Stream::results, "A course on backpropagation") + "\n\n";
  for (const Chapter& chapter : chapters()) {
    std::string title = chapter.title();
    size_t width = 36;
    for (const char c : title)
      width += (static_cast<unsigned char>(c) & 0xc0) == 0x80;  // no column of its own
    title.resize(std::max(title.size(), width), ' ');
    const std::string minutes = std::to_string(chapter.minutes()), number = std::to_string(chapter.number());
    std::string line = join(std::string(3 - number.size(), ' '), number, "  ", title,
                            std::string(4 - std::min<size_t>(4, minutes.size()), ' '), minutes, " minutes  ",
                            state_of(chapter, progress));
    while (line.ends_with(' ')) line.pop_back();
    text += line + "\n";
  }
  return text;
}

void say_next_chapter() {
  const Progress progress = read_progress();
  for (const Chapter& chapter : chapters())
    if (!progress.done.contains(chapter.number())) return say_next(program(), " learn ", chapter.number());
  flush_results();
  say("all chapters are done");
}

std::string chapter_text(const Chapter& chapter, int width) {
  return list_text(parse_markdown(chapter.text()), "\n",
                   [width](const MarkdownBlock& block) { return block_text(block, width); });
}

std::string whole_course_page() {
  Json json{{"chapters", Json::array()}};
  for (const Chapter& chapter : chapters())
    json["chapters"].push_back(part_of_page(std::string(chapter.name),
                                            join(chapter.number(), ". ", chapter.title()), chapter.text()));
  json["chapters"].push_back(part_of_page("glossary", "Glossary", course_file("glossary.md")));
  // All pictures have the same one.
  std::string_view style = course_file(join(chapters()[0].name, "/picture.svg"));
  style.remove_prefix(style.find("<style>") + 7);
  return course_page(json_text(json), style.substr(0, style.find("</style>")));
}

}  // namespace hewn::cli::learn
