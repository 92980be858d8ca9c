#pragma once
// The key `draft`: the source of proposed tokens, which the model then checks.

#include <optional>

#include "apps/run/open_run.h"
#include "model/generation/draft.h"

namespace hewn::cli {

/// An open draft.
struct OpenDraft {
  std::optional<OpenRun> run;  ///< of a model
  DraftOptions options;
};

/// The draft for texts of `run`; off without the key. Throws usage if the draft model's tokens differ.
OpenDraft open_draft(const Settings& settings, const OpenRun& run);

/// Counts accepted proposals for a summary line.
class DraftCount {
 public:
  void add(int64_t proposed, int64_t accepted) { proposed_ += proposed, accepted_ += accepted; }
  /// "accepted 120 of 150 proposed tokens"; "" if none was proposed.
  std::string text() const;

 private:
  int64_t proposed_ = 0, accepted_ = 0;
};

}  // namespace hewn::cli
