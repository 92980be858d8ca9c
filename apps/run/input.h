#pragma once
// Reads text from files and standard input, and opens objects named by the user.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace hewn::cli {

/// All of standard input. Throws ErrorCode::input if it cannot be read or holds more than `max_bytes`.
std::string read_standard_input(size_t max_bytes);

/// The tokenizer named by a path: a tokenizer.json, or a run, checkpoint or data directory that contains one.
/// Throws ErrorCode::input naming the files tried.
std::unique_ptr<Tokenizer> open_tokenizer(const std::string& path);

/// Reports on standard error which of these text files hold a table or JSON, and how to extract their texts.
/// Skips paths that are not files.
void note_structured_files(const std::vector<std::string>& paths);

/// The run of a path: the path itself, or the run that contains the checkpoint (RUN/checkpoints/step-001000).
std::string run_of(const std::string& run_or_checkpoint);

}  // namespace hewn::cli
