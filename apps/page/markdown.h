#pragma once
// Parses the subset of Markdown used by the course into blocks, and converts them to HTML: headings,
// paragraphs, lists of one level, fenced code, tables, pictures on separate lines; within text, code,
// **bold**, *emphasis* and links.

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

/// How a page shows links and pictures.
struct MarkdownLinks {
  /// The target of a link; "" shows its text only.
  std::function<std::string(const std::string& target)> link;
  /// The SVG of a picture, as embedded in the page.
  std::function<std::string(const std::string& file)> picture;
};
std::string markdown_html(const std::vector<MarkdownBlock>& blocks, const MarkdownLinks& links);

/// Text without marks for bold, emphasis and links; code keeps its backquotes.
std::string plain_markdown(std::string_view text);

}  // namespace hewn::cli
