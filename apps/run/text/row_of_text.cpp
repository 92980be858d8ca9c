#include "apps/run/text/row_of_text.h"

#include "core/error.h"

namespace hewn::cli {

void check_row_of_text(const Settings& settings, size_t tokens, const ModelConfig& model) {
  const auto most = static_cast<size_t>(model.block_size) + 1;
  require(tokens >= 2 && tokens <= most, settings.where("prompt"), ": the text has ", tokens,
          tokens == 1 ? " token" : " tokens", "; expected 2 to ", most, ", the model's context plus one");
}

}  // namespace hewn::cli
