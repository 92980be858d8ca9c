// GGUF files: what the official library wrote is read, what is written comes back, damage is named.

#include "model/weights/gguf/gguf.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "model/weights/gguf/gguf_model.h"
#include "model/weights/weights.h"
#include "tests/model/weights/exportable.h"
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

TEST_CASE("quantised tensors have the values that the official library widens them to", "[gguf]") {
  const GgufFile file((test::source_dir() / "tests/files/blocks.gguf").string());
  const std::pair<const char*, const char*> types[] = {
      {"Q8_0", "q8_0"}, {"Q4_0", "q4_0"}, {"Q4_1", "q4_1"}, {"Q5_0", "q5_0"}, {"Q5_1", "q5_1"},
      {"Q2_K", "q2_k"}, {"Q3_K", "q3_k"}, {"Q4_K", "q4_k"}, {"Q5_K", "q5_k"}, {"Q6_K", "q6_k"}};
  CHECK(file.entries().size() == 2 * std::size(types));
  for (const auto& [name, type] : types) {
    INFO(name);
    const TensorEntry *blocks = file.find(name), *values = file.find(name + std::string(".values"));
    REQUIRE((blocks && values));
    CHECK(blocks->type_name() == type);
    CHECK(blocks->shape == std::vector<int64_t>{2, 256});
    CHECK((values_of<float>(*blocks) == values_of<float>(*values)));
    CHECK((values_of<double>(*blocks) == values_of<double>(*values)));
  }
}

TEST_CASE("a quantised tensor with a scale that is not finite is refused", "[gguf]") {
  const TempDir dir;
  const std::string path = (dir / "blocks.gguf").string();
  for (const uint16_t scale : {uint16_t{0x7c00}, uint16_t{0xfc00}, uint16_t{0x7e00}}) {
    std::string block(34, 1);
    std::memcpy(block.data(), &scale, sizeof scale);
    GgufWriter writer(path, {}, {{.name = "w", .shape = {32}, .blocks = BlockType::q8_0}});
    writer.append("w", block.data(), block.size());
    writer.finish();
    const GgufFile file(path);
    CHECK(test::fails(ErrorCode::input, {"tensor w", "q8_0", "infinite"},
                      [&] { values_of<float>(*file.find("w")); }));
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
      const bool blocks = random.integer(0, 3) == 0;
      if (blocks) {
        tensors[i].dtype = DType::f32;
        tensors[i].blocks = random.one_of(std::vector{BlockType::q8_0, BlockType::q4_k, BlockType::q2_k});
        tensors[i].bytes = static_cast<size_t>(format_of(*tensors[i].blocks).bytes);
      }
      for (int64_t rank = random.integer(blocks ? 0 : 1, blocks ? 3 : 4); rank > 0; --rank) {
        tensors[i].shape.push_back(random.integer(1, 5));
        tensors[i].bytes *= static_cast<size_t>(tensors[i].shape.back());
      }
      if (blocks) tensors[i].shape.push_back(format_of(*tensors[i].blocks).elements);
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
      CHECK(read.type_name() == tensors[i].type_name());
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
  CHECK(unwritable({}, {{.name = "a", .shape = {2, 33}, .blocks = BlockType::q4_0}}, "rows of 33 elements"));
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("lists of numbers of other types are passed over", "[gguf]") {
  const TempDir dir;
  const std::string path = (dir / "lists.gguf").string();
  const std::pair<uint32_t, size_t> types[] = {{0, 1}, {1, 1},  {2, 2},  {3, 2}, {4, 4},
                                               {7, 1}, {10, 8}, {11, 8}, {12, 8}};
  for (const auto& [type, bytes] : types) {
    INFO(type);
    GgufBytes lists = GgufBytes::head(0, 2).string("list").number(9u).number(type).number<uint64_t>(3);
    lists.text.append(3 * bytes, 'v');
    test::write_file(path, lists.text.substr(0, lists.text.size() - 1));
    CHECK(test::fails(ErrorCode::input, {"\"list\"", "3 values"}, [&] { GgufFile{path}; }));
    test::write_file(path, lists.string("after").number(4u).number(7u).data(0).text);
    const GgufFile file(path);
    REQUIRE(file.find_key("list") != nullptr);
    CHECK(std::holds_alternative<std::monostate>(*file.find_key("list")));
    CHECK(file.integer("after") == 7);
  }
}

TEST_CASE("a GGUF file is recognised by its beginning, and a pipe is not opened", "[gguf]") {
  const TempDir dir;
  test::write_file(dir / "model", "GGUF\3");
  CHECK(looks_like_gguf(dir / "model"));
  test::write_file(dir / "model", "GGU");
  CHECK_FALSE(looks_like_gguf(dir / "model"));
  CHECK_FALSE(looks_like_gguf(dir / "none"));
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);  // ends a process that waits for the pipe's writer
    ::_exit(looks_like_gguf(dir / "pipe") ? 1 : 0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("GGUF: frequencies of rotary positions are passed over, other tensors are not", "[gguf]") {
  const test::Exportable e(test::llama_like());
  export_model(e.own, "gguf", e.path("plain"));
  const GgufFile plain(e.path("plain"));
  const std::vector<float> more(2, 1.0f);
  const auto open_with = [&](const char* name) {
    std::vector<TensorEntry> entries = plain.entries();
    entries.push_back({.name = name, .shape = {2}, .data = more.data(), .bytes = 8});
    GgufKeys keys;
    for (const char* key : {"general.architecture"}) keys.emplace_back(key, *plain.find_key(key));
    for (const char* key :
         {"context_length", "block_count", "embedding_length", "feed_forward_length", "attention.head_count",
          "attention.head_count_kv", "attention.layer_norm_rms_epsilon"})
      keys.emplace_back(join("llama.", key), *plain.find_key(join("llama.", key)));
    GgufWriter writer(e.path("more"), keys, entries);
    for (const TensorEntry& entry : entries) writer.append(entry.name, entry.data, entry.bytes);
    writer.finish();
    return load_foreign(open_foreign(e.path("more")), cpu());
  };
  const auto model = open_with("rope_freqs.weight"),
             without = load_foreign(open_foreign(e.path("plain")), cpu());
  for (size_t i = 0; i < model->parameters().all().size(); ++i)
    CHECK(model->parameters().all()[i].value.values<float>() ==
          without->parameters().all()[i].value.values<float>());
  CHECK(test::fails(ErrorCode::input, {"unknown: rope_factors.weight"},
                    [&] { open_with("rope_factors.weight"); }));
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
  CHECK(refused(head(1, 0).tensor("t", {32}, 20, 0), {"\"t\"", "IQ4_NL", "supported are F32, ", "Q6_K"}));
  CHECK(refused(head(1, 0).tensor("t", {48}, 2, 0), {"\"t\"", "rows have 48", "a multiple of 32", "Q4_0"}));
  CHECK(refused(head(1, 0).tensor("t", {32, 8}, 12, 0), {"rows have 32", "a multiple of 256", "Q4_K"}));
  CHECK(refused(head(1, 0).tensor("t", {}, 8, 0), {"rows have 1"}));
  CHECK(refused(head(1, 0).tensor("t", {256, uint64_t{1} << 53}, 14, 0), {"too large"}));
  CHECK(refused(head(1, 0).tensor("t", {64, 2}, 2, 0).data(71), {"bytes 0 to 72", "there are 71"}));
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
