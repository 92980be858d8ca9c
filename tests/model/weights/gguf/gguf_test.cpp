// GGUF files: what the official library wrote is read, what is written comes back, damage is named.

#include "model/weights/gguf/gguf.h"

#include <cmath>
#include <cstring>
#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using test::Random;
using test::TempDir;

double value_at(const TensorEntry& entry, size_t i) {
  const auto* bytes = static_cast<const char*>(entry.data) + i * size_of(entry.dtype);
  const auto as = [&](auto value) {
    std::memcpy(&value, bytes, sizeof value);
    return value;
  };
  switch (entry.dtype) {
    case DType::f64: return as(0.0);
    case DType::f32: return static_cast<double>(as(0.0f));
    case DType::f16: return static_cast<double>(static_cast<float>(as(Float16())));
    default: return static_cast<double>(static_cast<float>(as(BFloat16())));
  }
}

/// A file put together by hand.
struct GgufBytes {
  std::string text;
  template <class T>
  GgufBytes& number(T value) {
    text.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBytes& string(const std::string& s) {
    number<uint64_t>(s.size()).text += s;
    return *this;
  }
  /// Magic, version, counts.
  static GgufBytes head(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    GgufBytes bytes{.text = "GGUF"};
    return bytes.number(version).number(tensors).number(keys);
  }
  GgufBytes& tensor(const std::string& name, std::initializer_list<uint64_t> sizes, uint32_t type,
                    uint64_t place) {
    string(name).number(static_cast<uint32_t>(sizes.size()));
    for (const uint64_t size : sizes) number(size);
    return number(type).number(place);
  }
  GgufBytes& data(size_t bytes) {
    text.append((32 - text.size() % 32) % 32 + bytes, 'd');
    return *this;
  }
};

test::Failure refused(const GgufBytes& bytes, std::initializer_list<std::string> parts) {
  const TempDir dir;
  const std::string path = (dir / "some.gguf").string();
  test::write_file(path, bytes.text);
  return test::fails(ErrorCode::input, parts, [&] { const GgufFile file(path); });
}

GgufKeys keys_of_all_types() {
  return {{"general.architecture", std::string("gpt2")},
          {"u32", uint32_t{4000000000}},
          {"i32", int32_t{-5}},
          {"u64", uint64_t{1} << 63},
          {"i64", int64_t{-1} << 40},
          {"f32", 0.1f},
          {"f64", 1e-300},
          {"yes", true},
          {"texts", std::vector<std::string>{"", "a b", "\xc3\xa9"}},
          {"none", std::vector<std::string>{}},
          {"ints", std::vector<int32_t>{1, -2}},
          {"reals", std::vector<float>{0.5f}}};
}

}  // namespace

TEST_CASE("a file of the official library is read", "[gguf]") {
  const GgufFile file((test::source_dir() / "tests/files/official.gguf").string());
  CHECK(file.text("general.architecture") == "gpt2");
  CHECK(file.integer("a.u8") == 200);
  CHECK(file.integer("a.i8") == -100);
  CHECK(file.integer("a.u16") == 60000);
  CHECK(file.integer("a.i16") == -30000);
  CHECK(file.integer("a.u32") == 4000000000);
  CHECK(file.integer("a.i32") == -2000000000);
  CHECK(file.integer("a.u64") == int64_t{1} << 40);
  CHECK(file.integer("a.i64") == -(int64_t{1} << 40));
  CHECK(file.real("a.f32") == 0.5);
  CHECK(file.real("a.f64") == 1e-300);
  CHECK(std::get<bool>(*file.find_key("a.bool")));
  CHECK(file.text("a.text") == "na\u00efve");
  CHECK(std::get<std::vector<std::string>>(*file.find_key("a.texts")) ==
        std::vector<std::string>{"", "ab", "\u00fc"});
  CHECK(std::get<std::vector<int32_t>>(*file.find_key("a.ints")) == std::vector<int32_t>{3, -4, 5});
  CHECK(std::get<std::vector<float>>(*file.find_key("a.reals")) == std::vector<float>{0.25f, -2.0f});
  CHECK(std::holds_alternative<std::monostate>(*file.find_key("a.bools")));
  CHECK(file.find_key("a.b") == nullptr);
  CHECK_THROWS_WITH(file.integer("a.f32"), Catch::Contains("a.f32 is missing or not an integer"));
  CHECK_THROWS_WITH(file.real("a.u8"), Catch::Contains("not a real number"));
  CHECK_THROWS_WITH(file.text("a.u8"), Catch::Contains("not a string"));

  const std::pair<const char*, std::vector<int64_t>> tensors[] = {
      {"one", {3}}, {"two", {3, 5}}, {"three", {2, 3, 4}}, {"half", {7, 2}}};
  CHECK(file.entries().size() == std::size(tensors));
  for (const auto& [name, shape] : tensors) {
    INFO(name);
    const TensorEntry* entry = file.find(name);
    REQUIRE(entry != nullptr);
    CHECK(entry->shape == shape);
    for (size_t i = 0; i < entry->bytes / size_of(entry->dtype); ++i)
      CHECK(value_at(*entry, i) == static_cast<double>(i) / 4 - 1);
  }
}

TEST_CASE("keys and tensors are read back as they were written", "[gguf]") {
  Random random("gguf round trip");
  const TempDir dir;
  const std::string path = (dir / "model.gguf").string();
  const std::vector<DType> types{DType::f64, DType::f32, DType::bf16, DType::f16,
                                 DType::i64, DType::i32, DType::i8};
  for (int round = 0; round < 50; ++round) {
    std::vector<TensorEntry> tensors(static_cast<size_t>(random.integer(0, 8)));
    std::vector<std::string> bytes(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      tensors[i].name = "tensor." + std::to_string(i);
      tensors[i].dtype = random.one_of(types);
      tensors[i].bytes = size_of(tensors[i].dtype);
      for (int64_t rank = random.integer(1, 4); rank > 0; --rank) {
        tensors[i].shape.push_back(random.integer(1, 5));
        tensors[i].bytes *= static_cast<size_t>(tensors[i].shape.back());
      }
      bytes[i].resize(tensors[i].bytes);
      for (char& c : bytes[i]) c = static_cast<char>(random.bits());
    }
    GgufWriter writer(path, keys_of_all_types(), tensors);
    for (size_t i = 0; i < tensors.size(); ++i)
      writer.append(tensors[i].name, bytes[i].data(), bytes[i].size());
    const FileSum sum = writer.finish();
    REQUIRE(sum_file(path) == sum);
    const GgufFile file(path);
    for (const auto& [name, value] : keys_of_all_types()) {
      INFO(name);
      REQUIRE(file.find_key(name) != nullptr);
      CHECK(*file.find_key(name) == value);
    }
    REQUIRE(file.entries().size() == tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      const TensorEntry& read = file.entries()[i];
      CHECK(read.name == tensors[i].name);
      CHECK(read.dtype == tensors[i].dtype);
      CHECK(read.shape == tensors[i].shape);
      REQUIRE(std::string(static_cast<const char*>(read.data), read.bytes) == bytes[i]);
      CHECK((static_cast<const char*>(read.data) - static_cast<const char*>(file.entries()[0].data)) % 32 ==
            0);
    }
  }
}

TEST_CASE("GGUF: incomplete files and contents that the format cannot express are refused", "[gguf]") {
  const TempDir dir;
  const std::string path = (dir / "model.gguf").string();
  const float value = 1;
  {
    GgufWriter writer(path, {}, {{.name = "a", .shape = {1}}, {.name = "b", .shape = {1}}});
    CHECK_THROWS_WITH(writer.append("b", &value, 4), Catch::Contains("out of order"));
    CHECK_THROWS_WITH(writer.append("a", &value, 3), Catch::Contains("expected 4"));
    writer.append("a", &value, 4);
    CHECK_THROWS_WITH(writer.finish(), Catch::Contains("1 tensors are missing"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  const auto unwritable = [&](const GgufKeys& keys, const std::vector<TensorEntry>& tensors,
                              const char* why) {
    return test::fails(ErrorCode::usage, {why}, [&] { GgufWriter(path, keys, tensors); });
  };
  CHECK(unwritable({{"a", true}, {"a", true}}, {}, "given twice"));
  CHECK(unwritable({{"a", GgufValue()}}, {}, "no value"));
  CHECK(unwritable({}, {{.name = "a", .shape = {1}}, {.name = "a", .shape = {1}}}, "the name is used twice"));
  CHECK(unwritable({}, {{.name = "a", .dtype = DType::u16, .shape = {1}}}, "no type for u16"));
  CHECK(unwritable({}, {{.name = "a", .shape = {1, 1, 1, 1, 1}}}, "has 5 dimensions"));
  CHECK(unwritable({}, {{.name = "a", .shape = {0}}}, "less than 1"));
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("damage to a GGUF file is reported", "[gguf]") {
  const auto head = [](uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return GgufBytes::head(tensors, keys, version);
  };
  CHECK(refused({.text = ""}, {"does not begin with GGUF", "some.gguf"}));
  CHECK(refused({.text = "GGML\3"}, {"does not begin with GGUF"}));
  CHECK(refused(head(0, 0, 1), {"version 1"}));
  CHECK(refused(head(0, 0, 3u << 24), {"big-endian"}));
  CHECK(refused(head(uint64_t{1} << 60, 0), {"1152921504606846976 tensors", "too few"}));
  CHECK(refused(head(0, uint64_t{1} << 60), {"keys", "too few"}));
  const auto key = [&](const std::string& name, uint32_t type) {
    GgufBytes bytes = head(0, 1);
    return bytes.string(name).number(type);
  };
  CHECK(refused(key("k", 13).number<uint64_t>(0), {"\"k\"", "type 13"}));
  CHECK(refused(key("k", 4).number<uint16_t>(0), {"cut short"}));
  CHECK(refused(key("k", 8).number(uint64_t{1} << 63), {"\"k\"", "cut short"}));
  CHECK(refused(key("k", 9).number(9u).number<uint64_t>(1), {"a list of type 9"}));
  CHECK(refused(key("k", 9).number(77u).number<uint64_t>(1), {"a list of type 77"}));
  CHECK(refused(key("k", 9).number(8u).number(uint64_t{1} << 61), {"2305843009213693952 values"}));
  CHECK(refused(key("k", 9).number(5u).number<uint64_t>(3).number(0).number(0), {"3 values"}));
  CHECK(refused(head(0, 2).string("k").number(4u).number(1u).string("k").number(4u).number(1u),
                {"\"k\"", "given twice"}));
  for (const uint32_t alignment : {0u, 4u, 33u, 1u << 21})
    CHECK(refused(head(0, 1).string("general.alignment").number(4u).number(alignment), {"power of two"}));
  CHECK(refused(head(0, 1).string("general.alignment").number(6u).number(1.0f), {"not an integer"}));

  CHECK(refused(head(1, 0).tensor("t", {1, 1, 1, 1, 1}, 0, 0), {"\"t\"", "5 dimensions"}));
  CHECK(refused(head(1, 0).tensor("t", {4, 0}, 0, 0), {"\"t\"", "size 0 is 0"}));
  CHECK(refused(head(1, 0).tensor("t", {uint64_t{1} << 32, uint64_t{1} << 31}, 0, 0), {"too large"}));
  CHECK(refused(head(1, 0).tensor("t", {32}, 2, 0), {"Q4_0", "no quantised"}));
  CHECK(refused(head(1, 0).tensor("t", {32}, 999, 0), {"type 999"}));
  CHECK(refused(head(1, 0).tensor("t", {2}, 0, 0).data(7), {"bytes 0 to 8", "there are 7"}));
  CHECK(refused(head(1, 0).tensor("t", {2}, 0, 32).data(64), {"begins at byte 32; expected 0"}));
  CHECK(refused(head(2, 0).tensor("t", {2}, 0, 0).tensor("u", {2}, 0, 0).data(64), {"\"u\"", "expected 32"}));
  CHECK(refused(head(2, 0).tensor("t", {2}, 0, 0).tensor("t", {2}, 0, 32).data(64), {"given twice"}));

  const GgufBytes whole = head(1, 1).string("k").number(4u).number(7u).tensor("t", {2}, 0, 0).data(8);
  const TempDir dir;
  const std::string path = (dir / "cut.gguf").string();
  test::write_file(path, whole.text);
  CHECK(GgufFile(path).integer("k") == 7);
  for (size_t length = 0; length < whole.text.size(); ++length) {
    test::write_file(path, whole.text.substr(0, length));
    CHECK(test::fails(ErrorCode::input, {path}, [&] { const GgufFile file(path); }));
  }
}

}  // namespace hewn
