#pragma once
// GPT-2's cutting of text into pieces, inside which byte pairs are merged and never across. It is the pattern
//   '(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// of OpenAI's encoder.py, by hand: an English clitic; letters, numbers or other signs with at most one blank
// before them; or white space, which leaves its last character to the piece that follows.

#include <cstddef>
#include <string_view>

namespace hewn {

/// Where the piece that begins at byte `begin`, inside the text, ends. Bytes that are not UTF-8 count as
/// signs.
size_t gpt2_piece_end(std::string_view text, size_t begin);

}  // namespace hewn
