#include "model/texts/texts.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/text.h"
#include "model/json.h"
#include "model/tokenizer/utf8.h"

namespace hewn {
namespace {

constexpr std::string_view format = "hewn-texts";
constexpr int version = 1;
constexpr size_t piece_bytes = size_t{1} << 20;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

/// Whether a character other than white space ends at `at`, and another begins at `next`.
bool between_visible(std::string_view text, size_t at, size_t next) {
  size_t begin = at - 1;
  while (begin > 0 && continues(text[begin])) --begin;
  const CodePoint before = decode_utf8(text, begin), after = decode_utf8(text, next);
  return before.bytes == at - begin && !is_white_space(before.value) && after.bytes > 0 &&
         !is_white_space(after.value);
}

/// Whether a text may be divided before `at`, inside it. A line end and a blank must have visible characters on both sides,
/// because a token may include white space next to them.
bool divides(Parts parts, std::string_view text, size_t at) {
  if (parts == Parts::characters) return !continues(text[at]);
  if (text[at - 1] == '\n') return between_visible(text, at - 1, at);
  return parts == Parts::words && text[at] == ' ' && at + 1 < text.size() &&
         between_visible(text, at, at + 1);
}

/// The end of the piece of `text` that begins at `begin`.
size_t piece_end(Parts parts, std::string_view text, size_t begin) {
  size_t at = begin + piece_bytes;
  while (at < text.size() && !divides(parts, text, at)) ++at;
  return std::min(at, text.size());
}

}  // namespace

TextForm form_of(const Tokenizer& tokenizer) {
  TextForm form{.begin = tokenizer.begin_token()};
  for (const Special& special : tokenizer.specials())
    for (const char* text : {end_of_text.data(), "</s>", "<|end_of_text|>", "<|im_end|>", "<eos>"})
      if (special.text == text) form.ends.push_back(special.id);
  return with_ends(std::move(form), {});
}

TextForm form_of_documents(const Tokenizer& tokenizer, int32_t separator) {
  TextForm form = form_of(tokenizer);
  form.begin = separator;
  form.ends.insert(form.ends.begin(), separator);
  form.own_windows = true;
  return form;
}

std::vector<int32_t> ends_to_write(const TextForm& form) {
  std::vector<int32_t> ends = form.ends;
  if (form.begin && ends.size() > 1 && ends.front() != *form.begin) std::erase(ends, *form.begin);
  return ends;
}

bool says_more(const TextForm& form) { return form.own_windows || with_ends(form, {}) != form; }

TextForm form_of_stream(const Tokenizer& tokenizer, int32_t end) {
  TextForm form = form_of(tokenizer);
  if (!form.begin) form.begin = end;
  return with_ends(std::move(form), {end});
}

TextForm learned_form(const TextForm& base, const TextForm& data) {
  if (base.own_windows || data.own_windows) return data;
  TextForm form = with_ends(base, data.ends);
  if (!form.begin) form.begin = data.begin;
  return form;
}

TextForm form_of_rows(TextForm base) {
  if (base.own_windows) std::erase(base.ends, *base.begin);
  base.own_windows = false;
  return base;
}

TextForm with_ends(TextForm form, std::vector<int32_t> ends) {
  ends.insert(ends.end(), form.ends.begin(), form.ends.end());
  if (form.begin) ends.push_back(*form.begin);
  form.ends.clear();
  for (const int32_t end : ends)
    if (std::find(form.ends.begin(), form.ends.end(), end) == form.ends.end()) form.ends.push_back(end);
  return form;
}

SpecialsFound find_specials(const Tokenizer& tokenizer, std::span<const std::string_view> texts,
                            Specials specials) {
  SpecialsFound found;
  if (specials == Specials::as_text) return found;
  std::map<const Special*, int64_t> counts;
  for (const std::string_view text : texts)
    tokenizer.divide(text, specials, [&](std::string_view, const Special* special) {
      if (special) ++counts[special];
    });
  std::string list, divides;
  for (const auto& [special, n] : counts)
    list += join(list.empty() ? "" : ", ", special->text, " as token ", special->id, " (", n,
                 n == 1 ? " time)" : " times)");
  for (const int32_t end : form_of(tokenizer).ends)
    for (const auto& [special, n] : counts)
      if (special->id == end && !found.end)
        found.end = end, divides = join("; ", special->text, " separates documents");
  if (!list.empty())
    found.note = join("special tokens in the texts are read as special: ", list, divides,
                      "; to read them as ordinary text, give --special=text");
  else if (std::ranges::none_of(tokenizer.specials(), [](auto& s) { return s.text == end_of_text; }) &&
           std::ranges::any_of(texts, [](auto text) { return text.find(end_of_text) != text.npos; }))
    found.note = join("the texts contain ", end_of_text, ", which the ", tokenizer.kind(),
                      " tokenizer encodes as several tokens, so no token ends a text; a bpe or regex "
                      "tokenizer has a token for it");
  return found;
}

std::string to_json(const TextForm& form) {
  nlohmann::ordered_json json{{"format", format}, {"version", version}, {"begin", nullptr}};
  if (form.begin) json["begin"] = *form.begin;
  json["ends"] = form.ends;
  json["own_windows"] = form.own_windows;
  return exact_json_text(json);
}

TextForm text_form_from_json(std::string_view text, int32_t vocab_size) {
  try {
    const auto json = parse_json(text);
    if (json.at("format") != format || json.at("version") != version)
      fail(ErrorCode::input, "expected \"format\": \"", format, "\" of version ", version);
    const auto id = [&](const nlohmann::json& value) {
      if (!value.is_number_integer() || value < 0 || value >= vocab_size)
        fail(ErrorCode::input, json_text(value), " is not a token; expected 0 to ", vocab_size - 1);
      return value.get<int32_t>();
    };
    TextForm form{.own_windows = json.at("own_windows").get<bool>()};
    if (form.own_windows || !json.at("begin").is_null()) form.begin = id(json.at("begin"));
    for (const auto& end : json.at("ends").get<std::vector<nlohmann::json>>()) form.ends.push_back(id(end));
    return form;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::input, "the file does not define how texts begin and end: ", json_reason(error));
  }
}

std::vector<int32_t> TextEncoder::opening() const {
  if (form_.begin) return {*form_.begin};
  try {
    if (std::vector<int32_t> ids = bare("\n"); !ids.empty()) return ids;
  } catch (const Error&) {  // the vocabulary has no newline
  }
  return {0};
}

std::vector<int32_t> TextEncoder::text(std::string_view text, Specials specials) const {
  std::vector<int32_t> ids = tokenizer_->encode(text, specials);
  if (form_.begin && (ids.empty() || ids[0] != *form_.begin)) ids.insert(ids.begin(), *form_.begin);
  return ids;
}

std::vector<int32_t> TextEncoder::prompt(std::string_view given) const {
  std::vector<int32_t> ids = text(given, Specials::allowed);
  return ids.empty() ? opening() : ids;
}

void TextEncoder::each_piece(std::string_view data, Specials specials,
                             const std::function<void(const std::vector<int32_t>&)>& take) const {
  tokenizer_->divide(data, specials, [&](std::string_view part, const Special* special) {
    if (special) return take({special->id});
    for (size_t at = 0; at < part.size();) {
      const size_t end = piece_end(tokenizer_->parts(), part, at);
      const std::string_view piece = part.substr(at, end - at);
      const bool first = part.data() == data.data();
      take(at > 0 ? more(piece) : first ? bare(piece) : tokenizer_->encode_after_special(piece));
      at = end;
    }
  });
}

}  // namespace hewn
