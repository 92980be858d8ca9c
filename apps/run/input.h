#pragma once
// Text and names from outside.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace hewn::cli {

/// All of standard input. Throws ErrorCode::input if it cannot be read or holds more than `max_bytes`.
std::string read_standard_input(size_t max_bytes);

/// The tokenizer a user means: a tokenizer.json, or a run, checkpoint or data directory that holds one.
/// Throws ErrorCode::input naming what was looked for.
std::unique_ptr<Tokenizer> open_tokenizer(const std::string& path);

/// Says on standard error which of these text files hold a table or JSON, and how to get at the texts in them.
/// What is no file is passed over.
void note_structured_files(const std::vector<std::string>& paths);

/// The run a path belongs to: itself, or the one a checkpoint lies in (RUN/checkpoints/step-001000).
std::string run_of(const std::string& run_or_checkpoint);

}  // namespace hewn::cli
