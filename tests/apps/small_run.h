#pragma once
// A run small enough to train in a test.

#include <filesystem>
#include <sstream>
#include <string>

#include "tests/apps/hewn.h"

namespace hewn::test {

inline constexpr const char* small_text =
    "the cat sat on the mat and the dog ran in the fog. a bird in a tree sang to a bee by the sea.\n";

/// `hewn train` on a text of its own in `dir`, with these keys added; the run is dir/run.
inline std::vector<std::string> small_train(const TempDir& dir, std::vector<std::string> more = {}) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += small_text;
  write_file(dir / "text.txt", text);
  std::vector<std::string> arguments = {"train",
                                        "--dataset=" + (dir / "text.txt").string(),
                                        "--out_dir=" + (dir / "run").string(),
                                        "--n_layer=1",
                                        "--n_head=2",
                                        "--n_embd=16",
                                        "--block_size=16",
                                        "--batch_size=4",
                                        "--max_iters=20",
                                        "--threads=1",
                                        "--eval_interval=10",
                                        "--eval_iters=2",
                                        "--log_interval=5"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// The same arguments going on with the run.
inline std::vector<std::string> small_resume(const TempDir& dir, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"train", "--init_from=resume", "--out_dir=" + (dir / "run").string(),
                                        "--threads=1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// A tokenizer.bin of llama2.c: the three special tokens, the bytes, and letters.
inline std::string llama2c_tokenizer() {
  std::string file;
  const auto add = [&](const auto& number) {
    file.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  add(uint32_t{7});
  const auto token = [&](const std::string& piece) {
    add(0.0f);
    add(static_cast<int32_t>(piece.size()));
    file += piece;
  };
  for (const char* piece : {"<unk>", "\n<s>\n", "\n</s>\n"}) token(piece);
  for (const char high : std::string("0123456789ABCDEF"))
    for (const char low : std::string("0123456789ABCDEF")) token(std::string("<0x") + high + low + ">");
  for (char letter = 'a'; letter <= 'z'; ++letter) token(std::string(1, letter));
  return file;
}

/// Makes of a run what an earlier version would have written: no checksum of its configuration, which
/// `change` may edit, no copy of it in checkpoints, and in each MANIFEST only the files of its directory.
template <class Change>
void make_old_run(const std::filesystem::path& run, Change change) {
  std::string config = read_file(run / "config.toml");
  config.erase(config.rfind("\n# checksum"));
  change(config);
  write_file(run / "config.toml", config);
  for (const auto& entry : std::filesystem::directory_iterator(run / "checkpoints")) {
    if (entry.is_symlink()) continue;
    std::filesystem::remove(entry.path() / "config.toml");
    std::istringstream lines(read_file(entry.path() / "MANIFEST"));
    std::string kept;
    for (std::string line; std::getline(lines, line);)
      if (!line.ends_with("  config.toml") && !line.ends_with("  MANIFEST") &&
          line.find("  RUN/") == line.npos)
        kept += line + "\n";
    write_file(entry.path() / "MANIFEST", kept);
  }
}

}  // namespace hewn::test
