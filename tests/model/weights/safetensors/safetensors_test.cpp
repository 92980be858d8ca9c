#include "model/weights/safetensors/safetensors.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"
#include "tests/support/write_safetensors.h"

using namespace hewn;
using test::error_of;
using test::fails;
using test::Random;
using test::TempDir;

namespace {

/// A file of this header and data.
std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  std::ostringstream text;
  text << '"' << name << R"(":{"dtype":")" << dtype << R"(","shape":[)" << shape << R"(],"data_offsets":[)"
       << offsets << "]}";
  return text.str();
}

/// Opens many files fast: they live in memory.
class Opener {
 public:
  Opener() : fd_(::memfd_create("model.safetensors", MFD_CLOEXEC)), path_("/proc/self/fd/") {
    path_ += std::to_string(fd_);
  }
  ~Opener() { ::close(fd_); }
  /// The error of opening a file with these bytes.
  std::optional<Error> operator()(const std::string& bytes) {
    test::write_file(path_, bytes);
    return error_of([&] { const SafetensorsFile file(path_); });
  }
  /// Whether it is refused with exactly the parts named, the file's name among them.
  test::Failure refused(const std::string& bytes, const std::string& part) {
    test::write_file(path_, bytes);
    return fails(ErrorCode::input, {part, path_}, [&] { const SafetensorsFile file(path_); });
  }
  test::Failure header_refused(const std::string& header, const std::string& part) {
    return refused(file_of(header, "12345678"), part);
  }
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

struct Owned {
  TensorEntry entry;
  std::string bytes;
};

std::vector<Owned> random_tensors(Random& random) {
  const std::vector<DType> all{DType::f64, DType::f32, DType::bf16, DType::f16, DType::i64,
                               DType::i32, DType::u16, DType::i8,   DType::u8};
  std::vector<Owned> tensors(static_cast<size_t>(random.integer(0, 12)));
  for (size_t i = 0; i < tensors.size(); ++i) {
    TensorEntry& entry = tensors[i].entry;
    entry.name = std::string("layer \"") + std::to_string(i) + "\" \u00e9\n";
    entry.dtype = random.one_of(all);
    entry.bytes = size_of(entry.dtype);
    for (int64_t rank = random.integer(0, 4); rank > 0; --rank) {
      entry.shape.push_back(random.integer(0, 5));
      entry.bytes *= static_cast<size_t>(entry.shape.back());
    }
    tensors[i].bytes.resize(entry.bytes);
    for (char& c : tensors[i].bytes) c = static_cast<char>(random.bits());
  }
  for (Owned& tensor : tensors) tensor.entry.data = tensor.bytes.data();
  return tensors;
}

}  // namespace

TEST_CASE("tensors are read back as they were written", "[safetensors]") {
  Random random("safetensors round trip");
  const TempDir dir;
  const std::string path = dir / "model.safetensors";
  for (int round = 0; round < 100; ++round) {
    const auto tensors = random_tensors(random);
    std::vector<TensorEntry> entries;
    for (const Owned& tensor : tensors) entries.push_back(tensor.entry);
    Metadata metadata;
    if (round % 2) metadata = {{"format", "pt"}, {"quote", "\"\\\n\u4e16"}};
    const FileSum sum = test::write_safetensors(path, entries, metadata);
    REQUIRE(sum_file(path) == sum);

    const SafetensorsFile file(path);
    REQUIRE(file.metadata() == metadata);
    REQUIRE(file.entries().size() == tensors.size());
    for (const Owned& tensor : tensors) {
      const TensorEntry& read = file.at(tensor.entry.name);
      REQUIRE(read.dtype == tensor.entry.dtype);
      REQUIRE(read.shape == tensor.entry.shape);
      REQUIRE(std::string(static_cast<const char*>(read.data), read.bytes) == tensor.bytes);
    }
    const std::string bytes = test::read_file(path);
    uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    REQUIRE((8 + header) % 64 == 0);
    test::write_safetensors(path, entries, metadata);
    REQUIRE(test::read_file(path) == bytes);
  }
}

TEST_CASE("tensors can be streamed in pieces, but only in order", "[safetensors]") {
  const TempDir dir;
  const std::vector<TensorEntry> entries{{"a", DType::u8, {3}},
                                         {"empty", DType::f32, {0, 7}},
                                         {"number", DType::u8, {}},
                                         {"b", DType::u8, {2, 2}}};
  const std::string path = dir / "streamed";
  {
    SafetensorsWriter writer(path, entries);
    writer.append("a", "1", 1);
    writer.append("a", "23", 2);
    CHECK(fails(ErrorCode::usage, {"\"a\": got 1 bytes, but only 0 are left"},
                [&] { writer.append("a", "4", 1); }));
    CHECK(fails(ErrorCode::usage, {"\"b\" is out of order; expected \"number\""},
                [&] { writer.append("b", "4", 1); }));
    writer.append("empty", nullptr, 0);
    writer.append("number", "4", 1);
    writer.append("b", "567", 3);
    CHECK(fails(ErrorCode::usage, {"\"b\": 1 bytes are missing"}, [&] { writer.finish(); }));
    writer.append("b", "8", 1);
    CHECK(fails(ErrorCode::usage, {"\"c\" is out of order"}, [&] { writer.append("c", "4", 1); }));
    CHECK_FALSE(std::filesystem::exists(path));
    writer.finish();
  }
  const SafetensorsFile file(path);
  CHECK(std::memcmp(file.at("b").data, "5678", 4) == 0);
  CHECK(file.at("number").shape.empty());
  CHECK(file.at("empty").bytes == 0);
  CHECK(file.find("c") == nullptr);
  CHECK(fails(ErrorCode::input, {path, "no tensor \"c\"", "\"empty\""}, [&] { file.at("c"); }));
}

TEST_CASE("invalid tensors are refused on writing and leave no file", "[safetensors]") {
  const TempDir dir;
  const std::string path = dir / "none";
  const auto write = [&](std::vector<TensorEntry> entries, const Metadata& metadata = {}) {
    return [=] { test::write_safetensors(path, entries, metadata); };
  };
  const TensorEntry good{"a", DType::u8, {0}};
  CHECK(fails(ErrorCode::usage, {"\"a\": the name is used twice"}, write({good, good})));
  CHECK(fails(ErrorCode::usage, {"__metadata__"}, write({{"__metadata__", DType::u8, {0}}})));
  CHECK(fails(ErrorCode::input, {"UTF-8"}, write({{"\xff", DType::u8, {0}}})));
  CHECK(fails(ErrorCode::input, {"UTF-8"}, write({good}, {{"key", "\xc3"}})));
  CHECK(fails(ErrorCode::usage, {"negative or too large"}, write({{"n", DType::u8, {2, -1}}})));
  const int64_t huge = int64_t{1} << 61;
  CHECK(fails(ErrorCode::usage, {"negative or too large"}, write({{"h", DType::f64, {huge}}})));
  CHECK(fails(ErrorCode::usage, {"too many bytes"},
              write({{"a", DType::u8, {huge, 7}}, {"b", DType::u8, {huge, 7}}})));
  CHECK(fails(ErrorCode::usage, {"1 bytes are missing"}, write({{"m", DType::u8, {1}}})));
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("files of other writers are read: any order of names, odd alignment, unsupported types",
          "[safetensors]") {
  Opener open;
  const std::string header = std::string("{") + tensor("late", "F32", "1", "3,7") + "," +
                             tensor("flag", "BOOL", "3", "0,3") + ",\"__metadata__\":{\"format\":\"pt\"}," +
                             tensor("zero", "F64", "0,9", "7,7") + "} ";
  const std::string data("abc\0\0\x80?", 7);
  REQUIRE_FALSE(open(file_of(header, data)));
  const SafetensorsFile file(open.path());
  CHECK(file.entries().size() == 2);
  float value = 0;
  std::memcpy(&value, file.at("late").data, 4);
  CHECK(value == 1.0f);
  CHECK(file.at("zero").shape == std::vector<int64_t>{0, 9});
  CHECK(file.metadata().at("format") == "pt");
  CHECK(fails(ErrorCode::input, {"\"flag\" has dtype BOOL", "F32"}, [&] { file.at("flag"); }));
  CHECK_FALSE(Opener()(file_of("{}", "")));  // not in the file that is still open
}

TEST_CASE("broken files are refused with file, tensor and reason", "[safetensors]") {
  Opener open;
  CHECK(open.refused("", "0 bytes, too few"));
  CHECK(open.refused("1234567", "7 bytes, too few"));
  CHECK(open.refused(std::string(8, '\xff'), "a header of 18446744073709551615 bytes"));
  CHECK(open.refused(file_of("{}", "").substr(0, 9), "a header of 2 bytes, but has 9"));
  CHECK(open.refused(file_of("", ""), "does not begin with {"));
  CHECK(open.refused(file_of("[]", ""), "does not begin with {"));
  CHECK(open.refused(file_of("{", ""), "not valid JSON at byte"));
  CHECK(open.refused(file_of("{} {}", ""), "not valid JSON"));
  CHECK(open.refused(file_of(std::string("{}\0", 3), ""), "zero byte"));
  CHECK(open.refused(file_of("{\"\xff\":1}", ""), "not valid JSON"));
  CHECK(open.refused(file_of("{}", "x"), "end at byte 0, but there are 1 "));

  const std::string good = tensor("a", "U8", "8", "0,8");
  CHECK_FALSE(open(file_of("{" + good + "}", "12345678")));
  CHECK(open.header_refused("{" + good + "," + good + "}", "\"a\" is given twice"));
  CHECK(open.header_refused("{\"a\":1}", "\"a\" is a number; expected an object"));
  CHECK(open.header_refused("{\"a\":null}", "is null"));
  CHECK(open.header_refused("{\"a\":[]}", "is a list"));
  CHECK(open.header_refused("{\"a\":{}}", "\"a\": a field is missing"));
  CHECK(open.header_refused("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", "\"dtype\" is given twice"));
  CHECK(open.header_refused("{\"a\":{\"dtype\":8}}", "\"dtype\" is a number; expected a string"));
  CHECK(open.header_refused("{\"a\":{\"dtype\":[]}}", "\"dtype\" is a list"));
  CHECK(open.header_refused("{\"a\":{\"shape\":{}}}", "\"shape\" is an object; expected a list"));
  CHECK(open.header_refused("{\"a\":{\"shape\":[[]]}}", "\"shape\" is a list"));
  CHECK(open.header_refused("{\"a\":{\"shape\":\"x\"}}", "\"shape\" is a string"));
  CHECK(open.header_refused("{\"a\":{\"shape\":[1.5]}}", "not an integer"));
  CHECK(open.header_refused("{\"a\":{\"shape\":[-1]}}", "negative"));
  CHECK(open.header_refused("{\"a\":{\"shape\":[true]}}", "a boolean"));
  CHECK(open.header_refused("{\"a\":{\"colour\":1}}", "unknown field \"colour\""));
  CHECK(open.header_refused("{\"__metadata__\":{\"k\":1}}",
                            "__metadata__: \"k\" is a number; expected strings"));
  CHECK(open.header_refused("{\"__metadata__\":{\"k\":{}}}", "is an object"));
  CHECK(open.header_refused("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", "\"k\" is given twice"));
  CHECK(open.header_refused("{\"__metadata__\":{},\"__metadata__\":{}}", "\"__metadata__\" is given twice"));
  CHECK(open.header_refused("{\"__metadata__\":3}", "is a number"));

  const auto refused = [&](const std::string& tensors, const std::string& part) {
    return open.header_refused(std::string("{").append(tensors).append("}"), part);
  };
  const auto too_large = [&](const std::string& dtype, const std::string& shape) {
    return open.refused(file_of(std::string("{").append(tensor("a", dtype, shape, "0,0")).append("}"), ""),
                        "\"a\": its shape is too large");
  };
  CHECK(refused(tensor("a", "F33", "8", "0,8"), "\"a\": unknown dtype \"F33\"; expected one of F64, F32"));
  CHECK(refused(tensor("a", "F32", "3", "0,8"), "make 12 bytes, but data_offsets span 8"));
  CHECK(refused(tensor("a", "U8", "8", "0,9"), "not within the 8 bytes"));
  CHECK(refused(tensor("a", "U8", "8", "8,0"), "[8, 0] are not within"));
  CHECK(refused(tensor("a", "U8", "8", "0,18446744073709551615"), "not within"));
  CHECK(refused(tensor("a", "U8", "8", "0,18446744073709551616"), "not an integer"));
  CHECK(refused(tensor("a", "U8", "8", "0"), "data_offsets has 1 numbers"));
  CHECK(refused(tensor("a", "U8", "8", "0,8,8"), "data_offsets has 3 numbers"));
  CHECK(refused(tensor("a", "U8", "7", "1,8"), "begins at byte 1, but the previous tensor ends at 0"));
  CHECK(refused(tensor("a", "U8", "7", "0,7"), "end at byte 7, but there are 8 "));
  CHECK(refused(tensor("a", "U8", "4", "0,4") + "," + tensor("b", "U8", "5", "3,8"),
                "\"b\": its data begins at byte 3"));
  CHECK(refused(tensor("a", "U8", "4", "0,4") + "," + tensor("b", "U8", "3", "5,8"),
                "\"b\": its data begins at byte 5"));
  CHECK(too_large("U8", "4294967296,4294967296"));
  CHECK(too_large("F64", "2305843009213693952"));
  CHECK(too_large("U8", "0,9223372036854775808"));
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  CHECK(refused(tensor("a", "U8", ones, "0,1"), "more than 64 numbers"));
  CHECK(refused(tensor(std::string(100'000, 'n'), "U8", "7", "0,8"), "nnn\"...: shape and dtype"));
}

TEST_CASE("deeply nested headers are refused immediately", "[safetensors]") {
  Opener open;
  const std::string brackets(1 << 20, '[');
  CHECK(open.refused(file_of(std::string("{\"a\":") + brackets, ""), "is a list"));
  CHECK(open.refused(file_of(std::string("{\"a\":{\"shape\":") + brackets, ""), "is a list"));
  CHECK(open.refused(file_of("{\"a\":{\"a\":{\"a\":{\"a\":{", ""), "unknown field"));
}

TEST_CASE("a file cut short at any byte is refused", "[safetensors]") {
  Random random("safetensors cuts");
  Opener open;
  const auto tensors = random_tensors(random);
  std::vector<TensorEntry> entries;
  for (const Owned& tensor : tensors) entries.push_back(tensor.entry);
  const std::string values(16, 'v');  // at least one tensor has values
  entries.push_back({"last", DType::f32, {4}, values.data(), 16});
  const TempDir dir;
  test::write_safetensors(dir / "whole", entries, {{"key", "value"}});
  const std::string bytes = test::read_file(dir / "whole");
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto error = open(bytes.substr(0, size));
    REQUIRE(error);
    REQUIRE(error->code() == ErrorCode::input);
  }
  REQUIRE_FALSE(open(bytes));
}

TEST_CASE("files with flipped bytes are refused or read without a crash", "[safetensors]") {
  Random random("safetensors flips");
  Opener open;
  const std::vector<float> values(6, 1.0f);
  const TempDir dir;
  test::write_safetensors(
      dir / "whole",
      {{"weight", DType::f32, {2, 3}, values.data(), 24}, {"bias", DType::i8, {4}, values.data(), 4}},
      {{"format", "pt"}});
  const std::string bytes = test::read_file(dir / "whole");
  const int rounds = test::repeats(20'000, 1'000'000);
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string broken = bytes;
    for (int64_t flips = random.integer(1, 3); flips > 0; --flips) {
      char& c = broken[static_cast<size_t>(random.integer(0, static_cast<int64_t>(bytes.size()) - 1))];
      c = random.integer(0, 1) ? static_cast<char>(random.bits())
                               : static_cast<char>(c ^ 1 << random.integer(0, 7));
    }
    test::write_file(open.path(), broken);
    try {
      const SafetensorsFile file(open.path());
      for (const TensorEntry& entry : file.entries()) {  // every byte it speaks of can be touched
        const std::string copy(static_cast<const char*>(entry.data), entry.bytes);
        REQUIRE(copy.size() == entry.bytes);
      }
    } catch (const Error& error) {
      REQUIRE(error.code() == ErrorCode::input);
      ++refused;
    }
  }
  CHECK(refused > rounds / 2);
}

TEST_CASE("the fixtures of other writers are read", "[safetensors]") {
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(test::source_dir() / "tests/fixtures")) {
    if (entry.path().extension() != ".safetensors") continue;
    const SafetensorsFile file(entry.path());
    CHECK_FALSE(file.entries().empty());
    ++files;
  }
  CHECK(files > 0);
}
