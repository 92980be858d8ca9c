#include "model/json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <vector>

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/file_kind.h"

namespace hewn {
namespace {

template <class Json>
std::string written_replaced(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

template <class Json>
std::string written_exactly(const Json& value, int indent) {
  try {
    return value.dump(indent);
  } catch (const typename Json::type_error& error) {
    fail(ErrorCode::input, "text that is not UTF-8 cannot be stored as JSON: ", json_reason(error));
  }
}

}  // namespace

std::string json_text(const nlohmann::json& value, int indent) { return written_replaced(value, indent); }
std::string json_text(const Json& value, int indent) { return written_replaced(value, indent); }

std::string exact_json_text(const nlohmann::json& value, int indent) {
  return written_exactly(value, indent);
}
std::string exact_json_text(const Json& value, int indent) { return written_exactly(value, indent); }

std::string ascii_json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

namespace {

using nlohmann::json;

constexpr size_t deepest_json = 64;

/// Builds a value from the parser's events. The library's own parser could call a function for each value, but then
/// searches a list for discarded values at the end of each of its objects, in quadratic time.
template <class Json>
class JsonBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit JsonBuilder(std::string_view text) : text_(text) {}
  Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(typename Json::number_integer_t value) override { return add(value); }
  bool number_unsigned(typename Json::number_unsigned_t value) override { return add(value); }
  bool number_float(typename Json::number_float_t value, const std::string&) override {
    constexpr double beyond = 9223372036854775808.0;
    if (!(std::abs(value) < beyond))
      fail(ErrorCode::input, "the JSON contains the number ", value, "; expected numbers below 2^63");
    return add(value);
  }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(typename Json::binary_t&) override { return false; }  // not in text
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    auto& object = open_.back()->template get_ref<typename Json::object_t&>();
    if constexpr (std::is_same_v<Json, json>)
      member_ = &object[std::move(name)];
    else  // a list of pairs, in which looking for the name would take linear time
      member_ = &object.emplace_back(std::move(name), nullptr).second;
    return true;
  }
  bool parse_error(size_t, const std::string&, const json::exception& error) override {
    const std::string kind = foreign_kind(text_);
    fail(ErrorCode::input, "not JSON", kind.empty() ? ": " + json_reason(error) : ", but " + kind);
  }

 private:
  /// Puts a value where it belongs: at the end of a list, or after the key just read.
  template <class Value>
  bool add(Value&& value) {
    place() = std::forward<Value>(value);
    return true;
  }
  Json& place() {
    if (open_.empty()) return root_;
    return open_.back()->is_array() ? open_.back()->template get_ref<typename Json::array_t&>().emplace_back()
                                    : *member_;
  }
  bool open(Json empty) {
    if (open_.size() == deepest_json)
      fail(ErrorCode::input, "the JSON is nested more than ", deepest_json,
           " levels deep; no file of this kind needs that");
    Json& value = place();
    value = std::move(empty);
    open_.push_back(&value);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  Json root_;
  std::vector<Json*> open_;  // from the outermost
  Json* member_ = nullptr;
};

}  // namespace

json parse_json(std::string_view text) {
  JsonBuilder<json> builder(text);
  json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json parse_ordered_json(std::string_view text) {
  JsonBuilder<Json> builder(text);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json read_json(const std::string& path, size_t most_bytes) {
  const Doing reading("reading ", path);
  return parse_ordered_json(read_small_file(path, most_bytes));
}

std::string json_reason(const std::exception& error) {
  std::string_view reason = error.what();  // "[json.exception.parse_error.101] parse error at line 1"
  if (const size_t end = reason.find("] "); reason.starts_with('[') && end != reason.npos)
    reason.remove_prefix(end + 2);
  return std::string(reason.substr(0, 200));
}

}  // namespace hewn
