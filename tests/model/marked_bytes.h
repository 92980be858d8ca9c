#pragma once
// A tokenizer whose tokens follow from the text at sight: its bytes, and special tokens.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace hewn::test {

/// Token i is the byte i, and 256 + i the special token number i.
class MarkedBytes final : public Tokenizer {
 public:
  explicit MarkedBytes(const std::vector<std::string>& marks, std::optional<int32_t> begin = std::nullopt)
      : begin_(begin) {
    for (int byte = 0; byte < 256; ++byte) bytes_ += static_cast<char>(byte);
    for (const std::string& mark : marks) specials_.push_back({mark, vocab_size()});
  }

  std::string_view kind() const override { return "marked"; }
  int32_t vocab_size() const override { return 256 + static_cast<int32_t>(specials_.size()); }
  std::optional<int32_t> begin_token() const override { return begin_; }
  std::span<const Special> specials() const override { return specials_; }
  std::string to_json() const override { return "{}"; }

 protected:
  std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const override {
    std::vector<int32_t> ids;
    for (const char c : text) {
      ids.push_back(static_cast<unsigned char>(c));
      if (ends) ends->push_back(ids.size());
    }
    return ids;
  }
  std::string_view bytes_of(int32_t id) const override {
    if (id >= 256) return specials_[static_cast<size_t>(id - 256)].text;
    return std::string_view(bytes_).substr(static_cast<size_t>(id), 1);
  }

 private:
  std::string bytes_;
  std::vector<Special> specials_;
  std::optional<int32_t> begin_;
};

}  // namespace hewn::test
