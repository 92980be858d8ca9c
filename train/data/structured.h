#pragma once
// A note for text files that hold a table or JSON. Training would use labels and braces as text, which is
// seldom intended.

#include <string>
#include <string_view>

namespace hewn {

/// A note for training on the raw text file `path`: its apparent format (train/tables/structure.h), and the
/// command that extracts its texts. "" for plain text.
std::string structure_note(const std::string& path, std::string_view text);

}  // namespace hewn
