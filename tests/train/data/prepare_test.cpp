// What becomes of texts that are prepared and counted: texts for validation, texts in the way, bytes of no text.

#include <cmath>
#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "train/data/corpus.h"
#include "train/data/data.h"
#include "train/data/text_source.h"

namespace hewn {
namespace {

const std::string verse = "A fox, a bell,\na wishing well.\n";

std::string put_text(const test::TempDir& dir, const std::string& name, const std::string& text) {
  test::write_file(dir / name, text);
  return (dir / name).string();
}

}  // namespace

TEST_CASE("preparing data replaces none of its texts, whatever their path", "[data]") {
  const test::TempDir dir;
  std::filesystem::create_directory(dir / "out");
  const std::string out = (dir / "out").string(), text = put_text(dir, "out/val.bin", verse),
                    link = (dir / "link.txt").string();
  std::filesystem::create_symlink(text, link);
  const std::vector<DataOptions> all{
      {.dataset = text}, {.dataset = link}, {.dataset = "tales", .val = link, .tales = 20}};
  for (const DataOptions& options : all) {
    INFO(options.dataset);
    CHECK(test::fails(ErrorCode::usage,
                      {text + " is one of the texts and would be replaced; write to another directory"},
                      [&] { prepare_data(options, out, true); }));
    CHECK(test::read_file(text) == verse);
  }
}

TEST_CASE("prepared tales are documents if the validation text is tales, too", "[data]") {
  const test::TempDir dir;
  const std::string out = (dir / "out").string(), tales = generate_tales(10, 9);
  const PreparedData made =
      prepare_data({.dataset = "tales", .val = put_text(dir, "more.txt", tales), .tales = 20}, out);
  CHECK(made.aligned);
  CHECK(made.train_tokens == count_characters(generate_tales(20, 1)));
  CHECK(made.val_tokens == count_characters(tales));
  const Dataset data = open_dataset({.dataset = out});
  REQUIRE(data.val_floor());
  CHECK(std::abs(*data.val_floor() - score_tales(tales).nats_per_character()) <= 1e-12);

  const DataOptions mixed{.dataset = "tales", .val = put_text(dir, "verse.txt", verse), .tales = 20};
  CHECK_FALSE(prepare_data(mixed, out, true).aligned);
  const Dataset plain_text = open_dataset({.dataset = out});
  CHECK_FALSE(plain_text.train[0].separator);
  CHECK_FALSE(plain_text.val_floor());
}

TEST_CASE("statistics count validation texts, and bytes that are no characters", "[data]") {
  const test::TempDir dir;
  const std::string text = put_text(dir, "a.txt", "ab\n"), val = put_text(dir, "b.txt", "cd\ne");
  const DataStats both = data_stats({.dataset = text, .val = val});
  CHECK(both.bytes == 7);
  CHECK(both.characters == 7);
  CHECK(both.distinct_characters == 6);
  CHECK(both.lines == 3);
  CHECK(both.longest_line == 2);
  CHECK(both.train_tokens == 3);
  CHECK(both.val_tokens == 4);
  CHECK(both.tokens_per_character == 1);

  const DataStats bytes = data_stats({.dataset = put_text(dir, "c.txt", "a\xff\n"), .tokenizer = "byte"});
  CHECK(bytes.characters == 3);
  CHECK(bytes.distinct_characters == 2);
  CHECK(bytes.lines == 1);
  CHECK(bytes.longest_line == 2);

  // The characters of token files are not known.
  const std::string out = (dir / "out").string(), rhyme = put_text(dir, "verse.txt", verse);
  const PreparedData made = prepare_data({.dataset = rhyme}, out);
  const DataStats mixed = data_stats({.dataset = out, .val = rhyme});
  CHECK(mixed.characters == std::ssize(verse));
  CHECK(mixed.train_tokens == made.train_tokens);
  CHECK(mixed.val_tokens == std::ssize(verse));
  CHECK_FALSE(mixed.tokens_per_character);
}

}  // namespace hewn
