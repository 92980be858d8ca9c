#include <array>

#include "model/tokenizer/kinds.h"

namespace hewn::tokenizers {
namespace {

constexpr auto all_bytes = [] {
  std::array<char, 256> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(static_cast<unsigned char>(i));
  return bytes;
}();

class ByteTokenizer final : public Tokenizer {
 public:
  std::string_view kind() const override { return "byte"; }
  int32_t vocab_size() const override { return 256; }
  Parts parts() const override { return Parts::characters; }
  std::string to_json() const override { return write_json(kind(), {}); }

 protected:
  std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const override {
    std::vector<int32_t> ids(text.size());
    for (size_t i = 0; i < text.size(); ++i) ids[i] = static_cast<unsigned char>(text[i]);
    for (size_t i = 1; ends != nullptr && i <= text.size(); ++i) ends->push_back(i);
    return ids;
  }
  std::string_view bytes_of(int32_t id) const override { return {&all_bytes[static_cast<size_t>(id)], 1}; }
};

}  // namespace

std::unique_ptr<Tokenizer> train_byte(Texts, const TokenizerOptions& options) {
  require_no_options("byte", options);
  return std::make_unique<ByteTokenizer>();
}

std::unique_ptr<Tokenizer> read_byte(const nlohmann::json&) { return std::make_unique<ByteTokenizer>(); }

}  // namespace hewn::tokenizers
