#include "apps/run/input.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/descriptor.h"
#include "core/io/path.h"
#include "train/data/text_source.h"

namespace hewn::cli {

std::string read_standard_input(size_t max_bytes) {
  std::string text;
  char buffer[1 << 14];
  while (true) {
    const ssize_t n = retried(::read, STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0) fail(ErrorCode::input, "cannot read standard input: ", std::strerror(errno));
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > max_bytes)
      fail(ErrorCode::input, "standard input has more than ", max_bytes, " bytes; give a file instead");
  }
}

void note_structured_files(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (!path_is_file(path)) continue;
    const std::string note = structure_note(path, MappedFile(path).text());
    if (!note.empty()) say("note    ", note);
  }
}

std::string run_of(const std::string& run_or_checkpoint) {
  const fs::path path = resolved_path(run_or_checkpoint);
  const fs::path parent = path.parent_path();
  return parent.filename() == "checkpoints" ? parent.parent_path().string() : run_or_checkpoint;
}

std::unique_ptr<Tokenizer> open_tokenizer(const std::string& path) {
  if (!path_is_directory(path)) return load_tokenizer(path);
  const fs::path inside = fs::path(run_of(path)) / "tokenizer.json";
  if (!path_exists(inside))
    fail(ErrorCode::input, path,
         ": the directory has no tokenizer.json; expected a run, a data directory or a tokenizer file");
  return load_tokenizer(inside.string());
}

}  // namespace hewn::cli
