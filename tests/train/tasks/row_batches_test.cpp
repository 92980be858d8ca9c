// Batches of rows: padding, order, and what they depend on.

#include "train/tasks/row_batches.h"

#include <algorithm>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"
#include "tests/train/tiny.h"

namespace hewn {
namespace {

using test::fails;

std::vector<TrainingRow> rows_of_lengths(const std::vector<int64_t>& lengths) {
  std::vector<TrainingRow> rows;
  for (const int64_t length : lengths) {
    TrainingRow row;
    for (int64_t i = 0; i < length; ++i) {
      row.tokens.push_back(static_cast<int32_t>(100 * rows.size() + static_cast<size_t>(i) + 1));
      row.targets.push_back(row.tokens.back() + 1);
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<int64_t> random_lengths(test::Random& random, int64_t n) {
  std::vector<int64_t> lengths;
  while (std::ssize(lengths) < n) lengths.push_back(random.integer(1, 90));
  return lengths;
}

}  // namespace

TEST_CASE("row batches: padded at the right to the longest row") {
  const auto rows = rows_of_lengths({3, 1, 2});
  Batch batch;
  fill_batch(rows, {2, 0}, batch);
  CHECK(batch.rows == 2);
  CHECK(batch.block_size == 3);
  CHECK(batch.tokens == std::vector<int32_t>{201, 202, 0, 1, 2, 3});
  CHECK(batch.targets == std::vector<int32_t>{202, 203, -100, 2, 3, 4});
  CHECK(batch.row_weights.empty());
  auto weighted = rows;
  weighted[1].weight = 2.5;
  fill_batch(weighted, {2, 1}, batch);
  CHECK(batch.row_weights == std::vector<double>{1, 2.5});
  fill_batch(weighted, {2, 0}, batch);
  CHECK(batch.row_weights.empty());
}

TEST_CASE("row batches: an epoch has every row once, in batches of like length") {
  test::Random random("row batches");
  for (const int64_t n : {1, 7, 64, 500, 1000}) {
    const auto rows = rows_of_lengths(random_lengths(random, n));
    const RowBatches batches(rows, 8, 5);
    CHECK(batches.batch_count() == (n + 7) / 8);
    int64_t padded = 0, tokens = 0;
    for (int64_t epoch = 0; epoch < 2; ++epoch) {
      std::multiset<int64_t> seen;
      for (int64_t i = 0; i < batches.batch_count(); ++i) {
        Batch batch;
        batches.fill(epoch * batches.batch_count() + i, batch);
        const auto numbers = batches.rows_of(epoch * batches.batch_count() + i);
        seen.insert(numbers.begin(), numbers.end());
        CHECK(batch.rows == std::ssize(numbers));
        padded += batch.rows * batch.block_size;
        tokens += batch.target_count();
      }
      CHECK(std::ssize(seen) == n);
      CHECK(std::set<int64_t>(seen.begin(), seen.end()).size() == static_cast<size_t>(n));
    }
    if (n == 1000) CHECK(static_cast<double>(padded) < 1.15 * static_cast<double>(tokens));
  }
}

TEST_CASE("row batches: rows of mixed lengths have the loss and gradients of rows by themselves") {
  test::Random random("row batches training");
  const ModelConfig config = test::tiny_model();
  const ScheduleConfig rate{.kind = ScheduleKind::constant, .learning_rate = 0.1, .warmup_iters = 0};
  const OptimizerConfig sgd{.kind = OptimizerKind::sgd, .grad_clip = 0};
  std::vector<TrainingRow> rows;
  for (int i = 0; i < 9; ++i) {
    TrainingRow row;
    for (int64_t t = random.integer(1, config.block_size); t > 0; --t) {
      row.tokens.push_back(static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));
      const bool masked = t > 1 && random.integer(0, 2) == 0;  // the last one counts
      row.targets.push_back(masked ? ignored_target
                                   : static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));
    }
    rows.push_back(row);
  }
  const auto trained = [&](int64_t rows_per_batch) {
    std::vector<Batch> batches;
    for (int64_t first = 0; first < std::ssize(rows); first += rows_per_batch) {
      std::vector<int64_t> numbers;
      for (int64_t i = first; i < std::min(first + rows_per_batch, std::ssize(rows)); ++i)
        numbers.push_back(i);
      fill_batch(rows, numbers, batches.emplace_back());
    }
    const auto model = make_model(config, cpu(), DType::f64, 7);
    Trainer trainer(*model, sgd, rate, 1);
    std::vector<double> results;
    for (int step = 0; step < 3; ++step) results.push_back(trainer.step(batches).loss);
    for (const Parameter& p : model->parameters().all())
      for (const double v : p.value.doubles()) results.push_back(v);
    return results;
  };
  const std::vector<double> one_by_one = trained(1);
  for (const int64_t rows_per_batch : {2, 4, 9})
    CHECK(test::close_by_norm(trained(rows_per_batch), one_by_one, 1e-12));
}

TEST_CASE("row batches: depend on rows, seed and number only") {
  test::Random random("row batches order");
  const auto rows = rows_of_lengths(random_lengths(random, 300));
  const RowBatches one(rows, 4, 5), same(rows, 4, 5), other(rows, 4, 6);
  Batch a, b;
  int64_t different = 0;
  for (const int64_t index : {200, 3, 74, 75, 0}) {
    one.fill(index, a);
    same.fill(index, b);
    CHECK(a.tokens == b.tokens);
    CHECK(a.targets == b.targets);
    different += one.rows_of(index) != other.rows_of(index);
  }
  CHECK(different > 0);
  CHECK(one.rows_of(0) != one.rows_of(one.batch_count()));  // another epoch, another order
}

TEST_CASE("row batches: by length, the longest first") {
  const RowBatches batches(rows_of_lengths({3, 1, 5, 5, 2}), 2, 0, RowBatches::Order::by_length);
  CHECK(batches.rows_of(0) == std::vector<int64_t>{2, 3});
  CHECK(batches.rows_of(1) == std::vector<int64_t>{0, 4});
  CHECK(batches.rows_of(2) == std::vector<int64_t>{1});
  CHECK(fails(ErrorCode::usage, {"batch 3 is out of range"}, [&] { batches.rows_of(3); }));
}

TEST_CASE("row batches: impossible requests are refused") {
  CHECK(fails(ErrorCode::usage, {"no rows"}, [] { RowBatches({}, 2, 0); }));
  CHECK(fails(ErrorCode::usage, {"batch_size is 0"}, [] { RowBatches(rows_of_lengths({2}), 0, 0); }));
  CHECK(fails(ErrorCode::usage, {"1 tokens and 0 targets"},
              [] { RowBatches({{.tokens = {1}, .targets = {}}}, 2, 0); }));
}

}  // namespace hewn
