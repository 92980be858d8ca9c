#include "apps/run/text/draft.h"

#include "apps/cli/format.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

/// Whether both have the same tokens under the same ids.
bool agree(const Tokenizer& one, const Tokenizer& other) {
  if (one.vocab_size() != other.vocab_size()) return false;
  if (one.hash() == other.hash()) return true;
  for (int32_t id = 0; id < one.vocab_size(); ++id)
    if (one.piece(id) != other.piece(id)) return false;
  return true;
}

}  // namespace

OpenDraft open_draft(const Settings& settings, const OpenRun& run) {
  OpenDraft draft;
  if (!settings.given("draft")) return draft;
  draft.options.most = settings.integer("draft_tokens");
  const std::string name = settings.text("draft");
  if (name == "prompt") {
    draft.options.from_text = true;
    return draft;
  }
  draft.run = open_run(without_adapters(settings), name);
  require_language_model(draft.run->model->config(), name);
  require(draft.run->tokenizer && run.tokenizer && agree(*draft.run->tokenizer, *run.tokenizer),
          settings.where("draft"), ": ", name, " does not have the tokens of ", run.run,
          "; a draft needs a model with the same tokenizer, or --draft=prompt");
  draft.options.model = draft.run->model.get();
  return draft;
}

std::string DraftCount::text() const {
  if (proposed_ == 0) return "";
  return join("accepted ", long_count(accepted_), " of ", long_count(proposed_), " proposed tokens");
}

}  // namespace hewn::cli
