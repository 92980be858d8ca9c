// What a judge is given and replies.

#include <cstdlib>

#include "tests/fuzz/target.h"
#include "train/judge/chat_api.h"
#include "train/judge/reply.h"

namespace hewn::test {
namespace {

const AddFuzzTarget responses_target("judge_responses", [](std::string_view bytes) {
  responses_in(Table("responses", std::string(bytes)));
});

/// A score is never anything but a number from 0 to 100.
void check_score(std::string_view reply) {
  const JudgedScore found = score_in(reply);
  if (found.score && !(*found.score >= 0 && *found.score <= 100)) std::abort();
  if (found.score.has_value() != found.why_not.empty()) std::abort();
}

const AddFuzzTarget reply_target("judge_reply", check_score);

const AddFuzzTarget answer_target("judge_answer", [](std::string_view bytes) {
  check_score(chat_reply(bytes.size() % 2 ? ChatApi::ollama : ChatApi::openai, std::string(bytes)));
});

}  // namespace
}  // namespace hewn::test
