// Where texts are divided into training and validation.

#include "train/data/text_source.h"

#include "tests/support/catch.h"

namespace hewn {
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
