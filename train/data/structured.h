#pragma once
// A note for text files that hold a table or JSON. Training takes any text as it is, labels and braces
// included, which is seldom intended.

#include <string>
#include <string_view>

namespace hewn {

/// A note for training on the text file `path` as it is: the format it seems to have (train/tables/structure.h),
/// and the command that extracts its texts. "" for plain text.
std::string structure_note(const std::string& path, std::string_view text);

}  // namespace hewn
