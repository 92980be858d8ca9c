#include "apps/finetune/instruct_view.h"

#include <algorithm>

#include "apps/cli/terminal.h"
#include "apps/run/text/token_view.h"
#include "kernels/cross_entropy/abi.h"

namespace hewn::cli {
namespace {

constexpr std::string_view gray = "90", green = "32";

// A special token by its name, any other as text in quotes.
std::string shown(const Tokenizer& tokenizer, int32_t id) {
  for (const Special& special : tokenizer.specials())
    if (special.id == id) return special.text;
  return quoted_piece(tokenizer, id);
}

// One part: "  masked   " and its tokens, in lines of the terminal's width.
std::string part_text(const std::vector<std::string>& tokens, bool learned) {
  const std::string begin = learned ? "  learned" : "  masked ", indent(begin.size(), ' ');
  const auto width = static_cast<size_t>(std::max(40, terminal_width(Stream::results)));
  std::string text, line = begin;
  for (const std::string& token : tokens) {
    if (line.size() + 1 + token.size() > width && line.size() > indent.size()) {
      text += line + "\n";
      line = indent;
    }
    line += " " + token;
  }
  text += line;
  return in_color(Stream::results, learned ? green : gray, text) + "\n";
}

}  // namespace

std::string row_view(const Tokenizer& tokenizer, const TrainingRow& row, const std::string& title) {
  const auto learned_at = [&](size_t i) { return i > 0 && row.targets[i - 1] != ignored_target; };
  const auto count = std::count_if(row.targets.begin(), row.targets.end(),
                                   [](int32_t target) { return target != ignored_target; });
  // The last target is a token too; if it is not learned, its id is unknown here and not shown.
  std::vector<int32_t> tokens = row.tokens;
  if (row.targets.back() != ignored_target) tokens.push_back(row.targets.back());
  std::string text = join(title, ": ", tokens.size(), " tokens, ", count, " of them learned\n");
  for (size_t begin = 0, end = 0; begin < tokens.size(); begin = end) {
    std::vector<std::string> part;
    for (end = begin; end < tokens.size() && learned_at(end) == learned_at(begin); ++end)
      part.push_back(shown(tokenizer, tokens[end]));
    text += part_text(part, learned_at(begin));
  }
  return text;
}

}  // namespace hewn::cli
