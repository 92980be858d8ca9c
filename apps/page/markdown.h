#pragma once
// The part of Markdown that the course uses, as blocks, and these as HTML: headings, paragraphs, lists of one level,
// fenced code, tables, a picture on a line of its own; within text, code, **bold**, *emphasis* and links.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::cli {

struct MarkdownBlock {
  enum class Kind : uint8_t { heading, paragraph, bullets, numbers, code, table, picture } kind;
  int level = 0;                        ///< of a heading: 1 to 6
  std::string text = {};                ///< of a heading, a paragraph, code, a picture: its caption
  std::string info = {};                ///< of code, its language; of a picture, its file
  std::vector<std::string> items = {};  ///< of a list
  std::vector<std::vector<std::string>> rows = {};  ///< of a table; the first is its heading
};

/// Lines of a paragraph or an item are joined by spaces.
std::vector<MarkdownBlock> parse_markdown(std::string_view text);

/// How a page shows what is outside of the text.
struct MarkdownLinks {
  /// Where a link leads; "" shows its text only.
  std::function<std::string(const std::string& target)> link;
  /// The SVG of a picture, as it stands in the page.
  std::function<std::string(const std::string& file)> picture;
};
std::string markdown_html(const std::vector<MarkdownBlock>& blocks, const MarkdownLinks& links);

/// Text without marks for bold, emphasis and links; code keeps its backquotes.
std::string plain_markdown(std::string_view text);

}  // namespace hewn::cli
