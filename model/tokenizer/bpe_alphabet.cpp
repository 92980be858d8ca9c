// The printable characters that represent bytes in GPT-2's files (OpenAI, encoder.py, bytes_to_unicode):
// visible Latin-1 characters represent themselves; the other 68 bytes become U+0100 and following, in order.

#include <algorithm>

#include "core/error.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/utf8.h"

namespace hewn::tokenizers {
namespace {

constexpr char32_t first_stand_in = 0x100;

constexpr bool is_visible(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> characters = [] {
  std::array<char32_t, 256> of{};
  char32_t next = first_stand_in;
  for (unsigned byte = 0; byte < 256; ++byte) of[byte] = is_visible(byte) ? char32_t{byte} : next++;
  return of;
}();

constexpr int absent = -1;
constexpr std::array<int, first_stand_in + 68> bytes = [] {
  std::array<int, first_stand_in + 68> of{};
  for (int& byte : of) byte = absent;
  for (int byte = 0; byte < 256; ++byte) of[characters[static_cast<size_t>(byte)]] = byte;
  return of;
}();

}  // namespace

std::string to_printable(std::string_view raw) {
  std::string text;
  for (const char c : raw) append_utf8(text, characters[static_cast<unsigned char>(c)]);
  return text;
}

std::string from_printable(std::string_view text) {
  std::string raw;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.bytes == 0 || c.value >= bytes.size() || bytes[c.value] == absent)
      fail(ErrorCode::input, "the token \"", text,
           "\" contains a character that does not stand for a byte in GPT-2's alphabet");
    raw += static_cast<char>(bytes[c.value]);
    at += c.bytes;
  }
  return raw;
}

std::array<unsigned char, 256> printable_order() {
  std::array<unsigned char, 256> order{};
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<unsigned char>(i);
  std::sort(order.begin(), order.end(),
            [](unsigned char a, unsigned char b) { return characters[a] < characters[b]; });
  return order;
}

}  // namespace hewn::tokenizers
