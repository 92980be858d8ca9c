// Llama's tokenizers: against Hugging Face's own results, llama2.c's, and the algorithm written out plainly.

#include "model/tokenizer/sentencepiece.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/tokenizer/utf8.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/growth.h"
#include "tests/support/random.h"
#include "tests/support/stories.h"

using namespace hewn;
using nlohmann::json;
using test::fails;
using test::far_from_quadratic;
using test::Random;

namespace {

using Ids = std::vector<int32_t>;

/// A token of llama2.c's file.
struct Scored {
  std::string text;
  float score = 0;
};

std::vector<Scored> scored(const std::vector<Scored>& pieces) {
  std::vector<Scored> all{{"<unk>"}, {"\n<s>\n"}, {"\n</s>\n"}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    all.push_back({name});
  }
  all.insert(all.end(), pieces.begin(), pieces.end());
  return all;
}

std::string file_of(const std::vector<Scored>& tokens) {
  std::string file(4, '\0');
  for (const Scored& t : tokens) {
    const auto length = static_cast<int32_t>(t.text.size());
    file.append(reinterpret_cast<const char*>(&t.score), 4).append(reinterpret_cast<const char*>(&length), 4);
    file += t.text;
  }
  return file;
}

/// As llama2.c does it: characters, then again and again the first pair of the highest score.
Ids plainly(const std::string& text, const std::vector<Scored>& tokens) {
  const auto find = [&](const std::string& piece) {
    for (size_t id = 259; id < tokens.size(); ++id)
      if (tokens[id].text == piece) return static_cast<int32_t>(id);
    return -1;
  };
  Ids ids;
  const std::string all = " " + text;
  for (size_t at = 0; !text.empty() && at < all.size();) {
    const size_t n = std::max<size_t>(1, decode_utf8(all, at).bytes);
    const int32_t id = find(all.substr(at, n));
    if (id >= 0) ids.push_back(id);
    for (size_t i = 0; id < 0 && i < n; ++i) ids.push_back(3 + static_cast<unsigned char>(all[at + i]));
    at += n;
  }
  const auto text_of = [&](int32_t id) { return tokens[static_cast<size_t>(id)].text; };
  while (true) {
    int32_t best = -1;
    size_t place = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      if (ids[i] < 259 || ids[i + 1] < 259) continue;
      const int32_t id = find(text_of(ids[i]) + text_of(ids[i + 1]));
      if (id >= 0 &&
          (best < 0 || tokens[static_cast<size_t>(id)].score > tokens[static_cast<size_t>(best)].score))
        best = id, place = i;
    }
    if (best < 0) return ids;
    ids[place] = best;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(place) + 1);
  }
}

/// A random vocabulary over few characters, so that there are many ways to merge and many equal scores.
std::vector<Scored> some_vocabulary(Random& random, bool blank_inside) {
  std::vector<Scored> pieces{{"a", -90}, {"b", -91}, {" ", -92}, {"\u00e9", -93}};
  for (int i = 0; i < 40; ++i) {
    std::string text = random.one_of(pieces).text + random.one_of(pieces).text;
    if (!blank_inside && text.find(' ', std::min(text.find_first_not_of(' '), text.size())) != text.npos)
      continue;
    if (text.size() > 256) continue;  // the longest piece that is read
    if (std::none_of(pieces.begin(), pieces.end(), [&](const Scored& p) { return p.text == text; }))
      pieces.push_back({text, static_cast<float>(-random.integer(0, 20))});
  }
  return scored(pieces);
}

std::string some_pieces(Random& random, int64_t parts) {
  const std::vector<std::string> of{"a", "b",  " ",      "  ",   "a",        "b",  "\u00e9",
                                    "c", "\n", "\u2581", "\xff", "\xe2\x96", "aa", "aaa"};
  std::string text;
  for (; parts > 0; --parts) text += random.one_of(of);
  return text;
}

std::filesystem::path official() { return test::source_dir() / "tests/files/llama-tokenizer"; }

}  // namespace

TEST_CASE("pieces merge as in the plain algorithm, with and without spaces inside") {
  Random random("sentencepiece");
  for (int round = 0; round < 60; ++round) {
    const std::vector<Scored> tokens = some_vocabulary(random, round % 3 == 0);
    const auto tokenizer = tokenizers::read_llama2c_tokenizer(file_of(tokens));
    const auto again = tokenizer_from_json(tokenizer->to_json());
    CHECK(again->hash() == tokenizer->hash());
    for (int i = 0; i < 20; ++i) {
      const std::string text = some_pieces(random, random.integer(0, 90));
      const Ids ids = tokenizer->encode(text);
      INFO(json(text).dump(-1, ' ', true, json::error_handler_t::replace));
      CHECK(ids == plainly(text, tokens));
      CHECK(tokenizer->decode(ids) == text);
      CHECK(again->encode(text) == ids);
      std::string parts;
      for (const Piece& piece : tokenizer->pieces(text)) parts += piece.source;
      CHECK(parts == text);
      Ids more = tokenizer->encode(text);
      const Ids rest = tokenizer->encode_more(text);
      more.insert(more.end(), rest.begin(), rest.end());
      CHECK(tokenizer->decode(more) == text + text);
    }
  }
}

TEST_CASE("sentencepiece: any bytes are encoded and decoded back") {
  Random random("bytes");
  const auto tokenizer = tokenizers::read_llama2c_tokenizer(file_of(some_vocabulary(random, false)));
  std::string all;
  for (int i = 0; i < 100000; ++i)
    all += static_cast<char>(static_cast<unsigned char>(random.integer(0, 255)));
  CHECK(tokenizer->decode(tokenizer->encode(all)) == all);
}

TEST_CASE("long words do not take quadratic time") {
  if (test::left_out()) return;
  const auto tokenizer =
      tokenizers::read_llama2c_tokenizer(file_of(scored({{"a", -1}, {" ", -2}, {"aa", -3}, {"aaaa", -4}})));
  CHECK(far_from_quadratic(size_t{1} << 18, [&](size_t size) {
    CHECK(tokenizer->encode(std::string(size, 'a')).size() == 1 + size / 4);
  }));
}

TEST_CASE("a Llama tokenizer gives the same tokens as Hugging Face") {
  const auto tokenizer = load_tokenizer((official() / "tokenizer.json").string());
  CHECK(tokenizer->kind() == "sentencepiece");
  CHECK(form_of(*tokenizer) == TextForm{.begin = 1, .ends = {2, 1}});
  std::istringstream lines(test::read_file(official() / "expected.jsonl"));
  const auto again = tokenizer_from_json(tokenizer->to_json());
  int n = 0;
  for (std::string line; std::getline(lines, line); ++n) {
    const json expected = json::parse(line);
    const auto text = expected.at("text").get<std::string>();
    INFO(line);
    CHECK(tokenizer->encode(text) == expected.at("ids").get<Ids>());
    CHECK(again->encode(text) == expected.at("ids").get<Ids>());
    CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
  }
  CHECK(n == 9);
  const Ids with_special = tokenizer->encode("<s>Hello</s>", Specials::allowed);
  CHECK(with_special.front() == 1);
  CHECK(with_special.back() == 2);
  CHECK(tokenizer->decode(with_special) == "<s>Hello</s>");
  CHECK_THROWS_WITH(tokenizer->encode("<s>", Specials::refused), Catch::Contains("special token <s>"));
}

TEST_CASE("special tokens in a text, and the space after them, are encoded as by Hugging Face") {
  json file = json::parse(test::read_file(official() / "tokenizer.json"));
  const auto prepend = tokenizer_from_json(file.dump());
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "first"}, {"split", false}};
  const auto first = tokenizer_from_json(file.dump());
  std::istringstream lines(test::read_file(official() / "specials.jsonl"));
  int n = 0;
  for (std::string line; std::getline(lines, line); ++n) {
    INFO(line);
    const json expected = json::parse(line);
    const auto text = expected.at("text").get<std::string>();
    for (const auto& [name, tokenizer] : {std::pair{"prepend", prepend.get()}, {"first", first.get()}}) {
      const auto again = tokenizer_from_json(tokenizer->to_json());
      CHECK(tokenizer->encode(text, Specials::allowed) == expected.at(name).get<Ids>());
      CHECK(again->encode(text, Specials::allowed) == expected.at(name).get<Ids>());
      CHECK(tokenizer->decode(expected.at(name).get<Ids>()) == text);
    }
  }
  CHECK(n == 8);
}

TEST_CASE("llama2.c's vocabularies encode prompts and decode texts as sentencepiece does") {
  for (const test::Stories& stories : test::stories()) {
    const auto tokenizer = load_tokenizer(stories.tokens.string());
    const auto again = tokenizer_from_json(tokenizer->to_json());
    for (const json& expected : stories.all()) {
      INFO(expected.at("prompt"));
      Ids ids{1};
      for (const int32_t id : tokenizer->encode(expected.at("prompt").get<std::string>())) ids.push_back(id);
      CHECK(ids == expected.at("prompt_tokens").get<Ids>());
      const Ids told = expected.at("tokens").get<Ids>();
      CHECK(again->decode(std::span(told).subspan(1)) == expected.at("text").get<std::string>());
    }
  }
}

TEST_CASE("unsupported tokenizer settings are refused by name") {
  const json good = json::parse(test::read_file(official() / "tokenizer.json"));
  const auto refused = [&](const char* at, const json& value, std::initializer_list<std::string> reasons) {
    json file = good;
    file[json::json_pointer(at)] = value;
    return fails(ErrorCode::input, reasons, [&] { tokenizer_from_json(file.dump()); });
  };
  const json metaspace{
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "first"}, {"split", false}};
  CHECK(refused("/normalizer", nullptr, {"the normalizer is null"}));
  CHECK(refused("/normalizer/normalizers/0", {{"type", "Lowercase"}}, {"normalizer", "Lowercase"}));
  CHECK(refused("/pre_tokenizer", {{"type", "ByteLevel"}}, {"pre_tokenizer", "ByteLevel"}));
  CHECK(refused("/pre_tokenizer", metaspace, {"normalizer", "none beside"}));
  CHECK(refused("/decoder/decoders/3", {{"type", "CTC"}}, {"decoder", "CTC"}));
  CHECK(refused("/decoder", nullptr, {"decoder"}));
  CHECK(refused("/post_processor/single/0", {{"Sequence", {{"id", "A"}}}}, {"post_processor"}));
  CHECK(refused("/post_processor/special_tokens/<s>/ids", {5000}, {"token 5000", "not in the vocabulary"}));
  CHECK(refused("/model/ignore_merges", true, {"ignore_merges"}));
  CHECK(refused("/model/dropout", 0.1, {"dropout"}));
  CHECK(refused("/model/end_of_word_suffix", "x", {"end_of_word_suffix"}));
  CHECK(refused("/model/type", "Unigram", {"Unigram"}));
  CHECK(refused("/model/merges/0", {"a", "\u00ff"}, {"merge 0"}));
  CHECK(refused("/hewn", {{"scores", {1, 2}}}, {"2 scores"}));
  json other = good;
  other["normalizer"] = nullptr;
  other["pre_tokenizer"] = metaspace;
  CHECK(tokenizer_from_json(other.dump())->encode("Hello") ==
        tokenizer_from_json(good.dump())->encode("Hello"));
  other["model"]["vocab"].erase("<0x0A>");
  other["model"]["vocab"]["xyz"] = 3 + 10;
  CHECK_THROWS_WITH(tokenizer_from_json(other.dump()), Catch::Contains("no token for byte 10"));
}

TEST_CASE("damaged tokenizer files of llama2.c are refused") {
  const std::vector<Scored> tokens = scored({{"a", -1}, {"b", -2}, {"ab", -3}});
  const std::string good = file_of(tokens);
  size_t boundaries = 0;
  for (size_t size = 0; size < good.size(); ++size) {
    try {
      tokenizers::read_llama2c_tokenizer(good.substr(0, size));
      ++boundaries;
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::input);
    }
  }
  CHECK(boundaries == 3);  // after each of the tokens that need not be there
  const auto refused = [&](size_t id, const Scored& other, std::initializer_list<std::string> reasons) {
    std::vector<Scored> changed = tokens;
    changed[id] = other;
    return fails(ErrorCode::input, reasons, [&] { tokenizers::read_llama2c_tokenizer(file_of(changed)); });
  };
  CHECK(refused(261, {"a"}, {"token 261", "twice"}));
  CHECK(refused(261, {"<s>"}, {"twice"}));
  CHECK(refused(261, {"\xff"}, {"UTF-8"}));
  CHECK(refused(261, {""}, {"0 bytes"}));
  CHECK(refused(261, {std::string(257, 'x')}, {"257 bytes"}));
  CHECK(refused(261, {"ab", std::nanf("")}, {"score of token 261"}));
  CHECK(refused(3, {"x"}, {"no token for byte 0"}));
  std::string negative = good;
  std::memset(negative.data() + 8, 0xff, 4);
  CHECK_THROWS_WITH(tokenizers::read_llama2c_tokenizer(negative), Catch::Contains("length is -1"));
  std::memset(negative.data() + 8, 0x7f, 4);
  CHECK_THROWS_WITH(tokenizers::read_llama2c_tokenizer(negative), Catch::Contains("ends in a piece"));
}
