#include "apps/run/evaluation.h"

#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "model/json.h"

namespace hewn::cli {

std::string evaluation_text(const Evaluation& e) {
  std::string out;
  const auto line = [&](const std::string& name, const std::string& value, const std::string& note) {
    out += name + std::string(16 - name.size(), ' ') + value + (note.empty() ? "" : "  " + note) + "\n";
  };
  line("loss", fixed(e.loss, 6), "nats per token");
  line("perplexity", fixed(e.perplexity(), 4), "");
  if (e.bits_per_byte) line("bits per byte", fixed(*e.bits_per_byte, 4), "");
  line("accuracy", fixed(100 * e.accuracy, 2) + "%", "of the tokens were the most likely prediction");
  line("tokens", long_count(e.tokens), "in " + long_count(e.windows) + " windows");
  if (e.floor)
    line("floor", fixed(*e.floor, 6),
         "exact -log P of this text; the loss is " + fixed(100 * (e.loss / *e.floor - 1), 2) + "% above");
  return out;
}

std::string evaluation_json(const Evaluation& e, const std::string& checkpoint) {
  nlohmann::ordered_json out{{"loss", e.loss}, {"perplexity", e.perplexity()}};
  if (e.bits_per_byte) out["bits_per_byte"] = *e.bits_per_byte;
  out["accuracy"] = e.accuracy;
  out["tokens"] = e.tokens;
  if (e.floor) out["floor"] = *e.floor;
  out["checkpoint"] = checkpoint;
  return json_text(out, 2) + "\n";
}

}  // namespace hewn::cli
