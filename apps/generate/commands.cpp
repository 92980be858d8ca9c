// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_sample(const Settings& settings);
int run_chat(const Settings& settings);

namespace {

constexpr auto computing_of_texts = "device cuda_graph matmul_precision dtype threads";

Sections sample_sections() {
  using namespace keys;
  return {reading(),
          described("sample",
                    {also("start", text("prompt", "TEXT|FILE:path|LINES:path|-")),
                     integer("num_samples", "1", 1, 1'000'000), integer("documents", "1", 1, 1'000'000)}),
          generating("batch_size beam length_penalty draft draft_tokens shots"),
          described("sample", {flag("show_probs"), flag("instruct"),
                               text("template", "TEXT", "Input: {input}\\nOutput: {output}\\n\\n"),
                               flag("compare"), flag("logprobs")}),
          computing(computing_of_texts).with({training_key("seed")})};
}

Sections chat_sections() {
  using namespace keys;
  return {reading(), generating("draft draft_tokens shots"),
          described("chat", {text("history", "FILE"), text("template", "TEXT", "{input}{output}\\n")}),
          computing(computing_of_texts).with({training_key("seed")})};
}

}  // namespace

Commands generate_commands() {
  return {
      {.name = "sample",
       .arguments = "[RUN]",
       .purpose = Purpose::write,
       .common =
           "prompt num_samples max_new_tokens temperature top_k top_p stop beam compare show_probs instruct "
           "shots seed device dtype",
       .sections = sample_sections,
       .run = run_sample},
      {.name = "chat",
       .arguments = "[RUN]",
       .purpose = Purpose::write,
       .common = "temperature top_k top_p max_new_tokens stop template shots draft seed device dtype",
       .sections = chat_sections,
       .run = run_chat,
       .json = false}};
}

}  // namespace hewn::cli
