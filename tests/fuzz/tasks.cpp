// What fine-tuned runs are described by, and the rows they are trained on.

#include "tests/fuzz/target.h"
#include "train/tasks/instruct_rows.h"
#include "train/tasks/preference/data.h"
#include "train/tasks/preference/reference.h"
#include "train/tasks/task.h"

namespace hewn::test {
namespace {

const AddFuzzTarget task_target("task", [](std::string_view bytes) {
  const Task task = task_from_json(bytes, "task.json");
  if (task.chat) touch(task.chat->jinja().data(), task.chat->jinja().size());
  if (task_to_json(task_from_json(task_to_json(task), "again")) != task_to_json(task)) std::abort();
});

/// Tables with messages, else the first column as prompt and the last as answer.
const AddFuzzTarget talks_target("talks", [](std::string_view bytes) {
  static const std::unique_ptr<Tokenizer> tokenizer =
      train_tokenizer("bpe", "a few words for the merges", {.vocab_size = 260});
  static const ChatTemplate chat = find_template("chatml");
  static const TalkEncoder encoder(chat, TextEncoder(*tokenizer));
  const Table table("table", std::string(bytes));
  TalkColumns columns{{"prompt", "1"}, {"answer", std::to_string(table.columns().size())}};
  for (const std::string& name : table.columns())
    if (name == "messages") columns = {{"messages", "messages"}};
  std::vector<Talk> talks;
  for (int64_t row = 0; row < table.rows(); ++row) talks.push_back(read_talk(table, row, columns, chat));
  const TalkRows rows = training_rows(talks, encoder, Mask::prompt, 64);
  for (const TrainingRow& row : rows.rows) touch(row.targets.data(), row.targets.size() * sizeof(int32_t));
});

const AddFuzzTarget preferences_target("preferences", [](std::string_view bytes) {
  static const ChatTemplate chat = find_template("plain");
  const Table table("table", std::string(bytes));
  const TalkColumns columns{{"prompt", "1"}, {"chosen", "2"}, {"rejected", "3"}};
  if (table.columns().size() < 3) return;
  for (int64_t row = 0; row < table.rows(); ++row) {
    const Preference preference = read_preference(table, row, columns, chat);
    if (preference.chosen.answer() == preference.rejected.answer()) std::abort();
  }
});

/// The file of a run with two rows for training and one for the test.
const AddFuzzTarget reference_target("reference", [](std::string_view bytes) {
  const PreferencePair pair{{.tokens = {1, 2}, .targets = {ignored_target, 3}},
                            {.tokens = {1, 2}, .targets = {ignored_target, 4}}};
  PairSides sides{{pair, pair}, {}, {pair}};
  read_reference(memory_file(bytes), sides);
  touch(sides.train.data(), sides.train.size() * sizeof sides.train[0]);
});

}  // namespace
}  // namespace hewn::test
