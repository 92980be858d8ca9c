// Where texts are divided: into training and validation, and into pieces to encode.

#include "train/data/text_source.h"

#include "tests/support/catch.h"

namespace hewn {
namespace {

using Sizes = std::vector<size_t>;

constexpr size_t least_piece = size_t{1} << 20;

/// The sizes of the pieces in which the bytes of a text are encoded.
Sizes piece_sizes(const std::string& text) {
  const auto tokenizer = train_tokenizer("byte", "x");
  std::vector<int32_t> all;
  Sizes sizes;
  encode_in_pieces(*tokenizer, text, [&](const std::vector<int32_t>& ids) {
    all.insert(all.end(), ids.begin(), ids.end());
    sizes.push_back(ids.size());
  });
  CHECK((all == tokenizer->encode(text)));
  return sizes;
}

}  // namespace

TEST_CASE("pieces end after a newline between two visible characters", "[data]") {
  const std::string line(least_piece, 'a');
  CHECK(piece_sizes(line + "\nb") == Sizes{least_piece + 1, 1});
  CHECK(piece_sizes(line + "\u00e9\n\u00e9") == Sizes{least_piece + 3, 2});
  CHECK(piece_sizes(line + " \nb\nc") == Sizes{least_piece + 4, 1});
  // No character or white space before it, or after it; bytes that are not UTF-8 are no characters.
  for (const std::string end :
       {"", "b", "\n", " \nb", "\n b", "\n\n", "\n\xff", "\xff\nb", "\xc3\nb", "\x80\nb"})
    CHECK(piece_sizes(line + end) == Sizes{least_piece + end.size()});
  CHECK(piece_sizes(std::string(least_piece, '\x80') + "\nb") == Sizes{least_piece + 2});
}

TEST_CASE("texts of documents are divided after a line, the last one with or without its end", "[data]") {
  CHECK(training_bytes("a\nbc\nd\n", 0.5, true) == 2);
  CHECK(training_bytes("a\nbc\nd\ne", 0.5, true) == 5);
  CHECK(training_bytes("a\nbc\nd", 0.5, true) == 2);
  CHECK(training_bytes("a\nbc\nd", 0, true) == 6);
  CHECK(training_bytes("a\nbc\nd", 0.5, false) == 3);
  CHECK(training_bytes("", 0.5, true) == 0);
  CHECK(training_bytes("", 0.5, false) == 0);
}

}  // namespace hewn
