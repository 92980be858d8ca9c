// Rows of tables as pairs of answers, and their batches.

#include "train/tasks/preference/pairs.h"

#include <set>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "train/tasks/preference/data.h"

namespace hewn {
namespace {

using test::fails;

Table table_of(const std::string& text) { return Table("rows", text); }

/// A tokenizer of bytes with an end token.
const Tokenizer& tokenizer() {
  static const auto made = train_tokenizer("bpe", "no merges", {.vocab_size = 257});
  return *made;
}

const ChatTemplate& plain() {
  static const ChatTemplate chat = find_template("plain");
  return chat;
}

PreferencePair pair_of(int64_t chosen, int64_t rejected) {
  const auto row = [](int64_t length) {
    return TrainingRow{.tokens = std::vector<int32_t>(static_cast<size_t>(length), 1),
                       .targets = std::vector<int32_t>(static_cast<size_t>(length), 2)};
  };
  PreferencePair pair{row(chosen), row(rejected)};
  pair.reference = {static_cast<double>(chosen), static_cast<double>(rejected)};
  return pair;
}

}  // namespace

TEST_CASE("preference pairs: batches hold whole pairs, cut to the longest row", "[preference]") {
  const std::vector<PreferencePair> pairs{pair_of(2, 3), pair_of(6, 1), pair_of(4, 5)};
  const PairBatches batches(pairs, 2, 0, RowOrder::Kind::by_length);
  CHECK(batches.batch_count() == 2);
  CHECK(batches.pairs_of(0) == std::vector<int64_t>{1, 2});
  Batch batch;
  batches.fill(0, batch);
  CHECK(batch.rows == 4);
  CHECK(batch.block_size == 6);
  CHECK(batch.term_count() == 2);
  CHECK(batch.target_count() == 6 + 1 + 4 + 5);
  CHECK(batch.reference == std::vector<double>{6, 1, 4, 5});
  CHECK(batch.tokens[6] == 1);
  CHECK(batch.tokens[7] == 0);
  CHECK(batch.targets[7] == ignored_target);
  batches.fill(1, batch);
  CHECK(batch.rows == 2);
  CHECK(batch.reference == std::vector<double>{2, 3});
  CHECK(longest_row(pairs) == 6);
  const PairBatches shuffled(pairs, 1, 5);
  std::multiset<int64_t> seen;
  for (int64_t i = 0; i < 6; ++i) seen.insert(shuffled.pairs_of(i)[0]);
  CHECK(seen == std::multiset<int64_t>{0, 0, 1, 1, 2, 2});
  CHECK(fails(ErrorCode::usage, {"no rows"}, [] { PairBatches({}, 2, 0); }));
}

TEST_CASE("preference pairs: only the answer and its end are targets", "[preference]") {
  const Table table = table_of(R"([{"prompt": "Why?", "chosen": "So.", "rejected": "No idea."}])");
  const TalkColumns columns = find_preference_columns(table, {});
  const TalkEncoder encoder(plain(), TextEncoder(tokenizer()));
  const Preference row = read_preference(table, 0, columns, plain());
  const PreferencePairs made = preference_pairs({row}, encoder, 100);
  REQUIRE(made.pairs.size() == 1);
  const auto learned = [&](const TrainingRow& training) {
    std::vector<int32_t> ids;
    for (const int32_t target : training.targets)
      if (target != ignored_target) ids.push_back(target);
    CHECK(ids.back() == form_of(tokenizer()).ends.at(0));
    ids.pop_back();
    return tokenizer().decode(ids);
  };
  CHECK(learned(made.pairs[0].chosen) == "So.");
  CHECK(learned(made.pairs[0].rejected) == "No idea.");
  CHECK(made.shortened == 0);

  const auto prompt = std::ssize(encoder.prompt(row.chosen.prompt()));
  const PreferencePairs cut = preference_pairs({row}, encoder, prompt + 2);
  REQUIRE(cut.pairs.size() == 1);
  CHECK(cut.shortened == 1);
  CHECK(std::ssize(cut.pairs[0].rejected.tokens) == prompt + 2);
  CHECK(preference_pairs({row}, encoder, prompt - 1).dropped == 1);
  const Table same = table_of(R"([{"prompt": "Why?", "chosen": "So be it", "rejected": "So long"}])");
  const PreferencePairs equal =
      preference_pairs({read_preference(same, 0, columns, plain())}, encoder, prompt + 2);
  CHECK(equal.pairs.empty());
  CHECK(equal.dropped == 1);
  // One token more: the last target differs.
  const PreferencePairs last =
      preference_pairs({read_preference(same, 0, columns, plain())}, encoder, prompt + 3);
  REQUIRE(last.pairs.size() == 1);
  const auto& [chosen, rejected, reference] = last.pairs[0];
  CHECK(chosen.tokens == rejected.tokens);
  CHECK(tokenizer().piece(chosen.targets.back()) == "b");
  CHECK(tokenizer().piece(rejected.targets.back()) == "l");
  // Nothing of one answer fits.
  for (Talk Preference::*side : {&Preference::chosen, &Preference::rejected}) {
    Preference uneven = row;
    (uneven.*side).messages[0].content = std::string(100, 'x');
    CHECK(preference_pairs({uneven}, encoder, prompt + 2).dropped == 1);
  }
}

TEST_CASE("preference data: columns by default, by name and by number", "[preference]") {
  const auto columns = [](const std::string& header, const TalkColumns& given = {}) {
    return find_preference_columns(table_of(header + "\nv1,v2,v3,v4\n"), given);
  };
  CHECK(columns("chosen,rejected,prompt,more") ==
        TalkColumns{{"prompt", "prompt"}, {"chosen", "chosen"}, {"rejected", "rejected"}});
  CHECK(columns("instruction,input,chosen,rejected") ==
        TalkColumns{
            {"prompt", "instruction"}, {"input", "input"}, {"chosen", "chosen"}, {"rejected", "rejected"}});
  CHECK(columns("instruction,x,chosen,rejected") ==
        TalkColumns{{"prompt", "instruction"}, {"chosen", "chosen"}, {"rejected", "rejected"}});
  CHECK(columns("prompt,input,chosen,rejected").count("input") == 0);
  CHECK(columns("q,x,best,worst", {{"prompt", "q"}, {"chosen", "best"}, {"rejected", "4"}}).at("rejected") ==
        "4");
  CHECK(fails(ErrorCode::usage, {"rows: has no column rejected; its columns are prompt, chosen"},
              [&] { columns("prompt,chosen,c,d"); }));
  CHECK(fails(ErrorCode::usage, {"has no column prompt"}, [&] { columns("question,x,chosen,rejected"); }));
}

TEST_CASE("preference data: rows that cannot be learned from name their place", "[preference]") {
  const auto read = [](const std::string& row) {
    const Table table = table_of("prompt,chosen,rejected\nWhy?,a,b\n" + row + "\n");
    for (int64_t i = 0; i < table.rows(); ++i)
      read_preference(table, i, find_preference_columns(table, {}), plain());
  };
  CHECK_NOTHROW(read("Who?,c,d"));
  CHECK(fails(ErrorCode::input, {"line 3", "(chosen): is empty"}, [&] { read("Who?, ,d"); }));
  CHECK(fails(ErrorCode::input, {"line 3", "(rejected): is empty"}, [&] { read("Who?,c,"); }));
  CHECK(fails(ErrorCode::input, {"line 3", "(prompt): is empty"}, [&] { read(",c,d"); }));
  CHECK(fails(ErrorCode::input, {"line 3", "(rejected): is equal to the chosen answer"},
              [&] { read("Who?,c,c"); }));
  CHECK(fails(ErrorCode::input, {"no value"}, [&] {
    const Table table =
        table_of(R"([{"prompt": "a", "chosen": "b", "rejected": "c"}, {"prompt": "a", "chosen": "b"}])");
    read_preference(table, 1, find_preference_columns(table, {}), plain());
  }));
}

TEST_CASE("preference data: is divided by seed", "[preference]") {
  const test::TempDir dir;
  std::string rows = "prompt,chosen,rejected\n";
  for (int i = 0; i < 20; ++i) rows += join("Q", i, ",yes ", i, ",no ", i, "\n");
  test::write_file(dir / "rows.csv", rows);
  const DataFiles files{.data = (dir / "rows.csv").string(), .val = "", .test = ""};
  const PreferenceData data = open_preference_data(files, plain());
  CHECK(data.train.size() == 14);
  CHECK(data.val.size() == 2);
  CHECK(data.test.size() == 4);
  for (const Preference& row : data.test) {
    CHECK(row.chosen.instruction == join("Q", row.chosen.line - 2));
    CHECK(row.chosen.answer() == join("yes ", row.chosen.line - 2));
    CHECK(row.rejected.answer() == join("no ", row.chosen.line - 2));
  }
  DataFiles other = files;
  other.seed = 2;
  CHECK(open_preference_data(other, plain()).hash != data.hash);
  for (int i = 0; i < 20; ++i) rows += join("Q", i, ",perhaps,no ", i, "\n");
  test::write_file(dir / "rows.csv", rows);
  const PreferenceData twice = open_preference_data(files, plain());
  CHECK(twice.test.size() == 8);
  REQUIRE(twice.notes.size() == 1);  // no row of the test has the prompt of a training row
  CHECK(twice.notes[0].starts_with("20 rows repeat the prompt of another row"));
}

}  // namespace hewn
