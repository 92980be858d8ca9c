// Questions as tokens, and the answers of a model against those computed one token at a time.

#include "train/scores/eval_scores.h"

#include <algorithm>
#include <cmath>

#include "tests/model/marked_bytes.h"
#include "tests/train/tiny.h"

namespace hewn {
namespace {

constexpr const char* letters = "abcdefgh \n.";

std::shared_ptr<const Tokenizer> letter_tokenizer() { return train_tokenizer("char", letters); }

EvalTask task_of(const std::string& rows) { return eval_task_of(rows, "t.jsonl"); }

/// A question as it is written: each choice, with | before its continuation and ^ before its decisive tokens.
std::vector<std::string> marked(const EvalTask& task, int64_t block_size = 100,
                                std::shared_ptr<const Tokenizer> tokenizer = letter_tokenizer()) {
  const EvalPrompt prompt = eval_prompt(task, 0, TextEncoder(*tokenizer), {.block_size = block_size});
  std::vector<std::string> texts;
  for (size_t c = 0; c < prompt.choices.size(); ++c) {
    std::string text;
    const std::vector<int32_t>& tokens = prompt.choices[c].tokens;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (static_cast<int64_t>(i) == prompt.continuation[c]) text += '|';
      if (static_cast<int64_t>(i) == prompt.decisive[c]) text += '^';
      text += tokenizer->piece(tokens[i]);
    }
    CHECK(prompt.choices[c].begin == std::min(prompt.continuation[c], prompt.decisive[c]));
    texts.push_back(text);
  }
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("eval prompts: where continuations begin", "[scores]") {
  // Blanks at the end of the context, the delimiter among them, belong to the continuation.
  CHECK(marked(task_of(R"({"query": "ab ", "choices": ["cd", "ce"], "gold": 0})")) ==
        Texts{"ab|  c^d", "ab|  c^e"});
  CHECK(marked(task_of(R"({"query": "ab", "choices": ["c", "cd"], "gold": 0})")) ==
        Texts{"ab| ^c", "ab| c^d"});
  CHECK(marked(task_of(R"({"context_options": ["ab", "cb"], "continuation": "d", "gold": 0})")) ==
        Texts{"a^b| d", "c^b| d"});
  CHECK(marked(task_of(R"({"context_options": ["a", "b"], "continuation": "d", "gold": 0})")) ==
        Texts{"a|^ d", "b|^ d"});
  CHECK(marked(task_of(R"({"context": "ab", "continuation": "cd"})")) == Texts{"ab|^ cd"});
  // A newline stands for an empty context.
  CHECK(marked(task_of(R"({"context": "", "continuation": "cd"})")) == Texts{"\n|^ cd"});
  EvalTask task = task_of(R"({"context": " ab ", "continuation": "cd"})");
  task.delimiter = ".\n";
  CHECK(marked(task) == Texts{" ab .|^\ncd"});
  task.trims_contexts = true;
  CHECK(marked(task) == Texts{"ab.|^\ncd"});
  // Only contexts that are texts to continue are trimmed.
  EvalTask choice = task_of(R"({"query": " ab", "choices": ["cd", "ce"], "gold": 0})");
  choice.trims_contexts = true;
  CHECK(marked(choice) == Texts{" ab| c^d", " ab| c^e"});
}

TEST_CASE("eval prompts: the token that begins all texts comes first, and once", "[scores]") {
  const auto begun = std::make_shared<const test::MarkedBytes>(Texts{"<s>", "</s>"}, 256);
  const auto written = [&](const std::string& row, const std::string& delimiter) {
    EvalTask task = task_of(row);
    task.delimiter = delimiter;
    return marked(task, 100, begun);
  };
  CHECK(written(R"({"context": "ab", "continuation": "cd"})", " ") == Texts{"<s>ab|^ cd"});
  CHECK(written(R"({"context": "<s>ab", "continuation": "cd"})", " ") == Texts{"<s>ab|^ cd"});
  CHECK(written(R"({"context": "", "continuation": "cd"})", " ") == Texts{"<s>|^ cd"});
  CHECK(written(R"({"context": "", "continuation": "<s>cd"})", "") == Texts{"<s>|^cd"});
  CHECK(written(R"({"context": "", "continuation": "<s>"})", "") == Texts{"<s>|^<s>"});
}

TEST_CASE("eval prompts: without a newline, the first token stands for an empty context", "[scores]") {
  CHECK(marked(task_of(R"({"context": "", "continuation": "cd"})"), 100, train_tokenizer("char", "\tcd ")) ==
        Texts{"\t|^ cd"});
}

TEST_CASE("eval prompts: a token may reach from the context into the continuation", "[scores]") {
  const std::shared_ptr<const Tokenizer> pairs = train_tokenizer("bpe", "ab ab ab", {.vocab_size = 258});
  REQUIRE(pairs->encode("ab").size() == 1);
  const auto joined = [&](const std::string& row) {
    EvalTask task = task_of(row);
    task.delimiter = "";
    return marked(task, 100, pairs);
  };
  CHECK(joined(R"({"context": "c a", "continuation": "b"})") == Texts{"c |^ab"});
  CHECK(joined(R"({"context": "c a", "continuation": "bd"})") ==
        Texts{"c a|^d"});  // as lm-evaluation-harness
  CHECK(joined(R"({"context": "a", "continuation": "b"})") == Texts{"<|endoftext|>|^ab"});
}

TEST_CASE("eval prompts: questions that are too long are cut from the left", "[scores]") {
  const EvalTask task = task_of(R"({"query": "abcdefgh", "choices": ["a", "bcd"], "gold": 0})");
  CHECK(marked(task, 11) == Texts{"abcdefgh| ^a", "abcdefgh| ^bcd"});
  CHECK(marked(task, 5) == Texts{"efgh| ^a", "gh| ^bcd"});
  CHECK(marked(task, 4) == Texts{"fgh| ^a", "h| ^bcd"});
  const EvalPrompt begun =
      eval_prompt(task, 0, TextEncoder(*letter_tokenizer(), TextForm{.begin = 0}), {.block_size = 5});
  CHECK(begun.choices[1].tokens == std::vector{0, 10, 1, 4, 5, 6});
  CHECK(begun.choices[1].begin == 2);
  CHECK(eval_prompt(task, 0, TextEncoder(*letter_tokenizer()), {.block_size = 5}).cut);
  CHECK(!eval_prompt(task, 0, TextEncoder(*letter_tokenizer()), {.block_size = 11}).cut);
  CHECK_ERROR(eval_prompt(task, 0, TextEncoder(*letter_tokenizer()), {.block_size = 3}), ErrorCode::input,
              "the continuation has 4 tokens; expected at most 3");
  CHECK_ERROR(eval_prompt(task_of(R"({"context": "xyz", "continuation": "a"})"), 0,
                          TextEncoder(*letter_tokenizer()), {.block_size = 9}),
              ErrorCode::input, "t.jsonl, line 1");
}

TEST_CASE("eval prompts: shots are other rows, solved", "[scores]") {
  std::string rows;
  for (const char* query : {"a", "b", "c", "d", "e"})
    rows += std::string(R"({"query": ")") + query + R"(", "choices": ["f", "g"], "gold": 1})" + "\n";
  EvalTask task = task_of(rows);
  task.shots = 3;
  CHECK(eval_context(task, 2, 0, 1) == eval_context(task, 2, 0, 1));
  bool differs = false;
  for (size_t row = 0; row < 5; ++row) {
    const std::string text = eval_context(task, row, 0, 1), own = std::string(1, "abcde"[row]) + " ";
    REQUIRE(text.size() == 3 * 5 + 2);
    CHECK(text.ends_with("\n\n" + own));
    CHECK(text.find(own) == text.size() - 2);  // never its own answer
    for (size_t shot = 0; shot < 3; ++shot) CHECK(text.substr(5 * shot + 1, 4) == " g\n\n");
    differs |= eval_context(task, row, 0, 2) != text;
  }
  CHECK(differs);
  task = task_of(R"({"context_options": ["a", "b"], "continuation": "c", "gold": 1}
{"context_options": ["d", "e"], "continuation": "f", "gold": 1})");
  task.shots = 1;
  CHECK(eval_context(task, 0, 0, 1) == "e f\n\na ");
  CHECK(eval_context(task, 0, 1, 1) == "e f\n\nb ");
}

TEST_CASE("eval: answers are those of one token at a time", "[scores]") {
  const auto tokenizer = letter_tokenizer();
  ModelConfig config = test::tiny_model();
  config.vocab_size = tokenizer->vocab_size() + 2;  // more than the tokenizer's
  config.block_size = 32;
  const auto model = make_model(config, cpu(), DType::f64, test::run_seed(), false);
  for (Parameter& p : model->parameters().all())
    if (p.shape.rank() == 2)
      for (int64_t i = 0; i < p.value.numel(); ++i) p.value.ptr<double>()[i] *= 10;
  const auto log_probability = [&](const std::string& before, const std::string& after) {
    const NoGrad none;
    const std::vector<int32_t> tokens = tokenizer->encode(before + after);
    const auto T = std::ssize(tokens), V = config.vocab_size;
    const std::vector<double> logits = model->logits(Tensor::from(cpu(), tokens, {1, T})).doubles();
    double sum = 0;
    bool likeliest = true;
    for (auto t = std::ssize(tokenizer->encode(before)); t < T; ++t) {
      const auto row = logits.begin() + (t - 1) * V;
      double all = 0;
      for (auto logit = row; logit != row + V; ++logit) all += std::exp(*logit);
      sum += row[tokens[static_cast<size_t>(t)]] - std::log(all);
      likeliest &= std::max_element(row, row + V) - row == tokens[static_cast<size_t>(t)];
    }
    return std::pair(sum, likeliest);
  };
  test::Random random("rows");
  const auto word = [&] {
    std::string text;
    for (int64_t n = random.integer(1, 5); n > 0; --n) text += letters[random.integer(0, 7)];
    return text;
  };
  EvalTask choices{.name = "c", .file = "c"}, schema{.name = "s", .file = "s", .kind = EvalKind::schema},
      text{.name = "t", .file = "t", .kind = EvalKind::continuation};
  for (int i = 0; i < 40; ++i) {
    choices.rows.push_back({{word()}, {word(), word(), word()}, 1, ""});
    schema.rows.push_back({{word(), word()}, {word()}, 1, ""});
    // Half of them are the model's own words.
    const std::string context = word();
    std::string own = " ";
    for (const char c : std::string(letters))
      if (log_probability(context, std::string(" ") + c).second) own = c;
    text.rows.push_back({{context}, {i % 2 == 0 && own != " " && own != "\n" ? own : word()}, 0, ""});
  }
  const auto best = [](const std::vector<double>& values) {
    return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
  };
  const auto found = answer_task(*model, TextEncoder(*tokenizer), choices, 1);
  REQUIRE(found.size() == 40);
  for (size_t i = 0; i < 40; ++i) {
    const EvalRow& row = choices.rows[i];
    std::vector<double> sums, per_character;
    for (size_t c = 0; c < 3; ++c) {
      sums.push_back(log_probability(row.contexts[0], " " + row.continuations[c]).first);
      per_character.push_back(sums.back() / static_cast<double>(row.continuations[c].size()));
      CHECK(std::abs(found[i].log_probability[c] - sums.back()) <= 1e-9);
    }
    CHECK(found[i].chosen[0] == best(sums));
    CHECK(found[i].chosen[2] == best(per_character));
  }
  const RowFigures hits = hits_of(choices, found, EvalMetric::accuracy);
  for (size_t i = 0; i < 40; ++i) CHECK(hits[i] == std::vector{found[i].chosen[0] == 1 ? 1.0 : 0.0});
  const auto options = answer_task(*model, TextEncoder(*tokenizer), schema, 1);
  for (size_t i = 0; i < 40; ++i)
    for (size_t c = 0; c < 2; ++c)
      CHECK(std::abs(
                options[i].log_probability[c] -
                log_probability(schema.rows[i].contexts[c], " " + schema.rows[i].continuations[0]).first) <=
            1e-9);
  const auto words = answer_task(*model, TextEncoder(*tokenizer), text, 1);
  for (size_t i = 0; i < 40; ++i) {
    const auto [sum, likeliest] =
        log_probability(text.rows[i].contexts[0], " " + text.rows[i].continuations[0]);
    CHECK(std::abs(words[i].log_probability[0] - sum) <= 1e-9);
    CHECK(words[i].chosen[0] == (likeliest ? 0 : 1));
  }
}

TEST_CASE("eval: a model whose weights are NaN has no answers", "[scores]") {
  const auto tokenizer = letter_tokenizer();
  ModelConfig config = test::tiny_model();
  config.vocab_size = tokenizer->vocab_size();
  const auto model = make_model(config, cpu(), DType::f32, 1, false);
  for (Parameter& p : model->parameters().all())
    if (p.name.ends_with("wte.weight")) p.value.ptr<float>()[0] = std::nanf("");
  EvalTask task = task_of(R"({"query": "a", "choices": ["b", "c"], "gold": 0})");
  CHECK_ERROR(answer_task(*model, TextEncoder(*tokenizer), task, 1), ErrorCode::numerical, "NaN");
}

}  // namespace hewn
