// How texts begin and end: the value, its file, and the tokens that follow from it.

#include "model/texts/texts.h"

#include "core/error.h"
#include "tests/model/marked_bytes.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

using Ids = std::vector<int32_t>;
using Sizes = std::vector<size_t>;
using test::MarkedBytes;

constexpr int32_t newline = '\n';
constexpr size_t least_piece = size_t{1} << 20;

/// The sizes in tokens of the pieces in which a text is encoded; by default, of bytes in lines.
Sizes piece_sizes(const std::string& text, const Tokenizer& tokenizer = MarkedBytes({})) {
  std::vector<int32_t> all;
  Sizes sizes;
  TextEncoder(tokenizer).each_piece(text, Specials::as_text, [&](const std::vector<int32_t>& ids) {
    all.insert(all.end(), ids.begin(), ids.end());
    sizes.push_back(ids.size());
  });
  CHECK((all == tokenizer.encode(text)));
  return sizes;
}

}  // namespace

TEST_CASE("a tokenizer says how texts begin and end, and documents in windows of their own more", "[texts]") {
  const MarkedBytes llama({"<s>", "</s>"}, 256), plain({});
  CHECK(form_of(llama) == TextForm{.begin = 256, .ends = {257, 256}});
  CHECK(form_of(plain) == TextForm{});
  const TextForm tales = form_of_documents(llama, newline);
  CHECK(tales == TextForm{.begin = newline, .ends = {newline, 257, 256}, .own_windows = true});
  CHECK(form_of_rows(tales) == TextForm{.begin = newline, .ends = {257, 256}});
  CHECK(form_of_rows(form_of(llama)) == form_of(llama));
}

TEST_CASE("every text begins with its token, once", "[texts]") {
  const MarkedBytes llama({"<s>", "</s>"}, 256), plain({});
  const TextEncoder texts(llama), tales(plain, form_of_documents(plain, newline)), none(plain);
  CHECK(texts.text("a") == Ids{256, 'a'});
  CHECK(texts.prompt("<s>a</s>") == Ids{256, 'a', 257});
  CHECK(texts.text("<s>").size() == 4);  // ordinary text
  CHECK(texts.prompt("") == Ids{256});
  CHECK(texts.opening() == Ids{256});
  CHECK(tales.prompt("\na") == Ids{newline, 'a'});
  CHECK(tales.text("a\n") == Ids{newline, 'a', newline});
  CHECK(tales.bare("a") == Ids{'a'});
  CHECK(none.prompt("a") == Ids{'a'});
  CHECK(none.opening() == Ids{newline});
  CHECK(none.prompt("") == Ids{newline});
  const auto letters = train_tokenizer("char", "abc");
  CHECK(TextEncoder(*letters).opening() == Ids{0});
}

TEST_CASE("special tokens in texts are counted, and the end of texts divides documents", "[texts]") {
  const MarkedBytes marked({"<|endoftext|>", "<|pad|>"}), plain({});
  const std::vector<std::string_view> texts{"a<|endoftext|>b<|endoftext|>", "c<|pad|>", ""};
  const SpecialsFound found = find_specials(marked, texts, Specials::allowed);
  CHECK(found.end == 256);
  CHECK(
      found.note ==
      "special tokens in the texts are read as special: <|endoftext|> as token 256 (2 times), <|pad|> as token "
      "257 (1 time); <|endoftext|> separates documents; to read them as ordinary text, give --special=text");
  CHECK(find_specials(marked, std::vector<std::string_view>{"<|pad|>"}, Specials::allowed).end ==
        std::nullopt);
  CHECK(find_specials(marked, texts, Specials::as_text).note.empty());
  CHECK_THROWS_AS(find_specials(marked, texts, Specials::refused), Error);
  const SpecialsFound spelled = find_specials(plain, texts, Specials::allowed);
  CHECK(!spelled.end);
  CHECK(spelled.note.find("encodes as several tokens") != spelled.note.npos);
  CHECK(find_specials(plain, std::vector<std::string_view>{"a"}, Specials::allowed).note.empty());

  const TextForm form = form_of_stream(marked, 256);
  CHECK(form == TextForm{.begin = 256, .ends = {256}});
  const MarkedBytes llama({"<s>", "</s>"}, 256);
  CHECK(form_of_stream(llama, 257) == TextForm{.begin = 256, .ends = {257, 256}});
  // A model keeps what it has learned before, unless its texts were documents in windows of their own.
  CHECK(learned_form({.begin = 7, .ends = {8, 7}}, form) == TextForm{.begin = 7, .ends = {256, 8, 7}});
  CHECK(learned_form({}, form) == form);
  CHECK(learned_form(form_of_documents(plain, newline), form) == form);
  CHECK(learned_form(form, form_of_documents(plain, newline)) == form_of_documents(plain, newline));
}

TEST_CASE("special tokens are found in texts of any length", "[texts]") {
  const MarkedBytes marked({"<|endoftext|>", "<|endoftext|>+"});
  std::string text;
  while (text.size() < 3 * least_piece) text += "a line\n<|endoftext|>" + std::string(text.size() % 7, '<');
  text += "<|endoftext|>+";
  Ids all;
  TextEncoder(marked).each_piece(text, Specials::allowed,
                                 [&](const Ids& ids) { all.insert(all.end(), ids.begin(), ids.end()); });
  CHECK((all == marked.encode(text, Specials::allowed)));
  CHECK(all.back() == 257);  // the longest
}

TEST_CASE("texts.json holds a form, and nothing else", "[texts]") {
  for (const TextForm& form : {TextForm{}, TextForm{.begin = 1, .ends = {2, 1}},
                               TextForm{.begin = 0, .ends = {0}, .own_windows = true}})
    CHECK(text_form_from_json(to_json(form), 3) == form);
  for (const char* wrong :
       {"", "[]", "{}", R"({"format":"hewn-texts","version":2,"begin":null,"ends":[],"own_windows":false})",
        R"({"format":"hewn-texts","version":1,"begin":3,"ends":[],"own_windows":false})",
        R"({"format":"hewn-texts","version":1,"begin":null,"ends":[-1],"own_windows":false})",
        R"({"format":"hewn-texts","version":1,"begin":4294967296,"ends":[],"own_windows":false})",
        R"({"format":"hewn-texts","version":1,"begin":null,"ends":[0.5],"own_windows":false})",
        R"({"format":"hewn-texts","version":1,"begin":null,"ends":1,"own_windows":false})",
        R"({"format":"hewn-texts","version":1,"begin":"x","ends":[],"own_windows":false})",
        R"({"format":"hewn-texts","version":1,"begin":null,"ends":[],"own_windows":true})",
        R"({"format":"hewn-texts","version":1,"begin":null,"ends":[]})"}) {
    INFO(wrong);
    CHECK_THROWS_AS(text_form_from_json(wrong, 3), Error);
  }
}

TEST_CASE("a text of one line is encoded in pieces of the same tokens", "[texts]") {
  std::string words;
  for (int i = 0; words.size() < 2 * least_piece; ++i) words += (i % 3 ? "caf\u00e9 " : "it's, 'tis 12,5 ");
  for (const std::string kind : {"byte", "char", "word", "regex", "bpe"}) {
    INFO(kind);
    const bool by_character = kind == "byte" || kind == "char";
    const TokenizerOptions options{.vocab_size = kind == "bpe" ? 300 : 0};
    const auto tokenizer = train_tokenizer(kind, std::string_view(words).substr(0, 999), options);
    CHECK(piece_sizes(words, *tokenizer).size() >= 2);
    CHECK(piece_sizes(std::string(least_piece, 'a') + "  t", *tokenizer).size() == (by_character ? 2 : 1));
  }
}

TEST_CASE("pieces end after a newline between two visible characters", "[texts]") {
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

}  // namespace hewn
