#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/huggingface_kinds.h"

#include <algorithm>
#include <map>

#include "model/tokenizer/utf8.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

using namespace hewn;
using test::fails;
using test::Random;
using test::TempDir;

namespace {

using Ids = std::vector<int32_t>;

/// A text of a few words, spaces, signs and scripts.
std::string random_text(Random& random) {
  const std::vector<std::string> parts{"the",     "The", " ",          "  ",     "\n",         "\r\n",
                                       "\t",      ",",   "--",         "don't",  "na\u00efve", "\u4e16\u754c",
                                       "e\u0301", "42",  "\U0001F600", "<|unk|>"};
  std::string text;
  for (int64_t n = random.integer(1, 40); n > 0; --n) text += random.one_of(parts);
  return text;
}

void check_pieces(const Tokenizer& tokenizer, std::string_view text) {
  const Ids ids = tokenizer.encode(text);
  const auto pieces = tokenizer.pieces(text);
  REQUIRE(pieces.size() == ids.size());
  std::string joined;
  for (size_t i = 0; i < ids.size(); ++i) {
    REQUIRE(pieces[i].id == ids[i]);
    joined += pieces[i].source;
  }
  REQUIRE(joined == text);
}

}  // namespace

TEST_CASE("a character vocabulary is the sorted code points of the text", "[tokenizer]") {
  const auto tokenizer = train_tokenizer("char", "hello w\u00f6rld\u4e16\n");
  CHECK(tokenizer->kind() == "char");
  CHECK(tokenizer->vocab_size() == 11);
  CHECK(
      tokenizer->to_json() ==
      R"({"format":"hewn-tokenizer","version":1,"kind":"char","vocab":["\n"," ","d","e","h","l","o","r","w","ö","世"]})");
  CHECK(tokenizer->hash() == "f67eed4e134779b1");
  CHECK(tokenizer->encode("o\u00f6\u4e16d") == Ids{6, 9, 10, 2});
  CHECK(tokenizer->piece(10) == "\u4e16");
  CHECK(tokenizer->decode(Ids{4, 3, 5, 5, 6}) == "hello");
  CHECK(tokenizer->encode("").empty());
}

TEST_CASE("an unknown character is reported with its place and the vocabulary", "[tokenizer]") {
  const auto tokenizer = train_tokenizer("char", "hello");
  CHECK(fails(
      ErrorCode::input,
      {"unknown character \"\u00e9\" (U+00E9) at byte 2", "has 4 characters, \"ehlo\"", "byte tokenizer"},
      [&] { tokenizer->encode("he\u00e9"); }));
  CHECK(fails(ErrorCode::input, {"\"x\" (U+0078) at byte 0"}, [&] { tokenizer->encode("x"); }));
  CHECK(fails(ErrorCode::input, {"U+1F600"}, [&] { tokenizer->encode("\U0001F600"); }));
  CHECK(fails(ErrorCode::input, {"unknown character U+0007"}, [&] { tokenizer->encode("he\a"); }));
  CHECK(fails(ErrorCode::input, {"not valid UTF-8", "at byte 2"}, [&] { tokenizer->encode("he\xff"); }));
  for (int32_t id : {-1, 4, INT32_MAX, INT32_MIN}) {
    CHECK(fails(ErrorCode::input, {"token " + std::to_string(id), "expected 0 to 3"}, [&] {
      tokenizer->decode(Ids{0, id});
    }));
  }
}

TEST_CASE("a vocabulary of characters meets texts with others", "[tokenizer]") {
  const std::shared_ptr<const Tokenizer> given = train_tokenizer("char", "hello?");
  const std::vector<std::string_view> texts{"he\u00e9l\u4e16", "\u00e9\U0001F600\xff"};
  std::string note;
  const auto grown = meet_texts(given, texts, "add", note);
  CHECK(note == "3 characters are new to the model and added to its vocabulary: \"\u00e9\u4e16\U0001F600\"");
  CHECK(grown->encode("hello?") == given->encode("hello?"));
  CHECK(grown->encode("\u00e9\u4e16\U0001F600") == Ids{5, 6, 7});
  CHECK(meet_texts(grown, texts, "add", note) == grown);
  CHECK(tokenizer_from_json(grown->to_json())->hash() == grown->hash());
  // The rules are for later texts, too, and travel with the file.
  const auto dropping = meet_texts(given, texts, "drop", note);
  CHECK(note == "3 characters are new to the model and left out: \"\u00e9\u4e16\U0001F600\"");
  const auto again = tokenizer_from_json(dropping->to_json());
  CHECK(again->hash() == dropping->hash());
  CHECK(again->hash() != given->hash());
  CHECK(again->encode("\u00e9hx") == given->encode("h"));
  const std::vector<Piece> pieces = again->pieces("\u00e9hxe");
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].source == "\u00e9h");
  CHECK(pieces[1].source == "xe");
  CHECK(fails(ErrorCode::input, {"not valid UTF-8"}, [&] { again->encode("h\xff"); }));
  const auto replacing = meet_texts(given, texts, "replace", note);
  CHECK(note == "3 characters are new to the model and replaced by ?: \"\u00e9\u4e16\U0001F600\"");
  CHECK(tokenizer_from_json(replacing->to_json())->encode("\u00e9h") == given->encode("?h"));
  CHECK(tokenizer_from_json(*tokenizers::huggingface_text(*replacing))->hash() == replacing->hash());
  CHECK(tokenizer_from_json(*tokenizers::huggingface_text(*dropping))->hash() == given->hash());
  const std::shared_ptr<const Tokenizer> modern = train_tokenizer("char", "a?\ufffd"),
                                         plain = train_tokenizer("char", "a");
  CHECK(meet_texts(modern, texts, "replace", note)->encode("x") == modern->encode("\ufffd"));
  CHECK(fails(ErrorCode::usage, {"neither U+FFFD nor '?'"},
              [&] { meet_texts(plain, texts, "replace", note); }));
  CHECK(meet_texts(dropping, texts, "error", note)->hash() == given->hash());
  const std::shared_ptr<const Tokenizer> bytes = train_tokenizer("byte", "");
  CHECK(meet_texts(bytes, texts, "add", note) == bytes);
  CHECK(fails(ErrorCode::input, {"is \"x\", which is not in the vocabulary"}, [&] {
    tokenizer_from_json(
        R"({"format":"hewn-tokenizer","version":1,"kind":"char","vocab":["a"],"unknown":"x"})");
  }));
}

TEST_CASE("the byte tokenizer preserves all bytes", "[tokenizer]") {
  Random random("byte tokenizer");
  const auto tokenizer = train_tokenizer("byte", "");
  CHECK(tokenizer->vocab_size() == 256);
  CHECK(tokenizer->encode("A\xff") == Ids{65, 255});
  CHECK(tokenizer->to_json() == R"({"format":"hewn-tokenizer","version":1,"kind":"byte"})");
  for (int round = 0; round < 50; ++round) {
    const std::string bytes = random.bytes(static_cast<size_t>(random.integer(0, 500)));
    REQUIRE(tokenizer->decode(tokenizer->encode(bytes)) == bytes);
    check_pieces(*tokenizer, bytes);
  }
}

TEST_CASE("a word vocabulary: words and the characters between them, frequent first", "[tokenizer]") {
  const auto tokenizer = train_tokenizer("word", "a cat, a na\u00efve cat -- a dog's 2 \u4e16\u754c!\n");
  const Ids ids = tokenizer->encode("a cat's dog");
  CHECK(tokenizer->decode(ids) == "a cat's dog");
  CHECK(ids.size() == 7);
  CHECK(tokenizer->piece(0) == "<|unk|>");
  CHECK(tokenizer->piece(1) == " ");  // nine times
  CHECK(tokenizer->piece(2) == "a");  // three times
  CHECK(tokenizer->piece(3) == "-");  // twice, and before "cat" in bytes
  CHECK(tokenizer->piece(4) == "cat");
  CHECK(tokenizer->encode("mouse")[0] == 0);
  CHECK(tokenizer->decode(tokenizer->encode("a mouse, a cat")) == "a <|unk|>, a cat");
  CHECK(tokenizer->encode("<|unk|>") == Ids{0, 0, 0, 0, 0});  // as text it is ordinary text
  CHECK(fails(ErrorCode::input, {"not valid UTF-8", "byte 1"}, [&] { tokenizer->encode("a\xC3"); }));
}

TEST_CASE("a word vocabulary can be limited by size and count", "[tokenizer]") {
  const std::string text = "b b b c c a a d";
  CHECK(train_tokenizer("word", text)->vocab_size() == 6);
  const auto small = train_tokenizer("word", text, {.vocab_size = 3});
  CHECK(small->to_json() ==
        R"({"format":"hewn-tokenizer","version":1,"kind":"word","vocab":["<|unk|>"," ","b"]})");
  const auto common = train_tokenizer("word", text, {.min_count = 2});
  CHECK(common->to_json() ==
        R"({"format":"hewn-tokenizer","version":1,"kind":"word","vocab":["<|unk|>"," ","b","a","c"]})");
  CHECK(train_tokenizer("word", text, {.vocab_size = 100, .min_count = 3})->vocab_size() == 3);
  CHECK(fails(ErrorCode::input, {"no token occurs at least min_count = 50 times"},
              [&] { train_tokenizer("word", text, {.min_count = 50}); }));
}

TEST_CASE("a regex vocabulary: sorted words and punctuation, special tokens last", "[tokenizer]") {
  // What Python's re.split(r'([,.:;?_!"()\']|--|\s)', text) leaves of it, without white space, sorted:
  const auto tokenizer =
      train_tokenizer("regex", "I HAD a cat -- he's_so--\u4e16, (cheap)\u00a0genius---\t\nI\n");
  CHECK(
      tokenizer->to_json() ==
      R"-({"format":"hewn-tokenizer","version":1,"kind":"regex","vocab":["'","(",")",",","-","--","HAD","I","_",)-"
      R"-("a","cat","cheap","genius","he","s","so","世","<|endoftext|>","<|unk|>"]})-");
  CHECK(tokenizer->vocab_size() == 19);
  CHECK(tokenizer->encode("he's  a\tcat--") == Ids{13, 0, 14, 9, 10, 5});
  CHECK(tokenizer->encode("cats, a.") == Ids{18, 3, 9, 18});
  CHECK(tokenizer->encode(" \n\u2003").empty());
  CHECK(tokenizer->decode(tokenizer->encode("(he's) so--a _cat, mouse")) ==
        "( he' s) so -- a _ cat, <|unk|>");
  CHECK(tokenizer->decode_more(tokenizer->encode("a, cat")) == " a, cat");
  CHECK(tokenizer->decode({}).empty());
  const auto pieces = tokenizer->pieces(" a  cat, \n");
  REQUIRE(pieces.size() == 3);
  CHECK(pieces[0].source == " a");
  CHECK(pieces[1].source == "  cat");
  CHECK(pieces[2].source == ", \n");

  CHECK(tokenizer->encode("a <|endoftext|> cat") == Ids{9, 18, 10});  // as text it is a word
  CHECK(tokenizer->encode("a <|endoftext|> cat", Specials::allowed) == Ids{9, 17, 10});
  CHECK(form_of(*tokenizer).ends == Ids{17});
  CHECK(train_tokenizer("regex", "a <|endoftext|> b <|unk|>")->vocab_size() == 4);
  CHECK(fails(ErrorCode::input, {"not valid UTF-8", "byte 1"}, [&] { tokenizer->encode("a\xC3"); }));
}

TEST_CASE("a regex vocabulary can be limited, and loses only whitespace", "[tokenizer]") {
  const std::string text = "b b b c c a a d";
  const auto vocab_of = [&](const TokenizerOptions& options) {
    return train_tokenizer("regex", text, options)->to_json();
  };
  const std::string head = R"({"format":"hewn-tokenizer","version":1,"kind":"regex","vocab":[)",
                    specials = R"("<|endoftext|>","<|unk|>"]})";
  CHECK(vocab_of({.vocab_size = 4}) == head + R"("a","b",)" + specials);
  CHECK(vocab_of({.min_count = 2}) == head + R"("a","b","c",)" + specials);
  CHECK(fails(ErrorCode::usage, {"at least 3"}, [&] { vocab_of({.vocab_size = 2}); }));
  CHECK(fails(ErrorCode::input, {"no token occurs"}, [] { train_tokenizer("regex", " \n "); }));

  const auto without_blanks = [](const std::string& from) {
    std::string kept;
    for (size_t at = 0; at < from.size();) {
      const CodePoint c = decode_utf8(from, at);
      if (!is_white_space(c.value)) kept += from.substr(at, c.bytes);
      at += c.bytes;
    }
    return kept;
  };
  Random random("regex round trip");
  for (int round = 0; round < 200; ++round) {
    const std::string some = "x " + random_text(random);
    if (some.find("<|unk|>") != some.npos) continue;  // as text it is not in the vocabulary
    const auto tokenizer = train_tokenizer("regex", some);
    REQUIRE(without_blanks(tokenizer->decode(tokenizer->encode(some))) == without_blanks(some));
    check_pieces(*tokenizer, some);
    const auto copy = tokenizer_from_json(tokenizer->to_json());
    REQUIRE(copy->hash() == tokenizer->hash());
    REQUIRE(copy->encode(some) == tokenizer->encode(some));
  }
}

TEST_CASE("tokenizers preserve a text as far as their kind allows", "[tokenizer]") {
  Random random("tokenizer round trip");
  for (int round = 0; round < 200; ++round) {
    const std::string first = random_text(random), second = random_text(random);
    const std::vector<std::string_view> texts{first, second};
    for (const char* kind : {"char", "word", "byte"}) {
      const auto tokenizer = train_tokenizer(kind, texts);
      for (const std::string& text : {first, second, second + first}) {
        if (kind == std::string("word") && text == second + first) continue;  // words may have grown together
        REQUIRE(tokenizer->decode(tokenizer->encode(text)) == text);
        check_pieces(*tokenizer, text);
      }
      const auto copy = tokenizer_from_json(tokenizer->to_json());
      REQUIRE(copy->to_json() == tokenizer->to_json());
      REQUIRE(copy->encode(first) == tokenizer->encode(first));
      REQUIRE(copy->hash() == tokenizer->hash());
    }
    const auto limited = train_tokenizer("word", first, {.vocab_size = 3});
    check_pieces(*limited, second);
  }
}

TEST_CASE("texts without a possible vocabulary are refused", "[tokenizer]") {
  for (const char* kind : {"char", "word", "regex"}) {
    CHECK(fails(ErrorCode::input, {"no text"}, [&] { train_tokenizer(kind, ""); }));
    CHECK(fails(ErrorCode::input, {"the text is not valid UTF-8", "byte 3 (line 2)", "byte tokenizer"},
                [&] { train_tokenizer(kind, "ab\n\xff"); }));
    const std::vector<std::string_view> texts{"fine", "\xff"};
    CHECK(fails(ErrorCode::input, {"text 2 is not valid UTF-8"}, [&] { train_tokenizer(kind, texts); }));
  }
  CHECK(fails(ErrorCode::usage, {"unknown tokenizer kind \"wrod\"; expected one of char, byte, word"},
              [] { train_tokenizer("wrod", "x"); }));
  CHECK(fails(ErrorCode::usage, {"vocab_size does not apply to the char"},
              [] { train_tokenizer("char", "x", {.vocab_size = 9}); }));
  CHECK(fails(ErrorCode::usage, {"min_count does not apply to the byte"},
              [] { train_tokenizer("byte", "x", {.min_count = 2}); }));
  CHECK(fails(ErrorCode::usage, {"at least 2"}, [] { train_tokenizer("word", "x", {.vocab_size = 1}); }));
  CHECK(fails(ErrorCode::usage, {"at least 1"}, [] { train_tokenizer("word", "x", {.min_count = 0}); }));
  CHECK(tokenizer_kinds() == std::vector<std::string_view>{"char", "byte", "word", "regex", "bpe"});
}

TEST_CASE("tokenizers are saved and loaded", "[tokenizer]") {
  const TempDir dir;
  const std::string path = dir / "tokenizer.json";
  const auto tokenizer = train_tokenizer("char", std::string("\0\"\\\n\x7f\u00e9\u2028", 10));
  const FileSum sum = tokenizer->save(path);
  CHECK(sum_file(path) == sum);
  CHECK(test::read_file(path) == tokenizer->to_json() + "\n");
  const auto loaded = load_tokenizer(path);
  CHECK(loaded->hash() == tokenizer->hash());
  CHECK(loaded->vocab_size() == tokenizer->vocab_size());
  CHECK(fails(ErrorCode::input, {"missing.json: cannot be read", "while reading the tokenizer"},
              [&] { load_tokenizer(dir / "missing.json"); }));
}

TEST_CASE("files that are not tokenizers are refused with the reason", "[tokenizer]") {
  const auto refused = [](const std::string& json, const std::string& reason) {
    return fails(ErrorCode::input, {reason}, [&] { tokenizer_from_json(json); });
  };
  const auto file = [](const std::string& rest) { return R"({"format":"hewn-tokenizer",)" + rest + "}"; };
  CHECK(refused("", "not JSON"));
  CHECK(refused("[]", "expected an object"));
  CHECK(refused("{}", "expected an object with \"format\": \"hewn-tokenizer\""));
  CHECK(refused(R"({"format":7})", "not a tokenizer"));
  CHECK(refused(file(R"("kind":"char")"), "version"));
  CHECK(refused(file(R"("version":2)"), "format version 2; this program reads version 1"));
  CHECK(refused(file(R"("version":1)"), "kind"));
  CHECK(refused(file(R"("version":1,"kind":3)"), "type must be string"));
  CHECK(refused(file(R"("version":1,"kind":"bee")"), "unknown tokenizer kind \"bee\""));
  for (const char* kind : {"char", "word", "regex"}) {
    const auto vocab = [&](const std::string& pieces) {
      return file(std::string(R"("version":1,"kind":")") + kind + R"(","vocab":)" + pieces);
    };
    CHECK(refused(file(std::string(R"("version":1,"kind":")") + kind + "\""), "vocab"));
    CHECK(refused(vocab("7"), "type must be array"));
    CHECK(refused(vocab("[7]"), "type must be string"));
    CHECK(refused(vocab("[]"), "vocabulary is empty"));
    CHECK(refused(vocab(R"(["<|unk|>",""])"), "piece 1 of the vocabulary is empty"));
    CHECK(refused(vocab(R"(["a","a"])"), "contains \"a\" twice"));
  }
  CHECK(refused(file(R"("version":1,"kind":"char","vocab":["a","bc"])"),
                "contains \"bc\"; expected single characters"));
  CHECK(refused(file(R"("version":1,"kind":"word","vocab":["a"])"), "does not begin with <|unk|>"));
  CHECK(refused(file(R"("version":1,"kind":"regex","vocab":["a","<|unk|>"])"),
                "does not end with <|endoftext|> and <|unk|>"));
  CHECK(refused(file(R"("version":1,"kind":"regex","vocab":["a b","<|endoftext|>","<|unk|>"])"),
                "contains \"a b\", which is more than one token"));
}

TEST_CASE("a tokenizer file with flipped bytes is refused or read without a crash", "[tokenizer]") {
  Random random("tokenizer flips");
  for (const char* kind : {"char", "word", "regex", "byte"}) {
    const std::string json = train_tokenizer(kind, "the cat, the na\u00efve \u4e16\u754c\n")->to_json();
    for (size_t size = 0; size < json.size(); ++size) {
      REQUIRE(test::error_of([&] { tokenizer_from_json(json.substr(0, size)); }));
    }
    for (int round = 0; round < test::repeats(2000, 100'000); ++round) {
      std::string broken = json;
      for (int64_t flips = random.integer(1, 3); flips > 0; --flips) {
        broken[static_cast<size_t>(random.integer(0, static_cast<int64_t>(json.size()) - 1))] =
            static_cast<char>(random.bits());
      }
      const auto error = test::error_of([&] {
        const auto tokenizer = tokenizer_from_json(broken);
        for (int32_t id = 0; id < tokenizer->vocab_size(); ++id) tokenizer->piece(id);
        tokenizer->encode(tokenizer->piece(0));
      });
      REQUIRE((!error || error->code() == ErrorCode::input));
    }
  }
}

TEST_CASE("a real text: token counts and round trip", "[tokenizer]") {
  const std::string text = test::documentation();
  for (const char* kind : {"char", "byte", "word", "bpe"}) {
    INFO(kind);
    const auto tokenizer = train_tokenizer(kind, text);
    CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
    CHECK((tokenizer->vocab_size() == 256) == (std::string(kind) == "byte"));
  }
}
