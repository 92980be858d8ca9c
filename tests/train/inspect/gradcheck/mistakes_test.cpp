// What wrong gradients are said to look like.

#include "train/inspect/gradcheck/mistakes.h"

#include <cmath>
#include <functional>
#include <numeric>

#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

constexpr int64_t rows = 4, columns = 6;

/// A gradient [4, 6] that is measured everywhere; `tape(measured, row, column)` is the tape's. The values of the tensor
/// are positive where row + column is even.
WrongGradient gradient(const std::function<double(double, int64_t, int64_t)>& tape) {
  Random random("mistakes");
  WrongGradient wrong{.shape = {rows, columns}, .value = {}, .tape = {}, .entries = {}, .measured = {}};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      wrong.value.push_back(((i + j) % 2 == 0 ? 1 : -1) * random.uniform(1, 2));
      wrong.measured.push_back(random.uniform(1, 2));
      wrong.tape.push_back(tape(wrong.measured.back(), i, j));
    }
  wrong.entries.resize(wrong.tape.size());
  std::iota(wrong.entries.begin(), wrong.entries.end(), int64_t{0});
  return wrong;
}

std::string said_of(const WrongGradient& wrong) { return mistake_in(wrong, 1e-12); }

std::string said_of_factor(double factor, const std::vector<NamedFactor>& numbers = {}) {
  WrongGradient wrong = gradient([&](double measured, int64_t, int64_t) { return factor * measured; });
  wrong.numbers = numbers;
  return said_of(wrong);
}

}  // namespace

TEST_CASE("mistakes: a factor is named, as a number if it is none of the model's", "[gradcheck]") {
  const std::vector<NamedFactor> numbers{{"the head size D", 8}, {"the batch size B", 7}};
  CHECK(said_of_factor(1.0 / 8, numbers) ==
        "the tape has 1/8 of the measured slope in every entry: a factor of 8 (the head size D) is missing");
  CHECK_THAT(said_of_factor(std::sqrt(7), numbers),
             Catch::EndsWith("a division by the square root of 7 (the batch size B) is missing"));
  CHECK_THAT(said_of_factor(-3, numbers),
             Catch::StartsWith("the tape has minus 3") && Catch::EndsWith("a division by 3 is missing"));
  CHECK_THAT(said_of_factor(0.4, numbers),
             Catch::StartsWith("the tape has 0.4") && Catch::EndsWith("a factor of 2.5 is missing"));
  CHECK(said_of_factor(-1) == "the sign is wrong");
  CHECK(said_of_factor(0) == "the tape has no gradient there");
}

TEST_CASE("mistakes: all numbers are named that a factor may be", "[gradcheck]") {
  CHECK_THAT(
      said_of_factor(1.0 / 8, {{"the heads H", 1}, {"the head size D", 8}, {"the width C", 64}}),
      Catch::EndsWith("a factor of 8 (the head size D, or the square root of 64, the width C) is missing"));
  CHECK_THAT(said_of_factor(8, {{"the head size D", 8}, {"the length T", 8}}),
             Catch::EndsWith("a division by 8 (the head size D or the length T) is missing"));
}

TEST_CASE("mistakes: a gradient that is no multiple of the slopes at all has no factor", "[gradcheck]") {
  WrongGradient wrong =
      gradient([](double, int64_t row, int64_t column) { return (row + column) % 2 == 0 ? 1 : -1; });
  wrong.measured.assign(wrong.measured.size(), 1);
  CHECK(said_of(wrong) == "it is right where the value is positive, and wrong elsewhere");
}

TEST_CASE("mistakes: a single number is off by less than 1%", "[gradcheck]") {
  const WrongGradient wrong{.shape = {}, .value = {1}, .tape = {2.002}, .entries = {0}, .measured = {2}};
  CHECK_THAT(said_of(wrong), Catch::StartsWith("it is off by less than 1%"));
}

TEST_CASE("mistakes: rows whose mean is not taken out", "[gradcheck]") {
  CHECK(said_of(gradient([](double measured, int64_t row, int64_t) {
          return measured + static_cast<double>(row + 1);
        })) == "the mean over each row is not taken out");
}

TEST_CASE("mistakes: nothing is said of entries that are all right", "[gradcheck]") {
  CHECK(said_of(gradient([](double measured, int64_t, int64_t) { return measured; })) == "");
}

TEST_CASE("mistakes: what replaced an earlier contribution is named", "[gradcheck]") {
  WrongGradient wrong = gradient([](double measured, int64_t row, int64_t column) {
    return measured - static_cast<double>(row * column * column);
  });
  CHECK(said_of(wrong) == "");
  std::vector<double> missing;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      missing.push_back(static_cast<double>(row * column * column));
  wrong.earlier = {{"#3 add", {}}, {"#2 linear", missing}};
  CHECK(said_of(wrong) == "#2 linear replaced what had arrived before instead of adding to it");
}

TEST_CASE("mistakes: one of several rows of dy is told from the only one", "[gradcheck]") {
  WrongGradient wrong = gradient([](double measured, int64_t row, int64_t column) {
    return measured + static_cast<double>(1 + row * column * column);
  });
  wrong.shape = {rows * columns};
  wrong.output_grad = wrong.tape;
  CHECK(said_of(wrong) == "");
  wrong.output_grad.insert(wrong.output_grad.begin(), wrong.tape.size(), 1.0);
  CHECK(said_of(wrong) == "it is row 1 of dy only: the sum over the rows is missing");
}

TEST_CASE("mistakes: slopes that are zero", "[gradcheck]") {
  WrongGradient wrong = gradient([](double measured, int64_t, int64_t) { return measured; });
  wrong.measured.assign(wrong.measured.size(), 0);
  CHECK(said_of(wrong) == "the measured slopes are zero, those of the tape are not");
  wrong.whose = "your function";
  CHECK(said_of(wrong) == "the measured slopes are zero, those of your function are not");
}

TEST_CASE("mistakes: columns that alone are wrong, and what is wrong with them", "[gradcheck]") {
  const auto in_two = [](double factor) {
    return
        [=](double measured, int64_t, int64_t column) { return column < 4 ? measured : factor * measured; };
  };
  CHECK_THAT(said_of(gradient(in_two(2))),
             Catch::StartsWith("it is wrong only in columns 4 to 5: the tape has 2") &&
                 Catch::EndsWith("a division by 2 is missing"));
  CHECK(said_of(gradient(in_two(-1))) == "it is wrong only in columns 4 to 5: the sign is wrong");
  CHECK(said_of(gradient(in_two(0))) == "it is wrong only in columns 4 to 5: the tape has no gradient there");
  const auto without_rule = [](double measured, int64_t row, int64_t column) {
    return column < 4 ? measured : measured + static_cast<double>((row + 1) * (2 * column - 9));
  };
  CHECK(said_of(gradient(without_rule)) == "it is wrong only in columns 4 to 5");
}

TEST_CASE("mistakes: values of one sign that alone are wrong", "[gradcheck]") {
  const auto where_even = [](bool wrong_if) {
    return [=](double measured, int64_t row, int64_t column) {
      return ((row + column) % 2 == 0) == wrong_if ? measured * static_cast<double>(2 + row * column)
                                                   : measured;
    };
  };
  CHECK(said_of(gradient(where_even(false))) ==
        "it is right where the value is positive, and wrong elsewhere");
  CHECK(said_of(gradient(where_even(true))) ==
        "it is wrong where the value is positive, and right elsewhere");
  // A pattern that has no name.
  const auto corners = [](double measured, int64_t row, int64_t column) {
    return row % 3 == 0 && column % 5 == 0 ? 3 * measured + static_cast<double>(row) : measured;
  };
  CHECK(said_of(gradient(corners)) == "");
}

}  // namespace hewn::test
