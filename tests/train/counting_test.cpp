// Models that consist of counts: what is counted of a data set, and how good they get.

#include "train/counting.h"

#include "model/baselines/ngram.h"
#include "tests/train/tiny.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/eval.h"

namespace hewn {
namespace {

std::unique_ptr<Model> counted(const Dataset& data, int64_t order, int64_t block_size) {
  ModelConfig config{
      .arch = "ngram", .order = order, .vocab_size = data.vocab_size, .block_size = block_size};
  auto model = make_model(config, cpu(), DType::f64, 1, false);
  CHECK(count_training_data(*model, data) == data.train_tokens());
  return model;
}

Split split_of(std::vector<int32_t> ids, std::optional<int32_t> separator) {
  Split split;
  split.name = "test";
  split.tokens = Tokens(std::move(ids));
  split.separator = separator;
  split.find_documents();
  return split;
}

}  // namespace

TEST_CASE("counting: documents are sequences after a separator, other text is one sequence", "[ngram]") {
  Dataset data;
  data.vocab_size = 4;
  data.train.push_back(split_of({1, 2, 0, 1, 3, 0}, 0));
  const auto of_documents = counted(data, 3, 8);
  const auto& documents = dynamic_cast<const Ngram&>(*of_documents).counts();
  CHECK(documents.find(std::vector<int32_t>{0, 1}));
  CHECK_FALSE(documents.find(std::vector<int32_t>{2, 0, 1}));  // nothing reaches over the end of a document
  // 0 1 begins both documents, 1 2 and 1 3 follow one token each.
  CHECK(documents.level(2).counts[static_cast<size_t>(*documents.find(std::vector<int32_t>{0, 1}))] == 2);
  CHECK(documents.level(1).counts == std::vector<int32_t>{2, 1, 1, 1});

  data.train[0].separator.reset();
  const auto of_text = counted(data, 3, 8);
  CHECK(dynamic_cast<const Ngram&>(*of_text).counts().find(std::vector<int32_t>{2, 0}));
  CHECK(dynamic_cast<const Ngram&>(*of_text).counts().find(
      3, *dynamic_cast<const Ngram&>(*of_text).counts().find(std::vector<int32_t>{2, 0}), 1));
  CHECK(counting_bytes(of_text->config(), data) > 0);
  CHECK(counting_bytes(test::tiny_model(), data) == 0);
  const auto other = make_model(test::tiny_model(), cpu());
  CHECK(count_training_data(*other, data) == 0);
}

// The entropy of the tales is known exactly. Longer n-grams come closer to it: 3.04, 2.27, 1.46, 0.54 and 0.35 nats per
// character for these orders, the entropy of this text being 0.25.
TEST_CASE("counting: longer n-grams predict the tales better, and stay above their entropy", "[ngram]") {
  const Dataset data = open_dataset({.dataset = "tales", .tales = 2000});
  const int64_t block_size = data.longest_document();
  double previous = 10, floor = 0;
  for (const int64_t order : {1, 2, 3, 5, 9}) {
    const auto model = counted(data, order, block_size);
    const Evaluation result = evaluate(*model, data, {.block_size = block_size});
    INFO("order " << order << ": " << result.loss << " nats per character, the lower bound "
                  << *result.floor);
    CHECK(result.loss < previous - 0.15);
    CHECK(result.loss > *result.floor);
    previous = result.loss, floor = *result.floor;
  }
  CHECK(previous < floor + 0.15);
}

TEST_CASE("counting: a checkpoint holds the tables", "[ngram]") {
  const Dataset data = open_dataset({.dataset = "tales", .tales = 100});
  const auto model = counted(data, 4, data.longest_document());
  const test::TempDir dir;
  Trainer trainer(*model, {}, {}, 1);
  RunState state;
  state.seed = 1;
  const std::string path = save_checkpoint(dir.path().string(), state, trainer);
  CHECK(checkpoint_damage(path).empty());
  const auto opened = open_checkpoint(path, cpu(), DType::f64);
  const EvalOptions options{.block_size = data.longest_document()};
  CHECK(evaluate(*opened, data, options).loss == evaluate(*model, data, options).loss);
  auto again = make_model(model->config(), cpu(), DType::f64, 1);
  Trainer resumed(*again, {}, {}, 1);
  load_checkpoint(path, resumed);
  CHECK(evaluate(*again, data, options).loss == evaluate(*model, data, options).loss);
}

}  // namespace hewn
