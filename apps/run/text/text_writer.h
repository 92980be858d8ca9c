#pragma once
// Prints texts while they are generated; several may grow concurrently and are printed in order.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "model/generation/generate.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {

/// Output form: text during generation, one line per token, or data at the end.
enum class View { text, probabilities, log_probabilities, json };

/// The text of one generation: only complete characters, and nothing from a stop string on.
class TextFlow {
 public:
  /// `trims`: leading blanks are dropped.
  explicit TextFlow(std::vector<std::string> stops, bool trims = false)
      : stop_(std::move(stops)), trims_(trims) {}
  /// The text that these bytes complete.
  std::string push(std::string_view bytes);
  /// The text still held back, once no more bytes follow.
  std::string finish();
  /// Whether a stop string has occurred.
  bool ended() const { return stop_.found(); }
  /// Everything printed so far.
  const std::string& text() const { return text_; }

 private:
  std::string kept(std::string more);

  Utf8Stream characters_;
  StopStrings stop_;
  bool trims_;
  std::string text_;
};

/// Prints texts in order. The first unfinished one is printed as it grows; later ones are held until their turn.
class TextWriter {
 public:
  /// `begins`: the prefix of each text; `trims`: leading blanks are dropped; `together`: this many
  /// consecutive texts have no line between them.
  TextWriter(const Tokenizer& tokenizer, View view, std::vector<std::string> begins,
             const std::vector<std::string>& stops, bool trims = false, size_t together = 1);
  /// Adds a token to one of the texts; returns false if a stop string ended it.
  bool token(size_t text, const Generated& generated);
  /// Marks this text as finished.
  void done(size_t text);
  /// Ends the text that is being printed; nothing follows.
  void stop();
  /// A text with its prefix.
  std::string text(size_t i) const { return texts_[i].begin + texts_[i].flow.text(); }

 private:
  struct Text {
    std::string begin;
    TextFlow flow;
    std::string waiting = {};  // lines or characters held back until earlier texts are finished
    bool is_done = false;
  };
  void add(size_t text, const std::string& shown);
  void end(size_t text);
  void open_front();

  const Tokenizer& tokenizer_;
  View view_;
  std::vector<Text> texts_;
  size_t together_, front_ = 0;
};

// Shows single tokens: the choice, its probability, and the alternatives.

/// The bytes of a token in quotes, with unprintable ones escaped.
std::string quoted_piece(const Tokenizer& tokenizer, int32_t id);

/// A token as data: token, text, logprob (natural). Bytes that are not UTF-8 become U+FFFD in `text`.
nlohmann::ordered_json token_record(const Tokenizer& tokenizer, int32_t id, double log_probability);

/// One line: the token, coloured by its probability, that probability, and the most likely alternatives with
/// theirs. Probabilities are the model's own, before temperature and other sampling keys.
std::string probability_line(const Tokenizer& tokenizer, const Generated& generated);

/// The same as data: token, text, logprob (natural), and `top`, the five most likely tokens.
nlohmann::ordered_json log_probability_record(const Tokenizer& tokenizer, const Generated& generated);

}  // namespace hewn::cli
