#include "model/weights/safetensors/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "model/json.h"

namespace hewn::safetensors {
namespace {

using nlohmann::json;

constexpr size_t max_dimensions = 64;

constexpr Type types[] = {
    {"F64", 8, DType::f64},    {"F32", 4, DType::f32},       {"BF16", 2, DType::bf16},
    {"F16", 2, DType::f16},    {"I64", 8, DType::i64},       {"I32", 4, DType::i32},
    {"U16", 2, DType::u16},    {"I8", 1, DType::i8},         {"U8", 1, DType::u8},
    {"BOOL", 1, std::nullopt}, {"I16", 2, std::nullopt},     {"U32", 4, std::nullopt},
    {"U64", 8, std::nullopt},  {"F8_E4M3", 1, std::nullopt}, {"F8_E5M2", 1, std::nullopt}};

// Handles the parser's events one by one, so that a hostile header never becomes a tree in memory, nesting is
// limited to the format's depth, and duplicate keys are detected.
class HeaderEvents final : public nlohmann::json_sax<json> {
 public:
  Header take() { return std::move(header_); }

  bool start_object(size_t) override {
    if (place_ == Place::outside) {
      place_ = Place::header;
    } else if (place_ == Place::header && key_ == "__metadata__") {
      place_ = Place::metadata;
    } else if (place_ == Place::header) {
      place_ = Place::tensor;
      header_.tensors.emplace_back().name = key_;
      fields_.clear();
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(std::string& name) override {
    key_ = std::move(name);
    bool fresh = true;
    if (place_ == Place::header) {
      fresh = names_.insert(key_).second;
    } else if (place_ == Place::tensor) {
      if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets") {
        broken("unknown field ", in_quotes(key_), "; expected dtype, shape and data_offsets");
      }
      fresh = std::find(fields_.begin(), fields_.end(), key_) == fields_.end();
      fields_.push_back(key_);
    } else {
      fresh = !header_.metadata.contains(key_);
    }
    if (!fresh) broken(in_quotes(key_), " is given twice");
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      header_.metadata.emplace(key_, std::move(value));
    } else if (place_ == Place::tensor && key_ == "dtype") {
      header_.tensors.back().type = std::move(value);
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") unexpected("a list");
    place_ = Place::list;
    list_.clear();
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (place_ != Place::list) unexpected("a number");
    if (list_.size() == max_dimensions)
      broken(in_quotes(key_), " has more than ", max_dimensions, " numbers");
    list_.push_back(value);
    return true;
  }

  bool end_array() override {
    HeaderEntry& tensor = header_.tensors.back();
    place_ = Place::tensor;
    if (key_ == "shape") {
      tensor.shape = list_;
    } else if (list_.size() == 2) {
      tensor.begin = list_[0];
      tensor.end = list_[1];
    } else {
      broken("data_offsets has ", list_.size(), " numbers; expected two, begin and end");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor && fields_.size() < 3) {
      broken("a field is missing; expected dtype, shape and data_offsets");
    }
    place_ = place_ == Place::header ? Place::outside : Place::header;
    return true;
  }

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a boolean"); }
  bool number_integer(int64_t) override { unexpected("a negative number"); }
  bool number_float(double, const std::string&) override { unexpected("a number that is not an integer"); }
  bool binary(json::binary_t&) override { unexpected("binary data"); }
  bool parse_error(size_t position, const std::string&, const json::exception& error) override {
    fail(ErrorCode::input, "the header is not valid JSON at byte ", position, ": ", json_reason(error));
  }

 private:
  enum class Place { outside, header, tensor, list, metadata };

  template <class... Parts>
  [[noreturn]] void broken(const Parts&... parts) {
    const bool in_tensor = place_ == Place::tensor || place_ == Place::list;
    const std::string where = in_tensor ? "tensor " + in_quotes(header_.tensors.back().name) + ": "
                              : place_ == Place::metadata ? "__metadata__: "
                                                          : "";
    fail(ErrorCode::input, "the header is not valid: ", where, parts...);
  }

  [[noreturn]] void unexpected(std::string_view found) {
    const std::string_view expected = place_ == Place::outside    ? "an object"
                                      : place_ == Place::header   ? "an object for each name"
                                      : place_ == Place::list     ? "non-negative integers"
                                      : place_ == Place::metadata ? "strings"
                                      : key_ == "dtype"           ? "a string"
                                                                  : "a list";
    broken(in_quotes(key_), " is ", found, "; expected ", expected);
  }

  Header header_;
  Place place_ = Place::outside;
  std::string key_;
  std::vector<std::string> fields_;  // of the tensor being read
  std::vector<uint64_t> list_;
  std::set<std::string> names_;  // not hashed: a file could choose names with equal hashes
};

}  // namespace

Header parse_header(std::string_view text) {
  HeaderEvents events;
  json::sax_parse(text.begin(), text.end(), &events);
  return events.take();
}

const Type* find_type(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(types), std::end(types), [&](const Type& t) { return t.name == name; });
  return found == std::end(types) ? nullptr : found;
}

std::string_view type_name(DType dtype) {
  return std::find_if(std::begin(types), std::end(types), [&](const Type& t) { return t.dtype == dtype; })
      ->name;
}

std::string supported_types() {
  std::string text;
  for (const Type& type : types) {
    if (type.dtype) text += (text.empty() ? "" : ", ") + std::string(type.name);
  }
  return text;
}

std::string in_quotes(std::string_view name) {
  constexpr size_t longest = 100;
  const std::string text = ascii_json_text(name.substr(0, longest));
  return name.size() > longest ? text + "..." : text;
}

}  // namespace hewn::safetensors
