// JSON from untrusted files: what is read, what is refused, and that neither takes long.

#include "model/json.h"

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace hewn {

using nlohmann::json;
using test::fails;
using Ordered = nlohmann::ordered_json;

TEST_CASE("JSON is read as the library reads it", "[json]") {
  for (const char* text :
       {"null", "true", "-1", "18446744073709551615", "0.5", "\"\\u00e9\\n\"", "[]", "{}",
        " [1, [2, {}], []] ", R"({"b": {"c": [null, {"d": 1}], "a": -0.0}, "a": "x", "": [[[]]]})"}) {
    INFO(text);
    CHECK(parse_json(text) == json::parse(text));
    CHECK(parse_ordered_json(text).dump() == nlohmann::ordered_json::parse(text).dump());
  }
  CHECK(parse_json(R"({"a": 1, "a": {"b": 2}})") == json::parse(R"({"a": {"b": 2}})"));
  for (const char* text :
       {"", "[", "[1,]", "{\"a\"}", "nul", "\"\xff\"", "\"\\ud800\"", "1 2", "[1]]", "{\"a\":1,}"}) {
    INFO(text);
    CHECK(fails(ErrorCode::input, {"not JSON: "}, [&] { parse_json(text); }));
    CHECK(fails(ErrorCode::input, {"not JSON: "}, [&] { parse_ordered_json(text); }));
  }
}

TEST_CASE("JSON keeps the order of keys if asked to", "[json]") {
  CHECK(parse_ordered_json(R"({"b":1,"a":{"d":2,"c":3}})").dump() == R"({"b":1,"a":{"d":2,"c":3}})");
  CHECK(parse_ordered_json(R"({"a":1,"a":2})").at("a") == 1);
}

TEST_CASE("JSON with large numbers or deep nesting is refused", "[json]") {
  CHECK(
      fails(ErrorCode::input, {"9.22337e+18", "below 2^63"}, [] { parse_json("[9223372036854775808.0]"); }));
  CHECK(fails(ErrorCode::input, {"below 2^63"}, [] { parse_json("-1e300"); }));
  CHECK(fails(ErrorCode::input, {"not JSON: number overflow"}, [] { parse_json("1e999"); }));
  const auto lists = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_json(lists(64)).dump() == lists(64));
  CHECK(fails(ErrorCode::input, {"nested more than 64 levels"}, [&] { parse_json(lists(65)); }));
  CHECK(fails(ErrorCode::input, {"nested more than 64 levels"},
              [&] { parse_json(std::string(1'000'000, '[')); }));
}

TEST_CASE("JSON is written with bytes replaced that are not UTF-8, or not at all", "[json]") {
  const Ordered bad{{"b\xFF", "a\xC3"}, {"a", {1, "ok \xC3\xA9"}}};
  CHECK(json_text(bad) == "{\"b\xEF\xBF\xBD\":\"a\xEF\xBF\xBD\",\"a\":[1,\"ok \xC3\xA9\"]}");
  CHECK(json_text(nlohmann::json("\xFF")) == "\"\xEF\xBF\xBD\"");
  CHECK(fails(ErrorCode::input, {"text that is not UTF-8 cannot be stored as JSON", "0xFF"},
              [&] { exact_json_text(bad); }));
  CHECK(fails(ErrorCode::input, {"not UTF-8"}, [&] { exact_json_text(nlohmann::json("\xC3")); }));

  const Ordered good{{"z", "\xC3\xA9"}, {"a", nullptr}};
  for (const int indent : {-1, 2}) {
    CHECK(exact_json_text(good, indent) == good.dump(indent));
    CHECK(json_text(good, indent) == good.dump(indent));
    CHECK(exact_json_text(nlohmann::json(good), indent) == nlohmann::json(good).dump(indent));
  }
  CHECK(ascii_json_text("a\xC3\xA9\xFF\n") == "\"a\\u00e9\\ufffd\\n\"");
}

}  // namespace hewn
