#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "model/tokenizer/sentencepiece.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"
#include "train/data/corpus.h"
#include "train/data/data.h"
#include "train/data/text_source.h"

using namespace hewn;
using test::TempDir;

namespace {

std::string write_text(const TempDir& dir, const std::string& name, const std::string& text) {
  const std::string path = (dir / name).string();
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string text_of(const Dataset& data, const Split& split) {
  std::vector<int32_t> ids(static_cast<size_t>(split.tokens.size()));
  split.tokens.copy(0, split.tokens.size(), ids.data());
  return data.tokenizer->decode(ids);
}

std::string error_of(const DataOptions& options, ErrorCode code = ErrorCode::input) {
  try {
    open_dataset(options);
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  return "accepted";
}

const std::string poem = "A fox, a bell,\na wishing well;\nthe bell rang twice,\nand all was nice.\n";

}  // namespace

TEST_CASE("a text file becomes characters, with the last tenth for validation", "[data]") {
  const TempDir dir;
  const std::string path = write_text(dir, "poem.txt", poem);
  const Dataset data = open_dataset({.dataset = path});
  REQUIRE(data.train.size() == 1);
  REQUIRE(data.val.size() == 1);
  const auto cut = static_cast<size_t>(0.9 * static_cast<double>(poem.size()));
  CHECK(text_of(data, data.train[0]) == poem.substr(0, cut));
  CHECK(text_of(data, data.val[0]) == poem.substr(cut));
  CHECK(data.tokenizer->kind() == "char");
  CHECK(data.vocab_size == data.tokenizer->vocab_size());
  CHECK_FALSE(data.train[0].separator);
  CHECK_FALSE(data.val_floor());
  CHECK(data.longest_document() == 0);
  CHECK(*data.val_bytes_per_token() == 1);

  CHECK(open_dataset({.dataset = path}).hash == data.hash);
  CHECK(open_dataset({.dataset = path, .val_fraction = 0.2}).hash != data.hash);
  CHECK(open_dataset({.dataset = path, .val_fraction = 0}).val.empty());
  CHECK(open_dataset({.dataset = path, .tokenizer = "byte"}).vocab_size == 256);
}

TEST_CASE("a text of Tiny Shakespeare's size splits as in nanoGPT", "[data]") {
  const TempDir dir;
  std::string text(1115394, ' ');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(' ' + i % 65);
  const Dataset data = open_dataset({.dataset = write_text(dir, "text.txt", text)});
  CHECK(data.train_tokens() == 1003854);
  CHECK(data.val_tokens() == 111540);
  CHECK(data.vocab_size == 65);
  const BatchLoader whole(data.val_splits(), {.batch_size = 64, .block_size = 64, .order = Order::in_order});
  CHECK(whole.window_count() == 1742);
}

TEST_CASE("non-ASCII characters are never split", "[data]") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 33; ++i) text += "é水🙂";
  const std::string path = write_text(dir, "wide.txt", text);
  for (const double fraction : {0.0, 0.1, 0.33, 0.5, 0.99}) {
    const size_t cut = training_bytes(text, fraction, false);
    CHECK(count_characters(std::string_view(text).substr(0, cut)) ==
          static_cast<int64_t>((1 - fraction) * 99));
  }
  const Dataset data = open_dataset({.dataset = path, .val_fraction = 0.33});
  CHECK(text_of(data, data.train[0]) + text_of(data, data.val[0]) == text);
  CHECK(data.train_tokens() == 66);
  CHECK(*data.val_bytes_per_token() == 3);
}

TEST_CASE("tales are aligned and have an exact lower bound", "[data]") {
  const Dataset data = open_dataset({.dataset = "tales", .tales = 300, .tales_seed = 5});
  const std::string text = generate_tales(300, 5);
  const std::string train = generate_tales(270, 5), val = text.substr(train.size());
  CHECK(text_of(data, data.train[0]) == train);
  CHECK(text_of(data, data.val[0]) == val);
  REQUIRE(data.val_floor());
  CHECK(std::abs(*data.val_floor() - score_tales(val).nats_per_character()) <= 1e-12);
  const int64_t longest = data.longest_document();
  CHECK(longest <= 160);
  CHECK_THROWS_WITH(BatchLoader(data.train_splits(), {.block_size = longest / 2}),
                    Catch::Contains("block_size"));

  // Every validation character is a target exactly once, after a newline or its predecessor.
  const BatchLoader whole(data.val_splits(),
                          {.batch_size = 7, .block_size = longest, .order = Order::in_order});
  CHECK(whole.window_count() == 30);
  std::string targets;
  int64_t counted = 0;
  Batch batch;
  for (int64_t i = 0; i < whole.batch_count(); ++i) {
    whole.fill(i, batch);
    counted += batch.target_count();
    for (size_t j = 0; j < batch.targets.size(); ++j) {
      if (j % static_cast<size_t>(longest) == 0) CHECK(data.tokenizer->piece(batch.tokens[j]) == "\n");
      if (batch.targets[j] != ignored_target) targets += data.tokenizer->piece(batch.targets[j]);
    }
  }
  CHECK(counted == std::ssize(val));
  CHECK(targets == val);

  // The same tales from a file are the same data.
  const TempDir dir;
  const Dataset from_file = open_dataset({.dataset = write_text(dir, "t.txt", text)});
  CHECK(from_file.hash == data.hash);
  CHECK(from_file.val_floor() == data.val_floor());
}

TEST_CASE("a second file is the validation text, and a mixture shares one tokenizer", "[data]") {
  const TempDir dir;
  const std::string a = write_text(dir, "a.txt", poem), b = write_text(dir, "b.txt", "zyx\n" + poem);
  const Dataset second = open_dataset({.dataset = a, .val = b});
  CHECK(text_of(second, second.train[0]) == poem);
  CHECK(text_of(second, second.val[0]) == "zyx\n" + poem);

  const Dataset mixed = open_dataset({.dataset = a + ":0.7," + b + ":0.3"});
  REQUIRE(mixed.train.size() == 2);
  CHECK(mixed.weights == std::vector<double>{0.7, 0.3});
  CHECK(text_of(mixed, mixed.train[1]).substr(0, 4) == "zyx\n");
  CHECK(mixed.val.size() == 2);
  const Dataset with_tales = open_dataset({.dataset = "tales:2," + a, .tales = 20});
  CHECK(with_tales.train[0].separator);
  CHECK_FALSE(with_tales.train[1].separator);
  CHECK_FALSE(with_tales.val_floor());
}

TEST_CASE("datasets are parsed as written", "[data]") {
  const TempDir dir;
  const std::string odd = write_text(dir, "a:1,b", poem);
  CHECK(parse_dataset(odd).size() == 1);
  const auto parts = parse_dataset("x:y.txt:0.5,tales:2,z");
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].spec == "x:y.txt");
  CHECK(parts[0].weight == 0.5);
  CHECK(parts[2].spec == "z");
  for (const char* bad :
       {"", "a:0,b:1", "a:-1,b:1", "a:x", "a:1x", "a:1e9", "a:1,,b:1", "a:nan,b", "a:inf,b", ":1", "a,"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_dataset(bad), Error);
  }
}

TEST_CASE("a file called tales is read instead of the built-in corpus", "[data]") {
  const TempDir dir;
  write_text(dir, "tales", poem);
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  const Dataset data = open_dataset({.dataset = "tales"});
  std::filesystem::current_path(before);
  CHECK(text_of(data, data.train[0]) + text_of(data, data.val[0]) == poem);
}

TEST_CASE("a finished tokenizer has a size of its own", "[data]") {
  const TempDir dir;
  const std::string path = write_text(dir, "poem.txt", poem), file = (dir / "char.json").string();
  const auto tokenizer = train_tokenizer("char", poem);
  tokenizer->save(file);
  const int64_t size = tokenizer->vocab_size();
  CHECK(open_dataset({.dataset = path, .tokenizer = file, .vocab_size = size}).vocab_size == size);
  CHECK_THAT(error_of({.dataset = path, .tokenizer = file, .vocab_size = size + 1}, ErrorCode::usage),
             Catch::Contains("vocab_size = " + std::to_string(size + 1) + ", but " + file +
                             " is a trained tokenizer with " + std::to_string(size) + " tokens"));
}

TEST_CASE("bad input is reported by name", "[data]") {
  const TempDir dir;
  CHECK_THAT(error_of({.dataset = (dir / "none.txt").string()}), Catch::Contains("no such file"));
  CHECK_THAT(error_of({.dataset = write_text(dir, "empty.txt", "")}), Catch::Contains("empty"));
  const std::string bad = write_text(dir, "bad.txt", "fine\nthen \xff\xfe\n");
  CHECK_THAT(error_of({.dataset = bad}),
             Catch::Contains("bad.txt") && Catch::Contains("10") && Catch::Contains("byte"));
  CHECK(open_dataset({.dataset = bad, .tokenizer = "byte"}).vocab_size == 256);
  const std::string good = write_text(dir, "good.txt", poem);
  CHECK_THAT(error_of({.dataset = good, .tokenizer = "morse"}, ErrorCode::usage), Catch::Contains("morse"));
  CHECK_THAT(error_of({.dataset = good, .val_fraction = 1}, ErrorCode::usage),
             Catch::Contains("val_fraction"));
  CHECK_THAT(error_of({.dataset = good, .val_fraction = std::nan("")}, ErrorCode::usage),
             Catch::Contains("val_fraction"));
  CHECK_THAT(error_of({.dataset = "tales", .tales = 0}, ErrorCode::usage), Catch::Contains("1 tale"));
  // A run's tokenizer that does not know a character of new text.
  const Dataset data = open_dataset({.dataset = good});
  const std::string other = write_text(dir, "other.txt", "A fox? No: 7.");
  CHECK_THROWS_WITH(open_dataset({.dataset = other}, data.tokenizer),
                    Catch::Contains("other.txt") && Catch::Contains("?"));
}

TEST_CASE("prepared data equals the original data", "[data]") {
  const TempDir dir;
  const std::string text = write_text(dir, "poem.txt", poem), out = (dir / "out").string();
  for (const std::string& source : {text, std::string("tales"), text + "," + text}) {
    INFO(source);
    const DataOptions options{.dataset = source, .tales = 200};
    const PreparedData prepared = prepare_data(options, out, true);
    const Dataset from_text = open_dataset(options), from_bin = open_dataset({.dataset = out});
    CHECK(prepared.train_tokens == from_text.train_tokens());
    CHECK(prepared.val_tokens == from_text.val_tokens());
    CHECK(prepared.vocab_size == from_text.vocab_size);
    CHECK(prepared.aligned == (source == "tales"));
    CHECK(from_bin.tokenizer->hash() == from_text.tokenizer->hash());
    CHECK(from_bin.val_floor() == from_text.val_floor());
    CHECK(from_bin.val_bytes_per_token() == from_text.val_bytes_per_token());
    if (from_text.train.size() == 1) CHECK(from_bin.hash == from_text.hash);
    if (source == "tales") CHECK(from_bin.longest_document() == from_text.longest_document());
  }
  prepare_data({.dataset = text, .val_fraction = 0}, out, true);
  CHECK(open_dataset({.dataset = out}).val.empty());
  CHECK_THROWS_WITH(prepare_data({.dataset = text}, out), Catch::Contains("already exists"));
  CHECK_THROWS_WITH(prepare_data({.dataset = out}, (dir / "x").string()), Catch::Contains("is a directory"));
  CHECK_THROWS_AS(prepare_data({.dataset = text}, text + "/below-a-file"), Error);
  CHECK(open_dataset({.dataset = out + "," + text}).train.size() == 2);  // text beside it takes its tokenizer
  const std::string same = (dir / "same").string(), other = (dir / "other").string();
  prepare_data({.dataset = text}, same);
  CHECK(open_dataset({.dataset = out + "," + same}).train.size() == 2);
  prepare_data({.dataset = text, .tokenizer = "byte"}, other);
  CHECK_THAT(error_of({.dataset = out + "," + other}),
             Catch::Contains(other + "/train.bin: was made with tokenizer"));
}

TEST_CASE("the marker between documents becomes their end, unless it is to be text", "[data]") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "A fox, a bell.<|endoftext|>";
  DataOptions options{.dataset = write_text(dir, "marked.txt", text), .specials = Specials::allowed};
  const std::string out = (dir / "out").string();
  for (const char* kind : {"bpe", "regex"}) {
    INFO(kind);
    options.tokenizer = kind;
    const Dataset data = open_dataset(options);
    const int32_t end = data.tokenizer->specials()[0].id;
    CHECK(data.text_form == TextForm{.begin = end, .ends = {end}});
    CHECK(data.train[0].marker == end);
    CHECK(data.notes.back().find("<|endoftext|> separates documents") != std::string::npos);
    CHECK(data.longest_document() == 0);  // windows are not aligned
    std::vector<int32_t> ids(static_cast<size_t>(data.val[0].tokens.size()));
    data.val[0].tokens.copy(0, std::ssize(ids), ids.data());
    CHECK(std::count(ids.begin(), ids.end(), end) == 4);
    for (int32_t id = 0; id < end; ++id)
      CHECK(data.tokenizer->piece(id).find("endoftext") == std::string::npos);
    // Prepared data says so too, and says it for other data beside it.
    CHECK(prepare_data(options, out, true).note == data.notes.back());
    const Dataset prepared = open_dataset({.dataset = out});
    CHECK(prepared.text_form == data.text_form);
    CHECK(prepared.hash == data.hash);
    // As a text of its own, it is scored like the data: from its beginning, without more tokens.
    Dataset alone = open_validation(options.dataset, data.tokenizer, data.text_form, Specials::allowed);
    CHECK(!alone.val[0].begin);
    CHECK(open_validation(options.dataset, data.tokenizer, data.text_form).val[0].begin == end);
  }
  options.specials = Specials::as_text;
  CHECK(!open_dataset(options).text_form);
  prepare_data(options, out, true);
  CHECK(!std::filesystem::exists(out + "/texts.json"));
  CHECK(!open_dataset({.dataset = out}).text_form);
  options.specials = Specials::refused;
  CHECK(error_of(options).find("the special token <|endoftext|> at byte 14") != std::string::npos);
}

TEST_CASE("token files made by another tokenizer are refused", "[data]") {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  prepare_data({.dataset = write_text(dir, "poem.txt", poem)}, out);
  std::filesystem::remove(out + "/MANIFEST");  // as earlier versions left it
  train_tokenizer("char", "abc")->save(out + "/tokenizer.json");
  CHECK_THAT(error_of({.dataset = out}), Catch::Contains("made with tokenizer"));
  train_tokenizer("byte", "")->save((dir / "byte.json").string());
  CHECK_THAT(error_of({.dataset = out, .tokenizer = (dir / "byte.json").string()}),
             Catch::Contains("made with tokenizer"));
  std::filesystem::remove(out + "/val.bin");
  train_tokenizer("char", poem)->save(out + "/tokenizer.json");
  CHECK_THAT(error_of({.dataset = out}), Catch::Contains("val.bin"));
}

TEST_CASE("nanoGPT's directories are read as datasets", "[data]") {
  const TempDir dir;
  const std::string out = (dir / "nano").string();
  std::filesystem::create_directory(out);
  std::ofstream(out + "/train.bin", std::ios::binary) << std::string("\x01\x00\x02\x00\x07\x00", 6);
  std::ofstream(out + "/val.bin", std::ios::binary) << std::string("\x01\x00\x09\x00", 4);
  const Dataset data = open_dataset({.dataset = out});
  CHECK(data.tokenizer == nullptr);
  CHECK(data.vocab_size == 10);
  CHECK(data.train_tokens() == 3);
  CHECK_FALSE(data.val_bytes_per_token());
  const std::string text = write_text(dir, "poem.txt", poem);
  CHECK_THAT(error_of({.dataset = out + "," + text}, ErrorCode::usage), Catch::Contains("tokenizer.json"));
  CHECK_THAT(error_of({.dataset = out, .tokenizer = "char"}, ErrorCode::usage),
             Catch::Contains("token files without text"));
  train_tokenizer("char", "abcdefghijkl")->save(out + "/tokenizer.json");
  CHECK(open_dataset({.dataset = out}).vocab_size == 12);
  train_tokenizer("char", "abc")->save(out + "/tokenizer.json");
  CHECK_THAT(error_of({.dataset = out}), Catch::Contains("has only 3"));
}

TEST_CASE("texts longer than a piece are encoded completely", "[data]") {
  test::Random random("pieces");
  std::string text;
  while (text.size() < 3'500'000) {
    text += std::string(static_cast<size_t>(random.integer(0, 60000)),
                        static_cast<char>('a' + random.integer(0, 25)));
    text += random.integer(0, 3) == 0 ? "\n\n  " : "\n";
  }
  const auto tokenizer = train_tokenizer("char", text);
  std::vector<int32_t> ids;
  int pieces = 0;
  TextEncoder(*tokenizer).each_piece(text, Specials::as_text, [&](const std::vector<int32_t>& some) {
    ids.insert(ids.end(), some.begin(), some.end());
    ++pieces;
  });
  CHECK(pieces == 4);
  CHECK(ids == tokenizer->encode(text));
}

TEST_CASE("statistics are counted correctly", "[data]") {
  const TempDir dir;
  const DataStats stats = data_stats({.dataset = write_text(dir, "s.txt", "aé\n\nbcdef\nx")});
  CHECK(stats.bytes == 12);
  CHECK(stats.characters == 11);
  CHECK(stats.distinct_characters == 9);
  CHECK(stats.lines == 4);
  CHECK(stats.longest_line == 5);
  CHECK(stats.train_tokens == 9);
  CHECK(stats.val_tokens == 2);
  CHECK(*stats.tokens_per_character == 1);
  CHECK_FALSE(stats.nats_per_character);

  const DataStats tales = data_stats({.dataset = "tales", .tales = 100});
  CHECK(tales.documents == 100);
  CHECK(tales.lines == 100);
  CHECK(std::abs(*tales.nats_per_character - score_tales(generate_tales(100, 1)).nats_per_character()) <=
        1e-12);
}

TEST_CASE("byte pairs are the same however a text is split", "[data]") {
  test::Random random("cut pairs");
  const std::vector<std::string> parts{"word",           "and", "  ", "\n", "\n\n", " \n", "\n ", "\u2003\n",
                                       "\u4e16\u754c\n", ", "};
  std::string text;
  while (text.size() < size_t{3} << 20) text += random.one_of(parts);
  const auto tokenizer =
      train_tokenizer("bpe", std::string_view(text).substr(0, 100'000), {.vocab_size = 400});
  std::vector<int32_t> ids;
  int pieces = 0;
  TextEncoder(*tokenizer).each_piece(text, Specials::as_text, [&](const std::vector<int32_t>& some) {
    ids.insert(ids.end(), some.begin(), some.end());
    ++pieces;
  });
  CHECK(pieces >= 3);
  CHECK((ids == tokenizer->encode(text)));
}

TEST_CASE("tales need a tokenizer with a token of its own for a newline", "[data]") {
  const DataOptions tales{.dataset = "tales", .tales = 20};
  DataOptions some = tales;
  some.tokenizer = "regex";
  CHECK_THAT(error_of(some), Catch::Contains("tales (training)") &&
                                 Catch::Contains("the tokenizer has no separate token for a newline") &&
                                 Catch::Contains("--tokenizer=char"));
  some.tokenizer = "word", some.vocab_size = 2;  // <|unk|> and a space
  CHECK_THAT(error_of(some), Catch::Contains("the tokenizer has no separate token for a newline"));

  tokenizers::SentencePieces pieces;
  pieces.texts = {".", "\n", ".\n"};
  pieces.merges = {{".", "\n"}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    pieces.texts.push_back(name);
  }
  const std::shared_ptr<const Tokenizer> joining = tokenizers::make_sentencepiece(pieces);
  CHECK_THROWS_WITH(open_dataset(tales, joining),
                    Catch::Contains("its 18 lines are documents") &&
                        Catch::Contains("joins newlines with other characters"));
}
