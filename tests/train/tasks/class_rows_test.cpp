// Tables as texts with labels: their division, what is wrong with them, and what a classifier trains on.

#include "train/tasks/class_rows.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/model/marked_bytes.h"
#include "tests/support/close.h"
#include "tests/train/tiny.h"
#include "train/tasks/classifier.h"

namespace hewn {
namespace {

/// Files for one test.
struct Files {
  test::TempDir dir;
  std::string file(const std::string& name, const std::string& content) const {
    std::filesystem::remove(dir / name);  // rows of an earlier test may still be mapped
    test::write_file(dir / name, content);
    return (dir / name).string();
  }
  ClassData open(const std::string& content, ClassDataOptions options = {}) const {
    options.data = file("data.csv", content);
    return open_class_data(options);
  }
};

std::string rows_with(const std::vector<std::pair<std::string, int>>& counts) {
  std::string content = "label,text\n";
  for (const auto& [label, count] : counts)
    for (int i = 0; i < count; ++i) content += label + "," + label + " text " + std::to_string(i) + "\n";
  return content;
}

std::map<int32_t, int> count_labels(const std::vector<ClassRow>& rows) {
  std::map<int32_t, int> counts;
  for (const ClassRow& row : rows) ++counts[row.label];
  return counts;
}

using Labels = std::map<int32_t, int>;

}  // namespace

TEST_CASE("class rows: each part has its share of every label", "[classify]") {
  const Files files;
  const ClassData data = files.open(rows_with({{"spam", 20}, {"ham", 100}}));
  CHECK(data.labels == std::vector<std::string>{"ham", "spam"});
  CHECK(count_labels(data.train) == Labels{{0, 70}, {1, 14}});
  CHECK(count_labels(data.val) == Labels{{0, 10}, {1, 2}});
  CHECK(count_labels(data.test) == Labels{{0, 20}, {1, 4}});
  std::map<std::string_view, int> seen;
  for (const auto* rows : {&data.train, &data.val, &data.test})
    for (const ClassRow& row : *rows) {
      ++seen[row.text];
      CHECK(row.text.starts_with(data.labels[static_cast<size_t>(row.label)]));
    }
  CHECK(seen.size() == 120);
  CHECK(data.hash == files.open(rows_with({{"spam", 20}, {"ham", 100}})).hash);
  CHECK(data.hash != files.open(rows_with({{"spam", 20}, {"ham", 100}}), {.data = "", .seed = 2}).hash);
  CHECK(data.hash != files.open(rows_with({{"spam", 21}, {"ham", 100}})).hash);
}

TEST_CASE("class rows: labels have the order that is given, and files of their own for validation and test",
          "[classify]") {
  const Files files;
  ClassDataOptions options{.data = "", .labels = {"spam", "ham"}};
  options.test = files.file("test.csv", rows_with({{"ham", 3}}));
  ClassData data = files.open(rows_with({{"ham", 10}, {"spam", 10}}), options);
  CHECK(data.labels == std::vector<std::string>{"spam", "ham"});
  CHECK(count_labels(data.test) == Labels{{1, 3}});
  CHECK(count_labels(data.train) == Labels{{0, 9}, {1, 9}});
  options.val = files.file("val.csv", rows_with({{"spam", 2}}));
  data = files.open(rows_with({{"ham", 10}, {"spam", 10}}), options);
  CHECK(count_labels(data.train) == Labels{{0, 10}, {1, 10}});
  CHECK(count_labels(data.val) == Labels{{0, 2}});
}

TEST_CASE("class rows: a text is on one side only, unless the run divided its rows independently",
          "[classify]") {
  const Files files;
  const std::string once = rows_with({{"ham", 40}, {"spam", 20}}).substr(std::string("label,text\n").size());
  const std::string twice = "label,text\n" + once + once + "spam,ham text 3\n";
  const auto in_common = [](const std::vector<ClassRow>& one, const std::vector<ClassRow>& other) {
    return std::count_if(one.begin(), one.end(), [&](const ClassRow& row) {
      return std::any_of(other.begin(), other.end(), [&](const ClassRow& o) { return o.text == row.text; });
    });
  };
  const ClassData data = files.open(twice);
  CHECK(in_common(data.test, data.train) + in_common(data.val, data.train) + in_common(data.test, data.val) ==
        0);
  CHECK(std::abs(std::ssize(data.test) - 24) <= 1);
  CHECK(std::abs(std::ssize(data.val) - 12) <= 1);
  REQUIRE(data.notes.size() == 1);
  CHECK(data.notes[0].starts_with("61 rows repeat the text of another row; "));
  const ClassData apart = files.open(twice, {.data = "", .split_version = rows_apart});
  CHECK(apart.hash != data.hash);
  const auto known = in_common(apart.test, apart.train);
  CHECK(known > 0);
  CHECK(apart.notes.back().starts_with(join(known, " of 24 test rows have the same text as a training row")));

  const std::string others =
      files.file("test.csv", "label,text\nham,ham text 1\nham,new\nspam,spam text 2\n");
  const ClassData with = files.open("label,text\n" + once, {.data = "", .val = others, .test = others});
  CHECK(with.test.size() == 3);  // as they are
  REQUIRE(with.notes.size() == 2);
  CHECK(with.notes[0].starts_with("2 of 3 validation rows have the same text as a training row"));
  CHECK(with.notes[1].starts_with("2 of 3 test rows have the same text"));
}

TEST_CASE("class rows: mistakes are reported with file, line and what was expected", "[classify]") {
  const Files files;
  const auto opens = [&](const std::string& content, const ClassDataOptions& options = {}) {
    return [&files, content, options] { files.open(content, options); };
  };
  CHECK_ERROR(opens("text,label\na,x\nb,x\n")(), ErrorCode::input, "every row has the label \"x\"");
  CHECK_ERROR(opens("text,label\na,x\nb,\n")(), ErrorCode::input, "line 3");
  CHECK_ERROR(opens("text,label\na,x\nb,\n")(), ErrorCode::input, "the label is empty");
  CHECK_ERROR(opens(rows_with({{"a", 2}, {"b", 2}}), {.data = "", .labels = {"a", "c"}})(), ErrorCode::input,
              "line 4");
  CHECK_ERROR(opens(rows_with({{"a", 2}, {"b", 2}}), {.data = "", .labels = {"a", "c"}})(), ErrorCode::input,
              "the label is \"b\"; expected \"a\" or \"c\"");
  CHECK_ERROR(opens(rows_with({{"a", 2}, {"b", 2}}), {.data = "", .labels = {"a", "b", "c"}})(),
              ErrorCode::input, "no training row has the label \"c\"");
  CHECK_ERROR(opens(rows_with({{"a", 2}}), {.data = "", .labels = {"a", "a"}})(), ErrorCode::usage, "twice");
  CHECK_ERROR(opens(rows_with({{"a", 2}}), {.data = "", .labels = {"a"}})(), ErrorCode::usage,
              "expected 2 to");
  CHECK_ERROR(opens(rows_with({{"a", 2}, {"b", 2}}), {.data = "", .label = "kind"})(), ErrorCode::usage,
              "kind");

  CHECK_ERROR(opens(rows_with({{"a", 2}, {"b", 2}}), {.data = "", .text = "2", .label = "text"})(),
              ErrorCode::usage, "are the same column");

  ClassDataOptions unseen;
  unseen.test = files.file("test.csv", "label,text\na,fine\neggs,not\n");
  CHECK_ERROR(opens(rows_with({{"a", 4}, {"b", 4}}), unseen)(), ErrorCode::input, "test.csv, line 3");
  CHECK_ERROR(opens(rows_with({{"a", 4}, {"b", 4}}), unseen)(), ErrorCode::input, "the label is \"eggs\"");

  std::string many = "label,text\n";
  for (int i = 0; i < 1001; ++i) many += "label" + std::to_string(i) + ",text\n";
  CHECK_ERROR(opens(many)(), ErrorCode::input, "more than 1000 different labels");
}

TEST_CASE("class rows: a label with a single row is learned and mentioned", "[classify]") {
  const Files files;
  const ClassData data = files.open(rows_with({{"common", 30}, {"rare", 1}}));
  CHECK(count_labels(data.train).at(1) == 1);
  REQUIRE(data.notes.size() == 1);
  CHECK(data.notes[0] == "the label \"rare\" has a single row, which is used for training");
}

TEST_CASE("class rows: texts lose their beginning beyond max_length, and none is without a token",
          "[classify]") {
  const auto bytes = train_tokenizer("byte", "x");
  const TextReader reader(TextEncoder(*bytes), 4);
  const auto exact = reader.read("abcd"), longer = reader.read("xyzabcd"), nothing = reader.read("");
  CHECK(exact.tokens == bytes->encode("abcd"));
  CHECK_FALSE(exact.cut);
  CHECK(longer.tokens == exact.tokens);
  CHECK(longer.cut);
  CHECK(nothing.tokens.size() == 1);
  CHECK(nothing.empty);

  const test::MarkedBytes marked({"</s>", "<s>"}, 257);  // ends and begins texts
  const TextReader marking(TextEncoder(marked), 4);
  CHECK(marking.read("abc").tokens == std::vector<int32_t>{257, 'a', 'b', 'c'});
  CHECK_FALSE(marking.read("abc").cut);
  CHECK(marking.read("abcd").tokens == std::vector<int32_t>{257, 'b', 'c', 'd'});
  CHECK(marking.read("abcd").cut);
  CHECK(marking.read("").tokens == std::vector<int32_t>{257, 256});

  const auto few = train_tokenizer("char", "abc \n");
  const Files files;
  const ClassData data =
      files.open("label,text\nx,abc\ny,cab\nx,a z\ny,b\n", {.data = "", .split = "100/0/0"});
  CHECK_ERROR(encode_rows(data.train, TextReader(TextEncoder(*few), 10)), ErrorCode::input,
              "data.csv, line 4");
  const std::string mega(1 << 20, 'a');
  const ClassData large =
      files.open("label,text\nx,abc\ny," + mega + "\nx,\ny,b\n", {.data = "", .split = "100/0/0"});
  const EncodedRows encoded = encode_rows(large.train, TextReader(TextEncoder(*few), 10));
  CHECK(encoded.cut == 1);
  CHECK(encoded.empty == 1);
  CHECK(encoded.longest == 10);
}

TEST_CASE("class rows: rarer labels weigh more, or occur more often", "[classify]") {
  std::vector<LabelledText> texts;
  for (int32_t i = 0; i < 9; ++i) texts.push_back({{i, 1}, i < 7 ? 0 : 1});
  const auto plain = training_rows(texts, 2, Balance::none, 1),
             weighted = training_rows(texts, 2, Balance::weight, 1),
             sampled = training_rows(texts, 2, Balance::sample, 1);
  CHECK(plain.size() == 9);
  CHECK(weighted.size() == 9);
  CHECK(sampled.size() == 14);
  double sum[2] = {0, 0};
  for (const TrainingRow& row : weighted) {
    CHECK(row.targets.front() == ignored_target);
    sum[row.targets.back()] += row.weight;
  }
  CHECK(std::abs(sum[0] - 4.5) < 1e-12);
  CHECK(std::abs(sum[1] - 4.5) < 1e-12);
  std::map<int32_t, int> times;
  for (const TrainingRow& row : sampled) ++times[row.tokens[0]];
  for (int32_t i = 0; i < 7; ++i) CHECK(times[i] == 1);
  CHECK(times[7] + times[8] == 7);
  CHECK(std::abs(times[7] - times[8]) == 1);
}

TEST_CASE("classifier: texts of mixed lengths train the same in every division into micro-batches",
          "[classify]") {
  test::Random random("micro-batches");
  ModelConfig config = test::tiny_model();
  config.n_labels = 3;
  config.position = LabelPosition::mean;
  std::vector<LabelledText> texts;
  for (int32_t i = 0; i < 9; ++i) {
    texts.push_back({{}, i % 3});
    for (int64_t n = random.integer(1, 8); n > 0; --n)
      texts.back().tokens.push_back(static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));
  }
  for (const Balance balance : {Balance::none, Balance::weight}) {
    texts.back().label = 0;  // so that the labels have different weights
    const std::vector<TrainingRow> rows = training_rows(texts, 3, balance, 1);
    const OptimizerConfig sgd{.kind = OptimizerKind::sgd, .grad_clip = 0};
    const ScheduleConfig steady{.kind = ScheduleKind::constant, .learning_rate = 0.1, .warmup_iters = 0};
    std::vector<std::pair<StepResult, std::vector<double>>> results;
    for (const int64_t size : {1, 2, 4, 9}) {
      const auto model = make_model(config, cpu(), DType::f64, 7);
      Trainer trainer(*model, sgd, steady, 1);
      const RowBatches batches(rows, size, 1);
      std::vector<Batch> parts(static_cast<size_t>(batches.batch_count()));
      for (size_t m = 0; m < parts.size(); ++m) batches.fill(static_cast<int64_t>(m), parts[m]);
      const StepResult step = trainer.step(parts);
      std::vector<double> values;
      for (const Parameter& p : model->parameters().all())
        for (const double value : p.value.doubles()) values.push_back(value);
      results.emplace_back(step, values);
    }
    for (const auto& [step, values] : results) {
      CHECK(std::abs(step.loss - results[0].first.loss) < 1e-12);
      CHECK(std::abs(step.grad_norm - results[0].first.grad_norm) < 1e-12);
      CHECK(test::close_by_norm(values, results[0].second, 1e-12));
    }
  }
}

TEST_CASE("classifier: texts have the same label alone and among others, and scores add up", "[classify]") {
  test::Random random("texts");
  ModelConfig config = test::tiny_model();
  config.n_labels = 3;
  const auto model = make_model(config, cpu(), DType::f64, 3);
  for (Parameter& p : model->parameters().all())
    p.value.upload(random.normals<double>(p.shape.numel(), 0.5).data());
  std::vector<std::vector<int32_t>> texts;
  std::vector<LabelledText> labelled;
  for (int i = 0; i < 20; ++i) {
    texts.emplace_back();
    for (int64_t n = random.integer(1, 8); n > 0; --n)
      texts.back().push_back(static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));
    labelled.push_back({texts.back(), static_cast<int32_t>(i % 3)});
  }
  const auto together = label_log_probabilities(*model, texts);
  double loss = 0;
  int64_t hits = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto alone = label_log_probabilities(*model, std::span(texts).subspan(i, 1));
    CHECK(test::close_by_norm(together[i], alone[0], 1e-12));
    double sum = 0;
    for (const double value : together[i]) sum += std::exp(value);
    CHECK(std::abs(sum - 1) < 1e-12);
    loss -= alone[0][i % 3] / 20;
    hits += likeliest(alone[0]) == static_cast<int32_t>(i % 3);
  }
  const ClassifierScore score = score_classifier(*model, labelled);
  CHECK(std::abs(score.loss - loss) < 1e-12);
  CHECK(score.counts.hits() == hits);
  CHECK(likeliest(std::vector<double>{0.4, 0.4, 0.2}) == 0);
}

TEST_CASE("classifier: many texts are computed in several parts, between which it stops", "[classify]") {
  ModelConfig config = test::tiny_model();
  config.n_labels = 3;
  const auto model = make_model(config, cpu(), DType::f64, 3);
  const std::vector<std::vector<int32_t>> texts(100, {1, 2, 3, 4, 5, 6, 7, 8});
  int asked = 0;
  const auto all = label_log_probabilities(*model, texts, [&] { return ++asked == 0; });
  CHECK(asked > 1);
  REQUIRE(all.size() == 100);
  for (const auto& one : all) CHECK(test::close_by_norm(one, all[0], 1e-12));
  asked = 0;
  CHECK(label_log_probabilities(*model, texts, [&] { return ++asked == 2; }).empty());
  CHECK(asked == 2);
  const std::vector<LabelledText> labelled{{texts[0], 1}};
  CHECK(!score_classifier(*model, labelled, [] { return true; }));
  CHECK(score_classifier(*model, labelled, [] { return false; })->loss == Approx(-all[0][1]));
}

}  // namespace hewn
