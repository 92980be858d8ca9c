#pragma once
// Texts as they are made: several grow at a time, and are printed one after the other.

#include <string>
#include <vector>

#include "model/generation/generate.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {

/// What becomes of the tokens: text as it is made, a line for each, or data at the end.
enum class View { text, probabilities, log_probabilities, json };

/// The characters of one text: whole ones only, and none of what comes from a stop string on.
class TextFlow {
 public:
  /// `trims`: blanks at the beginning are left out.
  explicit TextFlow(std::vector<std::string> stops, bool trims = false)
      : stop_(std::move(stops)), trims_(trims) {}
  /// What can be shown after these bytes.
  std::string push(std::string_view bytes);
  /// What was held back, now that nothing follows.
  std::string finish();
  /// Whether a stop string has come.
  bool ended() const { return stop_.found(); }
  /// All that was shown.
  const std::string& text() const { return text_; }

 private:
  std::string kept(std::string more);

  Utf8Stream characters_;
  StopStrings stop_;
  bool trims_;
  std::string text_;
};

/// Prints texts in their order. The first that is not done is printed as it grows, the others wait.
class TextWriter {
 public:
  /// `begins`: what stands before each text; `trims`: blanks at their beginning are left out.
  TextWriter(const Tokenizer& tokenizer, View view, std::vector<std::string> begins,
             const std::vector<std::string>& stops, bool trims = false);
  /// A token of one of the texts; false when a stop string ended it.
  bool token(size_t text, const Generated& generated);
  /// Nothing follows in this text.
  void done(size_t text);
  /// Nothing follows at all: ends the text that is being printed.
  void stop();
  /// A text with what stands before it.
  std::string text(size_t i) const { return texts_[i].begin + texts_[i].flow.text(); }

 private:
  struct Text {
    std::string begin;
    TextFlow flow;
    std::string waiting = {};  // lines or characters that another text is in the way of
    bool is_done = false;
  };
  void add(size_t text, const std::string& shown);
  void end(size_t text);
  void open_front();

  const Tokenizer& tokenizer_;
  View view_;
  std::vector<Text> texts_;
  size_t front_ = 0;
};

}  // namespace hewn::cli
