#include "apps/judge/keys.h"

#include "apps/cli/make.h"

namespace hewn::cli::keys {

std::vector<Option> judge_options() {
  return {
      text("url", "URL", "", takes::judge,
           "chat endpoint to ask: Ollama's (http://localhost:11434) or one in OpenAI's form", "none"),
      text("model", "NAME", "", takes::judge, "the endpoint's model to ask", "required with --url"),
      choice("api", "ollama|openai", "", takes::judge, "form of the endpoint",
             "ollama for port 11434 and paths that end with /api or /api/chat, else openai"),
      text("run", "RUN", "", takes::judge,
           "judge by this run instead, without a network: the score is 100 times the geometric mean of the "
           "probabilities of a response's tokens",
           "none"),
      text("template", "TEXT",
           "Score the response to an instruction from 0 (useless) to 100 (as good as the reference answer). "
           "Reply with the number only.\\n\\nInstruction: {instruction}\\n{input}\\n\\nReference answer: "
           "{output}\\n\\nResponse: {response}",
           takes::judge,
           "how to ask, with {instruction}, {input}, {output} and {response}; with --run, what precedes a "
           "response ({instruction}, a line end, {input} and a line end, if not given)"),
      text("scores", "FILE", "scores.jsonl", takes::judge,
           "file to which the scores are added; rows whose scores it has are not judged again"),
      real("timeout", "120", 1e-3, 86400, takes::judge, "seconds to wait for an answer"),
      integer("retries", "4", 0, 1000, takes::judge,
              "further attempts when the endpoint fails, is busy or cannot be reached"),
      real("retry_wait", "1", 0, 3600, takes::judge,
           "seconds before the first retry; doubles with each, up to a minute"),
      text("api_key_env", "VARIABLE", "HEWN_API_KEY", takes::judge,
           "environment variable with the key that is sent to the endpoint, if it needs one"),
  };
}

}  // namespace hewn::cli::keys
