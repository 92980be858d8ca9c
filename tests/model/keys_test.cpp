// The tables of keys: what each promises of its member.
#include "model/config_json.h"
#include "model/keys.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "model/config.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// Another value of the key than this, and one that the key does not allow.
KeyValue another(const Domain& domain, const KeyValue& value) {
  if (std::holds_alternative<Switch>(domain)) return !std::get<bool>(value);
  if (const auto* range = std::get_if<Integers>(&domain))
    return std::get<int64_t>(value) == range->most ? range->most - 1 : range->most;
  if (std::holds_alternative<Reals>(domain)) return std::get<double>(value) == 0.25 ? 0.75 : 0.25;
  const auto names = std::get<Choices>(domain).names;
  return std::string(name_at(names, text_of(value) == name_at(names, 0) ? 1 : 0));
}

KeyValue forbidden(const Domain& domain) {
  if (const auto* range = std::get_if<Integers>(&domain)) return range->most + 1;
  if (std::holds_alternative<Reals>(domain)) return nan;
  return std::string("nonsense");
}

ModelConfig good() { return {.vocab_size = 11, .n_head = 1, .tie = false}; }

}  // namespace

TEST_CASE("keys: each has a unique name, a help text and a valid default") {
  std::set<std::string_view> names;
  const ModelConfig fresh;
  for (const auto& key : model_keys) {
    INFO(key.name);
    CHECK(names.insert(key.name).second);
    CHECK_FALSE(key.help.empty());
    CHECK((key.from_data || key.derive || allows(key.domain, key.get(fresh))));
    const KeyValue resolved = key.get(good().resolved());
    CHECK(allows(key.domain, resolved));
    CHECK((!key.derive || !key.follows.empty()));
  }
}

TEST_CASE("keys: a value that is set is read back from the member and from JSON") {
  for (const auto& key : model_keys) {
    INFO(key.name);
    ModelConfig config = good();
    config.bias = true;  // or qkv_bias says nothing
    const KeyValue value = another(key.domain, key.get(config.resolved()));
    key.set(config, value);
    CHECK(key.get(config) == value);
    auto json = nlohmann::json::parse(to_json(config));
    const ModelConfig initial;
    size_t written = 0;  // keys of the data that have their default are left out
    for (const auto& other : model_keys)
      written += !other.from_data || other.get(config) != other.get(initial);
    CHECK(json.size() == written);
    std::visit([&](const auto& v) { CHECK(json.at(std::string(key.name)) == v); }, value);
  }
}

TEST_CASE("keys: JSON outside the range or of another type is refused by name") {
  const auto json = nlohmann::json::parse(to_json(good()));
  CHECK(to_json(model_config_from_json(json.dump())) == to_json(good()));
  for (const auto& key : model_keys) {
    const std::string name(key.name);
    INFO(name);
    auto wrong = json;
    if (std::holds_alternative<Integers>(key.domain)) {
      wrong[name] = std::get<int64_t>(forbidden(key.domain));
      CHECK(test::fails(ErrorCode::input, {name, "out of range"},
                        [&] { model_config_from_json(wrong.dump()); }));
    } else if (std::holds_alternative<Choices>(key.domain)) {
      wrong[name] = "nonsense";
      CHECK(test::fails(ErrorCode::input, {name, "is not one of"},
                        [&] { model_config_from_json(wrong.dump()); }));
    }
    wrong[name] = std::holds_alternative<Choices>(key.domain) ? nlohmann::json(true) : nlohmann::json("text");
    CHECK(test::fails(ErrorCode::input, {}, [&] { model_config_from_json(wrong.dump()); }));
  }
}

TEST_CASE("keys: files with the ranges of older versions still load") {
  for (const char* json :
       {R"({"vocab_size": 9, "n_layer": 0})", R"({"vocab_size": 9, "n_layer": 4096})",
        R"({"vocab_size": 9, "mlp_width": 16777216})", R"({"vocab_size": 9, "mlp_width": 0})",
        R"({"vocab_size": 9, "n_head": 4096, "n_embd": 4096})",
        R"({"vocab_size": 9, "block_size": 16777216, "window": 16777216})",
        R"({"vocab_size": 9, "norm_eps": 7, "rope_theta": 1e13})",
        R"({"vocab_size": 9, "n_kv_head": 0, "attn_dropout": -1, "dropout": 0.995})"}) {
    INFO(json);
    CHECK_NOTHROW(model_config_from_json(json));
  }
}

TEST_CASE("keys: ranges include or exclude their ends as stated") {
  const Domain whole = Integers{1, 8}, half_open = Reals{0, 1, false, true},
               positive = Reals{.least_excluded = true}, choices = Choices{"a|bc|d"};
  CHECK(allows(whole, int64_t{1}));
  CHECK(allows(whole, int64_t{8}));
  CHECK_FALSE(allows(whole, int64_t{0}));
  CHECK_FALSE(allows(whole, int64_t{9}));
  CHECK_FALSE(allows(whole, 2.0));
  CHECK(allows(half_open, 0.0));
  CHECK(allows(half_open, std::nextafter(1.0, 0.0)));
  for (const double x : {-1e-9, 1.0, nan, infinity}) CHECK_FALSE(allows(half_open, x));
  CHECK(allows(positive, 1e300));
  for (const double x : {0.0, -1.0, nan, infinity}) CHECK_FALSE(allows(positive, x));
  CHECK(allows(choices, std::string("bc")));
  for (const char* name : {"", "b", "a|bc", "abc"}) CHECK_FALSE(allows(choices, std::string(name)));
  CHECK(allows(Switch{}, false));
  CHECK_FALSE(allows(Switch{}, int64_t{0}));
}

TEST_CASE("keys: ranges and values are written exactly") {
  CHECK(range_text(Integers{1, 1 << 24}) == "1 to 16777216");
  CHECK(range_text(Integers{0, 9007199254740991}) == "0 to 9007199254740991");
  CHECK(range_text(Reals{0, 1e6}) == "0 to 1000000");
  CHECK(range_text(Reals{.most = 1, .most_excluded = true}) == "0 to less than 1");
  CHECK(range_text(Reals{}) == "0 or more");
  CHECK(range_text(Reals{.least_excluded = true}) == "more than 0");
  CHECK(range_text(Switch{}).empty());
  CHECK(choices_text("a|b|c") == "a, b or c");
  CHECK(choices_text("a") == "a");
  CHECK(text_of(1e-5) == "1e-05");
  CHECK(text_of(10000.0) == "10000");
  CHECK(text_of(true) == "true");
}

TEST_CASE("keys: enumerators are parsed by name") {
  for (const auto kind : {Positions::learned, Positions::sinusoidal, Positions::rotary, Positions::none}) {
    Positions parsed{};
    parse_name(name_of(kind), parsed);
    CHECK(parsed == kind);
  }
  CHECK(name_of(Positions::rotary) == "rope");
  CHECK(name_of(MlpActivation::swiglu) == "swiglu");
  CHECK(name_of(RotaryPairs::interleaved) == "interleaved");
  NormKind norm{};
  CHECK(test::fails(ErrorCode::usage, {"layernorm or rmsnorm"}, [&] { parse_name("rms", norm); }));
}

TEST_CASE("keys: equal models have the same JSON, whether values are given or derived") {
  ModelConfig derived = good(), given = good();
  given.n_kv_head = given.n_head;
  given.mlp_width = 4 * given.n_embd;
  given.attn_dropout = 0;
  given.qkv_bias = false;
  CHECK(to_json(derived) == to_json(given));
}

}  // namespace hewn
