#pragma once
// Text before tokenization: its source, whether it consists of tales, and its split.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/io/file.h"

namespace hewn {

/// A text, mapped from a file or generated. Owns its bytes; `text()` stays valid when the source is moved.
class TextSource {
 public:
  /// Maps a text file. Throws ErrorCode::input if it is unreadable or empty and, unless `accepted`, if it is
  /// not a text (core/io/file_kind.h).
  static TextSource file(const std::string& path, bool accepted = false);
  /// Generates `count` tales of `seed` (train/data/corpus.h).
  static TextSource tales(int64_t count, uint64_t seed);

  const std::string& name() const { return name_; }
  std::string_view text() const { return made_ ? std::string_view(*made_) : file_.text(); }
  /// Whether it consists only of tales of the built-in corpus: lines are then documents, and its exact
  /// probability is known.
  bool is_tales() const { return is_tales_; }

 private:
  std::string name_;
  MappedFile file_;
  std::optional<std::string> made_;
  bool is_tales_ = false;
};

/// The number of characters (code points) of a text: the bytes that are not continuation bytes.
int64_t count_characters(std::string_view text);

/// The number of bytes of `text` used for training: the first int((1 - val_fraction) * n) of its n
/// characters, as in nanoGPT, or of its n lines if `by_lines`. Throws usage unless 0 <= val_fraction < 1.
size_t training_bytes(std::string_view text, double val_fraction, bool by_lines);

// A note for text files that hold a table or JSON. Training would use labels and braces as text, which is
// seldom intended.

/// A note for training on the raw text file `path`: its apparent format (train/tables/structure.h), and the
/// command that extracts its texts. "" for plain text.
std::string structure_note(const std::string& path, std::string_view text);

}  // namespace hewn
