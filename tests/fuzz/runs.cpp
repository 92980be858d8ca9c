// What runs and data sets are made of.

#include <cstring>

#include "apps/cli/config_file.h"
#include "core/error.h"
#include "core/io/checksum.h"
#include "core/io/manifest.h"
#include "model/config_json.h"
#include "model/config.h"
#include "model/texts/texts.h"
#include "tests/fuzz/target.h"
#include "train/data/token_file.h"

namespace hewn::test {
namespace {

void read_tokens(std::string_view bytes) {
  const TokenFile file = open_token_file(memory_file(bytes));
  for (int64_t i = 0; i < file.tokens.size(); ++i)
    if (file.tokens[i] < 0 || file.tokens[i] >= file.info.vocab_size) std::abort();
}

const AddFuzzTarget tokens_target("token_file", read_tokens);

/// The same with checksums that are right, which chance would never find.
const AddFuzzTarget tokens_checked_target("token_file_checked", [](std::string_view bytes) {
  if (bytes.size() < 128) return read_tokens(bytes);
  std::string file(bytes);
  const std::string_view all = file;
  const auto put = [&](size_t at, uint64_t sum) { std::memcpy(file.data() + at, &sum, sizeof sum); };
  const size_t end = file.size() - 64;
  put(56, checksum(all.substr(0, 56)));
  put(end + 8, checksum(all.substr(64, end - 64)));
  put(end + 48, checksum(all.substr(end, 48)));
  read_tokens(file);
});

const AddFuzzTarget manifest_target("manifest", [](std::string_view bytes) {
  static const std::filesystem::path directory = [] {
    const std::filesystem::path path = fuzz_directory() / "checkpoint";
    std::filesystem::create_directory(path);
    put_file(path / "state.json", "{}");
    return path;
  }();
  put_file(directory / Manifest::file_name, bytes);
  Manifest::read(directory.string()).damage(directory.string());
});

const AddFuzzTarget texts_target("texts", [](std::string_view bytes) {
  const TextForm form = text_form_from_json(bytes, 3);
  if (text_form_from_json(to_json(form), 3) != form) std::abort();
});

const AddFuzzTarget model_config_target("model_config", [](std::string_view bytes) {
  model_config_from_json(std::string(bytes));
});

/// Tables and lists are a mistake in how the program is called, not a broken file.
const AddFuzzTarget toml_target("config_toml", [](std::string_view bytes) {
  try {
    cli::read_config(memory_file(bytes));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
  }
});

}  // namespace
}  // namespace hewn::test
