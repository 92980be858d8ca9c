// Scores of classifiers against numbers computed by hand, and against scikit-learn where it is installed.

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/close.h"
#include "tests/support/process.h"
#include "tests/train/tiny.h"
#include "train/scores/classes/confusion.h"
#include "train/scores/classes/minimize.h"
#include "train/scores/classes/word_counts.h"

namespace hewn {
namespace {

bool close(double got, double want, double tolerance) { return std::abs(got - want) <= tolerance; }

/// The bag of words trained on these texts.
WordCounts trained(const std::vector<std::string>& texts, const std::vector<int32_t>& labels,
                   int32_t n_labels, const WordCounts::Options& options = {}) {
  return {std::vector<std::string_view>(texts.begin(), texts.end()), labels, n_labels, options};
}

}  // namespace

// Wilson's formula worked out by hand: z^2 = 3.8414588.
//   8 of 10: (0.8 + 0.19207294 +- 1.959964 sqrt(0.016 + 0.0096036470)) / 1.38414588 = (0.99207294 +- 0.31361382) / ...
TEST_CASE("intervals of proportions are Wilson's", "[scores]") {
  const Bounds some = wilson_interval(8, 10);
  CHECK(close(some.low, 0.4901625, 1e-6));
  CHECK(close(some.high, 0.9433178, 1e-6));
  const Bounds all = wilson_interval(10, 10), none = wilson_interval(0, 10);
  CHECK(all.high == 1);
  CHECK(close(all.low, 1 / (1 + 3.8414588 / 10), 1e-6));
  CHECK(none.low == 0);
  CHECK(close(none.high, 1 - all.low, 1e-12));
  CHECK(wilson_interval(0, 0).low == 0);
  CHECK(wilson_interval(0, 0).high == 1);
}

//              predicted  a  b  c
//   true a                2  1  0      precision 2/3, recall 2/3, F1 2/3
//   true b                1  3  0      precision 3/5, recall 3/4, F1 2/3
//   true c                0  1  0      precision 0,   recall 0,   F1 0
TEST_CASE("accuracy, precision, recall and F1 are those computed by hand", "[scores]") {
  Confusion counts(4);
  const std::vector<std::pair<size_t, size_t>> rows{{0, 0}, {0, 0}, {0, 1}, {1, 0},
                                                    {1, 1}, {1, 1}, {1, 1}, {2, 1}};
  for (const auto& [truth, predicted] : rows) counts.add(truth, predicted);
  CHECK(counts.rows() == 8);
  CHECK(counts.hits() == 5);
  CHECK(counts.accuracy() == 5.0 / 8);
  CHECK(counts.count(0, 1) == 1);
  const ClassScore a = counts.score(0), b = counts.score(1), c = counts.score(2);
  CHECK(a.rows == 3);
  CHECK(a.predicted == 3);
  CHECK(close(a.precision, 2.0 / 3, 1e-15));
  CHECK(close(a.recall, 2.0 / 3, 1e-15));
  CHECK(close(a.f1, 2.0 / 3, 1e-15));
  CHECK(close(b.precision, 3.0 / 5, 1e-15));
  CHECK(close(b.recall, 3.0 / 4, 1e-15));
  CHECK(close(b.f1, 2.0 / 3, 1e-15));
  CHECK(c.precision == 0);
  CHECK(c.recall == 0);
  CHECK(c.f1 == 0);
  // The fourth label occurs nowhere and does not count.
  CHECK(close(counts.macro_f1(), (2.0 / 3 + 2.0 / 3) / 3, 1e-15));
  CHECK(Confusion(2).accuracy() == 0);
  CHECK(Confusion(2).macro_f1() == 0);
  CHECK_ERROR(counts.add(4, 0), ErrorCode::usage, "expected numbers below 4");
  CHECK_ERROR(counts.add(0, 4), ErrorCode::usage, "labels 0 and 4");
}

TEST_CASE("words are runs of letters and numbers, in lower case", "[scores]") {
  CHECK(words_of("Hello, WORLD! it's 2-4") ==
        std::vector<std::string>{"hello", "world", "it", "s", "2", "4"});
  CHECK(words_of("\xc3\x89t\xc3\xa9 \xd0\x9c\xd0\x98\xd0\xa0") ==
        std::vector<std::string>{"\xc3\xa9t\xc3\xa9", "\xd0\xbc\xd0\xb8\xd1\x80"});
  CHECK(words_of("a\xffz") == std::vector<std::string>{"a", "z"});
  CHECK(words_of(" .. ").empty());
}

TEST_CASE("the minimiser finds the minimum of a narrow valley", "[scores]") {
  std::vector<double> x{-1.2, 1};  // Rosenbrock's function, with its minimum at (1, 1)
  const auto rosenbrock = [](const std::vector<double>& at, std::vector<double>& gradient) {
    const double a = 1 - at[0], b = at[1] - at[0] * at[0];
    gradient = {-2 * a - 400 * at[0] * b, 200 * b};
    return a * a + 100 * b * b;
  };
  const int64_t iterations = minimize(x, rosenbrock, 1e-9, 200);
  CHECK(iterations < 100);
  CHECK(close(x[0], 1, 1e-7));
  CHECK(close(x[1], 1, 1e-7));
  x = {-1.2, 1};
  CHECK(minimize(x, rosenbrock, 1e-9, 3) == 3);
  std::vector<double> gradient;
  CHECK(rosenbrock(x, gradient) < rosenbrock({-1.2, 1}, gradient));
}

TEST_CASE("the minimiser ends where there is no minimum to find", "[scores]") {
  const auto line = [](double slope, double stated) {
    return [=](const std::vector<double>& at, std::vector<double>& gradient) {
      gradient = {stated};
      return slope * at[0];
    };
  };
  std::vector<double> x{0};
  CHECK(minimize(x, line(1, -1), 1e-9, 20) == 0);  // it rises where its gradient says that it falls
  CHECK(x[0] == 0);
  CHECK(minimize(x, line(-1, -1), 1e-9, 2) == 2);  // without end
  CHECK(x[0] > 1e18);
}

// One word, once in each text of label 0 and never in those of label 1; c = 1, two texts each. By symmetry the
// weights are w and -w, the biases b and -b. At the minimum each derivative is zero:
//   2 (p - 1) + w = 0 with p = P(0 | word), for the weight;  (p - 1) + q = 0 with q = P(0 | no word), for the bias.
TEST_CASE("the weights of a bag of words satisfy the conditions of the minimum", "[scores]") {
  const WordCounts model = trained({"yes", "yes", "", ""}, {0, 0, 1, 1}, 2);
  const double p = model.probabilities("yes")[0], q = model.probabilities("no such word")[0];
  CHECK(close(p + q, 1, 1e-6));
  const double bias = 0.5 * std::log(q / (1 - q)), weight = 0.5 * std::log(p / (1 - p)) - bias;
  CHECK(close(2 * (1 - p), weight, 1e-5));
  CHECK(model.label("Yes!") == 0);
  CHECK(model.label("") == 1);
  CHECK(model.words() == 1);
}

TEST_CASE("a bag of words is the same each time, and keeps the most frequent words", "[scores]") {
  test::Random random("bag of words");
  std::vector<std::string> texts;
  std::vector<int32_t> labels;
  for (int i = 0; i < 60; ++i) {
    const auto label = static_cast<int32_t>(random.integer(0, 2));
    std::string text;
    for (int w = 0; w < 8; ++w) text += "w" + std::to_string(random.integer(0, 9) + 5 * label) + " ";
    texts.push_back(text);
    labels.push_back(label);
  }
  const WordCounts one = trained(texts, labels, 3), other = trained(texts, labels, 3);
  int right = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    CHECK(one.probabilities(texts[i]) == other.probabilities(texts[i]));
    right += one.label(texts[i]) == labels[i];
  }
  CHECK(right > 50);
  CHECK(trained(texts, labels, 3, {.most_weights = 12}).words() == 4);
  CHECK_ERROR(trained(texts, labels, 2), ErrorCode::usage, "expected 0 to 1");
  CHECK_ERROR(trained({"a"}, {-1}, 2), ErrorCode::usage, "label -1; expected 0 to 1");
  CHECK_ERROR(trained({}, {}, 2), ErrorCode::usage, "at least one");
  CHECK_ERROR(trained({"a", "b"}, {0}, 2), ErrorCode::usage, "2 texts with 1 labels");
  CHECK_ERROR(trained({"a"}, {0}, 1), ErrorCode::usage, "at least two labels");
}

TEST_CASE("scores and the bag of words are scikit-learn's", "[scores]") {
  const auto present = test::run_program({"python3", "-c", "import sklearn"});
  if (present.exit_code != 0) return test::skip("scikit-learn is not installed");
  test::Random random("scikit-learn");
  std::vector<std::string> texts;
  std::vector<int32_t> labels, predicted;
  nlohmann::json input;
  for (int i = 0; i < 90; ++i) {
    labels.push_back(static_cast<int32_t>(random.integer(0, 2)));
    std::string text;
    for (int w = 0; w < 6; ++w) text += "w" + std::to_string(random.integer(0, 11) + 3 * labels.back()) + " ";
    texts.push_back(text);
  }
  const WordCounts model = trained(texts, labels, 3);
  Confusion counts(3);
  for (size_t i = 0; i < texts.size(); ++i) {
    predicted.push_back(static_cast<int32_t>(random.integer(0, 2)));
    counts.add(static_cast<size_t>(labels[i]), static_cast<size_t>(predicted[i]));
  }
  const test::TempDir dir;
  test::write_file(dir / "in.json",
                   nlohmann::json{{"texts", texts}, {"labels", labels}, {"predicted", predicted}}.dump());
  const auto result = test::run_program({"python3", "-c", R"(
import json, sys
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
d = json.load(open(sys.argv[1]))
x = CountVectorizer(token_pattern=r'\w+').fit_transform(d['texts'])
p = LogisticRegression(C=1, tol=1e-9, max_iter=5000).fit(x, d['labels']).predict_proba(x)
s = precision_recall_fscore_support(d['labels'], d['predicted'], zero_division=0)
print(json.dumps({'p': p.tolist(), 'accuracy': accuracy_score(d['labels'], d['predicted']),
  'f1': f1_score(d['labels'], d['predicted'], average='macro'), 'classes': [v.tolist() for v in s[:3]]}))
)",
                                         (dir / "in.json").string()});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const auto theirs = nlohmann::json::parse(result.out);
  for (size_t i = 0; i < texts.size(); ++i)
    CHECK(
        test::close_by_norm(model.probabilities(texts[i]), theirs["p"][i].get<std::vector<double>>(), 1e-4));
  CHECK(close(counts.accuracy(), theirs["accuracy"].get<double>(), 1e-12));
  CHECK(close(counts.macro_f1(), theirs["f1"].get<double>(), 1e-12));
  for (size_t k = 0; k < 3; ++k) {
    CHECK(close(counts.score(k).precision, theirs["classes"][0][k].get<double>(), 1e-12));
    CHECK(close(counts.score(k).recall, theirs["classes"][1][k].get<double>(), 1e-12));
    CHECK(close(counts.score(k).f1, theirs["classes"][2][k].get<double>(), 1e-12));
  }
}

}  // namespace hewn
