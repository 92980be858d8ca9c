#include "model/baselines/ngram.h"

#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "kernels/devices/devices.h"
#include "model/generation/generate.h"
#include "model/weights/weights.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/random.h"
#include "tests/support/write_safetensors.h"

namespace hewn {
namespace {

using Gram = std::vector<int32_t>;

/// Interpolated Kneser-Ney smoothing as its authors write it, counted again for every question.
struct Naive {
  std::vector<Gram> sequences;
  size_t order;
  int32_t V;

  int count(const Gram& gram) const {
    std::set<int32_t> before;
    int occurrences = 0, beginnings = 0;
    for (const Gram& s : sequences)
      for (size_t i = 0; i + gram.size() <= s.size(); ++i) {
        if (!std::equal(gram.begin(), gram.end(), s.begin() + static_cast<std::ptrdiff_t>(i))) continue;
        if (i > 0) before.insert(s[i - 1]);
        if (gram.size() > 1 || i > 0) ++occurrences;
        if (gram.size() > 1 && i == 0) ++beginnings;
      }
    return gram.size() == order ? occurrences : static_cast<int>(before.size()) + beginnings;
  }

  void each(size_t length, const std::function<void(const Gram&)>& use, Gram gram = {}) const {
    if (gram.size() == length) return use(gram);
    gram.push_back(0);
    for (; gram.back() < V; ++gram.back()) each(length, use, gram);
  }

  double discount(size_t length, int count_of) const {
    std::map<int, double> n;
    each(length, [&](const Gram& gram) { ++n[count(gram)]; });
    const double y = n[1] > 0 && n[2] > 0 ? n[1] / (n[1] + 2 * n[2]) : 0.5;
    bool all = true;
    double d[4] = {};
    for (int i = 1; i <= 3; ++i) {
      d[i] = i - (i + 1) * y * n[i + 1] / n[i];
      all = all && n[i] > 0 && n[i + 1] > 0 && d[i] > 0 && d[i] <= i;
    }
    return count_of == 0 ? 0 : all ? d[std::min(count_of, 3)] : y;
  }

  double probability(Gram context, int32_t token) const {
    while (context.size() > order - 1) context.erase(context.begin());
    const double lower = context.empty() ? 1.0 / V : probability({context.begin() + 1, context.end()}, token);
    double total = 0, given = 0, own = 0;
    for (int32_t w = 0; w < V; ++w) {
      Gram gram = context;
      gram.push_back(w);
      const int c = count(gram);
      total += c;
      given += discount(gram.size(), c);
      if (w == token) own = c - discount(gram.size(), c);
    }
    return total == 0 ? lower : own / total + given / total * lower;
  }
};

std::vector<int32_t> joined(const std::vector<Gram>& sequences) {
  std::vector<int32_t> text;
  for (const Gram& s : sequences) {
    text.insert(text.end(), s.begin(), s.end());
    text.push_back(NgramTables::sequence_end);
  }
  return text;
}

ModelConfig ngram_config(int64_t order, int64_t vocab_size) {
  ModelConfig config;
  config.arch = "ngram";
  config.order = order;
  config.vocab_size = vocab_size;
  config.block_size = 32;
  return config;
}

std::unique_ptr<Ngram> counted(int64_t order, int64_t vocab_size, const std::vector<Gram>& sequences,
                               Device& device = cpu(), DType dtype = DType::f64) {
  auto model = std::make_unique<Ngram>(ngram_config(order, vocab_size));
  model->parameters().allocate(device, dtype, 1, false);
  model->count(joined(sequences));
  return model;
}

/// Sequences in which few n-grams are frequent and many are rare.
std::vector<Gram> random_sequences(test::Random& random, int64_t n, int64_t length, int32_t vocab_size) {
  std::vector<Gram> all;
  for (int64_t i = 0; i < n; ++i) {
    all.emplace_back();
    for (int64_t t = 0; t < random.integer(1, length); ++t)
      all.back().push_back(static_cast<int32_t>(random.integer(0, random.integer(0, vocab_size - 1))));
  }
  return all;
}

}  // namespace

TEST_CASE("ngram: a text small enough for a calculation by hand") {
  // a b a b a: the pairs ab and ba occur twice; of single tokens, a and b each follow one other.
  const auto model = counted(2, 2, {{0, 1, 0, 1, 0}});
  CHECK(model->counts().level(2).counts == std::vector<int32_t>{2, 2});
  CHECK(model->counts().level(1).counts == std::vector<int32_t>{1, 1});
  CHECK(std::abs(model->probability({}, 0) - 0.5) <= 1e-15);         // (1 - 1/2) / 2 + (2 1/2) / 2 1/2
  CHECK(std::abs(model->probability(Gram{0}, 1) - 0.875) <= 1e-15);  // (2 - 1/2) / 2 + (1/2) / 2 1/2
  CHECK(std::abs(model->probability(Gram{0}, 0) - 0.125) <= 1e-15);
}

TEST_CASE("ngram: counts and probabilities equal those of plain loops, for every context") {
  test::Random random("ngram");
  for (const int64_t order : {1, 2, 3, 4}) {
    const int32_t V = order < 4 ? 4 : 3;
    const auto sequences = random_sequences(random, 12, 14, V - 1);  // the last token never occurs
    const Naive naive{sequences, static_cast<size_t>(order), V};
    const auto model = counted(order, V, sequences);
    for (size_t n = 1; n <= static_cast<size_t>(order); ++n)
      naive.each(n, [&](const Gram& gram) {
        const auto place = model->counts().find(gram);
        CHECK((place ? model->counts().level(static_cast<int64_t>(n)).counts[static_cast<size_t>(*place)]
                     : 0) == naive.count(gram));
      });
    for (size_t n = 0; n <= static_cast<size_t>(order); ++n)  // also longer than the model looks
      naive.each(n, [&](const Gram& context) {
        const std::vector<double> all = model->distribution(context);
        double sum = 0;
        for (int32_t w = 0; w < V; ++w) {
          const double expected = naive.probability(context, w);
          CHECK(std::abs(model->probability(context, w) - expected) <= 1e-14);
          CHECK(std::abs(all[static_cast<size_t>(w)] - expected) <= 1e-14);
          CHECK(all[static_cast<size_t>(w)] > 0);
          sum += all[static_cast<size_t>(w)];
        }
        CHECK(std::abs(sum - 1) <= 1e-14);
      });
  }
}

TEST_CASE("ngram: modified discounts from the counts of counts") {
  // Single tokens, counted as often as they occur: 4 once, 3 twice, 2 three times, 1 four times, after a first token.
  Gram text{10};
  int32_t token = 0;
  for (const auto& [times, tokens] : {std::pair{1, 4}, std::pair{2, 3}, std::pair{3, 2}, std::pair{4, 1}})
    for (int i = 0; i < tokens; ++i, ++token) text.insert(text.end(), static_cast<size_t>(times), token);
  const auto model = counted(1, 11, {text});
  const double y = 4.0 / (4 + 2 * 3);
  const auto& d = model->discounts(1);
  CHECK(std::abs(d[1] - (1 - 2 * y * 3 / 4)) <= 1e-15);
  CHECK(std::abs(d[2] - (2 - 3 * y * 2 / 3)) <= 1e-15);
  CHECK(std::abs(d[3] - (3 - 4 * y * 1 / 2)) <= 1e-15);
  // Without a token that occurs four times, D_3 cannot be estimated: all are Y.
  text.resize(text.size() - 4);
  CHECK(counted(1, 11, {text})->discounts(1) == std::array<double, 4>{0, y, y, y});
}

TEST_CASE("ngram: probabilities sum to 1 in texts of many tokens") {
  test::Random random("ngram sums");
  for (const int64_t order : {2, 5, 9}) {
    const auto sequences = random_sequences(random, 40, 200, 50);
    const auto model = counted(order, 60, sequences);
    for (int i = 0; i < 50; ++i) {
      const Gram& s = sequences[static_cast<size_t>(random.integer(0, 39))];
      const auto end = s.begin() + static_cast<std::ptrdiff_t>(random.integer(0, std::ssize(s) - 1));
      Gram context(s.begin(), end);
      if (i % 5 == 0) context.push_back(59);  // which never occurred
      const std::vector<double> p = model->distribution(context);
      double sum = 0;
      for (const double x : p) sum += x;
      CHECK(std::abs(sum - 1) <= 1e-13);
      for (int32_t w = 0; w < 60; w += 7)
        CHECK(std::abs(p[static_cast<size_t>(w)] - model->probability(context, w)) <= 1e-14);
    }
  }
}

TEST_CASE("ngram: loss and logits are those of the windows, with the same bits for any number of threads") {
  test::Random random("ngram windows");
  const auto sequences = random_sequences(random, 20, 60, 9);
  std::vector<int32_t> ids, wanted;
  for (int i = 0; i < 3 * 10; ++i) {
    ids.push_back(static_cast<int32_t>(random.integer(0, 9)));
    wanted.push_back(i % 4 == 3 ? -100 : static_cast<int32_t>(random.integer(0, 9)));
  }
  std::vector<double> losses;
  for (const int threads : {1, 3}) {
    const auto device = make_cpu(threads);
    const auto model = counted(4, 10, sequences, *device);
    const Tensor tokens = Tensor::from(*device, ids, {3, 10}),
                 targets = Tensor::from(*device, wanted, {3, 10});
    const Tensor logits = model->logits(tokens), last = model->logits(tokens, {.last_only = true});
    CHECK(last.shape() == Shape{3, 1, 10});
    double sum = 0;
    int n = 0;
    for (size_t b = 0; b < 3; ++b)
      for (size_t t = 0; t < 10; ++t) {
        const Gram context(ids.begin() + static_cast<std::ptrdiff_t>(10 * b),
                           ids.begin() + static_cast<std::ptrdiff_t>(10 * b + t + 1));
        for (size_t w = 0; w < 10; ++w) {
          const double expected = std::log(model->probability(context, static_cast<int32_t>(w)));
          CHECK(std::abs(logits.doubles()[(10 * b + t) * 10 + w] - expected) <= 1e-13);
          if (t == 9) CHECK(last.doubles()[10 * b + w] == logits.doubles()[(10 * b + t) * 10 + w]);
        }
        if (wanted[10 * b + t] < 0) continue;
        sum -= std::log(model->probability(context, wanted[10 * b + t]));
        ++n;
      }
    losses.push_back(model->loss(tokens, targets).item());
    CHECK(std::abs(losses.back() - sum / n) <= 1e-13);
    StepState state;
    Tensor step = Tensor::zeros(*device, DType::u8, {sizeof state});
    CHECK_THROWS_WITH(model->loss(tokens, targets, {.step_state = step}), Catch::Contains("counting"));
  }
  CHECK(losses[0] == losses[1]);
}

TEST_CASE("ngram: without counts every token is equally likely") {
  const auto model = make_model(ngram_config(3, 7), cpu(), DType::f64, 1, false);
  const Tensor tokens = Tensor::from(cpu(), std::vector<int32_t>{1, 2, 3}, {1, 3});
  CHECK(std::abs(model->loss(tokens, tokens).item() - std::log(7.0)) <= 1e-14);
  CHECK(counted(3, 7, {})->probability(Gram{1}, 2) == Approx(1.0 / 7));
  CHECK(counted(3, 7, {{4}})->probability(Gram{4}, 2) == Approx(1.0 / 7));
}

TEST_CASE("ngram: a text that it has counted is what it generates") {
  Gram text;
  for (int i = 0; i < 60; ++i) text.push_back(i % 6);
  const auto model = counted(3, 6, {text});
  std::vector<int32_t> tokens;
  generate(*model, {0, 1}, {.max_new_tokens = 50, .sampling = {.temperature = 0}},
           [&](int32_t t) { return tokens.push_back(t), true; });
  for (size_t i = 0; i < tokens.size(); ++i) CHECK(tokens[i] == static_cast<int32_t>((i + 2) % 6));
}

TEST_CASE("ngram: tables keep their bits in a file") {
  test::Random random("ngram file");
  const test::TempDir dir;
  const std::string path = (dir / "model.safetensors").string();
  const auto sequences = random_sequences(random, 20, 60, 9);
  const auto model = counted(4, 10, sequences);
  save_weights(path, *model);
  const auto opened = open_weights(path, cpu(), DType::f64);
  auto loaded = make_model(config_in(SafetensorsFile(path)), cpu(), DType::f64, 1, false);
  load_weights(path, *loaded);
  for (Model* other : {opened.get(), loaded.get()}) {
    const auto& same = dynamic_cast<const Ngram&>(*other);
    for (int64_t n = 1; n <= 4; ++n) {
      CHECK(same.counts().level(n).tokens == model->counts().level(n).tokens);
      CHECK(same.counts().level(n).counts == model->counts().level(n).counts);
      CHECK(same.counts().level(n).first == model->counts().level(n).first);
      CHECK(same.discounts(n) == model->discounts(n));
    }
    CHECK(same.distribution(Gram{1, 2, 3}) == model->distribution(Gram{1, 2, 3}));
  }
}

TEST_CASE("ngram: damaged tables are refused") {
  const test::TempDir dir;
  const std::string path = (dir / "model.safetensors").string();
  struct Tables {
    std::vector<int64_t> first1{0, 2}, first2{0, 1, 3};
    std::vector<int32_t> tokens1{0, 2}, counts1{1, 2}, tokens2{1, 0, 2}, counts2{1, 1, 1};
  };
  const auto refusal = [&](const std::function<void(Tables&)>& damage,
                           const char* rename = nullptr) -> std::string {
    Tables t;
    damage(t);
    std::vector<TensorEntry> entries;
    const auto add = [&]<class T>(const char* name, const std::vector<T>& values) {
      entries.push_back({rename && std::string(rename) == name ? "ngrams.9.tokens" : name,
                         dtype_of<T>,
                         {static_cast<int64_t>(values.size())},
                         values.data(),
                         values.size() * sizeof(T)});
    };
    add("ngrams.1.first", t.first1), add("ngrams.1.tokens", t.tokens1), add("ngrams.1.counts", t.counts1);
    add("ngrams.2.first", t.first2), add("ngrams.2.tokens", t.tokens2), add("ngrams.2.counts", t.counts2);
    test::write_safetensors(path, entries);
    try {
      NgramTables(2, 3, SafetensorsFile(path));
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::input);
      return error.what();
    }
    return "";
  };
  CHECK(refusal([](Tables&) {}) == "");
  CHECK_THAT(refusal([](Tables&) {}, "ngrams.2.tokens"), Catch::Contains("ngrams.2.tokens is missing"));
  CHECK_THAT(refusal([](Tables& t) { t.counts2.pop_back(); }),
             Catch::Contains("ngrams.2.counts is i32 [2]; expected i32 [3]"));
  CHECK_THAT(refusal([](Tables& t) { t.first2.pop_back(); }), Catch::Contains("ngrams.2.first is i64 [2]"));
  CHECK_THAT(refusal([](Tables& t) { t.first2 = {0, 3, 1}; }), Catch::Contains("does not divide"));
  CHECK_THAT(refusal([](Tables& t) { t.first2 = {1, 1, 3}; }), Catch::Contains("does not divide"));
  CHECK_THAT(refusal([](Tables& t) { t.first2 = {0, 1, 4}; }), Catch::Contains("does not divide"));
  CHECK_THAT(refusal([](Tables& t) { t.tokens2[0] = 3; }), Catch::Contains("holds 3 at 0"));
  CHECK_THAT(refusal([](Tables& t) { t.tokens1[0] = -1; }), Catch::Contains("holds -1 at 0"));
  CHECK_THAT(refusal([](Tables& t) { t.tokens2 = {1, 2, 0}; }), Catch::Contains("ascending order at 2"));
  CHECK_THAT(refusal([](Tables& t) { t.tokens2 = {1, 2, 2}; }), Catch::Contains("ascending order at 2"));
  CHECK_THAT(refusal([](Tables& t) { t.counts2[1] = 0; }), Catch::Contains("holds 0 at 1"));
  CHECK_THAT(refusal([](Tables& t) { t.counts1[1] = -5; }), Catch::Contains("holds -5 at 1"));
}

TEST_CASE("ngram: counting takes no more memory than planned") {
  test::Random random("ngram memory");
  const auto sequences = random_sequences(random, 50, 300, 30);
  const auto text = joined(sequences);
  for (const int64_t order : {1, 3, 6}) {
    const NgramTables tables(order, text);
    double bytes = static_cast<double>(text.size()) * 12;
    for (const TensorEntry& entry : tables.entries()) bytes += static_cast<double>(entry.bytes);
    CHECK(bytes <= NgramTables::most_bytes(order, 30, static_cast<int64_t>(text.size()) - 50, 50));
  }
}

}  // namespace hewn
