#include "model/tokenizer/huggingface_kinds.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/huggingface_file.h"
#include "model/tokenizer/kinds.h"

namespace hewn::tokenizers {
namespace {

using nlohmann::json;

/// The form of a kind in such a file.
struct Layout {
  std::string_view kind;
  Json cut, decoder;   ///< "pre_tokenizer" and "decoder"
  bool words = false;  ///< the model is a list of words; otherwise byte pairs without merges
};

Json split_at(const char* pattern, const char* behavior) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", behavior}, {"invert", false}};
}

Json in_sequence(const char* member, Json steps) {
  return {{"type", "Sequence"}, {member, std::move(steps)}};
}

Layout byte_layout() {
  const Json bytes{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  return {"byte", bytes, bytes};
}

Layout char_layout() { return {"char", nullptr, {{"type", "Fuse"}}}; }

Layout word_layout() {
  return {"word",
          in_sequence("pretokenizers", {split_at("[\\p{L}\\p{M}\\p{N}]+", "Isolated"),
                                        split_at("[^\\p{L}\\p{M}\\p{N}]", "Isolated")}),
          {{"type", "Fuse"}},
          true};
}

Layout regex_layout() {
  const Json blank{{"type", "Replace"}, {"pattern", {{"Regex", "^(?=[^,.:;?!\"()'])"}}}, {"content", " "}},
      fuse{{"type", "Fuse"}}, strip{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}};
  return {
      "regex",
      in_sequence("pretokenizers", {split_at("\\s+", "Removed"), split_at("[,.:;?_!\"()']|--", "Isolated")}),
      in_sequence("decoders", {blank, fuse, strip}), true};
}

/// A token in the form used by the file.
std::string written(const Layout& layout, std::string_view piece) {
  if (layout.kind == "byte") return to_printable(piece);
  if (layout.kind == "regex" && piece.starts_with(' ')) piece.remove_prefix(1);
  return std::string(piece);
}

/// Built as text, because inserting into an ordered object takes linear time.
std::string model_text(const Layout& layout, const Tokenizer& tokenizer) {
  std::string vocabulary = "{";
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    vocabulary += (id ? "," : "") + exact_json_text(Json(written(layout, tokenizer.piece(id)))) + ":" +
                  std::to_string(id);
  vocabulary += "}";
  if (layout.words) return R"({"type":"WordLevel","vocab":)" + vocabulary + R"(,"unk_token":"<|unk|>"})";
  const std::string unknown = json::parse(tokenizer.to_json()).value("unknown", "");
  return R"({"type":"BPE","dropout":null,"unk_token":)" +
         (unknown.empty() ? "null" : exact_json_text(Json(unknown))) +
         R"(,"continuing_subword_prefix":null,)"
         R"("end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":)" +
         vocabulary + R"(,"merges":[]})";
}

bool is_null(const json& object, const char* key) { return !object.contains(key) || object[key].is_null(); }

bool is_laid_out_as(const Layout& layout, const json& file) {
  const auto same = [&](const char* key, const Json& ours) {
    return ours.is_null() ? is_null(file, key)
                          : file.contains(key) && file[key] == json::parse(json_text(ours));
  };
  const json& model = file.at("model");
  const bool plain =
      layout.words ? model.value("type", "") == "WordLevel" && model.value("unk_token", "") == "<|unk|>"
                   : model.value("type", "") == "BPE" && model.value("merges", json()) == json::array() &&
                         (is_null(model, "unk_token") || layout.kind == "char") &&
                         !model.value("byte_fallback", false);
  return plain && same("pre_tokenizer", layout.cut) && same("decoder", layout.decoder) &&
         is_null(file, "normalizer");
}

/// The tokens in order. Added tokens must be special tokens of these kinds.
std::vector<std::string> tokens_in(const json& file) {
  const json added = file.value("added_tokens", json::array());
  for (const json& token : added)
    if (const auto text = token.at("content").get<std::string>(); text != "<|unk|>" && text != end_of_text)
      fail(ErrorCode::input, "the file adds the token ", json_text(json(text)), ", which is not supported");
  return texts_by_id(file.at("model").at("vocab"), added);
}

/// Whether these are the 256 bytes in GPT-2's form.
bool are_bytes(const std::vector<std::string>& tokens) {
  if (tokens.size() != 256) return false;
  for (size_t byte = 0; byte < tokens.size(); ++byte) {
    const char c = static_cast<char>(static_cast<unsigned char>(byte));
    if (tokens[byte] != to_printable({&c, 1})) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> huggingface_text(const Tokenizer& tokenizer) {
  for (const Layout& layout : {byte_layout(), char_layout(), word_layout(), regex_layout()}) {
    if (layout.kind != tokenizer.kind()) continue;
    const Json file{{"version", "1.0"},          {"truncation", nullptr},
                    {"padding", nullptr},        {"added_tokens", added_tokens(tokenizer.specials())},
                    {"normalizer", nullptr},     {"pre_tokenizer", layout.cut},
                    {"post_processor", nullptr}, {"decoder", layout.decoder}};
    std::string text = exact_json_text(file);
    text.pop_back();
    return text + ",\"model\":" + model_text(layout, tokenizer) + "}";
  }
  return std::nullopt;
}

std::optional<int32_t> begin_of_kind(const json& file, const Tokenizer& tokenizer) {
  const int32_t begin = begin_in(file, static_cast<size_t>(tokenizer.vocab_size()));
  return begin < 0 ? std::nullopt : std::optional(begin);
}

std::unique_ptr<Tokenizer> read_huggingface_kind(const json& file) {
  for (const Layout& layout : {byte_layout(), char_layout(), word_layout(), regex_layout()}) {
    if (!is_laid_out_as(layout, file)) continue;
    const std::vector<std::string> tokens = tokens_in(file);
    if (layout.kind == "byte" && !are_bytes(tokens)) return nullptr;
    json ours{{"vocab", tokens}};
    if (layout.kind == "char" && !is_null(file["model"], "unk_token"))
      ours["unknown"] = file["model"]["unk_token"];
    auto made = layout.kind == "byte"   ? read_byte(file)
                : layout.kind == "char" ? read_char(ours)
                : layout.kind == "word" ? read_word(ours)
                                        : read_regex(ours);
    (void)begin_of_kind(file, *made);  // refuses what adds other tokens
    return made;
  }
  return nullptr;
}

}  // namespace hewn::tokenizers
