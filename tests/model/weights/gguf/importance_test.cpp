// Importance matrices of llama.cpp, as its own package and program write them.

#include "model/weights/gguf/importance.h"

#include <cstring>
#include <limits>
#include <map>

#include "model/weights/gguf/gguf.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn::test {
namespace {

std::string corpus_file(const char* name) {
  return (source_dir() / "tests/fuzz/corpus/importance" / name).string();
}

template <class T>
std::string bytes_of(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// An entry of a .dat file with one value.
std::string one_entry(const std::string& name, int32_t calls, float value) {
  return bytes_of(static_cast<int32_t>(name.size())) + name + bytes_of(calls) + bytes_of(int32_t{1}) +
         bytes_of(value);
}

}  // namespace

TEST_CASE("importance: sums are divided by their number, in both formats", "[gguf]") {
  using Means = std::map<std::string, std::vector<float>>;
  CHECK(looks_like_importance(corpus_file("two.dat")));
  CHECK((read_importance(corpus_file("two.dat")) ==
         Means{{"blk.0.attn_qkv.weight", {1.0f, 0.25f, 0.0f}}, {"output.weight", {0.25f, 1.0f}}}));
  CHECK(looks_like_importance(corpus_file("sums.gguf")));
  CHECK((read_importance(corpus_file("sums.gguf")) ==
         Means{{"blk.0.ffn_up.weight", {0.5f, 2.0f}}, {"output.weight", {0.0f, 1.0f, 0.25f}}}));
}

TEST_CASE("importance: entries without calls or values are read as they are", "[gguf]") {
  const TempDir dir;
  const std::string empty = bytes_of(int32_t{1}) + "b" + bytes_of(int32_t{4}) + bytes_of(int32_t{0});
  write_file(dir / "odd.dat", bytes_of(int32_t{2}) + one_entry("a", 0, 3) + empty);
  CHECK((read_importance((dir / "odd.dat").string()) ==
         std::map<std::string, std::vector<float>>{{"a", {3.0f}}, {"b", {}}}));
}

TEST_CASE("importance: damaged files are refused", "[gguf]") {
  const TempDir dir;
  const auto refused = [&](const std::string& bytes, const char* why) {
    write_file(dir / "bad.dat", bytes);
    return fails(ErrorCode::input, {why, "bad.dat"}, [&] { read_importance((dir / "bad.dat").string()); });
  };
  const std::string whole = read_file(corpus_file("two.dat"));
  for (size_t n = 0; n < whole.size(); ++n) CHECK(refused(whole.substr(0, n), "too early"));
  CHECK(refused(bytes_of(int32_t{-1}), "the number of entries is -1"));
  CHECK(refused(bytes_of(int32_t{1}) + one_entry("a", 1, -2), "a has the importance -2"));
  CHECK(refused(bytes_of(int32_t{1}) + one_entry("a", 1, std::numeric_limits<float>::infinity()),
                "importance inf"));
  CHECK(refused(bytes_of(int32_t{2}) + one_entry("a", 1, 1) + one_entry("a", 1, 1), "a is given twice"));
  {
    const float sums[] = {1, 2}, counts[] = {1, 1};
    GgufWriter writer((dir / "experts").string(), {},
                      {{.name = "a.in_sum2", .shape = {2}}, {.name = "a.counts", .shape = {2}}});
    writer.append("a.in_sum2", sums, sizeof sums);
    writer.append("a.counts", counts, sizeof counts);
    writer.finish();
  }
  CHECK(fails(ErrorCode::input, {"experts", "a has 2 experts"},
              [&] { read_importance((dir / "experts").string()); }));
  CHECK(fails(ErrorCode::input, {"in_sum2"},
              [] { read_importance((source_dir() / "tests/files/official.gguf").string()); }));
}

}  // namespace hewn::test
