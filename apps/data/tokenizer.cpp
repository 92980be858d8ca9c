// hewn tokenizer train, encode, decode.

#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "core/io/file_kind.h"
#include "core/io/path.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

constexpr size_t most_input = size_t{1} << 30;

std::unique_ptr<Tokenizer> tokenizer_of(const Settings& settings) {
  require(settings.has("tokenizer"),
          "no tokenizer was given; add --tokenizer=RUN or --tokenizer=FILE, a tokenizer.json");
  return open_tokenizer(settings.text("tokenizer"));
}

// The arguments joined by spaces, or standard input if there are none.
std::string arguments_or_input(const Settings& settings) {
  if (settings.arguments.empty()) return read_standard_input(most_input);
  std::string text;
  for (const std::string& argument : settings.arguments) text += (text.empty() ? "" : " ") + argument;
  return text;
}

std::vector<int32_t> ids_in(const std::string& text) {
  std::vector<int32_t> ids;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    int64_t id = 0;
    if (!parse_integer(word, id) || id < 0 || id > INT32_MAX)
      fail(ErrorCode::input, "'", word,
           "' is not a token id; expected whole numbers of 0 or more, separated by spaces");
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

}  // namespace

int run_tokenizer_train(const Settings& settings) {
  require(!settings.arguments.empty(), "no text was given; use `hewn tokenizer train FILE...`");
  std::vector<MappedFile> files;
  std::vector<std::string_view> texts;
  for (const std::string& path : settings.arguments) files.emplace_back(path);
  for (const MappedFile& file : files) {
    refuse_foreign_kind(file.path(), file.text());
    texts.push_back(file.text());
  }
  const std::string out = settings.text("out");
  require(settings.flag("force") || !path_exists(out, ErrorCode::failed), out,
          " already exists; replace it with --force, or choose another with --out=FILE");
  const std::string kind = settings.text(settings.given("type") ? "type" : "tokenizer");
  const auto tokenizer = train_tokenizer(
      kind, texts, {.vocab_size = settings.integer("vocab_size"), .specials = specials_of(settings)});
  say_notes({find_specials(*tokenizer, texts, specials_of(settings)).note});
  tokenizer->save(out);
  if (settings.flag("json"))
    print(json_text(Json{{"kind", tokenizer->kind()},
                         {"vocab_size", tokenizer->vocab_size()},
                         {"hash", tokenizer->hash()},
                         {"file", out}},
                    2),
          "\n");
  else
    say("wrote ", out, ": ", tokenizer->kind(), ", ", long_count(tokenizer->vocab_size()), " tokens");
  return 0;
}

int run_tokenizer_encode(const Settings& settings) {
  const auto tokenizer = tokenizer_of(settings);
  const std::vector<int32_t> ids = tokenizer->encode(arguments_or_input(settings), specials_of(settings));
  if (settings.flag("json")) {
    print(json_text(Json(ids)), "\n");
    return 0;
  }
  for (size_t i = 0; i < ids.size(); ++i) print(i ? " " : "", ids[i]);
  print("\n");
  return 0;
}

int run_tokenizer_decode(const Settings& settings) {
  const auto tokenizer = tokenizer_of(settings);
  const std::string text = tokenizer->decode(ids_in(arguments_or_input(settings)));
  if (settings.flag("json"))
    print(json_text(Json(text)), "\n");
  else
    write_result(text);
  return 0;
}

}  // namespace hewn::cli
