#include "apps/cli/suggest.h"

#include <algorithm>

#include "core/text.h"

namespace hewn::cli {
namespace {

/// Words of other programs, and what they are called here.
struct Synonym {
  std::string_view words;  ///< "a b c"
  /// "a|b=c|D": an option, perhaps with the value to give; the first that a command takes is suggested, with others of the
  /// same meaning in "a&b". In capitals, an argument.
  std::string_view meant;
};

constexpr Synonym option_synonyms[] = {
    {"data file files corpus train_data", "dataset|FILE|DIR|RESPONSES"},
    {"input text", "prompt|dataset|FILE|RESPONSES"},
    {"model checkpoint ckpt", "init_from|RUN|SRC"},
    {"output o output_dir", "out|out_dir"},
    {"lr", "learning_rate"},
    {"steps iters iterations max_steps", "max_iters"},
    {"n num count", "num_samples&max_new_tokens"},
    {"tokens length max_tokens", "max_new_tokens"},
    {"batch bs", "batch_size"},
    {"hidden hidden_size d_model dim embd", "n_embd"},
    {"layers num_layers depth", "n_layer"},
    {"heads num_heads", "n_head"},
    {"context ctx seq_len context_length", "block_size"},
    {"resume continue", "init_from=resume"},
    {"gpu cuda", "device=cuda"},
};
constexpr Synonym command_synonyms[] = {
    {"generate complete inference", "hewn sample"},
    {"resume continue", "hewn train --init_from=resume"},
    {"test evaluate", "hewn eval"},
    {"fit pretrain", "hewn train"},
    {"tokenize encode", "hewn tokenizer encode"},
};

std::string_view meant_by(std::span<const Synonym> table, std::string_view word) {
  for (const Synonym& synonym : table)
    for (const std::string& known : split(synonym.words, ' '))
      if (known == word) return synonym.meant;
  return "";
}

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows suffice: row i of the table needs i-1, and i-2 for a swap.
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  size_t best = (word.size() <= 3 ? 1 : std::max<size_t>(2, word.size() / 3)) + 1;
  for (const std::string& name : names) {
    const bool prefix = word.size() >= 3 && name.starts_with(word);
    const size_t distance = prefix ? 0 : edit_distance(word, name);
    const bool other = word.size() <= 3 && !name.starts_with(word.substr(0, 1));  // gpu is no misspelt cpu
    if (distance < best && distance < std::max(word.size(), name.size()) && !other) {
      best = distance;
      nearest = &name;
    }
  }
  return nearest ? "; did you mean '" + *nearest + "'?" : "";
}

std::string known_as(const Command& command, std::string_view word, std::string_view dashes) {
  for (const std::string& meant : split(meant_by(option_synonyms, word), '|')) {
    std::string options;
    for (const std::string& option : split(meant, '&'))
      if (find_option(command, option.substr(0, option.find('='))))
        options += join(options.empty() ? "" : " or ", dashes, option);
    if (!options.empty()) return join("; did you mean ", options, "?");
    if (!meant.empty() && command.arguments.find(meant) != command.arguments.npos)
      return join("; give it as an argument: ", command_line(command), " ", command.arguments);
  }
  return "";
}

std::string command_known_as(std::string_view word) {
  const std::string_view meant = meant_by(command_synonyms, word);
  return meant.empty() ? "" : join("; did you mean `", meant, "`?");
}

}  // namespace hewn::cli
