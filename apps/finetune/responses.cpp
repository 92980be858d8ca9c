#include "apps/finetune/responses.h"

#include <nlohmann/json.hpp>

#include "apps/cli/signals.h"
#include "apps/run/text/text_writer.h"
#include "model/generation/generate.h"
#include "model/json.h"

namespace hewn::cli {

bool write_responses(const std::string& path, Model& model, const TalkEncoder& encoder,
                     const std::vector<Talk>& talks, int64_t max_new_tokens) {
  constexpr size_t at_once = 16;
  const Tokenizer& tokenizer = encoder.texts().tokenizer();
  std::vector<GenerateRequest> requests;
  std::vector<TextFlow> answers;
  for (const Talk& talk : talks) {
    requests.push_back({.prompt = encoder.prompt(talk.prompt())});
    answers.emplace_back(encoder.end_texts());
  }
  generate(model, requests,
           {.max_new_tokens = max_new_tokens,
            .sampling = {.temperature = 0},
            .context = {.vocab_size = tokenizer.vocab_size(), .begin = encoder.texts().begin()},
            .stop_tokens = encoder.end_tokens()},
           at_once,
           {.token =
                [&](size_t i, const Generated& generated) {
                  answers[i].push(tokenizer.piece(generated.token));
                  return !answers[i].ended();
                },
            .done = [&](size_t i, bool) { answers[i].finish(); },
            .stop = [] { return stop_signal() != 0; }});
  if (stop_signal()) return false;
  Json list = Json::array();
  for (size_t i = 0; i < talks.size(); ++i)
    list.push_back({{"instruction", talks[i].instruction},
                    {"input", talks[i].input},
                    {"output", talks[i].answer()},
                    {"response", answers[i].text()}});
  write_file_atomically(path, json_text(list, 2) + "\n");
  return true;
}

}  // namespace hewn::cli
