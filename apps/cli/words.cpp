#include "apps/cli/words.h"

#include <algorithm>

#include "core/error.h"

namespace hewn::cli {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A word accepted as the value of the preceding flag; any other word is an argument.
bool is_truth_word(const std::string& word) {
  static constexpr std::string_view known[] = {"true", "false", "True", "False", "yes",
                                               "no",   "on",    "off",  "0",     "1"};
  return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

std::string missing_value(const Option& option, const std::string& typed) {
  const std::string shown = option.kind == Kind::choice ? join(" (one of ", option.choices, ")")
                                                        : join(": ", typed, "=", option.choices);
  return typed + " needs a value" + shown;
}

class Splitter {
 public:
  Splitter(const std::vector<std::string>& words, const std::vector<const Option*>& known)
      : words_(words), known_(known) {}

  Words split() {
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "--") {
        out_.arguments.insert(out_.arguments.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_) + 1,
                              words_.end());
        break;
      }
      if (!is_option(word))
        out_.arguments.push_back(word);
      else if (word[1] == '-')
        long_option(word);
      else
        letters(word);
    }
    return std::move(out_);
  }

 private:
  const Option* named(std::string_view name) const {
    for (const Option* option : known_)
      if (option->is_called(name)) return option;
    return nullptr;
  }
  const Option* lettered(char letter) const {
    for (const Option* option : known_)
      if (option->letter != 0 && option->letter == letter) return option;
    return nullptr;
  }

  void add(const Option& option, std::string value, std::string_view name = {}) {
    out_.options.push_back({std::string(option.name), std::move(value),
                            join("--", option.is_called(name) ? name : option.name)});
  }
  void add_unknown(const std::string& word) {
    const std::string typed = word.substr(0, word.find('='));
    std::string name = typed.substr(std::min(typed.find_first_not_of('-'), typed.size()));
    std::replace(name.begin(), name.end(), '-', '_');
    out_.options.push_back({std::move(name), "", typed});
  }

  void long_option(const std::string& word) {
    const std::string name = long_name(word);
    const size_t equals = word.find('=');
    const Option* const option = named(name);
    const Option* const negated = name.starts_with("no_") ? named(name.substr(3)) : nullptr;
    if (!option && negated && negated->kind == Kind::flag && negated->is_key()) {
      require(equals == word.npos, word.substr(0, equals), " takes no value; write --", negated->name,
              "=true or --", negated->name, "=false");
      add(*negated, "false");
    } else if (!option) {
      add_unknown(word);
    } else if (equals != word.npos) {
      add(*option, word.substr(equals + 1), name);
    } else if (option->kind != Kind::flag) {
      add(*option, next_value(*option, join("--", name)), name);
    } else {
      const bool follows = option->is_key() && at_ + 1 < words_.size() && is_truth_word(words_[at_ + 1]);
      add(*option, follows ? words_[++at_] : "true");
    }
  }

  // -start=x lacks a dash.
  void unknown_letters(const std::string& word) {
    const Option* const meant = named(long_name("-" + word));
    require(!meant, "unknown option ", word.substr(0, word.find('=')), "; did you mean --",
            meant ? meant->name : "", "?");
    add_unknown(word);
  }

  void letters(const std::string& word) {
    for (size_t i = 1; i < word.size(); ++i) {
      const Option* const option = lettered(word[i]);
      if (!option) return unknown_letters(word);
      if (option->kind == Kind::flag) {
        add(*option, "true");
        continue;
      }
      std::string joined = word.substr(i + 1);
      if (joined.starts_with('=')) joined.erase(0, 1);
      return add(*option, i + 1 < word.size() ? joined : next_value(*option, join("-", word[i])));
    }
  }

  const std::string& next_value(const Option& option, const std::string& typed) {
    const bool there = at_ + 1 < words_.size();
    require(there, missing_value(option, typed));
    const std::string& next = words_[at_ + 1];
    const bool an_option =
        next == "--" || !long_name(next).empty() || (next.size() == 2 && next[0] == '-' && lettered(next[1]));
    require(!an_option, missing_value(option, typed), "; ", next, " looks like an option; write --",
            option.name, "=", next, " if it is the value");
    ++at_;
    return next;
  }

  const std::vector<std::string>& words_;
  const std::vector<const Option*>& known_;
  size_t at_ = 0;
  Words out_;
};

}  // namespace

bool is_option(std::string_view word) {
  const bool negative_number = word.size() > 1 && ((word[1] >= '0' && word[1] <= '9') || word[1] == '.');
  return word.size() > 1 && word[0] == '-' && !negative_number;
}

std::string long_name(std::string_view word) {
  if (word.size() < 3 || !word.starts_with("--") || !is_letter(word[2])) return "";
  std::string name(word.substr(2, word.find('=') - 2));
  std::replace(name.begin(), name.end(), '-', '_');
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
  return plain ? name : "";
}

Words split_words(const std::vector<std::string>& words, const std::vector<const Option*>& known) {
  return Splitter(words, known).split();
}

}  // namespace hewn::cli
