// Byte pair encoding: against GPT-2's own results, and against the algorithm written out plainly.

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/tokenizer/bpe.h"
#include "model/tokenizer/bpe_merges.h"
#include "model/tokenizer/gpt2_split.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/growth.h"
#include "tests/support/random.h"

using namespace hewn;
using nlohmann::json;
using test::fails;
using test::far_from_quadratic;
using test::Random;

namespace {

using Ids = std::vector<int32_t>;

// A vocabulary in the form of GPT-2's files, with what tiktoken or GPT-2's own program makes of texts.
struct BytePairs {
  std::filesystem::path vocabulary, results;
};

std::vector<BytePairs> oracles() {
  const auto own = test::source_dir() / "tests/fixtures/bpe";
  std::vector<BytePairs> all{{own / "encoder.json", own}};
  if (const auto other = test::shared_root(); exists(other / "data/gpt2"))
    all.push_back({other / "data/gpt2/encoder.json", other / "fixtures/bpe"});
  return all;
}

std::vector<json> lines_of(const std::filesystem::path& file) {
  std::vector<json> lines;
  std::istringstream text(test::read_file(file));
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  return lines;
}

std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = gpt2_piece_end(text, begin);
    REQUIRE(end > begin);
    REQUIRE(end <= text.size());
    pieces.emplace_back(text.substr(begin, end - begin));
  }
  return pieces;
}

std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string some_text(Random& random, int64_t parts) {
  const std::vector<std::string> of{
      "the",    "The",     " ",      "  ",         "\n",         "\r\n",         "\t",      ",",
      "--",     "don't",   "we'll",  "'",          "na\u00efve", "\u4e16\u754c", "e\u0301", "42",
      "\u00b2", "\u2003",  "\u00a0", "\U0001F600", "aaaa",       "abab",         "ba",      "<|endoftext|>",
      "\xff",   "\xe4\xb8"};
  std::string text;
  for (; parts > 0; --parts) text += random.one_of(of);
  return text;
}

/// Merges of one piece as the paper has them: all places of the first learnt pair, then again.
Ids plainly_merged(const std::string& piece, const std::vector<Merge>& merges) {
  Ids ids;
  for (const char c : piece) ids.push_back(static_cast<unsigned char>(c));
  for (const Merge& m : merges) {
    Ids merged;
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool here = i + 1 < ids.size() && TokenPair{ids[i], ids[i + 1]} == m.pair;
      merged.push_back(here ? m.into : ids[i]);
      i += here;
    }
    ids = std::move(merged);
  }
  return ids;
}

}  // namespace

TEST_CASE("text is cut as GPT-2's pattern does", "[bpe]") {
  using Strings = std::vector<std::string>;
  CHECK(pieces_of("Hello, world's 42 dogs") == Strings{"Hello", ",", " world", "'s", " 42", " dogs"});
  CHECK(pieces_of("a  b\n\n c \n") == Strings{"a", " ", " b", "\n\n", " c", " \n"});
  CHECK(pieces_of("we'll I'M '") == Strings{"we", "'ll", " I", "'", "M", " '"});
  CHECK(pieces_of("x\u00a0y\u3000 z") == Strings{"x", "\u00a0", "y", "\u3000", " z"});
  CHECK(pieces_of(" \u00e9t\u00e9\u0301\u00b2\u4e16") ==
        Strings{" \u00e9t\u00e9", "\u0301", "\u00b2", "\u4e16"});
  CHECK(pieces_of("\xff\xfe a") == Strings{"\xff\xfe", " a"});
}

TEST_CASE("vocabularies in GPT-2's form give the tokens of other programs", "[bpe]") {
  for (const BytePairs& oracle : oracles()) {
    const auto tokenizer = load_tokenizer(oracle.vocabulary.string());
    const int32_t end = tokenizer->vocab_size() - 1;
    for (const json& line : lines_of(oracle.results / "encode.jsonl")) {
      const auto text = line["text"].get<std::string>();
      INFO(line["text"].dump());
      const Ids ids = tokenizer->encode(text);
      CHECK(ids == line["ids"].get<Ids>());
      CHECK(tokenizer->decode(ids) == text);
    }
    for (const json& line : lines_of(oracle.results / "special.jsonl")) {
      const auto text = line["text"].get<std::string>();
      INFO(line["text"].dump());
      const auto special = line["ids_special"].get<Ids>();
      CHECK(tokenizer->encode(text) == line["ids_ordinary"].get<Ids>());
      CHECK(tokenizer->encode(text, Specials::allowed) == special);
      if (std::find(special.begin(), special.end(), end) == special.end())
        CHECK(tokenizer->encode(text, Specials::refused) == special);
      else
        CHECK(fails(ErrorCode::input, {"<|endoftext|> at byte " + std::to_string(text.find("<|endoftext|>"))},
                    [&] { tokenizer->encode(text, Specials::refused); }));
    }
    for (const json& line : lines_of(oracle.results / "decode.jsonl"))
      CHECK(tokenizer->decode(line["ids"].get<Ids>()) == bytes_of_hex(line["bytes_hex"].get<std::string>()));
  }
}

TEST_CASE("a byte pair tokenizer is saved as Hugging Face's tokenizer.json, and read back", "[bpe]") {
  Random random("bpe saved");
  const std::string text = some_text(random, 3000);
  const auto learnt = train_tokenizer("bpe", text, {.vocab_size = 400});
  const std::string saved = learnt->to_json();
  const auto read = tokenizer_from_json(saved);
  CHECK(read->kind() == "bpe");
  CHECK(read->to_json() == saved);
  CHECK(read->encode(text) == learnt->encode(text));
  CHECK(read->encode("a<|endoftext|>", Specials::allowed).back() == read->vocab_size() - 1);
  const json file = json::parse(saved);
  CHECK(file["model"]["type"] == "BPE");
  CHECK(file["added_tokens"][0]["content"] == "<|endoftext|>");
  CHECK(file["pre_tokenizer"]["type"] == "ByteLevel");
}

TEST_CASE("any bytes are encoded with byte pairs and decoded back", "[bpe]") {
  Random random("bpe bytes");
  const auto tokenizer = train_tokenizer("bpe", some_text(random, 2000), {.vocab_size = 500});
  for (int i = 0; i < 200; ++i) {
    std::string bytes = some_text(random, random.integer(0, 40));
    for (char& c : bytes)
      if (random.integer(0, 3) == 0) c = static_cast<char>(random.bits());
    const Ids ids = tokenizer->encode(bytes);
    CHECK(tokenizer->decode(ids) == bytes);
    std::string joined;
    for (const Piece& piece : tokenizer->pieces(bytes)) joined += piece.source;
    CHECK(joined == bytes);
  }
}

TEST_CASE("short and long pieces are merged according to the definition", "[bpe]") {
  Random random("bpe merges");
  // A small alphabet, so that merges overlap; all pairs come from earlier tokens.
  std::array<int32_t, 256> byte_ids{};
  for (size_t i = 0; i < 256; ++i) byte_ids[i] = static_cast<int32_t>(i);
  for (int round = 0; round < 40; ++round) {
    std::vector<Merge> merges;
    std::vector<int32_t> tokens{'a', 'b', 'c'};
    for (int32_t into = 256; into < 280; ++into) {
      const TokenPair pair{random.one_of(tokens), random.one_of(tokens)};
      if (std::any_of(merges.begin(), merges.end(), [&](const Merge& m) { return m.pair == pair; })) continue;
      merges.push_back({pair, into});
      tokens.push_back(into);
    }
    const MergeTable table(byte_ids, merges);
    for (const int64_t length : {1, 2, 5, 47, 48, 49, 50, 300}) {
      std::string piece;
      for (int64_t i = 0; i < length; ++i) piece += random.one_of(std::vector<char>{'a', 'b', 'c'});
      Ids ids;
      table.encode(piece, ids);
      INFO(piece);
      CHECK(ids == plainly_merged(piece, merges));
    }
  }
}

TEST_CASE("byte pairs are learned according to the definition: most frequent first, ties by older tokens",
          "[bpe]") {
  Random random("bpe learnt");
  for (int round = 0; round < 10; ++round) {
    const std::string text = some_text(random, 300);
    const int64_t size = random.integer(257, 330);
    const auto tokenizer = train_tokenizer("bpe", text, {.vocab_size = size});

    std::vector<std::string> vocabulary;
    for (const unsigned char byte : tokenizers::printable_order())
      vocabulary.emplace_back(1, static_cast<char>(byte));
    std::vector<std::vector<std::string>> words;
    for (const std::string& piece : pieces_of(text)) {
      std::vector<std::string>& word = words.emplace_back();
      for (const char c : piece) word.emplace_back(1, c);
    }
    const auto id_of = [&](const std::string& piece) {
      return std::find(vocabulary.begin(), vocabulary.end(), piece) - vocabulary.begin();
    };
    while (static_cast<int64_t>(vocabulary.size()) < size - 1) {
      std::map<std::pair<ptrdiff_t, ptrdiff_t>, int64_t> counts;
      for (const auto& word : words)
        for (size_t i = 0; i + 1 < word.size(); ++i) ++counts[{id_of(word[i]), id_of(word[i + 1])}];
      if (counts.empty()) break;
      const auto best = std::max_element(counts.begin(), counts.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
      const std::string left = vocabulary[static_cast<size_t>(best->first.first)],
                        right = vocabulary[static_cast<size_t>(best->first.second)];
      if (id_of(left + right) == static_cast<ptrdiff_t>(vocabulary.size()))
        vocabulary.push_back(left + right);
      for (auto& word : words)
        for (size_t i = 0; i + 1 < word.size(); ++i)
          if (word[i] == left && word[i + 1] == right) {
            word[i] += word[i + 1];
            word.erase(word.begin() + static_cast<ptrdiff_t>(i) + 1);
          }
    }
    vocabulary.emplace_back("<|endoftext|>");
    REQUIRE(tokenizer->vocab_size() == static_cast<int32_t>(vocabulary.size()));
    for (int32_t id = 0; id < tokenizer->vocab_size(); ++id)
      CHECK(tokenizer->piece(id) == vocabulary[static_cast<size_t>(id)]);
  }
}

TEST_CASE("a long word does not take quadratic time", "[bpe]") {
  const auto tokenizer = train_tokenizer("bpe", "aaaaaaaaaaaaaaaa abab abab", {.vocab_size = 270});
  CHECK(far_from_quadratic(size_t{1} << 18, [&](size_t size) {
    const std::string word(size, 'a');
    CHECK(tokenizer->decode(tokenizer->encode(word)) == word);
  }));
}

TEST_CASE("merges that were chosen to meet in one place of a table do not take quadratic time", "[bpe]") {
  CHECK(far_from_quadratic(size_t{1} << 18, [&](size_t size) {
    std::array<int32_t, 256> byte_ids{};
    std::vector<Merge> merges;
    for (int32_t i = 0; i < static_cast<int32_t>(size); ++i) merges.push_back({{i << 12, 7}, i});
    const MergeTable table(byte_ids, merges);
    std::vector<int32_t> ids{5 << 12, 7, 9};
    table.merge_from(0, ids);
    CHECK(ids == std::vector<int32_t>{5, 9});
  }));
}

TEST_CASE("a damaged byte pair file is refused with the reason", "[bpe]") {
  const auto learnt = train_tokenizer("bpe", "low lower lowest newer newest", {.vocab_size = 270});
  const json good = json::parse(learnt->to_json());
  const auto refused = [&](auto&& damage, std::initializer_list<std::string> reasons) {
    json file = good;
    damage(file);
    return fails(ErrorCode::input, reasons, [&] { tokenizer_from_json(file.dump()); });
  };
  CHECK(refused([](json& f) { f["model"]["type"] = "Unigram"; }, {"Unigram", "only \"BPE\""}));
  CHECK(refused([](json& f) { f["model"]["vocab"].erase("a"); }, {"none with id"}));
  CHECK(refused([](json& f) { f["model"]["vocab"]["b"] = 0; }, {"gives id 0 to both"}));
  CHECK(
      refused([](json& f) { f["model"]["merges"][0] = "lo"; }, {"merge 0 is \"lo\"", "expected two tokens"}));
  CHECK(refused([](json& f) { f["model"]["merges"][2] = "x zz"; }, {"merge 2 needs the token \"zz\""}));
  CHECK(refused([](json& f) { f["model"]["merges"] = 3; }, {"not a tokenizer"}));
  CHECK(refused([](json& f) { f["model"].erase("vocab"); }, {"not a tokenizer", "vocab"}));
  CHECK(refused([](json& f) { f["normalizer"] = {{"type", "NFC"}}; }, {"normalizer"}));
  CHECK(refused([](json& f) { f["pre_tokenizer"]["add_prefix_space"] = true; }, {"pre_tokenizer"}));
  CHECK(refused([](json& f) { f["added_tokens"][0]["id"] = int64_t{1} << 60; },
                {"has id 1152921504606846976, but"}));
  CHECK(fails(ErrorCode::usage, {"vocab_size is 100", "at least 257"},
              [] { train_tokenizer("bpe", "text", {.vocab_size = 100}); }));
  CHECK(fails(ErrorCode::input, {"no text"}, [] { train_tokenizer("bpe", ""); }));
}
