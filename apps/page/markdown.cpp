#include "apps/page/markdown.h"

#include <algorithm>
#include <utility>

#include "apps/page/page.h"
#include "core/text.h"

namespace hewn::cli {
namespace {

using Kind = MarkdownBlock::Kind;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") + 1 - first));
}

/// The length of "* ", "- " or "12. " at the start of a line; 0 if there is none.
size_t item_mark(std::string_view line, bool& numbered) {
  numbered = false;
  if (line.starts_with("* ") || line.starts_with("- ")) return 2;
  const size_t digits = line.find_first_not_of("0123456789");
  numbered = digits != line.npos && digits > 0 && line.substr(digits).starts_with(". ");
  return numbered ? digits + 2 : 0;
}

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  std::string cell;
  bool code = false;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '`') code = !code;
    if (line[i] == '|' && !code) {
      cells.push_back(trimmed(cell));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return cells;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lines_(lines_of(text)) {}

  std::vector<MarkdownBlock> blocks() {
    while (at_ < lines_.size()) take_block();
    return std::move(blocks_);
  }

 private:
  const std::string& line() const { return lines_[at_]; }

  void take_block() {
    bool numbered = false;
    if (trimmed(line()).empty())
      ++at_;
    else if (line().starts_with("```"))
      take_code();
    else if (line().starts_with("#"))
      take_heading();
    else if (line().starts_with("|"))
      take_table();
    else if (line().starts_with("!["))
      take_picture();
    else if (item_mark(line(), numbered) > 0)
      take_list(numbered);
    else
      blocks_.push_back({.kind = Kind::paragraph, .text = take_text(0)});
  }

  void take_code() {
    MarkdownBlock code{.kind = Kind::code, .info = trimmed(std::string_view(line()).substr(3))};
    for (++at_; at_ < lines_.size() && !line().starts_with("```"); ++at_) code.text += line() + "\n";
    ++at_;
    blocks_.push_back(std::move(code));
  }

  void take_heading() {
    const size_t level = line().find_first_not_of('#');
    if (level == line().npos) {
      ++at_;
      return;
    }
    blocks_.push_back({.kind = Kind::heading,
                       .level = static_cast<int>(std::min<size_t>(level, 6)),
                       .text = trimmed(std::string_view(line()).substr(level))});
    ++at_;
  }

  void take_table() {
    MarkdownBlock table{.kind = Kind::table};
    for (; at_ < lines_.size() && line().starts_with("|"); ++at_)
      if (line().find_first_not_of("|-: ") != line().npos) table.rows.push_back(cells_of(line()));
    blocks_.push_back(std::move(table));
  }

  // A caption may continue on further lines.
  void take_picture() {
    const std::string text = take_text(0);
    const size_t middle = text.rfind("](");
    if (middle == text.npos || !text.ends_with(")")) {
      blocks_.push_back({.kind = Kind::paragraph, .text = text});
      return;
    }
    blocks_.push_back({.kind = Kind::picture,
                       .text = text.substr(2, middle - 2),
                       .info = text.substr(middle + 2, text.size() - middle - 3)});
  }

  void take_list(bool numbered) {
    MarkdownBlock list{.kind = numbered ? Kind::numbers : Kind::bullets};
    while (at_ < lines_.size()) {
      bool of_item = false;
      const size_t mark = item_mark(line(), of_item);
      if (mark == 0 || of_item != numbered) break;
      list.items.push_back(take_text(mark));
    }
    blocks_.push_back(std::move(list));
  }

  /// The lines up to an empty one or the next block, without the first `mark` characters.
  std::string take_text(size_t mark) {
    std::string text = trimmed(std::string_view(line()).substr(mark));
    bool numbered = false;
    for (++at_; at_ < lines_.size(); ++at_) {
      if (trimmed(line()).empty() || line().starts_with("```") || line().starts_with("#") ||
          line().starts_with("|") || (mark > 0 && item_mark(line(), numbered) > 0))
        break;
      text += " " + trimmed(line());
    }
    return text;
  }

  std::vector<std::string> lines_;
  size_t at_ = 0;
  std::vector<MarkdownBlock> blocks_;
};

/// A part of a text with one kind of mark.
struct Span {
  enum class Mark : uint8_t { none, code, bold, emphasis, link } mark;
  std::string text, target = {};
};

/// The text between the mark that begins at `at` and its end, which `at` is moved behind; nothing if it has no end.
std::string between(std::string_view text, size_t& at, std::string_view mark) {
  const size_t begin = at + mark.size(), end = text.find(mark, begin);
  if (end == text.npos || end == begin) return "";
  at = end + mark.size();
  return std::string(text.substr(begin, end - begin));
}

std::vector<Span> spans_of(std::string_view text) {
  std::vector<Span> spans;
  std::string plain;
  const auto add = [&](Span span) {
    if (!plain.empty()) spans.push_back({Span::Mark::none, std::exchange(plain, "")});
    spans.push_back(std::move(span));
  };
  for (size_t at = 0; at < text.size();) {
    std::string inside;
    if (text[at] == '`' && !(inside = between(text, at, "`")).empty()) {
      add({Span::Mark::code, inside});
    } else if (text.substr(at).starts_with("**") && !(inside = between(text, at, "**")).empty()) {
      add({Span::Mark::bold, inside});
    } else if (text[at] == '*' && at + 1 < text.size() && text[at + 1] != ' ' &&
               !(inside = between(text, at, "*")).empty()) {
      add({Span::Mark::emphasis, inside});
    } else if (const size_t middle = text.find("](", at), end = text.find(')', middle);
               text[at] == '[' && middle != text.npos && end != text.npos) {
      add({Span::Mark::link, std::string(text.substr(at + 1, middle - at - 1)),
           std::string(text.substr(middle + 2, end - middle - 2))});
      at = end + 1;
    } else {
      plain += text[at++];
    }
  }
  if (!plain.empty()) spans.push_back({Span::Mark::none, plain});
  return spans;
}

std::string within(const char* tag, std::string_view html) {
  return join("<", tag, ">", html, "</", tag, ">");
}

std::string text_html(std::string_view text, const MarkdownLinks& links) {
  std::string html;
  for (const Span& span : spans_of(text)) {
    switch (span.mark) {
      case Span::Mark::none: html += inside_html(span.text); break;
      case Span::Mark::code: html += within("code", inside_html(span.text)); break;
      case Span::Mark::bold: html += within("strong", text_html(span.text, links)); break;
      case Span::Mark::emphasis: html += within("em", text_html(span.text, links)); break;
      case Span::Mark::link: {
        const std::string inside = text_html(span.text, links), target = links.link(span.target);
        html += target.empty() ? inside : join("<a href=\"", inside_html(target), "\">", inside, "</a>");
      }
    }
  }
  return html;
}

std::string block_html(const MarkdownBlock& block, const MarkdownLinks& links) {
  const auto list = [&](const char* tag) {
    std::string items;
    for (const std::string& item : block.items) items += within("li", text_html(item, links));
    return within(tag, items);
  };
  switch (block.kind) {
    case Kind::heading: return within(join("h", block.level).c_str(), text_html(block.text, links));
    case Kind::paragraph: return within("p", text_html(block.text, links));
    case Kind::bullets: return list("ul");
    case Kind::numbers: return list("ol");
    case Kind::code: return within("pre", within("code", inside_html(block.text)));
    case Kind::picture:
      return within("figure", links.picture(block.info) + within("figcaption", text_html(block.text, links)));
    case Kind::table: break;
  }
  std::string rows;
  for (size_t r = 0; r < block.rows.size(); ++r) {
    std::string cells;
    for (const std::string& cell : block.rows[r])
      cells += within(r == 0 ? "th" : "td", text_html(cell, links));
    rows += within("tr", cells);
  }
  return within("table", rows);
}

}  // namespace

std::vector<MarkdownBlock> parse_markdown(std::string_view text) { return Parser(text).blocks(); }

std::string markdown_html(const std::vector<MarkdownBlock>& blocks, const MarkdownLinks& links) {
  std::string html;
  for (const MarkdownBlock& block : blocks) html += block_html(block, links) + "\n";
  return html;
}

std::string plain_markdown(std::string_view text) {
  std::string plain;
  for (const Span& span : spans_of(text))
    plain += span.mark == Span::Mark::code   ? join("`", span.text, "`")
             : span.mark == Span::Mark::none ? span.text
                                             : plain_markdown(span.text);
  return plain;
}

}  // namespace hewn::cli
