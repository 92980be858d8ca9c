#pragma once
// GPT-2's splitting of text into pieces; byte pairs are merged within pieces, never across them. Equivalent
// to the pattern
//   '(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// in OpenAI's encoder.py, written by hand: an English clitic; letters, numbers or other characters, with at
// most one space before them; or white space, whose last character is left to the next piece.

#include <cstddef>
#include <string_view>

namespace hewn {

/// End of the piece that begins at byte `begin`, which must be inside the text. Bytes that are not UTF-8
/// count as other characters.
size_t gpt2_piece_end(std::string_view text, size_t begin);

}  // namespace hewn
