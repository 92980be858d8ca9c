#include "apps/run/own_rows.h"

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "train/tasks/preference/data.h"

namespace hewn::cli {

ClassDataOptions class_data_options(const Settings& settings, const Task* task) {
  std::vector<std::string> labels;
  if (task || settings.has("labels")) labels = task ? task->labels : split(settings.text("labels"), ',');
  return {.data = settings.text("data"),
          .val = settings.text("val"),
          .test = settings.text("test"),
          .split = settings.text("split"),
          .text = settings.text("text"),
          .label = settings.text("label"),
          .labels = std::move(labels),
          .seed = static_cast<uint64_t>(settings.integer("seed")),
          .split_version = task ? task->split_version : rows_together};
}

DataFiles talk_files(const Settings& settings, const Task* task) {
  DataFiles files{.data = settings.text("data"),
                  .val = settings.text("val"),
                  .test = settings.text("test"),
                  .split = settings.text("split"),
                  .columns = {},
                  .seed = static_cast<uint64_t>(settings.integer("seed")),
                  .split_version = task ? task->split_version : rows_together};
  for (const char* use : {"messages", "prompt", "input", "answer", "chosen", "rejected"})
    if (settings.takes(use) && settings.has(use)) files.columns[use] = settings.text(use);
  return files;
}

void say_count(int64_t rows, const std::string& what) {
  if (rows > 0) say("note: ", long_count(rows), rows == 1 ? " row " : " rows ", what);
}

Mask mask_of(const Settings& settings) { return settings.text("mask") == "none" ? Mask::none : Mask::prompt; }

std::vector<TrainingRow> own_rows(const Settings& config, const Task& task, const TextEncoder& texts,
                                  int64_t block_size) {
  const int64_t limit = task.longest_row(block_size);
  const auto rows_of = [](const auto& data) { return data.val.empty() ? data.train : data.val; };
  std::vector<TrainingRow> rows;
  switch (task.kind) {
    case Task::Kind::classify: {
      const ClassData data = open_class_data(class_data_options(config, &task));
      const EncodedRows encoded = encode_rows(rows_of(data), TextReader(texts, limit));
      for (const LabelledText& text : encoded.texts)
        rows.push_back({text.tokens, std::vector<int32_t>(text.tokens.size(), ignored_target)});
      break;
    }
    case Task::Kind::instruct: {
      const InstructData data = open_instruct_data(talk_files(config, &task), *task.chat);
      rows = training_rows(rows_of(data), TalkEncoder(*task.chat, texts), Mask::prompt, limit).rows;
      break;
    }
    case Task::Kind::prefer: {
      const PreferenceData data = open_preference_data(talk_files(config, &task), *task.chat);
      for (PreferencePair& pair :
           preference_pairs(rows_of(data), TalkEncoder(*task.chat, texts), limit).pairs)
        rows.push_back(std::move(pair.chosen));
      break;
    }
  }
  return rows;
}

}  // namespace hewn::cli
