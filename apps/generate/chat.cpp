// hewn chat: a dialogue with a trained model, line by line.

#include <algorithm>

#include "apps/cli/line_editor.h"
#include "apps/cli/signals.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/run/text/draft.h"
#include "apps/run/text/instruct.h"
#include "apps/run/text/prompts.h"
#include "apps/run/text/shots.h"
#include "apps/run/text/text_writer.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

std::vector<std::string> chat_keys() { return split(join("seed max_new_tokens ", sampling_names()), ' '); }

class Chat {
 public:
  Chat(const Settings& settings, const OpenRun& run)
      : settings_(settings),
        run_(run),
        draft_(open_draft(settings, run)),
        encoder_(chat_encoder(settings, run)),
        begun_(shots_from(settings)),
        talk_(begun_) {}

  /// Handles a line; returns false if it ends the chat.
  bool take(std::string line) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty()) return true;
    if (line.front() == '/') return command(line);
    try {
      answer(line);
    } catch (const Error& error) {  // for example, a character that is not in the vocabulary
      if (error.code() != ErrorCode::input) throw;
      say(error.what());
    }
    return true;
  }

 private:
  bool command(const std::string& line) {
    const size_t blank = std::min(line.find(' '), line.size());
    const std::string name = line.substr(1, blank - 1), value = line.substr(std::min(blank + 1, line.size()));
    if (name == "quit" || name == "exit") return false;
    if (name == "reset") {
      talk_ = begun_;
      turns_ = 0;
      say("(the conversation starts over)");
    } else if (const auto keys = chat_keys(); std::find(keys.begin(), keys.end(), name) == keys.end()) {
      explain(name);
    } else if (value.empty()) {
      say("/", name, " ", settings_.text(name));
    } else {
      change(name, value);
    }
    return true;
  }

  void change(const std::string& name, const std::string& value) {
    try {
      settings_.set({name, value, "/" + name});
      if (name == "seed") turns_ = 0;
    } catch (const Error& error) {
      say(error.what());
    }
  }

  // Handles /help and unknown commands.
  void explain(const std::string& name) const {
    if (name == "help") return help();
    std::vector<std::string> names = {"/help", "/reset", "/quit", "/exit"};
    for (const std::string& key : chat_keys()) names.push_back(join("/", key));
    const std::string hint = did_you_mean("/" + name, names);
    say("unknown command '/", name, "'", hint.empty() ? "; /help lists all commands" : hint);
  }

  void help() const {
    std::string keys;
    for (const std::string& key : chat_keys()) keys += join("/", key, " ", settings_.text(key), "  ");
    say("/reset clears the conversation, /quit ends (like Ctrl-D), Ctrl-C stops an answer\n", keys);
  }

  // The dialogue so far and this line, shortened to leave room for an answer.
  std::vector<int32_t> prompt(const std::string& line) {
    const int64_t block = run_.model->config().block_size,
                  room = std::max(block - settings_.integer("max_new_tokens"), block / 2);
    while (true) {
      std::vector<int32_t> tokens = whole_prompt(line);
      if (std::ssize(tokens) <= room || talk_.examples.empty()) return tokens;
      talk_.examples.erase(talk_.examples.begin());
    }
  }

  std::vector<int32_t> whole_prompt(const std::string& line) const {
    if (!encoder_) return encoded_prompt(run_.texts(), talk_.prompt(line), "the conversation").tokens;
    std::vector<Message> messages;
    for (const Shot& turn : talk_.examples) {
      messages.push_back({Role::user, turn.input});
      messages.push_back({Role::assistant, turn.output});
    }
    messages.push_back({Role::user, line});
    return encoder_->prompt(messages);
  }

  void answer(const std::string& line) {
    Ends ends = ends_of(settings_, run_.texts(), encoder_ ? &*encoder_ : nullptr);
    if (ends.texts.empty() && !encoder_) ends.texts = {"\n"};
    GenerateOptions options = generation(settings_, run_.texts(), ends);
    options.draft = draft_.options;
    options.remembered = remembered_;
    options.sample = turns_++;
    TextFlow flow(ends.texts);
    generate(*run_.model, prompt(line), options, [&](const Generated& g) {
      write_result(flow.push(run_.tokenizer->piece(g.token)));
      flush_results();
      return !flow.ended() && !stop_signal();
    });
    write_result(flow.finish() + "\n");
    flush_results();
    talk_.examples.push_back({line, flow.text()});
  }

  Settings settings_;  // the current values
  const OpenRun& run_;
  OpenDraft draft_;
  std::shared_ptr<Remembered> remembered_ = std::make_shared<Remembered>();
  std::optional<TalkEncoder> encoder_;  // of a run that was trained to answer
  Shots begun_, talk_;                  // the dialogue is stored as examples too: inputs and answers
  uint64_t turns_ = 0;
};

}  // namespace

int run_chat(const Settings& settings) {
  const OpenRun run = open_writer(settings);
  Chat chat(settings, run);
  LineEditor editor(settings.given("history") ? settings.text("history") : default_history_file());
  catch_signals();
  if (editor.is_interactive()) say("/help lists the commands, Ctrl-R searches earlier lines, Ctrl-D ends");
  while (const std::optional<std::string> line = editor.read("> ")) {
    if (!chat.take(*line)) break;
    // On a terminal, Ctrl-C ends this answer; anywhere else, and any other signal, the program.
    if (stop_signal() == 0) continue;
    if (!editor.is_interactive() || stop_status() != 130) break;
    forget_signal();
  }
  return stop_signal() ? stop_status() : 0;
}

}  // namespace hewn::cli
