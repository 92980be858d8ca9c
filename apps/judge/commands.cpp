// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_judge(const Settings& settings);

namespace {

Sections judge_sections() {
  using namespace keys;
  return {described(
              "judge",
              {text("url", "URL"), text("model", "NAME"), choice("api", "ollama|openai"), text("run", "RUN"),
               text("template", "TEXT",
                    "Score the response to an instruction from 0 (useless) to 100 (as good as the reference "
                    "answer). Reply with the number only.\\n\\nInstruction: "
                    "{instruction}\\n{input}\\n\\nReference "
                    "answer: {output}\\n\\nResponse: {response}"),
               text("scores", "FILE", "scores.jsonl"), real("timeout", "120", 1e-3, 86400),
               integer("retries", "4", 0, 1000), real("retry_wait", "1", 0, 3600),
               text("api_key_env", "VARIABLE", "HEWN_API_KEY")}),
          computing("device matmul_precision dtype threads")};
}

}  // namespace

Commands judge_commands() {
  return {{.name = "judge",
           .arguments = "RESPONSES.json",
           .purpose = Purpose::measure,
           .common = "url model api run scores timeout retries retry_wait api_key_env dtype device threads",
           .sections = judge_sections,
           .run = run_judge}};
}

}  // namespace hewn::cli
