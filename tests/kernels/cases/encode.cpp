// Blocks written by qmatmul.encode: their errors, beside ggml's and beside theory.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "core/dtype.h"
#include "kernels/devices/devices.h"
#include "kernels/qmatmul/abi.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

constexpr BlockType encoded_formats[] = {BlockType::q8_0, BlockType::q4_0, BlockType::q5_0,
                                         BlockType::q4_k, BlockType::q5_k, BlockType::q6_k};

std::vector<uint8_t> blocks_of(BlockType format, const std::vector<float>& x, int64_t cols,
                               const float* importance = nullptr, int threads = 1) {
  const BlockFormat& f = format_of(format);
  std::vector<uint8_t> blocks(x.size() / static_cast<size_t>(f.elements) * static_cast<size_t>(f.bytes));
  const auto device = make_cpu(threads);
  run(*device, EncodeBlocks{.format = format,
                            .rows = std::ssize(x) / cols,
                            .cols = cols,
                            .x = x.data(),
                            .importance = importance,
                            .blocks = blocks.data()});
  return blocks;
}

std::vector<float> values_of(BlockType format, const std::vector<uint8_t>& blocks) {
  const BlockFormat& f = format_of(format);
  std::vector<float> values;
  OpenBlock open;
  for (size_t at = 0; at < blocks.size(); at += static_cast<size_t>(f.bytes)) {
    f.open(blocks.data() + at, open);
    values.resize(values.size() + static_cast<size_t>(f.elements));
    widen_block(f, open, values.data() + values.size() - f.elements);
  }
  return values;
}

/// The numbers of tests/files/make_block_errors.py.
std::vector<double> uniforms(uint64_t state, int64_t n) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < n; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    numbers.push_back(static_cast<double>(state >> 40) / (1 << 24) - 0.5);
  }
  return numbers;
}

constexpr int64_t fixture_rows = 16, fixture_cols = 1024;

std::vector<float> fixture_matrix(const std::string& kind) {
  const std::vector<double> u = uniforms(1, 4 * fixture_rows * fixture_cols);
  std::vector<float> x;
  for (int64_t i = 0; i < fixture_rows * fixture_cols; ++i) {
    const double* four = u.data() + 4 * i;
    double value = four[0] + four[1] + four[2] + four[3];
    if (kind == "heavy") value = value * value * value;
    if (kind == "columns" && i % fixture_cols % 37 == 5) value *= 16;
    x.push_back(static_cast<float>(value));
  }
  return x;
}

std::vector<float> fixture_importance() {
  std::vector<float> w;
  for (const double u : uniforms(2, fixture_cols)) {
    const auto wide = static_cast<float>(u * 4);
    w.push_back(wide * wide);
  }
  return w;
}

/// The square root of the mean of the weighted squared errors.
double error_of(const std::vector<float>& x, const std::vector<float>& y, const std::vector<float>& weight) {
  double squares = 0, weights = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double w = static_cast<double>(weight[i % weight.size()]);
    squares += w * std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
    weights += w;
  }
  return std::sqrt(squares / weights);
}

}  // namespace

TEST_CASE("encode: errors are no larger than ggml's") {
  std::ifstream file(test::source_dir() / "tests/files/block_errors.txt");
  const std::vector<float> importance = fixture_importance();
  int compared = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string kind, name;
    double plain = 0, weighted = 0;
    REQUIRE(words >> kind >> name >> plain >> weighted);
    INFO(line);
    const BlockType format = *std::find_if(std::begin(encoded_formats), std::end(encoded_formats),
                                           [&](BlockType f) { return format_of(f).name == name; });
    const std::vector<float> x = fixture_matrix(kind);
    const auto y = values_of(format, blocks_of(format, x, fixture_cols));
    const auto z = values_of(format, blocks_of(format, x, fixture_cols, importance.data()));
    CHECK(error_of(x, y, {1}) <= plain);
    CHECK(error_of(x, z, importance) <= weighted);
    CHECK(error_of(x, z, importance) <= error_of(x, y, importance) * 1.0001);
    ++compared;
  }
  CHECK(compared == 18);
}

TEST_CASE("encode: values of blocks come back; of blocks with offsets, nearly all") {
  for (const std::string kind : {"normal", "heavy", "columns"})
    for (const BlockType format : encoded_formats) {
      INFO(kind << " " << format_of(format).name);
      const std::vector<float> x = fixture_matrix(kind);
      const auto once = values_of(format, blocks_of(format, x, fixture_cols));
      const auto twice = values_of(format, blocks_of(format, once, fixture_cols));
      const double largest = format_of(format).offsets ? 0.06 : 1e-6;
      CHECK(error_of(once, twice, {1}) <= largest * error_of(x, once, {1}));
    }
}

TEST_CASE("encode: integers of any extent, times a scale, come back") {
  test::Random random("encode integers");
  for (const auto& [format, most] :
       {std::pair{BlockType::q8_0, 127}, {BlockType::q4_0, 7}, {BlockType::q5_0, 15}})
    for (const double wished : {0.375, -0.0123, 77 * 0x1p-24, 60000.0})
      for (int64_t extent = 1; extent <= most + 1; ++extent) {
        // Half of a subnormal scale need not be a number in half precision.
        if (wished == 77 * 0x1p-24 && 2 * extent <= most + 1) continue;
        INFO(format_of(format).name << ", integers up to " << extent << " times " << wished);
        const auto scale = static_cast<float>(Float16(static_cast<float>(wished)));
        std::vector<float> x(32);
        for (float& value : x)
          value = scale * static_cast<float>(random.integer(-extent, std::min<int64_t>(extent, most)));
        x[5] = scale * static_cast<float>(-extent);
        const auto values = values_of(format, blocks_of(format, x, 32));
        for (size_t i = 0; i < x.size(); ++i) CHECK(values[i] == x[i]);
      }
}

TEST_CASE("encode: only ratios of importances matter, and columns of importance 0 matter little") {
  const std::vector<float> importance = fixture_importance();
  std::vector<float> larger = importance, some = importance, outliers = fixture_matrix("normal");
  for (float& w : larger) w *= 0x1p70f;
  for (size_t i = 9; i < some.size(); i += 64) some[i] = 0;
  for (size_t i = 9; i < outliers.size(); i += 64) outliers[i] = 10;
  const std::vector<float> x = fixture_matrix("heavy"), none(importance.size(), 0);
  for (const BlockType format : encoded_formats) {
    INFO(format_of(format).name);
    const auto blocks = [&](const std::vector<float>& w) {
      return blocks_of(format, x, fixture_cols, w.data());
    };
    CHECK((blocks(larger) == blocks(importance)));
    CHECK((blocks(none) == blocks(std::vector<float>(none.size(), 3))));
    const auto plain = values_of(format, blocks_of(format, outliers, fixture_cols));
    const auto weighted = values_of(format, blocks_of(format, outliers, fixture_cols, some.data()));
    CHECK(error_of(outliers, weighted, some) < error_of(outliers, plain, some));
  }
}

TEST_CASE("encode: an element's error is at most about half a step") {
  for (const BlockType format : {BlockType::q8_0, BlockType::q5_0, BlockType::q4_0}) {
    const BlockFormat& f = format_of(format);
    INFO(f.name);
    const std::vector<float> x = fixture_matrix("normal");
    const auto blocks = blocks_of(format, x, fixture_cols);
    OpenBlock open;
    for (int64_t b = 0; b < std::ssize(x) / f.elements; ++b) {
      f.open(blocks.data() + b * f.bytes, open);
      const float step = std::abs(open.scale[0]);
      for (int i = 0; i < f.elements; ++i) {
        const float value = x[static_cast<size_t>(b * f.elements + i)];
        const bool clamped = open.q[i] == (format == BlockType::q8_0   ? 127
                                           : format == BlockType::q5_0 ? 15
                                                                       : 7) ||
                             open.q[i] == (format == BlockType::q8_0   ? -128
                                           : format == BlockType::q5_0 ? -16
                                                                       : -8);
        const float error = std::abs(value - open.scale[0] * static_cast<float>(open.q[i]));
        if (!clamped) CHECK(error <= 0.5001f * step);
        if (clamped) CHECK(error <= 2.0f * step);
      }
    }
  }
}

TEST_CASE("encode: zeros, tiny and huge values give finite blocks") {
  for (const BlockType format : encoded_formats) {
    INFO(format_of(format).name);
    for (const float size :
         {0.0f, 1e-44f, 1e-30f, 1e-7f, 65504.0f, 1e9f, 1e38f, std::numeric_limits<float>::max()}) {
      INFO(size);
      std::vector<float> x = fixture_matrix("normal");
      for (float& value : x) value = std::clamp(value, -1.0f, 1.0f) * size;
      for (const float value : values_of(format, blocks_of(format, x, fixture_cols)))
        REQUIRE(std::isfinite(value));
    }
  }
}

TEST_CASE("encode: equal elements, and those of one sign") {
  for (const BlockType format : encoded_formats) {
    INFO(format_of(format).name);
    for (const float value : {-3.0f, 0.02f, 1.0f})
      for (const float other : values_of(format, blocks_of(format, std::vector<float>(256, value), 256)))
        CHECK(std::abs(other - value) <= 0.01f * std::abs(value));
    std::vector<float> huge(256, 1);
    huge[3] = -std::numeric_limits<float>::max();
    CHECK(values_of(format, blocks_of(format, huge, 256))[3] <= -65504 * 7);
  }
}

TEST_CASE("encode: formats without an encoder are refused") {
  for (const BlockType format : {BlockType::q4_1, BlockType::q5_1, BlockType::q2_k, BlockType::q3_k})
    CHECK_THROWS_WITH(blocks_of(format, std::vector<float>(256, 1), 256), Catch::Contains("no kernel"));
}

TEST_CASE("encode: threads write the same bytes") {
  const std::vector<float> x = fixture_matrix("heavy"), importance = fixture_importance();
  for (const BlockType format : encoded_formats) {
    INFO(format_of(format).name);
    const auto blocks = blocks_of(format, x, fixture_cols, importance.data(), 1);
    for (const int threads : {2, 3, 4})
      CHECK((blocks_of(format, x, fixture_cols, importance.data(), threads) == blocks));
  }
}

}  // namespace hewn
