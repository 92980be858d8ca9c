// Reads and writes vocabularies of Llama's kind in the formats of other programs.

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "model/json.h"
#include "model/tokenizer/huggingface_file.h"
#include "model/tokenizer/sentencepiece.h"

namespace hewn::tokenizers {
namespace {

using nlohmann::json;

bool is_null_in(const json& where, const char* name) {
  return !where.contains(name) || where[name].is_null();
}

[[noreturn]] void refuse_part(const char* name, const json& part, const char* expected) {
  fail(ErrorCode::input, "the ", name, " is ", json_text(part).substr(0, 300),
       "; for a byte_fallback model, expected ", expected);
}

/// The steps of a normalizer or decoder: those of a Sequence, a single one, or none.
std::vector<json> steps_of(const json& part, const char* list) {
  if (part.is_null()) return {};
  if (part.value("type", "") == "Sequence") return part.at(list).get<std::vector<json>>();
  return {part};
}

bool replaces(const json& step, std::string_view from, std::string_view to) {
  return step.value("type", "") == "Replace" && step.at("pattern") == json{{"String", from}} &&
         step.at("content") == to;
}

/// Where a blank is inserted. Refuses any other operation than that and writing blanks as "▁".
Blank blank_of(const json& file) {
  const json normalizer = file.value("normalizer", json()), cut = file.value("pre_tokenizer", json());
  if (cut.is_object()) {
    const std::string scheme =
        cut.value("prepend_scheme", cut.value("add_prefix_space", true) ? "always" : "never");
    if (cut.value("type", "") != "Metaspace" || cut.value("replacement", "") != blank_sign ||
        cut.value("split", true))
      refuse_part("pre_tokenizer", cut, "none or a \"Metaspace\" that does not split");
    if (!normalizer.is_null())
      refuse_part("normalizer", normalizer, "none beside a \"Metaspace\" pre_tokenizer");
    return scheme == "never" ? Blank::never : scheme == "first" ? Blank::first : Blank::each_part;
  }
  bool prefix = false, blanks = false;
  for (const json& step : steps_of(normalizer, "normalizers")) {
    if (step.value("type", "") == "Prepend" && step.at("prepend") == blank_sign && !blanks && !prefix)
      prefix = true;
    else if (replaces(step, " ", blank_sign) && !blanks)
      blanks = true;
    else
      refuse_part("normalizer", normalizer, "\"Prepend\" of \u2581 with \"Replace\" of spaces by \u2581");
  }
  if (!blanks) refuse_part("normalizer", normalizer, "\"Replace\" of spaces by \u2581");
  return prefix ? Blank::each_part : Blank::never;
}

void check_decoder(const json& file, Blank blank) {
  const json decoder = file.value("decoder", json());
  bool blanks = false, bytes = false, strips = false;
  for (const json& step : steps_of(decoder, "decoders")) {
    const auto type = step.value("type", "");
    const bool strip = type == "Strip" && step.value("content", "") == " " && step.value("start", 0) == 1 &&
                       step.value("stop", 0) == 0;
    const bool replaced = replaces(step, blank_sign, " ");
    if (!strip && !replaced && type != "ByteFallback" && type != "Fuse")
      refuse_part("decoder", step,
                  "a sequence of \"Replace\", \"ByteFallback\", \"Fuse\" and \"Strip\" of one space");
    blanks = blanks || replaced;
    bytes = bytes || type == "ByteFallback";
    strips = strips || strip;
  }
  if (!blanks || !bytes || strips != (blank != Blank::never))
    refuse_part("decoder", decoder,
                "one that replaces \u2581 by spaces, joins bytes, and strips the space that the normalizer "
                "prepends to a text");
}

/// Reads numbers and bytes in order, never past the end of the file.
class Llama2cReader {
 public:
  explicit Llama2cReader(std::string_view bytes) : left_(bytes) {}
  bool at_end() const { return left_.empty(); }
  template <class T>
  T number(const char* what) {
    T value;
    std::memcpy(&value, text(sizeof value, what).data(), sizeof value);
    return value;
  }
  std::string_view text(size_t bytes, const char* what) {
    if (bytes > left_.size())
      fail(ErrorCode::input, "the file ends in ", what, ": ", bytes, " bytes are required, but ",
           left_.size(), " are left");
    const std::string_view taken = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return taken;
  }

 private:
  std::string_view left_;
};

std::string with_blanks(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool blank = text.starts_with(blank_sign);
    out += blank ? ' ' : text[0];
    text.remove_prefix(blank ? blank_sign.size() : 1);
  }
  return out;
}

constexpr const char* llama2c_specials[] = {"<unk>", "<s>", "</s>"};  // by id

std::string with_blank_signs(std::string_view text) {
  std::string out;
  for (const char c : text) c == ' ' ? out += blank_sign : out += c;
  return out;
}

}  // namespace

std::unique_ptr<Tokenizer> read_sentencepiece(const json& file) {
  const json& model = file.at("model");
  if (model.value("type", "") != "BPE")
    fail(ErrorCode::input, "the model is ", json_text(model.value("type", json())),
         "; only \"BPE\" is supported");
  for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!is_null_in(model, name) && model[name] != "")
      fail(ErrorCode::input, "the model has a ", name, ", which is not supported");
  for (const char* name : {"dropout", "ignore_merges"})
    if (!is_null_in(model, name) && model[name] != false && model[name] != 0)
      fail(ErrorCode::input, "the model has ", name, " = ", json_text(model[name]),
           ", which is not supported");
  SentencePieces pieces;
  const json added = file.value("added_tokens", json::array());
  pieces.texts = texts_by_id(model.at("vocab"), added);
  pieces.specials = specials_in(added);
  pieces.merges = merges_in(model);
  pieces.blank = blank_of(file);
  check_decoder(file, pieces.blank);
  pieces.begin = begin_in(file, pieces.texts.size());
  if (file.contains("hewn")) {
    file["hewn"].at("scores").get_to(pieces.scores);
    if (pieces.scores.size() != pieces.texts.size())
      fail(ErrorCode::input, "the file has ", pieces.scores.size(), " scores for ", pieces.texts.size(),
           " tokens");
  }
  return make_sentencepiece(std::move(pieces));
}

std::unique_ptr<Tokenizer> read_llama2c_tokenizer(std::string_view bytes) {
  Llama2cReader reader(bytes);
  SentencePieces pieces;
  reader.number<uint32_t>("the length of its longest piece");
  while (!reader.at_end()) {
    const Doing context("reading token ", pieces.texts.size());
    pieces.scores.push_back(reader.number<float>("a score"));
    const auto length = reader.number<int32_t>("a length");
    if (length < 0) fail(ErrorCode::input, "the token's length is ", length, "; expected 0 or more");
    pieces.texts.push_back(with_blank_signs(reader.text(static_cast<size_t>(length), "a piece")));
  }
  if (pieces.texts.size() < 3 + 256)
    fail(ErrorCode::input, "the file has ", pieces.texts.size(),
         " tokens; expected at least 259: 3 special tokens and 256 bytes");
  for (int32_t id = 0; id < 3; ++id)  // llama2.c puts newlines around two of them
    pieces.specials.push_back({pieces.texts[static_cast<size_t>(id)] = llama2c_specials[id], id});
  pieces.begin = 1;
  return make_sentencepiece(std::move(pieces));
}

std::optional<std::vector<float>> merge_scores(const SentencePieces& pieces) {
  if (!pieces.scores.empty()) return pieces.scores;
  std::unordered_map<std::string, size_t> id_of;
  for (size_t id = 0; id < pieces.texts.size(); ++id) id_of.emplace(pieces.texts[id], id);
  SentencePieces scored = pieces;
  scored.scores.assign(pieces.texts.size(), -static_cast<float>(pieces.texts.size()));
  std::set<std::string> merged;
  std::string last;
  for (const auto& [left, right] : pieces.merges) {
    if (left + right == last) continue;
    last = left + right;
    if (!merged.insert(last).second) return std::nullopt;  // merged early from some pairs, late from others
    scored.scores[id_of.at(last)] = -static_cast<float>(merged.size());
  }
  // Scores merge every adjacent pair whose concatenation is a piece.
  const json file = json::parse(make_sentencepiece(scored)->to_json());
  const std::vector<TextPair> all = merges_in(file.at("model"));
  if (std::set(all.begin(), all.end()) != std::set(pieces.merges.begin(), pieces.merges.end()))
    return std::nullopt;
  return scored.scores;
}

std::optional<std::string> write_llama2c_tokenizer(const SentencePieces& pieces, int64_t vocab_size) {
  const auto scores = merge_scores(pieces);
  if (!scores || pieces.blank == Blank::never || pieces.begin != 1 || pieces.specials.size() != 3)
    return std::nullopt;
  for (const Special& s : pieces.specials)
    if (s.id > 2 || s.text != llama2c_specials[s.id]) return std::nullopt;
  std::string tokens;
  const auto number = [&](auto value) { tokens.append(reinterpret_cast<const char*>(&value), sizeof value); };
  size_t longest = 0;
  for (size_t id = 0; id < static_cast<size_t>(vocab_size); ++id) {
    const bool there = id < pieces.texts.size();
    std::string text = there ? with_blanks(pieces.texts[id]) : "[PAD" + std::to_string(id) + "]";
    if (id == 1 || id == 2) text = "\n" + text + "\n";  // as in llama2.c
    number(there ? (*scores)[id] : 0.0f);
    number(static_cast<int32_t>(text.size()));
    tokens += text;
    longest = std::max(longest, text.size());
  }
  std::string file(sizeof(uint32_t), '\0');
  const auto length = static_cast<uint32_t>(longest);
  std::memcpy(file.data(), &length, sizeof length);
  return file + tokens;
}

}  // namespace hewn::tokenizers
