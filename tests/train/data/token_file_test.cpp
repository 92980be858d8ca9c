#include "train/data/token_file.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"
#include "tests/train/data/token_bytes.h"

using namespace hewn;
using test::ids_of;
using test::TempDir;

namespace {

std::vector<int32_t> random_ids(test::Random& random, int64_t n, int32_t vocab) {
  std::vector<int32_t> ids(static_cast<size_t>(n));
  for (int32_t& id : ids) id = static_cast<int32_t>(random.integer(0, vocab - 1));
  return ids;
}

void write(const std::string& path, const TokenFileInfo& info, const std::vector<int32_t>& ids) {
  TokenFileWriter writer(path, info);
  writer.append(std::span(ids).first(ids.size() / 2));
  writer.append(std::span(ids).subspan(ids.size() / 2));
  writer.describe_text(info.text_bytes, info.neg_log_prob);
  writer.commit();
}

/// The bytes of a token file with another value in one place, and with checksums as if it had been written so.
template <class Field>
std::string forged(std::string bytes, size_t at, Field value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  const size_t trailer = bytes.size() - 64;
  const auto put_sum = [&](size_t to, size_t begin, size_t size) {
    const uint64_t sum = checksum(std::string_view(bytes).substr(begin, size));
    std::memcpy(bytes.data() + to, &sum, sizeof sum);
  };
  put_sum(56, 0, 56);
  put_sum(trailer + 8, 64, trailer - 64);
  put_sum(trailer + 48, trailer, 48);
  return bytes;
}

std::string error_of(const std::string& path) {
  try {
    open_token_file(path);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::input);
    CHECK_THAT(e.what(), Catch::Contains(path));
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("token files are read back as they were written, in both widths", "[data]") {
  const TempDir folder;
  test::Random random("token files");
  for (const int32_t vocab : {1, 65, 65536, 65537, 2000000000}) {
    const auto ids = random_ids(random, random.integer(0, 20000), vocab);
    TokenFileInfo info{vocab, random.bits(), std::nullopt, 12345, std::nullopt};
    if (vocab == 65) info.separator = 3, info.neg_log_prob = 0.1;
    const std::string path = (folder / "train.bin").string();
    write(path, info, ids);
    const TokenFile file = open_token_file(path);
    CHECK(file.format == TokenFormat::hewn);
    CHECK(ids_of(file.tokens) == ids);
    CHECK(file.info.vocab_size == vocab);
    CHECK(file.info.tokenizer_hash == info.tokenizer_hash);
    CHECK(file.info.separator == info.separator);
    CHECK(file.info.neg_log_prob == info.neg_log_prob);
    CHECK(file.info.text_bytes == 12345);
    CHECK(std::filesystem::file_size(path) == 128 + ids.size() * (vocab <= 65536 ? 2 : 4));
    if (!ids.empty()) CHECK(file.tokens[std::ssize(ids) - 1] == ids.back());
  }
}

TEST_CASE("nanoGPT's headerless uint16 files are read", "[data]") {
  const TempDir folder;
  const std::string path = (folder / "train.bin").string();
  std::ofstream(path, std::ios::binary) << std::string("\x05\x00\x40\x00\x00\x01", 6);
  {  // closed before the file is shortened
    const TokenFile file = open_token_file(path);
    CHECK(file.format == TokenFormat::nanogpt);
    CHECK(ids_of(file.tokens) == std::vector<int32_t>{5, 64, 256});
    CHECK(file.info.vocab_size == 257);
  }
  std::ofstream(path, std::ios::binary) << "odd";
  CHECK_THAT(error_of(path), Catch::Contains("3 bytes"));
  std::ofstream(path, std::ios::binary) << "";
  CHECK_THAT(error_of(path), Catch::Contains("empty"));
  CHECK_THAT(error_of((folder / "none.bin").string()), Catch::Contains("cannot be read"));
}

TEST_CASE("a token file cut short or with any bit changed is refused", "[data]") {
  const TempDir folder;
  test::Random random("the token file is damageds");
  const std::string path = (folder / "val.bin").string();
  write(path, {300, 77, 3, 99, 1.5}, random_ids(random, 40, 300));
  const std::string good = test::read_file(path);
  for (size_t size = 0; size < good.size(); ++size) {
    if (size < 8 && size % 2 == 0 && size > 0) continue;  // so little is left that it reads as nanoGPT's
    std::ofstream(path, std::ios::binary) << good.substr(0, size);
    INFO("cut to " << size);
    CHECK(error_of(path) != "accepted");
  }
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.integer(0, 7)));
    std::ofstream(path, std::ios::binary) << bad;
    INFO("flipped a bit of byte " << at);
    const std::string said = error_of(path);
    CHECK_THAT(said, Catch::Contains("the token file is damaged"));
  }
}

TEST_CASE("ids outside the vocabulary are refused and leave no file", "[data]") {
  const TempDir folder;
  const std::string path = (folder / "train.bin").string();
  for (const int32_t bad : {-1, 10}) {
    TokenFileWriter writer(path, {10, 0, std::nullopt, 0, std::nullopt});
    writer.append(std::vector<int32_t>{1, 2, 9});
    CHECK_THROWS_WITH(writer.append(std::vector<int32_t>{3, bad}), Catch::Contains("token 3 is"));
  }
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK_THROWS_AS(TokenFileWriter((folder / "x.bin").string(), {0, 0, std::nullopt, 0, std::nullopt}), Error);
}

TEST_CASE("a token file is refused if its checksums are right and its content is not", "[data]") {
  const TempDir folder;
  const std::string path = (folder / "train.bin").string();
  write(path, {300, 77, 3, 99, 1.5}, {0, 299, 3, 7, 5});
  const std::string good = test::read_file(path);
  const size_t trailer = good.size() - 64;
  const auto refusal = [&](size_t at, auto value) {
    test::write_file(path, forged(good, at, value));
    return error_of(path);
  };
  CHECK(refusal(64, uint16_t{1}) == "accepted");
  CHECK_THAT(refusal(8, 2u), Catch::Contains("format version 2 (flags 0)") &&
                                 Catch::Contains("this program reads version 1"));
  CHECK_THAT(refusal(16, 5u), Catch::Contains("format version 1 (flags 5)"));
  CHECK_THAT(refusal(12, 3u), Catch::Contains("damaged: ids have 3 bytes; expected 2 or 4"));
  CHECK_THAT(refusal(12, 0u), Catch::Contains("damaged: ids have 0 bytes"));
  CHECK_THAT(refusal(12, 4u), Catch::Contains("states 5 ids, but there are 10 bytes of ids"));
  CHECK_THAT(refusal(trailer, uint64_t{4}), Catch::Contains("states 4 ids, but there are 10 bytes of ids"));
  for (const int32_t vocab_size : {0, -1, 3})
    CHECK_THAT(refusal(20, vocab_size),
               Catch::Contains("a vocabulary of " + std::to_string(vocab_size) + " with separator 3"));
  CHECK_THAT(refusal(24, -2), Catch::Contains("a vocabulary of 300 with separator -2"));
  CHECK_THAT(refusal(66, uint16_t{300}),
             Catch::Contains("token 1 is 300, outside the vocabulary of 300 tokens; prepare the data again"));
  write(path, {70000, 77, std::nullopt, 99, 1.5}, {0, 5, 69999});
  test::write_file(path, forged(test::read_file(path), 72, -1));
  CHECK_THAT(error_of(path), Catch::Contains("token 2 is -1, outside the vocabulary of 70000 tokens"));
}

TEST_CASE("token files are those that MANIFEST lists, with a header or without", "[data]") {
  const TempDir folder;
  const std::string path = (folder / "train.bin").string();
  const auto check = [&] {
    const FileSum right = sum_file(path);
    CHECK(open_token_file(path, right).tokens.size() == 2);
    for (const FileSum& wrong :
         {FileSum{right.size + 2, right.checksum}, FileSum{right.size, right.checksum + 1}})
      CHECK_THROWS_WITH(open_token_file(path, wrong),
                        Catch::Contains(path) && Catch::Contains("belongs to another data set"));
  };
  test::write_file(path, std::string("\x01\x00\x02\x00", 4));
  check();
  write(path, {300, 77, 3, 99, 1.5}, {0, 299});
  check();
}

TEST_CASE("llm.c's token files are read, for GPT-2 and for Llama 3", "[data]") {
  const TempDir folder;
  const std::string path = (folder / "x_train.bin").string();
  for (const std::vector<int32_t>& ids : {std::vector<int32_t>{50256, 0, 7}, std::vector<int32_t>{}}) {
    test::write_file(path, test::llmc_file(ids));
    const TokenFile file = open_token_file(path, sum_file(path));
    CHECK(file.format == TokenFormat::llmc_gpt2);
    CHECK(file.info.vocab_size == 50257);
    CHECK_FALSE(file.info.separator);
    CHECK(ids_of(file.tokens) == ids);
  }
  test::write_file(path, test::llmc_file({128255, 0, 70000}, 20240801, 7));
  const TokenFile file = open_token_file(path);
  CHECK(file.format == TokenFormat::llmc_llama3);
  CHECK(file.info.vocab_size == 128256);
  CHECK(ids_of(file.tokens) == std::vector<int32_t>{128255, 0, 70000});
}

TEST_CASE("damaged files of llm.c are refused with the reason", "[data]") {
  const TempDir folder;
  const std::string path = (folder / "x_train.bin").string();
  const auto refusal = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    return error_of(path);
  };
  const std::string good = test::llmc_file({1, 2, 3}), large = test::llmc_file({1, 2, 3}, 20240801, 7);
  CHECK(refusal(good) == "accepted");
  for (const size_t size : {size_t{4}, size_t{5}, size_t{12}, size_t{1023}})
    CHECK_THAT(refusal(good.substr(0, size)), Catch::Contains("cut short: its header takes 1024 bytes, and " +
                                                              std::to_string(size) + " are left"));
  for (const size_t size : {size_t{1024}, size_t{1028}, size_t{1029}})
    CHECK_THAT(refusal(good.substr(0, size)),
               Catch::Contains("the header states 3 ids of 2 bytes, but there are " +
                               std::to_string(size - 1024) + " bytes of ids"));
  CHECK_THAT(refusal(good + "xy"), Catch::Contains("but there are 8 bytes of ids"));
  CHECK_THAT(refusal(large.substr(0, 1034)), Catch::Contains("states 3 ids of 4 bytes, but there are 10"));
  for (const int32_t count : {-1, 2147483647, -2147483647}) {
    std::string bytes = good;
    std::memcpy(bytes.data() + 8, &count, 4);
    CHECK_THAT(refusal(bytes), Catch::Contains("states " + std::to_string(count) + " ids"));
  }
  CHECK_THAT(
      refusal(test::llmc_file({1}, 20240520, 2)),
      Catch::Contains("has format version 2; with magic number 20240520, this program reads version 1"));
  CHECK_THAT(refusal(test::llmc_file({1}, 20240801, 1)), Catch::Contains("this program reads version 7"));
  CHECK_THAT(refusal(test::llmc_file({1, 50257})),
             Catch::Contains("token 1 is 50257, outside the vocabulary of 50257 tokens"));
  CHECK_THAT(refusal(test::llmc_file({1, 2, 128256}, 20240801, 7)), Catch::Contains("token 2 is 128256"));
  CHECK_THAT(refusal(test::llmc_file({-5}, 20240801, 7)), Catch::Contains("token 0 is -5"));
  CHECK_THAT(refusal(test::llmc_file({1}, 20240522)), Catch::Contains("llm.c's multiple-choice questions"));
}
