// Token files in shards, and the files of other programs that are one sequence.

#include "train/data/token_shards.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"
#include "tests/train/data/token_bytes.h"
#include "train/data/data.h"
#include "train/data/data_set_files.h"

using namespace hewn;
using test::read_file;
using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

using test::ids_of;

namespace {

std::string refusal_of(const fs::path& directory) {
  const std::string message = data_damage(directory.string());
  std::string opened;
  try {
    open_dataset({.dataset = directory.string()});
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::input);
    opened = error.what();
  }
  CHECK(opened == message);
  return message;
}

// All batches of the orders that need no weights.
std::vector<int32_t> batches_of(const Dataset& data, int64_t block_size) {
  std::vector<int32_t> all;
  for (const auto& splits : {data.train_splits(), data.val_splits()})
    for (const Order order : {Order::random, Order::shuffled, Order::in_order}) {
      const BatchLoader loader(
          splits, {.batch_size = 3, .block_size = block_size, .stride = 0, .order = order, .seed = 7});
      Batch batch;
      for (int64_t i = 0; i < std::min<int64_t>(loader.batch_count(), 40); ++i) {
        loader.fill(i, batch);
        all.insert(all.end(), batch.tokens.begin(), batch.tokens.end());
        all.insert(all.end(), batch.targets.begin(), batch.targets.end());
      }
    }
  return all;
}

void check_same(const std::string& directory, const Dataset& expected) {
  INFO(directory);
  const Dataset data = open_dataset({.dataset = directory});
  CHECK(data.hash == expected.hash);
  CHECK(data.vocab_size == expected.vocab_size);
  CHECK(data.train_tokens() == expected.train_tokens());
  CHECK(data.val_floor() == expected.val_floor());
  CHECK(data.val_bytes_per_token() == expected.val_bytes_per_token());
  CHECK(data.train[0].documents == expected.train[0].documents);
  CHECK(data.train[0].text_bytes == expected.train[0].text_bytes);
  CHECK(data.train[0].neg_log_prob == expected.train[0].neg_log_prob);
  int64_t block_size = std::min<int64_t>(70, data.val_tokens() - 1);  // more than a shard
  if (data.train[0].separator) block_size = data.longest_document();
  CHECK(batches_of(data, block_size) == batches_of(expected, block_size));
}

// Five shards for training, 0 to 4, of eight ids or fewer, and one file for validation.
std::string five_shards(const TempDir& dir, const std::string& name = "data", char letter = 'a') {
  const std::string text = (dir / (name + ".txt")).string(), out = (dir / name).string();
  write_file(text, std::string(21, letter) + " and some more words.\n");
  fs::remove_all(out);
  CHECK(prepare_data({.dataset = text, .val_fraction = 0.15}, out, false, 8).train_files == 5);
  return out;
}

}  // namespace

TEST_CASE("data in shards is the same data as in one file", "[data]") {
  const TempDir dir;
  test::Random random("shards");
  std::string text;
  for (int i = 0; i < 400; ++i) text += random.one_of(Strings{"the fox ", "and ", "a bell\n", "é"});
  write_file(dir / "text.txt", text);
  const std::string one = (dir / "one").string(), shards = (dir / "shards").string();
  for (const char* tokenizer : {"char", "bpe"})
    for (const std::string& source : {(dir / "text.txt").string(), std::string("tales")}) {
      if (source == "tales" && tokenizer != std::string("char")) continue;
      const DataOptions options{.dataset = source, .tokenizer = tokenizer, .tales = 40};
      const PreparedData whole = prepare_data(options, one, true);
      CHECK(whole.train_files == 1);
      CHECK(fs::exists(one + "/train.bin"));
      const Dataset expected = open_dataset({.dataset = one});
      const int64_t tokens = whole.train_tokens;
      for (const int64_t size : {tokens / 60 + 1, tokens - 1, tokens, tokens + 1}) {
        INFO(source << " " << tokenizer << ", " << size << " tokens per shard");
        const PreparedData made = prepare_data(options, shards, true, size);
        CHECK(made.train_files == (tokens + size - 1) / size);
        CHECK(made.val_files == (whole.val_tokens + size - 1) / size);
        CHECK(fs::exists(shards + "/train.bin") == (size >= tokens));
        CHECK(fs::exists(shards + "/train-000.bin") == (size < tokens));
        CHECK(fs::exists(shards + "/val.bin") == (size >= whole.val_tokens));
        check_same(shards, expected);
        fs::remove(shards + "/MANIFEST");
        check_same(shards, expected);
      }
    }
}

TEST_CASE("every shard is a token file of its own", "[data]") {
  const TempDir dir;
  const std::string data = five_shards(dir);
  const auto files = Manifest::read(data).files();
  CHECK(files.size() == 7);
  for (uint32_t i = 0; i < 5; ++i) {
    const std::string name = shard_name(SplitSide::train, i);
    REQUIRE(files.contains(name));
    const TokenFile file = open_token_file(data + "/" + name, files.at(name));
    CHECK(file.tokens.size() == (i < 4 ? 8 : 4));
    CHECK(file.shard.number == i);
    CHECK(file.shard.followed == (i < 4));
    CHECK(file.info.text_bytes == (i < 4 ? 0u : 36u));  // the last one describes the whole text
  }
  CHECK_FALSE(open_token_file(data + "/val.bin").shard.followed);
}

TEST_CASE("a sequence of several parts reads like one", "[data]") {
  test::Random random("parts");
  const TempDir dir;
  for (int round = 0; round < 20; ++round) {
    Tokens tokens;
    std::vector<int32_t> all;
    for (int64_t part = random.integer(0, 6); part >= 0; --part) {
      std::vector<int32_t> ids(static_cast<size_t>(random.integer(0, 1) * random.integer(0, 9)));
      const int32_t vocab_size = random.one_of(std::vector<int32_t>{10, 70000});
      for (int32_t& id : ids) id = static_cast<int32_t>(random.integer(0, vocab_size - 1));
      all.insert(all.end(), ids.begin(), ids.end());
      if (random.integer(0, 2) == 0) {
        tokens.append(Tokens(std::move(ids)));
        continue;
      }
      const std::string path = (dir / "part.bin").string();
      TokenFileWriter writer(path, {.vocab_size = vocab_size});
      writer.append(ids);
      writer.commit();
      tokens.append(std::move(open_token_file(path).tokens));
    }
    REQUIRE(ids_of(tokens) == all);
    for (int64_t begin = 0; begin < std::ssize(all); ++begin) {
      CHECK(tokens[begin] == all[static_cast<size_t>(begin)]);
      const int64_t n = random.integer(0, std::ssize(all) - begin);
      std::vector<int32_t> some(static_cast<size_t>(n));
      tokens.copy(begin, n, some.data());
      CHECK(std::equal(some.begin(), some.end(), all.begin() + begin));
    }
  }
}

TEST_CASE("names of token files are those that data prepare gives", "[data]") {
  CHECK(token_file_name(SplitSide::val) == "val.bin");
  CHECK(shard_name(SplitSide::train, 7) == "train-007.bin");
  CHECK(shard_name(SplitSide::val, 1234) == "val-1234.bin");
  for (const char* name : {"train.bin", "val.bin", "train-000.bin", "val-999.bin", "train-1000.bin"})
    CHECK(is_token_file_name(name));
  for (const char* name : {"train-00.bin", "train-0000.bin", "train-.bin", "train-0a0.bin", "train-000",
                           "test.bin", "train_000.bin", "-000.bin", "train-000.bin.bak", "train--01.bin",
                           "x_train.bin", "train-99999999999999999999.bin", ""})
    CHECK_FALSE(is_token_file_name(name));
  for (const char* name : {"x_train.bin", "a_b_val_000000.bin", "train.bin"})
    CHECK(is_any_token_file_name(name));
  for (const char* name :
       {"_train.bin", "x_train_.bin", "x_train_a.bin", "xtrain.bin", "xytrain.bin", "x_test_000001.bin"})
    CHECK_FALSE(is_any_token_file_name(name));
}

TEST_CASE("token files are found in the order of their numbers", "[data]") {
  const auto found = [](const Strings& names) { return find_token_files("D", names); };
  CHECK(found({}).train == Strings{"train.bin"});
  CHECK(found({}).val == Strings{"val.bin"});
  Strings shards;
  for (int i = 0; i < 1002; ++i) shards.push_back(shard_name(SplitSide::train, i));
  Strings mixed = shards;
  std::reverse(mixed.begin(), mixed.end());
  CHECK(found(mixed).train == shards);
  const Strings llmc{"f_train_000001.bin", "f_train_000002.bin", "f_val_000000.bin"};
  CHECK(found({llmc[2], llmc[1], llmc[0], "notes.txt"}).train == Strings{llmc[0], llmc[1]});
  CHECK(found(llmc).val == Strings{llmc[2]});
  CHECK(found({"T_train.bin", "T_val.bin"}).val == Strings{"T_val.bin"});
  CHECK(found({"T_train.bin"}).val == Strings{"T_val.bin"});  // missing
  CHECK(found({"train.bin", "val.bin", "f_train_000001.bin", "g_val.bin"}).train == Strings{"train.bin"});

  const auto refused = [&](const Strings& names, const std::string& message) {
    return test::fails(ErrorCode::input, {message}, [&] { found(names); });
  };
  CHECK(refused({"train-000.bin", "train-002.bin"},
                "D/train-002.bin: follows train-000.bin, but the shard between them is missing; restore it"));
  CHECK(refused({"train-001.bin"}, "D/train-001.bin: is the first existing shard; the shards before it"));
  CHECK(refused({"f_train_000002.bin"}, "the shards before it are missing"));
  CHECK(refused({"val.bin", "val-000.bin"},
                "D/val-000.bin: is a shard, but val.bin next to it is a whole sequence"));
  CHECK(refused({"f_train.bin", "f_train_000001.bin"}, "f_train.bin next to it is a whole sequence"));
  CHECK(refused({"f_train_000001.bin", "f_train_1.bin"}, "has the same number as"));
  CHECK(refused({"f_train_000001.bin", "g_train_000002.bin"},
                "D: holds token files of two data sets, f_* and g_*"));
  CHECK(refused({"f_train_000001.bin", "g_val_000000.bin"}, "holds token files of two data sets"));
}

TEST_CASE("a data set without one of its shards is refused by its name", "[data]") {
  const TempDir dir;
  for (const bool listed : {true, false})
    for (int i = 0; i < 5; ++i) {
      const std::string data = five_shards(dir), name = shard_name(SplitSide::train, i);
      if (!listed) fs::remove(data + "/MANIFEST");
      REQUIRE(refusal_of(data) == "");
      fs::remove(data + "/" + name);
      const std::string message = refusal_of(data);
      INFO(name << ", " << listed << ": " << message);
      if (listed)
        CHECK_THAT(message, Catch::Contains(data + "/" + name) && Catch::Contains("No such file"));
      else if (i == 4)
        CHECK_THAT(message, Catch::Contains("train-003.bin: was written as a shard before another one"));
      else
        CHECK_THAT(message, Catch::Contains(i == 0 ? "train-001.bin: is the first existing shard"
                                                   : "but the shard between them is missing"));
    }
}

TEST_CASE("a shard of other data is refused", "[data]") {
  const TempDir dir;
  const std::string data = five_shards(dir), other = five_shards(dir, "other", 'b');
  const auto replaced = [&](const std::string& name, const std::string& by) {
    five_shards(dir);
    fs::copy_file(by, data + "/" + name, fs::copy_options::overwrite_existing);
    const std::string listed = refusal_of(data);
    fs::remove(data + "/MANIFEST");
    const std::string alone = refusal_of(data);
    return listed.empty() ? "accepted" : alone;
  };
  const std::string third = data + "/train-002.bin";
  CHECK_THAT(replaced("train-002.bin", other + "/train-002.bin"),
             Catch::Contains(third + ": is not a shard of the same data as " + data +
                             "/train-000.bin: its tokenizer is"));
  CHECK_THAT(replaced("train-002.bin", other + "/train-003.bin"),
             Catch::Contains(third + ": was written as shard 3, but its name makes it shard 2"));
  CHECK_THAT(replaced("train-005.bin", data + "/train-004.bin"),
             Catch::Contains("train-004.bin: was written as the last shard, but others follow"));
  CHECK_THAT(replaced("train.bin", data + "/val.bin"),
             Catch::Contains("train.bin next to it is a whole sequence"));
  CHECK_THAT(replaced("val.bin", data + "/train-000.bin"),
             Catch::Contains("val.bin: was written as a shard before another one"));

  const auto second_with = [&](const TokenFileInfo& info) {
    const std::string first_path = (dir / "train-000.bin").string(), path = (dir / "train-001.bin").string();
    TokenFileWriter first(first_path, {.vocab_size = 300, .tokenizer_hash = 5, .separator = 2});
    first.describe_shard({0, true});
    first.commit();
    TokenFileWriter second(path, info);
    second.describe_shard({1, false});
    second.commit();
    try {
      open_token_files({{first_path, std::nullopt}, {path, std::nullopt}});
      return std::string("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::input);
      return std::string(error.what());
    }
  };
  CHECK(second_with({.vocab_size = 300, .tokenizer_hash = 5, .separator = 2}) == "accepted");
  CHECK_THAT(second_with({.vocab_size = 300, .tokenizer_hash = 6, .separator = 2}),
             Catch::Contains("its tokenizer is 0000000000000006, not 0000000000000005"));
  CHECK_THAT(second_with({.vocab_size = 301, .tokenizer_hash = 5, .separator = 2}),
             Catch::Contains("its vocabulary size is 301, not 300"));
  CHECK_THAT(second_with({.vocab_size = 300, .tokenizer_hash = 5}),
             Catch::Contains("its document separator is none, not 2"));
  write_file(dir / "train-001.bin", std::string("\1\0\2\0", 4));
  CHECK(test::fails(ErrorCode::input, {"its format is 16-bit ids without a header"}, [&] {
    open_token_files(
        {{(dir / "train-000.bin").string(), std::nullopt}, {(dir / "train-001.bin").string(), std::nullopt}});
  }));
}

TEST_CASE("a shard with a flipped bit is found by its name", "[data]") {
  const TempDir dir;
  const std::string data = five_shards(dir), path = data + "/train-003.bin", bytes = read_file(path);
  for (const bool listed : {true, false}) {
    if (!listed) fs::remove(data + "/MANIFEST");
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << i % 8));
      write_file(path, flipped);
      CHECK_THAT(refusal_of(data), Catch::Contains("train-003.bin"));
    }
  }
}

TEST_CASE("a text is not divided into more files than a directory should hold", "[data][slow]") {
  const TempDir dir;
  write_file(dir / "long.txt", std::string(12000, 'x'));
  CHECK(test::fails(ErrorCode::usage, {"shard_tokens = 1 divides the text into more than 10000 files"}, [&] {
    prepare_data({.dataset = (dir / "long.txt").string()}, (dir / "out").string(), false, 1);
  }));
  CHECK_FALSE(fs::exists(dir / "out"));
  CHECK_THROWS_AS(TokenFilesWriter(dir.path().string(), SplitSide::train, {.vocab_size = 2}, -1), Error);
}

TEST_CASE("a shard that cannot get the name of a whole file is an error", "[data]") {
  const TempDir dir;
  TokenFilesWriter writer(dir.path().string(), SplitSide::train, {.vocab_size = 2}, 8);
  writer.append(std::vector<int32_t>{0, 1, 0});
  fs::create_directory(dir / "train.bin");
  CHECK(test::fails(ErrorCode::failed, {(dir / "train.bin").string(), "cannot be written"},
                    [&] { writer.commit(); }));
}

TEST_CASE("shards of nanoGPT's format have the vocabulary of all of them", "[data]") {
  const TempDir dir;
  write_file(dir / "train-000.bin", std::string("\1\0\2\0", 4));
  write_file(dir / "train-001.bin", std::string("\7\0\3\0", 4));
  write_file(dir / "val.bin", std::string("\5\0\4\0", 4));
  const Dataset data = open_dataset({.dataset = dir.path().string()});
  CHECK(data.vocab_size == 8);
  CHECK(ids_of(data.train[0].tokens) == std::vector<int32_t>{1, 2, 7, 3});
  CHECK(data.train[0].name == (dir / "train-*.bin").string());
}

TEST_CASE("a directory of llm.c's token files is a data set", "[data]") {
  const TempDir dir;
  const auto put = [&](const std::string& name, const std::vector<int32_t>& ids) {
    write_file(dir / name, test::llmc_file(ids));
  };
  put("edu_fineweb_train_000002.bin", {3, 4, 50256});
  put("edu_fineweb_train_000001.bin", {50256, 1, 2});
  put("edu_fineweb_val_000000.bin", {50256, 9});
  const std::string data = dir.path().string();
  CHECK(is_data_directory(data));
  uint64_t hash = 0;
  {  // closed before the files are written again
    const Dataset shards = open_dataset({.dataset = data});
    CHECK(ids_of(shards.train[0].tokens) == std::vector<int32_t>{50256, 1, 2, 3, 4, 50256});
    CHECK(ids_of(shards.val[0].tokens) == std::vector<int32_t>{50256, 9});
    CHECK(shards.vocab_size == 50257);
    CHECK(shards.train[0].name == data + "/edu_fineweb_train_*.bin");
    hash = shards.hash;
  }
  CHECK(data_damage(data) == "");

  const fs::path tiny = dir / "tiny";
  fs::create_directory(tiny);
  put("tiny/tiny_shakespeare_train.bin", {50256, 1, 2, 3, 4, 50256});
  CHECK_THAT(refusal_of(tiny), Catch::Contains("tiny_shakespeare_val.bin: cannot be read: No such file"));
  put("tiny/tiny_shakespeare_val.bin", {50256, 9});
  CHECK(open_dataset({.dataset = tiny.string()}).hash == hash);

  write_file(dir / "edu_fineweb_train_000002.bin", test::llmc_file({1, 2}, 20240801, 7));
  CHECK_THAT(refusal_of(data),
             Catch::Contains("its format is llm.c's token file for Llama 3, not llm.c's token "
                             "file for GPT-2"));
  put("edu_fineweb_train_000002.bin", {3, 50257});
  CHECK_THAT(refusal_of(data), Catch::Contains("edu_fineweb_train_000002.bin: token 1 is 50257"));
  train_tokenizer("char", "abc")->save(data + "/tokenizer.json");
  fs::remove(dir / "edu_fineweb_train_000002.bin");
  CHECK_THAT(refusal_of(data), Catch::Contains("the tokenizer in use has only 3"));
}
